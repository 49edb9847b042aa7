#!/usr/bin/env bash
# The first minutes of an ordinary user on Debian 13, where no package of ours is installed.
#
# Makes a root of that system with debootstrap, gives it the Rust toolchain of this machine and a
# copy of this checkout, and runs `cargo xtask run --exec cowtest` in it as a user who may install
# nothing. The emulator must be unpacked into the user's cache, start, and find its firmware; a
# second run must find it there; a copy that does not start must be replaced; and lists of packages
# that are empty must be fetched.
#
# Needs root, debootstrap, a Debian mirror, and a rustup toolchain with the guest target. It is no
# part of `cargo xtask test`, because it fetches some 300 MB. Run it as
#
#     tests/setup/debian13.sh FOLDER        # FOLDER gets the root; it is kept for the next run
#
# The last line is `debian13: N passed, M failed`.
set -u

folder=${1:?give a folder for the root}
mirror=${MIRROR:-http://deb.debian.org/debian}
here=$(cd "$(dirname "$0")/../.." && pwd)
root=$folder/trixie
passed=0 failed=0

die() { echo "debian13: $*" >&2; exit 1; }

check() { # NAME COMMAND...
    local name=$1; shift
    if "$@"; then passed=$((passed + 1)); echo "ok     $name"
    else failed=$((failed + 1)); echo "FAILED $name"; fi
}

if [ ! -e "$root/etc/debian_version" ]; then
    mkdir -p "$root"
    debootstrap --variant=minbase --include=ca-certificates,gcc,libc6-dev \
        trixie "$root" "$mirror" >"$folder/debootstrap.log" 2>&1 ||
        die "debootstrap failed; see $folder/debootstrap.log"
fi
grep -q '^13' "$root/etc/debian_version" || die "$root is no Debian 13"
cp /etc/resolv.conf "$root/etc/resolv.conf"
chroot "$root" id student >/dev/null 2>&1 || chroot "$root" useradd --create-home student

toolchain=$(rustc --print sysroot)
if [ ! -e "$root/opt/rust/bin/cargo" ]; then
    mkdir -p "$root/opt/rust" "$root/opt/cargo"
    cp -a "$toolchain/." "$root/opt/rust/" || die "cannot copy $toolchain"
fi
# The crates come from this machine, because it is not the network of crates that is tried.
(cd "$here" && cargo fetch --quiet --locked) || die "cannot fetch the crates"
cp -a "${CARGO_HOME:-$HOME/.cargo}/registry" "$root/opt/cargo/"
# What was built in an earlier run is kept, because the compiler is not what is tried.
rm -rf "$root/home/student/cache's"
mkdir -p "$root/home/student/cowslip"
find "$root/home/student/cowslip" -mindepth 1 -maxdepth 1 ! -name target -exec rm -rf {} +
(cd "$here" && git ls-files -z | tar --null --files-from=- -cf -) |
    tar -C "$root/home/student/cowslip" -xf -
chroot "$root" chown -R student: /home/student /opt/cargo

# Runs a line in the root as the user, for at most half an hour; the output goes to $output. The
# cache has an apostrophe in its name, which is no harm either.
inside() {
    output=$(timeout --kill-after=10 1800 unshare --mount --pid --kill-child sh -c '
        mount --bind /dev "$1/dev" && mount -t proc proc "$1/proc" &&
        exec chroot "$1" setpriv --reuid=student --regid=student --clear-groups --reset-env \
            env HOME=/home/student "XDG_CACHE_HOME=/home/student/cache'\''s" \
            CARGO_HOME=/opt/cargo CARGO_NET_OFFLINE=true PATH=/opt/rust/bin:/usr/bin:/bin sh -c "cd ~/cowslip && $2"' \
        - "$root" "$1" 2>&1 </dev/null)
    local status=$?
    printf '%s\n' "$output" >>"$folder/debian13.log"
    return $status
}

run='cargo xtask run --timeout 300 --exec cowtest'
emulator="$root/home/student/cache's/cowslip/emulator"
says() { grep -q "$1" <<<"$output"; }
quiet_about() { ! says "$1"; }

: >"$folder/debian13.log"
check "the first run ends with cowtest's success" inside "$run"
check "all tests of cowtest passed" says 'ALL COW TESTS PASSED'
check "the emulator was unpacked" says 'are unpacked in'
check "the second run succeeds" inside "$run"
check "the second run unpacks nothing" quiet_about 'unpacked in'

library=$(find "$emulator/system" -name 'libfdt.so.1' -o -name 'libslirp.so.0' | head -n 1)
check "a library to break was found" test -n "$library"
echo broken >"$library"
check "a dead copy is replaced, and cowtest runs" inside "$run"
check "it was said that the copy is of no use" says 'is of no use and is replaced'

rm -rf "$emulator"
mv "$root/var/lib/apt/lists" "$root/var/lib/apt/lists.away"
mkdir -p "$root/var/lib/apt/lists/partial"
check "empty lists of packages are fetched" inside "$run"
rm -rf "$root/var/lib/apt/lists"
mv "$root/var/lib/apt/lists.away" "$root/var/lib/apt/lists"

echo "debian13: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
