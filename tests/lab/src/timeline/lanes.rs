// SPDX-License-Identifier: BSD-2-Clause
//! The lanes of the picture, each a function from the record to shapes. Must not know where on
//! the page a lane stands nor what shapes are made of.

use super::canvas::{Canvas, Lane, LEFT, RIGHT};
use crate::record::{BmcState, Outcome, Pat, Record, Timer};
use crate::span::{millis, seconds, Ns, Span, Spans, MS, S};

/// Console lines that are written out; the rest are ticks only.
const LINES_SHOWED: usize = 12;
const LINE: f64 = 12.0;

fn title(canvas: &mut Canvas, lane: Lane, words: &str, note: &str) {
    let middle = lane.top + lane.height / 2.0;
    canvas.text("lane", LEFT - 50.0, middle - 1.0, words);
    canvas.text("note", LEFT - 50.0, middle + 13.0, note);
    canvas.level("base", lane.bottom());
}

/// How many requests wait at each instant, with a rug of how they ended.
pub fn requests(canvas: &mut Canvas, record: &Record, lane: Lane) {
    let begin = record.requests.iter().map(|r| (r.sent, 1i64));
    let end = record
        .requests
        .iter()
        .filter_map(|r| r.outcome)
        .map(|(at, _)| (at, -1));
    let mut changes: Vec<(Ns, i64)> = begin.chain(end).collect();
    changes.sort();
    let (mut waiting, mut most) = (0, 0);
    let steps: Vec<(Ns, i64)> = changes
        .into_iter()
        .map(|(at, change)| {
            waiting += change;
            most = most.max(waiting);
            (at, waiting)
        })
        .collect();
    title(canvas, lane, "requests", &format!("most waiting: {most}"));
    let plot = Lane {
        top: lane.top,
        height: lane.height - 14.0,
    };
    let mut points = vec![(LEFT, plot.bottom())];
    for (at, n) in steps {
        let (x, y) = (canvas.x(at), plot.y(n as f64 / most.max(1) as f64));
        let last = points[points.len() - 1];
        points.extend([(x, last.1), (x, y)]);
    }
    points.push((RIGHT, points[points.len() - 1].1));
    points.push((RIGHT, plot.bottom()));
    canvas.area("waiting", &thinned(&points));
    rug(canvas, record, plot.bottom() + 2.0, lane.bottom());
}

/// Of the points that stand on one half pixel, the first, the last and the extremes.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let column = |p: &(f64, f64)| (p.0 * 2.0) as i64;
    let columns = points.chunk_by(|a, b| column(a) == column(b));
    columns
        .flat_map(|same| {
            let by_height = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
            let extremes = [same.iter().min_by(by_height), same.iter().max_by(by_height)];
            [same.first(), extremes[0], extremes[1], same.last()]
        })
        .flatten()
        .copied()
        .collect()
}

/// A tick for each request that ended, one for all of a kind on one half pixel.
fn rug(canvas: &mut Canvas, record: &Record, top: f64, bottom: f64) {
    let mut drawn = std::collections::BTreeSet::new();
    for (at, outcome) in record.requests.iter().filter_map(|r| r.outcome) {
        let class = match outcome {
            Outcome::Answered(_) => "answered",
            Outcome::Failed(_) => "failed",
            Outcome::GaveUp => "gave-up",
        };
        if drawn.insert((class, (canvas.x(at) * 2.0) as i64)) {
            canvas.tick(class, at, top, bottom);
        }
    }
}

/// Each call of the watchdog, as high as it took long, on a logarithmic scale.
pub fn pats(canvas: &mut Canvas, record: &Record, lane: Lane, limit: Ns) {
    title(canvas, lane, "watchdog pats", "latency");
    let height = |latency: Ns| (millis(latency).max(0.1).log10() + 1.0) / 7.0;
    for (latency, words) in [
        (MS, "1 ms"),
        (100 * MS, "100 ms"),
        (10 * S, "10 s"),
        (1000 * S, "1000 s"),
    ] {
        let y = lane.y(height(latency));
        canvas.level("scale", y);
        canvas.text("note", LEFT - 5.0, y + 3.0, words);
    }
    canvas.level("limit", lane.y(height(limit)));
    for pat in &record.pats {
        one_pat(canvas, record, lane, pat, limit, &height);
    }
}

fn one_pat(
    canvas: &mut Canvas,
    record: &Record,
    lane: Lane,
    pat: &Pat,
    limit: Ns,
    height: &impl Fn(Ns) -> f64,
) {
    let latency = pat.latency(record.end);
    let y = lane.y(height(latency));
    let held = latency > limit || pat.returned.is_none();
    let kind = match pat.returned {
        _ if held => "held",
        Some((_, 0)) => "ok",
        _ => "error",
    };
    let said = match pat.returned {
        Some((_, error)) => format!(
            "{:.3} s: {:.3} ms, errno {error}",
            seconds(pat.at),
            millis(latency)
        ),
        None => format!("{:.3} s: never returned", seconds(pat.at)),
    };
    let x = canvas.x(pat.at);
    if held {
        let end = canvas.x(pat.at + latency);
        canvas.line("held", (x, y), (end.max(x + 1.0), y));
    } else {
        canvas.line(&format!("stem-{kind}"), (x, lane.bottom()), (x, y));
    }
    canvas.dot(&format!("dot-{kind}"), x, y, &said);
}

