// SPDX-License-Identifier: BSD-2-Clause
//! The watchdog timer through all its states, FreeIPMI setting it and both reading it. Must not
//! know how the BMC counts.

use std::time::Duration;

use super::case::Case;
use super::facts::FREEIPMI;
use crate::serve::Peer;

/// After which a running countdown is seen to have moved.
const COUNTS: Duration = Duration::from_millis(400);
const GET: &str = "ipmitool mc watchdog get";
/// What holds in every state once it is set.
const SET: [&str; 4] = [
    "Watchdog Timer Action: Hard Reset (0x01)",
    "Pre-timeout interval: 0 seconds",
    "Timer Expiration Flags:",
    "Initial Countdown: 300.0 sec",
];
/// Some of it is gone, and not much on however busy a host.
const COUNTING: &str = "Present Countdown: 29";
const STOPPED: [&str; 2] = [
    "Watchdog Timer Use: SMS/OS (0x04)",
    "Watchdog Timer Is: Stopped",
];

/// What a BMC says while its timer runs.
fn running(peer: Peer) -> &'static [&'static str] {
    match peer {
        Peer::Own | Peer::OwnBt => &[
            "Watchdog Timer Use: SMS/OS (0x44)",
            "Watchdog Timer Is: Started/Running",
            COUNTING,
        ],
        // It counts but never says that it runs.
        Peer::QemuKcs | Peer::QemuBt => &[COUNTING],
        // It says neither: its reply ends before the present countdown.
        Peer::IpmiSim => &[],
    }
}

fn dog(what: &str) -> String {
    format!("bmc-watchdog {FREEIPMI} {what}")
}

/// FreeIPMI's reading of the timer, which insists on a whole reply.
fn freeipmi(peer: Peer, says: &[&str]) -> Case {
    match peer {
        Peer::IpmiSim => Case::refused(&dog("--get"), &["data not available"]),
        _ => Case::new(&dog("--get"), says),
    }
}

fn ipmitool(state: &[&str]) -> Case {
    Case {
        after: COUNTS,
        ..Case::new(GET, &[&SET, state].concat())
    }
}

pub fn cases(peer: Peer) -> Vec<Case> {
    let running_says: &[&str] = match peer.is_own() {
        true => &["Timer: Running", "Timer Use: SMS/OS"],
        false => &["Timer Use: SMS/OS"],
    };
    let stopped_says = [
        "Timer: Stopped",
        "Initial Countdown: 300 seconds",
        "Timeout Action: Hard Reset",
    ];
    let act = |what| Case::new(&dog(what), &[]);
    vec![
        act("--set -u 4 -a 1 -i 300"),
        ipmitool(&STOPPED),
        freeipmi(peer, &stopped_says),
        act("--start"),
        ipmitool(running(peer)),
        freeipmi(peer, running_says),
        act("--reset"),
        ipmitool(running(peer)),
        act("--stop"),
        ipmitool(&STOPPED),
        act("--start"),
        Case::new("ipmitool mc watchdog off", &["timer stopped"]),
        Case::new(GET, &["Watchdog Timer Is: Stopped"]),
    ]
}
