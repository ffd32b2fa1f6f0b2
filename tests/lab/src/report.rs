// SPDX-License-Identifier: BSD-2-Clause
//! What is told of a run: the numbers worked out of its record, as an object of `--json` and as
//! the source of every table. Must not know how a run is made nor how numbers are laid out.

use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use crate::record::{BmcState, Note, Outcome, Record, Request};
use crate::span::{millis, seconds, Ns, Span, Spans};

/// Which run it was: enough to make it again.
#[derive(Clone, Debug, Serialize)]
pub struct Identity {
    pub scenario: String,
    /// As `--transport` has it.
    pub transport: String,
    pub seed: u64,
    /// The path of the module, as given.
    pub ko: String,
    /// Its SHA-256, in hexadecimal.
    pub ko_sha256: String,
}

/// One run, judged.
#[derive(Clone, Debug)]
pub struct Run {
    pub identity: Identity,
    pub record: Record,
    /// When the doctor's word counts besides at the end.
    pub telling: Vec<Ns>,
    /// The longest that a pat was allowed to take.
    pub pat_limit: Ns,
    /// What was violated, in words; none is a pass.
    pub failures: Vec<String>,
}

/// A run in numbers. Times in the unit that the name ends with, counted from the machine's boot.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    #[serde(flatten)]
    pub identity: Identity,
    pub virtual_s: f64,
    pub pats: Vec<Pat>,
    pub worst_pat_ms: f64,
    pub pretimeout_fired: bool,
    /// When it fired.
    pub pretimeouts_s: Vec<f64>,
    pub host_reset: bool,
    pub host_resets: Vec<Line>,
    /// The BMC was not counting though the host had asked.
    pub gaps: Vec<Stretch>,
    /// The longest part of a gap in which the BMC answered.
    pub worst_answering_gap_ms: f64,
    /// When the BMC did not answer as it should.
    pub outages: Vec<Stretch>,
    /// Processor time of the module's threads, in percent: during the outages if there are any,
    /// otherwise of the whole run.
    pub worker_cpu_pct: f64,
    /// Lines written during the outages if there are any, otherwise in the whole run.
    pub console_lines: usize,
    /// All lines.
    pub console: Vec<Line>,
    pub io_accesses: u64,
    /// `dev.ipmi.0.watchdog.doctor` at the telling moments and at the end.
    pub doctor: Vec<Line>,
    /// How often what is shown was held against the BMC's own answer while a timer counted there.
    pub looks: usize,
    /// What devd(8) heard: subsystem and type.
    pub notifications: Vec<Line>,
    /// The longest time from the BMC answering again to a confirmed pat; null if there was
    /// nothing to recover from.
    pub recovery_ms: Option<f64>,
    pub requests: Requests,
    pub passages: Vec<Passage>,
    pub verdict: Verdict,
    pub failures: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Pass,
    Fail,
}

