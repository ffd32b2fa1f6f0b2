// SPDX-License-Identifier: BSD-2-Clause
//! Where C enters the core for what sysctl(8) shows.

use core::ffi::c_char;

use super::bindings::{self, ipmi_core};
use super::entry::of;
use crate::health::BOUNDED;
use crate::kernel::Kernel;
use crate::line::Line;
use crate::watchdog::doctor::{Circumstances, Figure};

/// Copies a line, cut to the room; its length.
///
/// # Safety
///
/// `room` bytes can be written at `text`.
unsafe fn copy(line: &Line, text: *mut c_char, room: usize) -> usize {
    let bytes = line.as_bytes();
    let length = bytes.len().min(room);
    // SAFETY: By the contract; the line is no part of the caller's room.
    unsafe {
        text.cast::<u8>()
            .copy_from_nonoverlapping(bytes.as_ptr(), length)
    };
    length
}

/// A number for sysctl(8).
///
/// # Safety
///
/// `core` is valid.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_statistic(
    core: *mut ipmi_core,
    which: bindings::ipmi_statistic,
) -> u64 {
    // SAFETY: By the contract.
    let core = unsafe { of(core) };
    let now = core.now();
    core.locked(|state| {
        let counters = &state.counters;
        match which {
            bindings::ipmi_statistic_IPMI_STAT_REQUESTS => counters.requests,
            bindings::ipmi_statistic_IPMI_STAT_REQUEST_ERRORS => counters.request_errors,
            bindings::ipmi_statistic_IPMI_STAT_REFUSED => counters.refused,
            bindings::ipmi_statistic_IPMI_STAT_ATTEMPTS => counters.attempts,
            bindings::ipmi_statistic_IPMI_STAT_TIMEOUTS => counters.timeouts,
            bindings::ipmi_statistic_IPMI_STAT_BAD_STATES => counters.bad_states,
            bindings::ipmi_statistic_IPMI_STAT_BAD_REPLIES => counters.bad_replies,
            bindings::ipmi_statistic_IPMI_STAT_ABORTS => counters.aborts,
            bindings::ipmi_statistic_IPMI_STAT_OUTAGES => counters.outages,
            bindings::ipmi_statistic_IPMI_STAT_SUPPRESSED => {
                counters.suppressed.saturating_add(state.events.lost())
            }
            bindings::ipmi_statistic_IPMI_STAT_RESETTING => {
                u64::from(state.maintenance.is_quiet(now))
            }
            bindings::ipmi_statistic_IPMI_STAT_FIRMWARE => {
                u64::from(state.maintenance.is_streaming(now))
            }
            bindings::ipmi_statistic_IPMI_STAT_INTERRUPTS => {
                u64::from(core.shared().interrupt.seen())
            }
            bindings::ipmi_statistic_IPMI_STAT_INTERRUPTING => {
                u64::from(state.interrupt.is_wanted())
            }
            bindings::ipmi_statistic_IPMI_STAT_STRAYS => state.mail.strays,
            bindings::ipmi_statistic_IPMI_STAT_EVENTS_DROPPED => state.mail.dropped,
            bindings::ipmi_statistic_IPMI_STAT_QUEUED => u64::from(state.clients.queued()),
            bindings::ipmi_statistic_IPMI_STAT_OPENS => u64::from(state.clients.open_count()),
            bindings::ipmi_statistic_IPMI_STAT_ANSWERING => u64::from(state.link.answering()),
            bindings::ipmi_statistic_IPMI_STAT_DEVICE_ID => u64::from(state.startup.id.id),
            bindings::ipmi_statistic_IPMI_STAT_REVISION => u64::from(state.startup.id.revision),
            bindings::ipmi_statistic_IPMI_STAT_SUPPORT => u64::from(state.startup.id.support),
            bindings::ipmi_statistic_IPMI_STAT_MANUFACTURER => {
                u64::from(state.startup.id.manufacturer)
            }
            bindings::ipmi_statistic_IPMI_STAT_PRODUCT => u64::from(state.startup.id.product),
            bindings::ipmi_statistic_IPMI_STAT_CHANNELS => u64::from(state.startup.channels),
            _ => 0,
        }
    })
}

