// SPDX-License-Identifier: BSD-2-Clause
//! Does the BMC answer? The circuit breaker, the counters, and what is worth telling people.

use crate::kernel::{Adopt, Who};
use crate::line::Line;
use crate::time::{Instant, MS, SEC};
use crate::transport::{Failure, Limits};
use crate::wire::watchdog::{Reading, Timer};

/// Failed attempts in a row after which the BMC counts as unresponsive.
const FAILURES: u32 = 3;
/// Pause after a failed attempt.
const AFTER_FAILURE: u64 = 50 * MS;
/// Pause between looks at an unresponsive BMC: a register read each.
const LOOK: u64 = 100 * MS;
/// Longest pause between attempts at a BMC that looks alive and does not answer.
const ATTEMPT_MAX: u64 = 200 * MS;
/// Pause between looks at a healthy interface between two transactions, to notice a reset BMC and
/// one that wants attention. An idle worker is woken for it by the tick, the next of which is later.
const GLANCE: u64 = 400 * MS;

/// What may be sent to the BMC now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Anything, within these limits.
    Open,
    /// One driver request, to see whether it answers.
    Try,
    /// Nothing, but look at the status register.
    Look,
    /// Nothing before this instant.
    Closed(Instant),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Answering,
    Unresponsive { since: Instant, look: Instant },
    Trying { since: Instant },
}

/// The circuit breaker.
pub struct Link {
    phase: Phase,
    failures: u32,
    resume: Instant,
    glanced: Instant,
    tries: u32,
    known: bool,
}

impl Link {
    /// A BMC that has never answered counts as unresponsive: the first look comes at once.
    pub const fn new() -> Link {
        Link {
            phase: Phase::Unresponsive {
                since: Instant::BOOT,
                look: Instant::BOOT,
            },
            failures: 0,
            resume: Instant::BOOT,
            glanced: Instant::BOOT,
            tries: 0,
            known: false,
        }
    }

    /// Does the BMC count as answering?
    pub fn answering(&self) -> bool {
        self.phase == Phase::Answering
    }

    /// What may be sent at `now`.
    pub fn gate(&self, now: Instant) -> Gate {
        match self.phase {
            Phase::Answering if now >= self.resume => Gate::Open,
            Phase::Answering => Gate::Closed(self.resume),
            Phase::Trying { .. } => Gate::Try,
            Phase::Unresponsive { look, .. } if now >= look => Gate::Look,
            Phase::Unresponsive { look, .. } => Gate::Closed(look),
        }
    }

    /// How patient the next attempt is, at a BMC that may take `answer` nanoseconds to answer. Every
    /// fourth try is as patient as with a healthy BMC, for one that is merely slow.
    pub fn limits(&self, answer: u64) -> Limits {
        match self.phase {
            Phase::Trying { .. } if self.tries % 4 != 3 => Limits::PROBING,
            _ => Limits {
                answer,
                ..Limits::PATIENT
            },
        }
    }

    /// When to glance at the interface next.
    pub fn glance_at(&self) -> Instant {
        self.glanced.plus(GLANCE)
    }

    /// When that was done last.
    pub fn glanced_at(&self) -> Instant {
        self.glanced
    }

    /// The interface was looked at while idle and is as it should be.
    pub fn glanced(&mut self, now: Instant) {
        self.glanced = now;
    }

    /// A look at an unresponsive BMC showed it dead or alive.
    pub fn looked(&mut self, now: Instant, alive: bool) {
        if let Phase::Unresponsive { since, .. } = self.phase {
            self.phase = if alive {
                Phase::Trying { since }
            } else {
                Phase::Unresponsive {
                    since,
                    look: now.plus(LOOK),
                }
            };
        }
    }

    /// The BMC was told to reset itself: it is given `rest` before it is looked at.
    pub fn rest(&mut self, now: Instant, rest: u64) {
        self.phase = Phase::Unresponsive {
            since: now,
            look: now.plus(rest),
        };
    }

