// SPDX-License-Identifier: BSD-2-Clause
//! Memory of the firmware, and the tables that EFI knows; must not know who searches.

use crate::args::{Args, Import};
use crate::imports::{self, Datum};
use crate::mem;
use crate::registers;
use crate::subsystems::errno;
use crate::with;

/// sizeof(struct efi_ops).
const EFI_OPS_LEN: usize = 12 * 8;
/// Where it has get_table.
const EFI_GET_TABLE: u64 = 8;

/// No signature anywhere in the BIOS.
fn bios_sigsearch(_args: &Args) -> u64 {
    0
}

/// efi_get_table(guid, address).
fn efi_get_table(args: &Args) -> u64 {
    let guid = mem::bytes(args.u64(0), 16);
    let tables = with(|k| k.hardware.efi());
    match tables.iter().find(|(name, _)| name[..] == guid[..]) {
        Some((_, address)) => {
            mem::write(args.u64(1), *address);
            0
        }
        None => errno::ENXIO as u64,
    }
}

/// Memory of the firmware: zero but for what the hardware says is there.
fn pmap_mapbios(args: &Args) -> u64 {
    let (physical, len) = (args.u64(0), args.u64(1));
    let address = mem::kalloc(len as usize, "firmware memory");
    for (base, bytes) in with(|k| k.hardware.firmware()) {
        let from = base.max(physical);
        let to = (base + bytes.len() as u64).min(physical.saturating_add(len));
        if from < to {
            let part = (from - base) as usize..(to - base) as usize;
            mem::put(address + (from - physical), &bytes[part]);
        }
    }
    with(|k| k.sub.newbus.firmware.insert(address));
    address
}

/// Registers of a device.
fn pmap_mapdev(args: &Args) -> u64 {
    registers::map(args.u64(0), args.u64(1))
}

fn pmap_unmapdev(args: &Args) -> u64 {
    let address = args.u64(0);
    match with(|k| k.sub.newbus.firmware.remove(&address)) {
        true => mem::kfree(address),
        false => registers::unmap(address),
    }
    0
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("bios_sigsearch", bios_sigsearch),
        ("efi_get_table", efi_get_table),
        ("pmap_mapbios", pmap_mapbios),
        ("pmap_mapdev", pmap_mapdev),
        ("pmap_unmapdev", pmap_unmapdev),
        ("pmap_unmapbios", pmap_unmapdev),
    ]
}

pub fn data() -> &'static [Datum] {
    &[Datum {
        name: "active_efi_ops",
        size: 8,
        init: |at| {
            let ops = mem::kalloc(EFI_OPS_LEN, "struct efi_ops");
            mem::write(ops + EFI_GET_TABLE, imports::stub("efi_get_table"));
            mem::write(at, ops);
        },
    }]
}
