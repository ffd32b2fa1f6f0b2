// SPDX-License-Identifier: BSD-2-Clause
//! What a test sees of watchdog(9) and may switch; must not know handlers.

use super::Pat;
use crate::machine::Machine;
use crate::subsystems::eventhandler::{self, Native};

impl Machine {
    /// Every pat so far, from whomever.
    pub fn pats(&mut self) -> Vec<Pat> {
        self.with(|k| k.sub.watchdog.pats.clone())
    }

    /// When the pretimeout (or soft timeout) fired, in nanoseconds since boot.
    pub fn pretimeouts(&mut self) -> Vec<u64> {
        self.with(|k| k.sub.watchdog.fired.clone())
    }

    /// Gives the kernel `options SW_WATCHDOG`.
    pub fn offer_software_watchdog(&mut self) {
        self.with(|k| k.sub.watchdog.software.available = true);
    }

    /// Whether the software watchdog has attached, which is for good.
    pub fn software_watchdog_attached(&mut self) -> bool {
        self.with(|k| k.sub.watchdog.software.attached)
    }

    /// Makes this a kernel whose pretimeout asks the list `watchdog_pretimeout` for a veto.
    pub fn offer_pretimeout_list(&mut self) {
        self.with(|k| k.sub.watchdog.has_pretimeout_list = true);
    }

    /// Registers another handler on an event, e.g. a second watchdog driver or a step of the
    /// shutdown that hangs. It gets the event's arguments.
    pub fn on_event(&mut self, list: &str, priority: i32, handler: Native) {
        let list = list.to_string();
        self.spawn_thread("register", move || {
            eventhandler::register_native(&list, priority, handler);
        });
    }
}
