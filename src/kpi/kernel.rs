// SPDX-License-Identifier: BSD-2-Clause
//! [`Kernel`] over FreeBSD.

use core::cell::UnsafeCell;
use core::ffi::CStr;

use super::bindings;
use crate::kernel::{Adopt, Channel, Context, Kernel, Settings, Shared, Step, Who};
use crate::line::Line;
use crate::state::State;
use crate::time::{Instant, MS, SEC};
use crate::transport::ssif::{Block, Transfer, BLOCK};
use crate::transport::Interface;
use crate::wire::interface::Kind;

/// One device: what C calls `struct ipmi_core`.
///
/// # Invariants
///
/// `softc` is the device's softc, whose mutexes and condition variables are initialised from before
/// this object is made until after it is gone. `state` is touched only while that mutex is held, or
/// while the scheduler has stopped and nobody holds it. `machine` is touched by the worker alone.
pub(crate) struct Core {
    softc: *mut bindings::ipmi_softc,
    state: UnsafeCell<State>,
    interface: Kind,
    machine: UnsafeCell<Interface>,
    shared: Shared,
}

// SAFETY: By the invariants each field is immutable, atomic, or guarded by the lock or by there
// being one worker.
unsafe impl Sync for Core {}

impl Core {
    /// The core of the device of `softc`.
    ///
    /// # Safety
    ///
    /// The mutex and condition variables of `softc` are initialised and outlive the result.
    pub(crate) unsafe fn new(softc: *mut bindings::ipmi_softc, interface: Kind) -> Core {
        // INVARIANT: By the contract.
        Core {
            softc,
            state: UnsafeCell::new(State::new(interface)),
            interface,
            machine: UnsafeCell::new(Interface::new(interface, Interface::WORKER)),
            shared: Shared::new(),
        }
    }

    /// The worker's machine.
    ///
    /// # Safety
    ///
    /// The caller is the worker, and has no other reference from here.
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn machine(&self) -> &mut Interface {
        // SAFETY: By the contract this is the only reference.
        unsafe { &mut *self.machine.get() }
    }

    /// The state, for a caller that holds the lock already.
    ///
    /// # Safety
    ///
    /// The lock is held, and no reference to the state exists.
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn state(&self) -> &mut State {
        // SAFETY: By the contract this is the only reference.
        unsafe { &mut *self.state.get() }
    }

    fn channel(channel: Channel) -> bindings::ipmi_channel {
        match channel {
            Channel::Worker => bindings::ipmi_channel_IPMI_CHANNEL_WORKER,
            Channel::Answer => bindings::ipmi_channel_IPMI_CHANNEL_ANSWER,
        }
    }
}

impl Kernel for Core {
    fn now(&self) -> Instant {
        // SAFETY: Reads the clock.
        Instant::at(unsafe { bindings::ipmi_kpi_now() })
    }

    fn context(&self) -> Context {
        // SAFETY: Reads flags of the kernel and of the calling thread.
        match unsafe { bindings::ipmi_kpi_context() } {
            bindings::ipmi_context_IPMI_CONTEXT_MAY_SLEEP => Context::MaySleep,
            bindings::ipmi_context_IPMI_CONTEXT_NO_SLEEP => Context::NoSleep,
            bindings::ipmi_context_IPMI_CONTEXT_DUMPING => Context::Dumping,
            _ => Context::Stopped,
        }
    }

