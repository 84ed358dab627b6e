#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns the promise that a host that cannot do it gets a sentence and status 3; never lets cgbpf run to its end.

bats_require_minimum_version 1.5.0
load faults

setup() {
	WEB=$(make_cgroup web 64M)
	write_config "$(path_of "$WEB")" 32M 64M
	RUN=("$CGBPF" run -c "$CONFIG")
	# Whoever is not root may read it too.
	chmod 755 "$LIVE_DIR"
	chmod 644 "$CONFIG"
}

AS_NOBODY=(setpriv --reuid=65534 --regid=65534 --clear-groups)

@test "without root, run ends with 3 and says sudo" {
	refused 3 'root .*is missing.*sudo' "${AS_NOBODY[@]}" "$CGBPF" run
}

@test "without root, restore ends with 3 and says sudo" {
	refused 3 'root.*sudo' "${AS_NOBODY[@]}" "$CGBPF" restore
}

@test "root without a capability ends with 3 and names it" {
	refused 3 'CAP_BPF .*is missing' setpriv --bounding-set=-sys_admin,-bpf "${RUN[@]}"
	refused 3 'CAP_PERFMON .*is missing' setpriv --bounding-set=-sys_admin,-perfmon "${RUN[@]}"
	refused 3 'CAP_DAC_READ_SEARCH .*is missing' setpriv --bounding-set=-dac_read_search "${RUN[@]}"
}

@test "root of a user namespace ends with 3" {
	refused 3 'cgbpf: run: .*(not permitted|is missing|denied)' \
		unshare --user --map-root-user "${RUN[@]}"
}

@test "without cgroup v2, run, calibrate and restore end with 3 and say what to boot with" {
	refused 3 'cgroup v2 .*is missing.*unified_cgroup_hierarchy' \
		"${IN_MOUNTS[@]}" 'mount -t tmpfs tmpfs /sys/fs/cgroup' "${RUN[@]}"
	refused 3 'calibrate: cgroup v2 .*is missing.*unified_cgroup_hierarchy' \
		"${IN_MOUNTS[@]}" 'mount -t tmpfs tmpfs /sys/fs/cgroup' "$CGBPF" calibrate --duration 600
	refused 3 'restore: cgroup v2 .*is missing.*unified_cgroup_hierarchy' \
		"${IN_MOUNTS[@]}" 'mount -t tmpfs tmpfs /sys/fs/cgroup' "$CGBPF" restore
}

@test "without the memory controller, run ends with 3 and says what to boot with" {
	sed 's/memory//' "$CGROUP_ROOT/cgroup.controllers" >"$LIVE_DIR/controllers"
	refused 3 'memory controller .*is missing.*cgroup_disable' \
		"${IN_MOUNTS[@]}" "mount --bind '$LIVE_DIR/controllers' '$CGROUP_ROOT/cgroup.controllers'" "${RUN[@]}"
}

@test "without BTF, run ends with 3 and names the kernel option" {
	refused 3 'types .*is missing.*CONFIG_DEBUG_INFO_BTF' \
		"${IN_MOUNTS[@]}" 'mount --bind /dev/null /sys/kernel/btf/vmlinux' "${RUN[@]}"
}

# without_function NAME: a script for IN_MOUNTS after which the kernel's types name it otherwise.
without_function() {
	sed "s/\\x00$1\\x00/\\x00${1%?}X\\x00/" /sys/kernel/btf/vmlinux >"$LIVE_DIR/btf"
	! cmp -s "$LIVE_DIR/btf" /sys/kernel/btf/vmlinux || fail "no function $1 in this kernel"
	echo "mount --bind '$LIVE_DIR/btf' /sys/kernel/btf/vmlinux"
}

@test "without a function that all depends on, run ends with 3 and names it" {
	refused 3 'function mem_cgroup_out_of_memory is missing' \
		"${IN_MOUNTS[@]}" "$(without_function mem_cgroup_out_of_memory)" "${RUN[@]}"
}

@test "without a function that only CPU quotas need, the loss is told and the rest is served" {
	printf '    cpu: { soft: 0.5, hard: 1 }\n' >>"$CONFIG"
	printf '#!/bin/bash\nexec unshare --mount --propagation private bash -ec %q "$@"\n' \
		"$(without_function throttle_cfs_rq); exec $CGBPF \"\$0\" \"\$@\"" >"$LIVE_DIR/lacking"
	chmod +x "$LIVE_DIR/lacking"
	CGBPF=$LIVE_DIR/lacking start_cgbpf -c "$CONFIG"
	assert_said 'CPU quotas are not raised: function throttle_cfs_rq is missing'
	! bpftool -j prog show | jq -e 'any(.[]; .name == "on_throttle")' >/dev/null || fail "it is loaded"
	lives "$WEB" touch --bytes 40M
	stop_cgbpf TERM
	assert_limit "$WEB" 64M
}

@test "without bpffs, run ends with 3 and says how to mount it" {
	refused 3 'bpffs .*is missing.*mount -t bpf' \
		"${IN_MOUNTS[@]}" 'mount -t tmpfs tmpfs /sys/fs/bpf' "${RUN[@]}"
}

@test "with a read-only bpffs, run ends with 3" {
	refused 3 'Read-only|read-only' \
		"${IN_MOUNTS[@]}" 'mount -o remount,bind,ro /sys/fs/bpf' "${RUN[@]}"
}

