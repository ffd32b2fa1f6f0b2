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
//! # How to hold it
//!
//! - [`Kcs`], [`Smic`], [`Bt`] and [`Ssif`] are register models around a [`Bmc`]; a board holds any
//!   of them by the trait [`Interface`]: `read` and `write` are the host's accesses (on SSIF
//!   `smbus_write` and `smbus_read`), `advance(now)` lets time pass and hands out [`Effect`]s,
//!   `next_event()` says when to call it. An access brings the model up to its own `now` first, so
//!   nothing is missed between two calls of `advance`; effects wait for the next one.
//! - [`Config`] says what a healthy BMC is like: about 20 us a handshake and 300 us a command, each
//!   give or take a quarter by seed.
//! - [`Faults`] is a schedule of ([`When`], [`Fault`]), plain values that serde can write down.
//!   Entries compose: all that hold at a moment act. [`Faults::clear`] makes the BMC healthy.
//! - [`Bmc::execute`] runs a command past all registers; [`Bmc::queue_message`],
//!   [`Bmc::platform_event`] and [`Bmc::set_oem_flags`] make the BMC want attention;
//!   [`Bmc::reset`] resets it, [`Bmc::host_was_reset`] tells it that its host was.
//!
//! # For the judge
//!
//! - [`Bmc::watchdog`] is the timer as it truly is: counting or not, use, action, what is left.
//! - [`Bmc::counting_log`] has every change of that, with its exact time, so that the gaps in a
//!   host's protection can be computed and not guessed.
//! - [`Bmc::records`] are the newest commands the BMC ran, [`Bmc::sel`] what it logged,
//!   [`Interface::accesses`] how often the host touched the registers, and how often against the
//!   rules.

#![forbid(unsafe_code)]

mod bmc;
mod bt;
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
mod smic;
mod spoil;
mod ssif;
mod watchdog;

pub use bmc::Bmc;
pub use bt::Bt;
pub use commands::{SelEntry, SelEvent};
pub use config::Config;
pub use faults::{Fault, Faults, When};
pub use interface::{Block, Interface, Kind, SmbusError, Transfer, SMBUS_TIMEOUT};
pub use ipmb::Satellite;
pub use kcs::{Executes, Kcs};
pub use message::{netfn, CompletionCode, Request};
pub use record::{Accesses, Cause, Effect, PreTimeoutKind, Record};
pub use smic::Smic;
pub use ssif::{pec, Ssif, SSIF_ADDRESS};
pub use watchdog::{CountingChange, TimerAction, WatchdogView, Why};

/// A millisecond in the unit of every time in this crate.
pub const MS: u64 = 1_000_000;
/// A second in the unit of every time in this crate.
pub const SEC: u64 = 1_000_000_000;
/// A time that never comes: the end of a window that stays open.
pub const NEVER: u64 = u64::MAX;
