// SPDX-License-Identifier: BSD-2-Clause
//! A test for each defect of the C driver that is owed one, named after its number, on the built
//! ipmi.ko. Must not know how the driver avoids them.
//!
//! `IPMI_KO` names another file, `LAB_SEED` one seed to replay.

mod attach;
mod bench;
mod bus;
mod clients;
mod contexts;
mod dog;
mod linux;
mod maintenance;
