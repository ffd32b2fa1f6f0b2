// SPDX-License-Identifier: BSD-2-Clause
//! Scenarios in which the host is healthy and the question is who guards it: BMCs that count
//! something else, timers that firmware left, rivals, races, storms, clocks.

use ipmi_bmc::{Fault, When};

use super::load::{ordinary, watchdogd, UP};
use super::outages::{refuses_for_a_while, GET, RESET, SET};
use super::plan::{Act, End, Firmware, Plan, Scenario, Watchdogd};
use crate::abi::WD_SOFT_LOG;
use crate::dice::Dice;
use crate::judge::Bound;
use crate::mc_watchdog::TENTH;
use crate::record::BmcState;
use crate::span::{Ns, MS, S, US};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "bmc-clamps",
        about: "the BMC counts less than it was set to, or ignores a new setting, and says all is well",
        plan: bmc_clamps,
    },
    Scenario {
        name: "bmc-forgets",
        about: "the BMC's timer is gone without a reset, and nobody pats for a while",
        plan: bmc_forgets,
    },
    Scenario {
        name: "firmware-armed",
        about: "firmware left its timer running: kept, stopped or left alone, a seed each",
        plan: firmware_armed,
    },
    Scenario {
        name: "disarm-dead-bmc",
        about: "watchdogd ends while the BMC counts and does not answer",
        plan: disarm_dead_bmc,
    },
    Scenario {
        name: "pat-disarm-race",
        about: "a pat and a disarm from microseconds to a tenth of a second apart, the BMC well or not",
        plan: pat_disarm_race,
    },
    Scenario {
        name: "second-watchdog",
        about: "another driver answers on the watchdog lists; the BMC dies at times",
        plan: second_watchdog,
    },
    Scenario {
        name: "deaf-but-counting",
        about: "the BMC counts and takes no pats: reset with margin 0, survived with 900; a margin delays no reset",
        plan: deaf_but_counting,
    },
    Scenario {
        name: "clock-step",
        about: "the time of day jumps, by years and back: on a healthy host, in an outage, on a hung host",
        plan: clock_step,
    },
    Scenario {
        name: "pat-storm",
        about: "1000 pats a second from many threads",
        plan: pat_storm,
    },
];

/// The timeout of this scenario family's watchdogd.
const TIMEOUT: Ns = 128 * S;

fn bmc_clamps(dice: &mut Dice) -> Plan {
    let mut plan = Plan::new(dice, 100 * S);
    let mut daemon = watchdogd(dice);
    let from = dice.between(30 * S, 40 * S);
    plan.doctor(60 * S, "the BMC grants");
    match dice.turn(2) {
        0 => {
            let longest = dice.between(250, 1270) as u16;
            plan.faults
                .push((When::Always, Fault::ClampCountdown { longest }));
        }
        _ => {
            // watchdogd is started anew with another timeout, which the BMC ignores.
            plan.faults.push((
                When::Window { from, to: u64::MAX },
                Fault::IgnoreWatchdogSet,
            ));
            daemon.ends = Some((from, End::Hangs));
            for n in 0..6 {
                let timeout = 300 * S;
                plan.acts
                    .push((from + n * 10 * S + MS, Act::Pat { timeout }));
            }
        }
    }
    daemon.pretimeout = 0;
    plan.watchdogd = Some(daemon);
    plan.clients = ordinary(dice, 80 * S);
    plan.bounds.push(Bound::Notified("WATCHDOG altered"));
    plan.bounds.push(Bound::Says("grants a countdown of"));
    plan
}

