#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# kobj.sh SYSDIR DIRECTORY: makes in DIRECTORY what a kernel build makes beside
# the sources of SYSDIR: the headers of kobj interfaces and the links `machine`
# and `x86`.  Knows nothing of who includes them.
set -eu
sysdir=$(cd "$1" && pwd) directory=$2
interfaces="kern/device_if kern/bus_if isa/isa_if dev/pci/pci_if
    dev/acpica/acpi_if dev/smbus/smbus_if"

rm -rf "$directory"
mkdir -p "$directory"
cd "$directory"
for interface in $interfaces; do
	awk -f "$sysdir/tools/makeobjops.awk" "$sysdir/$interface.m" -h
done
for include in "$sysdir/amd64/include" "$sysdir/arch/amd64/include"; do
	[ ! -d "$include" ] || ln -s "$include" machine
done
ln -s "$sysdir/x86/include" x86
: > opt_acpi.h
