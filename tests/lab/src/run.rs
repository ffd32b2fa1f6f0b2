// SPDX-License-Identifier: BSD-2-Clause
//! Runs a plan: builds the machine, starts its processes, does to the host what the plan says,
//! and writes down what happened. Must not know what ought to be true.

use crate::ko::Ko;
use crate::report::Run;
use crate::scenario::Scenario;
use anyhow::Result;

pub fn run(_scenario: &Scenario, _seed: u64, _ko: &Ko) -> Result<Run> {
    anyhow::bail!("not yet")
}