    /// An attempt brought an answer. Returns how long the BMC had not answered, if it had not.
    pub fn succeeded(&mut self, now: Instant) -> Option<u64> {
        let before = self.phase;
        self.phase = Phase::Answering;
        self.failures = 0;
        self.tries = 0;
        let known = core::mem::replace(&mut self.known, true);
        match before {
            Phase::Answering => None,
            Phase::Unresponsive { since, .. } | Phase::Trying { since } => {
                known.then_some(now.since(since))
            }
        }
    }

    /// An attempt failed. True if the BMC counts as unresponsive from here on.
    pub fn failed(&mut self, now: Instant) -> bool {
        self.resume = now.plus(AFTER_FAILURE);
        self.failures = self.failures.saturating_add(1);
        match self.phase {
            Phase::Answering if self.failures < FAILURES => false,
            Phase::Answering => {
                self.phase = Phase::Unresponsive {
                    since: now,
                    look: now.plus(LOOK),
                };
                true
            }
            Phase::Unresponsive { since, .. } | Phase::Trying { since } => {
                let pause = LOOK.saturating_mul(u64::from(self.tries.saturating_add(1)));
                self.tries = self.tries.saturating_add(1);
                self.phase = Phase::Unresponsive {
                    since,
                    look: now.plus(pause.min(ATTEMPT_MAX)),
                };
                false
            }
        }
    }
}

impl Default for Link {
    fn default() -> Link {
        Link::new()
    }
}

/// Counters since attach; each is exported as `dev.ipmi.N.stats.*`.
#[derive(Clone, Copy, Default, Debug)]
pub struct Counters {
    /// Application requests completed with an answer.
    pub requests: u64,
    /// Application requests completed with EIO.
    pub request_errors: u64,
    /// Application requests refused with ETIMEDOUT while the BMC was unresponsive.
    pub refused: u64,
    /// Attempts made, of whatever class.
    pub attempts: u64,
    /// Attempts that stalled or ran into their deadline.
    pub timeouts: u64,
    /// Attempts that found the interface in a wrong state, or nobody.
    pub bad_states: u64,
    /// Replies that were too long, too short or not to the request.
    pub bad_replies: u64,
    /// Application attempts ended for a driver request.
    pub aborts: u64,
    /// Times that the BMC became unresponsive.
    pub outages: u64,
    /// Lines not printed because of the limit.
    pub suppressed: u64,
}

impl Counters {
    /// Counts a failed attempt.
    pub fn failed(&mut self, failure: Failure) {
        let counter = match failure {
            Failure::Stalled | Failure::Deadline => &mut self.timeouts,
            Failure::Absent | Failure::WrongState => &mut self.bad_states,
            Failure::TooLong | Failure::Mismatch => &mut self.bad_replies,
            Failure::Aborted | Failure::Seized | Failure::Taken | Failure::Unusable => {
                &mut self.aborts
            }
        };
        *counter = counter.saturating_add(1);
    }
}

/// Something that people are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Attach: nobody answers yet.
    Waiting,
    /// The BMC became unresponsive.
    Unresponsive,
    /// It answers again, after so many nanoseconds.
    Recovered(u64),
    /// The watchdog is counting, with this timer.
    Armed(Timer),
    /// The watchdog was stopped on request.
    Disarmed,
    /// The BMC refused a watchdog command with this completion code.
    Refused(u8),
    /// The BMC lost its watchdog timer, though the host had asked for it.
    Lost,
    /// The BMC has not confirmed the watchdog for longer than it counts.
    Unguarded,
    /// The watchdog could not be stopped before detach.
    LeftArmed,
    /// The watchdog counts again after the host was unguarded for so many nanoseconds.
    Rearmed(u64),
    /// A pat of so many nanoseconds is below the least and was refused.
    TooShort(u64),
    /// A pat of so many nanoseconds is more than the timer can count.
    TooLong(u64),
    /// The BMC grants another countdown than was set; units of 100 ms.
    Granted(u16, u16),
    /// The BMC's timer has another use or action than was set.
    Altered,
    /// Firmware left a timer running, and this becomes of it.
    Firmware(Reading, Adopt),
    /// The host has not patted for so many nanoseconds; the last to do so was this one.
    NoPat(Who, u64),
    /// The host pats and the BMC does not take it; so many nanoseconds until it acts.
    NotTaken(u64),
    /// The BMC says that the pre-timeout was reached; was the host patting?
    PreTimeout(bool),
}