#[derive(Clone, Debug, Serialize)]
pub struct Pat {
    pub at_s: f64,
    /// Up to the end of the run if the pat never returned.
    pub latency_ms: f64,
    /// The errno, 0 for success; null if the pat never returned.
    pub error: Option<i32>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct Stretch {
    pub from_s: f64,
    pub to_s: f64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Line {
    pub at_s: f64,
    pub text: String,
}

/// How the requests of applications ended.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Requests {
    pub sent: usize,
    pub answered: usize,
    /// The driver reported an error.
    pub failed: usize,
    /// The client waited as long as it does and went away.
    pub gave_up: usize,
    /// Not ended when the run did.
    pub pending: usize,
    pub worst_ms: f64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Passage {
    pub way: &'static str,
    pub at_s: f64,
    /// Null if it never ended.
    pub took_ms: Option<f64>,
}

impl Run {
    pub fn verdict(&self) -> Verdict {
        match self.failures.is_empty() {
            true => Verdict::Pass,
            false => Verdict::Fail,
        }
    }

    pub fn report(&self) -> Report {
        let record = &self.record;
        let outages = record.outages();
        let stage = match outages.is_empty() {
            true => Spans::of(Span::new(0, record.end)),
            false => outages.clone(),
        };
        let bare = record.gaps().and(&record.answering());
        Report {
            identity: self.identity.clone(),
            virtual_s: seconds(record.end),
            pats: record.pats.iter().map(|p| pat(record, p)).collect(),
            worst_pat_ms: record
                .worst_pat()
                .map_or(0.0, |p| millis(p.latency(record.end))),
            pretimeout_fired: !record.pretimeouts.is_empty(),
            pretimeouts_s: record.pretimeouts.iter().copied().map(seconds).collect(),
            host_reset: !record.host_resets.is_empty(),
            host_resets: lines(&record.host_resets),
            gaps: stretches(&record.gaps()),
            worst_answering_gap_ms: bare.longest().map_or(0.0, |s| millis(s.length())),
            outages: stretches(&outages),
            worker_cpu_pct: record.worker_percent(&stage),
            console_lines: record.console_in(&stage),
            console: lines(&record.console),
            io_accesses: record.io_accesses,
            doctor: diagnoses(record, &self.telling),
            looks: looks(record),
            notifications: lines(&record.notifications),
            recovery_ms: record
                .recoveries()
                .iter()
                .map(Span::length)
                .max()
                .map(millis),
            requests: requests(record),
            passages: record.passages.iter().map(passage).collect(),
            verdict: self.verdict(),
            failures: self.failures.clone(),
        }
    }
}

impl Identity {
    /// The command that makes this run again.
    pub fn replay(&self) -> String {
        let Identity {
            scenario,
            transport,
            seed,
            ko,
            ..
        } = self;
        let over = match transport.as_str() {
            "kcs" => String::new(),
            other => format!(" --transport {other}"),
        };
        format!("lab run {scenario} --ko {ko} --seed {seed}{over}")
    }
}

fn pat(record: &Record, pat: &crate::record::Pat) -> Pat {
    Pat {
        at_s: seconds(pat.at),
        latency_ms: millis(pat.latency(record.end)),
        error: pat.returned.map(|(_, error)| error),
    }
}

fn stretches(spans: &Spans) -> Vec<Stretch> {
    spans
        .iter()
        .map(|s| Stretch {
            from_s: seconds(s.from),
            to_s: seconds(s.to),
        })
        .collect()
}

fn lines(notes: &[Note]) -> Vec<Line> {
    notes
        .iter()
        .map(|n| Line {
            at_s: seconds(n.at),
            text: n.text.clone(),
        })
        .collect()
}

fn looks(record: &Record) -> usize {
    let counting = record.counting().and(&record.answering());
    let looks = record.looks.iter();
    looks.filter(|look| counting.contains(look.at)).count()
}

fn diagnoses(record: &Record, telling: &[Ns]) -> Vec<Line> {
    let moments = telling.iter().copied().chain([Ns::MAX]);
    let mut looks: Vec<_> = moments.filter_map(|at| record.doctor_at(at)).collect();
    looks.dedup_by_key(|look| look.at);
    let line = |look: &&crate::record::Look| Line {
        at_s: seconds(look.at),
        text: look.doctor.clone(),
    };
    looks.iter().map(line).collect()
}

fn passage(passage: &crate::record::Passage) -> Passage {
    Passage {
        way: passage.way.name(),
        at_s: seconds(passage.from),
        took_ms: passage.to.map(|to| millis(to - passage.from)),
    }
}

fn requests(record: &Record) -> Requests {
    let mut sum = Requests {
        sent: record.requests.len(),
        ..Requests::default()
    };
    for Request { sent, outcome, .. } in &record.requests {
        match outcome {
            Some((_, Outcome::Answered(_))) => sum.answered += 1,
            Some((_, Outcome::Failed(_))) => sum.failed += 1,
            Some((_, Outcome::GaveUp)) => sum.gave_up += 1,
            None => sum.pending += 1,
        }
        let ended = outcome.map_or(record.end, |(at, _)| at);
        sum.worst_ms = sum.worst_ms.max(millis(ended.saturating_sub(*sent)));
    }
    sum
}

/// Writes the reports as one JSON array.
pub fn write_json(path: &Path, reports: &[Report]) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(reports)? + "\n";
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

impl BmcState {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            BmcState::Healthy => "healthy",
            BmcState::Slow => "slow",
            BmcState::Dead => "dead",
            BmcState::Rebooting => "rebooting",
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::sample;

    #[test]
    fn json_has_the_keys_that_programs_read() {
        let reports = [sample::run(sample::survived()).report()];
        let json = serde_json::to_value(reports).unwrap();
        let keys = [
            "scenario",
            "transport",
            "seed",
            "ko",
            "ko_sha256",
            "virtual_s",
            "pats",
            "worst_pat_ms",
            "pretimeout_fired",
            "host_reset",
            "gaps",
            "worker_cpu_pct",
            "console_lines",
            "io_accesses",
            "recovery_ms",
            "verdict",
            "failures",
        ];
        for key in keys {
            assert!(json[0].get(key).is_some(), "no {key}");
        }
        assert_eq!(json[0]["verdict"], "pass");
        assert_eq!(json[0]["gaps"][0]["from_s"], 120.0);
        assert_eq!(json[0]["pats"][0]["latency_ms"], 4.0);
        assert_eq!(json[0]["recovery_ms"], 400.0);
    }
}