fn bmc_forgets(dice: &mut Dice) -> Plan {
    let mut plan = Plan::new(dice, 0);
    plan.tunables
        .push(("hw.ipmi.wd_verify_interval", "1".into()));
    let mut at = dice.between(20 * S, 30 * S);
    for _ in 0..dice.between(1, 3) {
        let when = When::Window {
            from: at,
            to: at + S,
        };
        plan.faults.push((when, Fault::ForgetWatchdog));
        if dice.chance(30) {
            // Nothing but being asked makes it show what it forgot.
            refuses_for_a_while(dice, &mut plan, at, &[RESET, SET, GET]);
        }
        at += dice.between(8 * S, 30 * S);
    }
    plan.lasts = at;
    plan.watchdogd = Some(Watchdogd {
        every: 60 * S,
        ..watchdogd(dice)
    });
    plan.clients = ordinary(dice, at);
    // Nothing shows it but the next verification, and then it is to be set anew.
    plan.without(|bound| {
        matches!(
            bound,
            Bound::GuardedWithin(_) | Bound::ShownAsItIs(_) | Bound::LastWordHolds(_)
        )
    });
    let noticed = S + 50 * MS;
    plan.bounds.push(Bound::GuardedWithin(noticed));
    plan.bounds.push(Bound::ShownAsItIs(noticed));
    plan.bounds.push(Bound::Notified("WATCHDOG gap"));
    plan.bounds.push(Bound::Notified("WATCHDOG recovered"));
    plan
}

fn firmware_armed(dice: &mut Dice) -> Plan {
    let how = ["keep", "stop", "leave"][dice.turn(3) as usize];
    let mut firmware = Firmware {
        timer_use: dice.between(1, 3) as u8,
        action: dice.between(1, 3) as u8,
        countdown: dice.between(20, 60) * S,
        pretimeout: 0,
        interrupt: 0,
    };
    let expires = firmware.countdown;
    let mut plan = Plan::new(dice, expires + 100 * S);
    if dice.chance(50) {
        // As a message it may have come before the kernel did, as an NMI it must never come.
        let nmi = how != "leave" && dice.chance(50);
        let least = if nmi { 8 } else { 0 };
        firmware.interrupt = if nmi { 2 } else { 3 };
        firmware.pretimeout = dice.between(1, expires / S - least) * S;
    }
    if how != "leave" && dice.chance(25) {
        firmware.action = 0;
    }
    if dice.chance(50) {
        plan.faults.push(busy_at_first(dice, plan.load_at));
    }
    plan.tunables.push(("hw.ipmi.wd_adopt", how.into()));
    plan.firmware = Some(firmware);
    plan.clients = ordinary(dice, plan.lasts);
    plan.bounds.push(Bound::Notified("WATCHDOG firmware"));
    let mut daemon = watchdogd(dice);
    daemon.starts = expires + dice.between(0, 60 * S);
    match how {
        "keep" => {
            plan.bounds
                .push(Bound::Says("kept from it until the first pat"));
            plan.bounds.push(Bound::Counts(MS, u64::MAX));
            plan.doctor(expires - 5 * S, "firmware's timer is kept from expiring");
        }
        "stop" => {
            plan.bounds.push(Bound::Says("stopping it"));
            plan.bounds.push(Bound::StandsStill(6 * S, daemon.starts));
            plan.doctor(expires - 5 * S, "stopped");
        }
        // Left alone it does what it does, unless somebody pats before.
        _ if dice.chance(50) => {
            plan.bounds.push(Bound::Says("left alone"));
            plan.without(|bound| matches!(bound, Bound::HostStaysUp | Bound::ClientsAreServed));
            plan.bounds.push(Bound::ResetsHostAt(expires, S));
            plan.doctor(expires - 5 * S, "nobody has armed the watchdog");
        }
        _ => {
            plan.bounds.push(Bound::Says("left alone"));
            daemon.starts = expires - dice.between(2 * S, 10 * S);
        }
    }
    plan.watchdogd = Some(daemon);
    if how != "leave" || plan.bounds.contains(&Bound::HostStaysUp) {
        plan.doctor(plan.lasts - S, "guarded by the BMC watchdog");
    }
    plan
}

/// One of the watchdog's commands finds the BMC busy until shortly after the driver has come.
fn busy_at_first(dice: &mut Dice, load_at: Ns) -> (When, Fault) {
    let (netfn, cmd) = (0x06, dice.pick(&[0x22, 0x24, 0x25]));
    let code = dice.pick(&[0xc0, 0xc3, 0xd2]);
    let to = load_at + dice.between(S, 3 * S);
    let when = When::Window { from: 0, to };
    (when, Fault::Completion { netfn, cmd, code })
}

