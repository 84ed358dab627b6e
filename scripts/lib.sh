# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Owns what the scripts share: the project's folders, messages, and apt with package lists of the project's own; never edits the user's apt sources.

PROJECT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
BUILD=$PROJECT/build
APT_DIR=$BUILD/apt
GUEST_ROOT=$BUILD/guest/root
export PROJECT BUILD APT_DIR GUEST_ROOT

say() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() {
	local status=$1
	shift
	say "$@"
	exit "$status"
}

# A script that another one called leaves this to it.
is_inner=${CGBPF_IS_INNER:-}
export CGBPF_IS_INNER=1

# What root has made below build/ goes to the owner of the project's folder, so that who typed sudo once goes on without it.
# Nothing outside: no link is followed, and only root's own is given away.
hand_back() {
	local owner
	owner=$(stat -c %u:%g "$PROJECT")
	if ((EUID != 0)) || [[ $owner == 0:* || -n $is_inner || ! -d $BUILD ]] || grep -qs cgbpf_job= /proc/cmdline; then
		return 0
	fi
	chown -hR --from=0 -- "$owner" "$BUILD" || say "not all of build/ is $owner's now, ignoring"
}

# Everything below $BUILD that two runs could make at once is made under this lock.
with_lock() {
	local name=$1
	shift
	mkdir -p "$BUILD"
	(
		flock 9
		"$@"
	) 9>"$BUILD/.$name.lock"
}

apt_codename() {
	# shellcheck source=/dev/null
	(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
}

# The address from which the machine's own apt takes a suite, without reading or changing its lists.
apt_uri_of_suite() {
	apt-get -o Debug::NoLocking=1 update --print-uris 2>/dev/null |
		sed -n "s|^'\(.*\)/dists/$1/InRelease'.*|\1|p" | head -n 1
}

# apt_private LIST COMMAND...: apt on our own lists; LIST is "tools" (this release) or "all" (every release).
apt_private() {
	local list=$1 tool=$2
	shift 2
	"$tool" -o Dir::State::Lists="$APT_DIR/lists" -o Dir::Cache="$APT_DIR/cache" \
		-o Dir::Etc::SourceList="$APT_DIR/$list.list" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
		-o APT::Sandbox::User=root -o Debug::NoLocking=1 -o Acquire::Languages=none \
		-o Acquire::Retries=3 "$@"
}

# Makes the private lists, or renews them when older than half a day; a suite the mirror lacks is left out.
apt_private_lists() {
	local codename mirror security suite keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	if [[ -n $(find "$APT_DIR/stamp" -mmin -720 2>/dev/null) ]]; then
		return
	fi
	codename=$(apt_codename)
	grep -qx 'ID=debian' /etc/os-release || [[ -n ${CGBPF_DEBIAN_MIRROR:-} ]] ||
		die 3 "not Debian: install QEMU and virtme-ng yourself and give CGBPF_DEBIAN_MIRROR for kernels"
	mirror=${CGBPF_DEBIAN_MIRROR:-$(apt_uri_of_suite "$codename")}
	security=$(apt_uri_of_suite "$codename-security")
	[[ -r $keyring ]] || die 1 "$keyring is missing: install debian-archive-keyring"
	[[ -n $mirror ]] ||
		die 1 "apt knows no Debian mirror: set CGBPF_DEBIAN_MIRROR to one's address"
	mkdir -p "$APT_DIR/lists/partial" "$APT_DIR/cache/archives/partial"
	for suite in "$codename" "$codename-updates" "$codename-backports"; do
		printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$mirror" "$suite"
	done >"$APT_DIR/tools.list"
	{
		cat "$APT_DIR/tools.list"
		for suite in bookworm bookworm-backports trixie trixie-backports sid; do
			[[ $suite == "$codename" || $suite == "$codename-backports" ]] ||
				printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$mirror" "$suite"
		done
		if [[ -n $security ]]; then
			for suite in bookworm-security trixie-security; do
				printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$security" "$suite"
			done
		fi
	} >"$APT_DIR/all.list"
	say "reading package lists of $mirror into ${APT_DIR#"$PROJECT"/}"
	apt_private all apt-get -qq update >&2 || say "some package lists could not be read, ignoring"
	touch "$APT_DIR/stamp"
}

# Puts virtme-run and QEMU on PATH and QEMU's data folders into QEMU_DATA; those under build/ come first.
# shellcheck disable=SC2034 # read by scripts/vm
guest_tools_env() {
	QEMU_DATA=()
	if [[ -d $GUEST_ROOT ]]; then
		local lib=$GUEST_ROOT/usr/lib/x86_64-linux-gnu:$GUEST_ROOT/lib/x86_64-linux-gnu
		export PATH=$GUEST_ROOT/usr/bin:$PATH:/usr/sbin:/sbin
		export PYTHONPATH=$GUEST_ROOT/usr/lib/python3/dist-packages
		export LD_LIBRARY_PATH=$lib
		QEMU_DATA=(-L "$GUEST_ROOT/usr/share/qemu" -L "$GUEST_ROOT/usr/share/seabios"
			-L "$GUEST_ROOT/usr/lib/ipxe/qemu")
	else
		export PATH=$PATH:/usr/sbin:/sbin
	fi
}

# QEMU before 8 crashed an SMP guest under emulation.
guest_tools_are_good() {
	(
		guest_tools_env
		virtme-run --help >/dev/null 2>&1 || exit 1
		version=$(qemu-system-x86_64 --version 2>/dev/null | sed -n '1s/.*version \([0-9]*\).*/\1/p')
		((${version:-0} >= 8))
	)
}
