#!/usr/bin/env bash
# A cargo that is older than the edition refuses the manifest before anything of ours can speak. It
# names a file; the first lines of that file must tell the version that is needed.
#
# It is no part of `cargo xtask test`, because it needs old toolchains. Run it as
#
#     rustup toolchain install 1.65 1.75 --profile minimal
#     tests/setup/old-compilers.sh 1.65 1.75
#
# The last line is `old-compilers: N passed, M failed`.
set -u
cd "$(dirname "$0")/../.." || exit 1

passed=0 failed=0
for version; do
    output=$(RUSTUP_AUTO_INSTALL=0 cargo "+$version" xtask setup 2>&1 </dev/null)
    file=$(sed -n 's/.*failed to parse manifest at `\(.*\)`.*/\1/p' <<<"$output" | head -n 1)
    if [ -n "$file" ] && head -n 3 "$file" | grep -q '1\.88'; then
        passed=$((passed + 1)); echo "ok     $version: see $file"
    else
        failed=$((failed + 1)); echo "FAILED $version: $output"
    fi
done
echo "old-compilers: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
