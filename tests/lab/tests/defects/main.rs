// SPDX-License-Identifier: BSD-2-Clause
//! A test for each defect of the C driver that is owed one, named after its number, and of what
//! programs rely on, on the built ipmi.ko. Must not know how the driver does it.
//!
//! `IPMI_KO` names another file, `LAB_SEED` one seed to replay.

mod attach;
mod bench;
mod bus;
mod buses;
mod clients;
mod contexts;
mod cycles;
mod device;
mod discovery;
mod dog;
mod fairness;
mod guard;
mod hangs;
mod history;
mod interrupts;
mod linux;
mod maintenance;
mod replies;
mod smbus;
mod tables;
mod two;
mod unanswered;
mod unasked;
