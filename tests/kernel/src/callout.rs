// SPDX-License-Identifier: BSD-2-Clause
//! callout(9) in the names under which modules link to it; must not know what callouts do.

use std::collections::BTreeMap;

use crate::args::{Args, Import};
use crate::call;
use crate::check::{fatal, violation, Kind};
use crate::fault;
use crate::globals::HZ;
use crate::image::Image;
use crate::kernel::with;
use crate::locks::{self, Hold};
use crate::mem;
use crate::sched::{self, Tid, Timer, Wait};
use crate::sleepqueue::deadline;
use crate::subsystems::time::SBT_1S;

/// Offsets in `struct callout`, the same in every release so far.
const C_TIME: u64 = 16;
const C_ARG: u64 = 32;
const C_FUNC: u64 = 40;
const C_LOCK: u64 = 48;
const C_FLAGS: u64 = 56;
const C_IFLAGS: u64 = 58;
const SIZE: usize = 64;

const CALLOUT_ACTIVE: u16 = 0x0002;
const CALLOUT_PENDING: u16 = 0x0004;
const CALLOUT_RETURNUNLOCKED: i32 = 0x0010;
const CS_DRAIN: u32 = 1;

/// One initialised callout.
#[derive(Clone, Copy, Default)]
struct Callout {
    lock: u64,
    return_unlocked: bool,
    function: u64,
    pending: Option<Timer>,
    /// The thread on which the function is running or waits for the lock.
    running: Option<Tid>,
    /// Still waiting for its lock.
    waiting: bool,
    /// Stopped while it waited for its lock.
    cancelled: bool,
}

/// Every initialised callout of a machine.
#[derive(Default)]
pub struct Callouts(BTreeMap<u64, Callout>);

impl Callouts {
    /// How many callouts in the range are pending or running.
    pub fn busy_within(&self, base: u64, len: u64) -> usize {
        let inside = self.0.range(base..base + len);
        inside
            .filter(|(_, c)| c.pending.is_some() || c.running.is_some())
            .count()
    }

    /// How many pending or running callouts belong to code of `image`.
    pub fn calling(&self, image: &Image) -> usize {
        let busy = self
            .0
            .values()
            .filter(|c| c.pending.is_some() || c.running.is_some());
        busy.filter(|c| image.contains(c.function)).count()
    }

    /// Forgets the callouts in memory that is gone.
    pub fn forget(&mut self, base: u64, len: u64) {
        self.0.retain(|at, _| !(base..base + len).contains(at));
    }
}

fn init(args: &Args) -> u64 {
    let mpsafe = args.i32(1) != 0;
    let lock = if mpsafe { 0 } else { crate::mutex::giant() };
    begin(args.u64(0), lock, 0);
    0
}

fn init_lock(args: &Args) -> u64 {
    begin(args.u64(0), args.u64(1), args.i32(2));
    0
}

fn begin(c: u64, lock: u64, flags: i32) {
    mem::fill(c, 0, SIZE);
    mem::write(c + C_LOCK, lock);
    let return_unlocked = flags & CALLOUT_RETURNUNLOCKED != 0;
    let new = Callout {
        lock,
        return_unlocked,
        ..Callout::default()
    };
    let old = with(|k| k.callouts.0.insert(c, new));
    if old.is_some_and(|old| old.pending.is_some() || old.running.is_some()) {
        fatal(Kind::Lifetime, "a pending callout is initialised again");
    }
}

fn get(c: u64) -> Callout {
    with(|k| k.callouts.0.get(&c).copied()).unwrap_or_else(|| {
        let place = fault::describe(c);
        fatal(
            Kind::Lifetime,
            format!("a callout that is not initialised is used: {place}"),
        )
    })
}

fn update<R>(c: u64, f: impl FnOnce(&mut Callout) -> R) -> Option<R> {
    with(|k| k.callouts.0.get_mut(&c).map(f))
}

fn check_lock(callout: &Callout) {
    let owned = callout.lock != 0 && !sched::scheduler_stopped();
    if owned && !matches!(locks::hold(callout.lock), Hold::Exclusive(_)) {
        fatal(
            Kind::LockUse,
            "a callout is changed without holding its mutex",
        );
    }
}

fn set_flags(c: u64, at: u64, bits: u16, on: bool) {
    let old = mem::read::<u16>(c + at);
    mem::write(c + at, if on { old | bits } else { old & !bits });
}

