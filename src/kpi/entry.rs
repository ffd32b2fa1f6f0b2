// SPDX-License-Identifier: BSD-2-Clause
//! Where C enters the core for the life of a device: the other side of ipmi_core.h, with `client`
//! and `watchdog`.

use core::ffi::c_int;

use super::bindings::{self, ipmi_core, ipmi_softc};
use super::kernel::Core;
use super::memory::{self, Box};
use super::number;
use crate::interrupt::{self, Claim, Verdict};
use crate::kernel::Kernel;
use crate::memory::Blank;
use crate::watchdog::entry;
use crate::wire::interface::Kind;

/// The core behind C's pointer.
///
/// # Safety
///
/// `core` came from [`ipmi_core_create`] and is not destroyed while the result is in use.
pub(super) unsafe fn of<'a>(core: *mut ipmi_core) -> &'a Core {
    // SAFETY: By the contract.
    unsafe { &*core.cast::<Core>() }
}

/// Room for a [`Core`], which is written by [`ipmi_core_create`].
struct Place(#[allow(dead_code)] core::mem::MaybeUninit<Core>);

impl Blank for Place {
    const BLANK: Place = Place(core::mem::MaybeUninit::uninit());
}

/// Makes the core of a device whose locks are initialised and whose registers are those of
/// `interface`.
///
/// # Safety
///
/// As [`Core::new`].
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_create(
    sc: *mut ipmi_softc,
    interface: bindings::ipmi_interface,
) -> *mut ipmi_core {
    let kind = match interface {
        bindings::ipmi_interface_IPMI_SMIC => Kind::Smic,
        bindings::ipmi_interface_IPMI_BT => Kind::Bt,
        bindings::ipmi_interface_IPMI_SSIF => Kind::Ssif,
        _ => Kind::Kcs,
    };
    let place = memory::blank::<Place>().into_raw();
    // SAFETY: The place is fresh and as large as a core; the caller keeps the contract of `new`.
    unsafe { place.cast::<Core>().write(Core::new(sc, kind)) };
    place.cast()
}

/// Frees it.
///
/// # Safety
///
/// The worker has ended and nobody enters the core any more.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_destroy(core: *mut ipmi_core) {
    // SAFETY: By the contract nobody uses the core; its memory came from `ipmi_core_create`.
    unsafe {
        core.cast::<Core>().drop_in_place();
        drop(Box::<Place>::from_raw(core.cast()));
    }
}

/// The worker thread; returns when [`ipmi_core_exit`] was called.
///
/// # Safety
///
/// `core` is valid, and this is called once.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_worker(core: *mut ipmi_core) {
    // SAFETY: By the contract this is the worker.
    let (core, machine) = unsafe { (of(core), of(core).machine()) };
    crate::worker::run(core, machine);
}

/// Sleeps until the BMC is known and its device node made, at most `timeout` nanoseconds.
///
/// # Safety
///
/// `core` is valid.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_await(core: *mut ipmi_core, timeout: u64) {
    // SAFETY: By the contract.
    entry::await_bmc(unsafe { of(core) }, timeout);
}

/// EBUSY while descriptors are open; else none can be opened from here on.
///
/// # Safety
///
/// `core` is valid.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_begin_detach(core: *mut ipmi_core) -> c_int {
    // SAFETY: By the contract.
    number(entry::begin_detach(unsafe { of(core) }))
}

/// Stops the watchdog timer if the host had armed it; at most a second.
///
/// # Safety
///
/// `core` is valid.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_leave(core: *mut ipmi_core) {
    // SAFETY: By the contract.
    entry::leave(unsafe { of(core) });
}

/// The device has an interrupt.
///
/// # Safety
///
/// `core` is valid and its lock is held.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_offer_interrupt(core: *mut ipmi_core) {
    // SAFETY: By the contract the lock is held, so nobody else has a reference to the state.
    unsafe { of(core).state().interrupt.offer() };
}

/// The interrupt's thread: is the worker to be woken?
///
/// # Safety
///
/// `core` is valid and its lock is held.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_interrupted(core: *mut ipmi_core) -> bool {
    // SAFETY: By the contract the lock is held, so nobody else has a reference to the state.
    let (interrupt, state) = unsafe { (&of(core).shared().interrupt, of(core).state()) };
    if interrupt.is_storm() {
        state.gives_up_interrupt(Verdict::Storm);
    }
    interrupt.was_kicked()
}

/// The interrupt's filter.
///
/// # Safety
///
/// `core` is valid.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_filter(core: *mut ipmi_core) -> bindings::ipmi_claim {
    // SAFETY: By the contract.
    match interrupt::filter(unsafe { of(core) }) {
        Claim::Foreign => bindings::ipmi_claim_IPMI_CLAIM_FOREIGN,
        Claim::Handled => bindings::ipmi_claim_IPMI_CLAIM_HANDLED,
        Claim::Wake => bindings::ipmi_claim_IPMI_CLAIM_WAKE,
    }
}

/// Ends the worker.
///
/// # Safety
///
/// `core` is valid and its lock is held.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_exit(core: *mut ipmi_core) {
    // SAFETY: By the contract the lock is held, so nobody else has a reference to the state.
    unsafe {
        of(core).shared().exit();
        of(core).state().exiting = true;
    }
}