/// A number of the watchdog's for sysctl(8).
///
/// # Safety
///
/// `core` is valid.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_figure(
    core: *mut ipmi_core,
    which: bindings::ipmi_figure,
) -> u64 {
    let figure = match which {
        bindings::ipmi_figure_IPMI_FIGURE_STATE => Figure::State,
        bindings::ipmi_figure_IPMI_FIGURE_USE => Figure::Use,
        bindings::ipmi_figure_IPMI_FIGURE_ACTION => Figure::Action,
        bindings::ipmi_figure_IPMI_FIGURE_PRETIMEOUT => Figure::Pretimeout,
        bindings::ipmi_figure_IPMI_FIGURE_TIMEOUT_ASKED => Figure::TimeoutAsked,
        bindings::ipmi_figure_IPMI_FIGURE_TIMEOUT_CONFIRMED => Figure::TimeoutConfirmed,
        bindings::ipmi_figure_IPMI_FIGURE_LEFT => Figure::Left,
        bindings::ipmi_figure_IPMI_FIGURE_LEFT_AGE => Figure::LeftAge,
        bindings::ipmi_figure_IPMI_FIGURE_PAT_AGE => Figure::PatAge,
        bindings::ipmi_figure_IPMI_FIGURE_CONFIRMED_AGE => Figure::ConfirmedAge,
        bindings::ipmi_figure_IPMI_FIGURE_PATS => Figure::Pats,
        bindings::ipmi_figure_IPMI_FIGURE_UNCONFIRMED => Figure::Unconfirmed,
        bindings::ipmi_figure_IPMI_FIGURE_FAILED => Figure::Failed,
        bindings::ipmi_figure_IPMI_FIGURE_REARMED => Figure::Rearmed,
        bindings::ipmi_figure_IPMI_FIGURE_GAPS => Figure::Gaps,
        bindings::ipmi_figure_IPMI_FIGURE_GAP_LONGEST => Figure::GapLongest,
        _ => Figure::GapTotal,
    };
    // SAFETY: By the contract.
    let core = unsafe { of(core) };
    let now = core.now();
    core.locked(|state| state.watchdog.figure(figure, now))
}

/// Writes the doctor's line, without a terminating zero, into `room`; its length.
///
/// # Safety
///
/// `core` is valid, and `room` bytes can be written at `text`.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_doctor(
    core: *mut ipmi_core,
    others: u32,
    text: *mut c_char,
    room: usize,
) -> usize {
    // SAFETY: By the contract.
    let core = unsafe { of(core) };
    let (now, on) = (core.now(), core.settings().on);
    let mut line = Line::new();
    core.locked(|state| {
        let around = Circumstances {
            on,
            enabled: core.watchdog_enabled(),
            known: state.startup.is_announced(),
            timer: state.startup.timer.is_some(),
            answering: state.link.answering(),
            others,
        };
        state.watchdog.diagnose(now, &around, &mut line);
    });
    // SAFETY: By the contract.
    unsafe { copy(&line, text, room) }
}

/// A number of a histogram: of bucket `index`, which holds those of the ones before as well, or one
/// of `IPMI_LATENCY_*`.
///
/// # Safety
///
/// `core` is valid.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_latency(
    core: *mut ipmi_core,
    which: bindings::ipmi_latency,
    index: u32,
) -> u64 {
    const { assert!(bindings::IPMI_LATENCY_BUCKETS as usize == BOUNDED) };
    // SAFETY: By the contract.
    unsafe { of(core) }.locked(|state| {
        let histogram = match which {
            bindings::ipmi_latency_IPMI_LATENCY_PAT => &state.history.pats,
            bindings::ipmi_latency_IPMI_LATENCY_REQUEST => &state.history.requests,
            _ => &state.history.attempts,
        };
        match index {
            bindings::IPMI_LATENCY_SUM => histogram.sum_us(),
            bindings::IPMI_LATENCY_LONGEST => histogram.longest_us(),
            index => histogram.within(index as usize),
        }
    })
}

/// Writes the firmware's revision, or the version of IPMI that it follows, without a terminating
/// zero, into `room`; the length, 0 until the BMC has been asked.
///
/// # Safety
///
/// `core` is valid, and `room` bytes can be written at `text`.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_version(
    core: *mut ipmi_core,
    of_firmware: bool,
    text: *mut c_char,
    room: usize,
) -> usize {
    let mut line = Line::new();
    // SAFETY: By the contract.
    unsafe { of(core) }.locked(|state| match (state.startup.is_identified(), of_firmware) {
        (false, _) => {}
        (true, true) => state.startup.id.describe_firmware(&mut line),
        (true, false) => state.startup.id.describe_version(&mut line),
    });
    // SAFETY: By the contract.
    unsafe { copy(&line, text, room) }
}

/// Writes the entry of the flight recorder that `number` counts, or the oldest that is left, without
/// a terminating zero, into `room`, and moves `number` to the next; the length, or 0 at the end.
///
/// # Safety
///
/// `core` and `number` are valid, and `room` bytes can be written at `text`.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_recorded(
    core: *mut ipmi_core,
    number: *mut u64,
    text: *mut c_char,
    room: usize,
) -> usize {
    let mut line = Line::new();
    // SAFETY: By the contract.
    let (core, wanted) = unsafe { (of(core), *number) };
    match core.locked(|state| state.history.recorder.read(wanted, &mut line)) {
        // SAFETY: By the contract.
        Some(next) => unsafe {
            *number = next;
            copy(&line, text, room)
        },
        None => 0,
    }
}
