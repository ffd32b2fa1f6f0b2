// SPDX-License-Identifier: BSD-2-Clause
//! The callouts of watchdog(9): the pretimeout, and the timeout in software; must not know the
//! handlers.

use super::{is_exact, state, SOFT_DDB, SOFT_LOG, SOFT_PANIC, SOFT_PRINTF};
use crate::mem;
use crate::sched;
use crate::subsystems::time::{sbt_to_ns, NS_PER_S, SBT_1S};
use crate::subsystems::{errno, eventhandler, kdb, printf, shutdown};

/// A veto holds the pretimeout back so long, then it asks again.
const VETOED: u64 = NS_PER_S;
/// Nanoseconds a tick.
const TICK: u64 = 1_000_000;

/// After a pat: the same pretimeout, dropped if the timeout is no longer above it.
pub fn rearm() {
    set(state(|w| w.pretimeout), true);
}

/// wd_set_pretimeout(): `pretimeout` is exact in 15 and whole seconds before.
pub fn set(pretimeout: i64, drop_if_too_long: bool) -> i32 {
    let too_long = match is_exact() {
        true => pretimeout >= state(|w| w.last_sbt),
        false => pretimeout / SBT_1S >= (timeout_pow2_ns() / NS_PER_S) as i64,
    };
    if too_long && !drop_if_too_long {
        return errno::EINVAL;
    }
    let pretimeout = if too_long { 0 } else { pretimeout };
    let old = state(|w| {
        w.pretimeout = pretimeout;
        w.pretimeout_timer.take()
    });
    if let Some(timer) = old {
        timer.cancel();
    }
    if pretimeout != 0 {
        let timer = sched::after(time_left(pretimeout), || fire("pre"));
        state(|w| w.pretimeout_timer = Some(timer));
    }
    0
}

fn timeout_pow2_ns() -> u64 {
    1u64.wrapping_shl(state(|w| w.last_pow2))
}

/// From now to the pretimeout.
fn time_left(pretimeout: i64) -> u64 {
    match is_exact() {
        true => sbt_to_ns(state(|w| w.last_sbt) - pretimeout) as u64,
        // Ticks, rounded up and one for the tick under way.
        false => {
            let ticks = timeout_pow2_ns().div_ceil(TICK) + 1;
            ticks * TICK - sbt_to_ns(pretimeout) as u64
        }
    }
}

/// The timeout in software, when WDIOC_SETSOFT asked for it; 0 stops it.
pub fn arm_soft(timeout_ns: u64) {
    if let Some(timer) = state(|w| w.soft_timer.take()) {
        timer.cancel();
    }
    if timeout_ns != 0 {
        let timer = sched::after(timeout_ns, || fire("soft"));
        state(|w| w.soft_timer = Some(timer));
    }
}

/// Whether a handler on the list of our proposal holds it back.
fn is_vetoed() -> bool {
    if !state(|w| w.has_pretimeout_list) {
        return false;
    }
    let veto = mem::kalloc(8, "watchdog veto");
    eventhandler::invoke("watchdog_pretimeout", &[veto]);
    let vetoed = mem::read::<i32>(veto) != 0;
    mem::kfree(veto);
    vetoed
}

/// wd_timeout_cb(): the actions, in the order in which the kernel takes them.
fn fire(kind: &'static str) {
    if kind == "pre" && is_vetoed() {
        let timer = sched::after(VETOED, || fire("pre"));
        return state(|w| w.pretimeout_timer = Some(timer));
    }
    let now = sched::now();
    let action = state(|w| {
        w.fired.push(now);
        w.pretimeout_action
    });
    if action & SOFT_DDB != 0 {
        kdb::enter(&format!("watchdog {kind}-timeout"));
    }
    if action & SOFT_LOG != 0 {
        printf::console(&format!("watchdog {kind}-timeout, WD_SOFT_LOG\n"));
    }
    if action & SOFT_PRINTF != 0 {
        printf::console(&format!("watchdog {kind}-timeout, WD_SOFT_PRINTF\n"));
    }
    if action & SOFT_PANIC != 0 {
        shutdown::panic(&format!("watchdog {kind}-timeout, WD_SOFT_PANIC set"));
    }
}
