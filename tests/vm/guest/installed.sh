#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# What init.c is on a bare kernel, on an installed system that somebody logged in to:
# does what the lines of the plan say and switches the machine off.

report() {
	line="vmtest: $1 $2 $(echo "$3" | tr '\n' ' ')|"
	echo "$line"
	sleep 0.03
	echo "$line"
}
last_words() { dmesg | tail -n 2 | tr '\n' ';'; }

load() {
	# QEMU's BMC can reset, but not cut the power.
	kenv -q hw.ipmi.wd_timer_actions=1 >/dev/null
	! kldstat -qn ipmi.ko || kldunload ipmi
	if ! said=$(kldload "$1" 2>&1); then
		report failed installed:load "$said: $(last_words)"
		return 1
	fi
	for second in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		[ ! -c /dev/ipmi0 ] || return 0
		sleep 1
	done
	report failed installed:device "no /dev/ipmi0: $(last_words)"
	return 1
}

run() { "$@" || report failed installed:run "$1 ended with $?"; }

echo "vmtest: begin"
echo "vmtest: begin"
while read -r verb words; do
	# Words are separated by spaces.
	"$verb" $words </dev/null || break
done <"${0%/*}/plan"
echo "vmtest: end"
echo "vmtest: end"
poweroff
