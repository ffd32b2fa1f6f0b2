// SPDX-License-Identifier: BSD-2-Clause
//! Where C hands over what firmware tables hold: memory is mapped there and read here.

use super::bindings::{self, ipmi_place};
use crate::wire::interface::Kind;
use crate::wire::smbios::{self, EntryPoint, Place};

/// The bytes that C has mapped.
///
/// # Safety
///
/// `length` bytes can be read at `bytes` and do not change while the result is in use.
unsafe fn mapped<'a>(bytes: *const u8, length: usize) -> &'a [u8] {
    // SAFETY: By the contract.
    unsafe { core::slice::from_raw_parts(bytes, length) }
}

/// The SMBIOS entry point in memory: where the table is, and its length.
///
/// # Safety
///
/// `length` bytes can be read at `bytes` and do not change meanwhile; `table` and `size` can be
/// written.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_smbios_entry(
    bytes: *const u8,
    length: usize,
    table: *mut u64,
    size: *mut u32,
) -> bool {
    // SAFETY: By the contract.
    let Some(entry) = EntryPoint::search(unsafe { mapped(bytes, length) }) else {
        return false;
    };
    // SAFETY: By the contract.
    unsafe {
        table.write(entry.table);
        size.write(entry.length);
    }
    true
}

/// Where the SMBIOS table says that the BMC is; false if it does not.
///
/// # Safety
///
/// `length` bytes can be read at `bytes` and do not change meanwhile; `place` can be written.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_smbios_find(
    bytes: *const u8,
    length: usize,
    place: *mut ipmi_place,
) -> bool {
    // SAFETY: By the contract.
    let Some(found) = smbios::described(unsafe { mapped(bytes, length) }) else {
        return false;
    };
    let (kind, space, address, spacing) = match found.place {
        Place::Port(kind, port, spacing) => {
            let space = bindings::ipmi_space_IPMI_SPACE_PORT;
            (kind, space, u64::from(port), spacing as u32)
        }
        Place::Memory(kind, address, spacing) => {
            let space = bindings::ipmi_space_IPMI_SPACE_MEMORY;
            (kind, space, address, spacing as u32)
        }
        Place::Smbus(address) => {
            let space = bindings::ipmi_space_IPMI_SPACE_SMBUS;
            (Kind::Ssif, space, u64::from(address), 0)
        }
    };
    let line = found.interrupt.and_then(|interrupt| interrupt.line);
    let told = ipmi_place {
        interface: number(kind),
        space,
        address,
        spacing,
        irq: found.interrupt.map_or(0, |it| it.number.into()),
        irq_told: line.is_some(),
        irq_level: line.is_some_and(|line| line.level),
        irq_high: line.is_some_and(|line| line.high),
    };
    // SAFETY: By the contract.
    unsafe { place.write(told) };
    true
}

fn number(kind: Kind) -> bindings::ipmi_interface {
    match kind {
        Kind::Kcs => bindings::ipmi_interface_IPMI_KCS,
        Kind::Smic => bindings::ipmi_interface_IPMI_SMIC,
        Kind::Bt => bindings::ipmi_interface_IPMI_BT,
        Kind::Ssif => bindings::ipmi_interface_IPMI_SSIF,
    }
}
