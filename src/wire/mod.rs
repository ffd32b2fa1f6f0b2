// SPDX-License-Identifier: BSD-2-Clause
//! IPMI messages as types: bytes are read and written here and nowhere else.
//!
//! Command numbers and layouts are those of the IPMI 2.0 specification; each item names
//! its section. Nothing here knows how a message travels.

pub mod device;
pub mod interface;
pub mod ipmb;
pub mod message;
pub mod sel;
pub mod smbios;
pub mod watchdog;

pub use message::{Arrival, DriverReply, Message, Reply, REPLY_MAX, REQUEST_MAX};

/// Network function codes of requests (table 5-1); a reply's is one higher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetFn(u8);

impl NetFn {
    /// Chassis requests.
    pub const CHASSIS: NetFn = NetFn(0x00);
    /// Sensor and event requests.
    pub const SENSOR: NetFn = NetFn(0x04);
    /// Application requests.
    pub const APP: NetFn = NetFn(0x06);
    /// Storage requests.
    pub const STORAGE: NetFn = NetFn(0x0a);

    /// The network function `code`, of which six bits travel.
    pub const fn new(code: u8) -> NetFn {
        NetFn(code & 0x3f)
    }

    /// The first byte of a message: network function and LUN.
    pub const fn with_lun(self, lun: u8) -> u8 {
        (self.0 << 2) | (lun & 3)
    }
}

/// Completion codes that this driver acts on (table 5-2).
pub mod completion {
    /// Command completed normally.
    pub const OK: u8 = 0x00;
    /// Reset Watchdog Timer: the timer was never set (section 27.5).
    pub const NOT_INITIALISED: u8 = 0x80;
    /// Node busy: the command may be tried again.
    pub const NODE_BUSY: u8 = 0xc0;
    /// Timeout while processing the command.
    pub const TIMEOUT: u8 = 0xc3;
    /// The BMC initialises itself: its responses are not yet to be had.
    pub const STARTING: u8 = 0xd2;

    /// Does the code mean that the command is not supported, now or later?
    pub fn says_no(code: u8) -> bool {
        // Invalid command, also for this LUN; parameter, data field; privilege; disabled.
        matches!(code, 0xc1 | 0xc2 | 0xc7 | 0xc9 | 0xcc | 0xd4 | 0xd6)
    }
}
