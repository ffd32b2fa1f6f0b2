// SPDX-License-Identifier: BSD-2-Clause
//! The state of one machine and the short borrow through which everything reaches it; must not
//! know what the parts do.

use std::cell::Cell;
use std::ptr;

use crate::machine::{Config, Hardware};
use crate::subsystems::Subsystems;

/// Everything one machine owns.
pub struct Kernel {
    pub config: Config,
    pub hardware: Box<dyn Hardware>,
    pub sub: Subsystems,
    borrowed: Cell<bool>,
}

thread_local! {
    static CURRENT: Cell<*mut Kernel> = const { Cell::new(ptr::null_mut()) };
}

/// Releases the borrow also when the closure unwinds.
struct Borrow(*const Cell<bool>);

impl Drop for Borrow {
    fn drop(&mut self) {
        // SAFETY: the kernel outlives every borrow: it is freed by `Machine::drop` only, which
        // runs on no fiber and inside no `with`.
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
    // SAFETY: CURRENT points to the live kernel that `Machine` installed on this thread; the flag
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
