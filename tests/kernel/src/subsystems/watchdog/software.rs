// SPDX-License-Identifier: BSD-2-Clause
//! The software watchdog of kernels with `options SW_WATCHDOG`: attaches when no handler answered
//! the first pat, for good; must not know hardware.

use std::rc::Rc;

use super::{module_software_attach, state};
use crate::mem;
use crate::sched::{self, Timer};
use crate::subsystems::{eventhandler, shutdown};

/// Whether the kernel has it, whether it has attached, and its countdown.
#[derive(Default)]
pub struct Software {
    pub available: bool,
    pub attached: bool,
    timer: Option<Timer>,
}

/// Attaches what there is; whether there was anything.
pub fn attach() -> bool {
    if module_software_attach() {
        return true;
    }
    if !state(|w| w.software.available) {
        return false;
    }
    state(|w| w.software.attached = true);
    eventhandler::register_native("watchdog_list", 0, Rc::new(config));
    true
}

/// watchdog_config(): arms or stops the countdown and says so.
fn config(arguments: &[u64]) {
    let (pow2, error) = (arguments[0] as u32, arguments[1]);
    if let Some(timer) = state(|w| w.software.timer.take()) {
        timer.cancel();
    }
    if pow2 == 0 {
        return;
    }
    let timer = sched::after(1u64.wrapping_shl(pow2), || {
        shutdown::panic("watchdog timeout")
    });
    state(|w| w.software.timer = Some(timer));
    mem::write(error, 0i32);
}