impl Event {
    /// Writes the event as a line for the console.
    pub fn describe(&self, line: &mut Line) {
        match *self {
            Event::Waiting => line.text("BMC does not answer yet; attaching when it does"),
            Event::Unresponsive => line.text("BMC does not answer; trying on in the background"),
            Event::Recovered(ns) => line.text("BMC answers again after ").seconds(ns).text(" s"),
            Event::Armed(timer) => line
                .text("watchdog armed: ")
                .seconds(timer.countdown_ns())
                .text(" s, action ")
                .text(action_name(timer.actions)),
            Event::Disarmed => line.text("watchdog stopped"),
            Event::Refused(code) => line
                .text("BMC refuses watchdog command, completion code ")
                .hex(code),
            Event::Lost => line.text("BMC lost its watchdog timer; arming it again"),
            Event::Unguarded => line.text("host is unguarded: BMC does not confirm the watchdog"),
            Event::LeftArmed => {
                line.text("watchdog could not be stopped: if the BMC counts, it will act")
            }
            Event::Rearmed(ns) => line
                .text("watchdog armed again; host was unguarded for ")
                .seconds(ns)
                .text(" s"),
            _ => self.describe_more(line),
        };
    }

    fn describe_more<'a>(&self, line: &'a mut Line) -> &'a mut Line {
        match *self {
            Event::TooShort(ns) => line
                .text("watchdog timeout of ")
                .dec(ns / MS)
                .text(" ms refused: below hw.ipmi.wd_min_timeout"),
            Event::TooLong(ns) => line
                .text("watchdog timeout of ")
                .seconds(ns)
                .text(" s cut to 6553 s, the longest the timer counts"),
            Event::Granted(asked, granted) => line
                .text("BMC grants a countdown of ")
                .seconds(u64::from(granted).saturating_mul(100 * MS))
                .text(" s where ")
                .seconds(u64::from(asked).saturating_mul(100 * MS))
                .text(" s were set"),
            Event::Altered => line.text("BMC watchdog has another use or action than was set"),
            Event::Firmware(reading, how) => line
                .text("firmware left the watchdog counting, ")
                .text(action_name(reading.actions))
                .text(" in ")
                .seconds(u64::from(reading.present).saturating_mul(100 * MS))
                .text(match how {
                    Adopt::Keep => " s; kept from it until the first pat",
                    Adopt::Stop => " s; stopping it",
                    Adopt::Leave => " s; left alone",
                }),
            Event::NoPat(who, ns) => line
                .text("no watchdog pat for ")
                .seconds(ns)
                .text(" s, last by ")
                .name(&who.name)
                .text("[")
                .dec(u64::from(who.pid))
                .text("]: host in trouble"),
            Event::NotTaken(ns) => line
                .text("host is healthy, BMC is not: it does not take pats and acts in ")
                .seconds(ns)
                .text(" s if it still counts"),
            Event::PreTimeout(true) => {
                line.text("BMC reached its pre-timeout though the host pats: the BMC is slow")
            }
            Event::PreTimeout(false) => line.text("BMC reached its pre-timeout: host in trouble"),
            _ => line,
        }
    }

    /// The devctl(4) subsystem and type of the event.
    pub fn notification(&self) -> (&'static core::ffi::CStr, &'static core::ffi::CStr) {
        match self {
            Event::Waiting => (c"BMC", c"waiting"),
            Event::Unresponsive => (c"BMC", c"unresponsive"),
            Event::Recovered(_) => (c"BMC", c"recovered"),
            Event::Armed(_) => (c"WATCHDOG", c"armed"),
            Event::Disarmed => (c"WATCHDOG", c"disarmed"),
            Event::Refused(_) => (c"WATCHDOG", c"refused"),
            Event::Lost | Event::Unguarded => (c"WATCHDOG", c"gap"),
            Event::LeftArmed => (c"WATCHDOG", c"left"),
            Event::Rearmed(_) => (c"WATCHDOG", c"recovered"),
            Event::TooShort(_) | Event::TooLong(_) => (c"WATCHDOG", c"range"),
            Event::Granted(..) | Event::Altered => (c"WATCHDOG", c"altered"),
            Event::Firmware(..) => (c"WATCHDOG", c"firmware"),
            Event::NoPat(..) => (c"WATCHDOG", c"unpatted"),
            Event::NotTaken(_) => (c"WATCHDOG", c"unconfirmed"),
            Event::PreTimeout(_) => (c"WATCHDOG", c"pretimeout"),
        }
    }
}

