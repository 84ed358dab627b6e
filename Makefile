# SPDX-License-Identifier: BSD-2-Clause
# Builds cgbpf and calls what tests, measures and shows it. It never installs anything by itself but through scripts/setup.

VERSION := 0.1
ARCH := $(shell uname -m)
BPF_ARCH := $(subst x86_64,x86,$(subst aarch64,arm64,$(ARCH)))
BUILD ?= build
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
KERNELS := 6.12 6.1 7

CC ?= gcc
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wformat=2 -Wno-format-nonliteral -Werror
CFLAGS ?= -O2 -g
override CFLAGS += -std=gnu17 -D_GNU_SOURCE -DCGBPF_VERSION='"$(VERSION)"' -I. -I$(BUILD) $(WARN) -MMD -MP
LDLIBS := -lbpf -lelf -lz -lyaml -ljansson -lpthread -ldl -lm
BPF_CFLAGS := -g -O2 -target bpf -mcpu=v3 -D__bpf__ -D__TARGET_ARCH_$(BPF_ARCH) \
	-I. -Ivmlinux/$(ARCH) -Wall -Wextra -Wno-unused-parameter -Werror -MMD -MP

# bench-latency's programs are an object of their own: run never loads them.
BPF_SRC := $(filter-out bpf/latency.bpf.c,$(wildcard bpf/*.bpf.c))
BPF_OBJ := $(BPF_SRC:bpf/%.c=$(BUILD)/bpf/%.o)
# Objects of their own: not linked into the controller's.
BPF_APART := $(BUILD)/bpf/sample.bpf.o
SKEL := $(BUILD)/cgbpf.skel.h
LATENCY_SKEL := $(BUILD)/latency.skel.h
USER_SRC := $(wildcard user/*.c)
USER_OBJ := $(USER_SRC:%.c=$(BUILD)/%.o)
LIB_OBJ := $(filter-out $(BUILD)/user/main.o,$(USER_OBJ))
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))
LAB := $(patsubst bench/workloads/%.c,$(BUILD)/lab/%,$(wildcard bench/workloads/*.c))
TOOLS := $(patsubst tests/fixtures/%.c,$(BUILD)/%,$(filter-out %.bpf.c,$(wildcard tests/fixtures/*.c))) \
	$(BUILD)/small_ledger.bpf.o $(LAB) \
	$(patsubst bench/%.c,$(BUILD)/bench/%,$(filter-out %.bpf.c,$(wildcard bench/*.c)))

say = @printf '  %-2s %s\n' $(1) $(2)
Q := @

.PHONY: all tools lab unit unit-asan test test-matrix soak demo experiment bench lint format install uninstall clean help vmlinux fuzz
.DELETE_ON_ERROR:
.SECONDARY:

all: cgbpf ## build ./cgbpf

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24

# Anew, not over one that runs, or that root made.
cgbpf: $(BUILD)/cgbpf
	$(call say,CP,$@)
	$(Q)cp --remove-destination $< $@

$(BUILD)/cgbpf: $(USER_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/bpf/%.o: bpf/%.c
	$(call say,BC,$<)
	@command -v $(CLANG) >/dev/null || { echo "no $(CLANG): 'sudo scripts/setup --build-only' installs what building needs" >&2; exit 1; }
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(BUILD)/cgbpf.bpf.o: $(filter-out $(BPF_APART),$(BPF_OBJ))
	$(call say,BL,$@)
	$(Q)$(BPFTOOL) gen object $@ $^

$(SKEL): $(BUILD)/cgbpf.bpf.o
	$(call say,SK,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name cgbpf > $@

$(LATENCY_SKEL): $(BUILD)/bpf/latency.bpf.o
	$(call say,SK,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name latency > $@

$(BUILD)/user/loader.o: $(SKEL)
$(BUILD)/user/latency_probe.o: $(LATENCY_SKEL)
$(BUILD)/user/sampler.o: $(BUILD)/sample.skel.h

# The linker leaves out what only a debugger reads.
$(BUILD)/%.skel.h: $(BUILD)/bpf/%.bpf.o
	$(call say,SK,$@)
	$(Q)$(BPFTOOL) gen object $(@:.skel.h=.bpf.o) $<
	$(Q)$(BPFTOOL) gen skeleton $(@:.skel.h=.bpf.o) name $* > $@

$(BUILD)/user/%.o: user/%.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -c $< -o $@

$(BUILD)/unit/%: tests/unit/%.c $(LIB_OBJ)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(LIB_OBJ) -lcmocka $(LDLIBS)

$(BUILD)/%: tests/fixtures/%.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -o $@ $< -lpthread

# Preloaded, and so a library.
$(BUILD)/heap_watch: CFLAGS += -shared -fPIC

$(BUILD)/small_ledger.bpf.o: tests/fixtures/small_ledger.bpf.c
	$(call say,BC,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(BUILD)/bench/%.bpf.o: bench/%.bpf.c
	$(call say,BC,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(BUILD)/bench/%.skel.h: $(BUILD)/bench/%.bpf.o
	$(call say,SK,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $* > $@

$(BUILD)/bench/wakeup: $(BUILD)/bench/wakeup.skel.h
$(BUILD)/bench/witness: $(BUILD)/bench/witness.skel.h bench/witness.h
$(BUILD)/bench/probe_cost: | $(BUILD)/bpf/latency.bpf.o

$(BUILD)/bench/loads: bench/loads.c $(LIB_OBJ)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -o $@ $< $(LIB_OBJ) $(LDLIBS)

# It measures the sampler itself.
$(BUILD)/bench/sampling: bench/sampling.c $(LIB_OBJ)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -o $@ $< $(LIB_OBJ) $(LDLIBS)

$(BUILD)/bench/%: bench/%.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -o $@ $< -lbpf -lelf -lz -ljansson -lpthread

# Static, so that a container needs nothing else.
$(BUILD)/lab/%: bench/workloads/%.c bench/workloads/twin.h
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -static -o $@ $< -lpthread

$(BUILD)/lab/Dockerfile: bench/workloads/Dockerfile
	@mkdir -p $(@D)
	$(Q)cp $< $@

tools: $(TOOLS) ## the workloads of tests and bench

lab: $(LAB) $(BUILD)/lab/Dockerfile ## the three workloads as static programs, and what their image is made of

unit: $(UNIT) ## unit tests, on this machine
	$(Q)scripts/unit $(BUILD)/unit

unit-asan: ## unit tests, and a ./build/asan/cgbpf, under AddressSanitizer and UBSan
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/asan $(BUILD)/asan/cgbpf unit \
		CFLAGS="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"

# What reading a configuration takes, built by clang with its fuzzer: nothing else has to be.
FUZZ_SECONDS ?= 30
FUZZ_SRC := tests/fuzz/fuzz_config.c $(wildcard user/config*.c) \
	$(patsubst %,user/%.c,units text words calibration knob tree_config cpuset)
FUZZ_FLAGS := -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined

$(BUILD)/fuzz/fuzz_config: $(FUZZ_SRC) $(wildcard user/*.h)
	$(call say,FZ,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -std=gnu17 -D_GNU_SOURCE -I. $(WARN) $(FUZZ_FLAGS) -o $@ $(FUZZ_SRC) -lyaml -ljansson -lm

fuzz: ## feed the reader of configurations whatever comes: FUZZ_SECONDS=30
	$(Q)scripts/setup --fuzz
	$(Q)$(MAKE) --no-print-directory $(BUILD)/fuzz/fuzz_config
	@mkdir -p $(BUILD)/fuzz/corpus
	$(Q)$(BUILD)/fuzz/fuzz_config -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -len_control=0 -timeout=10 \
		-dict=tests/fuzz/config.dict -artifact_prefix=$(BUILD)/fuzz/ -close_fd_mask=1 \
		$(BUILD)/fuzz/corpus tests/fixtures/config tests/fuzz

test: ## install what is missing, build, run every test (6.12)
	$(Q)scripts/setup
	$(Q)scripts/suite --guests 2 systemd 6.12

test-matrix: ## every test on every kernel
	$(Q)scripts/setup
	$(Q)scripts/suite --guests 2 systemd $(KERNELS)

soak: ## scripts/vm and scripts/setup themselves, and the tests of faults with many more rounds: an hour
	$(Q)scripts/setup
	$(Q)$(MAKE) --no-print-directory all tools
	$(Q)bats tests/host
	$(Q)scripts/suite --soak --guests 2 6.12

demo: ## install what is missing, build, show the main job
	$(Q)scripts/setup
	$(Q)$(MAKE) --no-print-directory all tools
	$(Q)scripts/demo

experiment: ## install what is missing, build, run one curated experiment: NAME=soft-memory, …, all
	$(Q)scripts/setup
	$(if $(filter all oom-%,$(NAME)),$(Q)scripts/setup --docker)
	$(Q)$(MAKE) --no-print-directory all lab tools
	$(Q)bench/experiments/run $(NAME)

bench: ## measure, on every kernel: instructions with 1 CPU, times with 2
	$(Q)scripts/setup
	$(Q)scripts/setup --docker
	$(Q)scripts/setup --systemd
	$(Q)$(MAKE) --no-print-directory all tools
	$(Q)for kernel in $(KERNELS); do for machine in --icount "--cpus 2"; do \
		scripts/vm --kernel $$kernel $$machine --timeout 7200 -- bench/run || exit 1; done; done
	$(Q)for kernel in $(KERNELS); do for machine in --icount "--cpus 2"; do \
		scripts/vm --kernel $$kernel $$machine --timeout 7200 -- bench/calibrate || exit 1; done; done
	$(Q)for kernel in $(KERNELS); do scripts/vm --kernel $$kernel --docker --timeout 7200 -- bench/latency || exit 1; done
	$(Q)scripts/vm --systemd --docker --icount --timeout 7200 -- bench/latency
	$(Q)scripts/vm --icount --timeout 7200 -- bench/tree >$(BUILD)/bench/tree-icount.json
	$(Q)scripts/vm --docker --timeout 7200 -- bench/tree >$(BUILD)/bench/tree.json

lint: cgbpf ## format, analysers, shell, opening sentences, walls, reference
	$(Q)scripts/reference --check
	$(Q)scripts/lint

format: ## put the tree into its one form
	$(Q)clang-format -i $(shell git ls-files '*.c' '*.h' | grep -v ^vmlinux/)

vmlinux: ## make vmlinux/$(ARCH)/vmlinux.h anew from the 6.12 kernel
	$(Q)scripts/vmlinux > vmlinux/$(ARCH)/vmlinux.h.new && mv vmlinux/$(ARCH)/vmlinux.h.new vmlinux/$(ARCH)/vmlinux.h

$(BUILD)/cgbpf.8: cgbpf scripts/manual
	$(call say,MN,$@)
	$(Q)scripts/manual ./cgbpf > $@

$(BUILD)/cgbpf.bash: cgbpf scripts/completion
	$(call say,BS,$@)
	$(Q)scripts/completion ./cgbpf > $@

UNIT_DIR := $(PREFIX)/lib/systemd/system
DOC_DIR := $(PREFIX)/share/doc/cgbpf

# All that install puts there, and all that uninstall takes away.
INSTALLED = $(PREFIX)/sbin/cgbpf $(PREFIX)/share/man/man8/cgbpf.8 $(PREFIX)/share/bash-completion/completions/cgbpf \
	$(UNIT_DIR)/cgbpf.service $(UNIT_DIR)/cgbpf-retrain.service $(UNIT_DIR)/cgbpf-retrain.timer $(DOC_DIR)/cgbpf-samples.conf \
	$(SYSCONFDIR)/logrotate.d/cgbpf

install: cgbpf $(BUILD)/cgbpf.8 $(BUILD)/cgbpf.bash ## to $(DESTDIR)$(PREFIX), with manual page, completion, systemd units and logrotate file
	install -D -m 755 cgbpf $(DESTDIR)$(PREFIX)/sbin/cgbpf
	install -D -m 644 $(BUILD)/cgbpf.8 $(DESTDIR)$(PREFIX)/share/man/man8/cgbpf.8
	install -D -m 644 $(BUILD)/cgbpf.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/cgbpf
	for unit in cgbpf.service cgbpf-retrain.service cgbpf-retrain.timer; do \
		sed 's|/usr/local|$(PREFIX)|' scripts/dist/$$unit | install -D -m 644 /dev/stdin $(DESTDIR)$(UNIT_DIR)/$$unit || exit 1; done
	install -D -m 644 scripts/dist/cgbpf-samples.conf $(DESTDIR)$(DOC_DIR)/cgbpf-samples.conf
	install -D -m 644 scripts/dist/cgbpf.logrotate $(DESTDIR)$(SYSCONFDIR)/logrotate.d/cgbpf

uninstall: ## what install put there, with the same DESTDIR and PREFIX; configuration, journal and models stay
	rm -f $(INSTALLED:%=$(DESTDIR)%)
	[ ! -d $(DESTDIR)$(DOC_DIR) ] || rmdir --ignore-fail-on-non-empty $(DESTDIR)$(DOC_DIR)

clean: ## all that was built; kernels, packages and results of benches stay
	rm -rf cgbpf $(BUILD)/cgbpf* $(BUILD)/*.skel.h $(BUILD)/*.bpf.o $(BUILD)/bpf $(BUILD)/user $(BUILD)/unit $(BUILD)/bench/*.bpf.[do] $(BUILD)/bench/*.skel.h $(BUILD)/asan $(BUILD)/fuzz $(BUILD)/lab $(TOOLS) $(TOOLS:=.d)

-include $(BPF_OBJ:.o=.d) $(BUILD)/bpf/latency.bpf.d $(USER_OBJ:.o=.d) $(UNIT:=.d)