    fn settings(&self) -> Settings {
        let mut raw = bindings::ipmi_settings::default();
        // SAFETY: Fills in the structure that it is given.
        unsafe { bindings::ipmi_kpi_settings(&mut raw) };
        let unsigned = |value: core::ffi::c_int| u32::try_from(value).unwrap_or(0);
        let seconds = |value| u64::from(unsigned(value)).saturating_mul(SEC);
        Settings {
            on: raw.on != 0,
            actions: match raw.wd_pretimeout_int {
                bindings::ipmi_pretimeout_IPMI_PRETIMEOUT_UNSET => raw.wd_timer_actions as u8,
                interrupt => (raw.wd_timer_actions as u8 & 7) | ((interrupt as u8) << 4),
            },
            pretimeout: raw.wd_pretimeout_countdown,
            startup_countdown: raw.wd_startup_countdown,
            shutdown_countdown: raw.wd_shutdown_countdown,
            panic_countdown: raw.wd_panic_countdown,
            panic_sel: raw.panic_sel != 0,
            min_timeout: seconds(raw.wd_min_timeout),
            margin: seconds(raw.wd_margin),
            verify_interval: seconds(raw.wd_verify_interval),
            adopt: match raw.wd_adopt {
                bindings::ipmi_adopt_IPMI_ADOPT_STOP => Adopt::Stop,
                bindings::ipmi_adopt_IPMI_ADOPT_LEAVE => Adopt::Leave,
                _ => Adopt::Keep,
            },
            pat_wait: u64::from(unsigned(raw.wd_pat_wait_ms)).saturating_mul(MS),
            max_requests: unsigned(raw.max_requests_per_open),
            max_opens: unsigned(raw.max_opens),
        }
    }

    fn watchdog_enabled(&self) -> bool {
        // SAFETY: Reads a tunable.
        unsafe { bindings::ipmi_kpi_watchdog_enabled() }
    }

    fn shared(&self) -> &Shared {
        &self.shared
    }

    fn who(&self) -> Who {
        let mut who = Who::default();
        // SAFETY: Writes at most the length given, with the terminating zero.
        who.pid = unsafe { bindings::ipmi_kpi_who(who.name.as_mut_ptr().cast(), who.name.len()) };
        who
    }

    fn panic_message(&self, room: &mut [u8]) -> usize {
        // SAFETY: Writes at most the length given.
        unsafe { bindings::ipmi_kpi_panic_message(room.as_mut_ptr().cast(), room.len()) }
    }

