// SPDX-License-Identifier: BSD-2-Clause
//! A BMC made of software, for tests of the driver: register models, the IPMI command set, a real
//! watchdog timer, and faults on demand. It must not know of kernels, drivers or scenarios.
//!
//! Everything here is a plain state object. There are no threads, no I/O and no clock: `now` comes
//! in with each call, in nanoseconds since the start of the run, and never runs backwards (an older
//! `now` is taken as the newest one seen).
//!
//! ```
//! use ipmi_bmc::{Bmc, Config, Fault, Interface, Kcs, When};
//!
//! let mut kcs = Kcs::new(Bmc::new(Config::default()));
//! kcs.faults_mut().add(When::Window { from: 5_000_000_000, to: 6_000_000_000 }, Fault::IbfStuck);
//! kcs.write(1, 0x61, 0); // WRITE_START
//! assert_eq!(kcs.read(1, 1_000) & 0x02, 0x02); // IBF: not taken yet
//! assert_eq!(kcs.read(1, 100_000) & 0xc2, 0x80); // taken: WRITE_STATE
//! ```
//!
//! How to hold it:
//! - [`Kcs`] is a register model around a [`Bmc`]; a board holds it by the trait [`Interface`]:
//!   `read` and `write` are the host's accesses, `advance(now)` lets time pass and hands out
//!   [`Effect`]s, `next_event()` says when to call it.
//! - [`Faults`] is a schedule of ([`When`], [`Fault`]); entries compose.
//! - [`Bmc::watchdog`], [`Bmc::counting_log`] and [`Bmc::records`] are for the judge.

#![forbid(unsafe_code)]

mod bmc;
mod commands;
mod config;
mod faults;
mod interface;
mod ipmb;
mod kcs;
mod life;
mod message;
mod outage;
mod record;
mod rng;
mod spoil;
mod watchdog;

pub use bmc::Bmc;
pub use commands::{SelEntry, SelEvent};
pub use config::Config;
pub use faults::{Fault, Faults, When};
pub use interface::{Block, Interface, Kind, SmbusError, Transfer};
pub use ipmb::Satellite;
pub use kcs::{Executes, Kcs};
pub use message::{netfn, CompletionCode, Request};
pub use record::{Accesses, Cause, Effect, PreTimeoutKind, Record};
pub use watchdog::{CountingChange, TimerAction, WatchdogView, Why};

/// A millisecond in the unit of every time in this crate.
pub const MS: u64 = 1_000_000;
/// A second in the unit of every time in this crate.
pub const SEC: u64 = 1_000_000_000;
/// A time that never comes: the end of a window that stays open.
pub const NEVER: u64 = u64::MAX;
