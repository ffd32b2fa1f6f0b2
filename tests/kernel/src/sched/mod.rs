// SPDX-License-Identifier: BSD-2-Clause
//! Kernel threads as fibers: one runs at a time, and at every lock, wake, sleep, delay and
//! register access the seed decides whether another goes first; must not know locks or drivers.
//!
//! Time is virtual nanoseconds since boot. It moves when a thread spends time (a delay, a
//! register access, a context switch) and jumps when everybody waits.

mod bell;
mod clock;
mod dispatch;
mod interrupt;
mod life;
mod random;
mod sleepers;
mod stopped;
mod thread;
mod timer;

use std::any::Any;

use crate::check::{fatal, violation, Kind};
use crate::kernel::{with, Kernel};
use crate::machine::{Config, Stop};

pub use bell::Bell;
pub(crate) use clock::{Clock, Event};
pub(crate) use dispatch::Killed;
pub use life::{exit, join, spawn};
pub(crate) use life::{kill_all, run};
use random::Random;
use sleepers::Sleepers;
pub use stopped::{resume_scheduler, scheduler_stopped, stop_scheduler};
pub(crate) use thread::{State, Thread};
pub use timer::{after, Timer};

/// A kernel thread. The numbers are FreeBSD's thread ids in looks only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tid(pub u32);

/// The host's own thread, which runs while no machine does.
pub const HOST: Tid = Tid(0);

/// What it costs to put a thread on a processor.
const CONTEXT_SWITCH: u64 = 2_000;
/// What a thread needs from one scheduling point to the next.
const STEP: u64 = 50;
/// Scheduling points without a delay or a wait after which a thread counts as looping.
const LIVELOCK: u32 = 4_000_000;

/// Why a blocked thread goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    Woken,
    TimedOut,
    /// A signal, for sleeps that allow it.
    Interrupted,
}

/// How to wait.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wait {
    /// Virtual time at which the wait ends by itself.
    pub deadline: Option<u64>,
    /// Whether a signal ends it (PCATCH).
    pub interruptible: bool,
    /// The wait message, shown in reports.
    pub wmesg: &'static str,
}

/// What a new thread is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A user process: its body is a test's, on the host stack.
    User,
    /// A thread of the kernel itself.
    Kernel,
    /// A thread that the module made; one left at unload is a leak.
    Module,
    /// An interrupt filter or another context that must not sleep at all.
    Interrupt,
}

/// The scheduler of one machine.
pub struct Scheduler {
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    #[expect(clippy::vec_box, reason = "a switch keeps a pointer into a thread")]
    pub(crate) threads: Vec<Box<Thread>>,
    pub(crate) current: Tid,
    ready: Vec<Tid>,
    /// How many threads are `State::Busy`.
    busy: usize,
    sleepers: Sleepers,
    timers: timer::Timers,
    interrupts: interrupt::Interrupts,
    /// Threads that ended and still own stacks.
    dead: Vec<Tid>,
    next_chan: u64,
    hardware_next: Option<u64>,
    /// The time at which the run hands back to the host.
    pub(crate) limit: u64,
    pub(crate) stop: Option<Stop>,
    /// The thread whose end ends the run.
    awaited: Option<Tid>,
    stopped: Option<stopped::Stopped>,
    /// Nanoseconds for which `ticks` stood still.
    frozen_ns: u64,
    /// A panic of a test's own code in a thread, to be continued on the host.
    pub(crate) panic: Option<Box<dyn Any + Send>>,
    /// A digest of every decision, to compare runs.
    pub(crate) trace: u64,
    /// The most of a module stack that any thread used.
    pub(crate) deepest: usize,
    /// Armed by the module's waits and callouts.
    pub(crate) timeouts: u64,
    pub(crate) clock_reads: u64,
}