    fn locked<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        // SAFETY: The mutex is initialised by the invariant, and held while `f` has the state;
        // `f` cannot reach `self.state` in another way.
        unsafe {
            bindings::ipmi_kpi_lock(self.softc);
            let result = f(self.state());
            bindings::ipmi_kpi_unlock(self.softc);
            result
        }
    }

    fn try_locked<R>(&self, f: impl FnOnce(&mut State) -> R) -> Option<R> {
        // SAFETY: As in `locked`; where the scheduler has stopped, trylock succeeds only if nobody
        // holds the lock, and nobody else runs to take it.
        unsafe {
            if !bindings::ipmi_kpi_trylock(self.softc) {
                return None;
            }
            let result = f(self.state());
            bindings::ipmi_kpi_unlock(self.softc);
            Some(result)
        }
    }

    fn wait<R>(&self, channel: Channel, mut f: impl FnMut(&mut State, Instant) -> Step<R>) -> R {
        // SAFETY: The mutex is held whenever `f` has the state, and given up only by the wait,
        // during which no reference to the state exists.
        unsafe {
            bindings::ipmi_kpi_lock(self.softc);
            loop {
                let now = self.now();
                let timeout = match f(self.state(), now) {
                    Step::Ready(result) => {
                        bindings::ipmi_kpi_unlock(self.softc);
                        return result;
                    }
                    Step::Sleep(None) => 0,
                    Step::Sleep(Some(until)) => until.since(now).max(1),
                };
                bindings::ipmi_kpi_wait(self.softc, Self::channel(channel), timeout);
            }
        }
    }

    fn wake(&self, channel: Channel) {
        // SAFETY: The condition variables are initialised by the invariant.
        unsafe { bindings::ipmi_kpi_wake(self.softc, Self::channel(channel)) }
    }

    fn delay(&self, us: u32) {
        // SAFETY: Busy-waits.
        unsafe { bindings::ipmi_kpi_delay(us) }
    }

    fn pause(&self, ns: u64) {
        // SAFETY: Only the worker calls this, holding no lock.
        unsafe { bindings::ipmi_kpi_pause(ns) }
    }

    fn doze(&self, ns: u64, f: impl FnOnce() -> bool) {
        // SAFETY: Only the worker calls this, holding no lock; the handler that ends the sleep takes
        // the lock as well, which the sleep gives up.
        unsafe {
            bindings::ipmi_kpi_lock(self.softc);
            if f() {
                bindings::ipmi_kpi_doze(self.softc, ns);
            }
            bindings::ipmi_kpi_unlock(self.softc);
        }
    }

    fn exclusive<R>(&self, f: impl FnOnce() -> R) -> R {
        // SAFETY: The spin mutex is initialised by the invariant; `f` touches registers and atomics.
        unsafe {
            let held = bindings::ipmi_kpi_spin_lock(self.softc);
            let result = f();
            bindings::ipmi_kpi_spin_unlock(self.softc, held);
            result
        }
    }

    fn rewire(&self, installed: bool) -> bool {
        // SAFETY: Only the worker calls this, holding no lock.
        unsafe { bindings::ipmi_kpi_rewire(self.softc, installed) }
    }

    fn interface(&self) -> Kind {
        self.interface
    }

    fn read(&self, register: u8) -> u8 {
        // SAFETY: The machine names only registers that the attachment has claimed.
        unsafe { bindings::ipmi_kpi_read(self.softc, register) }
    }

    fn write(&self, register: u8, value: u8) {
        // SAFETY: As in `read`.
        unsafe { bindings::ipmi_kpi_write(self.softc, register, value) }
    }

    fn send(&self, command: u8, block: &Block) -> Transfer {
        let bytes = block.as_bytes();
        // SAFETY: The bytes are read for the length given and not kept.
        let ended = unsafe {
            bindings::ipmi_kpi_smbus_write(self.softc, command, bytes.as_ptr(), bytes.len() as u8)
        };
        transfer(ended, Block::EMPTY)
    }

    fn fetch(&self, command: u8) -> Transfer {
        let (mut bytes, mut length) = ([0; BLOCK], 0);
        // SAFETY: At most a block is written, and how long it is.
        let ended = unsafe {
            bindings::ipmi_kpi_smbus_read(self.softc, command, bytes.as_mut_ptr(), &mut length)
        };
        transfer(
            ended,
            Block::of(bytes.get(..usize::from(length)).unwrap_or(&bytes)),
        )
    }

    fn wake_client(&self, cookie: usize) {
        // SAFETY: The cookie is the address of the descriptor's `struct ipmi_open`, which lives
        // until its client is closed, and the caller holds the lock that closing takes.
        unsafe { bindings::ipmi_kpi_wake_client(cookie as *mut bindings::ipmi_open) }
    }

    fn log(&self, line: &Line) {
        let text = line.as_bytes();
        // SAFETY: The text is read for the length given and not kept.
        unsafe { bindings::ipmi_kpi_log(self.softc, text.as_ptr().cast(), text.len()) }
    }

    fn notify(&self, subsystem: &'static CStr, kind: &'static CStr) {
        // SAFETY: Both strings are terminated and not kept.
        unsafe { bindings::ipmi_kpi_notify(self.softc, subsystem.as_ptr(), kind.as_ptr()) }
    }

    fn announce(&self, watchdog: bool, power_cycle: bool) {
        // SAFETY: The worker calls this, holding no lock, so it may sleep.
        unsafe { bindings::ipmi_kpi_announce(self.softc, watchdog, power_cycle) }
    }
}

fn transfer(ended: bindings::ipmi_transfer, block: Block) -> Transfer {
    match ended {
        bindings::ipmi_transfer_IPMI_TRANSFER_DONE => Transfer::Done(block),
        bindings::ipmi_transfer_IPMI_TRANSFER_REFUSED => Transfer::Refused,
        bindings::ipmi_transfer_IPMI_TRANSFER_BUSY => Transfer::Busy,
        bindings::ipmi_transfer_IPMI_TRANSFER_UNUSABLE => Transfer::Unusable,
        _ => Transfer::Broken,
    }
}