# bats test_tags=core
@test "with a read-only cgroup file system, run ends with 3 and says so" {
	refused 3 'cgroup v2 .*writ.*is missing.*remount' \
		"${IN_MOUNTS[@]}" 'mount -o remount,bind,ro /sys/fs/cgroup' "${RUN[@]}"
}

@test "with kernel.ftrace_enabled=0, run ends with 3 and says the sysctl" {
	local status=0
	switch_tracing_off
	refused 3 'ftrace_enabled=1.* is missing.*sysctl' "${RUN[@]}" || status=$?
	echo 1 >/proc/sys/kernel/ftrace_enabled
	return "$status"
}

@test "doctor tells each of these and changes nothing" {
	local script words
	while read -r words script; do
		"${IN_MOUNTS[@]}" "$script" "$CGBPF" doctor >"$LIVE_DIR/said" 2>&1 || true
		grep -qiE "$words" "$LIVE_DIR/said" || fail "doctor without $words: $(cat "$LIVE_DIR/said")"
	done <<-END
		unified_cgroup_hierarchy mount -t tmpfs tmpfs /sys/fs/cgroup
		CONFIG_DEBUG_INFO_BTF mount --bind /dev/null /sys/kernel/btf/vmlinux
		mount.-t.bpf mount -t tmpfs tmpfs /sys/fs/bpf
	END
	assert_nothing_pinned
}

@test "a journal that cannot be opened ends run with 1 before anything is changed" {
	refused 1 'journal .*No such file' "${RUN[@]}" --journal "$LIVE_DIR/missing/journal"
}

# bats test_tags=core
@test "a map of another shape at the ledger's pin is refused and not used" {
	local id
	mkdir -p "$PIN_DIR"
	bpftool map create "$PIN_DIR/ledger" type hash key 4 value 4 entries 16 name hostile
	id=$(bpftool -j map show pinned "$PIN_DIR/ledger" | jq .id)
	! "${RUN[@]}" 2>"$LIVE_DIR/said" 3>&- || fail "run took it"
	grep -q 'cgbpf/ledger' "$LIVE_DIR/said"
	assert_equal "$(bpftool -j map show pinned "$PIN_DIR/ledger" | jq .id)" "$id" "map at the pin"
	assert_limit "$WEB" 64M
	rm "$PIN_DIR/ledger"
}

@test "a map of the ledger's sizes without its lock is refused and not used" {
	local status=0
	mkdir -p "$PIN_DIR"
	bpftool map create "$PIN_DIR/ledger" type hash key 16 value 424 entries 16384 name hostile flags 1
	timeout "$DEADLINE" "${RUN[@]}" --duration 1 2>"$LIVE_DIR/said" 3>&- || status=$?
	rm "$PIN_DIR/ledger"
	assert_equal "$status" 3 "exit status"
	grep -q 'cgbpf/ledger' "$LIVE_DIR/said"
	assert_limit "$WEB" 64M
}

@test "restore refuses a map of another shape at the ledger's pin" {
	local status=0
	mkdir -p "$PIN_DIR"
	bpftool map create "$PIN_DIR/ledger" type hash key 4 value 4 entries 16 name hostile
	"$CGBPF" restore >"$LIVE_DIR/said" 2>&1 || status=$?
	rm "$PIN_DIR/ledger"
	assert_equal "$status" 3 "exit status"
	grep -q 'cgbpf/ledger' "$LIVE_DIR/said"
}

@test "setup: where apt is not, it names what building and make test want, and ends with 3" {
	mkdir "$LIVE_DIR/bin"
	ln -s "$(command -v dirname)" "$LIVE_DIR/bin"
	run -3 env PATH="$LIVE_DIR/bin" scripts/setup
	for package in clang qemu-system-x86 stress-ng docker.io crun docker-compose debootstrap; do
		grep -qx "$package" <<<"$output" || fail "not named: $package"
	done
}

# in_root TARGET: as a package is made of what is built; what would be built lies there, so that nothing is.
in_root() {
	make --silent BUILD="$LIVE_DIR/built" -o cgbpf -o "$LIVE_DIR/built/cgbpf.8" -o "$LIVE_DIR/built/cgbpf.bash" \
		DESTDIR="$LIVE_DIR/root" PREFIX=/usr "$1" 3>&-
}

@test "make install: the units name the program that is installed; uninstall takes all of it away, and nothing else" {
	local root=$LIVE_DIR/root own
	mkdir -p "$LIVE_DIR/built" "$root/etc/cgbpf" "$root/usr/share/doc/cgbpf"
	touch "$LIVE_DIR"/built/cgbpf.{8,bash} "$root/etc/cgbpf/cgbpf.yaml" "$root/usr/share/doc/cgbpf/notes"
	own=$(find "$root" -type f)
	in_root install
	(($(find "$root" -type f | wc -l) == $(wc -l <<<"$own") + 8)) || fail "$(find "$root" -type f)"
	grep -q '^ExecStart=/usr/sbin/cgbpf run ' "$root/usr/lib/systemd/system/cgbpf.service"
	grep -q '^ExecStart=/usr/sbin/cgbpf policy retrain ' "$root/usr/lib/systemd/system/cgbpf-retrain.service"
	! grep -r /usr/local "$root/usr/lib/systemd" || fail "another prefix"
	in_root uninstall
	assert_equal "$(find "$root" -type f)" "$own" "files"
	rm "$root/usr/share/doc/cgbpf/notes"
	in_root uninstall
	[[ ! -e $root/usr/share/doc/cgbpf ]] || fail "a folder is left"
}
