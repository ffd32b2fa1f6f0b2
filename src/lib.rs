// SPDX-License-Identifier: BSD-2-Clause
//! The core of FreeBSD ipmi(4) in Rust.
#![no_std]
