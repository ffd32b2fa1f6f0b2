// SPDX-License-Identifier: BSD-2-Clause
//! Whose the hardware is: the worker's, attempt by attempt, or that of who took it over because it
//! cannot wait for the worker. Without a lock, as the taker may have stopped its holder; knows
//! nothing of registers. The model checker runs this very file.

use crate::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use crate::atomic::{fence, AtomicBool, AtomicU32};

/// One taking in [`Handover::takings`]: bits 31:8 count them,
const TAKING: u32 = 0x100;
/// bits 7:0 are those that last.
const TAKERS: u32 = 0xff;

/// The right to touch the hardware, until somebody takes it over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u32);

impl Ticket {
    /// How many takings there were before, modulo 2^24.
    pub fn number(&self) -> u32 {
        self.0 / TAKING
    }
}

/// Between the worker and those who take over.
pub struct Handover {
    takings: AtomicU32,
    in_attempt: AtomicBool,
}

impl Handover {
    /// The hardware is the worker's.
    pub fn new() -> Handover {
        Handover {
            takings: AtomicU32::new(0),
            in_attempt: AtomicBool::new(false),
        }
    }

    /// The worker begins an attempt; `None` while the hardware is taken. `end` follows.
    pub fn begin(&self) -> Option<Ticket> {
        self.in_attempt.store(true, Relaxed);
        // With the one in `take`: either the worker sees the taker, or the taker the worker.
        fence(SeqCst);
        let takings = self.takings.load(Acquire);
        if takings & TAKERS != 0 {
            self.in_attempt.store(false, Release);
            return None;
        }
        Some(Ticket(takings))
    }

    /// May the holder of `ticket` touch the next register? False once somebody else took over.
    pub fn holds(&self, ticket: Ticket) -> bool {
        self.takings.load(Acquire) / TAKING == ticket.number()
    }

    /// The worker's attempt is over. False if it is void: what was answered since the hardware was
    /// taken answers someone else.
    pub fn end(&self, ticket: Ticket) -> bool {
        let valid = self.holds(ticket);
        self.in_attempt.store(false, Release);
        valid
    }

    /// Takes the hardware over, from an earlier taker as well; `release` follows. Until `in_attempt`
    /// is false the worker may still make the access that it was about to.
    pub fn take(&self) -> Ticket {
        let before = self.takings.fetch_add(TAKING + 1, AcqRel);
        fence(SeqCst);
        Ticket(before.wrapping_add(TAKING + 1))
    }

    /// Is the worker between `begin` and `end`?
    pub fn in_attempt(&self) -> bool {
        self.in_attempt.load(Acquire)
    }

    /// A taker is done.
    pub fn release(&self) {
        self.takings.fetch_sub(1, Release);
    }

    /// Makes the attempt in flight void.
    pub fn revoke(&self) {
        self.takings.fetch_add(TAKING, AcqRel);
    }
}

impl Default for Handover {
    fn default() -> Handover {
        Handover::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_is_the_workers_again_after_the_last_of_nested_takers() {
        let handover = Handover::new();
        let worker = handover.begin().unwrap();
        let outer = handover.take();
        assert!(!handover.holds(worker));
        let inner = handover.take();
        assert!(!handover.holds(outer) && handover.holds(inner));
        handover.release();
        assert!(!handover.end(worker));
        assert_eq!(handover.begin(), None);
        handover.release();
        let again = handover.begin().unwrap();
        assert!(handover.end(again));
    }

    #[test]
    fn an_attempt_that_was_revoked_is_void_and_the_next_is_not() {
        let handover = Handover::new();
        let worker = handover.begin().unwrap();
        handover.revoke();
        assert!(!handover.holds(worker));
        assert!(!handover.end(worker));
        assert!(handover.begin().is_some());
    }
}
