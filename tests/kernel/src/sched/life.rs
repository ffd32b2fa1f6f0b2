// SPDX-License-Identifier: BSD-2-Clause
//! The beginning and the end of a thread; must not know what it does in between.

use std::panic::{self, AssertUnwindSafe};

use super::dispatch::{self, Killed};
use super::thread::{Body, State, Thread};
use super::{block_on, Role, Tid, Wait, HOST};
use crate::check::{violation, Kind};
use crate::kernel::{with, Kernel};
use crate::machine::Stop;

/// Makes a thread; it starts when the scheduler gets to it.
pub fn spawn(name: &str, role: Role, body: impl FnOnce() + 'static) -> Tid {
    let tid = with(|k| k.spawn(name, role, Box::new(body)));
    super::preempt_point();
    tid
}

/// Ends the running thread.
pub fn exit() -> ! {
    panic::resume_unwind(Box::new(Killed))
}

/// Waits until `thread` has ended.
pub fn join(thread: Tid) {
    while with(|k| k.thread(thread).state != State::Dead) {
        block_on(
            ended(thread),
            Wait {
                wmesg: "join",
                ..Wait::default()
            },
        );
    }
}

/// The channel on which a thread's end is announced.
fn ended(tid: Tid) -> u64 {
    1 << 62 | u64::from(tid.0)
}

impl Kernel {
    pub(crate) fn spawn(&mut self, name: &str, role: Role, body: Body) -> Tid {
        let tid = Tid(self.sched.threads.len() as u32);
        let mut thread = Thread::new(tid, name, role, body, entry);
        thread.set(State::Ready);
        if role == Role::Interrupt {
            thread.no_sleep.push("an interrupt");
        }
        let td = thread.struct_thread();
        self.sched.threads.push(Box::new(thread));
        self.describe_thread(tid, td);
        self.sched.ready.push(tid);
        tid
    }
}

/// Runs the machine until `limit`, the end of the thread `awaited` or its own end.
pub(crate) fn run(limit: u64, awaited: Option<Tid>) -> Stop {
    let over = with(|k| {
        if !matches!(k.sched.stop, None | Some(Stop::Time | Stop::Idle)) {
            return true;
        }
        k.sched.stop = None;
        k.sched.limit = limit;
        k.sched.awaited = awaited;
        k.thread_mut(HOST).set(State::Blocked);
        false
    });
    if !over {
        dispatch::reschedule();
    }
    with(|k| k.sched.stop.clone().expect("a run ends for a reason"))
}

/// Ends every thread by unwinding it. The machine cannot run afterwards.
pub(crate) fn kill_all() {
    with(|k| k.sched.stop = Some(Stop::Halted("the machine is switched off".to_string())));
    let count = with(|k| k.sched.threads.len());
    for tid in (1..count as u32).map(Tid) {
        // A body that never ran is dropped here, outside the borrow.
        let body = with(|k| k.thread_mut(tid).body.take());
        let started = body.is_none();
        drop(body);
        if started {
            dispatch::kill(tid);
        }
    }
    with(|k| {
        for thread in &mut k.sched.threads {
            if let Some(stacks) = thread.stacks.take() {
                stacks.recycle();
            }
        }
    });
}

impl Kernel {
    pub(crate) fn start_system_threads(&mut self) {
        self.start_softclock();
        self.start_interrupts();
    }
}

/// Where every thread begins.
extern "C" fn entry() -> ! {
    let result = panic::catch_unwind(AssertUnwindSafe(|| {
        dispatch::arrive();
        if let Some(body) = with(|k| k.current_mut().body.take()) {
            body();
        }
    }));
    let over = with(|k| k.sched.stop.is_some());
    match result {
        Err(payload) if !payload.is::<Killed>() => with(|k| {
            k.sched.panic.get_or_insert(payload);
            k.end(Stop::Halted("a test panicked".to_string()));
        }),
        _ if over => {}
        _ => check_nothing_held(),
    }
    with(|k| {
        let tid = k.sched.current;
        let thread = k.current_mut();
        thread.killed = false;
        thread.set(State::Dead);
        k.sched.dead.push(tid);
        k.wake_all(ended(tid));
        if k.sched.awaited == Some(tid) {
            k.end(Stop::Time);
        }
    });
    dispatch::reschedule();
    unreachable!("a dead thread ran");
}

fn check_nothing_held() {
    let (name, held) = with(|k| {
        let thread = k.current_mut();
        let (name, held) = (thread.name.clone(), std::mem::take(&mut thread.held));
        let names: Vec<_> = held
            .iter()
            .map(|h| k.locks.name(h.name).to_string())
            .collect();
        (name, names)
    });
    if !held.is_empty() {
        violation(
            Kind::LockUse,
            format!("thread {name} ended with {} held", held.join(", ")),
        );
    }
}
