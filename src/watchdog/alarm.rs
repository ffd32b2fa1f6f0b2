// SPDX-License-Identifier: BSD-2-Clause
//! The driver's own pre-timeout: at timeout minus pretimeout it tells apart a host that does not
//! pat from a BMC that does not take the pats. Runs from a callout, so also when no thread does.

use super::{Ask, Guard, Watchdog};
use crate::event::{Event, Events};
use crate::time::{Instant, SEC};

/// Seconds left by the driver's own reckoning at which a silent BMC is complained about again.
const LAST_WARNING: u64 = 10 * SEC;

/// What becomes of a host whose timeout has passed while a margin has not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expiry {
    Ahead,
    Due,
    Told,
}

/// What has been said since the last pat, and since the last confirmation.
pub(super) struct Alarm {
    no_pat: bool,
    expiry: Expiry,
    slow: u8,
}

impl Alarm {
    pub(super) const fn new() -> Alarm {
        Alarm {
            no_pat: false,
            expiry: Expiry::Ahead,
            slow: 0,
        }
    }

    /// A pat came.
    pub(super) fn patted(&mut self) {
        self.no_pat = false;
        self.expiry = Expiry::Ahead;
    }

    /// The BMC confirmed.
    pub(super) fn confirmed(&mut self) {
        self.slow = 0;
        if self.expiry == Expiry::Due {
            self.expiry = Expiry::Told;
        }
    }

    /// The timeout asked for has passed without a pat, and the BMC has yet to be told to act.
    pub(super) fn expires(&self) -> bool {
        self.expiry == Expiry::Due
    }
}

/// Nanoseconds from `now` to the pre-timeout of `ask`, 0 once it is due; `None` if it wants no
/// timer.
pub(super) fn due_in(ask: &Ask, now: Instant) -> Option<u64> {
    ask.timer?;
    let due = ask.timeout.saturating_sub(ask.pretimeout);
    Some(due.saturating_sub(now.since(ask.at)))
}

impl Watchdog {
    /// Twice a second: sees what has become due. Returns what cannot wait to be said.
    pub fn tick(&mut self, now: Instant, margin: u64, events: &mut Events) -> Option<Event> {
        let ask = self.ask?;
        if due_in(&ask, now)? > 0 {
            return self.warn_of_bmc(ask, now, events);
        }
        let over = margin > 0 && now.since(ask.at) >= ask.timeout;
        if over && self.alarm.expiry == Expiry::Ahead {
            self.alarm.expiry = Expiry::Due;
        }
        let told = core::mem::replace(&mut self.alarm.no_pat, true);
        let (at, who) = self.record.pat.unwrap_or((ask.at, Default::default()));
        (!told).then_some(Event::NoPat(who, now.since(at)))
    }

    /// Pats came and the BMC did not take them: the host is healthy and will be reset all the same.
    fn warn_of_bmc(&mut self, ask: Ask, now: Instant, events: &mut Events) -> Option<Event> {
        let Guard { timer, .. } = self.guard?;
        let left = self.left(now).unwrap_or(0);
        let stage = match left {
            0 => 3,
            left if left <= LAST_WARNING => 2,
            left if left <= u64::from(timer.pretimeout).saturating_mul(SEC) => 1,
            _ => 0,
        };
        if ask.serial <= self.served || stage <= self.alarm.slow {
            return None;
        }
        self.alarm.slow = stage;
        if left > 0 {
            return Some(Event::NotTaken(left));
        }
        self.open_gap(now, Event::Unguarded, events);
        None
    }
}
