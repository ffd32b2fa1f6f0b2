// SPDX-License-Identifier: BSD-2-Clause
//! Where the kernel enters the watchdog: pats, shutdown, detach, power cycle. Decides by
//! context between the worker and the polled path; keeps every wait bounded.

use core::sync::atomic::Ordering::Relaxed;

use super::{Command, Plan};
use crate::health::Event;
use crate::kernel::{Channel, Context, Errno, Kernel, Settings, Step, Who};
use crate::polled::{Seized, BUDGET};
use crate::state::State;
use crate::time::{Instant, MS, SEC};
use crate::transport::Failure;
use crate::wire::interface::Kind;
use crate::wire::{completion, device, sel, DriverReply, Message, NetFn};

/// How long detach waits for the BMC to confirm that the timer is stopped.
const DETACH: u64 = SEC;
/// What asking for the power cycle may cost: nothing else is left to do.
const POWER_CYCLE: u64 = 5 * SEC;
/// What a panic's record in the SEL may cost.
const PANIC_SEL: u64 = 200 * MS;
/// The pre-timeout interrupt that is an NMI, in bits 6:4 of the timer actions (table 27-3).
const PRETIMEOUT_NMI: u8 = 2;
/// An armed timer is read back so often, at least by the next tick, where nothing else would show
/// that the BMC was reset.
const RESETS: u64 = 100 * MS;
/// What asking the BMC about an NMI may cost.
const NMI: u64 = 50 * MS;
/// Failures in a row after which a pat without the lock is not tried any more.
const BLIND_FAILURES: u32 = 2;
/// Commands that bring the BMC anywhere: Reset, refused as lost, Set, Reset.
const COMMANDS: u32 = 4;

/// The host pats for `timeout` nanoseconds, or disarms with 0. Returns in at most
/// `hw.ipmi.wd_pat_wait_ms`, with `Ok` only if the BMC is known to do what was asked.
pub fn pat<K: Kernel>(kernel: &K, timeout: u64) -> Result<(), Errno> {
    let settings = kernel.settings();
    match kernel.context() {
        Context::MaySleep => {
            let now = kernel.now();
            let serial = slot(kernel, now, timeout, &settings)?;
            wait(kernel, serial, now.plus(settings.pat_wait))
        }
        Context::NoSleep => {
            let now = kernel.now();
            slot(kernel, now, timeout, &settings)?;
            kernel.locked(|state| state.watchdog.verdict(now))
        }
        Context::Dumping => polled(kernel, true, timeout, &settings),
        Context::Stopped => polled(kernel, false, timeout, &settings),
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

/// Puts a request of the host into the slot and tells the worker; ENXIO if the host shuts down.
fn slot<K: Kernel>(
    kernel: &K,
    now: Instant,
    timeout: u64,
    settings: &Settings,
) -> Result<u64, Errno> {
    let who = kernel.who();
    let serial = kernel.locked(|state| {
        let serial = state.ask(now, timeout, who, settings)?;
        // Under the lock, as the worker clears it: an attempt that begins after this sees it.
        let since = &kernel.shared().driver_waits;
        let _ = since.compare_exchange(0, now.nanos().max(1), Relaxed, Relaxed);
        Ok(serial)
    })?;
    kernel.wake(Channel::Worker);
    Ok(serial)
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
            state.watchdog.unconfirmed(now);
        }
        Step::Ready(verdict)
    })
}

/// A pat of who cannot sleep.
fn polled<K: Kernel>(
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
        Ok(state.polled.refill(now))
    });
    let Some(budget) = asked.transpose()? else {
        // The lock's holder may never run again: only what needs no state is left.
        return blind(kernel, others_run);
    };
    let mut seized = Seized::take(kernel, others_run);
    let outcome = follow_plans(kernel, &mut seized, budget);
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
        if left < 10 * MS {
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
        Err(_) => state.watchdog.failed(plan),
    });
    outcome.map_err(|_| Errno::TimedOut)
}

