// SPDX-License-Identifier: BSD-2-Clause
//! kldload(2) and kldunload(2): dependencies, modules and their events, SYSINITs and SYSUNINITs;
//! must not know how a file is linked or what a module does.

pub mod api;
pub mod load;
pub mod metadata;
pub mod module;
pub mod sysinit;
pub mod unload;

use crate::sched::{self, Wait};
use crate::subsystems::{newbus, sysctl, watchdog};
use crate::with;
use module::Module;

/// A loaded file.
pub struct File {
    /// The image's number.
    pub id: u32,
    pub name: String,
    /// Last loaded first, the order in which they are unloaded.
    modules: Vec<Module>,
    /// What it offers to others, as (interface, version).
    versions: Vec<(String, i32)>,
}

/// The kernel linker.
#[derive(Default)]
pub struct Linker {
    files: Vec<File>,
    /// Somebody loads or unloads.
    busy: bool,
    booted: bool,
    chan: u64,
}

/// The files' state under the running machine.
fn linker<R>(f: impl FnOnce(&mut Linker) -> R) -> R {
    with(|k| f(&mut k.sub.linker))
}

/// Changes something in the file `id`.
fn file<R>(id: u32, f: impl FnOnce(&mut File) -> R) -> Option<R> {
    linker(|l| l.files.iter_mut().find(|file| file.id == id).map(f))
}

/// Runs `f` while nobody else loads or unloads.
fn exclusively<R>(f: impl FnOnce() -> R) -> R {
    let fresh = sched::fresh_chan();
    let chan = linker(|l| {
        if l.chan == 0 {
            l.chan = fresh;
        }
        l.chan
    });
    while linker(|l| l.busy) {
        let wait = Wait {
            wmesg: "kldbusy",
            ..Wait::default()
        };
        sched::block_on(chan, wait);
    }
    linker(|l| l.busy = true);
    let result = f();
    linker(|l| l.busy = false);
    sched::wake(chan);
    result
}

/// Makes what depends on the release, which only the first module tells.
pub fn boot() {
    if linker(|l| std::mem::replace(&mut l.booted, true)) {
        return;
    }
    sysctl::boot();
    newbus::boot();
    watchdog::boot();
}
