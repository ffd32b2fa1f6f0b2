// SPDX-License-Identifier: BSD-2-Clause
//! The system interfaces, and what a BMC says of its own capabilities. Knows
//! sizes and times, not how messages travel.

use super::{Message, NetFn};

/// The system interfaces (IPMI 2.0, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Keyboard Controller Style.
    Kcs,
    /// Server Management Interface Chip.
    Smic,
    /// Block Transfer.
    Bt,
    /// SMBus System Interface.
    Ssif,
}

impl Kind {
    /// Can the interface be seen to have been reset with its BMC? Only KCS is left in a state of
    /// its own; the others look as idle as before.
    pub const fn shows_resets(self) -> bool {
        matches!(self, Kind::Kcs)
    }
}

/// Get BT Interface Capabilities (section 22.10).
pub fn bt_capabilities() -> Message {
    Message::new(NetFn::APP, 0x36, &[])
}

/// What Get BT Interface Capabilities answers (table 22-12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BtCapabilities {
    /// Largest length byte of a message that the BMC takes.
    pub input: u8,
    /// Seconds from request to response.
    pub response: u8,
    /// Recommended retries.
    pub retries: u8,
}

impl BtCapabilities {
    /// Reads the reply's data; `None` if it is shorter than five bytes.
    pub fn parse(data: &[u8]) -> Option<BtCapabilities> {
        let [_, input, _, response, retries, ..] = data else {
            return None;
        };
        Some(BtCapabilities {
            input: *input,
            response: *response,
            retries: *retries,
        })
    }
}

/// Get System Interface Capabilities (section 22.9) for SSIF.
pub fn ssif_capabilities() -> Message {
    Message::new(NetFn::APP, 0x57, &[0])
}

/// In how many parts a message may travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parts {
    /// In one.
    One,
    /// Start and end.
    Two,
    /// Start, any number of middle ones, end.
    Many,
}

/// What Get System Interface Capabilities answers for SSIF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SsifCapabilities {
    /// Parts that the BMC takes.
    pub parts: Parts,
    /// The longest request in bytes that it takes.
    pub input: u8,
}

impl SsifCapabilities {
    /// Reads the reply's data; `None` if it is shorter than three bytes or means nothing.
    pub fn parse(data: &[u8]) -> Option<SsifCapabilities> {
        let [_, support, input, ..] = data else {
            return None;
        };
        let parts = match support >> 6 {
            0 => Parts::One,
            1 => Parts::Two,
            2 => Parts::Many,
            _ => return None,
        };
        Some(SsifCapabilities {
            parts,
            input: *input,
        })
    }
}