fn disarm_dead_bmc(dice: &mut Dice) -> Plan {
    let from = dice.between(20 * S, 40 * S);
    let exits = from + dice.magnitude(MS, 10 * S);
    let back = exits + dice.between(20 * S, 80 * S);
    let mut plan = Plan::new(dice, back + 20 * S);
    let mut daemon = watchdogd(dice);
    daemon.ends = Some((exits, End::Exits));
    plan.watchdogd = Some(daemon);
    plan.clients = ordinary(dice, plan.lasts);
    let fault = [
        Fault::IbfStuck,
        Fault::ReadsFf,
        Fault::Deaf { counting: true },
        Fault::ObfNever,
    ];
    let fault = fault[dice.between(0, 3) as usize].clone();
    plan.fault(from, back, BmcState::Dead, fault);
    for _ in 0..dice.between(1, 2) {
        let again = plan.acts.last().map_or(exits, |&(at, _)| at) + dice.between(MS, 5 * S);
        plan.acts.push((again, Act::Pat { timeout: 0 }));
    }
    plan.doctor(
        back - S,
        "a stop was asked for and the BMC has not confirmed it",
    );
    plan.doctor(plan.lasts - S, "the watchdog was stopped on request");
    plan.bounds.push(Bound::StandsStill(back + S, u64::MAX));
    plan.bounds.push(Bound::Notified("WATCHDOG armed"));
    plan.bounds.push(Bound::Notified("WATCHDOG disarmed"));
    plan
}

fn pat_disarm_race(dice: &mut Dice) -> Plan {
    let mut plan = Plan::new(dice, 0);
    let mut at = dice.between(8 * S, 10 * S);
    for _ in 0..dice.between(4, 8) {
        // So close that nobody can say who was later, or so far that everybody can.
        let gap = match dice.chance(50) {
            true => dice.magnitude(US, 10 * MS),
            false => dice.between(20 * MS, 100 * MS),
        };
        let disarm_first = dice.chance(50);
        plan.acts.push((at, Act::Race { gap, disarm_first }));
        let to = at + dice.between(3 * S, 6 * S);
        if dice.chance(40) {
            let trouble = at - dice.between(0, 20 * MS);
            let fault = [Fault::IbfStuck, Fault::ObfNever, Fault::ReadsFf];
            let fault = fault[dice.between(0, 2) as usize].clone();
            plan.fault(trouble, to, BmcState::Dead, fault);
        }
        at = to + dice.between(6 * S, 8 * S);
        let timeout = if dice.chance(50) { 0 } else { TIMEOUT };
        plan.acts.push((at, Act::Pat { timeout }));
        at += dice.between(6 * S, 7 * S);
    }
    plan.lasts = at;
    plan.clients = ordinary(dice, 30 * S);
    // Whether the host is to be guarded is just what is not known.
    plan.without(|bound| matches!(bound, Bound::GuardedWithin(_) | Bound::RecoversWithin(_)));
    plan
}

fn second_watchdog(dice: &mut Dice) -> Plan {
    let comes = dice.between(15 * S, 30 * S);
    let mut plan = Plan::new(dice, comes + 60 * S);
    plan.watchdogd = Some(watchdogd(dice));
    plan.clients = ordinary(dice, plan.lasts - 20 * S);
    plan.doctor(comes - S, "guarded by the BMC watchdog");
    plan.acts.push((comes, Act::Rival));
    plan.doctor(comes + 20 * S, "1 other watchdog handler");
    if dice.chance(50) {
        let from = comes + dice.between(S, 10 * S);
        let to = from + dice.between(S, 40 * S);
        plan.fault(from, to, BmcState::Dead, Fault::IbfStuck);
    }
    // The other driver answers for a BMC that does not.
    plan.without(|bound| matches!(bound, Bound::PatsAreHonest));
    plan.doctor(plan.lasts - S, "1 other watchdog handler");
    plan
}

