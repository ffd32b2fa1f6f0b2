// SPDX-License-Identifier: BSD-2-Clause
//! What the BMC's timer and the host's fate say about the promises of the watchdog. Must not know
//! how a run is made.

use super::{calm, expect_at, plural, within, Bound};
use crate::record::{Note, Pat, Record, Way};
use crate::span::{seconds, Ns, Span, Spans, MS, S};

/// Calls of the watchdog so close together have no order that a caller could know.
pub(super) const AT_ONCE: Ns = 20 * MS;
/// What the driver does by itself for a pat that the BMC took is done by then.
const DONE: Ns = S;
/// What a host that has hung is left with at least when its BMC comes back.
const GRACE: Ns = 10 * S;

pub(super) fn pretimeouts(record: &Record) -> Vec<String> {
    let first = record.pretimeouts.first().copied().map(seconds);
    first
        .map(|at| format!("the pretimeout fired at {at:.1} s on a host that patted"))
        .into_iter()
        .collect()
}

/// When the BMC is to have reset a host whose last confirmation is that old: `countdown` after
/// it. One that is later than the host's last pat is the driver's own, and moves nothing: it comes
/// at once, or after an outage with what was left of the pat. None for one that is neither.
fn due(record: &Record, confirmed: Ns, countdown: Ns) -> Option<Ns> {
    let last = record.pats.iter().rev().find(|p| p.timeout > 0);
    // From here on others than the host's userland have the say.
    let mut stopped = record
        .passages
        .iter()
        .filter(|w| matches!(w.way, Way::Panic | Way::Dump | Way::Shutdown));
    let own = last.filter(|p| p.at + DONE < confirmed && stopped.all(|w| confirmed < w.from));
    let Some(pat) = own else {
        return Some(confirmed + countdown);
    };
    let outages = record.outages();
    let missed = outages
        .iter()
        .filter(|s| pat.at <= s.to && s.to <= confirmed);
    let back = missed.last()?.to;
    (confirmed <= back + DONE).then(|| (pat.at + countdown).max(back + GRACE))
}

/// The host is to be reset so long after the BMC last confirmed, and not kept up by the driver.
pub(super) fn unreset(record: &Record, countdown: Ns, tolerance: Ns) -> Vec<String> {
    let Some(&confirmed) = record.confirmed.last() else {
        return vec!["the BMC confirmed no pat, so nothing guards the host".into()];
    };
    let Some(due) = due(record, confirmed, countdown) else {
        let at = seconds(confirmed);
        return vec![format!(
            "the driver patted by itself at {at:.3} s, when the host had long ceased to"
        )];
    };
    let resets: Vec<Ns> = record.host_resets.iter().map(|r| r.at).collect();
    expect_at("the BMC's reset of the host", due, tolerance, &resets)
}

/// A reset that is due by another clock than the last confirmation.
pub(super) fn missing_reset(record: &Record, bound: Bound) -> Vec<String> {
    let last = record.pats.iter().rev().find(|p| p.timeout > 0);
    let (due, tolerance) = match bound {
        Bound::ResetsHostAfterLastPat(tolerance) => (last.map(|p| p.at + p.timeout), tolerance),
        Bound::ResetsHostAt(at, tolerance) => (Some(at), tolerance),
        _ => return Vec::new(),
    };
    let Some(due) = due else {
        return vec!["nothing armed the BMC, so nothing guards the host".into()];
    };
    let resets: Vec<Ns> = record.host_resets.iter().map(|r| r.at).collect();
    expect_at("the BMC's reset of the host", due, tolerance, &resets)
}

pub(super) fn missing_panic(record: &Record, after: Ns, tolerance: Ns) -> Vec<String> {
    let at = |v: &Note| v.text.contains("the module called panic").then_some(v.at);
    let panics: Vec<Ns> = record.violations.iter().filter_map(at).collect();
    let until = panics.first().copied().unwrap_or(record.end);
    let Some(confirmed) = record.confirmed.iter().rev().find(|&&c| c < until) else {
        return vec!["the BMC confirmed no pat, so it has no pre-timeout".into()];
    };
    expect_at("the module's panic", confirmed + after, tolerance, &panics)
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
