#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns the promise that a bad configuration is refused and changes nothing; never tests what a good one does.

bats_require_minimum_version 1.5.0
load faults

# One cgroup for all of them: it is never to change.
TEST_CGROUP=$CGROUP_ROOT/t-config
WEB=$TEST_CGROUP/web
BAD=$LIVE_DIR/bad.yaml

setup_file() {
	make_cgroup web 64M
}

teardown() {
	assert_limit "$WEB" 64M
	assert_nothing_pinned
}

teardown_file() {
	remove_cgroup "$TEST_CGROUP"
}

# refuse_config PLACE WORDS: the config on standard input; PLACE is :LINE:COLUMN or empty.
refuse_config() {
	cat >"$BAD"
	refused 2 "^cgbpf: .*/bad\.yaml$1: .*$2" "$CGBPF" run -c "$BAD"
}

@test "an unknown key is refused at its line and column" {
	refuse_config :3:5 "unknown key 'memry'" <<-END
		targets:
		  - cgroup: "/t-config/web"
		    memry: {}
	END
}

@test "a value of the wrong type is refused at its line and column" {
	refuse_config :3:13 'memory wants a mapping' <<-END
		targets:
		  - cgroup: "/t-config/web"
		    memory: [64M]
	END
}

@test "a bad unit is refused at its line and column" {
	refuse_config :3:21 "'64Q' is not a size" <<-END
		targets:
		  - cgroup: "/t-config/web"
		    memory: { soft: 64Q }
	END
}

@test "a soft above its hard is refused at its line and column" {
	refuse_config :3:21 'soft is above hard' <<-END
		targets:
		  - cgroup: "/t-config/web"
		    memory: { soft: 64M, hard: 32M }
	END
}

@test "a negative size is refused at its line and column" {
	refuse_config :3:21 "'-64M' is not a size" <<-END
		targets:
		  - cgroup: "/t-config/web"
		    memory: { soft: -64M }
	END
}

@test "a size beyond 64 bits is refused at its line and column" {
	refuse_config :3:21 'soft' <<-END
		targets:
		  - cgroup: "/t-config/web"
		    memory: { soft: 99999999999999999999999 }
	END
}

@test "an empty file is refused" {
	refuse_config :1:1 'empty' </dev/null
}

@test "a binary file is refused where it stops being text" {
	refuse_config ':[0-9]+:[0-9]+' 'UTF-8|control' < <(head -c 4096 "$CGBPF")
}

@test "a file of 10 MB is refused before it is read as YAML" {
	refuse_config :1:1 'larger than 1 MiB' < <(
		echo "targets:"
		yes "  - { cgroup: \"/t-config/web\", memory: { soft: 32M } }" | head -c 10M
	)
}

@test "a target outside the root by .. is refused at its line and column" {
	refuse_config :2:13 "'\.\.'" <<-END
		targets:
		  - cgroup: "/t-config/web/../../../etc"
		    memory: { soft: 32M }
	END
}

@test "a target outside the root by a symbolic link is refused at its line and column" {
	local outside
	outside=$(make_cgroup outside)
	cat >"$BAD" <<-END
		targets:
		  - cgroup: "/t-config/outside/link"
		    memory: { soft: 32M }
	END
	refused 2 '/bad\.yaml:2:[0-9]+: .*outside the cgroup root' \
		"${IN_MOUNTS[@]}" "mount -t tmpfs tmpfs '$outside'; ln -s '$WEB' '$outside/link'" "$CGBPF" run -c "$BAD"
}

@test "a glob does not follow a mount out of the cgroup file system" {
	local outside
	outside=$(make_cgroup outside)
	cat >"$BAD" <<-END
		targets:
		  - cgroup: "/t-config/*/fake"
		    memory: { soft: 32M }
	END
	# shellcheck disable=SC2016 # another shell's
	"${IN_MOUNTS[@]}" "mount -t tmpfs tmpfs '$outside'; mkdir '$outside/fake'
		echo 67108864 | tee '$outside/fake/memory.max' >'$LIVE_DIR/before'
		echo 0 >'$outside/fake/memory.current'; echo 'inactive_file 0' >'$outside/fake/memory.stat'" \
		bash -c '"$1" run -c "$2" --duration 1 --keep 2>"$3"; cp "$4/fake/memory.max" "$5"' bash \
		"$CGBPF" "$BAD" "$CGBPF_STDERR" "$outside" "$LIVE_DIR/after"
	assert_said 'ready: governing 0 '
	cmp "$LIVE_DIR/before" "$LIVE_DIR/after"
}

@test "two targets that claim one cgroup are refused, both named by line" {
	refuse_config :3:5 'two targets claim .*web.*line 2' <<-END
		targets:
		  - { name: one, cgroup: "/t-config/web", memory: { soft: 32M } }
		  - { name: two, cgroup: "/t-config/w*", memory: { soft: 48M } }
	END
}

@test "a target that is cgbpf's own cgroup is refused" {
	cat >"$BAD" <<-END
		targets:
		  - cgroup: "/t-config/web"
		    memory: { soft: 32M }
	END
	refused 2 "/bad\.yaml:2:[0-9]+: .*own cgroup" "${IN_CGROUP[@]}" "$WEB" "$CGBPF" run -c "$BAD"
}

@test "a glob leaves cgbpf's own cgroup alone" {
	local own other
	own=$(make_cgroup glob/own 64M)
	other=$(make_cgroup glob/other 64M)
	write_config /t-config/glob/\* 32M 64M
	"${IN_CGROUP[@]}" "$own" "$CGBPF" run -c "$CONFIG" --duration 1 --keep 2>"$CGBPF_STDERR"
	assert_said 'ready: governing 1 '
	assert_limit "$own" 64M
	assert_limit "$other" 32M
	restore
	assert_limit "$other" 64M
}

@test "a config that is a symbolic link is refused" {
	write_config "/t-config/web" 32M 64M
	ln -s "$CONFIG" "$BAD"
	refused 2 '/bad\.yaml: .*symbolic link' "$CGBPF" run -c "$BAD"
}

@test "a config that is a named pipe is refused and not waited for" {
	mkfifo "$BAD"
	refused 2 '/bad\.yaml: .*not a regular file' "$CGBPF" run -c "$BAD"
}

@test "a config that anybody may write is refused" {
	write_config "/t-config/web" 32M 64M
	mv "$CONFIG" "$BAD"
	chmod 666 "$BAD"
	refused 2 '/bad\.yaml: .*written by anybody' "$CGBPF" run -c "$BAD"
	chmod 664 "$BAD"
	refused 2 '/bad\.yaml: .*written by its group' "$CGBPF" run -c "$BAD"
}

@test "a config of somebody else is refused, but not of who called sudo" {
	write_config "/t-config/web" 32M 64M
	mv "$CONFIG" "$BAD"
	chown nobody "$BAD"
	refused 2 '/bad\.yaml: belongs to user 65534' "$CGBPF" run -c "$BAD"
	SUDO_UID=65534 "$CGBPF" config --check "$BAD"
}

@test "a config that is not there is refused by its name" {
	refused 2 '/bad\.yaml: No such file' "$CGBPF" run -c "$BAD"
}

@test "names in a refusal reach the terminal without control characters" {
	printf 'targets:\n  - cgroup: "/\\e[31mred"\n    memry: {}\n' >"$BAD"
	refused 2 '/bad\.yaml:3:5' "$CGBPF" run -c "$BAD"
	run ! grep -qa $'\e' "$LIVE_DIR/said"
}
