// SPDX-License-Identifier: BSD-2-Clause
//! condvar(9) in the names under which modules link to it; must not know what is waited for.

use std::collections::BTreeMap;

use crate::args::{Args, Import};
use crate::check::{fatal, violation, Kind};
use crate::fault;
use crate::kernel::with;
use crate::mem;
use crate::sched::{self, Wait};
use crate::sleepqueue::{deadline, sleep, wmesg, Sleep};

/// Offset of `cv_waiters` after the description.
const CV_WAITERS: u64 = 8;

/// Live condition variables: their descriptions and where they were made.
pub type CondVars = BTreeMap<u64, (&'static str, u64)>;

fn init(args: &Args) -> u64 {
    let cv = args.u64(0);
    let description = wmesg(args.u64(1));
    mem::write(cv, args.u64(1));
    mem::write(cv + CV_WAITERS, 0u32);
    let again = with(|k| {
        let site = k.site();
        k.condvars.insert(cv, (description, site)).is_some()
    });
    if again {
        violation(
            Kind::Lifetime,
            format!("condition variable {description} initialised twice"),
        );
    }
    0
}

fn destroy(args: &Args) -> u64 {
    let cv = known(args.u64(0));
    if mem::read::<u32>(cv + CV_WAITERS) != 0 {
        violation(
            Kind::Lifetime,
            "condition variable destroyed with threads waiting",
        );
    }
    with(|k| k.condvars.remove(&cv));
    0
}

fn known(cv: u64) -> u64 {
    if with(|k| k.condvars.contains_key(&cv)) {
        return cv;
    }
    let place = fault::describe(cv);
    fatal(
        Kind::Lifetime,
        format!("a condition variable that is not initialised or was destroyed is used: {place}"),
    )
}

/// Waiters of condition variables and sleepers on the same address do not mix.
fn chan(cv: u64) -> u64 {
    cv | 1 << 60
}

struct How {
    sbt: Option<i64>,
    flags: u32,
    interruptible: bool,
    relock: bool,
}

fn wait(args: &Args, how: How) -> u64 {
    let cv = known(args.u64(0));
    let wait = Wait {
        deadline: how.sbt.map(|sbt| deadline(sbt, how.flags)),
        interruptible: how.interruptible,
        wmesg: with(|k| k.condvars[&cv].0),
    };
    with(|k| k.sched.timeouts += u64::from(wait.deadline.is_some()));
    count(cv, 1);
    let error = sleep(Sleep {
        chan: chan(cv),
        lock: args.u64(1),
        relock: how.relock,
        wait,
    });
    // As in FreeBSD a waiter may outlive the variable, if nobody waits on it any more.
    if with(|k| k.condvars.contains_key(&cv)) {
        count(cv, -1);
    }
    error
}

fn count(cv: u64, by: i32) {
    let waiters = mem::read::<i32>(cv + CV_WAITERS);
    mem::write(cv + CV_WAITERS, (waiters + by).max(0));
}

fn cv_wait(args: &Args) -> u64 {
    wait(
        args,
        How {
            sbt: None,
            flags: 0,
            interruptible: false,
            relock: true,
        },
    )
}

fn cv_wait_sig(args: &Args) -> u64 {
    wait(
        args,
        How {
            sbt: None,
            flags: 0,
            interruptible: true,
            relock: true,
        },
    )
}

fn cv_wait_unlock(args: &Args) -> u64 {
    wait(
        args,
        How {
            sbt: None,
            flags: 0,
            interruptible: false,
            relock: false,
        },
    )
}

fn cv_timedwait(args: &Args) -> u64 {
    let (sbt, flags) = (Some(args.i64(2)), args.u32(4));
    wait(
        args,
        How {
            sbt,
            flags,
            interruptible: false,
            relock: true,
        },
    )
}

fn cv_timedwait_sig(args: &Args) -> u64 {
    let (sbt, flags) = (Some(args.i64(2)), args.u32(4));
    wait(
        args,
        How {
            sbt,
            flags,
            interruptible: true,
            relock: true,
        },
    )
}

fn cv_signal(args: &Args) -> u64 {
    sched::wake_one(chan(known(args.u64(0))));
    0
}

fn cv_broadcast(args: &Args) -> u64 {
    sched::wake(chan(known(args.u64(0))));
    0
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("cv_init", init),
        ("cv_destroy", destroy),
        ("_cv_wait", cv_wait),
        ("_cv_wait_sig", cv_wait_sig),
        ("_cv_wait_unlock", cv_wait_unlock),
        ("_cv_timedwait_sbt", cv_timedwait),
        ("_cv_timedwait_sig_sbt", cv_timedwait_sig),
        ("cv_signal", cv_signal),
        ("cv_broadcastpri", cv_broadcast),
    ]
}