/// Unschedules; whether it was pending or, waiting for its lock, could still be stopped.
fn unschedule(c: u64) -> bool {
    let callout = get(c);
    let pending = callout.pending.is_some_and(Timer::cancel);
    let waiting = callout.waiting && !callout.cancelled;
    update(c, |callout| {
        callout.pending = None;
        callout.cancelled |= waiting;
    });
    set_flags(c, C_IFLAGS, CALLOUT_PENDING, false);
    pending || waiting
}

/// callout_reset_sbt_on(c, sbt, precision, function, argument, cpu, flags).
fn reset(args: &Args) -> u64 {
    let c = args.u64(0);
    let at = deadline(args.i64(1), args.u32(6));
    u64::from(schedule(c, at, args.u64(3), args.u64(4)))
}

/// callout_schedule(c, ticks): what was set before, again.
fn again(args: &Args) -> u64 {
    let c = args.u64(0);
    let sbt = i64::from(args.i32(1)) * (SBT_1S / HZ as i64);
    u64::from(schedule(
        c,
        deadline(sbt, 0),
        mem::read(c + C_FUNC),
        mem::read(c + C_ARG),
    ))
}

fn schedule(c: u64, at: u64, function: u64, argument: u64) -> bool {
    check_lock(&get(c));
    let cancelled = unschedule(c);
    mem::write(c + C_TIME, at);
    mem::write(c + C_ARG, argument);
    mem::write(c + C_FUNC, function);
    set_flags(c, C_FLAGS, CALLOUT_ACTIVE, true);
    set_flags(c, C_IFLAGS, CALLOUT_PENDING, true);
    let timer = with(|k| {
        k.sched.timeouts += 1;
        k.timer_at(at, Box::new(move || run(c)))
    });
    update(c, |callout| {
        callout.function = function;
        callout.pending = Some(timer);
    });
    sched::preempt_point();
    cancelled
}

/// The timer has come, on the softclock thread.
fn run(c: u64) {
    let me = sched::current();
    let Some(callout) = update(c, |callout| {
        callout.pending = None;
        callout.running = Some(me);
        callout.waiting = callout.lock != 0;
        callout.cancelled = false;
        *callout
    }) else {
        fatal(
            Kind::AfterDrain,
            "a callout fires in memory that is no callout any more",
        );
    };
    set_flags(c, C_IFLAGS, CALLOUT_PENDING, false);
    let (function, argument) = (mem::read(c + C_FUNC), mem::read(c + C_ARG));
    if callout.lock != 0 {
        locks::acquire(callout.lock, false);
    }
    let cancelled = update(c, |callout| {
        callout.waiting = false;
        callout.cancelled
    });
    if cancelled != Some(true) {
        call::module(function, &[argument]);
    }
    if callout.lock != 0 && (cancelled == Some(true) || !callout.return_unlocked) {
        locks::release(callout.lock);
    }
    // The function may have freed the callout.
    update(c, |callout| callout.running = None);
    sched::wake(drained(c));
    if let Some(name) = with(|k| k.held_across_sleep(None).first().cloned()) {
        violation(
            Kind::LockUse,
            format!("a callout returned with {name} held"),
        );
    }
}

/// Where drains wait for the end of the running function.
fn drained(c: u64) -> u64 {
    c | 1 << 59
}

/// _callout_stop_safe(c, flags): 1 cancelled, 0 it is running, -1 it was not pending.
fn stop(args: &Args) -> u64 {
    let (c, flags) = (args.u64(0), args.u32(1));
    sched::preempt_point();
    let result = match flags & CS_DRAIN {
        0 => {
            check_lock(&get(c));
            let running = get(c).running.is_some() && !get(c).waiting;
            match (unschedule(c), running) {
                (true, _) => 1,
                (false, true) => 0,
                (false, false) => -1,
            }
        }
        _ => drain(c),
    };
    set_flags(c, C_FLAGS, CALLOUT_ACTIVE, false);
    result as i64 as u64
}

fn drain(c: u64) -> i32 {
    sched::may_sleep("codrain");
    let me = sched::current();
    let mut waited = false;
    while let Some(runner) = get(c).running {
        if runner == me {
            fatal(Kind::Misuse, "a callout drains itself");
        }
        waited = true;
        sched::block_on(
            drained(c),
            Wait {
                wmesg: "codrain",
                ..Wait::default()
            },
        );
    }
    match (unschedule(c), waited) {
        (true, _) => 1,
        (false, true) => 0,
        (false, false) => -1,
    }
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("callout_init", init),
        ("_callout_init_lock", init_lock),
        ("callout_reset_sbt_on", reset),
        ("callout_schedule", again),
        ("callout_schedule_on", again),
        ("_callout_stop_safe", stop),
    ]
}
