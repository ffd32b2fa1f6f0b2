// SPDX-License-Identifier: BSD-2-Clause
//! Where owned objects live: malloc(9) in the kernel, the host's heap in tests.

#[cfg(target_os = "none")]
pub use crate::kpi::memory::Box;
#[cfg(all(not(target_os = "none"), not(test)))]
pub use std::boxed::Box;
#[cfg(test)]
pub use std::boxed::Box;

/// A type with a value to start from, known at compile time, so that a large object is
/// written straight to its place and never lies on a 16 KiB kernel stack.
pub trait Blank: Sized + 'static {
    /// The value to start from.
    const BLANK: Self;

    /// A new object. In the kernel this may sleep (`M_WAITOK`) and does not fail.
    fn boxed() -> Box<Self> {
        #[cfg(target_os = "none")]
        return crate::kpi::memory::blank();
        #[cfg(not(target_os = "none"))]
        return Box::new(Self::BLANK);
    }
}
