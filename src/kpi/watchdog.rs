// SPDX-License-Identifier: BSD-2-Clause
//! Where C enters the core for the watchdog.

use core::ffi::c_int;

use super::bindings::{self, ipmi_core};
use super::entry::of;
use super::number;
use crate::kernel::Kernel;
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
