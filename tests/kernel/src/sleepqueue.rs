// SPDX-License-Identifier: BSD-2-Clause
//! sleep(9): msleep, tsleep, wakeup and pause in the names under which modules link to them; must
//! not know who sleeps for what.

use crate::args::{Args, Import};
use crate::check::{fatal, violation, Kind};
use crate::globals;
use crate::imports;
use crate::kernel::with;
use crate::locks::{self, Class, Hold};
use crate::mem;
use crate::sched::{self, Role, Wait, Wake};
use crate::subsystems::errno::EINTR;
use crate::subsystems::time::{sbt_to_ns, SBT_1S};

pub const EWOULDBLOCK: i32 = 35;
/// Flags in a sleep's priority, <sys/param.h>.
const PCATCH: u32 = 0x100;
const PDROP: u32 = 0x200;
const PNOLOCK: u32 = 0x400;
/// The timeout is a time and not an interval, <sys/callout.h>.
pub const C_ABSOLUTE: u32 = 0x0200;
const C_CATCH: u32 = 0x0800;

/// The longest sleep that is not for ever: far beyond any run, small enough to be added to.
const FAR: u64 = 1 << 60;

/// When a timeout of `sbt` with `flags` ends.
pub fn deadline(sbt: i64, flags: u32) -> u64 {
    let ns = u64::try_from(sbt_to_ns(sbt)).unwrap_or(0);
    let base = if flags & C_ABSOLUTE != 0 {
        0
    } else {
        sched::now()
    };
    base.saturating_add(ns).min(FAR)
}

/// How to go to sleep.
pub struct Sleep {
    pub chan: u64,
    /// The lock to drop while asleep, 0 for none.
    pub lock: u64,
    /// Whether to take it again.
    pub relock: bool,
    pub wait: Wait,
}

/// Sleeps; the error number that msleep(9) gives.
pub fn sleep(how: Sleep) -> u64 {
    let giant = how.lock == 0 || how.lock == imports::datum("Giant");
    let lock = if giant { 0 } else { how.lock };
    if sched::scheduler_stopped() {
        violation(
            Kind::Sleep,
            format!(
                "sleeping (\"{}\") with the scheduler stopped",
                how.wait.wmesg
            ),
        );
        return 0;
    }
    check(lock, how.wait.wmesg);
    let mut depth = 0;
    if lock != 0 {
        depth = drop_lock(lock);
    }
    let wake = sched::block_unchecked(how.chan, how.wait);
    if lock != 0 && how.relock {
        for _ in 0..=depth {
            locks::acquire(lock, false);
        }
    }
    match wake {
        Wake::Woken => 0,
        Wake::TimedOut => EWOULDBLOCK as u64,
        Wake::Interrupted => EINTR as u64,
    }
}

/// What WITNESS_WARN and the assertions of _sleep() say.
fn check(lock: u64, wmesg: &str) {
    let (forbidden, held) = with(|k| {
        let forbidden = k.current_mut().no_sleep.last().copied();
        (forbidden, k.held_across_sleep(Some(lock)))
    });
    if let Some(why) = forbidden {
        violation(Kind::Sleep, format!("sleeping (\"{wmesg}\") in {why}"));
    }
    if !held.is_empty() {
        violation(
            Kind::Sleep,
            format!("sleeping (\"{wmesg}\") with {} held", held.join(", ")),
        );
    }
    if lock != 0 && locks::class(lock) == Class::Spin {
        fatal(
            Kind::LockUse,
            format!("sleeping (\"{wmesg}\") with a spin mutex as interlock"),
        );
    }
}

/// Releases the interlock in one step with going to sleep: a wakeup in between would be lost.
fn drop_lock(lock: u64) -> u32 {
    let Hold::Exclusive(depth) = locks::hold(lock) else {
        fatal(Kind::LockUse, "the interlock of a sleep is not held");
    };
    for _ in 0..=depth {
        locks::release_quietly(lock);
    }
    depth
}

/// _sleep(chan, lock, priority, wmesg, sbt, precision, flags).
fn msleep(args: &Args) -> u64 {
    let (chan, lock, priority) = (args.u64(0), args.u64(1), args.u32(2));
    let (sbt, flags) = (args.i64(4), args.u32(6));
    let wmesg = wmesg(args.u64(3));
    if chan == 0 {
        fatal(Kind::Misuse, format!("sleeping (\"{wmesg}\") on address 0"));
    }
    if sbt == 0 && lock == 0 && priority & PNOLOCK == 0 {
        violation(
            Kind::Misuse,
            format!("sleeping (\"{wmesg}\") for ever without a lock"),
        );
    }
    let wait = Wait {
        deadline: (sbt != 0).then(|| deadline(sbt, flags)),
        interruptible: priority & PCATCH != 0,
        wmesg,
    };
    sleep(Sleep {
        chan,
        lock,
        relock: priority & PDROP == 0,
        wait,
    })
}

/// Wait messages repeat, so each is kept once for the life of the process.
pub fn wmesg(address: u64) -> &'static str {
    use std::collections::BTreeSet;
    use std::sync::Mutex;
    static SEEN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let text = mem::cstr(address);
    let mut seen = SEEN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(known) = seen.get(text.as_str()) {
        return known;
    }
    let text: &'static str = text.leak();
    seen.insert(text);
    text
}

fn wakeup(args: &Args) -> u64 {
    sched::wake(args.u64(0));
    0
}

fn wakeup_one(args: &Args) -> u64 {
    sched::wake_one(args.u64(0));
    0
}

/// pause_sbt(wmesg, sbt, precision, flags): a delay where sleeping is impossible.
fn pause(args: &Args) -> u64 {
    let (sbt, flags) = (args.i64(1), args.u32(3));
    if sbt < 0 {
        fatal(Kind::Misuse, "pause_sbt with a negative time");
    }
    let sbt = if sbt == 0 {
        SBT_1S / globals::HZ as i64
    } else {
        sbt
    };
    if sched::scheduler_stopped() || globals::int("kdb_active") != 0 || is_booting() {
        sched::spend(sbt_to_ns(sbt) as u64);
        return EWOULDBLOCK as u64;
    }
    let wait = Wait {
        deadline: Some(deadline(sbt, flags)),
        interruptible: flags & C_CATCH != 0,
        wmesg: wmesg(args.u64(0)),
    };
    sleep(Sleep {
        chan: sched::fresh_chan(),
        lock: 0,
        relock: false,
        wait,
    })
}

/// Whether this is the boot itself, before anybody can be slept for.
fn is_booting() -> bool {
    let of_module = with(|k| k.current_mut().role == Role::Module);
    globals::int("cold") != 0 && !of_module
}

/// DELAY(9): busy, whatever the context.
fn delay(args: &Args) -> u64 {
    sched::preempt_point();
    let us = u64::try_from(args.i32(0)).unwrap_or(0);
    sched::spend(us * 1000);
    0
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("_sleep", msleep),
        ("wakeup", wakeup),
        ("wakeup_one", wakeup_one),
        ("wakeup_any", wakeup_one),
        ("pause_sbt", pause),
        ("DELAY", delay),
    ]
}
