// SPDX-License-Identifier: BSD-2-Clause
//! The subsystems of the kernel as a list: their states, functions and variables; must not know
//! how threads and memory work.

pub mod devfs;
pub mod errno;
pub mod eventhandler;
pub mod kdb;
pub mod kenv;
pub mod kld;
pub mod linux;
pub mod module_memory;
pub mod newbus;
pub mod nmi;
pub mod notify;
pub mod printf;
pub mod privilege;
pub mod process;
pub mod ratecheck;
pub mod sdt;
pub mod shutdown;
pub mod sysctl;
#[cfg(test)]
mod testing;
pub mod time;
pub mod watchdog;

use std::collections::BTreeMap;

use crate::args::Import;
use crate::imports::Datum;
use crate::machine::Config;
use crate::sched::Tid;

/// The state of every subsystem, reached as `with(|k| &mut k.sub.…)`.
#[derive(Default)]
pub struct Subsystems {
    pub console: printf::console::Console,
    pub devfs: devfs::Devfs,
    pub eventhandlers: eventhandler::Lists,
    pub kdb: kdb::Kdb,
    pub linker: kld::Linker,
    pub linux: linux::Linux,
    pub newbus: newbus::Newbus,
    pub nmi: nmi::Nmi,
    pub notifications: Vec<notify::Notification>,
    pub processes: BTreeMap<Tid, process::Process>,
    pub sbufs: printf::sbuf::Sbufs,
    pub shutdown: shutdown::Shutdown,
    pub sysctl: sysctl::Tree,
    pub watchdog: watchdog::Watchdog,
}

impl Subsystems {
    /// Called before any thread exists and before the kernel's data are placed.
    pub fn new(_config: &Config) -> Subsystems {
        Subsystems::default()
    }
}

pub fn tables() -> Vec<&'static [(&'static str, Import)]> {
    let mut all = vec![
        eventhandler::table(),
        kdb::table(),
        kenv::table(),
        kld::module::table(),
        linux::table(),
        nmi::table(),
        notify::table(),
        printf::table(),
        printf::sbuf::table(),
        privilege::table(),
        ratecheck::table(),
        sdt::table(),
        shutdown::table(),
    ];
    all.extend(devfs::tables());
    all.extend(newbus::tables());
    all.extend(sysctl::tables());
    all.extend(watchdog::tables());
    all
}

pub fn data() -> Vec<&'static [Datum]> {
    let mut all = vec![sdt::data(), sysctl::data(), watchdog::data()];
    all.extend(newbus::data());
    all
}

/// An interrupt line changed; runs on an interrupt thread that must not sleep.
pub fn interrupt(line: u32, level: bool) {
    newbus::interrupt::pulled(line, level);
}

/// Serves a line that is still held; was there one?
pub fn held_interrupts() -> bool {
    newbus::interrupt::held()
}

/// A non-maskable interrupt; runs like [`interrupt`].
pub fn nmi() {
    nmi::arrived();
}
