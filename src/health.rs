// SPDX-License-Identifier: BSD-2-Clause
//! Does the BMC answer? The circuit breaker, the counters, and what is kept for diagnosis.

mod histogram;
mod recorder;

pub use self::histogram::{Histogram, BOUNDED};
pub use self::recorder::{Attempt, Recorder};
use crate::memory::Blank;
use crate::time::{Instant, MS};
use crate::transport::{Failure, Patience};

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
    pub fn patience(&self, answer: u64) -> Patience {
        Patience {
            answer,
            probing: matches!(self.phase, Phase::Trying { .. }) && self.tries % 4 != 3,
            eager: false,
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

/// What is kept for diagnosis, as `dev.ipmi.N.latency_us` and `dev.ipmi.N.recorder`.
pub struct History {
    /// From a pat or a stop to its answer, where the caller may sleep.
    pub pats: Histogram,
    /// From an application's send until its reply can be received.
    pub requests: Histogram,
    /// From the first byte of a transaction to the last, or until it is given up.
    pub attempts: Histogram,
    /// The flight recorder.
    pub recorder: Recorder,
}

impl Blank for History {
    const BLANK: History = History {
        pats: Histogram::EMPTY,
        requests: Histogram::EMPTY,
        attempts: Histogram::EMPTY,
        recorder: Recorder::EMPTY,
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SEC;

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
}
