// SPDX-License-Identifier: BSD-2-Clause
//! The atomics of the core, under one name so that a model checker can put its own in their place.

pub use core::sync::atomic::{fence, AtomicBool, AtomicU32, AtomicU64, Ordering};