fn deaf_but_counting(dice: &mut Dice) -> Plan {
    let variant = dice.turn(3);
    let from = dice.between(20 * S, 40 * S);
    let to = match variant {
        1 => from + dice.between(130 * S, 400 * S),
        _ => from + 160 * S,
    };
    let mut plan = Plan::new(dice, to + 40 * S);
    let mut daemon = watchdogd(dice);
    plan.clients = ordinary(dice, plan.lasts - 10 * S);
    let deaf = Fault::Deaf { counting: true };
    match variant {
        0 => {
            plan.fault(from, u64::MAX, BmcState::Dead, deaf);
            plan.without(|bound| matches!(bound, Bound::HostStaysUp | Bound::ClientsAreServed));
            plan.bounds
                .extend([Bound::NoPretimeout, Bound::BmcResetsHost(S)]);
            plan.bounds.push(Bound::Says("host is healthy, BMC is not"));
            plan.bounds.push(Bound::Notified("BMC unresponsive"));
            plan.bounds.push(Bound::Notified("WATCHDOG unconfirmed"));
            plan.doctor(from + 80 * S, "the BMC does not answer");
        }
        1 => {
            plan.fault(from, to, BmcState::Dead, deaf);
            plan.margin = 900 * S;
            plan.bounds.push(Bound::Notified("BMC unresponsive"));
            plan.bounds.push(Bound::Notified("BMC recovered"));
            plan.doctor(from + 80 * S, "the BMC does not answer");
        }
        _ => {
            hangs_with_margin(&mut plan, &mut daemon, from);
        }
    }
    plan.watchdogd = Some(daemon);
    plan
}

/// The host hangs; the margin is the BMC's, so it is reset at the timeout all the same.
fn hangs_with_margin(plan: &mut Plan, daemon: &mut Watchdogd, from: Ns) {
    plan.margin = 900 * S;
    daemon.ends = Some((from, End::Hangs));
    daemon.pretimeout = 0;
    plan.without(|bound| matches!(bound, Bound::HostStaysUp | Bound::ClientsAreServed));
    plan.bounds.push(Bound::ResetsHostAfterLastPat(S));
    plan.bounds.push(Bound::Notified("WATCHDOG unpatted"));
}

fn clock_step(dice: &mut Dice) -> Plan {
    let from = dice.between(20 * S, 40 * S);
    let mut plan = Plan::new(dice, from + 170 * S);
    let mut daemon = watchdogd(dice);
    match dice.turn(4) {
        0 => plan.lasts = 90 * S,
        // Pats that are told late, as what is left of them.
        1 => {
            let to = from + dice.between(10 * S, 100 * S);
            let fault = dice.pick(&[0, 1]);
            let fault = [Fault::IbfStuck, Fault::Deaf { counting: true }][fault].clone();
            plan.fault(from, to, BmcState::Dead, fault);
        }
        // The end of a margin, which is the driver's own reckoning.
        2 => {
            hangs_with_margin(&mut plan, &mut daemon, from);
        }
        // The pre-timeouts of kernel, driver and BMC, one after the other.
        _ => {
            plan.tunables
                .push(("hw.ipmi.wd_pretimeout_int", "msg".into()));
            daemon.ends = Some((from, End::Hangs));
            daemon.action = WD_SOFT_LOG;
            plan.without(|bound| matches!(bound, Bound::HostStaysUp | Bound::ClientsAreServed));
            plan.bounds.push(Bound::PretimeoutFires(20 * MS));
            plan.bounds.push(Bound::BmcResetsHost(S));
            plan.bounds.push(Bound::Notified("WATCHDOG unpatted"));
            plan.bounds.push(Bound::Notified("WATCHDOG pretimeout"));
        }
    }
    plan.watchdogd = Some(daemon);
    plan.clients = ordinary(dice, from);
    let mut at = UP;
    while at < plan.lasts - 10 * S {
        let by = dice.magnitude(MS, 10 * 365 * 86_400 * S) as i64;
        let by = if dice.chance(50) { -by } else { by };
        plan.acts.push((at, Act::ClockStep { by }));
        at += dice.between(S, 10 * S);
    }
    plan
}

fn pat_storm(dice: &mut Dice) -> Plan {
    let at = UP + dice.between(0, S);
    let lasts = 3 * S;
    let mut plan = Plan::new(dice, at + lasts + 8 * S);
    let odd = match dice.chance(30) {
        // Rounded up, these are the same countdown for the BMC.
        true => TIMEOUT - dice.between(0, TENTH - 1),
        false => TIMEOUT,
    };
    let threads = dice.between(10, 14);
    plan.acts.push((
        at,
        Act::Storm {
            threads,
            lasts,
            odd,
        },
    ));
    plan.clients = ordinary(dice, at + lasts);
    // Ten Resets, two read-backs, and what arming takes.
    plan.bounds.push(Bound::DogCommandsASecond(20));
    plan
}
