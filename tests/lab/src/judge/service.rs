// SPDX-License-Identifier: BSD-2-Clause
//! What the driver is to those who use it and what it costs: recoveries, processor time, lines on
//! the console, ways in and out, applications. Must not know how a run is made.

use super::{calm, plural, within, worst, AFTERMATH};
use crate::record::{Outcome, Record, Request, Way};
use crate::span::{millis, seconds, Ns, Span, S};

/// Outages of less do not tell how busy a worker is.
const TELLING: Ns = 10 * S;

pub(super) fn late_recoveries(record: &Record, most: Ns) -> Vec<String> {
    let late = record
        .recoveries()
        .into_iter()
        .filter(|r| r.length() > most)
        .collect();
    worst(late, Span::length, |_, r: &Span| {
        let ended = if r.to == record.end {
            "no pat was confirmed in"
        } else {
            "a confirmed pat took"
        };
        format!(
            "the BMC answered again at {:.3} s but {ended} {:.3} s",
            seconds(r.from),
            seconds(r.length())
        )
    })
}

pub(super) fn busy_worker(record: &Record, percent: f64) -> Vec<String> {
    let used = record.worker_percent(&record.outages().at_least(TELLING));
    let over = used >= percent;
    over.then(|| format!("the worker used {used:.2} % of a processor during the outage; {percent} % is the limit"))
        .into_iter()
        .collect()
}

pub(super) fn chatter(record: &Record, an_hour: usize) -> Vec<String> {
    let outages = record.outages();
    let hours = outages.total().div_ceil(3600 * S).max(1) as usize;
    let lines = record.console_in(&outages);
    (lines > an_hour * hours)
        .then(|| {
            format!(
                "{lines} lines on the console during the outage; {} are the limit",
                an_hour * hours
            )
        })
        .into_iter()
        .collect()
}

pub(super) fn slow_passages(record: &Record, way: Way, most: Ns) -> Vec<String> {
    let length = |p: &crate::record::Passage| p.to.unwrap_or(record.end) - p.from;
    let slow = record
        .passages
        .iter()
        .filter(|p| p.way == way && (p.to.is_none() || length(p) > most));
    let mut said = worst(
        slow.collect(),
        |p| length(p),
        |_, p| {
            let how = if p.to.is_some() {
                "took"
            } else {
                "had not ended after"
            };
            format!(
                "{} at {:.3} s {how} {:.3} s; {:.3} s is the limit",
                way.name(),
                seconds(p.from),
                seconds(length(p)),
                seconds(most)
            )
        },
    );
    // Closes are noted only when they are slow.
    if way != Way::Close && !record.passages.iter().any(|p| p.way == way) {
        said.push(format!("the run never came to {}", way.name()));
    }
    said
}

pub(super) fn questions(record: &Record, way: Way) -> Vec<String> {
    let inside = |at: Ns| {
        let mut passages = record.passages.iter().filter(|p| p.way == way);
        passages.any(|p| p.from < at && p.to.is_none_or(|to| at < to))
    };
    let begun = record.begun.iter().filter(|b| inside(b.at));
    let first = begun.clone().next();
    first
        .map(|first| {
            format!(
                "{} in {}, the first at {:.3} s",
                plural(begun.count(), "transaction"),
                way.name(),
                seconds(first.at)
            )
        })
        .into_iter()
        .collect()
}

/// How a request ended, in words.
fn ending(request: &Request) -> String {
    let after = |at: Ns| millis(at.saturating_sub(request.sent));
    match request.outcome {
        Some((at, Outcome::Answered(_))) => format!("answered after {:.1} ms", after(at)),
        Some((at, Outcome::Failed(error))) => format!("errno {error} after {:.1} ms", after(at)),
        Some((at, Outcome::GaveUp)) => format!("given up after {:.1} ms", after(at)),
        None => "still waiting".into(),
    }
}

pub(super) fn unserved(record: &Record) -> Vec<String> {
    let mut said = Vec::new();
    let calm = calm(record);
    let healthy = |from, to| within(&calm, from, to);
    let refused = record.requests.iter().filter(|r| match r.outcome {
        Some((at, Outcome::Answered(_))) => at < r.sent,
        Some((at, _)) => healthy(r.sent, at),
        None => healthy(r.sent, record.end.saturating_sub(1)) && record.end - r.sent > AFTERMATH,
    });
    let refused: Vec<_> = refused.collect();
    if let Some(first) = refused.first() {
        said.push(format!(
            "{} not served although the BMC answered, the first by client {} at {:.3} s: {}",
            plural(refused.len(), "request"),
            first.client,
            seconds(first.sent),
            ending(first)
        ));
    }
    if record.strays > 0 {
        said.push(format!(
            "{} that nobody waited for",
            plural(record.strays as usize, "completion")
        ));
    }
    said
}
