// SPDX-License-Identifier: BSD-2-Clause
//! What `ipmitool mc watchdog get` makes of the bytes of Get Watchdog Timer (IPMI 2.0, 27.7).
//! Knows bytes and words, not drivers.

use crate::span::{Ns, MS};

/// The reply decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct McWatchdog {
    /// 1 BIOS FRB2, 2 BIOS/POST, 3 OS Load, 4 SMS/OS, 5 OEM.
    pub timer_use: u8,
    pub running: bool,
    /// 0 none, 1 hard reset, 2 power down, 3 power cycle.
    pub action: u8,
    /// Pre-timeout interrupt: 0 none, 1 SMI, 2 NMI, 3 messaging.
    pub interrupt: u8,
    pub pretimeout_s: u8,
    /// Timer use expiration flags.
    pub expired: u8,
    /// Units of 100 ms, as the two below.
    pub initial: u16,
    pub present: u16,
}

/// The unit of both countdowns.
pub const TENTH: Ns = 100 * MS;

impl McWatchdog {
    /// `None` if the reply's data, completion code aside, is shorter than eight bytes.
    pub fn decode(data: &[u8]) -> Option<McWatchdog> {
        let &[first, actions, pretimeout_s, expired, a, b, c, d, ..] = data else {
            return None;
        };
        Some(McWatchdog {
            timer_use: first & 0x07,
            running: first & 0x40 != 0,
            action: actions & 0x07,
            interrupt: actions >> 4 & 0x07,
            pretimeout_s,
            expired,
            initial: u16::from_le_bytes([a, b]),
            present: u16::from_le_bytes([c, d]),
        })
    }

    /// The byte of actions as the driver shows it: action and interrupt in one.
    pub fn actions(&self) -> u8 {
        self.interrupt << 4 | self.action
    }
}

impl std::fmt::Display for McWatchdog {
    /// In one line what ipmitool says in seven.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let uses = [
            "reserved",
            "BIOS FRB2",
            "BIOS/POST",
            "OS Load",
            "SMS/OS",
            "OEM",
        ];
        let actions = ["no action", "hard reset", "power down", "power cycle"];
        let word =
            |of: &[&'static str], n: u8| of.get(usize::from(n)).copied().unwrap_or("reserved");
        write!(
            f,
            "{}, {}, {}, initial {} s, present {} s",
            word(&uses, self.timer_use),
            if self.running { "running" } else { "stopped" },
            word(&actions, self.action),
            self.initial / 10,
            self.present / 10
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_ipmitool_come_out_of_the_bytes() {
        let data = [0x44, 0x23, 32, 0x10, 0x00, 0x05, 0xf0, 0x04];
        let decoded = McWatchdog::decode(&data).unwrap();
        assert_eq!(
            decoded.to_string(),
            "SMS/OS, running, power cycle, initial 128 s, present 126 s"
        );
        assert_eq!((decoded.interrupt, decoded.pretimeout_s), (2, 32));
        assert_eq!((decoded.expired, decoded.actions()), (0x10, 0x23));
    }

    #[test]
    fn a_timer_that_firmware_stopped_is_told_as_such() {
        let data = [0x82, 0x01, 0, 0, 0x58, 0x02, 0, 0];
        let decoded = McWatchdog::decode(&data).unwrap();
        assert_eq!(
            decoded.to_string(),
            "BIOS/POST, stopped, hard reset, initial 60 s, present 0 s"
        );
    }

    #[test]
    fn a_short_reply_is_none() {
        assert_eq!(McWatchdog::decode(&[0x44, 3, 0, 0, 0, 5, 0]), None);
    }
}
