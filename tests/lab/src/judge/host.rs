// SPDX-License-Identifier: BSD-2-Clause
//! What became of the host: pretimeouts, panics and resets, those that had to come and those that
//! must not. Must not know how a run is made.

use super::Bound;
use crate::record::{Note, Record, Way, PANIC_OF_SCENARIO};
use crate::span::{seconds, Ns, S};

/// What the driver does by itself for a pat that the BMC took is done by then.
const DONE: Ns = S;
/// What a host that has hung is left with at least when its BMC comes back.
const GRACE: Ns = 10 * S;
/// What the kernel says of an NMI that nobody claims.
pub(super) const UNCLAIMED: &str = "NMI";
/// How the software kernel tells of a panic that the module called.
const BY_MODULE: &str = "the module called panic: ";

pub(super) fn false_alarms(record: &Record) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(&at) = record.pretimeouts.first() {
        let waiting = record
            .pats
            .iter()
            .find(|p| p.at <= at && p.at + p.latency(record.end) > at);
        said.push(match waiting {
            Some(p) => format!(
                "the pretimeout fired at {:.1} s on a healthy host: the pat made at {:.1} s was still held by the driver",
                seconds(at), seconds(p.at)
            ),
            None => format!("the pretimeout fired at {:.1} s on a healthy host", seconds(at)),
        });
    }
    said.extend(record.host_resets.first().map(|reset| {
        format!(
            "a healthy host was reset at {:.1} s: {}",
            seconds(reset.at),
            reset.text
        )
    }));
    said
}

pub(super) fn missing_pretimeout(record: &Record, tolerance: Ns) -> Vec<String> {
    let armed = record
        .pats
        .iter()
        .rev()
        .find(|p| p.timeout > 0 && p.pretimeout > 0);
    let Some((pat, (returned, _))) = armed.and_then(|p| Some((p, p.returned?))) else {
        return vec!["no pat returned, so nothing armed the pretimeout".into()];
    };
    let due = returned + pat.timeout - pat.pretimeout;
    expect_at("the pretimeout", due, tolerance, &record.pretimeouts)
}

pub(super) fn reset_by_bmc(record: &Record, tolerance: Ns) -> Vec<String> {
    let Some(pat) = record.pats.iter().rev().find(|p| p.timeout > 0) else {
        return vec!["no pat was made, so nothing armed the BMC".into()];
    };
    unreset(record, pat.timeout, tolerance)
}

fn expect_at(what: &str, due: Ns, tolerance: Ns, seen: &[Ns]) -> Vec<String> {
    match seen.first() {
        None => vec![format!(
            "{what} was due at {:.1} s and never came",
            seconds(due)
        )],
        Some(&at) if at.abs_diff(due) > tolerance => {
            vec![format!(
                "{what} came at {:.3} s instead of {:.3} s",
                seconds(at),
                seconds(due)
            )]
        }
        Some(_) => Vec::new(),
    }
}

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

/// The driver's own pre-timeout, said of a host that pats or wants no timer. It may come in the
/// last quarter of the timeout, whoever hangs.
pub(super) fn accusations(record: &Record) -> Vec<String> {
    // A shutdown takes no pats: its own countdown is the driver's word.
    let mut stopped = record.passages.iter().filter(|w| w.way == Way::Shutdown);
    let until = stopped.next().map_or(record.end, |w| w.from);
    let notes = record.notifications.iter().filter(|n| n.at < until);
    let mut said = notes.filter(|note| note.text == "WATCHDOG unpatted");
    let wrongly = |note: &&Note| {
        let before = record.pats.iter().take_while(|p| p.at <= note.at);
        before
            .last()
            .is_some_and(|p| note.at - p.at + DONE < p.timeout / 4 * 3 || p.timeout == 0)
    };
    let first = said.find(wrongly).map(|note| seconds(note.at));
    first
        .map(|at| format!("the driver said at {at:.3} s that nobody patted, and somebody did"))
        .into_iter()
        .collect()
}

/// The module is to panic the host once, at its time, with its words; if it hears of it by an NMI
/// that it cannot claim, the kernel does so in its stead.
pub(super) fn missing_panic(record: &Record, words: &str, after: Ns, tolerance: Ns) -> Vec<String> {
    let (words, panics): (_, Vec<&Note>) = if record.nmis_are_claimed {
        (words, panics_by_module(record).collect())
    } else {
        (UNCLAIMED, record.panicked.iter().collect())
    };
    let until = panics.first().map_or(record.end, |note| note.at);
    let Some(confirmed) = record.confirmed.iter().rev().find(|&&c| c < until) else {
        return vec!["the BMC confirmed no pat, so it has no pre-timeout".into()];
    };
    let times: Vec<Ns> = panics.iter().map(|note| note.at).collect();
    let mut said = expect_at("the module's panic", confirmed + after, tolerance, &times);
    let other = panics.first().filter(|note| !note.text.contains(words));
    said.extend(other.map(|note| format!("the module panicked without {words:?}: {}", note.text)));
    said
}

fn panics_by_module(record: &Record) -> impl Iterator<Item = &Note> {
    let notes = record.violations.iter();
    notes.filter(|note| note.text.contains(BY_MODULE))
}

/// What the software kernel's checkers found, and a panic that is not the scenario's: they
/// violate every scenario. The one panic that the module owes is none, if it is as it should be.
pub(super) fn complaints(record: &Record, bounds: &[Bound]) -> Vec<String> {
    let owed = bounds.iter().find_map(|bound| match *bound {
        Bound::ModulePanics(words, after, tolerance) => Some((words, after, tolerance)),
        _ => None,
    });
    let paid = owed.is_some_and(|(words, after, tolerance)| {
        missing_panic(record, words, after, tolerance).is_empty()
    });
    let excused = panics_by_module(record).next().filter(|_| paid);
    let others = record.violations.iter();
    let others = others.filter(|&note| !excused.is_some_and(|e| std::ptr::eq(e, note)));
    let mut said: Vec<String> = others
        .map(|v| format!("at {:.6} s: {}", seconds(v.at), v.text))
        .collect();
    let asked_for = |note: &Note| {
        note.text == PANIC_OF_SCENARIO
            || bounds.iter().any(|bound| match *bound {
                Bound::Panics(text) => note.text == text,
                Bound::NmiComes => !record.nmis_are_claimed && note.text == UNCLAIMED,
                _ => false,
            })
    };
    let panic = record.panicked.iter().filter(|note| !asked_for(note));
    let panic = panic.filter(|note| excused.is_none_or(|e| !e.text.contains(&note.text)));
    said.extend(panic.map(|note| format!("a panic at {:.3} s: {}", seconds(note.at), note.text)));
    said
}
