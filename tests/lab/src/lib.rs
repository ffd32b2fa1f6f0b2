// SPDX-License-Identifier: BSD-2-Clause
//! The laboratory: scenarios for `ipmi.ko` over the software kernel and the software BMC,
//! a judge that holds each run against its bounds, and reports for people and programs.
//! Must not know the driver but by what it does.
#![forbid(unsafe_code)]

pub mod abi;
mod acts;
pub mod board;
pub mod cli;
pub mod client;
pub mod dice;
pub mod firmware;
pub mod fleet;
pub mod fuzz;
pub mod judge;
pub mod ko;
pub mod mc_watchdog;
pub mod record;
pub mod report;
pub mod run;
#[cfg(test)]
mod sample;
pub mod scenario;
pub mod serve;
pub mod span;
pub mod stage;
pub mod table;
pub mod timeline;
pub mod transport;
