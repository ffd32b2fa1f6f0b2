// SPDX-License-Identifier: BSD-2-Clause
//! What kind of BMC it is when nothing is wrong with it: speed, sizes, seed. It must not know of
//! faults.

use serde::{Deserialize, Serialize};

use crate::{Satellite, MS, SEC};

/// The make of a healthy BMC. Times are in nanoseconds and vary by a quarter either way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Seeds jitter and garbage.
    pub seed: u64,
    /// From a byte written to the byte taken.
    pub handshake: u64,
    /// From the last byte taken to the reply ready.
    pub execute: u64,
    /// How long the registers are dead after Cold Reset.
    pub cold_reset: u64,
    /// How long the registers are dead after Warm Reset.
    pub warm_reset: u64,
    /// Reset Watchdog Timer restarts the countdown even after the pre-timeout, as QEMU's BMC does
    /// and the specification (27.5) forbids.
    pub lenient_reset: bool,
    /// The longest request it takes, in bytes with netFn and command.
    pub max_request: usize,
    /// How many commands the log keeps.
    pub records: usize,
    /// The BMC's clock at time 0, in seconds since 1970.
    pub epoch: u32,
    /// Who else is on the IPMB.
    pub satellites: Vec<Satellite>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            seed: 1,
            handshake: 20_000,
            execute: 300_000,
            cold_reset: 10 * SEC,
            warm_reset: 500 * MS,
            lenient_reset: false,
            max_request: 255,
            records: 4096,
            epoch: 1_767_225_600,
            satellites: vec![Satellite::default()],
        }
    }
}
