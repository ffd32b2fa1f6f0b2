// SPDX-License-Identifier: BSD-2-Clause
//! The suite of live clients: administrators' programs, unmodified, against each BMC, their
//! output held against what the BMC holds. Must not know the ioctls.

mod case;
mod crowd;
mod facts;
mod outage;
mod timer;

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{anyhow, Result};

use super::house::{Door, House};
use super::{with_machine, Modules, Peer};
use crate::board::Board;
use crate::client::Dog;
use crate::report::Verdict;
use crate::scenario::Watchdogd;
use crate::span::S;
use case::Room;

/// Counts what was seen and says it as it comes, from all houses at once.
#[derive(Default)]
pub struct Tally {
    passed: AtomicU32,
    failed: AtomicU32,
}

impl Tally {
    fn note(&self, peer: Peer, what: &str, took: Duration, wrong: Option<String>) {
        let word = if wrong.is_none() { "ok" } else { "FAILED" };
        let seconds = took.as_secs_f64();
        let mut said = format!("{word:6} {:9} {seconds:6.2} s  {what}", peer.name());
        let count = match wrong {
            None => &self.passed,
            Some(why) => {
                said.push_str(&format!("\n       {why}"));
                &self.failed
            }
        };
        println!("{said}");
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// What is done in one house.
#[derive(Clone, Copy)]
enum Visit {
    /// Every program, one after the other.
    Suite,
    /// Four at once, for so long.
    Crowd(Duration),
}

/// Runs the suite against each BMC, and the crowd for so long against our own; each has a machine of
/// its own, and they are all there at once, as most of the time is spent waiting.
pub fn run(modules: &Modules, peers: &[Peer], crowd: Duration) -> Result<Verdict> {
    let crowded = peers.contains(&Peer::Own) && crowd > Duration::ZERO;
    let visits = peers.iter().map(|peer| (*peer, Visit::Suite));
    let visits = visits.chain(crowded.then_some((Peer::Own, Visit::Crowd(crowd))));
    let tally = Tally::default();
    thread::scope(|scope| {
        let visit = |(peer, what)| {
            let tally = &tally;
            scope.spawn(move || visit(modules, tally, peer, what))
        };
        let handles: Vec<_> = visits.map(visit).collect();
        let outcomes = handles.into_iter().map(|handle| handle.join());
        outcomes
            .map(|outcome| outcome.unwrap_or_else(|_| Err(anyhow!("a house has panicked"))))
            .collect::<Result<Vec<()>>>()
    })?;
    let (passed, failed) = (tally.passed.into_inner(), tally.failed.into_inner());
    println!("{passed} passed, {failed} failed");
    Ok(match failed {
        0 => Verdict::Pass,
        _ => Verdict::Fail,
    })
}

fn visit(modules: &Modules, tally: &Tally, peer: Peer, what: Visit) -> Result<()> {
    let ((), remains) = with_machine(modules, peer, |door, socket| {
        let cache = socket.with_extension("cache");
        std::fs::create_dir_all(&cache)?;
        let room = Room {
            socket,
            cache: &cache,
        };
        match what {
            Visit::Suite => suite(tally, peer, door, &room),
            Visit::Crowd(lasts) => {
                door.ask(start_watchdogd)?;
                crowd::run(tally, door, &room, lasts)
            }
        }
    })?;
    let whole = remains.violations.is_empty() && remains.ended.is_none();
    let wrong = (!whole).then(|| format!("{:?} {:?}", remains.violations, remains.ended));
    tally.note(peer, "the kernel has no complaint", Duration::ZERO, wrong);
    Ok(())
}

/// What one BMC has to show.
fn suite(tally: &Tally, peer: Peer, door: &Door, room: &Room) -> Result<()> {
    if peer.is_own() {
        door.ask(log_events)?;
    }
    for case in facts::cases(peer) {
        let answer = room.try_out(&case)?;
        tally.note(peer, &case.command, answer.took, case.judge(&answer));
    }
    if peer.is_own() {
        door.ask(start_watchdogd)?;
        outage::run(tally, peer, door, room)?;
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
