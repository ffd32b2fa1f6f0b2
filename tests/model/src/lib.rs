// SPDX-License-Identifier: BSD-2-Clause
//! The core's lock-free code over loom, which runs every interleaving that the memory model allows.
//! Compiles the very files of the core; only the atomics are others.

/// The core's module of that name, over loom.
mod atomic {
    pub use loom::sync::atomic::{fence, AtomicBool, AtomicU32, AtomicU64, Ordering};
}

#[path = "../../../src/handover.rs"]
pub mod handover;

#[path = "../../../src/latch.rs"]
pub mod latch;
