// SPDX-License-Identifier: BSD-2-Clause
//! Application commands of the device itself (IPMI 2.0, sections 20 and 27): identity, resets,
//! self test, power states, watchdog.

use crate::message::{exactly, Answer};
use crate::Bmc;

/// The BMC's GUID, little endian as Get Device GUID has it.
pub(crate) const GUID: [u8; 16] = [
    0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe, 0x11, 0x4e, 0xb7, 0x6a, 0x5c, 0x2d, 0x1f, 0x00,
];

/// Device ID: SDRs provided; firmware 2.45; IPMI 2.0; sensors, SDR, SEL, FRU, IPMB, chassis.
const DEVICE_ID: [u8; 15] = [
    0x20, 0x81, 0x02, 0x45, 0x02, 0xbf, 0xf2, 0x1b, 0x00, 0x01, 0x10, 0x00, 0x00, 0x00, 0x01,
];

pub(super) fn run(bmc: &mut Bmc, cmd: u8, data: &[u8]) -> Option<Answer> {
    Some(match cmd {
        0x01 => exactly::<0>(data).map(|_| DEVICE_ID.to_vec()),
        0x02 => reset(bmc, data, bmc.config.cold_reset),
        0x03 => reset(bmc, data, bmc.config.warm_reset),
        // 55h: no error.
        0x04 => exactly::<0>(data).map(|_| vec![0x55, 0x00]),
        0x06 => exactly::<2>(data).map(|_| Vec::new()),
        // S0/G0 working, D0.
        0x07 => exactly::<0>(data).map(|_| vec![0x00, 0x00]),
        0x08 => exactly::<0>(data).map(|_| GUID.to_vec()),
        0x22 => bmc.watchdog.reset(data, bmc.now),
        0x24 => set_watchdog(bmc, data),
        0x25 => bmc.watchdog.get(data, bmc.now),
        _ => return super::messaging::run(bmc, cmd, data),
    })
}

fn reset(bmc: &mut Bmc, data: &[u8], reboot_for: u64) -> Answer {
    exactly::<0>(data)?;
    bmc.reset_soon(reboot_for);
    Ok(Vec::new())
}

fn set_watchdog(bmc: &mut Bmc, data: &[u8]) -> Answer {
    let spoil = bmc.watchdog_spoil();
    if bmc.watchdog.set(data, spoil, bmc.now)? {
        bmc.messaging.clear_pretimeout();
    }
    Ok(Vec::new())
}
