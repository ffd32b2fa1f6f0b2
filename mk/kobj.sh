#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# kobj.sh SYSDIR ARCH DIRECTORY: makes in DIRECTORY what a kernel build for ARCH makes beside
# the sources of SYSDIR: the headers of kobj interfaces and the links `machine`
# and `x86`.  Knows nothing of who includes them.
set -eu
sysdir=$(cd "$1" && pwd) machine=$2 directory=$3
interfaces="kern/device_if kern/bus_if isa/isa_if dev/pci/pci_if
    dev/acpica/acpi_if dev/smbus/smbus_if"

rm -rf "$directory"
mkdir -p "$directory"
cd "$directory"
for interface in $interfaces; do
	awk -f "$sysdir/tools/makeobjops.awk" "$sysdir/$interface.m" -h
done
[ "$machine" != aarch64 ] || machine=arm64
for include in "$sysdir/$machine/include" "$sysdir/arch/$machine/include"; do
	[ ! -d "$include" ] || ln -s "$include" machine
done
ln -s "$sysdir/x86/include" x86
: > opt_acpi.h
