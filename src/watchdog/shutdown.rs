// SPDX-License-Identifier: BSD-2-Clause
//! The ends of a host: shutdown, panic, power cycle.

use super::entry::pat_with;
use crate::kernel::{Context, Errno, Kernel, Settings};
use crate::polled::Seized;
use crate::time::{MS, SEC};
use crate::wire::{completion, device, sel, DriverReply};

/// What asking for the power cycle may cost: nothing else is left to do.
const POWER_CYCLE: u64 = 5 * SEC;
/// A shutdown that has not happened by then does not happen, and who pats is a healthy host.
const SHUTDOWN: u64 = 300 * SEC;
/// What a panic's record in the SEL may cost.
const PANIC_SEL: u64 = 200 * MS;

/// The same settings for a countdown that no pat renews: a margin would only delay its end, and no
/// pat gone wrong is to be told from it.
pub(super) fn exact(settings: &Settings) -> Settings {
    Settings {
        margin: 0,
        min_timeout: 0,
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
    kernel.locked(|state| state.begins_shutdown());
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
    kernel.locked(|state| state.in_shutdown = Some(now.plus(SHUTDOWN)));
}

/// The host has panicked: an armed timer is given `hw.ipmi.wd_panic_countdown`, so that a dump can
/// finish and a hung one is ended, and the SEL is told why.
fn panicked<K: Kernel>(kernel: &K) {
    let settings = kernel.settings();
    let now = kernel.now();
    let seconds = u64::try_from(settings.panic_countdown).unwrap_or(0);
    let (armed, again) = kernel
        .try_locked(|state| {
            let armed = state.watchdog.wanted() || state.was_armed;
            // Also in the middle of a shutdown, the countdown of which would be too short for a dump.
            state.in_shutdown = None;
            let again = core::mem::replace(&mut state.panicked, true);
            (armed, again)
        })
        .unwrap_or((true, false));
    // No interrupt before its end: the host is past being warned, and a pat after it would need
    // more than a Reset.
    let settings = Settings {
        actions: settings.actions & 7,
        pretimeout: 0,
        ..exact(&settings)
    };
    if again {
        kernel.try_locked(|state| state.in_shutdown = Some(now));
        return;
    }
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
