// SPDX-License-Identifier: BSD-2-Clause
//! Tables that a person reads: single runs, the worst over many seeds, modules side by side.
//! Must not decide anything that the judge has not.

use comfy_table::{presets, Attribute, Cell, CellAlignment, Color, ContentArrangement, Table};

use crate::report::{Report, Verdict};

/// More failing seeds than this are counted, not listed.
const SEEDS_LISTED: usize = 20;

/// A line of a table: what is measured and how it is said of one run.
type Measure = (&'static str, fn(&Report) -> String);

/// The measures of the tables that tell of one run or one module a column.
const MEASURES: &[Measure] = &[
    ("watchdog calls", |r| r.pats.len().to_string()),
    ("worst pat", |r| time(r.worst_pat_ms)),
    ("pats that failed", |r| {
        r.pats
            .iter()
            .filter(|p| p.error != Some(0))
            .count()
            .to_string()
    }),
    ("pretimeout", |r| fired(&r.pretimeouts_s)),
    ("host reset", |r| {
        fired(&r.host_resets.iter().map(|l| l.at_s).collect::<Vec<_>>())
    }),
    ("gaps in protection", |r| gaps(r)),
    ("while the BMC answered", |r| time(r.worst_answering_gap_ms)),
    ("BMC back to confirmed pat", |r| {
        r.recovery_ms.map_or("-".into(), time)
    }),
    ("worker processor time", |r| {
        format!("{:.3} %", r.worker_cpu_pct)
    }),
    ("console lines", |r| r.console_lines.to_string()),
    ("register accesses", |r| r.io_accesses.to_string()),
    ("requests answered", |r| {
        format!("{} of {}", r.requests.answered, r.requests.sent)
    }),
    ("slowest request", |r| time(r.requests.worst_ms)),
    ("driver paths", |r| passages(r)),
    ("doctor", |r| doctor(r)),
    ("sysctls held against the BMC", |r| r.looks.to_string()),
    ("virtual time", |r| format!("{:.0} s", r.virtual_s)),
];

/// Milliseconds as a person would say them.
pub fn time(ms: f64) -> String {
    match ms {
        _ if ms >= 1000.0 => format!("{:.1} s", ms / 1000.0),
        _ if ms >= 1.0 => format!("{ms:.1} ms"),
        _ if ms > 0.0 => format!("{:.0} us", ms * 1000.0),
        _ => "0".into(),
    }
}

fn fired(at: &[f64]) -> String {
    at.first().map_or("no".into(), |at| format!("at {at:.1} s"))
}

fn gaps(report: &Report) -> String {
    let total: f64 = report.gaps.iter().map(|g| g.to_s - g.from_s).sum();
    match report.gaps.len() {
        0 => "none".into(),
        n => format!("{n}, {}", time(total * 1000.0)),
    }
}

fn passages(report: &Report) -> String {
    let said = |p: &crate::report::Passage| match p.took_ms {
        Some(ms) => format!("{} {}", p.way, time(ms)),
        None => format!("{} never ended", p.way),
    };
    let listed: Vec<String> = report.passages.iter().map(said).collect();
    if listed.is_empty() {
        "-".into()
    } else {
        listed.join("\n")
    }
}

/// The doctor's lines, each broken where it begins to speak of something else.
fn doctor(report: &Report) -> String {
    let said = |line: &crate::report::Line| {
        format!(
            "at {:.0} s: {}",
            line.at_s,
            line.text.replace("; ", ";\n  ")
        )
    };
    let lines: Vec<String> = report.doctor.iter().map(said).collect();
    match lines.is_empty() {
        true => "-".into(),
        false => lines.join("\n"),
    }
}

fn verdict_cell(verdict: Verdict, text: String) -> Cell {
    let color = match verdict {
        Verdict::Pass => Color::Green,
        Verdict::Fail => Color::Red,
    };
    Cell::new(text).fg(color).add_attribute(Attribute::Bold)
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table
}

fn header(cells: impl IntoIterator<Item = String>) -> Vec<Cell> {
    cells
        .into_iter()
        .map(|text| Cell::new(text).add_attribute(Attribute::Bold))
        .collect()
}

/// One run, one measure a line.
pub fn one(report: &Report) -> Table {
    side_by_side(std::slice::from_ref(report), |r| {
        format!("{} (seed {})", r.identity.scenario, r.identity.seed)
    })
}

/// Several runs, one a column, one measure a line.
pub fn side_by_side(reports: &[Report], title: impl Fn(&Report) -> String) -> Table {
    let mut table = table();
    table.set_header(header(
        std::iter::once(String::new()).chain(reports.iter().map(title)),
    ));
    for (name, say) in MEASURES {
        table.add_row(row(name, reports.iter().map(|r| Cell::new(say(r)))));
    }
    let verdicts = reports
        .iter()
        .map(|r| verdict_cell(r.verdict, word(r.verdict).into()));
    table.add_row(row("verdict", verdicts));
    table
}

fn row(name: &str, cells: impl Iterator<Item = Cell>) -> Vec<Cell> {
    let aligned = cells.map(|cell| cell.set_alignment(CellAlignment::Right));
    std::iter::once(Cell::new(name)).chain(aligned).collect()
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "FAIL",
    }
}

