// SPDX-License-Identifier: BSD-2-Clause
//! Functions to be run at a time, on the softclock thread; must not know callout(9).

use std::collections::{BTreeMap, VecDeque};

use super::{block_on, forbid_sleep, Event, Role, Wait};
use crate::kernel::{with, Kernel};

/// A pending [`after`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timer(pub u64);

type Action = Box<dyn FnOnce()>;

#[derive(Default)]
pub struct Timers {
    next: u64,
    pending: BTreeMap<u64, Action>,
    due: VecDeque<u64>,
    chan: u64,
}

/// Runs `f` once, `ns` from now, on the softclock thread, where sleeping is forbidden. The handle
/// cancels it. This is for the kernel's own callouts; modules come through callout(9).
pub fn after(ns: u64, f: impl FnOnce() + 'static) -> Timer {
    with(|k| {
        let at = k.sched.clock.now().saturating_add(ns);
        k.timer_at(at, Box::new(f))
    })
}

impl Timer {
    /// Whether it was still pending. A timer whose function has begun is not.
    pub fn cancel(self) -> bool {
        // Dropping the function may run foreign destructors, so not inside the borrow.
        with(|k| k.sched.timers.pending.remove(&self.0)).is_some()
    }
}

impl Kernel {
    pub(crate) fn timer_at(&mut self, at: u64, action: Action) -> Timer {
        let timers = &mut self.sched.timers;
        timers.next += 1;
        timers.pending.insert(timers.next, action);
        let id = timers.next;
        self.sched.clock.at(at, Event::Timer(id));
        Timer(id)
    }

    /// The clock has reached a timer: hand it to the softclock thread.
    pub(super) fn timer_due(&mut self, id: u64) {
        if self.sched.timers.pending.contains_key(&id) {
            self.sched.timers.due.push_back(id);
            let chan = self.sched.timers.chan;
            self.wake_at_once(chan);
        }
    }

    pub(super) fn start_softclock(&mut self) {
        self.sched.timers.chan = self.fresh_chan();
        self.spawn("clock", Role::Kernel, Box::new(softclock));
    }
}

fn softclock() {
    let chan = with(|k| k.sched.timers.chan);
    loop {
        let next = with(|k| {
            let timers = &mut k.sched.timers;
            timers.due.pop_front().map(|id| timers.pending.remove(&id))
        });
        match next {
            Some(Some(action)) => {
                forbid_sleep("a callout");
                action();
                super::allow_sleep();
            }
            Some(None) => {}
            None => {
                block_on(
                    chan,
                    Wait {
                        wmesg: "-",
                        ..Wait::default()
                    },
                );
            }
        }
    }
}
