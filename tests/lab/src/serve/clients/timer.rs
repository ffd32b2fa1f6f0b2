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
    "Timer Expiration Flags: None (0x00)",
    "Initial Countdown: 300.0 sec",
];
/// What our own BMC says from then on of a timer that expired while it guarded the loading of an
/// operating system.
pub const EXPIRED: [&str; 2] = ["Timer Expiration Flags: (0x08)", "* OS Load"];
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
        _ if peer != Peer::IpmiSim => &[COUNTING],
        // It says neither: its reply ends before the present countdown.
        _ => &[],
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

/// A timer that runs out, without any action, before it is looked at.
fn expires() -> Vec<Case> {
    let raw = |bytes| Case::new(&format!("ipmitool raw 0x06 {bytes}"), &[]);
    let says = [
        "Watchdog Timer Use: OS Load (0x03)",
        "Watchdog Timer Is: Stopped",
        "Watchdog Timer Action: No action (0x00)",
        "Pre-timeout interval: 7 seconds",
        EXPIRED[0],
        EXPIRED[1],
        "Initial Countdown: 0.1 sec",
        "Present Countdown: 0.0 sec",
    ];
    let seen = Case {
        after: COUNTS,
        ..Case::new(GET, &says)
    };
    vec![raw("0x24 0x03 0x00 0x07 0x00 0x01 0x00"), raw("0x22"), seen]
}

/// A timer that nobody has set.
pub fn untouched() -> Vec<Case> {
    vec![
        Case::new(GET, &["Watchdog Timer Is: Stopped"]),
        Case::new(
            "ipmitool mc watchdog off",
            &["Watchdog Timer Shutoff successful"],
        ),
    ]
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
    let mut cases = vec![
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
    ];
    if peer.is_own() {
        cases.extend(expires());
    }
    cases
}
