// SPDX-License-Identifier: BSD-2-Clause
//! Scenarios in which the BMC fails under a running host, or the host under a running BMC.

use ipmi_bmc::{Fault, When, NEVER};

use super::load::{crowd, ordinary, watchdogd};
use super::plan::{Act, End, Plan, Scenario};
use crate::abi::{WD_SOFT_LOG, WD_SOFT_PRINTF};
use crate::dice::Dice;
use crate::judge::Bound;
use crate::record::BmcState;
use crate::span::{Ns, MS, S};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "healthy",
        about: "a BMC as it should be, ordinary programs, pats every 10 s",
        plan: healthy,
    },
    Scenario {
        name: "out-to-lunch",
        about: "hundreds of queued requests; the BMC slows, dies for 10 minutes, reboots with its timer lost",
        plan: out_to_lunch,
    },
    Scenario {
        name: "ibf-stuck",
        about: "the input buffer stays full for a minute or so while the BMC's timer counts on",
        plan: |dice| stuck(dice, BmcState::Dead, Fault::IbfStuck),
    },
    Scenario {
        name: "obf-never",
        about: "commands are taken and nothing ever comes back",
        plan: |dice| stuck(dice, BmcState::Dead, Fault::ObfNever),
    },
    Scenario {
        name: "reads-ff",
        about: "nobody on the bus: all reads are ff",
        plan: |dice| stuck(dice, BmcState::Dead, Fault::ReadsFf),
    },
    Scenario {
        name: "slow-handshake",
        about: "every handshake takes from a millisecond to just under six seconds",
        plan: slow_handshake,
    },
    Scenario {
        name: "bmc-reset",
        about: "the BMC resets itself, once or more, loses its timer, and may refuse a new one at first",
        plan: bmc_reset,
    },
    Scenario {
        name: "hung-host",
        about: "userland stops patting: the pretimeout must fire and the BMC must reset the host",
        plan: hung_host,
    },
    Scenario {
        name: "one-behind-thousand",
        about: "a pat made behind 1000 queued requests, on a healthy and on a dead BMC",
        plan: one_behind_thousand,
    },
];

/// Handshakes of this length are no longer a healthy BMC's.
const FELT: Ns = 2 * MS;

fn healthy(dice: &mut Dice) -> Plan {
    let mut plan = Plan::new(dice, 120 * S);
    plan.watchdogd = Some(watchdogd(dice));
    plan.clients = ordinary(dice, 100 * S);
    plan
}

fn out_to_lunch(dice: &mut Dice) -> Plan {
    let falls_ill = dice.between(25 * S, 45 * S);
    let slow_for = dice.between(40 * S, 90 * S);
    let dead_for = 600 * S;
    let reboot_for = dice.between(10 * S, 60 * S);
    let dies = falls_ill + slow_for;
    let back = dies + dead_for + reboot_for;
    let mut plan = Plan::new(dice, back + 40 * S);
    plan.watchdogd = Some(watchdogd(dice));
    plan.clients = crowd(dice, back + 25 * S);
    let outage = Fault::OutOfMemory {
        slow_for,
        dead_for,
        reboot_for,
        timer_survives: false,
    };
    plan.faults.push((
        When::Window {
            from: falls_ill,
            to: NEVER,
        },
        outage,
    ));
    // Handshakes grow exponentially, from the BMC's usual to ten seconds.
    let usual = plan.bmc.handshake as f64;
    let unfelt = (FELT as f64 / usual).ln() / (10.0 * S as f64 / usual).ln();
    plan.state(falls_ill + (slow_for as f64 * unfelt) as Ns, BmcState::Slow);
    plan.state(dies, BmcState::Dead);
    plan.state(dies + dead_for, BmcState::Rebooting);
    plan.state(back, BmcState::Healthy);
    plan
}

/// An interface that is dead for less than the countdown, since the BMC behind it counts on.
fn stuck(dice: &mut Dice, state: BmcState, fault: Fault) -> Plan {
    let from = dice.between(20 * S, 40 * S);
    let to = from + dice.magnitude(200 * MS, 100 * S);
    let mut plan = Plan::new(dice, to + 40 * S);
    plan.watchdogd = Some(watchdogd(dice));
    plan.clients = ordinary(dice, to + 30 * S);
    plan.fault(from, to, state, fault);
    plan
}

