// SPDX-License-Identifier: BSD-2-Clause
//! Holds a recorded run against the bounds its scenario promises, and says in words which of
//! them were violated. Must not know how a run is made.

use crate::record::{Begin, Begun, Outcome, Pat, Record, Request, Way};
use crate::span::{millis, seconds, Ns, Span, Spans, S};

mod guard;
mod shown;

/// A promise that a scenario makes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// No call of the watchdog takes longer.
    PatWithin(Ns),
    /// A pat that reports success was confirmed by the BMC within the countdown it asked
    /// for, and one made while the BMC answers reports success.
    PatsAreHonest,
    /// No pretimeout fires and nobody resets the host.
    HostStaysUp,
    /// The pretimeout fires when the last pat's return is older than timeout - pretimeout,
    /// within the tolerance.
    PretimeoutFires(Ns),
    /// The BMC resets the host when its last confirmed pat is older than the timeout,
    /// within the tolerance, and not before.
    BmcResetsHost(Ns),
    /// No pretimeout fires, whatever else befalls the host.
    NoPretimeout,
    /// The BMC resets the host this long after it last confirmed, within the tolerance.
    ResetsHostAfter(Ns, Ns),
    /// The BMC resets the host when the last pat's entry is older than its timeout, within the
    /// tolerance, whenever that pat was confirmed.
    ResetsHostAfterLastPat(Ns),
    /// The BMC resets the host at that moment, within the tolerance.
    ResetsHostAt(Ns, Ns),
    /// The module panics the host so long after the BMC last confirmed, within the tolerance.
    ModulePanics(Ns, Ns),
    /// While the BMC answers, the host is never without its guard for longer.
    GuardedWithin(Ns),
    /// The BMC's pre-timeout comes as an NMI.
    NmiComes,
    /// Nobody panics the kernel.
    NoPanic,
    /// The BMC's event log has an entry of a pat that did not come.
    LogsMissingPat,
    /// The kernel panics, saying so.
    Panics(&'static str),
    /// The BMC's timer runs all the time from one instant to another.
    Counts(Ns, Ns),
    /// It never does.
    StandsStill(Ns, Ns),
    /// While the BMC answers, so long after the last of several calls of the watchdog the timer
    /// is where that call wanted it.
    LastWordHolds(Ns),
    /// While the BMC answers, what `dev.ipmi.0.watchdog` shows differs from what the BMC says
    /// for no longer; when it has not answered for long, the doctor says so.
    ShownAsItIs(Ns),
    /// The doctor, asked at that moment, says so.
    DoctorSays(Ns, &'static str),
    /// devd(8) hears this, subsystem and type.
    Notified(&'static str),
    /// devd(8) never hears it.
    NotNotified(&'static str),
    /// The console says so, before the host is reset if it is.
    Says(&'static str),
    /// The BMC runs no more watchdog commands in any second.
    DogCommandsASecond(usize),
    /// From the BMC answering again to a confirmed pat.
    RecoversWithin(Ns),
    /// The module's threads use less of a processor during outages, in percent; outages that are
    /// over in seconds do not tell.
    WorkerBelow(f64),
    /// Lines on the console in each begun hour of outage.
    ConsoleLinesAnHour(usize),
    /// Every such passage through the driver ends within.
    PassesWithin(Way, Ns),
    /// A pat's transaction, or the abort that makes way for it, begins at the registers within,
    /// and no more than one application transaction begins between the pat and that.
    PatStartsWithin(Ns),
    /// Every request ends, none twice, and while the BMC answers they are answered.
    ClientsAreServed,
}

/// Time after an outage in which pats and requests may still feel it.
const AFTERMATH: Ns = 5 * S;

/// Outages of less do not tell how busy a worker is.
const TELLING: Ns = 10 * S;

/// All violations of the bounds, in words; none is a pass. Complaints of the software
/// kernel's checkers violate every scenario.
pub fn failures(record: &Record, bounds: &[Bound]) -> Vec<String> {
    let mut failures: Vec<String> = bounds
        .iter()
        .flat_map(|bound| violated(record, *bound))
        .collect();
    failures.extend(record.disappointments.iter().cloned());
    // A panic that a scenario asks for is no complaint.
    let asked_for = bounds.iter().any(|b| matches!(b, Bound::ModulePanics(..)));
    let excused = |text: &str| asked_for && text.contains("the module called panic");
    failures.extend(
        record
            .violations
            .iter()
            .filter(|v| !excused(&v.text))
            .map(|v| format!("at {:.6} s: {}", seconds(v.at), v.text)),
    );
    failures
}

fn violated(record: &Record, bound: Bound) -> Vec<String> {
    match bound {
        Bound::PatWithin(most) => slow_pats(record, most),
        Bound::PatsAreHonest => dishonest_pats(record),
        Bound::HostStaysUp => false_alarms(record),
        Bound::PretimeoutFires(tolerance) => missing_pretimeout(record, tolerance),
        Bound::BmcResetsHost(tolerance) => missing_reset(record, tolerance),
        Bound::NoPretimeout => guard::pretimeouts(record),
        Bound::ResetsHostAfter(countdown, tolerance) => {
            guard::unreset(record, countdown, tolerance)
        }
        Bound::ResetsHostAfterLastPat(_) | Bound::ResetsHostAt(..) => {
            guard::missing_reset(record, bound)
        }
        Bound::ModulePanics(after, tolerance) => guard::missing_panic(record, after, tolerance),
        Bound::Panics(text) => shown::calm_kernel(record, text),
        Bound::NmiComes => shown::missing_nmi(record),
        Bound::NoPanic => shown::needless_panic(record),
        Bound::LogsMissingPat => shown::unlogged(record),
        Bound::Counts(from, to) => guard::idle(record, from, to),
        Bound::StandsStill(from, to) => guard::active(record, from, to),
        Bound::LastWordHolds(within) => guard::unheeded(record, within),
        Bound::ShownAsItIs(most) => shown::lies(record, most),
        Bound::DoctorSays(at, words) => shown::wrong_diagnosis(record, at, words),
        Bound::Notified(what) => shown::unnotified(record, what),
        Bound::NotNotified(what) => shown::notified(record, what),
        Bound::Says(words) => shown::unsaid(record, words),
        Bound::DogCommandsASecond(most) => guard::traffic(record, most),
        Bound::GuardedWithin(most) => unguarded(record, most),
        Bound::RecoversWithin(most) => late_recoveries(record, most),
        Bound::WorkerBelow(percent) => busy_worker(record, percent),
        Bound::ConsoleLinesAnHour(lines) => chatter(record, lines),
        Bound::PassesWithin(way, most) => slow_passages(record, way, most),
        Bound::PatStartsWithin(most) => overtaken_pats(record, most),
        Bound::ClientsAreServed => unserved(record),
    }
}

/// One sentence about the worst of several offenders, none if there are none.
fn worst<T>(
    mut offenders: Vec<T>,
    by: impl Fn(&T) -> Ns,
    say: impl Fn(usize, &T) -> String,
) -> Vec<String> {
    offenders.sort_by_key(&by);
    offenders
        .last()
        .map(|last| say(offenders.len(), last))
        .into_iter()
        .collect()
}

fn plural(n: usize, thing: &str) -> String {
    format!("{n} {thing}{}", if n == 1 { "" } else { "s" })
}

fn slow_pats(record: &Record, most: Ns) -> Vec<String> {
    let slow = record
        .pats
        .iter()
        .filter(|p| p.latency(record.end) > most)
        .collect();
    worst(
        slow,
        |p| p.latency(record.end),
        |n, p| {
            let how = if p.returned.is_some() {
                "took"
            } else {
                "had not returned after"
            };
            let held = millis(p.latency(record.end));
            let (at, most) = (seconds(p.at), millis(most));
            format!(
                "{} over {most:.0} ms: the one at {at:.3} s {how} {held:.1} ms",
                plural(n, "pat")
            )
        },
    )
}

fn dishonest_pats(record: &Record) -> Vec<String> {
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

/// When the BMC answers, no outage is still felt, and nobody has taken the hardware over.
fn calm(record: &Record) -> Spans {
    let felt = record.outages();
    let felt = felt.iter().map(|s| Span {
        from: s.from,
        to: s.to + AFTERMATH,
    });
    let stopped = record
        .passages
        .iter()
        .filter(|p| matches!(p.way, Way::Kdb | Way::Panic | Way::Dump | Way::Shutdown));
    let stopped = stopped.filter_map(|p| Span::new(p.from, p.to.unwrap_or(record.end)));
    record.answering().minus(&Spans::of(felt.chain(stopped)))
}

fn within(spans: &Spans, from: Ns, to: Ns) -> bool {
    spans.iter().any(|s| s.from <= from && to < s.to)
}

fn false_alarms(record: &Record) -> Vec<String> {
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

fn missing_pretimeout(record: &Record, tolerance: Ns) -> Vec<String> {
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

fn missing_reset(record: &Record, tolerance: Ns) -> Vec<String> {
    let Some(pat) = record.pats.iter().rev().find(|p| p.timeout > 0) else {
        return vec!["no pat was made, so nothing armed the BMC".into()];
    };
    guard::unreset(record, pat.timeout, tolerance)
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

fn unguarded(record: &Record, most: Ns) -> Vec<String> {
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

fn late_recoveries(record: &Record, most: Ns) -> Vec<String> {
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

fn busy_worker(record: &Record, percent: f64) -> Vec<String> {
    let used = record.worker_percent(&record.outages().at_least(TELLING));
    let over = used >= percent;
    over.then(|| format!("the worker used {used:.2} % of a processor during the outage; {percent} % is the limit"))
        .into_iter()
        .collect()
}

fn chatter(record: &Record, an_hour: usize) -> Vec<String> {
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

fn slow_passages(record: &Record, way: Way, most: Ns) -> Vec<String> {
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

fn overtaken_pats(record: &Record, most: Ns) -> Vec<String> {
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

fn unserved(record: &Record) -> Vec<String> {
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

#[cfg(test)]
mod tests;
