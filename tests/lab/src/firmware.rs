// SPDX-License-Identifier: BSD-2-Clause
//! What a BIOS leaves in memory for a machine whose BMC is on the SMBus: an SMBIOS 3 entry point and
//! a table with a structure of type 38. Must not know who reads it.

use ipmi_bmc::SSIF_ADDRESS;

/// Where it is, in the region that is searched.
const ENTRY: u64 = 0xf_0040;
const TABLE: u64 = 0xf_1000;

/// (address, bytes) of each.
pub fn tables() -> Vec<(u64, Vec<u8>)> {
    // Type 38, 18 bytes, IPMI 2.0, SSIF at that address; then the end of the table.
    let mut table = vec![38, 18, 0, 0, 4, 0x20, SSIF_ADDRESS, 0];
    table.extend(u64::from(SSIF_ADDRESS).to_le_bytes());
    table.extend([0, 0, 0, 0, 127, 4, 1, 0, 0, 0]);
    let mut entry = b"_SM3_\0\x18\x03\x00\x00\x01\x00".to_vec();
    entry.extend((table.len() as u32).to_le_bytes());
    entry.extend(TABLE.to_le_bytes());
    let sum = entry.iter().fold(0u8, |sum, byte| sum.wrapping_sub(*byte));
    entry[5] = sum;
    vec![(ENTRY, entry), (TABLE, table)]
}
