// SPDX-License-Identifier: BSD-2-Clause
//! Firmware tables and buses that this machine does not have: every search comes back empty; must
//! not know who searches.

use crate::args::{Args, Import};
use crate::imports::Datum;
use crate::mem;
use crate::subsystems::errno;

/// AE_NOT_FOUND.
const NOT_FOUND: u64 = 5;
/// sizeof(struct efi_ops).
const EFI_OPS_LEN: usize = 12 * 8;

fn pci_cfgregread(_args: &Args) -> u64 {
    0xffff_ffff
}

fn pci_find_device(_args: &Args) -> u64 {
    0
}

/// No signature anywhere in the BIOS.
fn bios_sigsearch(_args: &Args) -> u64 {
    0
}

fn efi_get_table(_args: &Args) -> u64 {
    errno::ENXIO as u64
}

/// Memory of the firmware, all zero.
fn pmap_mapbios(args: &Args) -> u64 {
    mem::kalloc(args.u64(1) as usize, "firmware memory")
}

fn pmap_unmapbios(args: &Args) -> u64 {
    mem::kfree(args.u64(0));
    0
}

fn acpi_not_found(_args: &Args) -> u64 {
    NOT_FOUND
}

/// acpi_disabled(subsystem): all of it.
fn acpi_disabled(_args: &Args) -> u64 {
    1
}

fn smbus_request_bus(_args: &Args) -> u64 {
    errno::ENXIO as u64
}

/// Any error of a bus that does not exist.
fn smbus_error(args: &Args) -> u64 {
    match args.i32(0) {
        0 => 0,
        _ => errno::EIO as u64,
    }
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("pci_cfgregread", pci_cfgregread),
        ("pci_find_device", pci_find_device),
        ("pci_find_bsf", pci_find_device),
        ("pci_find_dbsf", pci_find_device),
        ("bios_sigsearch", bios_sigsearch),
        ("efi_get_table", efi_get_table),
        ("pmap_mapbios", pmap_mapbios),
        ("pmap_unmapdev", pmap_unmapbios),
        ("pmap_unmapbios", pmap_unmapbios),
        ("AcpiEvaluateObject", acpi_not_found),
        ("acpi_GetInteger", acpi_not_found),
        ("acpi_disabled", acpi_disabled),
        ("smbus_request_bus", smbus_request_bus),
        ("smbus_release_bus", smbus_request_bus),
        ("smbus_error", smbus_error),
    ]
}

pub fn data() -> &'static [Datum] {
    &[Datum {
        name: "active_efi_ops",
        size: 8,
        init: |at| mem::write(at, mem::kalloc(EFI_OPS_LEN, "struct efi_ops")),
    }]
}
