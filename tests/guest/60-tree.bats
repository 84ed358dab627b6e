#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns what `cgbpf tree` promises without a Docker Engine: made, held, shown, removed, all or nothing; never a container.

# bats file_tags=two-cpus
# shellcheck disable=SC2030,SC2031 # a test and its end share a shell
load tree

setup() {
	write_tree
	BEFORE=$(picture)
}

teardown() {
	"$CGBPF" tree remove --all --kill >/dev/null
	end_test
}

assert_as_before() {
	assert_equal "$(picture)" "$BEFORE" "the cgroup tree"
}

# bats test_tags=core
@test "tree: what is made has its limits, is shown, verified and removed without a trace" {
	apply --run-id r7 --phase build
	[[ ${WORKER##*/} =~ ^r7-build-[0-9]+-[0-9a-f]{8}-local$ ]] || fail "$WORKER"
	assert_equal "$PARENT1" "${WORKER#"$CGROUP_ROOT"}/crs1"
	assert_equal "$(cat "$WORKER"/{cpuset.cpus,memory.max} "$WORKER"/crs{1,2}/{cpuset.cpus,memory.max} | paste -sd' ')" \
		"0-1 $(bytes 128M) 0 $(bytes 48M) 1 $(bytes 64M)"
	"$CGBPF" tree show --json | jq -e --arg cgroup "${WORKER#"$CGROUP_ROOT"}" \
		'.[0].cgroup == $cgroup and .[0].run_id == "r7" and (.[0].services | map(.name)) == ["crs1", "crs2"]'
	"$CGBPF" tree verify -c "$TREE" --json | jq -e '.bad == 0'
	assert_equal "$("$CGBPF" tree docker-path "$WORKER")" "${WORKER#"$CGROUP_ROOT"}"
	"$CGBPF" tree remove -c "$TREE" --phase other
	[[ -d $WORKER ]] || fail "another phase's was removed"
	"$CGBPF" tree remove --phase build
	[[ ! -e $CGROUP_ROOT/cgbpf ]] || fail "left: $(find "$CGROUP_ROOT/cgbpf")"
	assert_as_before
}

# bats test_tags=core
@test "tree: a process in a service has its CPUs and its memory, and no more" {
	apply
	mkdir "$SERVICE1/job" "$SERVICE2/job"
	assert_equal "$(inside "$SERVICE1/job" nproc)" 1
	assert_equal "$(inside "$SERVICE2/job" grep ^Cpus_allowed_list /proc/self/status)" $'Cpus_allowed_list:\t1'
	run -137 workload "$SERVICE1/job" touch --bytes 56M
	workload "$SERVICE2/job" touch --bytes 56M
	run -137 workload "$SERVICE2/job" touch --bytes 72M
}

@test "tree: totals left out are the union and the sum" {
	sed -i '/^workers:/,$d' "$TREE"
	apply
	assert_equal "$(cat "$WORKER"/{cpuset.cpus,memory.max} | paste -sd' ')" "0-1 $(bytes 112M)"
}

@test "tree: verify says what is wrong and what to do" {
	refused 1 '' "$CGBPF" tree verify -c "$TREE"
	[[ $output == *"none made of this file"*"cgbpf tree apply"* ]] || fail "$output"
	apply
	echo 1 >"$SERVICE1/cpuset.cpus"
	echo max >"$WORKER/memory.max"
	rmdir "$SERVICE2"
	inside "$SERVICE1" sleep 1000 3>&- &
	wait_for "$DEADLINE" grep -q . "$SERVICE1/cgroup.procs"
	run -1 "$CGBPF" tree verify -c "$TREE" --json
	jq -e '[.findings[] | select(.verdict == "bad")] | length == 5 and all(.cure | length > 0)' <<<"$output"
	jq -e --arg path "$PARENT2" 'any(.findings[]; .verdict == "bad" and (.what | startswith($path)))' <<<"$output"
	jq -e 'any(.findings[]; .check == "processes" and .verdict == "bad")' <<<"$output"
}

@test "tree: a file that is wrong is refused with its place" {
	sed -i 's/cpuset: "1"/cpuset: "0-1"/' "$TREE"
	refused 2 "$TREE:6:13: cpuset: CPU 0 is 'crs1's already" "$CGBPF" tree apply -c "$TREE"
	sed -i 's/cpuset: "0-1"/cpuset: "99"/' "$TREE"
	sed -i '/^workers:/,$d' "$TREE"
	refused 2 "$TREE:6:13: cpuset: this machine runs no CPU 99" "$CGBPF" tree apply -c "$TREE"
	refused 2 "No such file" "$CGBPF" tree apply -c "$TREE.none"
}

@test "tree: names on the command line that are no folder's are refused" {
	local name
	for name in a/b .. "$(printf 'a\nb')" "$(printf '%0256d' 0)" cgroup.procs ''; do
		refused 2 "option '--run-id'" "$CGBPF" tree apply -c "$TREE" "--run-id=$name"
	done
	refused 2 "option '--project'" "$CGBPF" tree apply -c "$TREE" --project ../x
	refused 2 "which" "$CGBPF" tree remove
	refused 2 "no such verb: 'aply'" "$CGBPF" tree aply
}

@test "tree: a parent that cannot have such children is refused, and nothing is touched" {
	local used threaded
	used=$(make_cgroup used)
	threaded=$(make_cgroup threaded)
	rmdir "$threaded" && mkdir "$threaded" "$threaded/child"
	echo threaded >"$threaded/child/cgroup.type"
	hold_memory "$used" 1M
	refused 2 'no-internal-process rule' "$CGBPF" tree apply -c "$TREE" --parent "$(path_of "$used")"
	refused 2 'thread group' "$CGBPF" tree apply -c "$TREE" --parent "$threaded"
	refused 2 'thread group' "$CGBPF" tree apply -c "$TREE" --parent "$threaded/child"
	refused 2 'no such folder' "$CGBPF" tree apply -c "$TREE" --parent /none/such
	refused 2 'no such folder' "$CGBPF" tree apply -c "$TREE" --parent "$LIVE_DIR"
	refused 2 'it is a file' "$CGBPF" tree apply -c "$TREE" --parent "$used/memory.max"
	refused 2 'dots only' "$CGBPF" tree apply -c "$TREE" --parent "$used/../threaded"
	mkdir "$LIVE_DIR/elsewhere" "$TEST_CGROUP/mounted"
	mount --bind "$LIVE_DIR/elsewhere" "$TEST_CGROUP/mounted"
	refused 2 'leads out of the cgroup file system' "$CGBPF" tree apply -c "$TREE" --parent "$TEST_CGROUP/mounted"
	umount "$TEST_CGROUP/mounted"
	end_hold "$HOLD_PID"
}

@test "tree: a link in place of a parent is refused" {
	# cgroup2 has no links; a mount over it may.
	mkdir "$TEST_CGROUP" "$TEST_CGROUP/over"
	mount -t tmpfs tmpfs "$TEST_CGROUP/over"
	ln -s ../.. "$TEST_CGROUP/over/link"
	refused 2 'leads out|symbolic link' "$CGBPF" tree apply -c "$TREE" --parent "$TEST_CGROUP/over/link"
	umount "$TEST_CGROUP/over"
}

@test "tree: two at once both get theirs" {
	local pids=() i
	for i in 1 2 3 4; do
		"$CGBPF" tree apply -c "$TREE" --run-id "r$i" >/dev/null 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i"
	done
	assert_equal "$("$CGBPF" tree show --json | jq 'length')" 4
	"$CGBPF" tree verify -c "$TREE" >/dev/null
	"$CGBPF" tree remove -c "$TREE" --run-id r2
	assert_equal "$("$CGBPF" tree show --json | jq -c 'map(.run_id) | sort')" '["r1","r3","r4"]'
	"$CGBPF" tree remove -c "$TREE"
	assert_as_before
}

@test "tree: of several projects, verify, compose and prune take the one that is named" {
	local other
	apply --project other
	other=$PARENT1
	apply
	rmdir "$SERVICE1"
	"$CGBPF" tree verify -c "$TREE" --project other --json | jq -e '.bad == 0'
	printf 'services:\n  crs1:\n    image: none\n' >"$LIVE_DIR/template.yaml"
	"$CGBPF" tree compose -c "$TREE" --template "$LIVE_DIR/template.yaml" --project other >"$LIVE_DIR/compose.yaml"
	grep -qF "cgroup_parent: \"$other\"" "$LIVE_DIR/compose.yaml"
	"$CGBPF" tree prune --older-than 0 --phase another
	assert_equal "$("$CGBPF" tree show --json | jq length)" 2
	"$CGBPF" tree prune --older-than 0 --project other --phase main
	assert_equal "$("$CGBPF" tree show --json | jq -c 'map(.project)')" '["cgbpf"]'
}

# Each of its calls in turn fails; strace says in one run how many there are.
@test "tree: whatever fails half way, nothing is left half made" {
	local call n total parent
	parent=$(make_cgroup parent)
	rmdir "$parent" && mkdir "$parent"
	sed -i '/crs2/,/64M/d' "$TREE"
	for call in mkdirat fsetxattr write; do
		total=$(strace -f -qq -e "trace=$call" -o /dev/stdout "$CGBPF" tree apply -c "$TREE" --parent "$parent" \
			2>/dev/null | grep -c "$call(")
		((total >= 2)) || fail "$call: $total"
		for ((n = 1; n <= total; n++)); do
			"$CGBPF" tree remove --all >/dev/null
			echo '-cpuset -memory' >"$parent/cgroup.subtree_control"
			run strace -f -qq -e "trace=$call" -e "inject=$call:error=EIO:when=$n" -o /dev/null \
				"$CGBPF" tree apply -c "$TREE" --parent "$parent"
			# Of what is only said, the hierarchy does not depend; that it could not be said is a failure.
			((status)) && [[ $output != *'standard output: '* ]] || continue
			assert_equal "$status" 1 "$call $n of $total: $output"
			[[ ! -e $parent/cgbpf ]] || fail "$call $n of $total: $(find "$parent")" "$output"
			assert_equal "$(cat "$parent/cgroup.subtree_control")" "" "$call $n of $total"
		done
	done
}

# stopped_at CALL NUMBER: an apply below PARENT that stands still after the NUMBERth CALL, which marks the worker; sets TRACER and PID.
stopped_at() {
	strace -f -qq -e "trace=$1" -e "inject=$1:signal=STOP:when=$2" -o /dev/null \
		"$CGBPF" tree apply -c "$TREE" --parent "$3" >/dev/null 2>"$LIVE_DIR/err" 3>&- &
	TRACER=$!
	wait_for "$DEADLINE" has_marked
	PID=$(pgrep -P "$TRACER")
}

has_marked() {
	"$CGBPF" tree show --json | jq -e 'length == 1 and (.[0].half_made | not)' >/dev/null
}

@test "tree: a folder replaced in the middle is noticed, and the one in its place is left" {
	local parent folder foreign status=0
	parent=$(make_cgroup parent)
	stopped_at fsetxattr 2 "$parent"
	folder=$(echo "$parent"/cgbpf/*-local)
	rmdir "$folder" && mkdir "$folder"
	foreign=$(stat -c %i "$folder")
	kill -CONT "$PID"
	wait "$TRACER" || status=$?
	assert_equal "$status" 1 "exit status ($(cat "$LIVE_DIR/err"))"
	grep -q 'the folder was removed meanwhile' "$LIVE_DIR/err"
	assert_equal "$(stat -c %i "$folder")" "$foreign"
	assert_equal "$(find "$folder" -mindepth 1 -type d)" ""
}

waits_for_processes() {
	[[ $(readlink "/proc/$1/fd/"*) == */cgroup.events* ]]
}

@test "tree: removal waits for the last process, as the kernel tells it; a folder replaced meanwhile is left" {
	local pid list first second status=0
	apply --run-id r1
	apply --run-id r2
	list=$("$CGBPF" tree show --json)
	first=$CGROUP_ROOT$(jq -r '.[0].cgroup' <<<"$list") second=$CGROUP_ROOT$(jq -r '.[1].cgroup' <<<"$list")
	hold_memory "$first/crs1" 1M
	"$CGBPF" tree remove -c "$TREE" --timeout "$DEADLINE" >"$LIVE_DIR/removed" 2>"$LIVE_DIR/err" 3>&- &
	pid=$!
	wait_for "$DEADLINE" waits_for_processes "$pid"
	rmdir "$second"/crs* "$second" && mkdir "$second"
	end_hold "$HOLD_PID"
	wait "$pid" || status=$?
	assert_equal "$status" 1 "exit status"
	grep -q "$(path_of "$second"): another folder stands in its place; it was left" "$LIVE_DIR/err"
	[[ ! -e $first ]] || fail "$(find "$first")"
	rmdir "$second" "${second%/*}"
	assert_as_before
}

hangs_in_its_write() {
	read_file "/proc/$1/stat"
	[[ $TEXT == *"(touch) D "* ]]
}

@test "tree: a process that refuses to die stops removal, which then takes nothing; --kill ends it" {
	local pid
	apply
	# shellcheck disable=SC2016
	inside "$SERVICE1" bash -c 'trap "" TERM INT HUP; : >"$0"; while :; do sleep 1000; done' "$LIVE_DIR/stubborn" 3>&- &
	wait_for "$DEADLINE" test -e "$LIVE_DIR/stubborn"
	refused 1 'processes are still in it, such as [0-9]+ \((bash|sleep)\)' "$CGBPF" tree remove -c "$TREE" --timeout 0.2
	[[ -d $SERVICE2 ]] || fail "a part was removed"
	"$CGBPF" tree remove -c "$TREE" --kill
	assert_as_before
	# Whoever writes to a frozen file system cannot even be killed.
	apply
	make_disk "$LIVE_DIR/disk" 8M
	fsfreeze --freeze "$LIVE_DIR/disk"
	inside "$SERVICE1" touch "$LIVE_DIR/disk/file" 3>&- &
	wait_for "$DEADLINE" grep -q . "$SERVICE1/cgroup.procs"
	pid=$(<"$SERVICE1/cgroup.procs")
	wait_for "$DEADLINE" hangs_in_its_write "$pid"
	refused 1 'such as [0-9]+ \(touch\).* though all were killed' "$CGBPF" tree remove -c "$TREE" --kill --timeout 0.2
	fsfreeze --unfreeze "$LIVE_DIR/disk"
	"$CGBPF" tree remove -c "$TREE"
	remove_disk "$LIVE_DIR/disk"
	assert_as_before
}

@test "tree: what a killed apply left is pruned, whole or half made, by age" {
	local at
	# Killed before the worker's mark is on it, and before its services are made.
	for at in fsetxattr:signal=KILL:when=2 mkdirat:signal=KILL:when=3; do
		run strace -f -qq -e trace=fsetxattr,mkdirat -e "inject=$at" -o /dev/null \
			"$CGBPF" tree apply -c "$TREE"
	done
	assert_equal "$("$CGBPF" tree show --json | jq -c 'map(.half_made) | sort')" '[false,true]'
	"$CGBPF" tree prune
	assert_equal "$("$CGBPF" tree show --json | jq length)" 2
	apply
	mkdir "$SERVICE1/used"
	hold_memory "$SERVICE1/used" 1M
	"$CGBPF" tree prune --older-than 0
	assert_equal "$("$CGBPF" tree show --json | jq length)" 1
	assert_alive "$HOLD_PID"
	end_hold "$HOLD_PID"
	"$CGBPF" tree prune --older-than 0
	assert_as_before
	run strace -f -qq -e trace=mkdirat -e inject=mkdirat:signal=KILL:when=2 -o /dev/null "$CGBPF" tree apply -c "$TREE"
	[[ -d $CGROUP_ROOT/cgbpf ]]
	"$CGBPF" tree prune --older-than 0
	assert_as_before
}

@test "tree: remove leaves folders of others alone, wherever they are" {
	apply
	mkdir "$CGROUP_ROOT/cgbpf/mine" "$SERVICE1/inner"
	"$CGBPF" tree remove -c "$TREE"
	[[ -d $CGROUP_ROOT/cgbpf/mine && ! -e $WORKER ]] || fail "$(find "$CGROUP_ROOT/cgbpf")"
	rmdir "$CGROUP_ROOT/cgbpf/mine" "$CGROUP_ROOT/cgbpf"
}

@test "tree: root removes no folder for a user's mark on it, but where it is named" {
	local mine=$TEST_CGROUP/mine
	mkdir -p "$mine"
	forge_mark "$mine" cgroupfs
	chown 4711 "$mine"
	"$CGBPF" tree remove --all
	"$CGBPF" tree prune
	[[ -d $mine ]] || fail "removed"
	"$CGBPF" tree remove --parent "$TEST_CGROUP"
	[[ ! -e $mine ]] || fail "left"
}

@test "tree: a hierarchy is removed by its file's name when the file is gone" {
	apply
	rm "$TREE"
	"$CGBPF" tree remove -c "$TREE"
	assert_as_before
	refused 2 'no such file' "$CGBPF" tree remove -c "$TREE"
}

@test "tree: where the disk is full, delegate says so, and leaves no drop-in or the one from before" {
	local units=/etc/systemd/system before='of before' said
	# shellcheck disable=SC2016 # for the inner shell
	said=$(unshare --mount --propagation private bash -ec 'full=$1/full folder=$1/user@65534.service.d
		mount -t tmpfs tmpfs /run
		mkdir -p /run/systemd/system "$1"
		mount -t tmpfs -o size=8k tmpfs "$1"
		dd if=/dev/zero of="$full" bs=4k count=2 status=none
		! "$0" tree delegate nobody 2>&1
		ls "$1"
		truncate -s 4k "$full"
		mkdir "$folder"
		echo "$2" >"$folder/50-cgbpf-delegate.conf"
		dd if=/dev/zero of="$full" bs=4k count=1 status=none
		! "$0" tree delegate nobody 2>&1
		ls "$folder"
		cat "$folder"/*' "$(realpath "$CGBPF")" "$units" "$before")
	local full="cgbpf: tree delegate: $units/user@65534.service.d/50-cgbpf-delegate.conf: No space left on device"
	assert_equal "$said" "$(printf '%s\n' "$full" full "$full" 50-cgbpf-delegate.conf "$before")"
}

# A user and a part of the tree that is the user's, without systemd.
@test "tree: a user without delegation is told what to run; delegated, it works without root" {
	local uid=4711 base=$CGROUP_ROOT/user.slice/user-4711.slice/user@4711.service
	echo "joe:x:$uid:$uid::/:/bin/sh" >>/etc/passwd
	chmod 755 "$BATS_RUN_TMPDIR" "$LIVE_DIR" "${LIVE_DIR%/*}" "${LIVE_DIR%/*/*}"
	refused 3 "cgbpf tree delegate joe.*echo \"\+cpuset \+memory\" \| sudo tee $base/cgroup.subtree_control.*chown $uid:$uid" \
		setpriv --reuid "$uid" --regid "$uid" --clear-groups "$CGBPF" tree apply -c "$TREE"
	refused 2 "there is no user 'nobody-here'" "$CGBPF" tree delegate nobody-here
	"$CGBPF" tree delegate joe
	CGBPF_ROOT=$CGBPF
	CGBPF=$LIVE_DIR/as-joe
	printf '#!/bin/sh\nexec setpriv --reuid %s --regid %s --clear-groups %s "$@"\n' "$uid" "$uid" \
		"$(realpath "$CGBPF_ROOT")" >"$CGBPF"
	chmod 755 "$CGBPF"
	apply
	assert_equal "$(stat -c %u "$SERVICE1")" "$uid"
	[[ $WORKER == "$base"/cgbpf/* ]] || fail "$WORKER"
	"$CGBPF" tree verify -c "$TREE" --json | jq -e '.bad == 0'
	mkdir "$SERVICE1/root-made" # as runc does for a container
	hold_memory "$SERVICE1/root-made" 1M
	"$CGBPF" tree remove -c "$TREE" --kill
	[[ ! -e $base/cgbpf ]] || fail "$(find "$base/cgbpf")"
	CGBPF=$CGBPF_ROOT
	remove_cgroup "$CGROUP_ROOT/user.slice"
}
