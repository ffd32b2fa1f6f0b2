// SPDX-License-Identifier: BSD-2-Clause
//! kldunload(2), its refusals, and the search for what a file leaves behind; must not know what
//! modules do.

use super::load::{range, set};
use super::module::Module;
use super::{exclusively, file, linker, module, sysinit};
use crate::check::{violation, Kind};
use crate::leaks;
use crate::loader;
use crate::subsystems::newbus::driver::{self, MOD_QUIESCE, MOD_UNLOAD};
use crate::subsystems::sysctl::{self, dynamic};
use crate::subsystems::{errno, eventhandler};
use crate::with;

/// Unloads the file with image `id` in the calling thread; an errno.
pub fn unload(id: u32) -> i32 {
    exclusively(|| {
        let Some(modules) = file(id, |f| f.modules.clone()) else {
            return errno::ENOENT;
        };
        for module in &modules {
            let error = module.event(MOD_QUIESCE);
            if error != 0 && error != errno::EOPNOTSUPP && error != errno::EINVAL {
                return error;
            }
        }
        // As in the kernel, a refusal half-way leaves the modules before it unloaded.
        for module in &modules {
            let error = module.event(MOD_UNLOAD);
            if error != 0 {
                return error;
            }
            module::forget(&module.name)
                .into_iter()
                .for_each(Module::release);
        }
        take_down(id);
        report_leaks(id);
        leaks::check(id);
        loader::unload(id);
        0
    })
}

/// Everything after the modules are gone but the memory.
pub fn take_down(id: u32) {
    set(id, "sysctl_set")
        .into_iter()
        .for_each(sysctl::unregister);
    sysinit::down(set(id, "sysuninit_set"));
    forget(id);
}

/// The linker knows the file no more.
pub fn forget(id: u32) {
    let modules = file(id, |f| std::mem::take(&mut f.modules));
    modules.into_iter().flatten().for_each(Module::release);
    linker(|l| l.files.retain(|f| f.id != id));
}

/// Reports what still points into the image.
fn report_leaks(id: u32) {
    let place = with(|k| k.images.iter().find(|i| i.id == id).map(range));
    let Some((start, end)) = place else { return };
    let inside = |at: &u64| (start..end).contains(at);
    let (nodes, nmis, sbufs, linux) = with(|k| {
        let sub = &k.sub;
        let nmis = sub.nmi.handlers.iter().filter(|h| inside(h)).count();
        let linux = sub.linux.left_behind(|at| inside(&at));
        (
            sub.devfs.within(start, end),
            nmis,
            sub.sbufs.leaked(),
            linux,
        )
    });
    let named = [
        ("event handler", eventhandler::within(start, end)),
        ("device node", nodes),
        ("sysctl", sysctl::pointing_into(start, end)),
        ("driver", driver::within(start, end)),
    ];
    for (what, names) in named {
        for name in names {
            violation(Kind::Leak, format!("{what} {name} still registered"));
        }
    }
    let counted = [
        (
            "sysctl context not freed",
            dynamic::contexts_within(start, end),
        ),
        ("NMI handler not removed", nmis),
        ("sbuf not deleted", sbufs),
        ("Linux ioctl handler not removed", linux),
    ];
    for (what, count) in counted.into_iter().filter(|(_, count)| *count > 0) {
        violation(Kind::Leak, format!("{count} x {what}"));
    }
}
