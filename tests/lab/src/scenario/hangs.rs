// SPDX-License-Identifier: BSD-2-Clause
//! Scenarios in which the host hangs, or seems to: the pre-timeouts of BMC and kernel, shutdowns
//! and dumps that never end, a watchdogd that is dead.

use ipmi_bmc::Fault;
use ipmi_kernel::subsystems::shutdown::{RB_AUTOBOOT, RB_HALT, RB_POWEROFF};

use super::load::{ordinary, UP};
use super::plan::{Act, End, Plan, Scenario, Watchdogd};
use crate::abi::WD_SOFT_LOG;
use crate::dice::Dice;
use crate::judge::Bound;
use crate::record::{BmcState, Way};
use crate::span::{Ns, MS, S};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "pretimeout-nmi",
        about:
            "the BMC's pre-timeout as an NMI: a hung host, a slow BMC, a disarm it did not hear, an NMI of somebody else's",
        plan: pretimeout_nmi,
    },
    Scenario {
        name: "pretimeout-msg",
        about: "the BMC's pre-timeout as a message flag: a hung host, a slow BMC",
        plan: pretimeout_msg,
    },
    Scenario {
        name: "late-pat-after-pretimeout",
        about: "every pat comes after the BMC's pre-timeout, when Reset restarts nothing",
        plan: late_pat,
    },
    Scenario {
        name: "watchdogd-dead",
        about: "watchdogd dies, all else lives: the doctor says so and the BMC resets the host",
        plan: watchdogd_dead,
    },
    Scenario {
        name: "action-none",
        about: "a timer whose action is none guards nobody, and the doctor says so",
        plan: action_none,
    },
    Scenario {
        name: "shutdown-hang",
        about: "reboot(2) that never ends, with each kind of wd_shutdown_countdown",
        plan: shutdown_hang,
    },
    Scenario {
        name: "panic-dump",
        about: "a dump that takes longer than any countdown, and patting it ends",
        plan: panic_dump,
    },
    Scenario {
        name: "panic-hung-dump",
        about: "a dump that never ends: the BMC must reset the host",
        plan: panic_hung_dump,
    },
    Scenario {
        name: "veto-kernel",
        about:
            "a kernel that asks before its pretimeout acts: a pat held by the driver, a hung host",
        plan: veto_kernel,
    },
];

/// The timeout of watchdogd, and the pre-timeout that the driver makes of it. Kernels before
/// FreeBSD 15 count in powers of two and make 137.4 s of it, which is within all tolerances here.
const TIMEOUT: Ns = 137 * S;
const PRETIMEOUT: Ns = 34 * S;

fn watchdogd(dice: &mut Dice) -> Watchdogd {
    Watchdogd {
        timeout: TIMEOUT,
        ..super::load::watchdogd(dice)
    }
}

/// A host that hangs at `at` and is to be reset for it.
fn hung(plan: &mut Plan, daemon: &mut Watchdogd, at: Ns) {
    daemon.ends = Some((at, End::Hangs));
    daemon.pretimeout = 0;
    plan.without(|bound| matches!(bound, Bound::HostStaysUp | Bound::ClientsAreServed));
}

/// A deaf BMC from one of watchdogd's pats to a moment between its pre-timeout and the end.
fn deaf_over_pretimeout(plan: &mut Plan, dice: &mut Dice, from: Ns) {
    let back = from + TIMEOUT - PRETIMEOUT + dice.between(2 * S, 10 * S);
    plan.fault(from, back, BmcState::Dead, Fault::Deaf { counting: true });
    plan.lasts = back + 60 * S;
}

fn pretimeout_nmi(dice: &mut Dice) -> Plan {
    let at = dice.between(30 * S, 50 * S);
    let mut plan = Plan::new(dice, at + 200 * S);
    plan.tunables
        .push(("hw.ipmi.wd_pretimeout_int", "nmi".into()));
    let mut daemon = watchdogd(dice);
    match dice.turn(4) {
        0 => {
            hung(&mut plan, &mut daemon, at);
            let due = TIMEOUT - PRETIMEOUT;
            let words = "ipmi0: watchdog pre-timeout, host does not pat";
            plan.bounds.push(Bound::ModulePanics(words, due, S));
            plan.bounds.push(Bound::NmiComes);
        }
        1 => {
            deaf_over_pretimeout(&mut plan, dice, at);
            plan.bounds.push(Bound::NmiComes);
        }
        2 => {
            // The BMC does not hear that watchdogd has gone, and counts on.
            deaf_over_pretimeout(&mut plan, dice, at);
            daemon.ends = Some((at + dice.between(S, 60 * S), End::Exits));
            plan.bounds.push(Bound::NmiComes);
            plan.bounds
                .push(Bound::StandsStill(plan.lasts - 50 * S, u64::MAX));
        }
        _ => {
            // Nobody claims it, so the kernel panics, and dumps: no reset before that is done.
            plan.acts.push((at, Act::ForeignNmi));
            plan.lasts = at + 10 * S;
            plan.without(|bound| matches!(bound, Bound::ClientsAreServed));
            plan.bounds.push(Bound::Panics("NMI"));
        }
    }
    plan.clients = ordinary(dice, at);
    plan.watchdogd = Some(daemon);
    plan
}