/// The worst of each measure over the runs of each title, a line a title in order of appearance.
pub fn worst(reports: &[Report], title: impl Fn(&Report) -> String) -> Table {
    let mut table = table();
    let columns = [
        "",
        "runs",
        "worst pat",
        "pretimeouts",
        "resets",
        "gap, BMC answering",
        "recovery",
        "worker",
        "console",
        "verdict",
    ];
    table.set_header(header(columns.map(String::from)));
    let mut titles: Vec<String> = reports.iter().map(&title).collect();
    titles.dedup();
    for name in titles {
        let of_title: Vec<&Report> = reports.iter().filter(|r| title(r) == name).collect();
        table.add_row(worst_row(&name, &of_title));
    }
    table
}

fn worst_row(name: &str, reports: &[&Report]) -> Vec<Cell> {
    let most = |of: fn(&Report) -> f64| reports.iter().map(|r| of(r)).fold(0.0, f64::max);
    let runs_with = |what: fn(&Report) -> bool| reports.iter().filter(|r| what(r)).count();
    let recovery = reports
        .iter()
        .filter_map(|r| r.recovery_ms)
        .reduce(f64::max);
    let verdict = match runs_with(|r| r.verdict == Verdict::Fail) {
        0 => verdict_cell(Verdict::Pass, "pass".into()),
        n => verdict_cell(Verdict::Fail, format!("{n} FAIL")),
    };
    let cells = [
        Cell::new(reports.len()),
        Cell::new(time(most(|r| r.worst_pat_ms))),
        Cell::new(runs_with(|r| r.pretimeout_fired)),
        Cell::new(runs_with(|r| r.host_reset)),
        Cell::new(time(most(|r| r.worst_answering_gap_ms))),
        Cell::new(recovery.map_or("-".into(), time)),
        Cell::new(format!("{:.3} %", most(|r| r.worker_cpu_pct))),
        Cell::new(most(|r| r.console_lines as f64)),
        verdict,
    ];
    row(name, cells.into_iter())
}