fn slow_handshake(dice: &mut Dice) -> Plan {
    let ns = dice.magnitude(MS, 5900 * MS);
    let mut plan = stuck(dice, BmcState::Slow, Fault::SlowHandshake { ns });
    // A handshake begun at the last moment takes as long as the others.
    if let Some(back) = plan.course.last_mut() {
        back.0 += ns;
    }
    // A driver cannot help being busy with a BMC that works.
    if ns < 20 * MS {
        plan.without(|bound| matches!(bound, Bound::WorkerBelow(_)));
    }
    plan
}

fn bmc_reset(dice: &mut Dice) -> Plan {
    let mut plan = Plan::new(dice, 0);
    let mut at = dice.between(20 * S, 40 * S);
    for _ in 0..dice.between(1, 3) {
        let reboot_for = dice.magnitude(50 * MS, 60 * S);
        let fault = Fault::Reset {
            reboot_for,
            timer_survives: false,
        };
        let back = at + reboot_for;
        plan.fault(at, back, BmcState::Rebooting, fault);
        if dice.chance(50) {
            refuses_for_a_while(dice, &mut plan, back, &[RESET, SET]);
        }
        at = back + dice.between(5 * S, 40 * S);
    }
    plan.lasts = at;
    plan.watchdogd = Some(watchdogd(dice));
    plan.clients = ordinary(dice, at.saturating_sub(10 * S));
    plan
}

/// Commands of the watchdog.
pub const RESET: u8 = 0x22;
pub const SET: u8 = 0x24;
pub const GET: u8 = 0x25;

/// A BMC refuses one or all of the watchdog's commands for three seconds. It is an outage if one
/// of those is among them without which nobody can help.
pub fn refuses_for_a_while(dice: &mut Dice, plan: &mut Plan, from: Ns, needed: &[u8]) {
    let to = from + 3 * S;
    let code = dice.pick(&[0xc0, 0xc3, 0xd2]);
    let refused: &[u8] = dice.pick(&[&[RESET, SET], &[RESET], &[SET], &[GET]]);
    for &cmd in refused {
        let fault = Fault::Completion {
            netfn: 0x06,
            cmd,
            code,
        };
        plan.faults.push((When::Window { from, to }, fault));
    }
    if refused.iter().any(|cmd| needed.contains(cmd)) {
        plan.state(from, BmcState::Slow);
        plan.state(to, BmcState::Healthy);
    }
}

fn hung_host(dice: &mut Dice) -> Plan {
    let hangs = dice.between(40 * S, 80 * S);
    let mut plan = Plan::new(dice, hangs + 200 * S);
    let mut daemon = watchdogd(dice);
    daemon.ends = Some((hangs, End::Hangs));
    daemon.action = dice.pick(&[WD_SOFT_LOG, WD_SOFT_PRINTF]);
    plan.watchdogd = Some(daemon);
    let clients_hang = dice.chance(50);
    plan.clients = ordinary(dice, if clients_hang { hangs } else { plan.lasts });
    plan.without(|bound| matches!(bound, Bound::HostStaysUp | Bound::ClientsAreServed));
    plan.bounds
        .extend([Bound::PretimeoutFires(20 * MS), Bound::BmcResetsHost(S)]);
    plan
}

fn one_behind_thousand(dice: &mut Dice) -> Plan {
    let at = dice.between(10 * S, 12 * S);
    let mut plan = Plan::new(dice, at + 40 * S);
    plan.acts.push((at, Act::Flood { count: 1000 }));
    plan.bounds.push(Bound::PatStartsWithin(2 * S));
    if dice.chance(50) {
        // Dead, but takes bytes, so that the start of a transaction can be seen.
        let from = at - dice.between(0, 5 * MS);
        plan.faults
            .push((When::Window { from, to: u64::MAX }, Fault::ObfNever));
        plan.state(from, BmcState::Dead);
    }
    plan
}
