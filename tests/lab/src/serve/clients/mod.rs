// SPDX-License-Identifier: BSD-2-Clause
//! The suite of live clients: administrators' programs, unmodified, against each BMC, their
//! output held against what the BMC holds. Must not know the ioctls.

mod case;
mod crowd;
mod facts;
mod outage;
mod timer;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::house::{Door, House};
use super::{with_machine, Modules, Peer};
use crate::board::Board;
use crate::client::Dog;
use crate::report::Verdict;
use crate::scenario::Watchdogd;
use crate::span::S;
use case::Room;

/// Counts what was seen and says it as it comes.
#[derive(Default)]
pub struct Tally {
    pub passed: u32,
    pub failed: u32,
}

impl Tally {
    fn note(&mut self, peer: Peer, what: &str, took: Duration, wrong: Option<String>) {
        let word = if wrong.is_none() { "ok" } else { "FAILED" };
        let seconds = took.as_secs_f64();
        println!("{word:6} {:9} {seconds:6.2} s  {what}", peer.name());
        match wrong {
            None => self.passed += 1,
            Some(why) => {
                self.failed += 1;
                println!("       {why}");
            }
        }
    }
}

/// Runs the suite against each BMC, and the crowd for so long against our own.
pub fn run(modules: &Modules, peers: &[Peer], crowd: Duration) -> Result<Verdict> {
    let mut tally = Tally::default();
    for &peer in peers {
        let ((), remains) = with_machine(modules, peer, |door, socket| {
            suite(&mut tally, peer, door, socket, crowd)
        })?;
        let whole = remains.violations.is_empty() && remains.ended.is_none();
        let wrong = (!whole).then(|| format!("{:?} {:?}", remains.violations, remains.ended));
        tally.note(peer, "the kernel has no complaint", Duration::ZERO, wrong);
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    Ok(match tally.failed {
        0 => Verdict::Pass,
        _ => Verdict::Fail,
    })
}

/// What one BMC has to show.
fn suite(tally: &mut Tally, peer: Peer, door: &Door, socket: &Path, crowd: Duration) -> Result<()> {
    let cache = socket.with_extension("cache");
    std::fs::create_dir_all(&cache)?;
    let room = Room {
        socket,
        cache: &cache,
    };
    if peer.is_own() {
        door.ask(log_events)?;
    }
    for case in facts::cases(peer) {
        let answer = room.try_out(&case)?;
        tally.note(peer, &case.command, answer.took, case.judge(&answer));
    }
    if peer.is_own() {
        door.ask(start_watchdogd)?;
        outage::run(tally, peer, door, &room)?;
    }
    if peer == Peer::Own {
        crowd::run(tally, door, &room, crowd)?;
    }
    Ok(())
}

/// Two events of the first sensor, for the SEL to show.
fn log_events(house: &mut House) {
    let now = house.machine.now();
    house.machine.hardware(|board: &mut Board| {
        for event in [
            [0x04, 0x01, 0x01, 0x01, 0x57, 0x60, 0x55],
            [0x04, 0x01, 0x01, 0x81, 0x57, 0x50, 0x55],
        ] {
            board.interface_mut().bmc_mut().platform_event(event, now);
        }
    });
}

/// A pat a second for a countdown of 128.
fn start_watchdogd(house: &mut House) {
    let options = Watchdogd {
        starts: 0,
        ends: None,
        timeout: 128 * S,
        every: S,
        pretimeout: 0,
        action: 0,
    };
    house.machine.spawn("watchdogd", move |process| {
        if let Ok(mut dog) = Dog::open(process, &Default::default()) {
            dog.guard(&options);
        }
    });
}
