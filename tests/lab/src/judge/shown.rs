// SPDX-License-Identifier: BSD-2-Clause
//! What the driver shows and says, held against what was so. Must not know how a run is made.

use crate::record::{BmcState, Look, Note, Record, Way};
use crate::span::{seconds, Ns, Span, Spans, MS, S};

use super::calm;
use super::guard::AT_ONCE;
use super::host::UNCLAIMED;
use super::plural;

/// After an outage the driver may look behind for so long.
const CATCHES_UP: Ns = 2 * S;
/// A BMC that has not answered for so long is to be called that: a verification and three attempts.
const LONG_DEAD: Ns = 80 * S;
/// A driver that could be asked for so long and was not looked at shows nothing.
const NOTICED: Ns = 15 * S;

/// Shown otherwise than it is for too long, or a dead BMC passed over in silence.
pub(super) fn lies(record: &Record, most: Ns) -> Vec<String> {
    let mut said = Vec::from_iter(nothing_shown(record));
    said.extend(lasting_lie(record, most));
    said.extend(other_timeout(record, most));
    let dead = record.bmc_in(&[BmcState::Dead]);
    let long = dead
        .iter()
        .filter_map(|s| Span::new(s.from + LONG_DEAD, s.to));
    let long = Spans::of(long);
    let told = |words: &str| words.contains("answer") || words.contains("has not confirmed");
    let silent = |look: &&Look| long.contains(look.at) && !told(&look.doctor);
    said.extend(record.looks.iter().find(silent).map(|look| {
        format!(
            "at {:.3} s the BMC had not answered for long, and the doctor said: {}",
            seconds(look.at),
            look.doctor
        )
    }));
    said
}

/// A stretch in which the driver could be asked and nobody did.
fn nothing_shown(record: &Record) -> Option<String> {
    let judged = calm(record).and(&present(record));
    let looks = || record.looks.iter().map(|look| look.at);
    let unseen = |span: &Span| {
        let inside = looks().filter(|&at| span.contains(at));
        let times: Vec<Ns> = [span.from]
            .into_iter()
            .chain(inside)
            .chain([span.to])
            .collect();
        let mut pauses = times
            .windows(2)
            .filter_map(|pair| Span::new(pair[0], pair[1]));
        pauses.find(|pause| pause.length() > NOTICED)
    };
    let unseen = judged.iter().find_map(unseen)?;
    let (from, long) = (seconds(unseen.from), seconds(unseen.length()));
    Some(format!(
        "from {from:.3} s for {long:.3} s the module shows no watchdog state"
    ))
}

/// When the device was there.
fn present(record: &Record) -> Spans {
    let changes = record.passages.iter().filter_map(|p| match p.way {
        Way::Attach => Some((p.to?, true)),
        Way::Detach | Way::Unload => Some((p.from, false)),
        _ => None,
    });
    let mut changes: Vec<(Ns, bool)> = changes.collect();
    changes.sort();
    Spans::of_changes(&changes, record.end)
}

fn lasting_lie(record: &Record, most: Ns) -> Option<String> {
    let outages = record.outages();
    let felt = outages.iter().map(|s| Span {
        from: s.from,
        to: s.to + CATCHES_UP,
    });
    let judged = record.answering().minus(&Spans::of(felt));
    let mut since: Option<&Look> = None;
    for look in record.looks.iter().filter(|look| judged.contains(look.at)) {
        let Some(lie) = &look.lie else {
            since = None;
            continue;
        };
        let first = *since.get_or_insert(look);
        // Between the two no outage may lie.
        if !judged
            .iter()
            .any(|s| s.contains(first.at) && s.contains(look.at))
        {
            since = Some(look);
        } else if look.at - first.at > most {
            let (at, long) = (seconds(first.at), seconds(look.at - first.at));
            return Some(format!("from {at:.3} s for {long:.3} s at least, {lie}"));
        }
    }
    None
}

/// A look that shows another timeout than the newest pat's, `most` or more after it.
fn other_timeout(record: &Record, most: Ns) -> Option<String> {
    let wrong = |look: &&Look| {
        let before = record.pats.iter().take_while(|p| p.at < look.at);
        let pat = before.clone().last()?;
        // In no order, or on a device that had yet to come, or that others set as well.
        let apart = before.filter(|p| p.at + AT_ONCE > pat.at).count() == 1;
        let disturbed = record
            .passages
            .iter()
            .any(|w| w.to.is_none_or(|to| to >= pat.at) && w.from <= look.at);
        let judged = pat.timeout > 0 && apart && !disturbed && pat.at + most < look.at;
        let same = look.asked / MS == pat.timeout / MS;
        (judged && !same).then_some(pat)
    };
    let found = record.looks.iter().find_map(|l| Some((l, wrong(&l)?)));
    found.map(|(look, pat)| {
        format!(
            "at {:.3} s a timeout of {:.3} s is shown as asked for, and it was {:.3} s",
            seconds(look.at),
            seconds(look.asked),
            seconds(pat.timeout)
        )
    })
}

pub(super) fn wrong_diagnosis(record: &Record, at: Ns, words: &str) -> Vec<String> {
    let look = record.doctor_at(at);
    let right = look.is_some_and(|look| look.doctor.contains(words));
    let said = look.map_or("nothing", |look| &look.doctor);
    let complaint = || {
        let at = seconds(at);
        format!("the doctor said at {at:.1} s, without {words:?}: {said}")
    };
    (!right).then(complaint).into_iter().collect()
}

fn heard<'r>(notes: &'r [Note], words: &str) -> Option<&'r Note> {
    notes.iter().find(|note| note.text.contains(words))
}

pub(super) fn unnotified(record: &Record, what: &str) -> Vec<String> {
    let missing = heard(&record.notifications, what).is_none();
    missing
        .then(|| format!("devd never heard {what:?}"))
        .into_iter()
        .collect()
}

pub(super) fn notified(record: &Record, what: &str) -> Vec<String> {
    heard(&record.notifications, what)
        .map(|note| format!("devd heard {what:?} at {:.3} s", seconds(note.at)))
        .into_iter()
        .collect()
}

pub(super) fn unsaid(record: &Record, words: &str) -> Vec<String> {
    let missing = heard(&record.console, words).is_none();
    missing
        .then(|| format!("the console never said {words:?}"))
        .into_iter()
        .collect()
}

pub(super) fn not_said_once(record: &Record, words: &str) -> Vec<String> {
    let said = record.console.iter().filter(|n| n.text.contains(words));
    let times = said.count();
    (times != 1)
        .then(|| format!("the console said {words:?} {}", plural(times, "time")))
        .into_iter()
        .collect()
}

pub(super) fn missing_nmi(record: &Record) -> Vec<String> {
    if record.nmis.is_empty() {
        return vec!["no NMI of the BMC's came".into()];
    }
    if record.nmis_are_claimed {
        return Vec::new();
    }
    calm_kernel(record, UNCLAIMED)
}

pub(super) fn unlogged(record: &Record) -> Vec<String> {
    let missing = !record.missing_pats_logged;
    missing
        .then(|| "the BMC's event log has no entry of the missing pat".into())
        .into_iter()
        .collect()
}

pub(super) fn calm_kernel(record: &Record, text: &str) -> Vec<String> {
    match &record.panicked {
        Some(note) if note.text == text => Vec::new(),
        Some(note) => vec![format!("the kernel panicked with {:?}", note.text)],
        None => vec![format!("the kernel never panicked with {text:?}")],
    }
}
