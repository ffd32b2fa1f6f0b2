// SPDX-License-Identifier: BSD-2-Clause
//! Who runs next: draws from the ready threads, moves time when there are none, switches; must
//! not know why threads wait.

use std::panic;

use super::thread::State;
use super::{Event, Tid, Wake, CONTEXT_SWITCH, HOST};
use crate::arch::border;
use crate::kernel::{with, Kernel};
use crate::machine::{HwEvent, Stop};

/// The payload that unwinds a thread whose machine is over.
pub struct Killed;

/// Leaves the processor; comes back when this thread is chosen again. The caller has already
/// given the thread a state other than running.
pub fn reschedule() {
    let switch = with(|k| {
        let next = k.choose();
        k.prepare_switch(next)
    });
    if let Some((save, next)) = switch {
        // SAFETY: `next` was suspended by `switch` or is new, and is the running thread from
        // here on, so nobody uses the value again; `save` is in a box that stays.
        unsafe { border::switch(save, next) };
    }
    arrive();
}

/// Lets a suspended thread run once more, to unwind.
pub fn kill(tid: Tid) {
    let switch = with(|k| {
        if k.thread(tid).state == State::Dead {
            return None;
        }
        k.thread_mut(tid).killed = true;
        k.thread_mut(HOST).set(State::Blocked);
        k.thread_mut(tid).set(State::Running);
        k.prepare_switch(tid)
    });
    if let Some((save, next)) = switch {
        // SAFETY: as in `reschedule`; the machine is over, so the thread comes back to the host.
        unsafe { border::switch(save, next) };
        with(Kernel::reap);
    }
}

/// The first thing a thread does when it gets the processor.
pub fn arrive() {
    let killed = with(|k| {
        k.reap();
        k.current_mut().killed
    });
    // A thread that already unwinds may come here from a destructor; it must not panic twice.
    if killed && !std::thread::panicking() {
        panic::resume_unwind(Box::new(Killed));
    }
}

impl Kernel {
    /// Picks the next thread and makes it the running one; the host if the run is over.
    fn choose(&mut self) -> Tid {
        let next = loop {
            if self.sched.stop.is_some() {
                break HOST;
            }
            if let Some(tid) = self.draw() {
                break tid;
            }
            self.next_event();
        };
        self.thread_mut(next).set(State::Running);
        next
    }

    /// One of the ready threads, by the seed, if a processor is free.
    fn draw(&mut self) -> Option<Tid> {
        if self.sched.is_stopped() {
            return self.draw_owner();
        }
        let ready = self.sched.ready.len() as u64;
        if ready == 0 || self.sched.busy >= self.config.cpus {
            return None;
        }
        let index = if ready == 1 {
            0
        } else {
            self.sched.random.below(ready)
        };
        Some(self.sched.ready.remove(index as usize))
    }

    /// Moves time to the next event and lets it happen, or ends the run.
    fn next_event(&mut self) {
        let Some(at) = self.next_time() else {
            if self.sched.limit == u64::MAX || self.owner_is_gone() {
                self.sched.stop = Some(Stop::Idle);
            } else {
                self.run_out();
            }
            return;
        };
        if at > self.sched.limit {
            return self.run_out();
        }
        if self.is_called_before(at) {
            return;
        }
        self.advance(at);
        self.poll_hardware();
        if let Some(event) = self.take_event() {
            self.happen(event);
        }
    }

    fn run_out(&mut self) {
        if self.is_called_before(self.sched.limit) {
            return;
        }
        self.advance(self.sched.limit);
        self.sched.stop = Some(Stop::Time);
    }

    /// Ends the run if the bell rings before `t`; not one that waits for a thread.
    fn is_called_before(&mut self, t: u64) -> bool {
        let called = self.sched.awaited.is_none() && self.sched.clock.rings_before(t);
        if called {
            self.advance(0);
            self.sched.stop = Some(Stop::Time);
        }
        called
    }

    /// Removes the next event if its time has come.
    fn take_event(&mut self) -> Option<Event> {
        let now = self.sched.clock.last();
        if let Some(stopped) = &mut self.sched.stopped {
            return stopped
                .event
                .take_if(|(t, _)| *t <= now)
                .map(|(_, event)| event);
        }
        let (t, event) = self.sched.clock.next()?;
        if t > now {
            return None;
        }
        self.sched.clock.pop();
        Some(event)
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Timer(id) => self.timer_due(id),
            Event::Thread(tid, epoch) if self.thread(tid).epoch == epoch => self.due(tid),
            Event::Thread(..) => {}
        }
    }

    /// A thread's wait, delay or stall is over.
    fn due(&mut self, tid: Tid) {
        let thread = self.thread_mut(tid);
        match thread.state {
            State::Busy => {
                thread.set(State::Ready);
                self.sched.busy -= 1;
            }
            State::Blocked => {
                thread.wake = Wake::TimedOut;
                thread.busy += CONTEXT_SWITCH;
                thread.set(State::Ready);
                let chan = thread.chan;
                self.sched.sleepers.remove(tid, chan);
            }
            _ => thread.set(State::Ready),
        }
        self.sched.ready.push(tid);
    }

    /// Swaps the words behind `%gs`; what to pass to the switch, unless it is the same thread.
    fn prepare_switch(&mut self, next: Tid) -> Option<(*mut u64, u64)> {
        let old = self.sched.current;
        if old == next {
            return None;
        }
        self.trace(u64::from(next.0));
        let crossing = self.pcpu.crossing;
        let thread = self.thread_mut(old);
        thread.crossing = crossing;
        let save = &raw mut thread.sp;
        self.sched.current = next;
        let thread = self.thread_mut(next);
        let (crossing, td, sp) = (thread.crossing, thread.struct_thread(), thread.sp);
        self.pcpu.crossing = crossing;
        self.pcpu.curthread = td;
        Some((save, sp))
    }

    /// Frees the stacks of threads that ended; none of them is the one we are on.
    fn reap(&mut self) {
        while let Some(tid) = self.sched.dead.pop() {
            if let Some(stacks) = self.thread_mut(tid).stacks.take() {
                let used = stacks.module_used();
                self.sched.deepest = self.sched.deepest.max(used);
                stacks.recycle();
            }
        }
    }

    /// Sets the clock and the variables that follow it.
    pub(crate) fn advance(&mut self, t: u64) {
        self.sched.clock.advance(t);
        self.update_ticks();
    }

    /// Lets the hardware tell what has happened.
    pub(crate) fn poll_hardware(&mut self) {
        let now = self.sched.clock.last();
        if self.sched.hardware_next.is_some_and(|t| t <= now) {
            for event in self.hardware.advance(now) {
                self.hardware_event(event);
            }
            self.refresh_hardware();
            // Hardware that is due again at once must not keep time from moving.
            self.sched.hardware_next = self.sched.hardware_next.map(|t| t.max(now + 1));
        }
    }

    /// After anything that may have changed what the hardware will do.
    pub(crate) fn refresh_hardware(&mut self) {
        let now = self.sched.clock.last();
        // Hardware that is due already is heard at the next chance, never in the past.
        self.sched.hardware_next = self.hardware.next_event().map(|t| t.max(now));
    }

    fn hardware_event(&mut self, event: HwEvent) {
        match event {
            HwEvent::Nmi | HwEvent::Irq(..) => self.post_interrupt(event),
            HwEvent::HostReset(_) | HwEvent::PowerCycle | HwEvent::PowerOff => {
                self.end(Stop::Host(event));
            }
        }
    }
}
