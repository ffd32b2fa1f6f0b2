// SPDX-License-Identifier: BSD-2-Clause
//! Who sleeps on which wait channel, in order of arrival; must not know why.

use std::collections::{BTreeMap, VecDeque};

use super::{Event, State, Tid, Wake, CONTEXT_SWITCH};
use crate::kernel::Kernel;

#[derive(Default)]
pub struct Sleepers(BTreeMap<u64, VecDeque<Tid>>);

impl Sleepers {
    pub fn add(&mut self, tid: Tid, chan: u64) {
        self.0.entry(chan).or_default().push_back(tid);
    }

    pub fn remove(&mut self, tid: Tid, chan: u64) {
        if let Some(queue) = self.0.get_mut(&chan) {
            queue.retain(|t| *t != tid);
            if queue.is_empty() {
                self.0.remove(&chan);
            }
        }
    }

    pub fn first(&self, chan: u64) -> Option<Tid> {
        self.0.get(&chan)?.front().copied()
    }

    pub fn all(&self, chan: u64) -> Vec<Tid> {
        self.0
            .get(&chan)
            .map(|queue| queue.iter().copied().collect())
            .unwrap_or_default()
    }
}

impl Kernel {
    /// Ends the wait of a blocked thread; it gets a processor after `delay`.
    pub(super) fn wake_thread(&mut self, tid: Tid, wake: Wake, delay: u64) {
        let now = self.sched.clock.now();
        let thread = self.thread_mut(tid);
        let chan = thread.chan;
        thread.wake = wake;
        thread.busy += delay;
        if delay == 0 {
            thread.set(State::Ready);
            self.sched.ready.push(tid);
        } else {
            thread.set(State::Pending);
            let event = Event::Thread(tid, thread.epoch);
            self.sched.clock.at(now + delay, event);
        }
        self.sched.sleepers.remove(tid, chan);
        self.trace(u64::from(tid.0) | 1 << 32);
    }

    pub(crate) fn wake_all(&mut self, chan: u64) -> usize {
        let all = self.sched.sleepers.all(chan);
        for tid in &all {
            self.wake_thread(*tid, Wake::Woken, CONTEXT_SWITCH);
        }
        all.len()
    }

    /// Wakes without the cost of a context switch: for interrupt threads.
    pub(super) fn wake_at_once(&mut self, chan: u64) {
        for tid in self.sched.sleepers.all(chan) {
            self.wake_thread(tid, Wake::Woken, 0);
        }
    }
}
