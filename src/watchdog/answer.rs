// SPDX-License-Identifier: BSD-2-Clause
//! What the BMC answers, and what is known of it from then on.

use super::ask::last_moment;
use super::{Command, Guard, Known, Plan, Watchdog, COALESCE};
use crate::event::{Event, Events};
use crate::time::{Instant, MS, SEC};
use crate::wire::watchdog::{Reading, Timer};
use crate::wire::{completion, DriverReply};

/// Pause after the BMC refused a command.
const REFUSED: u64 = 5 * SEC;
/// What it is taken to leave for another try where nothing guards the host.
const UNGUARDED: u64 = 4 * SEC;
/// Pause before setting a timer that the BMC keeps losing.
const RELAPSED: u64 = SEC;

/// Set and Reset Watchdog Timer, as applications send them.
const SET: [u8; 2] = [0x18, 0x24];
const RESET: [u8; 2] = [0x18, 0x22];

impl Watchdog {
    /// Takes the answer to `plan`, whose attempt began at `started`.
    pub fn answered(
        &mut self,
        plan: Plan,
        reply: &DriverReply,
        started: Instant,
        now: Instant,
        events: &mut Events,
    ) {
        let serial = plan.serial;
        self.verification.in_vain(false);
        match (plan.command, reply.completion()) {
            (Command::Get, code) => {
                let reading = Reading::parse(reply.data()).filter(|_| code == completion::OK);
                self.verified(reading, started, now, events);
            }
            (Command::Renew(_) | Command::Reset, code) if serial == 0 => {
                self.kept(plan.command, code, started, now);
            }
            (Command::Set(timer), completion::OK) => {
                self.must_set = false;
                self.set_at = now;
                self.known = Known::Programmed { timer, serial };
                self.shorten(timer, started);
            }
            (Command::Reset, completion::OK) => self.confirm(serial, started, now, events),
            (Command::Stop, completion::OK) => {
                self.known = Known::Stopped;
                self.set_at = now;
                (self.guard, self.may_count, self.doubtful) = (None, None, None);
                self.served = serial;
                self.verification.stop(now);
                if core::mem::replace(&mut self.announced, false) {
                    events.push(Event::Disarmed);
                }
            }
            (Command::Reset, completion::NOT_INITIALISED) => self.lost(now, events),
            (_, completion::NODE_BUSY) => self.hold = now.plus(100 * MS),
            (_, completion::TIMEOUT | completion::STARTING) => self.hold = now.plus(500 * MS),
            (_, code) => self.refuse(serial, code, now, events),
        }
    }

    /// What was refused was not carried out: what is known of the BMC still holds.
    fn refuse(&mut self, serial: u64, code: u8, now: Instant, events: &mut Events) {
        // Not longer than the BMC leaves for another try.
        let left = self.left(now).unwrap_or(UNGUARDED);
        self.hold = now.plus((left / 4).clamp(100 * MS, REFUSED));
        if self.refused == 0 {
            events.push(Event::Refused(code));
        }
        self.refused = serial;
    }

    /// Firmware's timer was kept from expiring, or is gone, or the BMC is busy.
    fn kept(&mut self, command: Command, code: u8, started: Instant, now: Instant) {
        let Some(adopted) = &mut self.adopted else {
            return;
        };
        match (command, code) {
            (Command::Reset, completion::OK) => adopted.restarted(started, now),
            (_, completion::OK) => adopted.renew = false,
            (_, completion::NOT_INITIALISED) => (self.adopted, self.may_count) = (None, None),
            _ => adopted.try_again(now),
        }
    }

    /// The BMC may count from `started` with `timer`, which may end before what it confirmed.
    fn shorten(&mut self, timer: Timer, started: Instant) {
        self.may_count = Some(timer);
        let sooner = Guard {
            timer,
            reset: started,
            granted: timer.countdown,
        };
        self.guard = self.guard.map(|guard| match sooner.end() < guard.end() {
            true => sooner,
            false => guard,
        });
    }

