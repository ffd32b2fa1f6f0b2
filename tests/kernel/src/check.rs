// SPDX-License-Identifier: BSD-2-Clause
//! Broken kernel rules: where they are reported and kept; must not know how they are found.

/// Which rule was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Sleeping with a mutex held, or in a context that must not sleep.
    Sleep,
    /// Two locks taken in both orders.
    LockOrder,
    /// A lock taken again by its owner, or released by somebody else.
    LockUse,
    /// An object used before it was initialised or after it was destroyed.
    Lifetime,
    /// Memory touched outside its bounds or after it was freed, or freed twice.
    Memory,
    /// The 16 KiB kernel stack was not enough.
    StackOverflow,
    /// Something outlived the module or the device that made it.
    Leak,
    /// A callout, taskqueue or thread ran after it was drained.
    AfterDrain,
    /// An interface called in a way its manual page forbids.
    Misuse,
    /// The module executed an undefined instruction, divided by zero or called `panic`.
    Trap,
}

/// One broken rule.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Virtual nanoseconds since boot.
    pub at: u64,
    pub kind: Kind,
    /// In words, with the module's functions symbolised.
    pub text: String,
}

/// Reports a broken rule after which the kernel can go on.
pub fn violation(kind: Kind, text: impl Into<String>) {
    let _ = (kind, text.into());
    todo!()
}

/// Reports a broken rule after which nothing can be trusted: the run ends here.
pub fn fatal(kind: Kind, text: impl Into<String>) -> ! {
    let _ = (kind, text.into());
    todo!()
}

/// `function+offset` of a module address, for messages.
pub fn symbol(address: u64) -> String {
    format!("{address:#x}")
}
