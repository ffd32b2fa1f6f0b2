// SPDX-License-Identifier: BSD-2-Clause
//! Memory of the firmware, and the tables that this machine does not have: a search there comes back
//! empty; must not know who searches.

use crate::args::{Args, Import};
use crate::imports::Datum;
use crate::mem;
use crate::registers;
use crate::subsystems::errno;
use crate::with;

/// sizeof(struct efi_ops).
const EFI_OPS_LEN: usize = 12 * 8;

/// No signature anywhere in the BIOS.
fn bios_sigsearch(_args: &Args) -> u64 {
    0
}

fn efi_get_table(_args: &Args) -> u64 {
    errno::ENXIO as u64
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
        init: |at| mem::write(at, mem::kalloc(EFI_OPS_LEN, "struct efi_ops")),
    }]
}
