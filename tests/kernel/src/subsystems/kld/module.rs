// SPDX-License-Identifier: BSD-2-Clause
//! Modules inside files and the events they get; must not know files' order.

use super::linker;
use crate::args::{Args, Import};
use crate::call;
use crate::check::{fatal, Kind};
use crate::mem;
use crate::subsystems::newbus::driver::{MOD_LOAD, MOD_UNLOAD};
use crate::subsystems::{errno, printf};

/// `moduledata_t`: name, handler, argument.
const HANDLER: u64 = 8;
const ARGUMENT: u64 = 16;

/// One registered module.
#[derive(Clone, Debug)]
pub struct Module {
    pub name: String,
    /// What handlers get as `module_t`.
    address: u64,
    handler: u64,
    argument: u64,
}

impl Module {
    /// From a `moduledata_t`.
    pub fn new(data: u64) -> Module {
        Module {
            name: mem::cstr(mem::read(data)),
            address: mem::kalloc(16, "struct module"),
            handler: mem::read(data + HANDLER),
            argument: mem::read(data + ARGUMENT),
        }
    }

    /// MOD_EVENT: an errno. A module without handler agrees to everything.
    pub fn event(&self, event: i32) -> i32 {
        match self.handler {
            0 => 0,
            handler => errno::of(call::module(
                handler,
                &[self.address, event as u64, self.argument],
            )),
        }
    }

    /// Frees what [`Module::new`] made.
    pub fn release(self) {
        mem::kfree(self.address);
    }
}

/// The SYSINIT of every module: MOD_LOAD, and if that fails the module is gone.
fn module_register_init(args: &Args) -> u64 {
    let name = mem::cstr(mem::read(args.u64(0)));
    let found = linker(|l| {
        let modules = l.files.iter().flat_map(|f| &f.modules);
        modules.clone().find(|m| m.name == name).cloned()
    });
    let Some(module) = found else {
        fatal(
            Kind::Misuse,
            format!("module_register_init: module named {name} not found"),
        );
    };
    let error = module.event(MOD_LOAD);
    if error == 0 {
        move_to_front(&name);
        return 0;
    }
    module.event(MOD_UNLOAD);
    forget(&name).into_iter().for_each(Module::release);
    printf::console(&format!(
        "module_register_init: MOD_LOAD ({name}) error {error}\n"
    ));
    0
}

/// Loaded last, unloaded first.
fn move_to_front(name: &str) {
    linker(|l| {
        for file in &mut l.files {
            if let Some(at) = file.modules.iter().position(|m| m.name == name) {
                let module = file.modules.remove(at);
                file.modules.insert(0, module);
            }
        }
    });
}

/// Takes the module called `name` out of its file.
pub fn forget(name: &str) -> Option<Module> {
    linker(|l| {
        l.files.iter_mut().find_map(|file| {
            let at = file.modules.iter().position(|m| m.name == name)?;
            Some(file.modules.remove(at))
        })
    })
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[("module_register_init", module_register_init)]
}
