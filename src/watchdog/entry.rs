// SPDX-License-Identifier: BSD-2-Clause
//! Where the kernel enters the watchdog: pats, shutdown, detach, power cycle. Decides by
//! context between the worker and the polled path; keeps every wait bounded.

use core::sync::atomic::Ordering::Relaxed;

use super::{Command, Plan};
use crate::health::Event;
use crate::kernel::{Channel, Context, Errno, Kernel, Settings, Step};
use crate::polled::{Seized, BUDGET};
use crate::state::State;
use crate::time::{Instant, MS, SEC};
use crate::transport::Transport;
use crate::wire::{completion, device, DriverReply, Message};

/// How long detach waits for the BMC to confirm that the timer is stopped.
const DETACH: u64 = SEC;
/// Commands that bring the BMC anywhere: Reset, refused as lost, Set, Reset.
const COMMANDS: u32 = 4;

/// The host pats for `timeout` nanoseconds, or disarms with 0. Returns in at most
/// `hw.ipmi.wd_pat_wait_ms`, with `Ok` only if the BMC is known to do what was asked.
pub fn pat<K: Kernel, T: Transport + Default>(kernel: &K, timeout: u64) -> Result<(), Errno> {
    let settings = kernel.settings();
    match kernel.context() {
        Context::MaySleep => {
            let now = kernel.now();
            let serial = kernel.locked(|state| ask(state, now, timeout, &settings));
            let Some(serial) = serial else { return Ok(()) };
            hurry(kernel, now);
            wait(kernel, serial, now.plus(settings.pat_wait))
        }
        Context::NoSleep => {
            let now = kernel.now();
            let serial = kernel.locked(|state| ask(state, now, timeout, &settings));
            hurry(kernel, now);
            kernel.locked(|state| serial.map_or(Ok(()), |_| state.watchdog.verdict(now)))
        }
        Context::Dumping => polled::<K, T>(kernel, true, timeout, &settings),
        Context::Stopped => polled::<K, T>(kernel, false, timeout, &settings),
    }
}

/// Is this call for a pat that has come already, on the list with exact timeouts?
pub fn is_echo<K: Kernel>(kernel: &K, sbt_list: bool) -> bool {
    let stopped = kernel.context() == Context::Stopped;
    let echo = |state: &mut State| state.watchdog.is_echo(sbt_list, stopped);
    match stopped {
        true => kernel.try_locked(echo).unwrap_or(false),
        false => kernel.locked(echo),
    }
}

/// Puts a request of the host into the slot, unless the host shuts down.
fn ask(state: &mut State, now: Instant, timeout: u64, settings: &Settings) -> Option<u64> {
    if state.in_shutdown {
        return None;
    }
    let watchdog = &mut state.watchdog;
    Some(watchdog.ask(now, timeout, settings.actions, settings.pretimeout))
}

/// Tells the worker that a driver request waits.
fn hurry<K: Kernel>(kernel: &K, now: Instant) {
    let since = &kernel.shared().driver_waits;
    let _ = since.compare_exchange(0, now.nanos().max(1), Relaxed, Relaxed);
    kernel.wake(Channel::Worker);
}

/// Waits until `serial` is dealt with or cannot be soon, at most until `deadline`.
fn wait<K: Kernel>(kernel: &K, serial: u64, deadline: Instant) -> Result<(), Errno> {
    kernel.wait(Channel::Answer, |state, now| {
        let over = state.watchdog.settled(serial) || !state.link.answering();
        if !over && now < deadline {
            return Step::Sleep(Some(deadline));
        }
        let verdict = state.watchdog.verdict(now);
        if verdict.is_err() {
            let counter = &mut state.watchdog.unconfirmed;
            *counter = counter.saturating_add(1);
        }
        Step::Ready(verdict)
    })
}

/// A pat of who cannot sleep.
fn polled<K: Kernel, T: Transport + Default>(
    kernel: &K,
    others_run: bool,
    timeout: u64,
    settings: &Settings,
) -> Result<(), Errno> {
    let mut transport = T::default();
    let now = kernel.now();
    let asked = kernel.try_locked(|state| {
        let watchdog = &mut state.watchdog;
        match state.in_shutdown {
            true => watchdog.ask_again(now),
            false => watchdog.ask_polled(now, timeout, settings.actions, settings.pretimeout),
        };
        state.polled.refill(now)
    });
    let Some(budget) = asked else {
        // The lock's holder may never run again: only what needs no state is left.
        return blind(kernel, &mut transport, others_run);
    };
    let seized = Seized::take(kernel, others_run);
    let outcome = follow_plans(kernel, &mut transport, &seized, budget);
    let spent = seized.elapsed();
    drop(seized);
    kernel
        .try_locked(|state| {
            match outcome {
                Ok(()) => state.polled.restore(),
                Err(_) => state.polled.spend(spent),
            }
            state.watchdog.verdict(now)
        })
        .unwrap_or(Err(Errno::TimedOut))
}

/// Sends what the watchdog's state asks for until nothing more is, within `budget`.
fn follow_plans<K: Kernel, T: Transport>(
    kernel: &K,
    transport: &mut T,
    seized: &Seized<'_, K>,
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
        if left < 10 * MS {
            return Err(Errno::TimedOut);
        }
        carry_out(kernel, transport, seized, plan, left)?;
    }
    Ok(())
}

