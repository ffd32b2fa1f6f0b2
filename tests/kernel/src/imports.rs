// SPDX-License-Identifier: BSD-2-Clause
//! The kernel's symbol table: every function and variable a module can link to, merged from the
//! files that implement them; must not know their meaning.

use crate::args::Import;
use crate::subsystems;

/// A variable that modules import, e.g. `ticks`. It lives below 2 GiB, zeroed before `init`.
pub struct Datum {
    pub name: &'static str,
    pub size: usize,
    /// Called once a machine with the address, all other data already placed.
    pub init: fn(u64),
}

/// All tables of imported functions.
pub fn tables() -> Vec<&'static [(&'static str, Import)]> {
    let mut all = vec![];
    all.extend(subsystems::tables());
    all
}

/// All imported variables.
pub fn data() -> Vec<&'static [Datum]> {
    let mut all = vec![];
    all.extend(subsystems::data());
    all
}

/// The address at which module code can call the kernel function `name`. Panics if there is none.
pub fn stub(name: &str) -> u64 {
    todo!("{name}")
}

/// The address of the kernel variable `name` in the running machine. Panics if there is none.
pub fn datum(name: &str) -> u64 {
    todo!("{name}")
}
