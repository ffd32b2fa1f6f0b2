#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# atf.sh PROGRAM: as much of atf-sh(3) as the tests use, for a machine that has a
# shell and no atf: runs each case and says on one line how it ended.

program=$1
name=$(basename "$program" .sh)

atf_test_case() { :; }
atf_set() { [ "$1" != require.progs ] || atf_require_prog "$2"; }
atf_require_prog() { command -v "$1" >/dev/null || atf_skip "$1 is not installed"; }
report() { echo "vmtest: $1 $2 $3|"; sleep 0.03; echo "vmtest: $1 $2 $3|"; }
atf_end() { report "$1" "$name:$case" "$2"; exit 0; }
atf_skip() { atf_end skipped "$*"; }
atf_fail() { atf_end failed "$*"; }
atf_pass() { atf_end passed; }
atf_add_test_case() { cases="$cases $1"; }

# atf_check [-o inline:TEXT | -o match:EXPRESSION] COMMAND...: succeeds, and prints that.
atf_check() {
	expected=ignore
	if [ "$1" = -o ]; then
		expected=$2
		shift 2
	fi
	text=$("$@" 2>&1) || atf_fail "$*: $text"
	case $expected in
	inline:*) [ "$text" = "$(printf "${expected#inline:}")" ] || atf_fail "$*: $text" ;;
	match:*) echo "$text" | grep -Eq "${expected#match:}" || atf_fail "$*: $text" ;;
	esac
}

. "$program"
cases=
atf_init_test_cases
for case in $cases; do
	(
		! command -v "${case}_head" >/dev/null || "${case}_head"
		"${case}_body"
		atf_pass
	)
done
report ran "$name:all"
