#!/usr/bin/env bash
# The first call of `cargo xtask`, with nothing built: something is said within seconds, although
# fetching and building take minutes, and all of it goes where CARGO_BUILD_TARGET_DIR says.
#
# It is no part of `cargo xtask test`, because it begins a build from nothing; it ends that as soon
# as something was said. Run it as
#
#     tests/setup/first-run.sh
#
# The last line is `first-run: N passed, M failed`.
set -u
cd "$(dirname "$0")/../.." || exit 1

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
passed=0 failed=0
check() { # NAME COMMAND...
    local name=$1; shift
    if "$@"; then passed=$((passed + 1)); echo "ok     $name"
    else failed=$((failed + 1)); echo "FAILED $name"; fi
}

env -u CARGO_TARGET_DIR CARGO_BUILD_TARGET_DIR="$folder/target" \
    cargo xtask --help >"$folder/output" 2>&1 </dev/null &
first=$!
for _ in $(seq 100); do
    grep -q 'Compiling\|Downloading' "$folder/output" && break
    sleep 0.1
done
check "cargo says what it does within ten seconds" grep -q 'Compiling\|Downloading' "$folder/output"
check "the target folder is the one asked for" test -d "$folder/target/debug"
kill "$first"
wait "$first" 2>/dev/null

echo "first-run: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
