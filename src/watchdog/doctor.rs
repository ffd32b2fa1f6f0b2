// SPDX-License-Identifier: BSD-2-Clause
//! The doctor: which watchdog guards this host, by what right and for how long, or what is
//! wrong. Says only what was confirmed or read back.

use super::{Guard, Known, Watchdog};
use crate::event::{action_name, use_name, Untaken};
use crate::kernel::Who;
use crate::line::Line;
use crate::time::{Instant, MS};
use crate::wire::watchdog::Timer;

/// What the doctor has to know besides the watchdog itself.
pub struct Circumstances {
    /// `hw.ipmi.on`.
    pub on: bool,
    /// `hw.ipmi.wd_init_enable`.
    pub enabled: bool,
    /// The BMC has told about itself.
    pub known: bool,
    /// It has a watchdog timer, and the driver is on the lists.
    pub timer: bool,
    /// It answers.
    pub answering: bool,
    /// Handlers of others on the watchdog lists.
    pub others: u32,
}

/// The numbers of `dev.ipmi.N.watchdog`; times in milliseconds, 0 where nothing is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// 0 unknown, 1 stopped, 2 armed: what the BMC is known to do.
    State,
    /// Timer use as read back.
    Use,
    /// Timer action as read back.
    Action,
    /// Pre-timeout as read back.
    Pretimeout,
    /// Timeout asked for by the newest pat.
    TimeoutAsked,
    /// Countdown that the BMC confirmed.
    TimeoutConfirmed,
    /// What was left of it when it was read back.
    Left,
    /// How long ago that was.
    LeftAge,
    /// How long ago the newest pat came.
    PatAge,
    /// How long ago the newest confirmed restart was sent.
    ConfirmedAge,
    /// Pats and disarms.
    Pats,
    /// Of those, not confirmed when the handler returned.
    Unconfirmed,
    /// Of those, answered with an error.
    Failed,
    /// Times the timer was set again because the BMC's differed.
    Rearmed,
    /// Times that the host was unguarded though it had asked.
    Gaps,
    /// The longest of these.
    GapLongest,
    /// All of these together.
    GapTotal,
}

impl Watchdog {
    /// One number.
    pub fn figure(&self, figure: Figure, now: Instant) -> u64 {
        let reading = self.verification.reading;
        let read = |f: fn(&crate::wire::watchdog::Reading) -> u64| {
            reading.as_ref().map_or(0, |(reading, _)| f(reading))
        };
        let since = |at: Option<Instant>| at.map_or(0, |at| now.since(at) / MS);
        let open = self.record.gap_since.map_or(0, |at| now.since(at));
        match figure {
            Figure::State => match self.known {
                Known::Stopped => 1,
                _ if self.wanted() && self.left(now).unwrap_or(0) > 0 => 2,
                _ => 0,
            },
            Figure::Use => read(|reading| u64::from(reading.use_ & 7)),
            Figure::Action => read(|reading| u64::from(reading.actions)),
            Figure::Pretimeout => read(|reading| u64::from(reading.pretimeout) * 1000),
            Figure::TimeoutAsked => self.ask.map_or(0, |ask| ask.timeout / MS),
            Figure::TimeoutConfirmed => self
                .guard
                .map_or(0, |guard| u64::from(guard.granted).saturating_mul(100)),
            Figure::Left => read(|reading| u64::from(reading.present) * 100),
            Figure::LeftAge => since(reading.map(|(_, at)| at)),
            Figure::PatAge => since(self.record.pat.map(|(at, _)| at)),
            Figure::ConfirmedAge => since(self.guard.map(|guard| guard.reset)),
            Figure::Pats => self.record.asked,
            Figure::Unconfirmed => self.record.unconfirmed,
            Figure::Failed => self.record.failed,
            Figure::Rearmed => self.record.rearmed,
            Figure::Gaps => self.record.gaps,
            Figure::GapLongest => self.record.gap_longest.max(open) / MS,
            Figure::GapTotal => self.record.gap_total.saturating_add(open) / MS,
        }
    }

