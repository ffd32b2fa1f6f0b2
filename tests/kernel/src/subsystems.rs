// SPDX-License-Identifier: BSD-2-Clause
//! The subsystems of the kernel as a list: their states, functions and variables; must not know
//! how threads and memory work.

use crate::args::Import;
use crate::imports::Datum;
use crate::machine::Config;

/// The state of every subsystem, reached as `with(|k| &mut k.sub.…)`.
pub struct Subsystems {}

impl Subsystems {
    /// Called before any thread exists and before the kernel's data are placed.
    pub fn new(_config: &Config) -> Subsystems {
        Subsystems {}
    }
}

pub fn tables() -> Vec<&'static [(&'static str, Import)]> {
    vec![]
}

pub fn data() -> Vec<&'static [Datum]> {
    vec![]
}

/// An interrupt line changed; runs on an interrupt thread that must not sleep.
pub fn interrupt(_line: u32, _level: bool) {}

/// A non-maskable interrupt; runs like [`interrupt`].
pub fn nmi() {}
