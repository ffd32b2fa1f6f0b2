// SPDX-License-Identifier: BSD-2-Clause
//! Verification: Get Watchdog Timer against what was set. A BMC that clamps, ignores or forgets
//! is reported once, set once more, and then taken at its word.

use super::ask::GRACE;
use super::{Guard, Known, Watchdog};
use crate::event::{Event, Events};
use crate::time::{Instant, MS, SEC};
use crate::wire::watchdog::{Reading, Timer};

/// Pause after an answer that says nothing, of a BMC that is busy.
const AGAIN: u64 = 500 * MS;
/// The expiration flag of SMS/OS use (section 27.7).
const EXPIRED: u8 = 0x10;
/// Pause before stopping a timer that the BMC did not stop.
const IGNORED: u64 = 5 * SEC;

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
    /// Nothing but the BMC's answers shows that it was reset.
    blind: bool,
    at: Option<Instant>,
    /// The BMC may have been reset since it was asked,
    doubts: bool,
    /// and asking came to nothing, so that something else has its turn.
    in_vain: bool,
    /// It may have been reset since it last said anything of its timer.
    suspected: bool,
    /// It said nothing of it when it was asked last.
    mute: bool,
    /// What the BMC said last, and when.
    pub(super) reading: Option<(Reading, Instant)>,
    found: Difference,
    told: bool,
    /// The timer was stopped, and has not been read back since.
    stopped: bool,
    /// A timer that nobody asked for was told of.
    told_unasked: bool,
}

impl Verification {
    pub(super) const fn new(blind: bool) -> Verification {
        Verification {
            blind,
            at: None,
            doubts: false,
            in_vain: false,
            suspected: false,
            mute: false,
            reading: None,
            found: Difference::None,
            told: false,
            stopped: false,
            told_unasked: false,
        }
    }

    /// Firmware left this timer, and that was told.
    pub(super) fn adopted(&mut self, reading: Reading, now: Instant) {
        self.reading = Some((reading, now));
        self.told_unasked = true;
    }

    /// A timer that nobody asks for is news.
    pub(super) fn tell_unasked(&mut self) {
        self.told_unasked = false;
    }

    /// A stop has not been read back yet.
    pub(super) fn awaits_stop(&self) -> bool {
        self.stopped
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

    /// The BMC may have been reset: ask before a Set hides what became of its timer.
    pub(super) fn doubt(&mut self, now: Instant) {
        self.soon(now);
        self.doubts = !self.in_vain;
        self.suspected = true;
    }

    pub(super) fn doubts(&self) -> bool {
        self.doubts
    }

    /// Get Watchdog Timer was answered, be it with nothing that can be read: may the BMC have
    /// been reset since it last was? One that starts is busy, and that may be all that shows.
    fn answered(&mut self, mute: bool) -> bool {
        self.doubts = false;
        let was_mute = core::mem::replace(&mut self.mute, mute);
        core::mem::take(&mut self.suspected) || (self.blind && mute && !was_mute)
    }

    /// Get Watchdog Timer was not answered, or another command was.
    pub(super) fn in_vain(&mut self, in_vain: bool) {
        self.in_vain = in_vain;
        self.doubts &= !in_vain;
    }

    /// The timer was stopped at `now`: see whether it was.
    pub(super) fn stop(&mut self, now: Instant) {
        self.at = Some(now);
        self.found = Difference::None;
        self.stopped = true;
    }
}

fn difference(reading: &Reading, timer: &Timer) -> Difference {
    if !reading.running() {
        Difference::Stopped
    } else if reading.use_ & 7 != 4
        || reading.actions & 7 != timer.actions & 7
        // Reset would restart nothing for that much longer.
        || reading.pretimeout > timer.pretimeout
    {
        Difference::Other
    } else if reading.initial != timer.countdown {
        Difference::Countdown(reading.initial)
    } else {
        Difference::None
    }
}

impl Watchdog {
    /// Get Watchdog Timer was answered with `reading`, or with nothing that can be read.
    pub(super) fn verified(
        &mut self,
        reading: Option<Reading>,
        started: Instant,
        now: Instant,
        events: &mut Events,
    ) {
        self.verification.at = None;
        let suspected = self.verification.answered(reading.is_none());
        let Some(reading) = reading else {
            self.verification.at = Some(now.plus(AGAIN));
            self.verification.stopped = false;
            // Whether it counts it does not say, so it is made to.
            if suspected && self.wanted() {
                self.must_set = true;
                self.again();
            }
            return;
        };
        self.verification.reading = Some((reading, now));
        if !self.wanted() {
            return self.seen_unasked(reading, now, events);
        }
        self.seen_running(&reading, started, now, events);
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

    /// Is the BMC counting, and if not, is that new?
    fn seen_running(
        &mut self,
        reading: &Reading,
        started: Instant,
        now: Instant,
        events: &mut Events,
    ) {
        if reading.running() {
            self.record.counted = started;
            return;
        }
        if reading.expired & EXPIRED != 0 && self.overdue(now) {
            // It has acted, which may take its time.
            self.hold = now.plus(GRACE);
        }
        if self.known != Known::Counting && self.guard.is_some() {
            // Not the Set that is under way, but the timer before it is gone.
            self.record.rearmed = self.record.rearmed.saturating_add(1);
            self.open_gap(self.record.counted, Event::Lost, events);
            self.forget();
        }
    }

    /// The BMC's timer, as it was read back while the host wants none.
    fn seen_unasked(&mut self, reading: Reading, now: Instant, events: &mut Events) {
        if self.served < self.serial {
            // It is about to be stopped.
            return;
        }
        let stopped = core::mem::replace(&mut self.verification.stopped, false);
        if !reading.running() {
            self.verification.told_unasked = false;
            (self.adopted, self.may_count) = (None, None);
            return;
        }
        self.may_count = Some(reading.timer());
        if self.adopted.is_some() {
            return;
        }
        if !core::mem::replace(&mut self.verification.told_unasked, true) {
            events.push(Event::Unasked(reading));
        }
        if self.known == Known::Stopped {
            self.known = Known::Unknown;
        }
        if stopped {
            // It said that it did, and did not.
            self.again();
            self.hold = now.plus(IGNORED);
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
        self.again();
    }

    /// Verifies again before `interval` nanoseconds are over, 0 for never, if nothing else is
    /// planned. Called every `tick`, by which it may be late.
    pub fn schedule(&mut self, now: Instant, interval: u64, tick: u64) {
        if self.verification.at.is_none() && interval > 0 {
            self.verification.at = Some(now.plus(interval.saturating_sub(tick)));
        }
    }
}
