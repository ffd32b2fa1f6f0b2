// SPDX-License-Identifier: BSD-2-Clause
//! What is known of the watchdog without the lock: to an NMI, to a veto, and to a pat that finds the
//! lock held by who never runs again.

use crate::latch::Latch;

/// All of it as of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// The six bytes of the Set Watchdog Timer last confirmed, low byte first; 0 for none.
    pub armed: u64,
    /// Before when the BMC cannot reach its pre-timeout, by what it last confirmed, in nanoseconds
    /// since boot; 0 if that is not known.
    pub pretimeout_from: u64,
    /// Until when the host is healthy by its own pats, in nanoseconds since boot.
    pub healthy_until: u64,
    /// The pre-timeout interrupt of a timer that the BMC may be counting down, in bits 2:0 as in its
    /// actions (section 27.6); 0 for none.
    pub interrupt: u8,
}

impl Published {
    /// Replaces what was published; the lock is held.
    pub fn write(&self, latch: &Latch<4>) {
        latch.write([
            self.armed,
            self.pretimeout_from,
            self.healthy_until,
            u64::from(self.interrupt),
        ]);
    }

    /// What was published last.
    pub fn read(latch: &Latch<4>) -> Published {
        let [armed, pretimeout_from, healthy_until, interrupt] = latch.read();
        Published {
            armed,
            pretimeout_from,
            healthy_until,
            interrupt: interrupt as u8,
        }
    }
}