/// One run a line, by scenario and transport, to be kept and compared with: times are rounded up to a
/// step, so that a change of the driver's shows that changes what people would notice.
pub fn snapshot(reports: &[Report]) -> String {
    let columns = [
        "scenario",
        "over",
        "verdict",
        "pat",
        "pretimeouts",
        "resets",
        "gap",
        "recovery",
        "console",
        "answered",
    ];
    let mut lines = vec![columns.map(String::from)];
    let mut sorted: Vec<&Report> = reports.iter().collect();
    sorted.sort_by_key(|r| (&r.identity.scenario, &r.identity.transport));
    lines.extend(sorted.into_iter().map(snapshot_line));
    let width = |i: usize| lines.iter().map(|l| l[i].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let line = |cells: &[String; 10]| {
        let padded = cells.iter().zip(&widths).map(|(c, &w)| format!("{c:w$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_string() + "\n"
    };
    lines.iter().map(line).collect()
}

fn snapshot_line(r: &Report) -> [String; 10] {
    let answered = match (r.requests.sent, r.requests.answered) {
        (sent, answered) if sent == answered => "all",
        (_, 0) => "none",
        _ => "some",
    };
    [
        r.identity.scenario.clone(),
        r.identity.transport.clone(),
        word(r.verdict).into(),
        step(r.worst_pat_ms),
        r.pretimeouts_s.len().to_string(),
        r.host_resets.len().to_string(),
        step(r.worst_answering_gap_ms),
        r.recovery_ms.map_or("-".into(), step),
        r.console_lines.to_string(),
        answered.into(),
    ]
}

/// Milliseconds, rounded up to what a person would tell apart.
fn step(ms: f64) -> String {
    let steps = [10.0, 100.0, 300.0, 1e3, 1e4, 1e5, 1e6];
    match steps.iter().find(|&&step| ms <= step) {
        _ if ms <= 0.0 => "0".into(),
        Some(&step) => time(step).replace(".0", ""),
        None => "hours".into(),
    }
}

/// The failing runs of each title: the first with what it violated and the command that replays
/// it, the others by their seeds.
pub fn failures(reports: &[Report]) -> String {
    let title = |r: &Report| (r.identity.scenario.clone(), r.identity.ko.clone());
    let failing: Vec<&Report> = reports
        .iter()
        .filter(|r| r.verdict == Verdict::Fail)
        .collect();
    let mut titles: Vec<_> = failing.iter().map(|r| title(r)).collect();
    titles.dedup();
    let mut text = String::new();
    for name in titles {
        let of_title: Vec<&Report> = failing
            .iter()
            .filter(|r| title(r) == name)
            .copied()
            .collect();
        text += &first_failure(of_title[0]);
        text += &other_failures(&of_title[1..]);
    }
    text
}

fn first_failure(report: &Report) -> String {
    let id = &report.identity;
    let mut text = format!("{} seed {} on {}:\n", id.scenario, id.seed, id.ko);
    for failure in &report.failures {
        text += &format!("  - {failure}\n");
    }
    text + &format!("  replay: {}\n", id.replay())
}

fn other_failures(reports: &[&Report]) -> String {
    let seeds: Vec<String> = reports
        .iter()
        .take(SEEDS_LISTED)
        .map(|r| r.identity.seed.to_string())
        .collect();
    match reports.len() {
        0 => String::new(),
        n if n <= SEEDS_LISTED => format!("  also failing: seeds {}\n", seeds.join(" ")),
        n => format!(
            "  also failing: seeds {} and {} more\n",
            seeds.join(" "),
            n - SEEDS_LISTED
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn reports() -> Vec<Report> {
        vec![
            sample::run(sample::survived()).report(),
            sample::run(sample::starved()).report(),
        ]
    }

    #[test]
    fn a_run_is_told_measure_by_measure() {
        let text = one(&reports()[0]).to_string();
        for word in [
            "out-to-lunch (seed 7)",
            "worst pat",
            "250.0 ms",
            "400.0 ms",
            "pass",
        ] {
            assert!(text.contains(word), "no {word:?} in\n{text}");
        }
    }

    #[test]
    fn many_runs_are_told_by_their_worst() {
        let text = worst(&reports(), |r| r.identity.scenario.clone()).to_string();
        assert!(text.contains("89.0 s") && text.contains("1 FAIL"), "{text}");
    }

    #[test]
    fn times_of_a_snapshot_go_in_steps() {
        let steps = [0.0, 0.3, 12.8, 250.0, 600.0, 4500.0, 1e7].map(step);
        let said = ["0", "10 ms", "100 ms", "300 ms", "1 s", "10 s", "hours"];
        assert_eq!(steps, said);
        let text = snapshot(&reports());
        assert!(
            text.lines().nth(1).is_some_and(|l| l.contains("kcs")),
            "{text}"
        );
    }

    #[test]
    fn a_failing_run_comes_with_the_command_that_replays_it() {
        let text = failures(&reports());
        assert!(
            text.contains("replay: lab run out-to-lunch --ko build/ipmi.ko --seed 7"),
            "{text}"
        );
        assert!(
            text.contains("pretimeout fired at 158.0 s on a healthy host"),
            "{text}"
        );
    }
}
