// SPDX-License-Identifier: BSD-2-Clause
//! Four programs in loops at once while watchdogd pats: none of them may see an error, and no pat
//! may wait longer than its bound. Must not know how the driver is fair.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{anyhow, Result};

use super::case::Room;
use super::Tally;
use crate::serve::house::{Door, House};
use crate::serve::Peer;
use crate::span::MS;

/// ipmitool's sensors, FreeIPMI's, raw requests and another controller on the IPMB.
const LOOPS: [&str; 4] = [
    "ipmitool sensor list",
    "ipmi-sensors --driver-type=OPENIPMI --sdr-cache-directory=CACHE",
    "ipmitool raw 0x06 0x01",
    "ipmitool -t 0x40 mc info",
];
/// `hw.ipmi.wd_pat_wait_ms` and 10 ms, on a host that lets a thread run when its time has come.
const PAT_LIMIT: u64 = 260 * MS;
/// A pat is over when its time is, and may be late then; so may the machine be before.
const SWITCHES: u64 = 2;
/// How often it is looked how late this host lets a thread run.
const PULSE: Duration = Duration::from_millis(2);

/// What one loop has seen.
struct Seen {
    calls: u32,
    worst: Duration,
    error: Option<String>,
}

pub fn run(tally: &Tally, door: &Door, room: &Room, lasts: Duration) -> Result<()> {
    let from = door.ask(|house: &mut House| house.machine.now())?;
    let until = Instant::now() + lasts;
    let late = thread::spawn(move || lateness(until));
    let seen: Vec<Result<Seen>> = thread::scope(|scope| {
        let loops = LOOPS.map(|line| scope.spawn(move || repeat(room, line, until)));
        let ended = loops.into_iter().map(|handle| handle.join());
        ended
            .map(|outcome| outcome.unwrap_or_else(|_| Err(anyhow!("a loop panicked"))))
            .collect()
    });
    for (line, seen) in LOOPS.into_iter().zip(seen) {
        let seen = seen?;
        let what = format!("{line}, {} times among four loops", seen.calls);
        tally.note(Peer::Own, &what, seen.worst, seen.error);
    }
    let pats = door.ask(move |house: &mut House| {
        let pats = house.machine.pats();
        let those = pats.iter().filter(|pat| pat.at >= from);
        those
            .map(|pat| (pat.latency_ns, pat.error))
            .collect::<Vec<_>>()
    })?;
    let worst = pats.iter().map(|(latency, _)| *latency).max().unwrap_or(0);
    let errors = pats.iter().filter(|(_, error)| *error != 0).count();
    let late = late.join().unwrap_or_default().as_nanos() as u64;
    let wrong = (worst > PAT_LIMIT + SWITCHES * late || errors > 0 || pats.is_empty())
        .then(|| format!("{errors} of {} pats failed", pats.len()));
    let what = format!(
        "the worst of {} pats meanwhile; this host lets a thread run {} ms late",
        pats.len(),
        late / MS
    );
    tally.note(Peer::Own, &what, Duration::from_nanos(worst), wrong);
    Ok(())
}

/// The latest that this host has let a thread run after its time, to that instant.
fn lateness(until: Instant) -> Duration {
    let mut worst = Duration::ZERO;
    while Instant::now() < until {
        let due = Instant::now() + PULSE;
        thread::sleep(PULSE);
        worst = worst.max(due.elapsed());
    }
    worst
}

/// Runs the program again and again, to the first error.
fn repeat(room: &Room, line: &str, until: Instant) -> Result<Seen> {
    let mut seen = Seen {
        calls: 0,
        worst: Duration::ZERO,
        error: None,
    };
    while Instant::now() < until && seen.error.is_none() {
        let answer = room.run(line)?;
        seen.calls += 1;
        seen.worst = seen.worst.max(answer.took);
        if !answer.succeeded {
            seen.error = Some(answer.lines.join(" / "));
        }
    }
    Ok(seen)
}