impl Scheduler {
    pub(crate) fn new(config: &Config) -> Scheduler {
        let mut host = Thread::bare(HOST, "host", Role::Kernel);
        host.state = State::Running;
        Scheduler {
            clock: Clock::new(config.clock),
            random: Random::new(config.seed),
            threads: vec![Box::new(host)],
            current: HOST,
            ready: vec![],
            busy: 0,
            sleepers: Sleepers::default(),
            timers: timer::Timers::default(),
            interrupts: interrupt::Interrupts::default(),
            dead: vec![],
            next_chan: 1 << 63,
            hardware_next: None,
            limit: 0,
            stop: None,
            awaited: None,
            stopped: None,
            frozen_ns: 0,
            panic: None,
            trace: 0xcbf2_9ce4_8422_2325,
            deepest: 0,
            timeouts: 0,
            clock_reads: 0,
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.is_some()
    }

    /// Time as `ticks` and callouts see it.
    pub(crate) fn ticking_ns(&self) -> u64 {
        self.clock.last() - self.frozen_ns
    }
}

impl Kernel {
    pub(crate) fn thread(&self, tid: Tid) -> &Thread {
        &self.sched.threads[tid.0 as usize]
    }

    pub(crate) fn thread_mut(&mut self, tid: Tid) -> &mut Thread {
        &mut self.sched.threads[tid.0 as usize]
    }

    pub(crate) fn current_mut(&mut self) -> &mut Thread {
        let current = self.sched.current;
        self.thread_mut(current)
    }

