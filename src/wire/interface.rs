// SPDX-License-Identifier: BSD-2-Clause
//! The system interfaces, and what a BMC says of its own: Get BT Interface Capabilities. Knows
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
