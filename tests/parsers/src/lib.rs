// SPDX-License-Identifier: BSD-2-Clause
//! What must hold of the core's parsers whatever bytes they are given: a function for each, which
//! panics where it does not. libFuzzer (tests/fuzz) and seeds (`play`) call the same functions.
//! Must not know where the bytes come from.

mod bt;
mod bus;
mod identity;
mod input;
mod kcs;
mod message;
mod play;
mod registers;
mod smbios;
mod smic;
mod ssif;
mod watchdog;

pub use play::play;

/// A function that is given bytes, and bytes that get it far.
pub struct Target {
    /// What `cargo fuzz run` calls it.
    pub name: &'static str,
    /// Panics if what must hold does not.
    pub check: fn(&[u8]),
    /// Where mutation starts from, besides from nothing.
    pub samples: &'static [&'static [u8]],
}

/// All of them.
pub const TARGETS: [Target; 12] = [
    message::TARGET,
    bus::REQUEST,
    bus::INCOMING,
    identity::DEVICE_ID,
    identity::CAPABILITIES,
    watchdog::TARGET,
    smbios::ENTRY,
    smbios::TABLE,
    kcs::TARGET,
    smic::TARGET,
    bt::TARGET,
    ssif::TARGET,
];

/// The target of that name; panics if there is none.
pub fn target(name: &str) -> &'static Target {
    let found = TARGETS.iter().find(|target| target.name == name);
    found.unwrap_or_else(|| panic!("no target {name}"))
}
