// SPDX-License-Identifier: BSD-2-Clause
//! Hooks that drivers leave for the time when interrupts work: at once after boot, at its end
//! while booting; must not know drivers.

use crate::args::{Args, Import};
use crate::call;
use crate::check::{violation, Kind};
use crate::globals;
use crate::layout::Generation;
use crate::mem;
use crate::sched::{self, Wait};
use crate::subsystems::printf;
use crate::with;

/// `ich_state`.
const QUEUED: u64 = 1;
const RUNNING: u64 = 2;
const DONE: u64 = 3;

/// Hooks that have not been disestablished, in the order in which they came.
#[derive(Default)]
pub struct Hooks {
    established: Vec<u64>,
    /// Functions and arguments of those that run once, after the others.
    oneshots: Vec<(u64, u64)>,
    /// Whether somebody goes through the list.
    running: bool,
}

/// Where `ich_state` is in `struct intr_config_hook`; its link had two words in 13.
fn state_at(hook: u64) -> u64 {
    match with(|k| k.generation) {
        Generation::Thirteen => hook + 16,
        Generation::Fourteen | Generation::Fifteen => hook + 8,
    }
}

fn state(hook: u64) -> u64 {
    mem::read(state_at(hook))
}

/// Runs the hooks that wait; whoever is at it already sees those that come meanwhile.
pub fn run() {
    if with(|k| std::mem::replace(&mut k.sub.newbus.hooks.running, true)) {
        return;
    }
    while let Some(hook) = next_queued() {
        let at = state_at(hook);
        mem::write(at, RUNNING);
        let (function, argument) = (mem::read(at + 8), mem::read(at + 16));
        call::module(function, &[argument]);
    }
    for (function, argument) in with(|k| std::mem::take(&mut k.sub.newbus.hooks.oneshots)) {
        call::module(function, &[argument]);
    }
    with(|k| k.sub.newbus.hooks.running = false);
}

fn next_queued() -> Option<u64> {
    let hooks = with(|k| k.sub.newbus.hooks.established.clone());
    hooks.into_iter().find(|hook| state(*hook) == QUEUED)
}

fn config_intrhook_establish(args: &Args) -> u64 {
    let hook = args.u64(0);
    if with(|k| k.sub.newbus.hooks.established.contains(&hook)) {
        printf::console("config_intrhook_establish: establishing an already established hook.\n");
        return 1;
    }
    with(|k| k.sub.newbus.hooks.established.push(hook));
    mem::write(state_at(hook), QUEUED);
    if globals::int("cold") == 0 {
        run();
    }
    0
}

fn disestablish(hook: u64) {
    let known = with(|k| {
        let hooks = &mut k.sub.newbus.hooks.established;
        let known = hooks.contains(&hook);
        hooks.retain(|h| *h != hook);
        known
    });
    if !known {
        return violation(Kind::Misuse, "a configuration hook disestablished twice");
    }
    mem::write(state_at(hook), DONE);
    sched::wake(hook);
}

fn config_intrhook_disestablish(args: &Args) -> u64 {
    disestablish(args.u64(0));
    0
}

/// Waits for a hook that runs, withdraws one that does not; in what state it was.
fn config_intrhook_drain(args: &Args) -> u64 {
    let hook = args.u64(0);
    let was = state(hook);
    if was == QUEUED {
        disestablish(hook);
    }
    while state(hook) == RUNNING {
        let wait = Wait {
            wmesg: "confhd",
            ..Wait::default()
        };
        sched::block_on(hook, wait);
    }
    was
}

/// A hook that goes away by itself.
fn config_intrhook_oneshot(args: &Args) -> u64 {
    let (function, argument) = (args.u64(0), args.u64(1));
    if globals::int("cold") == 0 {
        call::module(function, &[argument]);
    } else {
        with(|k| k.sub.newbus.hooks.oneshots.push((function, argument)));
    }
    0
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("config_intrhook_establish", config_intrhook_establish),
        ("config_intrhook_disestablish", config_intrhook_disestablish),
        ("config_intrhook_drain", config_intrhook_drain),
        ("config_intrhook_oneshot", config_intrhook_oneshot),
    ]
}
