// SPDX-License-Identifier: BSD-2-Clause
//! What a test does with processes from outside, and watchdogd(8)'s system calls; must not know
//! drivers.

use super::{signal, Process};
use crate::layout::Generation;
use crate::machine::Machine;
use crate::sched::Tid;
use crate::subsystems::process::table::Table;
use crate::subsystems::time::{ns_to_sbt, NS_PER_S};
use crate::subsystems::watchdog::fido;
use crate::with;

/// The mode bit of WDIOCPATPAT.
const WD_ACTIVE: u32 = 0x0800_0000;

impl Machine {
    /// Starts a user process; `body` runs when the scheduler gets to it.
    pub fn spawn(&mut self, name: &str, body: impl FnOnce(&Process) + 'static) -> Tid {
        let _entered = self.enter();
        Process::new(name, Table::default()).thread(name, body)
    }

    /// The process of a thread, while that lives.
    pub fn process(&self, thread: Tid) -> Option<Process> {
        self.with(|k| k.sub.processes.get(&thread).cloned())
    }

    /// Starts another thread of a process.
    pub fn thread(
        &mut self,
        process: &Process,
        name: &str,
        body: impl FnOnce(&Process) + 'static,
    ) -> Tid {
        let _entered = self.enter();
        process.thread(name, body)
    }

    /// SIGKILL.
    pub fn kill(&mut self, thread: Tid) {
        self.spawn_thread("kill", move || signal(thread, true));
    }

    /// A signal that a handler catches: interruptible sleeps end with EINTR.
    pub fn interrupt(&mut self, thread: Tid) {
        self.spawn_thread("signal", move || signal(thread, false));
    }
}

impl Process {
    /// SIGKILL to another process.
    pub fn kill(&self, thread: Tid) {
        signal(thread, true);
    }

    /// A signal to another thread that it catches.
    pub fn interrupt(&self, thread: Tid) {
        signal(thread, false);
    }

    /// Passes `value` to an ioctl of /dev/fido on `fido`.
    fn fido_value(&self, fido: i32, command: u64, value: &[u8]) -> Result<(), i32> {
        let argument = self.alloc_with(value);
        let result = self.ioctl(fido, command, argument);
        self.free(argument);
        result
    }

    /// Pats as this generation's watchdogd(8) does, `fido` being /dev/fido: from 15 exactly,
    /// before with the power of two that is not shorter. 0 switches off.
    pub fn pat(&self, fido: i32, timeout_ns: u64) -> Result<(), i32> {
        if is_exact() {
            let sbt = ns_to_sbt(timeout_ns as i64);
            return self.fido_value(fido, fido::exact::SETTIMEOUT, &sbt.to_le_bytes());
        }
        let seconds = timeout_ns.div_ceil(NS_PER_S) as u32;
        let pow2 = match seconds {
            0 => 0,
            _ => fido::seconds_to_pow2(seconds) | WD_ACTIVE,
        };
        self.fido_value(fido, fido::old::PATPAT, &pow2.to_le_bytes())
    }

    /// How long before the timeout the kernel acts, and how (`WD_SOFT_*`).
    pub fn set_pretimeout(&self, fido: i32, seconds: u32, action: u32) -> Result<(), i32> {
        self.fido_value(fido, fido::SETPRETIMEOUTACT, &action.to_le_bytes())?;
        if is_exact() {
            let sbt = ns_to_sbt(i64::from(seconds) * NS_PER_S as i64);
            return self.fido_value(fido, fido::exact::SETPRETIMEOUT, &sbt.to_le_bytes());
        }
        self.fido_value(fido, fido::old::SETPRETIMEOUT, &seconds.to_le_bytes())
    }
}

fn is_exact() -> bool {
    with(|k| k.generation) >= Generation::Fifteen
}
