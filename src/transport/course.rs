// SPDX-License-Identifier: BSD-2-Clause
//! How an attempt goes on, whatever the interface: its limits and what it has used of them.

use super::Limits;
use crate::time::Instant;

/// Steps an attempt may take for all that it may carry; waiting counts as one.
pub(super) const STEPS: u32 = 200_000;

pub(super) struct Course {
    pub(super) limits: Limits,
    started: Instant,
    progressed: Instant,
    steps: u32,
}

impl Course {
    /// No attempt has begun.
    pub(super) const fn new() -> Course {
        Course {
            limits: Limits::PATIENT,
            started: Instant::BOOT,
            progressed: Instant::BOOT,
            steps: 0,
        }
    }

    /// An attempt begins.
    pub(super) fn begin(&mut self, now: Instant, limits: Limits) {
        *self = Course {
            limits,
            started: now,
            progressed: now,
            steps: 0,
        };
    }

    /// Counts a step; false if the attempt has taken more of them, or more time, than it may.
    pub(super) fn step(&mut self, now: Instant) -> bool {
        self.steps = self.steps.saturating_add(1);
        self.steps <= STEPS && now.since(self.started) < self.limits.total
    }

    /// The attempt got somewhere.
    pub(super) fn advance(&mut self, now: Instant) {
        self.progressed = now;
    }

    /// Has it got nowhere for `limit` nanoseconds?
    pub(super) fn stalled(&self, now: Instant, limit: u64) -> bool {
        now.since(self.progressed) >= limit
    }

    /// When it last got anywhere.
    pub(super) fn progressed(&self) -> Instant {
        self.progressed
    }
}
