// SPDX-License-Identifier: BSD-2-Clause
//! Scenarios in which the driver is called where nobody may sleep: panic, dump, kdb.

use ipmi_bmc::{Fault, NEVER};

use super::load::{ordinary, watchdogd};
use super::plan::{Act, Plan, Scenario};
use crate::dice::Dice;
use crate::judge::Bound;
use crate::record::{BmcState, Way};
use crate::span::{Ns, MS, S};

/// A dump as quick as a disk is.
const DUMP: Act = Act::Dump { parts: 8, each: MS };
/// From the first sign of a BMC running out of memory to its death.
const DYING: Ns = 30 * S;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "panic-dead-bmc",
        about: "a panic while the BMC is in any trouble there is",
        plan: |dice| ending(dice, Act::Panic, Way::Panic),
    },
    Scenario {
        name: "dump",
        about: "a panic with a dump that pats as it writes, whatever the BMC does",
        plan: |dice| ending(dice, DUMP, Way::Dump),
    },
    Scenario {
        name: "kdb",
        about: "the debugger's watchdog command, whatever the BMC does, and life goes on",
        plan: kdb,
    },
];

/// Any trouble that a BMC can be in, as the host sees it; none at times. Trouble that does not
/// end within the run may be its death.
pub fn any_trouble(dice: &mut Dice, from: Ns, to: Ns, plan: &mut Plan) {
    let fatal = Fault::OutOfMemory {
        slow_for: DYING,
        dead_for: NEVER / 4,
        reboot_for: S,
        timer_survives: false,
    };
    let (state, fault) = match dice.between(0, if to == NEVER { 3 } else { 2 }) {
        0 => return,
        1 => mute(dice),
        2 => odd(dice),
        _ => (BmcState::Slow, fatal),
    };
    match fault {
        // It works, but may spoil what is under way.
        Fault::ErrorState => plan.fault(from, (from + S).min(to), state, fault),
        Fault::OutOfMemory { .. } => {
            plan.fault(from, NEVER, state, fault);
            plan.course.pop();
            plan.state(from + DYING, BmcState::Dead);
        }
        _ => plan.fault(from, to, state, fault),
    }
    // A driver that speaks to a BMC which answers, however oddly, has something to do.
    if state == BmcState::Slow {
        plan.without(|bound| matches!(bound, Bound::WorkerBelow(_)));
    }
}

/// Troubles in which no reply comes.
fn mute(dice: &mut Dice) -> (BmcState, Fault) {
    let faults = [
        Fault::IbfStuck,
        Fault::ObfNever,
        Fault::ReadsFf,
        Fault::Deaf { counting: true },
        Fault::WrongState {
            state: dice.between(0, 3) as u8,
        },
    ];
    (BmcState::Dead, faults[dice.between(0, 4) as usize].clone())
}

/// Troubles in which something comes that is late or wrong.
fn odd(dice: &mut Dice) -> (BmcState, Fault) {
    let faults = [
        Fault::SlowHandshake {
            ns: dice.magnitude(MS, 6 * S),
        },
        Fault::ErrorState,
        Fault::SmsAtnStuck,
        Fault::GarbageReply,
        Fault::WrongNetFn,
        Fault::WrongCommand,
        Fault::ShortReply {
            keep: dice.between(0, 3) as usize,
        },
        Fault::LongReply {
            total: dice.between(256, 2000) as usize,
        },
    ];
    (BmcState::Slow, faults[dice.between(0, 7) as usize].clone())
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
