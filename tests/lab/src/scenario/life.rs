// SPDX-License-Identifier: BSD-2-Clause
//! Scenarios about the life of the module: attach, detach, unload, whatever the BMC does.

use ipmi_bmc::{Fault, NEVER};

use super::contexts::any_trouble;
use super::load::{ordinary, watchdogd, UP};
use super::plan::{Act, End, Plan, Scenario};
use crate::dice::Dice;
use crate::judge::Bound;
use crate::record::{BmcState, Way};
use crate::span::{MS, S};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "unload-dead-bmc",
        about: "kldunload while the BMC is in any trouble there is",
        plan: unload,
    },
    Scenario {
        name: "late-bmc",
        about: "the BMC does not answer at kldload, and does later",
        plan: late_bmc,
    },
    Scenario {
        name: "re-attach",
        about: "devctl detach and attach, again and again, under changing troubles",
        plan: re_attach,
    },
    Scenario {
        name: "crowded-dog",
        about: "several threads pat and disarm at once",
        plan: crowded_dog,
    },
];

fn unload(dice: &mut Dice) -> Plan {
    let from = dice.between(15 * S, 30 * S);
    let at = from + dice.magnitude(MS, 30 * S);
    let mut plan = Plan::new(dice, at + 10 * S);
    let mut daemon = watchdogd(dice);
    daemon.ends = Some((at - MS, dice.pick(&[End::Exits, End::Hangs])));
    plan.watchdogd = Some(daemon);
    plan.clients = ordinary(dice, from.saturating_sub(5 * S).max(UP));
    any_trouble(dice, from, NEVER, &mut plan);
    plan.acts.push((at, Act::Unload));
    plan.bounds.push(Bound::PassesWithin(Way::Unload, 2 * S));
    plan
}

fn late_bmc(dice: &mut Dice) -> Plan {
    let to = dice.magnitude(S, 300 * S);
    let mut plan = Plan::new(dice, to + 40 * S);
    let fault = dice.pick(&[0, 1, 2]);
    let fault = [Fault::IbfStuck, Fault::ReadsFf, Fault::ObfNever][fault].clone();
    plan.course.clear();
    plan.fault(0, to, BmcState::Dead, fault);
    plan.clients = ordinary(dice, to + 30 * S);
    let mut daemon = watchdogd(dice);
    daemon.starts = to + 6 * S;
    plan.watchdogd = Some(daemon);
    plan.bounds.push(Bound::PassesWithin(Way::Attach, 5 * S));
    plan
}

fn re_attach(dice: &mut Dice) -> Plan {
    let mut plan = Plan::new(dice, 0);
    let mut at = dice.between(10 * S, 15 * S);
    plan.clients = ordinary(dice, UP + 4 * S);
    for _ in 0..dice.between(1, 3) {
        let back = at + dice.magnitude(10 * MS, 5 * S);
        let from = at - dice.between(0, 50 * MS);
        any_trouble(dice, from, back, &mut plan);
        plan.acts.push((at, Act::Detach));
        plan.acts.push((back, Act::Attach));
        // A moment of guard, to see that it is shown.
        let timeout = 128 * S;
        plan.acts.push((back + 6 * S, Act::Pat { timeout }));
        plan.telling.push(back + 7 * S);
        let timeout = 0;
        plan.acts
            .push((back + 7 * S + 500 * MS, Act::Pat { timeout }));
        at = back + dice.between(8 * S, 12 * S);
    }
    plan.lasts = at;
    plan.course.sort_by_key(|&(at, _)| at);
    plan.bounds.push(Bound::PassesWithin(Way::Detach, 2 * S));
    plan.bounds.push(Bound::PassesWithin(Way::Attach, 5 * S));
    plan
}

fn crowded_dog(dice: &mut Dice) -> Plan {
    let mut plan = Plan::new(dice, 0);
    let mut at = dice.between(8 * S, 10 * S);
    for _ in 0..dice.between(2, 5) {
        let disarmed = dice.chance(50);
        plan.acts.push((at, Act::Crowd { disarmed }));
        at += match disarmed {
            // Long enough for a BMC that was not disarmed to tell.
            true => 700 * S,
            false => dice.between(2 * S, 60 * S),
        };
    }
    plan.lasts = at;
    plan.clients = ordinary(dice, 50 * S);
    plan
}