/// A pat without the lock: the timer last confirmed is set and reset once more.
fn blind<K: Kernel>(kernel: &K, others_run: bool) -> Result<(), Errno> {
    let shared = kernel.shared();
    let armed = shared.armed.load(Relaxed);
    let failures = shared.blind_failures.load(Relaxed);
    if armed == 0 || failures >= BLIND_FAILURES {
        return Err(Errno::TimedOut);
    }
    let [a, b, c, d, e, f, _, _] = armed.to_le_bytes();
    let set = Message::new(NetFn::APP, 0x24, &[a, b, c, d, e, f]);
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

/// After the device node exists: what firmware left running is adopted,
/// `hw.ipmi.wd_startup_countdown` is armed, and if `hw.ipmi.on` is 0 what runs is stopped.
pub fn at_startup(state: &mut State, settings: &Settings, who: Who, now: Instant) {
    let Some(reading) = state.startup.timer else {
        return;
    };
    let seconds = u64::try_from(settings.startup_countdown).unwrap_or(0);
    if !settings.on {
        let _ = state.ask(now, 0, who, settings);
    } else if seconds > 0 {
        let _ = state.ask(now, seconds.saturating_mul(SEC), who, settings);
    } else if reading.running() {
        state
            .watchdog
            .adopt(reading, now, settings.adopt, &mut state.events);
    }
}

/// Twice a second, from a callout, with the lock held. What is returned is to be printed at
/// once: there may be no thread left to do it.
pub fn tick(state: &mut State, settings: &Settings, now: Instant) -> Option<Event> {
    let interval = match settings.verify_interval {
        0 => 0,
        _ if !state.startup.kind.shows_resets() => RESETS,
        interval => interval,
    };
    let watchdog = &mut state.watchdog;
    watchdog.schedule(now, interval);
    let urgent = watchdog.tick(now, settings.margin, &mut state.events);
    if let Some(event) = urgent {
        state.events.push_printed(event);
        state.record = Some(sel::watchdog_interrupt());
    }
    urgent
}

/// The BMC's pre-timeout as an NMI: is this one its, and is the host in trouble? It is taken to be
/// its if it says so, or if it cannot be asked and the pre-timeout is due.
pub fn nmi<K: Kernel>(kernel: &K) -> Nmi {
    let now = kernel.now();
    let [_, actions, ..] = kernel.shared().armed.load(Relaxed).to_le_bytes();
    if actions >> 4 != PRETIMEOUT_NMI {
        return Nmi::Foreign;
    }
    let due = kernel.try_locked(|state| state.watchdog.pretimeout_due(now));
    let mut reply = DriverReply::EMPTY;
    let asked = match kernel.interface() {
        // Its bus sleeps.
        Kind::Ssif => Err(Failure::Unusable),
        _ => Seized::take(kernel, false).transact(&device::message_flags(), &mut reply, NMI),
    };
    let ours = match asked {
        Ok(()) => reply
            .data()
            .first()
            .is_some_and(|flags| flags & device::PRETIMEOUT != 0),
        Err(_) => due == Some(true),
    };
    if !ours {
        return Nmi::Foreign;
    }
    match kernel.try_locked(|state| state.watchdog.pretimeout(now)) {
        Some(true) => Nmi::Healthy,
        _ => Nmi::Trouble,
    }
}

/// What an NMI was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nmi {
    /// Somebody else's.
    Foreign,
    /// The BMC's pre-timeout, on a host that pats: the BMC is slow.
    Healthy,
    /// The BMC's pre-timeout, on a host that does not pat.
    Trouble,
}

/// The host shuts down: `hw.ipmi.wd_shutdown_countdown` of 0 stops the timer, positive arms a
/// power cycle, negative leaves it; a halt always stops it.
pub fn shutdown<K: Kernel>(kernel: &K, halt: bool) {
    if kernel.context() == Context::Stopped {
        return panicked(kernel);
    }
    let settings = kernel.settings();
    let wish = match settings.shutdown_countdown {
        _ if halt => Some(0),
        seconds => u64::try_from(seconds).ok(),
    };
    if let Some(seconds) = wish {
        if seconds > 0 {
            // A power cycle still does something when an NMI no longer would.
            kernel.locked(|state| state.watchdog.actions_override = Some(3));
        }
        let _ = pat(kernel, seconds.saturating_mul(SEC));
    }
    let now = kernel.now();
    // The worker may hold the lock just now: the pats of the sync that follows must not arm again.
    kernel.locked(|state| state.in_shutdown = Some(now));
}

/// The host has panicked: an armed timer is given `hw.ipmi.wd_panic_countdown`, so that a dump can
/// finish and a hung one is ended, and the SEL is told why.
fn panicked<K: Kernel>(kernel: &K) {
    let settings = kernel.settings();
    let now = kernel.now();
    let seconds = u64::try_from(settings.panic_countdown).unwrap_or(0);
    let (armed, again) = kernel
        .try_locked(|state| (state.watchdog.wanted(), state.in_shutdown.is_some()))
        .unwrap_or((true, false));
    if again {
        return;
    }
    let answers = match armed && seconds > 0 {
        true => pat(kernel, seconds.saturating_mul(SEC)).is_ok(),
        false => true,
    };
    kernel.try_locked(|state| state.in_shutdown = Some(now));
    if settings.panic_sel && answers {
        record_panic(kernel);
    }
}

/// Writes the panic into the SEL: an OS stop event, then its message in pieces.
fn record_panic<K: Kernel>(kernel: &K) {
    let mut text = [0; sel::TEXT];
    let length = kernel.panic_message(&mut text);
    let text = text.get(..length).unwrap_or(&[]);
    let mut seized = Seized::take(kernel, false);
    let pieces = text.chunks(sel::PIECE).zip(0u8..);
    let messages = core::iter::once(sel::os_stop())
        .chain(pieces.map(|(piece, number)| sel::os_text(number, piece)));
    for message in messages {
        let left = PANIC_SEL.saturating_sub(seized.elapsed());
        let mut reply = DriverReply::EMPTY;
        if seized.transact(&message, &mut reply, left).is_err() {
            return;
        }
    }
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
    let armed = kernel.locked(|state| {
        state.in_shutdown = None;
        state.watchdog.armed()
    });
    if !armed {
        return;
    }
    let stopped = slot(kernel, now, 0, &kernel.settings())
        .and_then(|serial| wait(kernel, serial, now.plus(DETACH)));
    if stopped.is_err() {
        crate::worker::say(kernel, &Event::LeftArmed);
    }
}

/// Power cycles the host through the chassis device, polled; `Err` if the BMC did not agree.
pub fn power_cycle<K: Kernel>(kernel: &K) -> Result<(), Errno> {
    let others_run = kernel.context() != Context::Stopped;
    let mut seized = Seized::take(kernel, others_run);
    let mut reply = DriverReply::EMPTY;
    seized
        .transact(&device::power_cycle(), &mut reply, POWER_CYCLE)
        .map_err(|_| Errno::TimedOut)?;
    match reply.completion() {
        completion::OK => Ok(()),
        _ => Err(Errno::Io),
    }
}