fn pretimeout_msg(dice: &mut Dice) -> Plan {
    let at = dice.between(30 * S, 50 * S);
    let mut plan = Plan::new(dice, at + 200 * S);
    plan.tunables
        .push(("hw.ipmi.wd_pretimeout_int", "msg".into()));
    let mut daemon = watchdogd(dice);
    match dice.turn(2) {
        0 => {
            hung(&mut plan, &mut daemon, at);
            plan.bounds.push(Bound::BmcResetsHost(S));
            plan.bounds.push(Bound::Notified("WATCHDOG pretimeout"));
            plan.bounds
                .push(Bound::Says("reached its pre-timeout: host in trouble"));
        }
        _ => {
            // The Set that follows clears the flag before anybody asks for it.
            deaf_over_pretimeout(&mut plan, dice, at);
            plan.bounds.push(Bound::Says("host is healthy, BMC is not"));
        }
    }
    plan.clients = ordinary(dice, at);
    plan.watchdogd = Some(daemon);
    plan
}

fn late_pat(dice: &mut Dice) -> Plan {
    let mut plan = Plan::new(dice, 500 * S);
    plan.tunables
        .push(("hw.ipmi.wd_pretimeout_int", "msg".into()));
    plan.watchdogd = Some(Watchdogd {
        every: dice.between(TIMEOUT - PRETIMEOUT + 2 * S, TIMEOUT - 3 * S),
        pretimeout: 0,
        ..watchdogd(dice)
    });
    plan.clients = ordinary(dice, 200 * S);
    plan.bounds.push(Bound::Notified("WATCHDOG pretimeout"));
    plan
}

fn watchdogd_dead(dice: &mut Dice) -> Plan {
    let dies = dice.between(30 * S, 50 * S);
    let mut plan = Plan::new(dice, dies + 160 * S);
    let mut daemon = watchdogd(dice);
    hung(&mut plan, &mut daemon, dies);
    plan.watchdogd = Some(daemon);
    plan.clients = ordinary(dice, plan.lasts);
    plan.doctor(dies - S, "guarded by the BMC watchdog: power cycle");
    plan.doctor(dies + 115 * S, "by watchdogd[");
    plan.bounds
        .push(Bound::DoctorSays(dies + 115 * S, "overdue"));
    plan.bounds.push(Bound::BmcResetsHost(S));
    plan.bounds.push(Bound::Notified("WATCHDOG unpatted"));
    plan.bounds.push(Bound::Says("no watchdog pat for"));
    plan.bounds.push(Bound::LogsMissingPat);
    plan
}

fn action_none(dice: &mut Dice) -> Plan {
    let mut plan = Plan::new(dice, 60 * S);
    let interrupt = dice.pick(&["0", "48"]);
    plan.tunables
        .push(("hw.ipmi.wd_timer_actions", interrupt.into()));
    plan.watchdogd = Some(watchdogd(dice));
    plan.clients = ordinary(dice, 50 * S);
    plan.doctor(40 * S, "unguarded: the timer's action is none");
    plan
}

