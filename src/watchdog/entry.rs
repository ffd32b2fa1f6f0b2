// SPDX-License-Identifier: BSD-2-Clause
//! Where the kernel enters the watchdog: pats, shutdown, detach, power cycle. Decides by
//! context between the worker and the polled path; keeps every wait bounded.

use super::{Command, Plan};
use crate::atomic::Ordering::{Relaxed, SeqCst};
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
/// The pre-timeout interrupt that is an NMI, in bits 6:4 of the timer actions (section 27.6).
const PRETIMEOUT_NMI: u8 = 2;
/// How often the tick comes.
const TICK: u64 = 500 * MS;
/// An armed timer is read back so often, which is at every tick, where nothing else would show
/// that the BMC was reset.
const RESETS: u64 = 100 * MS;
/// What asking the BMC about an NMI may cost.
const NMI: u64 = 50 * MS;
/// So much sooner than by the host's clock the BMC may reach its pre-timeout.
const NMI_EARLY: u64 = SEC;
/// All processors have had their NMI so soon after the first.
const NMI_SPREAD: u64 = SEC;
/// Failures in a row after which a pat without the lock is not tried any more.
const BLIND_FAILURES: u32 = 2;
/// Commands that bring the BMC anywhere: Reset, refused as lost, Set, Reset.
const COMMANDS: u32 = 4;

/// The host pats for `timeout` nanoseconds, or disarms with 0. Returns in at most
/// `hw.ipmi.wd_pat_wait_ms`, with `Ok` only if the BMC is known to do what was asked.
pub fn pat<K: Kernel>(kernel: &K, timeout: u64) -> Result<(), Errno> {
    pat_with(kernel, timeout, &kernel.settings())
}

fn pat_with<K: Kernel>(kernel: &K, timeout: u64, settings: &Settings) -> Result<(), Errno> {
    match kernel.context() {
        Context::MaySleep => {
            let now = kernel.now();
            let serial = slot(kernel, now, timeout, settings)?;
            wait(kernel, serial, now.plus(settings.pat_wait))
        }
        Context::NoSleep => {
            let now = kernel.now();
            slot(kernel, now, timeout, settings)?;
            kernel.locked(|state| state.watchdog.verdict(now))
        }
        Context::Dumping => polled(kernel, true, timeout, settings),
        Context::Stopped => polled(kernel, false, timeout, settings),
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
        state.watchdog.publish(kernel.shared());
        hurry(kernel, now);
        Ok(serial)
    })?;
    kernel.wake(Channel::Worker);
    Ok(serial)
}

/// A driver request waits from now on. Under the lock, as the worker clears it: an attempt that
/// begins after this sees it.
fn hurry<K: Kernel>(kernel: &K, now: Instant) {
    let since = &kernel.shared().driver_waits;
    let _ = since.compare_exchange(0, now.nanos().max(1), Relaxed, Relaxed);
}

/// Waits until `serial` is dealt with or cannot be soon, at most until `deadline`.
fn wait<K: Kernel>(kernel: &K, serial: u64, deadline: Instant) -> Result<(), Errno> {
    let mut entered = false;
    kernel.wait(Channel::Answer, |state, now| {
        if !core::mem::replace(&mut entered, true) {
            state.watchdog.waits(true);
        }
        let over = state.watchdog.settled(serial) || !state.link.answering();
        if !over && now < deadline {
            return Step::Sleep(Some(deadline));
        }
        let verdict = state.watchdog.verdict(now);
        let events = &mut state.events;
        state.watchdog.returned(serial, verdict, now, events);
        state.watchdog.waits(false);
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
        if !others_run {
            state.watchdog.distrust_clock();
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
    let settings = &exact(settings);
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

/// Twice a second, from a callout, with the lock held. Tells some things at once: there may be no
/// thread left to do it.
pub fn tick<K: Kernel>(kernel: &K, state: &mut State) {
    let (settings, now, shared) = (kernel.settings(), kernel.now(), kernel.shared());
    if shared.nmi_untold.swap(false, SeqCst) {
        state.pretimeout(now);
    }
    if !settings.on && state.watchdog.wanted() {
        // Its pats are ignored from now on, so the timer would reset a healthy host.
        let _ = state.ask(now, 0, kernel.who(), &settings);
    }
    let interval = match settings.verify_interval {
        0 => 0,
        _ if !state.startup.kind.shows_resets() => RESETS,
        interval => interval,
    };
    let watchdog = &mut state.watchdog;
    watchdog.schedule(now, interval, TICK);
    let urgent = watchdog.tick(now, settings.margin, &mut state.events);
    if watchdog
        .plan(now)
        .is_some_and(|plan| plan.command != Command::Get)
    {
        hurry(kernel, now);
    }
    if let Some(event) = urgent {
        state.events.push_printed(event);
        state.record = Some(sel::watchdog_interrupt());
        crate::worker::say(kernel, &event);
    }
}

/// The BMC's pre-timeout as an NMI: is this one its, and is the host in trouble? It is taken to be
/// its if it says so, or if it cannot be asked and the pre-timeout is due. Takes no lock: an NMI
/// may have interrupted its holder.
pub fn nmi<K: Kernel>(kernel: &K) -> Nmi {
    let (shared, now) = (kernel.shared(), kernel.now().nanos().max(1));
    let [_, actions, ..] = shared.armed.load(Relaxed).to_le_bytes();
    let from = shared.pretimeout_from.load(Relaxed);
    if actions >> 4 != PRETIMEOUT_NMI || now.saturating_add(NMI_EARLY) < from {
        return Nmi::Foreign;
    }
    // It comes on every processor: one of them asks for all, for as long as it may take.
    let last = shared.nmi_at.load(SeqCst);
    let asked = last != 0 && now.saturating_sub(last) < NMI_SPREAD;
    if asked
        || shared
            .nmi_at
            .compare_exchange(last, now, SeqCst, SeqCst)
            .is_err()
    {
        return Nmi::Healthy;
    }
    if !is_pretimeout(kernel) {
        shared.nmi_at.store(0, SeqCst);
        return Nmi::Foreign;
    }
    shared.nmi_untold.store(true, SeqCst);
    match now < shared.healthy_until.load(Relaxed) {
        true => Nmi::Healthy,
        false => Nmi::Trouble,
    }
}

/// Does the BMC say that it reached its pre-timeout, or can it not be asked?
fn is_pretimeout<K: Kernel>(kernel: &K) -> bool {
    let mut reply = DriverReply::EMPTY;
    let asked = match kernel.interface() {
        // Its bus sleeps.
        Kind::Ssif => Err(Failure::Unusable),
        _ => Seized::take(kernel, true).transact(&device::message_flags(), &mut reply, NMI),
    };
    match asked {
        Ok(()) if reply.completion() == completion::OK => {
            let flags = reply.data().first().copied().unwrap_or(0);
            flags & device::PRETIMEOUT != 0
        }
        _ => true,
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

/// The same settings for a countdown that no pat renews: a margin would only delay its end.
fn exact(settings: &Settings) -> Settings {
    Settings {
        margin: 0,
        ..*settings
    }
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
        let _ = pat_with(kernel, seconds.saturating_mul(SEC), &exact(&settings));
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
    // No interrupt before its end: the host is past being warned, and a pat after it would need
    // more than a Reset.
    let settings = Settings {
        actions: settings.actions & 7,
        pretimeout: 0,
        ..exact(&settings)
    };
    let answers = match armed && seconds > 0 {
        true => pat_with(kernel, seconds.saturating_mul(SEC), &settings).is_ok(),
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
        crate::worker::tell(kernel, &Event::LeftArmed, true);
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
