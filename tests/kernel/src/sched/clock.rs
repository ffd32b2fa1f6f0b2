// SPDX-License-Identifier: BSD-2-Clause
//! Time and what is due when; must not know what an event does.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use super::{Bell, Tid};
use crate::machine::Clock as Source;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// A thread's wait, delay or stall ends, unless its epoch has moved on.
    Thread(Tid, u32),
    /// A timer, unless it was cancelled.
    Timer(u64),
}

/// Modules are loaded by a kernel that is up already: no clock of theirs shows 0.
const BOOTED: u64 = 1_000_000_000;

/// Linux needs tens of microseconds to wake a thread; a delay is spun as on FreeBSD.
const SPIN: u64 = 100_000;

/// Nanoseconds since boot and a queue of events.
pub struct Clock {
    now: u64,
    started: Option<Instant>,
    pub bell: Bell,
    sequence: u64,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
}

impl Clock {
    pub fn new(source: Source) -> Clock {
        let started = (source == Source::Real).then(Instant::now);
        Clock {
            now: BOOTED,
            started,
            bell: Bell::default(),
            sequence: 0,
            events: BinaryHeap::new(),
        }
    }

    pub fn now(&mut self) -> u64 {
        if let Some(started) = self.started {
            self.now = self.now.max(BOOTED + started.elapsed().as_nanos() as u64);
        }
        self.now
    }

    /// The time as of the last look, for readers that cannot change anything.
    pub fn last(&self) -> u64 {
        self.now
    }

    /// Moves to `t`, which is not in the past. The real clock sleeps until then.
    pub fn advance(&mut self, t: u64) {
        if self.started.is_some() {
            let wait = t.saturating_sub(self.now());
            if wait > SPIN {
                std::thread::sleep(Duration::from_nanos(wait - SPIN));
            }
            while self.now() < t {
                std::hint::spin_loop();
            }
        }
        self.now = self.now.max(t);
    }

    /// Lets the real clock come close to `t`; whether the bell rang before.
    pub fn rings_before(&mut self, t: u64) -> bool {
        if self.started.is_none() {
            return false;
        }
        let wait = t.saturating_sub(self.now()).saturating_sub(SPIN);
        self.bell.rings_within(Duration::from_nanos(wait))
    }

    /// Events of the same time come in the order in which they were made.
    pub fn at(&mut self, t: u64, event: Event) {
        self.sequence += 1;
        self.events.push(Reverse((t, self.sequence, event)));
    }

    pub fn next(&self) -> Option<(u64, Event)> {
        self.events
            .peek()
            .map(|Reverse((t, _, event))| (*t, *event))
    }

    pub fn pop(&mut self) {
        self.events.pop();
    }
}
