// SPDX-License-Identifier: BSD-2-Clause
//! The driver's own pre-timeout: at timeout minus pretimeout it tells apart a host that does not
//! pat from a BMC that does not take the pats. Runs from a callout, so also when no thread does.

use super::{Ask, Watchdog};
use crate::event::{Event, Events, Untaken};
use crate::time::{Instant, SEC};

/// Seconds left by the driver's own reckoning at which a silent BMC is complained about again.
const LAST_WARNING: u64 = 10 * SEC;

/// A stop that is older is not merely slow.
const STOPPING: u64 = SEC;

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
    /// What the BMC does not take, and how far that has come.
    untaken: Option<(Untaken, u8)>,
}

impl Alarm {
    pub(super) const fn new() -> Alarm {
        Alarm {
            no_pat: false,
            expiry: Expiry::Ahead,
            untaken: None,
        }
    }

    /// A pat came.
    pub(super) fn patted(&mut self) {
        self.no_pat = false;
        self.expiry = Expiry::Ahead;
    }

    /// The BMC confirmed; `last` if it is to act at once.
    pub(super) fn confirmed(&mut self, last: bool) {
        self.untaken = None;
        if last && self.expiry == Expiry::Due {
            self.expiry = Expiry::Told;
        }
    }

    /// What it confirmed does not hold.
    pub(super) fn again(&mut self) {
        if self.expiry == Expiry::Told {
            self.expiry = Expiry::Due;
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
        let due = self.ask.and_then(|ask| due_in(&ask, now));
        let Some(ask) = self.ask.filter(|_| due == Some(0)) else {
            return self.warn_of_bmc(now, events);
        };
        let over = margin > 0 && now.since(ask.at) >= ask.timeout;
        if over && self.alarm.expiry == Expiry::Ahead {
            self.alarm.expiry = Expiry::Due;
        }
        let told = core::mem::replace(&mut self.alarm.no_pat, true);
        let (at, who) = self.record.pat.unwrap_or((ask.at, Default::default()));
        (!told).then_some(Event::NoPat(who, now.since(at)))
    }

    /// The host does what it should, the BMC does not take it, and will act all the same.
    fn warn_of_bmc(&mut self, now: Instant, events: &mut Events) -> Option<Event> {
        let (what, left, worrying) = self.untaken(now)?;
        let stage = match left {
            0 => 3,
            left if left <= LAST_WARNING => 2,
            left if left <= worrying => 1,
            _ => 0,
        };
        let told = self.alarm.untaken.filter(|told| told.0 == what);
        if stage <= told.map_or(0, |told| told.1) {
            return None;
        }
        self.alarm.untaken = Some((what, stage));
        if left > 0 {
            return Some(Event::NotTaken(what, left));
        }
        self.open_gap(self.record.counted, Event::Unguarded, events);
        None
    }

    /// What the BMC has not taken though it may count, how many nanoseconds are left until it acts,
    /// and how many are few enough to worry.
    pub(super) fn untaken(&self, now: Instant) -> Option<(Untaken, u64, u64)> {
        if let Some(adopted) = self.adopted.filter(|adopted| adopted.untaken) {
            let left = adopted.end.since(now);
            return Some((Untaken::Renewal, left, adopted.countdown / 2));
        }
        let ask = self.ask.filter(|ask| ask.serial > self.served)?;
        let end = self.guard.map(|guard| guard.end()).or(self.doubtful)?;
        let left = end.since(now);
        match ask.timer {
            Some(timer) => {
                let pretimeout = u64::from(timer.pretimeout).saturating_mul(SEC);
                Some((Untaken::Pat, left, pretimeout))
            }
            None if now.since(ask.at) >= STOPPING => Some((Untaken::Stop, left, left)),
            None => None,
        }
    }
}
