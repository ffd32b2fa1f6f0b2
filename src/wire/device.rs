// SPDX-License-Identifier: BSD-2-Clause
//! Messages that identify a BMC: device id, message flags, channels, chassis control, SEL.

use super::{Message, NetFn};
use crate::line::Line;

/// Get Device ID (section 20.1).
pub fn device_id() -> Message {
    Message::new(NetFn::APP, 0x01, &[])
}

/// Clear Message Flags (section 22.3) with the receive queue, event buffer and pre-timeout bits.
pub fn clear_flags(flags: u8) -> Message {
    Message::new(NetFn::APP, 0x30, &[flags])
}

/// The bits of the message flags: a message waits in the receive queue,
pub const MESSAGE: u8 = 0x01;
/// the event message buffer is full,
pub const EVENT: u8 = 0x02;
/// the watchdog's pre-timeout has passed.
pub const PRETIMEOUT: u8 = 0x08;

/// The bit of the global enables that lets events into their buffer (section 22.1).
pub const EVENT_BUFFER: u8 = 0x04;

/// Those of the interrupts for a message in the receive queue, which on KCS is also that for every
/// byte, and for an event in the buffer.
pub const INTERRUPTS: u8 = 0x03;

/// Get BMC Global Enables (section 22.2).
pub fn global_enables() -> Message {
    Message::new(NetFn::APP, 0x2f, &[])
}

/// Set BMC Global Enables (section 22.1).
pub fn enable(enables: u8) -> Message {
    Message::new(NetFn::APP, 0x2e, &[enables])
}

/// Get Message Flags (section 22.4).
pub fn message_flags() -> Message {
    Message::new(NetFn::APP, 0x31, &[])
}

/// Get Channel Info (section 22.24).
pub fn channel_info(channel: u8) -> Message {
    Message::new(NetFn::APP, 0x42, &[channel])
}

/// Chassis Control, power cycle (section 28.3).
pub fn power_cycle() -> Message {
    Message::new(NetFn::CHASSIS, 0x02, &[0x02])
}

/// What Get Device ID tells (table 20-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceId {
    /// Device id, 0 where unspecified.
    pub id: u8,
    /// Device revision, four bits.
    pub revision: u8,
    /// Major firmware revision, seven bits.
    pub firmware_major: u8,
    /// Minor firmware revision, BCD.
    pub firmware_minor: u8,
    /// IPMI version, BCD with the least significant digit in bits 7:4.
    pub version: u8,
    /// Additional device support; bit 7 is the chassis device.
    pub support: u8,
    /// Manufacturer id, 20 bits (IANA), 0 where the reply is too short.
    pub manufacturer: u32,
    /// Product id, 0 where the reply is too short.
    pub product: u16,
}

impl DeviceId {
    /// Nothing known.
    pub const UNKNOWN: DeviceId = DeviceId {
        id: 0,
        revision: 0,
        firmware_major: 0,
        firmware_minor: 0,
        version: 0,
        support: 0,
        manufacturer: 0,
        product: 0,
    };

    /// Reads the reply's data; `None` if it is shorter than IPMI 0.9 made it (6 bytes).
    pub fn parse(data: &[u8]) -> Option<DeviceId> {
        let [id, revision, major, minor, version, support, rest @ ..] = data else {
            return None;
        };
        let (manufacturer, product) = match rest {
            [a, b, c, d, e, ..] => (
                u32::from_le_bytes([*a, *b, *c & 0x0f, 0]),
                u16::from_le_bytes([*d, *e]),
            ),
            _ => (0, 0),
        };
        Some(DeviceId {
            id: *id,
            revision: revision & 0x0f,
            firmware_major: major & 0x7f,
            firmware_minor: *minor,
            version: *version,
            support: *support,
            manufacturer,
            product,
        })
    }

    /// Writes the firmware's revision.
    pub fn describe_firmware(&self, line: &mut Line) {
        let (tens, ones) = (self.firmware_minor >> 4, self.firmware_minor & 15);
        line.dec(u64::from(self.firmware_major)).text(".");
        line.dec(u64::from(tens)).dec(u64::from(ones));
    }

    /// Writes the version of IPMI that it follows.
    pub fn describe_version(&self, line: &mut Line) {
        let (minor, major) = (self.version >> 4, self.version & 15);
        line.dec(u64::from(major)).text(".").dec(u64::from(minor));
    }

    /// Can the BMC switch the host's power (chassis device, bit 7)?
    pub fn is_chassis(&self) -> bool {
        self.support & 0x80 != 0
    }
}
