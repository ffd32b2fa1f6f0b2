// SPDX-License-Identifier: BSD-2-Clause
//! The scenarios by name. Must not know how a plan is run or judged.

mod contexts;
mod guard;
mod hangs;
mod life;
mod load;
mod outages;
mod plan;

pub use plan::{Act, Client, ClientKind, End, Firmware, Plan, Scenario, Watchdogd, PAT_LIMIT};

/// All scenarios, in the order in which they are listed.
pub fn all() -> impl Iterator<Item = &'static Scenario> {
    [
        outages::SCENARIOS,
        contexts::SCENARIOS,
        life::SCENARIOS,
        guard::SCENARIOS,
        hangs::SCENARIOS,
    ]
    .into_iter()
    .flatten()
}

/// The scenario of that name.
pub fn by_name(name: &str) -> Option<&'static Scenario> {
    all().find(|scenario| scenario.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;
    use crate::judge::Bound;
    use crate::span::S;

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = all().map(|s| s.name).collect();
        names.sort();
        names
            .windows(2)
            .for_each(|pair| assert_ne!(pair[0], pair[1]));
    }

    #[test]
    fn plans_are_in_order_of_time_and_end_after_all_that_happens() {
        for scenario in all() {
            for seed in 0..50 {
                let plan = (scenario.plan)(&mut Dice::new(seed, scenario.name));
                let name = scenario.name;
                assert!(
                    plan.course.is_sorted_by_key(|&(at, _)| at),
                    "{name} {seed}: course"
                );
                assert!(
                    plan.acts.is_sorted_by_key(|&(at, _)| at),
                    "{name} {seed}: acts"
                );
                assert!(plan.telling.is_sorted(), "{name} {seed}: telling");
                let last = plan.acts.iter().map(|&(at, _)| at).max().unwrap_or(0);
                assert!(last < plan.lasts, "{name} {seed}: an act after the end");
            }
        }
    }

    #[test]
    fn every_plan_says_what_becomes_of_the_host_and_that_it_is_shown() {
        let fate = |bound: &Bound| match *bound {
            Bound::HostStaysUp | Bound::StandsStill(..) | Bound::ModulePanics(..) => true,
            Bound::BmcResetsHost(tolerance)
            | Bound::ResetsHostAfterLastPat(tolerance)
            | Bound::ResetsHostAfter(_, tolerance)
            | Bound::ResetsHostAt(_, tolerance) => tolerance <= S,
            _ => false,
        };
        for scenario in all() {
            for seed in 0..50 {
                let plan = (scenario.plan)(&mut Dice::new(seed, scenario.name));
                let name = scenario.name;
                assert!(plan.bounds.iter().any(fate), "{name} {seed}");
                let shown = |bound: &Bound| matches!(bound, Bound::ShownAsItIs(_));
                assert!(plan.bounds.iter().any(shown), "{name} {seed}");
                assert!(plan.bounds.contains(&Bound::CountsRight), "{name} {seed}");
            }
        }
    }
}
