// SPDX-License-Identifier: BSD-2-Clause
//! `ipmitool mc watchdog get` before, during and after an outage of the BMC, while watchdogd
//! pats. Must not know how the driver gets over it.

use std::time::{Duration, Instant};

use anyhow::Result;
use ipmi_bmc::{Fault, When};

use super::case::{Case, Room};
use super::{timer, Tally};
use crate::board::Board;
use crate::serve::house::{Door, House};
use crate::serve::Peer;
use crate::span::S;

/// After so long the driver has given the BMC up.
const KNOWN: Duration = Duration::from_secs(20);
/// How long the BMC is deaf.
const LASTS: u64 = 25;
/// So long nobody may wait for an error; ipmitool itself would wait as long for each reply.
const CLEAR_WITHIN: Duration = Duration::from_secs(15);
/// Once the driver knows that the BMC is away, it says so at once.
const AT_ONCE: Duration = Duration::from_secs(2);
const GET: &str = "ipmitool mc watchdog get";
/// What it ends with then.
const CLEAR: &str = "Get Watchdog Timer command failed";

/// Leaves the BMC healthy.
pub fn run(tally: &Tally, peer: Peer, door: &Door, room: &Room) -> Result<()> {
    std::thread::sleep(Duration::from_secs(2));
    right(tally, peer, room, "before an outage")?;
    door.ask(|house: &mut House| {
        let from = house.machine.now();
        house.machine.hardware(|board: &mut Board| {
            let window = When::Window {
                from,
                to: from + LASTS * S,
            };
            let faults = board.interface_mut().faults_mut();
            faults.add(window, Fault::Deaf { counting: true });
        });
    })?;
    let began = Instant::now();
    during(tally, peer, room, CLEAR_WITHIN)?;
    std::thread::sleep(KNOWN.saturating_sub(began.elapsed()));
    during(tally, peer, room, AT_ONCE)?;
    let over = Duration::from_secs(LASTS + 2);
    std::thread::sleep(over.saturating_sub(began.elapsed()));
    right(tally, peer, room, "after an outage")
}

/// The timer as watchdogd wants it and the BMC has it.
fn right(tally: &Tally, peer: Peer, room: &Room, when: &str) -> Result<()> {
    let case = Case::new(
        GET,
        &[
            "Watchdog Timer Use: SMS/OS (0x44)",
            "Watchdog Timer Is: Started/Running",
            "Watchdog Timer Action: Power Cycle (0x03)",
            "Pre-timeout interrupt: None",
            "Pre-timeout interval: 32 seconds",
            // What the driver did not cause is not its to clear.
            timer::EXPIRED[0],
            timer::EXPIRED[1],
            "Initial Countdown: 128.0 sec",
            "Present Countdown: 12",
        ],
    );
    let answer = room.run(GET)?;
    tally.note(
        peer,
        &format!("{GET}, {when}"),
        answer.took,
        case.judge(&answer),
    );
    Ok(())
}

/// A clear error in time.
fn during(tally: &Tally, peer: Peer, room: &Room, within: Duration) -> Result<()> {
    let answer = room.run(GET)?;
    let wrong = if answer.took > within {
        Some("takes too long".to_string())
    } else if answer.succeeded || !answer.lines.iter().any(|line| line == CLEAR) {
        Some(format!("no clear error: {}", answer.lines.join(" / ")))
    } else {
        None
    };
    let what = format!("{GET}, in an outage: {}", answer.lines.join(" / "));
    tally.note(peer, &what, answer.took, wrong);
    Ok(())
}
