// SPDX-License-Identifier: BSD-2-Clause
//! A timer that firmware left running and that is kept from its end. Pure; does not know why.

use crate::time::{Instant, MS, SEC};
use crate::wire::watchdog::Reading;

/// A timer of firmware's that the driver keeps from expiring until the host's first pat.
#[derive(Clone, Copy)]
pub(super) struct Adopted {
    /// What Set Watchdog Timer would be told to make it what it is.
    pub(super) payload: [u8; 6],
    pub(super) countdown: u64,
    /// From a restart to the pre-timeout, after which Reset restarts nothing.
    span: u64,
    pub(super) next: Instant,
    /// That may have passed: it is to be set anew before it is restarted.
    pub(super) renew: bool,
    /// When it acts if it is not restarted.
    pub(super) end: Instant,
    /// The last try to restart it came to nothing.
    pub(super) untaken: bool,
}

impl Adopted {
    pub(super) fn new(reading: &Reading, now: Instant) -> Adopted {
        let countdown = u64::from(reading.initial).saturating_mul(100 * MS);
        let before = u64::from(reading.pretimeout).saturating_mul(SEC);
        let left = u64::from(reading.present).saturating_mul(100 * MS);
        let [low, high] = reading.initial.to_le_bytes();
        Adopted {
            payload: [
                reading.use_ | 0x40,
                reading.actions,
                reading.pretimeout,
                0,
                low,
                high,
            ],
            countdown,
            span: countdown.saturating_sub(before),
            next: now,
            renew: before > 0 && left <= before.saturating_add(SEC),
            end: now.plus(left),
            untaken: false,
        }
    }

    /// It counts anew, from `started` at least.
    pub(super) fn restarted(&mut self, started: Instant, now: Instant) {
        self.next = now.plus(self.pause());
        self.end = started.plus(self.countdown);
        self.untaken = false;
    }

    /// Until it is restarted again.
    pub(super) fn pause(&self) -> u64 {
        (self.span.min(self.countdown) / 3).max(100 * MS)
    }

    /// It was not restarted, for all that is known.
    pub(super) fn try_again(&mut self, now: Instant) {
        self.renew = self.span < self.countdown;
        self.next = now.plus(500 * MS);
        self.untaken = true;
    }
}
