// SPDX-License-Identifier: BSD-2-Clause
//! kldload(8) and kldunload(8); must not know how they work.

use std::path::Path;

use super::{load, unload};
use crate::globals;
use crate::loader::LoadError;
use crate::machine::{Machine, Stop};
use crate::subsystems::newbus::intrhook;

/// A loaded file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kld(u32);

impl Machine {
    /// `kldload path`. The outer error says that the machine ended or hung meanwhile.
    pub fn kldload(&mut self, path: &Path) -> Result<Result<Kld, LoadError>, Stop> {
        let path = path.to_path_buf();
        self.execute("kldload", move || load::load(&path).map(Kld))
    }

    /// Loads `path` as loader(8) does: devices attach while the kernel is cold, and configuration
    /// hooks run at the end of the boot.
    pub fn preload(&mut self, path: &Path) -> Result<Result<Kld, LoadError>, Stop> {
        let path = path.to_path_buf();
        self.execute("swapper", move || {
            globals::set_int("cold", 1);
            let loaded = load::load(&path);
            globals::set_int("cold", 0);
            intrhook::run();
            loaded.map(Kld)
        })
    }

    /// `kldunload`; an errno, 0 for success. What is left behind becomes violations.
    pub fn kldunload(&mut self, kld: Kld) -> Result<i32, Stop> {
        self.execute("kldunload", move || unload::unload(kld.0))
    }

    /// Whether the file is still loaded.
    pub fn is_loaded(&mut self, kld: Kld) -> bool {
        self.with(|k| k.sub.linker.files.iter().any(|f| f.id == kld.0))
    }
}
