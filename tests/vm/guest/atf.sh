#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# atf.sh PROGRAM: as much of atf-sh(3) as the tests use, for a machine that has a
# shell and no atf: runs each case and says on one line how it ended.  The tests have
# all names that do not begin with atf_.

atf_program=$1
atf_name=${atf_program##*/}
atf_name=${atf_name%.sh}

atf_test_case() { :; }
atf_set() { [ "$1" != require.progs ] || atf_require_prog "$2"; }
atf_require_prog() { command -v "$1" >/dev/null || atf_skip "$1 is not installed"; }
atf_report() { echo "vmtest: $1 $2 $3|"; sleep 0.03; echo "vmtest: $1 $2 $3|"; }
atf_end() { atf_report "$1" "$atf_name:$atf_case" "$2"; exit 0; }
atf_skip() { atf_end skipped "$*"; }
atf_fail() { atf_end failed "$*"; }
atf_pass() { atf_end passed; }
atf_add_test_case() { atf_cases="$atf_cases $1"; }

# atf_check [-o inline:TEXT | -o match:EXPRESSION] [-e ignore] COMMAND...: succeeds, and
# prints that; errors count as output unless they are ignored.
atf_check() {
	atf_expected=ignore
	atf_errors=/dev/stdout
	while :; do
		case $1 in
		-o) atf_expected=$2 ;;
		-e) atf_errors=/dev/null ;;
		*) break ;;
		esac
		shift 2
	done
	atf_text=$("$@" 2>"$atf_errors") || atf_fail "$*: $atf_text"
	case $atf_expected in
	inline:*) [ "$atf_text" = "$(printf "${atf_expected#inline:}")" ] || atf_fail "$*: $atf_text" ;;
	match:*) echo "$atf_text" | grep -Eq "${atf_expected#match:}" || atf_fail "$*: $atf_text" ;;
	esac
}

. "$atf_program"
atf_cases=
atf_init_test_cases
for atf_case in $atf_cases; do
	(
		! command -v "${atf_case}_head" >/dev/null || "${atf_case}_head"
		"${atf_case}_body"
		atf_pass
	)
done
atf_report ran "$atf_name:all"