fn shutdown_hang(dice: &mut Dice) -> Plan {
    let at = dice.between(20 * S, 40 * S);
    let mut plan = Plan::new(dice, at + 300 * S);
    let mut daemon = watchdogd(dice);
    let mut howto = dice.pick(&[RB_AUTOBOOT, RB_POWEROFF]);
    let positive = dice.between(20, 120);
    let countdown = match dice.turn(4) {
        0 | 3 => positive.to_string(),
        1 => "-1".into(),
        _ => "0".into(),
    };
    plan.tunables
        .push(("hw.ipmi.wd_shutdown_countdown", countdown));
    plan.without(|bound| matches!(bound, Bound::HostStaysUp | Bound::ClientsAreServed));
    plan.bounds.push(Bound::NoPretimeout);
    daemon.pretimeout = 0;
    // shutdown(8) ends it, reboot -q does not.
    let killed = dice.turn(4) >= 2 || dice.chance(50);
    match dice.turn(4) {
        0 => plan.bounds.push(Bound::ResetsHostAt(at + positive * S, S)),
        1 => plan.bounds.push(Bound::ResetsHostAfter(TIMEOUT, S)),
        2 => plan.bounds.push(Bound::StandsStill(at + S, u64::MAX)),
        _ => {
            howto = RB_HALT;
            plan.bounds.push(Bound::StandsStill(at + S, u64::MAX));
        }
    }
    if killed {
        daemon.ends = Some((at - MS, End::Hangs));
    }
    if dice.turn(4) >= 2 {
        // Nobody asks for a guard any more.
        plan.without(|bound| matches!(bound, Bound::GuardedWithin(_)));
        plan.lasts = at + 60 * S;
    }
    plan.watchdogd = Some(daemon);
    plan.clients = ordinary(dice, at - 5 * S);
    plan.acts.push((at, Act::HungShutdown { howto }));
    plan
}

fn panic_dump(dice: &mut Dice) -> Plan {
    let at = dice.between(15 * S, 30 * S);
    let each = dice.between(2 * S, 240 * S);
    let parts = (300 * S / each + 2) as u32;
    let takes = Ns::from(parts) * each;
    let mut plan = Plan::new(dice, at + takes + 30 * S);
    plan.watchdogd = Some(watchdogd(dice));
    plan.clients = ordinary(dice, at);
    plan.acts.push((at, Act::Dump { parts, each }));
    plan.without(|bound| matches!(bound, Bound::ClientsAreServed));
    plan.bounds.push(Bound::PassesWithin(Way::Dump, takes + S));
    plan
}

fn panic_hung_dump(dice: &mut Dice) -> Plan {
    let at = dice.between(15 * S, 30 * S);
    let (parts, each) = (dice.between(1, 8), dice.magnitude(MS, 20 * S));
    let mut plan = Plan::new(dice, at + parts * each + 300 * S);
    let mut daemon = watchdogd(dice);
    daemon.starts = UP;
    plan.watchdogd = Some(daemon);
    plan.clients = ordinary(dice, at);
    let dump = Act::HungDump {
        parts: parts as u32,
        each,
    };
    let due = match dice.turn(3) {
        0 => 255 * S,
        1 => {
            let seconds = dice.between(30, 250);
            plan.tunables
                .push(("hw.ipmi.wd_panic_countdown", seconds.to_string()));
            seconds * S
        }
        _ => {
            plan.tunables
                .push(("hw.ipmi.wd_panic_countdown", "0".into()));
            TIMEOUT
        }
    };
    plan.acts.push((at, dump));
    plan.without(|bound| matches!(bound, Bound::HostStaysUp | Bound::ClientsAreServed));
    plan.bounds.push(Bound::ResetsHostAfter(due, S));
    plan
}

fn veto_kernel(dice: &mut Dice) -> Plan {
    let from = dice.between(25 * S, 40 * S);
    let mut plan = Plan::new(dice, from + 60 * S);
    plan.pretimeout_list = true;
    let mut daemon = watchdogd(dice);
    match dice.turn(3) {
        // The driver holds each pat for as long as it takes, and meanwhile the callout is due.
        0 => {
            plan.tunables
                .push(("hw.ipmi.wd_pat_wait_ms", "20000".into()));
            daemon.every = 2 * S;
            daemon.timeout = 30 * S;
            daemon.pretimeout = 26 * S;
            let to = from + dice.between(5 * S, 12 * S);
            plan.fault(from, to, BmcState::Dead, Fault::ObfNever);
            plan.without(|bound| matches!(bound, Bound::PatWithin(_)));
            plan.bounds.push(Bound::PatWithin(20 * S + 10 * MS));
        }
        // A hung host has no pat to wait for, whatever the BMC does.
        variant => {
            daemon.ends = Some((from, End::Hangs));
            daemon.action = WD_SOFT_LOG;
            daemon.pretimeout = dice.between(20 * S, 100 * S) / S * S;
            plan.lasts = from + 180 * S;
            plan.without(|bound| matches!(bound, Bound::HostStaysUp | Bound::ClientsAreServed));
            plan.bounds.push(Bound::PretimeoutFires(20 * MS));
            plan.bounds.push(Bound::BmcResetsHost(S));
            if variant == 2 {
                let dead = from - dice.between(0, 12 * S);
                let deaf = Fault::Deaf { counting: true };
                plan.fault(dead, u64::MAX, BmcState::Dead, deaf);
            }
        }
    }
    plan.watchdogd = Some(daemon);
    plan.clients = ordinary(dice, from);
    plan
}
