// SPDX-License-Identifier: BSD-2-Clause
//! What a file says of itself in its set of `struct mod_metadata`; must not act on it.

use crate::mem;

/// `struct mod_metadata`: version, type, data, text.
const MD_TYPE: u64 = 4;
const MD_DATA: u64 = 8;
const MD_CVAL: u64 = 16;

const MDT_DEPEND: i32 = 1;
const MDT_MODULE: i32 = 2;
const MDT_VERSION: i32 = 3;

/// One entry that the linker looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Metadata {
    /// Needs an interface in a version from `.1` to `.2`.
    Depend(String, i32, i32),
    /// Has a module whose `moduledata_t` is there.
    Module(u64),
    /// Offers an interface.
    Version(String, i32),
}

/// Reads the entry at `address`; PNP tables and the like are nothing to the linker.
pub fn read(address: u64) -> Option<Metadata> {
    let (data, text): (u64, u64) = (mem::read(address + MD_DATA), mem::read(address + MD_CVAL));
    match mem::read::<i32>(address + MD_TYPE) {
        MDT_DEPEND => {
            let (minimum, maximum) = (mem::read(data), mem::read(data + 8));
            Some(Metadata::Depend(mem::cstr(text), minimum, maximum))
        }
        MDT_MODULE => Some(Metadata::Module(data)),
        MDT_VERSION => Some(Metadata::Version(mem::cstr(text), mem::read(data))),
        _ => None,
    }
}
