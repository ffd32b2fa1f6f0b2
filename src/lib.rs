// SPDX-License-Identifier: BSD-2-Clause
//! The core of ipmi(4): everything that decides, and nothing that is FreeBSD.
//!
//! Data flows one way: an ioctl or the watchdog handler puts work into [`state::State`],
//! the worker takes it out, a transport turns it into register accesses, and the answer
//! flows back. The kernel is seen through the trait [`kernel::Kernel`]; only `kpi`
//! implements it over FreeBSD, and only `kpi` contains unsafe code.

#![cfg_attr(not(test), no_std)]
#![deny(
    unsafe_op_in_unsafe_fn,
    clippy::undocumented_unsafe_blocks,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects
)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects
    )
)]

#[cfg(all(not(target_os = "none"), not(test)))]
extern crate std;

mod atomic;
pub mod attempt;
pub mod client;
pub mod enables;
pub mod event;
pub mod handover;
pub mod health;
pub mod interrupt;
pub mod kernel;
#[cfg(target_os = "none")]
mod kpi;
pub mod latch;
pub mod line;
pub mod mail;
pub mod maintenance;
pub mod memory;
pub mod polled;
pub mod queue;
pub mod startup;
pub mod state;
pub mod time;
pub mod transport;
pub mod watchdog;
pub mod wire;
pub mod worker;
