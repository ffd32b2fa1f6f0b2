// SPDX-License-Identifier: BSD-2-Clause
//! Where the kernel enters the watchdog: pats, the tick, attach and detach. Decides by context
//! between the worker and the polled path; keeps every wait bounded.

use super::polled::polled;
use super::published::Published;
use super::shutdown::exact;
use super::Command;
use crate::atomic::Ordering::{Relaxed, SeqCst};
use crate::event::Event;
use crate::kernel::{Channel, Context, Errno, Kernel, Settings, Step, Who};
use crate::state::State;
use crate::time::{Instant, MS, SEC};
use crate::wire::sel;

/// How long detach waits for the BMC to confirm that the timer is stopped.
const DETACH: u64 = SEC;
/// How often the tick comes.
const TICK: u64 = 500 * MS;
/// An armed timer is read back so often, which is at every tick, where nothing else would show
/// that the BMC was reset.
const RESETS: u64 = 100 * MS;

/// The host pats for `timeout` nanoseconds, or disarms with 0. Returns in at most
/// `hw.ipmi.wd_pat_wait_ms`, with `Ok` only if the BMC is known to do what was asked.
pub fn pat<K: Kernel>(kernel: &K, timeout: u64) -> Result<(), Errno> {
    pat_with(kernel, timeout, &kernel.settings())
}

/// The same with settings of the caller's.
pub(super) fn pat_with<K: Kernel>(
    kernel: &K,
    timeout: u64,
    settings: &Settings,
) -> Result<(), Errno> {
    match kernel.context() {
        Context::MaySleep => {
            let now = kernel.now();
            let serial = slot(kernel, now, timeout, settings)?;
            wait(kernel, serial, now, settings.pat_wait)
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

/// Waits until `serial`, asked at `asked`, is dealt with or cannot be soon, at most so many
/// nanoseconds.
fn wait<K: Kernel>(kernel: &K, serial: u64, asked: Instant, most: u64) -> Result<(), Errno> {
    let deadline = asked.plus(most);
    let handlers = &kernel.shared().handlers;
    handlers.fetch_add(1, SeqCst);
    let verdict = kernel.wait(Channel::Answer, |state, now| {
        let over = state.watchdog.settled(serial) || !state.link.answering();
        if !over && now < deadline {
            return Step::Sleep(Some(deadline));
        }
        state.history.pats.note(now.since(asked));
        let verdict = state.watchdog.verdict(now);
        let events = &mut state.events;
        state.watchdog.returned(serial, verdict, now, events);
        Step::Ready(verdict)
    });
    handlers.fetch_sub(1, SeqCst);
    verdict
}

/// Is a pat of a healthy host being delivered to the BMC? Takes no lock, as its holder may be what
/// hangs.
pub fn pat_in_flight<K: Kernel>(kernel: &K) -> bool {
    let shared = kernel.shared();
    let published = Published::read(&shared.watchdog);
    let healthy = kernel.now().nanos() < published.healthy_until;
    healthy && shared.handlers.load(SeqCst) > 0
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
    } else if state.watchdog.is_asked() {
        // The host was quicker: its pat came between the handlers' registration and this.
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
    state.tick_interrupt(shared.interrupt.slept(), shared.interrupt.seen());
    shared.interrupt.refill();
    if !settings.on && state.watchdog.wanted() {
        // Its pats are ignored from now on, so the timer would reset a healthy host.
        let _ = state.ask(now, 0, kernel.who(), &settings);
    }
    let hides_resets = !state.startup.kind.shows_resets();
    let interval = match settings.verify_interval {
        0 => 0,
        _ if hides_resets && state.watchdog.wanted() => RESETS,
        interval => interval,
    };
    if state.has_timer() {
        state.watchdog.schedule(now, interval, TICK);
    }
    let watchdog = &mut state.watchdog;
    let urgent = watchdog.tick(now, settings.margin, &mut state.events);
    watchdog.publish(shared);
    if watchdog
        .plan(now)
        .is_some_and(|plan| plan.command != Command::Get)
    {
        hurry(kernel, now);
    }
    if let Some(event) = urgent {
        state.events.push_printed(event);
        if matches!(event, Event::NoPat(..)) {
            state.record = Some(sel::watchdog_interrupt());
        }
        crate::worker::say(kernel, &event);
    }
}

/// Waits until the device is announced, at most `timeout` nanoseconds.
pub fn await_bmc<K: Kernel>(kernel: &K, timeout: u64) {
    let deadline = kernel.now().plus(timeout);
    kernel.wait(Channel::Answer, |state, now| {
        match state.startup.is_announced() || state.detaching || now >= deadline {
            true => Step::Ready(()),
            false => Step::Sleep(Some(deadline)),
        }
    });
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
/// BMC does not confirm; switches its interrupts off.
pub fn leave<K: Kernel>(kernel: &K) {
    let now = kernel.now();
    let deadline = now.plus(DETACH);
    let armed = kernel.locked(|state| {
        state.in_shutdown = None;
        state.uses_interrupt(false);
        state.watchdog.armed()
    });
    kernel.wake(Channel::Worker);
    if armed {
        let stopped = slot(kernel, now, 0, &kernel.settings())
            .and_then(|serial| wait(kernel, serial, now, DETACH));
        if stopped.is_err() {
            crate::worker::tell(kernel, &Event::LeftArmed, true);
        }
    }
    kernel.wait(Channel::Answer, |state, now| {
        let over = state.enables.are_settled() || !state.link.answering();
        match over || now >= deadline {
            true => Step::Ready(()),
            false => Step::Sleep(Some(deadline)),
        }
    });
}