    /// Mixes a decision into the digest.
    pub(crate) fn trace(&mut self, what: u64) {
        for word in [self.sched.clock.last(), what] {
            self.sched.trace = (self.sched.trace ^ word).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// Ends the run at the next scheduling point; the first reason counts.
    pub(crate) fn end(&mut self, why: Stop) {
        if matches!(self.sched.stop, None | Some(Stop::Time | Stop::Idle)) {
            self.sched.stop = Some(why);
        }
    }

    pub(crate) fn fresh_chan(&mut self) -> u64 {
        self.sched.next_chan += 1;
        self.sched.next_chan
    }

    /// The running thread gives up its processor; an event at `at` makes it ready again.
    fn suspend_until(&mut self, state: State, at: u64) {
        let thread = self.current_mut();
        thread.set(state);
        let event = Event::Thread(thread.tid, thread.epoch);
        match &mut self.sched.stopped {
            Some(stopped) => stopped.event = Some((at, event)),
            None => self.sched.clock.at(at, event),
        }
    }

    /// Lets the time pass that code takes, as far as nothing happens in it.
    fn step(&mut self) {
        let thread = self.current_mut();
        thread.steps += 1;
        thread.busy += STEP;
        let t = self.sched.clock.now() + STEP;
        if t <= self.sched.limit && self.next_time().is_none_or(|next| next > t) {
            self.advance(t);
        }
    }

    /// What the seed wants at this scheduling point: whether to leave the processor.
    fn interfere(&mut self) -> bool {
        if self.sched.stop.is_some() {
            let tid = self.sched.current;
            self.current_mut().set(State::Ready);
            self.sched.ready.push(tid);
            return true;
        }
        self.step();
        if self.sched.stopped.is_some() {
            return false;
        }
        let preempt = self.config.preempt;
        let draw = self.sched.random.next();
        if (draw as u32 & 1023) < preempt.switch_per_1024 && !self.sched.ready.is_empty() {
            let tid = self.sched.current;
            self.current_mut().set(State::Ready);
            self.sched.ready.push(tid);
            return true;
        }
        let stall = ((draw >> 32) * 1_000_000) >> 32;
        if stall < u64::from(preempt.stall_per_million) && preempt.stall_max_ns > 0 {
            let at = self.sched.clock.now() + self.sched.random.below(preempt.stall_max_ns);
            self.suspend_until(State::Pending, at);
            return true;
        }
        false
    }
}

/// The running thread.
pub fn current() -> Tid {
    with(|k| k.sched.current)
}

/// The address of the running thread's `struct thread`.
pub fn curthread() -> u64 {
    with(|k| k.pcpu.curthread)
}

/// Virtual (or real) nanoseconds since boot.
pub fn now() -> u64 {
    with(|k| k.sched.clock.now())
}

/// A wait channel that is no address.
pub fn fresh_chan() -> u64 {
    with(Kernel::fresh_chan)
}

/// A place where another thread may go first.
pub fn preempt_point() {
    let (leave, looping) = with(|k| {
        if k.sched.current == HOST {
            return (false, false);
        }
        let looping = k.current_mut().steps > LIVELOCK;
        (k.interfere(), looping)
    });
    if looping {
        with(|k| k.current_mut().steps = 0);
        fatal(
            Kind::Livelock,
            "a thread loops for ever without a delay or a wait",
        );
    }
    if leave {
        dispatch::reschedule();
    }
}

/// Keeps a processor busy for `ns`, as DELAY(9) or a register access does.
pub fn spend(ns: u64) {
    let leave = with(|k| {
        assert_ne!(k.sched.current, HOST, "the host spends no machine time");
        let t = k.sched.clock.now() + ns;
        let thread = k.current_mut();
        thread.busy += ns;
        thread.steps = 0;
        // Nobody else could run before it is over.
        let quiet = k.sched.ready.is_empty() || k.sched.busy + 1 >= k.config.cpus;
        let undisturbed = quiet && k.next_time().is_none_or(|next| next > t);
        if k.sched.stop.is_none() && undisturbed && t <= k.sched.limit {
            k.advance(t);
            return false;
        }
        k.suspend_until(State::Busy, t);
        k.sched.busy += 1;
        true
    });
    if leave {
        dispatch::reschedule();
    }
}

/// Sleeps on `chan` until woken. `chan` is a module address or comes from [`fresh_chan`]. Checks
/// that sleeping is allowed here.
pub fn block_on(chan: u64, wait: Wait) -> Wake {
    may_sleep(wait.wmesg);
    block_unchecked(chan, wait)
}

/// Like [`block_on`] for waits that are legal where sleeping is not: for a mutex.
pub(crate) fn block_unchecked(chan: u64, wait: Wait) -> Wake {
    let blocked = with(|k| {
        assert_ne!(k.sched.current, HOST, "the host cannot sleep");
        let now = k.sched.clock.now();
        let tid = k.sched.current;
        let thread = k.current_mut();
        if wait.interruptible && std::mem::take(&mut thread.interrupted) {
            return false;
        }
        thread.chan = chan;
        thread.wmesg = wait.wmesg;
        thread.interruptible = wait.interruptible;
        thread.wake = Wake::Woken;
        thread.steps = 0;
        match wait.deadline {
            Some(at) => k.suspend_until(State::Blocked, at.max(now)),
            None => thread.set(State::Blocked),
        }
        k.sched.sleepers.add(tid, chan);
        true
    });
    if !blocked {
        return Wake::Interrupted;
    }
    dispatch::reschedule();
    with(|k| k.current_mut().wake)
}

/// Reports a thread that is about to sleep where it must not.
pub(crate) fn may_sleep(wmesg: &str) {
    if scheduler_stopped() {
        fatal(
            Kind::Sleep,
            format!("sleeping (\"{wmesg}\") with the scheduler stopped"),
        );
    }
    let trouble = with(|k| {
        let thread = k.current_mut();
        let forbidden = thread.no_sleep.last().copied();
        (forbidden, k.held_across_sleep(None))
    });
    if let Some(why) = trouble.0 {
        violation(Kind::Sleep, format!("sleeping (\"{wmesg}\") in {why}"));
    }
    if !trouble.1.is_empty() {
        violation(
            Kind::Sleep,
            format!("sleeping (\"{wmesg}\") with {} held", trouble.1.join(", ")),
        );
    }
}

/// Wakes all threads that sleep on `chan`; how many there were.
pub fn wake(chan: u64) -> usize {
    let woken = with(|k| k.wake_all(chan));
    preempt_point();
    woken
}

/// Wakes the thread that has slept longest on `chan`, if any.
pub fn wake_one(chan: u64) -> bool {
    let woken = with(|k| match k.sched.sleepers.first(chan) {
        Some(tid) => {
            k.wake_thread(tid, Wake::Woken, CONTEXT_SWITCH);
            true
        }
        None => false,
    });
    preempt_point();
    woken
}

/// Ends an interruptible wait of `thread` now or, if it does not wait, its next one.
pub fn interrupt(thread: Tid) {
    with(|k| {
        let waits = k.thread(thread);
        if waits.state == State::Blocked && waits.interruptible {
            k.wake_thread(thread, Wake::Interrupted, CONTEXT_SWITCH);
        } else {
            k.thread_mut(thread).interrupted = true;
        }
    });
    preempt_point();
}

/// Forbids sleeping in the running thread; nests. The text completes "sleeping in ...".
pub fn forbid_sleep(why: &'static str) {
    with(|k| k.current_mut().no_sleep.push(why));
}

/// Undoes one [`forbid_sleep`].
pub fn allow_sleep() {
    with(|k| k.current_mut().no_sleep.pop());
}