/// What is left until watchdog(9)'s pretimeout fires: armed again whenever a pat returns.
pub fn callout(canvas: &mut Canvas, record: &Record, lane: Lane) {
    let armed = |p: &Pat| {
        p.returned
            .filter(|_| p.pretimeout > 0 || p.timeout == 0)
            .map(|(at, _)| (at, p.timeout.saturating_sub(p.pretimeout)))
    };
    let mut arms: Vec<(Ns, Ns)> = record.pats.iter().filter_map(armed).collect();
    arms.sort();
    let full = arms.iter().map(|&(_, left)| left).max().unwrap_or(S).max(S);
    title(
        canvas,
        lane,
        "pretimeout callout",
        &format!("time left, of {:.1} s", seconds(full)),
    );
    for (i, &(at, left)) in arms.iter().enumerate().filter(|(_, arm)| arm.1 > 0) {
        let until = arms
            .get(i + 1)
            .map_or(record.end, |next| next.0)
            .min(at + left);
        saw(
            canvas,
            "callout",
            lane,
            full,
            (at, until),
            (left, left - (until - at)),
        );
    }
}

/// A slanted line from one amount left to another.
fn saw(canvas: &mut Canvas, class: &str, lane: Lane, full: Ns, at: (Ns, Ns), left: (Ns, Ns)) {
    let y = |left: Ns| lane.y(left as f64 / full as f64);
    let points = [(canvas.x(at.0), y(left.0)), (canvas.x(at.1), y(left.1))];
    canvas.path(class, &points);
}

/// The states of the BMC as a band.
pub fn bmc(canvas: &mut Canvas, record: &Record, lane: Lane) {
    title(canvas, lane, "BMC", "");
    let states = [
        BmcState::Healthy,
        BmcState::Slow,
        BmcState::Dead,
        BmcState::Rebooting,
    ];
    for state in states {
        for span in record.bmc_in(&[state]).iter() {
            canvas.bar(&format!("bmc-{}", state.name()), *span, lane);
            let (from, to) = (canvas.x(span.from), canvas.x(span.to));
            if to - from > 8.0 * state.name().len() as f64 {
                canvas.text(
                    "band",
                    (from + to) / 2.0,
                    lane.top + lane.height / 2.0 + 4.0,
                    state.name(),
                );
            }
        }
    }
}

/// What the BMC's own watchdog timer has left, and where it is missing.
pub fn timer(canvas: &mut Canvas, record: &Record, lane: Lane) {
    let left = |t: &Timer| match *t {
        Timer::Running(left) | Timer::Frozen(left) => left,
        Timer::Stopped => 0,
    };
    let full = record
        .timer
        .iter()
        .map(|(_, t)| left(t))
        .max()
        .unwrap_or(S)
        .max(S);
    title(
        canvas,
        lane,
        "BMC timer",
        &format!("time left, of {:.1} s", seconds(full)),
    );
    for gap in record.gaps().iter() {
        canvas.bar("gap", *gap, lane);
    }
    for (i, &(at, state)) in record.timer.iter().enumerate() {
        let until = record.timer.get(i + 1).map_or(record.end, |next| next.0);
        match state {
            Timer::Running(left) => {
                let until = until.min(at + left);
                saw(
                    canvas,
                    "timer",
                    lane,
                    full,
                    (at, until),
                    (left, left - (until - at)),
                );
            }
            Timer::Frozen(left) => saw(canvas, "frozen", lane, full, (at, until), (left, left)),
            Timer::Stopped => {}
        }
    }
}

/// How high the console's lane must be.
pub fn console_height(record: &Record) -> f64 {
    14.0 + LINE * record.console.len().clamp(1, LINES_SHOWED) as f64
}

/// A tick for each line, and the first of them in words.
pub fn console(canvas: &mut Canvas, record: &Record, lane: Lane) {
    title(
        canvas,
        lane,
        "console",
        &format!("{} lines", record.console.len()),
    );
    let marked = Spans::of(
        record
            .console
            .iter()
            .filter_map(|l| Span::new(l.at, l.at + 1)),
    );
    for at in marked.iter() {
        canvas.tick("console", at.from, lane.bottom() - 10.0, lane.bottom());
    }
    for (i, line) in record.console.iter().take(LINES_SHOWED).enumerate() {
        let y = lane.top + LINE * (i as f64 + 0.6);
        canvas.text(
            "line when",
            LEFT + 56.0,
            y,
            &format!("{:.3}", seconds(line.at)),
        );
        canvas.text("line", LEFT + 64.0, y, &line.text);
    }
}
