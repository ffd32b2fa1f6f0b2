// SPDX-License-Identifier: BSD-2-Clause
//! Many executions of every target: `ipmi-parsers EXECUTIONS [SEED]`, in all and from that seed.

use std::time::Instant;

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let mut number = |default| arguments.next().map_or(default, |n| n.expect("a number"));
    let (executions, seed) = (number(1_000_000), number(1));
    let share = executions.div_ceil(ipmi_parsers::TARGETS.len() as u64);
    for target in &ipmi_parsers::TARGETS {
        let from = Instant::now();
        ipmi_parsers::play(target, seed, share);
        let took = from.elapsed().as_secs_f64();
        println!(
            "{:14} seed {seed}: {share} executions in {took:.1} s",
            target.name
        );
    }
}
