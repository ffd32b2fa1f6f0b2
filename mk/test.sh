#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# test.sh LOG: runs every test of the workspace and ends with one line that counts
# them, "N passed, N failed".  A step that fails without saying how many tests it
# lost counts as one.  Formatting and lints count as a test each where the tools
# are installed.  Knows nothing of what is tested.
set -uo pipefail
log=$1
cargo=${CARGO:-cargo}
passed=0 failed=0

step() {
	echo "  CHECK   $*"
	if "$@"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
}

# Adds up the lines "test result: ok. 3 passed; 0 failed; ..." of one cargo test, or takes
# a line "3 passed, 0 failed".
tests() {
	echo "  TEST    $*"
	"$@" 2>&1 | tee "$log"
	local status=${PIPESTATUS[0]} counted
	counted=$(awk '/^test result:/ { p += $4; f += $6 }
	    /^[0-9]+ passed, [0-9]+ failed$/ { p += $1; f += $3 }
	    END { print p + 0, f + 0 }' "$log")
	passed=$((passed + ${counted% *}))
	failed=$((failed + ${counted#* }))
	if [ "$status" -ne 0 ] && [ "${counted#* }" -eq 0 ]; then
		failed=$((failed + 1))
	fi
}

if "$cargo" fmt --version >/dev/null 2>&1; then
	step "$cargo" fmt --all -- --check -l
fi
if "$cargo" clippy --version >/dev/null 2>&1; then
	step "$cargo" clippy --quiet --package ipmi --lib -- -D warnings
fi
tests "$cargo" test --workspace --no-fail-fast
log=${log%.log}-clients.log
tests "${MAKE:-make}" --no-print-directory clients

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
