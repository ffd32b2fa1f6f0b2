// SPDX-License-Identifier: BSD-2-Clause
//! Verification: Get Watchdog Timer against what was set. A BMC that clamps, ignores or forgets
//! is reported once, set once more, and then taken at its word.

use super::{Guard, Watchdog};
use crate::event::{Event, Events};
use crate::time::{Instant, MS};
use crate::wire::watchdog::{Reading, Timer};

/// Pause after an answer that says nothing, of a BMC that is busy.
const AGAIN: u64 = 500 * MS;

/// How the BMC's timer differs from the one that was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Difference {
    None,
    Stopped,
    Countdown(u16),
    Other,
}

/// When to verify, and what was found.
pub(super) struct Verification {
    at: Option<Instant>,
    /// What the BMC said last, and when.
    pub(super) reading: Option<(Reading, Instant)>,
    found: Difference,
    told: bool,
}

impl Verification {
    pub(super) const fn new() -> Verification {
        Verification {
            at: None,
            reading: None,
            found: Difference::None,
            told: false,
        }
    }

    /// When the next one is due.
    pub(super) fn at(&self) -> Option<Instant> {
        self.at
    }

    pub(super) fn due(&self, now: Instant) -> bool {
        self.at.is_some_and(|at| now >= at)
    }

    /// Verify at once.
    pub(super) fn soon(&mut self, now: Instant) {
        self.at = Some(now);
    }

    /// Nothing to verify.
    pub(super) fn stop(&mut self) {
        self.at = None;
        self.found = Difference::None;
    }
}

fn difference(reading: &Reading, timer: &Timer) -> Difference {
    if !reading.running() {
        Difference::Stopped
    } else if reading.use_ & 7 != 4 || reading.actions & 7 != timer.actions & 7 {
        Difference::Other
    } else if reading.initial != timer.countdown {
        Difference::Countdown(reading.initial)
    } else {
        Difference::None
    }
}

impl Watchdog {
    /// Get Watchdog Timer was answered with `reading`, or with nothing that can be read.
    pub(super) fn verified(&mut self, reading: Option<Reading>, now: Instant, events: &mut Events) {
        self.verification.at = None;
        let Some(reading) = reading else {
            self.verification.at = Some(now.plus(AGAIN));
            return;
        };
        self.verification.reading = Some((reading, now));
        let Some(guard) = self.counting() else {
            return;
        };
        let timer = guard.timer;
        let found = difference(&reading, &timer);
        let before = core::mem::replace(&mut self.verification.found, found);
        match found {
            Difference::None => self.verification.told = false,
            Difference::Stopped if before == Difference::Stopped => self.relapsed(now, events),
            Difference::Stopped => self.lost(now, events),
            // Set it once more; if that changes nothing, this is what the BMC can do.
            _ if found != before => self.differs(found, timer, events),
            _ => {
                self.guard = Some(Guard {
                    granted: reading.initial,
                    ..guard
                });
            }
        }
    }

    fn differs(&mut self, found: Difference, timer: Timer, events: &mut Events) {
        if !core::mem::replace(&mut self.verification.told, true) {
            events.push(match found {
                Difference::Countdown(granted) => Event::Granted(timer.countdown, granted),
                _ => Event::Altered,
            });
        }
        self.record.rearmed = self.record.rearmed.saturating_add(1);
        self.must_set = true;
        self.served = self.served.min(self.serial.saturating_sub(1));
    }

    /// Verifies again before `interval` nanoseconds are over, 0 for never, if nothing else is
    /// planned. Called every `tick`, by which it may be late.
    pub fn schedule(&mut self, now: Instant, interval: u64, tick: u64) {
        if self.verification.at.is_none() && interval > 0 && self.wanted() {
            self.verification.at = Some(now.plus(interval.saturating_sub(tick)));
        }
    }
}
