// SPDX-License-Identifier: BSD-2-Clause
//! The state of one machine and the short borrow through which everything reaches it; must not
//! know what the parts do.

use std::cell::Cell;
use std::ptr;

use crate::arch::pcpu::Pcpu;
use crate::arch::signal;
use crate::callout::Callouts;
use crate::check::Violation;
use crate::condvar::CondVars;
use crate::globals::Globals;
use crate::image::Image;
use crate::layout::Generation;
use crate::locks::Locks;
use crate::machine::{Config, Hardware};
use crate::malloc::Malloc;
use crate::registers::Registers;
use crate::sched::Scheduler;
use crate::subsystems::Subsystems;
use crate::user::UserMemory;

/// Everything one machine owns.
pub struct Kernel {
    pub config: Config,
    pub hardware: Box<dyn Hardware>,
    pub sub: Subsystems,
    /// Which FreeBSD this is; set by the module that is loaded.
    pub generation: Generation,
    pub(crate) pcpu: Box<Pcpu>,
    pub(crate) sched: Scheduler,
    pub(crate) globals: Globals,
    pub(crate) images: Vec<Image>,
    /// How many modules were ever loaded.
    pub(crate) loads: u32,
    pub(crate) locks: Locks,
    pub(crate) condvars: CondVars,
    pub(crate) callouts: Callouts,
    pub(crate) malloc: Malloc,
    pub(crate) user: UserMemory,
    pub(crate) registers: Registers,
    pub(crate) violations: Vec<Violation>,
    /// How far the time of day has been set away from what it was at boot, in nanoseconds.
    pub(crate) day_stepped: i64,
    borrowed: Cell<bool>,
}

impl Kernel {
    /// A kernel without threads and data; [`crate::machine::Machine::new`] boots it.
    pub(crate) fn new(config: Config, hardware: Box<dyn Hardware>) -> Box<Kernel> {
        Box::new(Kernel {
            sub: Subsystems::new(&config),
            generation: Generation::default(),
            pcpu: Pcpu::new(),
            sched: Scheduler::new(&config),
            globals: Globals::default(),
            images: vec![],
            loads: 0,
            locks: Locks::default(),
            condvars: CondVars::default(),
            callouts: Callouts::default(),
            malloc: Malloc::default(),
            user: UserMemory::default(),
            registers: Registers::default(),
            violations: vec![],
            day_stepped: 0,
            borrowed: Cell::new(false),
            config,
            hardware,
        })
    }
}

thread_local! {
    static CURRENT: Cell<*mut Kernel> = const { Cell::new(ptr::null_mut()) };
}

/// While it lives, this host thread works for one machine. Nests, so that one host thread can
/// own several machines.
pub(crate) struct Entered {
    outer: *mut Kernel,
}

impl Entered {
    /// # Safety
    /// `kernel` must be live until the value is dropped, and nobody may hold a reference to it.
    pub(crate) unsafe fn new(kernel: *mut Kernel) -> Entered {
        let outer = CURRENT.replace(kernel);
        // SAFETY: by the contract above.
        unsafe { activate(kernel) };
        Entered { outer }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.outer);
        // SAFETY: the outer value is still entered, so its kernel is live.
        unsafe { activate(self.outer) };
    }
}

/// Points `%gs` and the signal handler to `kernel`, or to nobody.
///
/// # Safety
/// `kernel` must be null or live.
unsafe fn activate(kernel: *mut Kernel) {
    if kernel.is_null() {
        return signal::watch(ptr::null_mut());
    }
    // SAFETY: by the contract above.
    let pcpu = unsafe { &mut *(*kernel).pcpu };
    pcpu.load();
    signal::watch(pcpu);
}

/// Releases the borrow also when the closure unwinds.
struct Borrow(*const Cell<bool>);

impl Drop for Borrow {
    fn drop(&mut self) {
        // SAFETY: the kernel outlives every borrow: it is freed by `Machine::drop` only, which
        // runs on no thread of the machine and inside no `with`.
        unsafe { (*self.0).set(false) }
    }
}

/// Borrows the kernel of the machine that this host thread is running.
///
/// Panics when called inside another `with` or outside a machine: nothing may be borrowed across
/// a call into the module or a switch of threads.
pub fn with<R>(f: impl FnOnce(&mut Kernel) -> R) -> R {
    let kernel = CURRENT.get();
    assert!(!kernel.is_null(), "no machine runs on this host thread");
    // SAFETY: CURRENT points to the live kernel that `Entered` installed on this thread; the flag
    // below makes the borrow exclusive.
    let flag = unsafe { &raw const (*kernel).borrowed };
    // SAFETY: as above; only the Cell is touched.
    assert!(
        !unsafe { (*flag).replace(true) },
        "the kernel is already borrowed"
    );
    let _borrow = Borrow(flag);
    // SAFETY: exclusive by the flag.
    f(unsafe { &mut *kernel })
}
