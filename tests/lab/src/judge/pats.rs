// SPDX-License-Identifier: BSD-2-Clause
//! The calls of the watchdog: how long they were held, and whether what they were told was so.
//! Must not know how a run is made.

use super::{calm, plural, within, worst};
use crate::record::{Begin, Begun, Pat, Record};
use crate::span::{millis, seconds, Ns};

pub(super) fn slow_pats(record: &Record, most: Ns) -> Vec<String> {
    let slow = record
        .pats
        .iter()
        .filter(|p| record.held(p) > most)
        .collect();
    worst(
        slow,
        |p| record.held(p),
        |n, p| {
            let how = if p.returned.is_some() {
                "took"
            } else {
                "had not returned after"
            };
            let held = millis(record.held(p));
            let (at, most) = (seconds(p.at), millis(most));
            format!(
                "{} over {most:.0} ms: the one at {at:.3} s {how} {held:.1} ms",
                plural(n, "pat")
            )
        },
    )
}

pub(super) fn dishonest_pats(record: &Record) -> Vec<String> {
    let returned = |p: &Pat| p.returned.filter(|_| p.timeout > 0);
    // A pat that another call of the watchdog overtook was not to be confirmed any more.
    let overtaken = |p: &Pat, at: Ns| {
        let later = |o: &Pat| {
            (p.at < o.at && o.at <= at) || (o.at <= p.at && o.at + o.latency(record.end) > p.at)
        };
        record
            .pats
            .iter()
            .any(|o| o.timeout != p.timeout && later(o))
    };
    let lies = |p: &&Pat| {
        returned(p).is_some_and(|(at, error)| {
            let guarded = |&c: &Ns| c <= at && at - c < p.timeout + p.margin;
            error == 0 && !record.confirmed.iter().any(guarded) && !overtaken(p, at)
        })
    };
    let calm = calm(record);
    let pessimist = |p: &&Pat| {
        returned(p)
            .is_some_and(|(at, error)| error != 0 && within(&calm, p.at, at) && !overtaken(p, at))
    };
    let counting = record.counting();
    let forgot = |p: &&Pat| {
        p.timeout == 0
            && p.returned
                .is_some_and(|(at, error)| error == 0 && counting.contains(at) && !overtaken(p, at))
    };
    let forgotten: Vec<&Pat> = record.pats.iter().filter(forgot).collect();
    let lying = record.pats.iter().filter(lies).collect::<Vec<_>>();
    let failing = record.pats.iter().filter(pessimist).collect::<Vec<_>>();
    let mut said = worst(
        lying,
        |p| p.at,
        |n, p| {
            let count = plural(n, "pat");
            format!(
                "{count} reported success unconfirmed by the BMC, the last at {:.3} s",
                seconds(p.at)
            )
        },
    );
    said.extend(worst(
        forgotten,
        |p| p.at,
        |n, p| {
            let count = plural(n, "disarm");
            let at = seconds(p.at);
            format!("{count} reported success while the BMC counted, the last at {at:.3} s")
        },
    ));
    said.extend(worst(
        failing,
        |p| p.at,
        |n, p| {
            let count = plural(n, "pat");
            format!(
                "{count} failed although the BMC answered, the last at {:.3} s",
                seconds(p.at)
            )
        },
    ));
    said
}
pub(super) fn overtaken_pats(record: &Record, most: Ns) -> Vec<String> {
    let offence = |p: &Pat| {
        let after: Vec<&Begun> = record.begun.iter().filter(|b| b.at >= p.at).collect();
        // On a dead BMC the abort of what was under way is all that can be seen of a start.
        let start = after
            .iter()
            .position(|b| b.is_pat() || b.what == Begin::Abort);
        let before = start.unwrap_or(after.len());
        let took = start.map_or(record.end, |i| after[i].at) - p.at;
        (took > most || before > 1).then_some((p.at, took, before))
    };
    let pats = record.pats.iter().filter(|p| p.timeout > 0);
    let late = pats.filter_map(offence).collect();
    worst(
        late,
        |&(_, took, _)| took,
        |n, &(at, took, before)| {
            format!(
                "{} overtaken: the one at {:.3} s began after {:.1} ms and {}",
                plural(n, "pat"),
                seconds(at),
                millis(took),
                plural(before, "other transaction")
            )
        },
    )
}
