// SPDX-License-Identifier: BSD-2-Clause
//! The stopped scheduler of a panic or of the debugger: one thread goes on, everything else
//! stands still; must not know why it was stopped.

use super::{Event, State, Tid};
use crate::kernel::{with, Kernel};

/// Present while the scheduler is stopped.
pub struct Stopped {
    /// The one thread that runs.
    pub owner: Tid,
    /// When it was stopped.
    pub since: u64,
    /// The end of the owner's delay: the only event that still happens.
    pub event: Option<(u64, Event)>,
}

/// Freezes every other thread, callouts and `ticks`, as panic(9) and kdb_enter(9) do: locks
/// become no-ops, sleeping is a violation, DELAY still moves time.
pub fn stop_scheduler() {
    with(|k| {
        if k.sched.stopped.is_none() {
            let (owner, since) = (k.sched.current, k.sched.clock.now());
            k.sched.stopped = Some(Stopped {
                owner,
                since,
                event: None,
            });
            k.show_stopped();
        }
    });
}

/// Undoes [`stop_scheduler`], as leaving the debugger does. What became due meanwhile happens now.
pub fn resume_scheduler() {
    with(|k| {
        if let Some(stopped) = k.sched.stopped.take() {
            k.sched.frozen_ns += k.sched.clock.now() - stopped.since;
            k.show_stopped();
        }
    });
    super::preempt_point();
}

/// SCHEDULER_STOPPED().
pub fn scheduler_stopped() -> bool {
    with(|k| k.sched.is_stopped())
}

impl Kernel {
    /// The next time at which anything but the running thread does something.
    pub(super) fn next_time(&self) -> Option<u64> {
        let event = match &self.sched.stopped {
            Some(stopped) => stopped.event,
            None => self.sched.clock.next(),
        };
        let event = event.map(|(t, _)| t);
        match (event, self.sched.hardware_next) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// The owner, if it is ready.
    pub(super) fn draw_owner(&mut self) -> Option<Tid> {
        let owner = self.sched.stopped.as_ref()?.owner;
        let index = self.sched.ready.iter().position(|tid| *tid == owner)?;
        Some(self.sched.ready.remove(index))
    }

    /// Whether nothing but the hardware can happen any more.
    pub(super) fn owner_is_gone(&self) -> bool {
        self.sched
            .stopped
            .as_ref()
            .is_some_and(|s| self.thread(s.owner).state == State::Dead)
    }
}