fn carry_out<K: Kernel, T: Transport>(
    kernel: &K,
    transport: &mut T,
    seized: &Seized<'_, K>,
    plan: Plan,
    budget: u64,
) -> Result<(), Errno> {
    let started = kernel.now();
    let mut reply = DriverReply::EMPTY;
    let outcome = seized.transact(transport, &plan.command.message(), &mut reply, budget);
    let now = kernel.now();
    kernel.try_locked(|state| match outcome {
        Ok(()) => {
            let events = &mut state.events;
            state.watchdog.answered(plan, &reply, started, now, events);
        }
        Err(_) => state.watchdog.failed(plan),
    });
    outcome.map_err(|_| Errno::TimedOut)
}

/// A pat without the lock: the timer last confirmed is set and reset once more.
fn blind<K: Kernel, T: Transport>(
    kernel: &K,
    transport: &mut T,
    others_run: bool,
) -> Result<(), Errno> {
    let [a, b, c, d, e, f, _, _] = kernel.shared().armed.load(Relaxed).to_le_bytes();
    if (a, b, c, d, e, f) == (0, 0, 0, 0, 0, 0) {
        return Err(Errno::TimedOut);
    }
    let seized = Seized::take(kernel, others_run);
    let set = Message::new(crate::wire::NetFn::APP, 0x24, &[a, b, c, d, e, f]);
    for message in [set, Command::Reset.message()] {
        let mut reply = DriverReply::EMPTY;
        let left = (BUDGET / 2).saturating_sub(seized.elapsed());
        seized
            .transact(transport, &message, &mut reply, left)
            .map_err(|_| Errno::TimedOut)?;
        if reply.completion() != completion::OK {
            return Err(Errno::TimedOut);
        }
    }
    Ok(())
}

/// After the device node exists: `hw.ipmi.wd_startup_countdown`, or stop what runs if
/// `hw.ipmi.on` is 0.
pub fn at_startup(state: &mut State, settings: &Settings, now: Instant) {
    if state.startup.timer.is_none() {
        return;
    }
    let seconds = u64::try_from(settings.startup_countdown).unwrap_or(0);
    if !settings.on {
        ask(state, now, 0, settings);
    } else if seconds > 0 {
        ask(state, now, seconds.saturating_mul(SEC), settings);
    }
}

/// The host shuts down: `hw.ipmi.wd_shutdown_countdown` of 0 stops the timer, positive arms a
/// power cycle, negative leaves it; a halt always stops it. After a panic, an armed timer is given
/// `hw.ipmi.wd_panic_countdown` instead, so that a dump can finish and a hung one is ended.
pub fn shutdown<K: Kernel, T: Transport + Default>(kernel: &K, halt: bool) {
    let settings = kernel.settings();
    let panicked = kernel.context() == Context::Stopped;
    let seconds = match panicked {
        true => settings.panic_countdown,
        false => settings.shutdown_countdown,
    };
    let seconds = u64::try_from(seconds).ok();
    let armed = kernel.try_locked(|state| {
        if seconds != Some(0) || panicked {
            // A power cycle still does something when an NMI no longer would.
            state.watchdog.actions_override = Some(3);
        }
        state.watchdog.wanted()
    });
    let wish = match (panicked, seconds) {
        (true, Some(0) | None) => None,
        (true, wish) => wish.filter(|_| armed == Some(true)),
        (false, wish) if halt => wish.and(Some(0)).or(Some(0)),
        (false, wish) => wish,
    };
    if let Some(seconds) = wish {
        let _ = pat::<K, T>(kernel, seconds.saturating_mul(SEC));
    }
    kernel.try_locked(|state| state.in_shutdown = true);
}

/// Begins detach: EBUSY while descriptors are open.
pub fn begin_detach<K: Kernel>(kernel: &K) -> Result<(), Errno> {
    kernel.locked(|state| {
        if state.clients.open_count() > 0 {
            return Err(Errno::Busy);
        }
        state.detaching = true;
        Ok(())
    })
}

/// Before detach, with the handlers gone: stops a timer that the host wanted, and says so if the
/// BMC does not confirm.
pub fn leave<K: Kernel>(kernel: &K) {
    let now = kernel.now();
    let settings = kernel.settings();
    let serial = kernel.locked(|state| {
        let armed = state.watchdog.wanted();
        armed.then(|| {
            state
                .watchdog
                .ask(now, 0, settings.actions, settings.pretimeout)
        })
    });
    let Some(serial) = serial else { return };
    hurry(kernel, now);
    if wait(kernel, serial, now.plus(DETACH)).is_err() {
        crate::worker::say(kernel, &Event::LeftArmed);
    }
}

/// Power cycles the host through the chassis device, polled; `Err` if the BMC did not agree.
pub fn power_cycle<K: Kernel, T: Transport + Default>(kernel: &K) -> Result<(), Errno> {
    let others_run = kernel.context() != Context::Stopped;
    let seized = Seized::take(kernel, others_run);
    let mut reply = DriverReply::EMPTY;
    let mut transport = T::default();
    seized
        .transact(&mut transport, &device::power_cycle(), &mut reply, BUDGET)
        .map_err(|_| Errno::TimedOut)?;
    match reply.completion() {
        completion::OK => Ok(()),
        _ => Err(Errno::Io),
    }
}