/// The timer action in bits 2:0, as ipmitool names it.
pub fn action_name(actions: u8) -> &'static str {
    match actions & 7 {
        0 => "none",
        1 => "hard reset",
        2 => "power down",
        3 => "power cycle",
        _ => "reserved",
    }
}

/// Events that wait to be told, and the limit on telling: a burst of six lines, then one in a
/// quarter of an hour, so never more than ten in any hour of outage.
pub struct Events {
    waiting: [Option<(Event, bool)>; 8],
    tokens: u64,
    refilled: Instant,
}

const BURST: u64 = 6;
const REFILL: u64 = 900 * SEC;

impl Events {
    /// Nothing to tell.
    pub const fn new() -> Events {
        Events {
            waiting: [None; 8],
            tokens: BURST,
            refilled: Instant::BOOT,
        }
    }

    /// Adds an event; with eight untold already it is dropped.
    pub fn push(&mut self, event: Event) {
        self.add(event, false);
    }

    /// Adds one that has been printed already.
    pub fn push_printed(&mut self, event: Event) {
        self.add(event, true);
    }

    fn add(&mut self, event: Event, printed: bool) {
        if let Some(slot) = self.waiting.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some((event, printed));
        }
    }

    /// The oldest untold event, and whether it may be printed.
    pub fn pop(&mut self, now: Instant) -> Option<(Event, bool)> {
        let (event, printed) = self.waiting.first_mut()?.take()?;
        self.waiting.rotate_left(1);
        if printed {
            return Some((event, false));
        }
        let due = now.since(self.refilled) / REFILL;
        if due > 0 {
            self.tokens = self.tokens.saturating_add(due).min(BURST);
            self.refilled = now;
        }
        let printed = self.tokens > 0;
        self.tokens = self.tokens.saturating_sub(1);
        Some((event, printed))
    }
}

impl Default for Events {
    fn default() -> Events {
        Events::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_breaker_opens_after_repeated_failures_and_closes_on_an_answer() {
        let mut link = Link::new();
        assert_eq!(link.gate(Instant::BOOT), Gate::Look);
        link.looked(Instant::BOOT, true);
        assert_eq!(link.gate(Instant::BOOT), Gate::Try);
        assert_eq!(link.succeeded(Instant::BOOT), None);
        let mut now = Instant::at(SEC);
        for expected in [false, false, true] {
            assert_eq!(link.gate(now), Gate::Open);
            assert_eq!(link.failed(now), expected);
            now = now.plus(AFTER_FAILURE);
        }
        assert!(!link.answering());
        now = now.plus(LOOK);
        assert_eq!(link.gate(now), Gate::Look);
        link.looked(now, true);
        assert_eq!(link.succeeded(now.plus(SEC)).map(|ns| ns / SEC), Some(1));
        assert!(link.answering());
    }

    #[test]
    fn a_dead_bmc_is_looked_at_ten_times_a_second_and_not_more() {
        let mut link = Link::new();
        let mut looks = 0;
        let mut now = Instant::BOOT;
        while now < Instant::at(10 * SEC) {
            match link.gate(now) {
                Gate::Look => {
                    looks += 1;
                    link.looked(now, false);
                }
                Gate::Closed(until) => now = until,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(looks, 100);
    }

    #[test]
    fn at_most_ten_lines_in_any_hour() {
        let mut events = Events::new();
        let mut printed = vec![];
        for second in 0..7200u64 {
            let now = Instant::at(second * SEC);
            events.push(Event::Unresponsive);
            while let Some((_, print)) = events.pop(now) {
                if print {
                    printed.push(second);
                }
            }
        }
        for start in 0..3600u64 {
            let hour = start..start + 3600;
            assert!(printed.iter().filter(|&s| hour.contains(s)).count() <= 10);
        }
    }
}
