// SPDX-License-Identifier: BSD-2-Clause
//! The picture of one run: lanes for requests, pats, the pretimeout callout, the BMC with its
//! watchdog timer, and the console, over one axis of seconds. Must not judge.

mod canvas;
mod lanes;

use canvas::{Canvas, Lane, LEFT, RIGHT};

use crate::record::{BmcState, Record};
use crate::report::{Run, Verdict};
use crate::span::{Ns, S};

/// Space between lanes, in pixels.
const GAP: f64 = 22.0;
/// A line of small text.
const LINE: f64 = 15.0;
/// More failures than this do not fit over a picture.
const FAILURES_SHOWED: usize = 5;

const CSS: &str = "
svg { background: #ffffff; font-family: 'DejaVu Sans', Verdana, Helvetica, sans-serif; }
text { font-size: 11px; fill: #37474f; }
.title { font-size: 17px; font-weight: bold; fill: #102027; }
.sub { font-size: 11px; fill: #607d8b; }
.pass { font-size: 17px; font-weight: bold; fill: #2e7d32; text-anchor: end; }
.fail { font-size: 17px; font-weight: bold; fill: #c62828; text-anchor: end; }
.failure { font-size: 11px; fill: #c62828; }
.lane { font-size: 12px; font-weight: bold; fill: #263238; text-anchor: end; }
.note { font-size: 10px; fill: #78909c; text-anchor: end; }
.axis { font-size: 11px; text-anchor: middle; }
.grid { stroke: #eceff1; stroke-width: 1; }
.scale { stroke: #eceff1; stroke-width: 1; stroke-dasharray: 2 3; }
.base { stroke: #b0bec5; stroke-width: 1; }
.wash-slow { fill: #fff8e1; } .wash-dead { fill: #fbe9e7; } .wash-rebooting { fill: #ede7f6; }
.bmc-healthy { fill: #81c784; } .bmc-slow { fill: #ffd54f; } .bmc-dead { fill: #e57373; }
.bmc-rebooting { fill: #b39ddb; }
.band { font-size: 11px; fill: #212121; text-anchor: middle; }
.waiting { fill: #90caf9; stroke: #1976d2; stroke-width: 0.8; }
.answered { stroke: #388e3c; stroke-width: 0.7; opacity: 0.7; }
.failed { stroke: #d32f2f; stroke-width: 0.7; opacity: 0.7; }
.gave-up { stroke: #8d6e63; stroke-width: 0.7; opacity: 0.8; }
.limit { stroke: #c62828; stroke-width: 1; stroke-dasharray: 6 4; }
.stem-ok { stroke: #2e7d32; stroke-width: 1; } .dot-ok { fill: #2e7d32; }
.stem-error { stroke: #ef6c00; stroke-width: 1; } .dot-error { fill: #ef6c00; }
.held { stroke: #c62828; stroke-width: 3; } .dot-held { fill: #c62828; }
.callout { fill: none; stroke: #6a1b9a; stroke-width: 1.2; }
.fired { stroke: #c62828; stroke-width: 2; } .fired-word { fill: #c62828; font-weight: bold; }
.fired-left { text-anchor: end; }
.timer { fill: none; stroke: #00695c; stroke-width: 1.2; }
.frozen { fill: none; stroke: #00695c; stroke-width: 1.2; stroke-dasharray: 3 3; }
.gap { fill: #ef9a9a; opacity: 0.75; }
.console { stroke: #455a64; stroke-width: 1; }
.line { font-size: 10px; fill: #455a64; font-family: 'DejaVu Sans Mono', monospace; }
.key { font-size: 11px; }
.sign { stroke-width: 2.5; opacity: 1; }
.when { text-anchor: end; }
";

/// Draws one run.
pub fn draw(run: &Run) -> String {
    let record = &run.record;
    let mut canvas = Canvas::new(record.end, CSS);
    let top = 52.0 + LINE * run.failures.len().min(FAILURES_SHOWED + 1) as f64;
    let lanes = [90.0, 110.0, 80.0, 26.0, 80.0, lanes::console_height(record)];
    let placed = place(top + GAP, &lanes);
    let bottom = placed[placed.len() - 1].bottom();
    wash(&mut canvas, record, top, bottom);
    axis(&mut canvas, record.end, top, bottom);
    heading(&mut canvas, run);
    lanes::requests(&mut canvas, record, placed[0]);
    lanes::pats(&mut canvas, record, placed[1], run.pat_limit);
    lanes::callout(&mut canvas, record, placed[2]);
    lanes::bmc(&mut canvas, record, placed[3]);
    lanes::timer(&mut canvas, record, placed[4]);
    lanes::console(&mut canvas, record, placed[5]);
    events(&mut canvas, record, top, bottom);
    legend(&mut canvas, bottom + 48.0);
    canvas.finish(bottom + 100.0)
}

fn place(mut top: f64, heights: &[f64]) -> Vec<Lane> {
    let mut next = |&height: &f64| {
        let lane = Lane { top, height };
        top = lane.bottom() + GAP;
        lane
    };
    heights.iter().map(&mut next).collect()
}

fn heading(canvas: &mut Canvas, run: &Run) {
    let id = &run.identity;
    canvas.text(
        "title",
        16.0,
        24.0,
        &format!("{} over {}, seed {}", id.scenario, id.transport, id.seed),
    );
    let sha = id.ko_sha256.get(..12).unwrap_or(&id.ko_sha256);
    canvas.text("sub", 16.0, 42.0, &format!("{}, SHA-256 {sha}…", id.ko));
    match run.verdict() {
        Verdict::Pass => canvas.text("pass", RIGHT, 24.0, "pass"),
        Verdict::Fail => canvas.text("fail", RIGHT, 24.0, "FAIL"),
    }
    let mut y = 42.0;
    for failure in run.failures.iter().take(FAILURES_SHOWED) {
        y += LINE;
        canvas.text("failure", 16.0, y, failure);
    }
    if let Some(rest) = run
        .failures
        .len()
        .checked_sub(FAILURES_SHOWED)
        .filter(|&n| n > 0)
    {
        canvas.text("failure", 16.0, y + LINE, &format!("and {rest} more"));
    }
}

/// Tints all lanes where the BMC is not healthy.
fn wash(canvas: &mut Canvas, record: &Record, top: f64, bottom: f64) {
    let lane = Lane {
        top,
        height: bottom - top,
    };
    for state in [BmcState::Slow, BmcState::Dead, BmcState::Rebooting] {
        for span in record.bmc_in(&[state]).iter() {
            canvas.bar(&format!("wash-{}", state.name()), *span, lane);
        }
    }
}

/// Seconds between labels: a round number that leaves room for them.
fn step(end: Ns) -> Ns {
    let steps = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600];
    let fits = |s: &&u64| end / (**s * S) <= 20;
    steps.iter().find(fits).unwrap_or(&7200) * S
}

fn axis(canvas: &mut Canvas, end: Ns, top: f64, bottom: f64) {
    let step = step(end);
    for at in (0..=end).step_by(step as usize) {
        canvas.tick("grid", at, top, bottom);
        let x = canvas.x(at);
        canvas.text("axis", x, bottom + LINE, &(at / S).to_string());
    }
    canvas.level("base", bottom);
    canvas.text("note", LEFT - 50.0, bottom + LINE, "virtual time, s");
}

/// What concerns the whole host, through all lanes.
fn events(canvas: &mut Canvas, record: &Record, top: f64, bottom: f64) {
    let fired = record
        .pretimeouts
        .iter()
        .map(|&at| (at, "pretimeout fired"));
    let reset = record.host_resets.iter().map(|r| (r.at, "host reset"));
    for (at, words) in fired.chain(reset) {
        canvas.tick("fired", at, top, bottom);
        let x = canvas.x(at);
        match x + 120.0 < RIGHT {
            true => canvas.text("fired-word", x + 4.0, top + 11.0, words),
            false => canvas.text("fired-word fired-left", x - 4.0, top + 11.0, words),
        }
    }
}

fn legend(canvas: &mut Canvas, y: f64) {
    let entries = [
        ("waiting", "requests waiting", 'r'),
        ("answered", "request answered", 'l'),
        ("failed", "request failed", 'l'),
        ("gave-up", "client gave up", 'l'),
        ("stem-ok", "pat confirmed", 'l'),
        ("stem-error", "pat not confirmed, returned in time", 'l'),
        ("held", "pat held by the driver", 'l'),
        ("limit", "longest a pat may take", 'l'),
        ("callout", "pretimeout callout", 'l'),
        ("timer", "BMC timer counting", 'l'),
        ("frozen", "BMC timer standing still", 'l'),
        ("gap", "wanted, but not counting", 'r'),
        ("bmc-healthy", "BMC healthy", 'r'),
        ("bmc-slow", "slow", 'r'),
        ("bmc-dead", "dead", 'r'),
        ("bmc-rebooting", "rebooting", 'r'),
    ];
    let (mut x, mut y) = (16.0, y);
    for (class, words, kind) in entries {
        let width = 40.0 + 6.6 * words.len() as f64;
        if x + width > RIGHT {
            (x, y) = (16.0, y + 20.0);
        }
        match kind {
            'r' => canvas.rect(class, x, y - 9.0, 18.0, 10.0),
            _ => canvas.line(&format!("{class} sign"), (x, y - 4.0), (x + 18.0, y - 4.0)),
        }
        canvas.text("key", x + 24.0, y, words);
        x += width;
    }
}

#[cfg(test)]
mod tests {
    use crate::sample;

    #[test]
    fn every_lane_is_titled_and_the_axis_is_in_seconds() {
        let svg = super::draw(&sample::run(sample::survived()));
        for word in [
            "requests",
            "watchdog pats",
            "pretimeout",
            "BMC",
            "BMC timer",
            "console",
            "virtual time, s",
            "120",
        ] {
            assert!(svg.contains(word), "no {word:?} in the picture");
        }
    }

    /// To look at: IPMI_LAB_PICTURES names a directory for the pictures of the samples.
    #[test]
    fn samples_can_be_looked_at() {
        let Some(directory) = std::env::var_os("IPMI_LAB_PICTURES") else {
            return;
        };
        for (name, record) in [
            ("survived", sample::survived()),
            ("starved", sample::starved()),
        ] {
            let path = std::path::Path::new(&directory)
                .join(name)
                .with_extension("svg");
            std::fs::write(path, super::draw(&sample::run(record))).unwrap();
        }
    }

    #[test]
    fn a_failing_run_says_why() {
        let svg = super::draw(&sample::run(sample::starved()));
        assert!(svg.contains("FAIL") && svg.contains("pretimeout fired"));
    }
}