    fn confirm(&mut self, serial: u64, started: Instant, now: Instant, events: &mut Events) {
        let (timer, granted) = match (self.known, self.guard) {
            (Known::Programmed { timer, .. }, _) => {
                self.verification.soon(now);
                (timer, timer.countdown)
            }
            (Known::Counting, Some(guard)) => (guard.timer, guard.granted),
            _ => return,
        };
        self.known = Known::Counting;
        self.guard = Some(Guard {
            timer,
            reset: started,
            granted,
        });
        self.record.counted = started;
        self.served = match self.ask {
            // Pats that came meanwhile are as good as confirmed.
            Some(ask) if ask.timer == Some(timer) && ask.at.since(started) < COALESCE => ask.serial,
            _ => serial,
        };
        self.graces = self.graces.saturating_add(u8::from(self.overdue(now)));
        self.refused = 0;
        self.doubtful = None;
        self.alarm.confirmed(timer == last_moment(timer));
        let gap = self.close_gap(now);
        if !core::mem::replace(&mut self.announced, true) {
            events.push(Event::Armed(timer));
        } else if let Some(ns) = gap {
            events.push(Event::Rearmed(ns));
        }
    }

    /// The BMC has no timer any more: what was confirmed no longer holds.
    pub(super) fn lost(&mut self, now: Instant, events: &mut Events) {
        self.record.rearmed = self.record.rearmed.saturating_add(1);
        if self.known == Known::Counting {
            self.open_gap(self.record.counted, Event::Lost, events);
            self.forget();
        } else {
            self.relapsed(now, events);
        }
    }

    /// It was set a moment ago: this BMC will not be helped by haste.
    pub(super) fn relapsed(&mut self, now: Instant, events: &mut Events) {
        self.hold = now.plus(RELAPSED);
        self.open_gap(self.record.counted, Event::Lost, events);
        self.forget();
    }

    /// The BMC does not count: set it for the newest ask.
    pub(super) fn forget(&mut self) {
        self.known = Known::Unknown;
        (self.guard, self.may_count, self.doubtful) = (None, None, None);
        if self.wanted() {
            self.again();
        }
    }

    /// The newest ask is to be served once more.
    pub(super) fn again(&mut self) {
        self.alarm.again();
        self.served = self.served.min(self.serial.saturating_sub(1));
    }

    /// The BMC did for an application what this request says, or may have: if that was its watchdog
    /// timer, who knows what it does now. One that was set is firmware's no longer.
    pub fn done_for_others(&mut self, request: &[u8], now: Instant) {
        let sets = request.starts_with(&SET);
        if sets && self.adopted.take().is_some() {
            self.verification.tell_unasked();
        }
        if sets || request.starts_with(&RESET) {
            self.verification.soon(now);
        }
    }

    /// The attempt at `plan`, begun at `started`, failed: it may have been carried out or not.
    pub fn failed(&mut self, plan: Plan, started: Instant, now: Instant) {
        match plan.command {
            Command::Renew(_) | Command::Reset if plan.serial == 0 => {
                if let Some(adopted) = &mut self.adopted {
                    adopted.try_again(now);
                }
            }
            Command::Set(timer) => {
                self.known = Known::Unknown;
                self.shorten(timer, started);
            }
            Command::Stop => {
                self.known = Known::Unknown;
                let end = self.guard.take().map(|guard| guard.end());
                self.doubtful = self.doubtful.or(end);
            }
            // Set and not known to be restarted: what is left of the pat by the next try is not all.
            Command::Reset if self.known != Known::Counting => self.known = Known::Unknown,
            // Counting on as before, or restarted: the confirmed reset is the older of the two.
            Command::Reset | Command::Renew(_) => {}
            Command::Get => self.verification.in_vain(true),
        }
    }
}
