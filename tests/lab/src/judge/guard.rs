// SPDX-License-Identifier: BSD-2-Clause
//! What the BMC's timer says about the promises of the watchdog. Must not know how a run is made.

use super::{calm, plural, within, worst};
use crate::record::{Pat, Record};
use crate::span::{seconds, Ns, Span, Spans, MS, S};

/// Calls of the watchdog so close together have no order that a caller could know.
pub(super) const AT_ONCE: Ns = 20 * MS;

/// Gaps that are longer while the BMC answers.
pub(super) fn unguarded(record: &Record, most: Ns) -> Vec<String> {
    let bare = record.gaps().and(&record.answering());
    let long: Vec<Span> = bare.iter().copied().filter(|s| s.length() > most).collect();
    worst(long, Span::length, |n, s| {
        format!(
            "{} in the protection while the BMC answered: not counting from {:.3} s for {:.3} s",
            plural(n, "gap"),
            seconds(s.from),
            seconds(s.length())
        )
    })
}

fn counting_in(record: &Record, from: Ns, to: Ns) -> Spans {
    record.counting().and(&Spans::of(Span::new(from, to)))
}

pub(super) fn idle(record: &Record, from: Ns, to: Ns) -> Vec<String> {
    let to = to.min(record.end);
    let idle = Spans::of(Span::new(from, to)).minus(&record.counting());
    let first = idle.iter().next().map(|s| seconds(s.from));
    first
        .map(|at| format!("the BMC's timer did not run at {at:.3} s"))
        .into_iter()
        .collect()
}

pub(super) fn active(record: &Record, from: Ns, to: Ns) -> Vec<String> {
    let active = counting_in(record, from, to.min(record.end));
    let first = active.iter().next().map(|s| seconds(s.from));
    first
        .map(|at| format!("the BMC's timer ran at {at:.3} s though nobody wanted it to"))
        .into_iter()
        .collect()
}

/// Calls that were the last for a while and did not have their way.
pub(super) fn unheeded(record: &Record, time: Ns) -> Vec<String> {
    let (calm, counting) = (calm(record), record.counting());
    let apart = |a: &Pat, b: &Pat| a.at.abs_diff(b.at) >= AT_ONCE;
    let alone = |p: &&Pat| {
        let others = || record.pats.iter().filter(|o| o.at != p.at);
        let before = others().filter(|o| o.at < p.at);
        let followed = others().any(|o| o.at > p.at && o.at <= p.at + time);
        // One that is still held in the driver may have come there later.
        let settled = |o: &Pat| apart(o, p) || o.at + o.latency(record.end) <= p.at;
        !followed && before.into_iter().all(settled)
    };
    let heeded = |p: &Pat| counting.contains(p.at + time) == (p.timeout > 0);
    // A detach, or who else may have had a hand in it, is another story.
    let disturbed = |p: &Pat| {
        let mut passages = record.passages.iter();
        passages.any(|w| w.to.is_none_or(|to| to >= p.at) && w.from <= p.at + time)
    };
    let wrong = record
        .pats
        .iter()
        .filter(|p| within(&calm, p.at, p.at + time) && !disturbed(p))
        .filter(|p| alone(p) && !heeded(p));
    let wrong: Vec<&Pat> = wrong.collect();
    wrong
        .first()
        .map(|p| {
            let what = if p.timeout > 0 { "pat" } else { "disarm" };
            format!(
                "{} without effect: the {what} at {:.3} s was the last, and {:.1} s later the BMC did otherwise",
                plural(wrong.len(), "call"),
                seconds(p.at),
                seconds(time)
            )
        })
        .into_iter()
        .collect()
}

pub(super) fn traffic(record: &Record, most: usize) -> Vec<String> {
    let times: Vec<Ns> = record.dog.iter().map(|&(at, _)| at).collect();
    let in_second = |i: usize| times[i..].partition_point(|&at| at < times[i] + S);
    let busiest = (0..times.len()).rev().max_by_key(|&i| in_second(i));
    busiest
        .filter(|&i| in_second(i) > most)
        .map(|i| {
            format!(
                "the BMC ran {} in the second from {:.3} s; {most} are the limit",
                plural(in_second(i), "watchdog command"),
                seconds(times[i])
            )
        })
        .into_iter()
        .collect()
}
