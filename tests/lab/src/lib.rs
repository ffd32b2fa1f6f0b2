// SPDX-License-Identifier: BSD-2-Clause
//! The laboratory: scenarios for `ipmi.ko` over the software kernel and the software BMC,
//! a judge that holds each run against its bounds, and reports for people and programs.
#![forbid(unsafe_code)]

pub mod abi;
pub mod board;
pub mod dice;
pub mod judge;
pub mod record;
pub mod report;
pub mod scenario;
#[cfg(test)]
mod sample;
pub mod span;
pub mod table;
pub mod timeline;
