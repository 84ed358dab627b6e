# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Owns what the experiments with the OOM killer share: the guest's Docker Engine, containers with this machine's programs, one squeeze; never decides what one expects.

# shellcheck source=bench/experiments/lab.sh
. bench/experiments/lab.sh

IMAGE=cgbpf-busybox
DOCKERD_PID=''

end_drills() {
	local containers
	if [[ -n $DOCKERD_PID ]]; then
		mapfile -t containers < <(docker ps -aq)
		((${#containers[@]} == 0)) || docker rm -f "${containers[@]}" >/dev/null 2>&1 || true
		kill "$DOCKERD_PID"
		wait_for "$DEADLINE" is_gone "$DOCKERD_PID" || true
		umount /var/lib/docker || true
		remove_cgroup "$CGROUP_ROOT/docker" || true
	fi
	clean_up
}

# begin_drills WHAT: with an Engine of its own, which reaches no registry.
begin_drills() {
	begin "$1"
	trap end_drills EXIT
	[[ -e build/guest/docker-image.tar ]] || { echo "no Docker Engine for the guest: run 'sudo scripts/setup --docker'" >&2 && exit 1; }
	# shellcheck source=scripts/docker-engine
	. scripts/docker-engine
	DOCKERD_PID=$!
}

# container NAME COMMAND...: -m 512m; this machine's programs are below /host, for chroot.
container() {
	local name=$1
	shift
	ID=$(docker run -d --network none --name "$name" -m 512m --memory-swap 512m -v /:/host:ro "$IMAGE" "$@" 2>/dev/null)
	CGROUP=$CGROUP_ROOT/docker/$ID
}

# stress CONTAINER: more than it may have, as one begins it from a shell of the container.
stress() {
	docker exec -d "$1" chroot /host stress-ng --vm 1 --vm-bytes 610M --vm-keep --temp-path /dev/shm --quiet
	wait_for "$DEADLINE" uses "$CGROUP" 300M
}

uses() {
	(($(cat "$1/memory.current") > $(numfmt --from=iec "$2")))
}

# squeeze NAME OPTION...: its table on the screen, its JSON and picture beside.
squeeze() {
	local name=$1
	shift
	DRILL=$OUT/$name.json
	"$CGBPF" squeeze --yes --container "$name" "$@" --json --svg "$OUT/$name.svg" >"$DRILL" 2>"$OUT/$name.log" ||
		{ cat "$OUT/$name.log" && return 1; }
	happened "$(jq -r .sentence "$DRILL")"
	jq -r '.levels[] | "      \(.limit_bytes / 1048576 | floor) MiB: in use \(.usage_before_bytes / 1048576 | floor) -> \(.usage_after_bytes / 1048576 | floor) MiB, \(.kills) killed, \(if .alive then "alive" else "ended" end)"' "$DRILL"
}

# drill FILTER: does the last drill's record hold this?
drill() {
	jq -e "$1" "$DRILL"
}

finish_drills() {
	echo "   records and pictures: $OUT"
	echo "   $((CHECKED - FAILED)) of $CHECKED checks held"
	((FAILED == 0))
}
