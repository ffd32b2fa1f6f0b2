// SPDX-License-Identifier: BSD-2-Clause
//! Scenarios in which the driver is called where nobody may sleep: panic, dump, kdb.

use ipmi_bmc::{Fault, When, NEVER};

use super::load::{ordinary, watchdogd};
use super::plan::{Act, Plan, Scenario};
use crate::dice::Dice;
use crate::judge::Bound;
use crate::record::{BmcState, Way};
use crate::span::{Ns, MS, S};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "panic-dead-bmc",
        about: "a panic while the BMC is in any trouble there is",
        plan: |dice| ending(dice, Act::Panic, Way::Panic),
    },
    Scenario {
        name: "dump",
        about: "a panic with a dump that pats as it writes, whatever the BMC does",
        plan: |dice| ending(dice, Act::Dump, Way::Dump),
    },
    Scenario {
        name: "kdb",
        about: "the debugger's watchdog command, whatever the BMC does, and life goes on",
        plan: kdb,
    },
];

/// Any trouble that a BMC can be in, as the host sees it; none at times.
pub fn any_trouble(dice: &mut Dice, from: Ns, to: Ns, plan: &mut Plan) {
    let slow = Fault::SlowHandshake {
        ns: dice.magnitude(MS, 6 * S),
    };
    let wrong = Fault::WrongState {
        state: dice.between(0, 3) as u8,
    };
    let oom = Fault::OutOfMemory {
        slow_for: 30 * S,
        dead_for: 600 * S,
        reboot_for: 30 * S,
        timer_survives: false,
    };
    let troubles = [
        None,
        Some((BmcState::Dead, Fault::IbfStuck)),
        Some((BmcState::Dead, Fault::ObfNever)),
        Some((BmcState::Dead, Fault::ReadsFf)),
        Some((BmcState::Dead, Fault::Deaf { counting: true })),
        Some((BmcState::Dead, wrong)),
        Some((BmcState::Dead, Fault::GarbageReply)),
        Some((BmcState::Dead, Fault::WrongNetFn)),
        Some((
            BmcState::Dead,
            Fault::ShortReply {
                keep: dice.between(0, 3) as usize,
            },
        )),
        Some((BmcState::Dead, Fault::LongReply { total: 300 })),
        Some((BmcState::Slow, slow)),
        Some((BmcState::Slow, Fault::ErrorState)),
        Some((BmcState::Slow, Fault::SmsAtnStuck)),
    ];
    let choice = dice.between(0, troubles.len() as u64) as usize;
    match troubles.get(choice) {
        Some(None) => {}
        Some(Some((state, fault))) => plan.fault(from, to, *state, fault.clone()),
        None => {
            plan.faults.push((When::Window { from, to: NEVER }, oom));
            plan.state(from, BmcState::Slow);
            plan.state(from + 30 * S, BmcState::Dead);
        }
    }
}

fn ending(dice: &mut Dice, act: Act, way: Way) -> Plan {
    let from = dice.between(15 * S, 30 * S);
    let at = from + dice.magnitude(MS, 60 * S);
    let mut plan = Plan::new(dice, at + 60 * S);
    plan.watchdogd = Some(watchdogd(dice));
    plan.clients = ordinary(dice, plan.lasts);
    any_trouble(dice, from, NEVER, &mut plan);
    plan.acts.push((at, act));
    plan.without(|bound| matches!(bound, Bound::ClientsAreServed));
    plan.bounds.push(Bound::PassesWithin(way, S));
    plan
}

fn kdb(dice: &mut Dice) -> Plan {
    let from = dice.between(15 * S, 30 * S);
    let at = from + dice.magnitude(MS, 20 * S);
    let to = at + dice.between(S, 40 * S);
    let mut plan = Plan::new(dice, to + 60 * S);
    plan.watchdogd = Some(watchdogd(dice));
    plan.clients = ordinary(dice, to + 40 * S);
    any_trouble(dice, from, to, &mut plan);
    plan.acts.push((at, Act::Kdb));
    plan.bounds.push(Bound::PassesWithin(Way::Kdb, S));
    plan
}
