// SPDX-License-Identifier: BSD-2-Clause
//! The BMC watchdog timer on the wire (section 27): Set, Reset, Get. Knows bytes and units, not
//! what anybody wants.

use super::{Message, NetFn};

/// The longest countdown in the timer's unit of 100 ms: 6553 whole seconds.
pub const COUNTDOWN_MAX: u16 = 65530;

const DONT_STOP: u8 = 0x40;
const USE_SMS_OS: u8 = 0x04;

/// What Set Watchdog Timer programs (section 27.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer {
    /// Timer action in bits 2:0, pre-timeout interrupt in bits 6:4.
    pub actions: u8,
    /// Seconds before the end at which the pre-timeout interrupt comes; 0 for none.
    pub pretimeout: u8,
    /// Countdown in units of 100 ms, 1 to [`COUNTDOWN_MAX`].
    pub countdown: u16,
}

impl Timer {
    /// The countdown in nanoseconds.
    pub fn countdown_ns(&self) -> u64 {
        u64::from(self.countdown).saturating_mul(100_000_000)
    }

    /// From the last restart to the pre-timeout in nanoseconds, where the BMC counts down from
    /// `granted` units of 100 ms; after it only Set restarts the countdown (section 27.5).
    pub fn to_pretimeout_ns(&self, granted: u16) -> u64 {
        let before = u64::from(self.pretimeout).saturating_mul(1_000_000_000);
        u64::from(granted)
            .saturating_mul(100_000_000)
            .saturating_sub(before)
    }

    /// The request that programs this timer for SMS/OS use, without stopping it.
    pub fn set(&self) -> Message {
        Message::new(NetFn::APP, 0x24, &self.payload())
    }

    /// The six data bytes of [`Timer::set`].
    pub fn payload(&self) -> [u8; 6] {
        let [low, high] = self.countdown.to_le_bytes();
        let use_ = USE_SMS_OS | DONT_STOP;
        [use_, self.actions, self.pretimeout, 0, low, high]
    }
}

/// Set Watchdog Timer with the data bytes of a timer that somebody else set.
pub fn renew(payload: &[u8; 6]) -> Message {
    Message::new(NetFn::APP, 0x24, payload)
}

/// Set Watchdog Timer that stops the timer (section 27.6).
pub fn stop() -> Message {
    Message::new(NetFn::APP, 0x24, &[USE_SMS_OS, 0, 0, 0, 0, 0])
}

/// Reset Watchdog Timer: start, or restart, the countdown (section 27.5).
pub fn reset() -> Message {
    Message::new(NetFn::APP, 0x22, &[])
}

/// Get Watchdog Timer (section 27.7).
pub fn get() -> Message {
    Message::new(NetFn::APP, 0x25, &[])
}

/// What Get Watchdog Timer answers (section 27.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Timer use: bits 2:0 the use, bit 6 running, bit 7 don't log.
    pub use_: u8,
    /// Timer action in bits 2:0, pre-timeout interrupt in bits 6:4.
    pub actions: u8,
    /// Pre-timeout interval in seconds.
    pub pretimeout: u8,
    /// Expiration flags, a bit for each use.
    pub expired: u8,
    /// The countdown last set, in units of 100 ms.
    pub initial: u16,
    /// What is left of it, in units of 100 ms.
    pub present: u16,
}

impl Reading {
    /// Reads the reply's data; `None` if it is shorter than eight bytes.
    pub fn parse(data: &[u8]) -> Option<Reading> {
        let [use_, actions, pretimeout, expired, a, b, c, d, ..] = data else {
            return None;
        };
        Some(Reading {
            use_: *use_,
            actions: *actions,
            pretimeout: *pretimeout,
            expired: *expired,
            initial: u16::from_le_bytes([*a, *b]),
            present: u16::from_le_bytes([*c, *d]),
        })
    }

    /// What Set was told to make it this timer, but for its use.
    pub fn timer(&self) -> Timer {
        Timer {
            actions: self.actions,
            pretimeout: self.pretimeout,
            countdown: self.initial,
        }
    }

    /// Is the timer counting?
    pub fn running(&self) -> bool {
        self.use_ & 0x40 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_is_what_the_specification_prints() {
        let timer = Timer {
            actions: 0x03,
            pretimeout: 32,
            countdown: 1280,
        };
        assert_eq!(
            timer.set().as_bytes(),
            [0x18, 0x24, 0x44, 0x03, 32, 0, 0x00, 0x05]
        );
        assert_eq!(stop().as_bytes(), [0x18, 0x24, 0x04, 0, 0, 0, 0, 0]);
        assert_eq!(timer.to_pretimeout_ns(1280), 96_000_000_000);
        assert_eq!(timer.to_pretimeout_ns(600), 28_000_000_000);
    }

    #[test]
    fn a_short_reading_is_no_reading() {
        let data = [0x44, 3, 32, 0, 0, 5, 0xf0, 4];
        assert_eq!(Reading::parse(&data[..7]), None);
        let reading = Reading::parse(&data).unwrap();
        assert!(reading.running());
        assert_eq!((reading.initial, reading.present), (1280, 1264));
    }
}
