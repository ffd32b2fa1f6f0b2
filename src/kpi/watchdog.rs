// SPDX-License-Identifier: BSD-2-Clause
//! Where C enters the core for the watchdog, and for what sysctl(8) shows.

use core::ffi::{c_char, c_int};

use super::bindings::{self, ipmi_core};
use super::entry::of;
use super::number;
use crate::kernel::Kernel;
use crate::line::Line;
use crate::watchdog::doctor::{Circumstances, Figure};
use crate::watchdog::entry;
use crate::watchdog::nmi::{self, Nmi};
use crate::watchdog::shutdown;

/// A pat, or a disarm: 0, an errno, or `IPMI_PAT_IGNORED` for the echo of another list.
///
/// # Safety
///
/// `core` is valid.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_pat(
    core: *mut ipmi_core,
    timeout: u64,
    sbt_list: bool,
) -> c_int {
    // SAFETY: By the contract.
    let core = unsafe { of(core) };
    if entry::is_echo(core, sbt_list) {
        return bindings::IPMI_PAT_IGNORED;
    }
    number(entry::pat(core, timeout))
}

/// The host shuts down.
///
/// # Safety
///
/// `core` is valid.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_shutdown(core: *mut ipmi_core, halt: bool) {
    // SAFETY: By the contract.
    shutdown::shutdown(unsafe { of(core) }, halt);
}

/// Power cycles the host: EIO, ETIMEDOUT.
///
/// # Safety
///
/// `core` is valid.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_power_cycle(core: *mut ipmi_core) -> c_int {
    // SAFETY: By the contract.
    number(shutdown::power_cycle(unsafe { of(core) }))
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
    let bytes = line.as_bytes();
    let length = bytes.len().min(room);
    // SAFETY: By the contract; the line is no part of the caller's room.
    unsafe {
        text.cast::<u8>()
            .copy_from_nonoverlapping(bytes.as_ptr(), length)
    };
    length
}

/// Twice a second, from a callout.
///
/// # Safety
///
/// `core` is valid and its lock is held.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_tick(core: *mut ipmi_core) {
    // SAFETY: By the contract the lock is held, so nobody else has a reference to the state.
    let (core, state) = unsafe { (of(core), of(core).state()) };
    entry::tick(core, state);
}

/// `IPMI_NMI_*`: whose an NMI is, and whether the host is in trouble.
///
/// # Safety
///
/// `core` is valid.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_nmi(core: *mut ipmi_core) -> bindings::ipmi_nmi {
    // SAFETY: By the contract.
    match nmi::nmi(unsafe { of(core) }) {
        Nmi::Foreign => bindings::ipmi_nmi_IPMI_NMI_FOREIGN,
        Nmi::Healthy => bindings::ipmi_nmi_IPMI_NMI_HEALTHY,
        Nmi::Trouble => bindings::ipmi_nmi_IPMI_NMI_TROUBLE,
    }
}

/// May a watchdog timer be running, whoever asked for it?
///
/// # Safety
///
/// `core` is valid.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_armed(core: *mut ipmi_core) -> bool {
    // SAFETY: By the contract.
    let core = unsafe { of(core) };
    let now = core.now();
    core.locked(|state| state.watchdog.may_act(now))
}

/// Is a pat of the host's on its way to the BMC?
///
/// # Safety
///
/// `core` is valid.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_pat_in_flight(core: *mut ipmi_core) -> bool {
    // SAFETY: By the contract.
    let core = unsafe { of(core) };
    entry::pat_in_flight(core)
}
