# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Owns what the tests of `cgbpf tree` share: files of services, a picture of the cgroup tree, what a cgroup can use; never a test.

# shellcheck source=tests/guest/helpers.bash
. "${BASH_SOURCE[0]%/*}/helpers.bash"

# write_tree: two services, on one CPU each, with 48 MiB and 64 MiB; sets TREE.
write_tree() {
	TREE=$LIVE_DIR/tree.yaml
	cat >"$TREE" <<-END
		crs:
		  - name: crs1
		    cpuset: "0"
		    memory_limit: "48M"
		  - name: crs2
		    cpuset: "1"
		    memory_limit: "64M"
		workers:
		  local:
		    cpuset: "0-1"
		    memory: "128M"
	END
}

# Every cgroup, and the controllers that each gives to its children.
picture() {
	find "$CGROUP_ROOT" -path "$CGROUP_ROOT/docker" -prune -o -name cgroup.subtree_control -exec grep -H '' {} + \
		-o -type d -print | sort
}

# apply [OPTION]...: sets WORKER, and PARENT1 and PARENT2 as Docker wants them.
apply() {
	local made
	made=$("$CGBPF" tree apply -c "$TREE" --json "$@") || return
	WORKER=$CGROUP_ROOT$(jq -r .worker.cgroup <<<"$made")
	PARENT1=$(jq -r '.services[0].docker_parent' <<<"$made")
	PARENT2=$(jq -r '.services[1].docker_parent' <<<"$made")
	SERVICE1=$CGROUP_ROOT$(jq -r '.services[0].cgroup' <<<"$made")
	SERVICE2=$CGROUP_ROOT$(jq -r '.services[1].cgroup' <<<"$made")
	export WORKER PARENT1 PARENT2 SERVICE1 SERVICE2
}

# forge_mark FOLDER DRIVER: as anyone can whose folder it is.
forge_mark() {
	setfattr -n user.cgbpf "$1" \
		-v '{"schema":1,"kind":"worker","driver":"'"$2"'","file":"/f","run_id":"r","phase":"p","made":1,"uid":0}'
}

# inside CGROUP COMMAND...
inside() {
	local cgroup=$1
	shift
	# shellcheck disable=SC2016 # for the inner shell
	bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$cgroup" "$@"
}

# refused STATUS PATTERN COMMAND...: ends so, says so, and the cgroup tree is as it was.
refused() {
	local expected=$1 pattern=$2 before
	shift 2
	before=$(picture)
	run --separate-stderr "$@"
	assert_equal "$status" "$expected" "exit status (it said: ${stderr:-})"
	[[ ${stderr:-} =~ $pattern ]] || fail "it said: ${stderr:-}"
	assert_equal "$(picture)" "$before" "the cgroup tree"
}

# --- with a Docker Engine (engine.bash) -----------------------------------------------------------

begin_with_engine() {
	want_engine
	write_tree
}

end_with_engine() {
	remove_containers
	"$CGBPF" tree remove --all --kill >/dev/null
	end_test
}

# start NAME PARENT: a container, idle; it ends at once when it is asked to.
start() {
	docker run -d --init --network none --name "$1" --cgroup-parent "$2" "$IMAGE" sleep 100000 >/dev/null
}

# finds_the_misplaced [OPTION]...: of hierarchies made so, a container of an earlier run's parent and one that was moved
# away are bad; sets EARLIER to that parent.
finds_the_misplaced() {
	local elsewhere
	apply --run-id first "$@"
	EARLIER=$PARENT1
	"$CGBPF" tree remove --run-id first >/dev/null
	apply --run-id second "$@"
	start lost "$EARLIER"
	start moved "$PARENT1"
	elsewhere=$(make_cgroup elsewhere)
	docker inspect -f '{{.State.Pid}}' moved >"$elsewhere/cgroup.procs"
	run -1 "$CGBPF" tree verify -c "$TREE" --json
	jq -e --arg parent "$EARLIER" --arg elsewhere "$(path_of "$elsewhere")" \
		'[.findings[] | select(.verdict == "bad" and .check == "containers") | .what] | length == 2
			and any(startswith("container lost: its parent \($parent) is no service of this file"))
			and any(startswith("container moved was to be in ") and endswith("and the kernel has it in \($elsewhere)"))' \
		<<<"${output:-}" || fail "${output:-}"
	docker rm -f lost moved >/dev/null
}
