// SPDX-License-Identifier: BSD-2-Clause
//! Pats of who cannot sleep: panic, dump, kdb. Bounded, whoever holds the lock.

use super::published::Published;
use super::{Command, Plan};
use crate::atomic::Ordering::Relaxed;
use crate::kernel::{Errno, Kernel, Settings};
use crate::polled::{Seized, BUDGET, LEAST};
use crate::wire::{completion, DriverReply, Message, NetFn};

/// Failures in a row after which a pat without the lock is not tried any more.
const BLIND_FAILURES: u32 = 2;
/// Commands that bring the BMC anywhere: Reset, refused as lost, Set, Reset.
const COMMANDS: u32 = 4;

/// A pat of who cannot sleep.
pub(super) fn polled<K: Kernel>(
    kernel: &K,
    others_run: bool,
    timeout: u64,
    settings: &Settings,
) -> Result<(), Errno> {
    let now = kernel.now();
    let who = kernel.who();
    let asked = kernel.try_locked(|state| {
        if state.in_shutdown.is_some() {
            state.watchdog.ask_again(now);
        } else {
            state.ask(now, timeout, who, settings)?;
        }
        if !others_run {
            state.watchdog.distrust_clock();
        }
        state.watchdog.publish(kernel.shared());
        Ok(state.polled.refill(now))
    });
    let Some(budget) = asked.transpose()? else {
        // The lock's holder may never run again: only what needs no state is left.
        return blind(kernel, others_run);
    };
    if let Some(budget) = budget {
        let mut seized = Seized::take(kernel, others_run);
        let outcome = follow_plans(kernel, &mut seized, budget);
        let spent = seized.elapsed();
        drop(seized);
        kernel.try_locked(|state| state.polled.spend(spent, outcome.is_ok()));
    }
    kernel
        .try_locked(|state| state.watchdog.verdict(now))
        .unwrap_or(Err(Errno::TimedOut))
}

/// Sends what the watchdog's state asks for until nothing more is, within `budget`.
fn follow_plans<K: Kernel>(
    kernel: &K,
    seized: &mut Seized<'_, K>,
    budget: u64,
) -> Result<(), Errno> {
    for _ in 0..COMMANDS {
        let now = kernel.now();
        let Some(plan) = kernel
            .try_locked(|state| state.watchdog.plan(now))
            .flatten()
        else {
            return Ok(());
        };
        let left = budget.saturating_sub(seized.elapsed());
        if left < LEAST {
            return Err(Errno::TimedOut);
        }
        carry_out(kernel, seized, plan, left)?;
    }
    Ok(())
}

fn carry_out<K: Kernel>(
    kernel: &K,
    seized: &mut Seized<'_, K>,
    plan: Plan,
    budget: u64,
) -> Result<(), Errno> {
    let started = kernel.now();
    let mut reply = DriverReply::EMPTY;
    let outcome = seized.transact(&plan.command.message(), &mut reply, budget);
    let now = kernel.now();
    kernel.try_locked(|state| match outcome {
        Ok(()) => {
            let events = &mut state.events;
            state.watchdog.answered(plan, &reply, started, now, events);
        }
        Err(_) => state.watchdog.failed(plan, started, now),
    });
    outcome.map_err(|_| Errno::TimedOut)
}

/// A pat without the lock: the timer last confirmed is set and reset once more.
fn blind<K: Kernel>(kernel: &K, others_run: bool) -> Result<(), Errno> {
    let shared = kernel.shared();
    let armed = Published::read(&shared.watchdog).armed;
    let failures = shared.blind_failures.load(Relaxed);
    if armed == 0 || failures >= BLIND_FAILURES {
        return Err(Errno::TimedOut);
    }
    // Without the pre-timeout: past it more than a Reset would be needed.
    let [use_, actions, _, clear, low, high, _, _] = armed.to_le_bytes();
    let payload = [use_, actions & 7, 0, clear, low, high];
    let set = Message::new(NetFn::APP, 0x24, &payload);
    let mut seized = Seized::take(kernel, others_run);
    let confirmed = [set, Command::Reset.message()].iter().all(|message| {
        let mut reply = DriverReply::EMPTY;
        let left = (BUDGET / 2).saturating_sub(seized.elapsed());
        let outcome = seized.transact(message, &mut reply, left);
        outcome.is_ok() && reply.completion() == completion::OK
    });
    let failures = if confirmed {
        0
    } else {
        failures.saturating_add(1)
    };
    shared.blind_failures.store(failures, Relaxed);
    confirmed.then_some(()).ok_or(Errno::TimedOut)
}
