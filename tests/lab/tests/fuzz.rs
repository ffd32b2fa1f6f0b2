// SPDX-License-Identifier: BSD-2-Clause
//! Slices of the fuzzing, of /dev/ipmi0 and of the parsers: other seeds, and more of them, with
//! `lab fuzz` and `ipmi-parsers`. Both are here because tests of one program run side by side.

use ipmi_lab::fleet;
use ipmi_lab::fuzz;
use ipmi_lab::ko::Ko;
use ipmi_parsers::{play, Target, TARGETS};

/// Operations on /dev/ipmi0, a machine for each five thousand: with the parsers beside it a
/// minute of two processors.
const OPERATIONS: u64 = 1_600_000;
/// Executions of parsers: the same minute.
const EXECUTIONS: u64 = 34_000_000;

/// Operations on one machine.
const GAME: u64 = 5_000;
/// Executions from one seed.
const ROUND: u64 = 25_000;

#[test]
fn nothing_done_to_the_device_node_makes_the_kernel_complain() {
    let ko = Ko::under_test().unwrap_or_else(|error| panic!("{error:#}"));
    let seeds: Vec<u64> = (1..=OPERATIONS / GAME).collect();
    let outcomes = fleet::each(&seeds, |&seed| fuzz::play(&ko, seed, GAME), || {});
    for (seed, outcome) in seeds.iter().zip(outcomes.unwrap()) {
        assert!(outcome.operations >= GAME, "seed {seed}");
        assert_eq!(outcome.complaints, [""; 0], "seed {seed}");
    }
}

#[test]
fn what_holds_of_the_parsers_holds_whatever_they_are_given() {
    let rounds = 1..=EXECUTIONS / ROUND / TARGETS.len() as u64;
    let jobs: Vec<(u64, &Target)> = rounds
        .flat_map(|seed| TARGETS.iter().map(move |target| (seed, target)))
        .collect();
    let work = |&(seed, target): &(u64, &Target)| {
        play(target, seed, ROUND);
        Ok(())
    };
    fleet::each(&jobs, work, || {}).unwrap();
}
