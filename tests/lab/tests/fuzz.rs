// SPDX-License-Identifier: BSD-2-Clause
//! A slice of the fuzzing of /dev/ipmi0: other seeds, and more of them, with `lab fuzz`.

use ipmi_lab::fleet;
use ipmi_lab::fuzz;
use ipmi_lab::ko::Ko;

#[test]
fn nothing_done_to_the_device_node_makes_the_kernel_complain() {
    let ko = Ko::under_test().unwrap_or_else(|error| panic!("{error:#}"));
    let seeds: Vec<u64> = (1..=40).collect();
    let outcomes = fleet::each(&seeds, |&seed| fuzz::play(&ko, seed, 5_000), || {});
    for (seed, outcome) in seeds.iter().zip(outcomes.unwrap()) {
        assert!(outcome.operations >= 5_000, "seed {seed}");
        assert_eq!(outcome.complaints, [""; 0], "seed {seed}");
    }
}
