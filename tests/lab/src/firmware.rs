// SPDX-License-Identifier: BSD-2-Clause
//! What a BIOS leaves in memory for a machine with a BMC: an entry point and a table with a structure
//! of type 38. Must not know who reads it.

use ipmi_bmc::SSIF_ADDRESS;

use crate::board::Registers;
use crate::transport::Transport;

/// Where the entry point is, in the region that is searched.
const ENTRY: u64 = 0xf_0040;

/// An SMBIOS.
#[derive(Clone, Copy, Debug)]
pub struct Smbios {
    /// The version of the entry point: 3, or 2, which has room for 32 bits of address.
    pub version: u8,
    /// Where the table is.
    pub table: u64,
}

impl Default for Smbios {
    fn default() -> Smbios {
        Smbios {
            version: 3,
            table: 0xf_1000,
        }
    }
}

impl Smbios {
    /// (address, bytes) of entry point and table, which describe such a BMC with registers side by side.
    pub fn bytes(self, transport: Transport) -> Vec<(u64, Vec<u8>)> {
        let table = structures(transport);
        let entry = match self.version {
            3 => self.entry_3(table.len()),
            _ => self.entry_2(table.len()),
        };
        vec![(ENTRY, entry), (self.table, table)]
    }

    fn entry_3(self, length: usize) -> Vec<u8> {
        let mut entry = b"_SM3_\0\x18\x03\x00\x00\x01\x00".to_vec();
        entry.extend((length as u32).to_le_bytes());
        entry.extend(self.table.to_le_bytes());
        seal(&mut entry, 5);
        entry
    }

    fn entry_2(self, length: usize) -> Vec<u8> {
        let mut inner = b"_DMI_\0".to_vec();
        inner.extend((length as u16).to_le_bytes());
        inner.extend((self.table as u32).to_le_bytes());
        inner.extend([2, 0, 0x28]);
        seal(&mut inner, 5);
        let mut entry = b"_SM_\0\x1f\x02\x08\x40\0\0\0\0\0\0\0".to_vec();
        entry.extend(inner);
        seal(&mut entry, 4);
        entry
    }
}

/// Makes the sum of all bytes zero by the one at `at`.
fn seal(bytes: &mut [u8], at: usize) {
    bytes[at] = bytes.iter().fold(0u8, |sum, byte| sum.wrapping_sub(*byte));
}

/// Type 38, 18 bytes, IPMI 2.0; then the end of the table.
fn structures(transport: Transport) -> Vec<u8> {
    let (interface, slave) = match transport {
        Transport::Kcs | Transport::KcsMem => (1, 0x20),
        Transport::Smic => (2, 0x20),
        Transport::Bt => (3, 0x20),
        Transport::Ssif => (4, SSIF_ADDRESS),
    };
    // The lowest bit tells ports from memory; the address's own is in the modifier.
    let (base, modifier) = match transport.registers(1) {
        Registers::Ports { base, .. } => (u64::from(base) | 1, (base as u8 & 1) << 4),
        Registers::Memory { base, .. } => (base & !1, (base as u8 & 1) << 4),
        Registers::Smbus => (u64::from(SSIF_ADDRESS), 0),
    };
    let mut table = vec![38, 18, 0, 0, interface, 0x20, slave, 0];
    table.extend(base.to_le_bytes());
    table.extend([modifier, 0, 0, 0, 127, 4, 1, 0, 0, 0]);
    table
}