    /// Writes the doctor's line.
    pub fn diagnose(&self, now: Instant, around: &Circumstances, line: &mut Line) {
        match self.complaint(around) {
            Some(complaint) => {
                line.text("unguarded: ").text(complaint);
                self.say_running(now, line);
                if around.known && !around.answering {
                    line.text("; the BMC does not answer");
                }
            }
            None => self.diagnose_armed(now, around, line),
        }
        match around.others {
            0 => {}
            1 => {
                line.text("; 1 other watchdog handler answers pats");
            }
            others => {
                line.text("; ")
                    .dec(u64::from(others))
                    .text(" other watchdog handlers answer pats");
            }
        }
    }

    /// Why there is nothing to say about a running timer.
    fn complaint(&self, around: &Circumstances) -> Option<&'static str> {
        if !around.known {
            Some("the BMC has not answered since attach")
        } else if !around.enabled {
            Some("hw.ipmi.wd_init_enable is 0")
        } else if !around.timer {
            Some("the BMC has no watchdog timer")
        } else if !around.on {
            Some("hw.ipmi.on is 0")
        } else if self.adopted.is_some() {
            Some("nobody has patted yet, firmware's timer is kept from expiring")
        } else if self.ask.is_none() {
            Some("nobody has armed the watchdog; is watchdogd running?")
        } else if self.wanted() {
            None
        } else if self.served == self.serial {
            Some("the watchdog was stopped on request")
        } else {
            Some("a stop was asked for and the BMC has not confirmed it")
        }
    }

    /// A timer that the host does not want may count all the same.
    fn say_running(&self, now: Instant, line: &mut Line) {
        if let Some((reading, left)) = self.unasked(now).filter(|_| self.adopted.is_none()) {
            line.text("; but a timer runs (use ")
                .text(use_name(reading.use_))
                .text("): ")
                .text(action_name(reading.actions))
                .text(" in ")
                .seconds(left)
                .text(" s");
        } else if let Some((Untaken::Stop | Untaken::Renewal, left, _)) = self.untaken(now) {
            line.text("; it acts in ")
                .seconds(left)
                .text(" s if it still counts");
        }
    }

    fn diagnose_armed(&self, now: Instant, around: &Circumstances, line: &mut Line) {
        let (at, who) = self.record.pat.unwrap_or((now, Who::default()));
        let left = self.left(now).filter(|&left| left > 0);
        match (self.guard, left) {
            (Some(Guard { timer, granted, .. }), Some(left)) => {
                self.say_guard(timer, left, line);
                if granted != timer.countdown {
                    line.text("; the BMC grants ")
                        .seconds(u64::from(granted).saturating_mul(100 * MS))
                        .text(" s of ")
                        .seconds(timer.countdown_ns())
                        .text(" s");
                }
            }
            _ => {
                line.text("unguarded: the BMC has not confirmed");
            }
        }
        line.text("; last pat ")
            .seconds(now.since(at))
            .text(" s ago by ")
            .name(&who.name)
            .text("[")
            .dec(u64::from(who.pid))
            .text("]");
        if !self.host_is_healthy(now) {
            line.text(", overdue");
        }
        line.text(match self.served == self.serial {
            true => ", confirmed",
            false => ", not confirmed",
        });
        if !around.answering {
            line.text("; the BMC does not answer");
        }
    }

    fn say_guard(&self, timer: Timer, left: u64, line: &mut Line) {
        // What the BMC says of itself counts more than what it was told.
        let actions = match self.current_reading() {
            Some(reading) if reading.running() => reading.actions,
            _ => timer.actions,
        };
        if actions & 7 == 0 {
            line.text("unguarded: the timer's action is none, it ends in ");
        } else {
            line.text("guarded by the BMC watchdog: ")
                .text(action_name(actions))
                .text(" in ");
        }
        line.seconds(left).text(" s unless patted");
    }
}
