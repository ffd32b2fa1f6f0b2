// SPDX-License-Identifier: BSD-2-Clause
//! Kernel threads as fibers: one runs at a time, and at every lock, wake, sleep, delay and
//! register access the seed decides whether another goes first; must not know locks or drivers.
//!
//! Time is virtual nanoseconds since boot. It moves when a thread spends time (a delay, a
//! register access, a context switch) and jumps when everybody waits.

/// A kernel thread. The numbers are FreeBSD's thread ids in looks only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tid(pub u32);

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

/// The running thread.
pub fn current() -> Tid {
    todo!()
}

/// The address of the running thread's `struct thread`.
pub fn curthread() -> u64 {
    todo!()
}

/// Virtual (or real) nanoseconds since boot.
pub fn now() -> u64 {
    todo!()
}

/// Sleeps on `chan` until woken. `chan` is a module address or comes from [`fresh_chan`]. Checks
/// that sleeping is allowed here.
pub fn block_on(chan: u64, wait: Wait) -> Wake {
    todo!("{chan:#x} {wait:?}")
}

/// Wakes all threads that sleep on `chan`; how many there were.
pub fn wake(chan: u64) -> usize {
    todo!("{chan:#x}")
}

/// Wakes the thread that has slept longest on `chan`, if any.
pub fn wake_one(chan: u64) -> bool {
    todo!("{chan:#x}")
}

/// Ends an interruptible wait of `thread` now or, if it does not wait, its next one.
pub fn interrupt(thread: Tid) {
    todo!("{thread:?}")
}

/// A wait channel that is no address.
pub fn fresh_chan() -> u64 {
    todo!()
}

/// A place where another thread may go first.
pub fn preempt_point() {
    todo!()
}

/// Keeps a processor busy for `ns`, as DELAY(9) or a register access does.
pub fn spend(ns: u64) {
    todo!("{ns}")
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

/// Makes a thread; it starts when the scheduler gets to it.
pub fn spawn(name: &str, role: Role, body: impl FnOnce() + 'static) -> Tid {
    drop(body);
    todo!("{name} {role:?}")
}

/// Ends the running thread.
pub fn exit() -> ! {
    todo!()
}

/// Waits until `thread` has ended.
pub fn join(thread: Tid) {
    todo!("{thread:?}")
}

/// Forbids (`true`) or allows sleeping in the running thread; nests. The text says why.
pub fn forbid_sleep(why: &'static str) {
    todo!("{why}")
}

/// Undoes one [`forbid_sleep`].
pub fn allow_sleep() {
    todo!()
}

/// Runs `f` once, `ns` from now, on the softclock thread, where sleeping is forbidden. The handle
/// cancels it. This is for the kernel's own callouts; modules come through callout(9).
pub fn after(ns: u64, f: impl FnOnce() + 'static) -> Timer {
    drop(f);
    todo!("{ns}")
}

/// A pending [`after`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer(pub u64);

impl Timer {
    /// Whether it was still pending.
    pub fn cancel(self) -> bool {
        todo!()
    }
}

/// Freezes every other thread, callouts and `ticks`, as panic(9) and kdb_enter(9) do: locks
/// become no-ops, sleeping is a violation, DELAY still moves time.
pub fn stop_scheduler() {
    todo!()
}

/// Undoes [`stop_scheduler`], as leaving the debugger does.
pub fn resume_scheduler() {
    todo!()
}

/// SCHEDULER_STOPPED().
pub fn scheduler_stopped() -> bool {
    todo!()
}
