// SPDX-License-Identifier: BSD-2-Clause
//! Holds a recorded run against the bounds its scenario promises, and says in words which of
//! them were violated. Must not know how a run is made.

use crate::record::{Record, Way};
use crate::span::{Ns, Span, Spans, S};

mod guard;
mod host;
mod pats;
mod service;
mod shown;
mod tally;

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
    /// The module panics the host once, saying so, so long after the BMC last confirmed, within
    /// the tolerance.
    ModulePanics(&'static str, Ns, Ns),
    /// While the BMC answers, the host is never without its guard for longer.
    GuardedWithin(Ns),
    /// The BMC's pre-timeout comes as an NMI.
    NmiComes,
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
    /// What `dev.ipmi.0.watchdog` counts is what was to be counted: calls and their failures,
    /// losses of the BMC's timer, gaps.
    CountsRight,
    /// The doctor, asked at that moment, says so.
    DoctorSays(Ns, &'static str),
    /// devd(8) hears this, subsystem and type.
    Notified(&'static str),
    /// devd(8) never hears it.
    NotNotified(&'static str),
    /// The console says so, before the host is reset if it is.
    Says(&'static str),
    /// It says so, and not again.
    SaysOnce(&'static str),
    /// In such a passage nothing is begun at the BMC.
    AsksNothingIn(Way),
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

/// All violations of the bounds, in words; none is a pass. Complaints of the software
/// kernel's checkers, panics that are not the scenario's and false alarms of the driver's violate
/// every scenario.
pub fn failures(record: &Record, bounds: &[Bound]) -> Vec<String> {
    let mut failures: Vec<String> = bounds
        .iter()
        .flat_map(|bound| violated(record, *bound))
        .collect();
    failures.extend(record.disappointments.iter().cloned());
    failures.extend(host::accusations(record));
    failures.extend(host::complaints(record, bounds));
    failures
}

fn violated(record: &Record, bound: Bound) -> Vec<String> {
    match bound {
        Bound::PatWithin(most) => pats::slow_pats(record, most),
        Bound::PatsAreHonest => pats::dishonest_pats(record),
        Bound::HostStaysUp => host::false_alarms(record),
        Bound::PretimeoutFires(tolerance) => host::missing_pretimeout(record, tolerance),
        Bound::BmcResetsHost(tolerance) => host::reset_by_bmc(record, tolerance),
        Bound::NoPretimeout => host::pretimeouts(record),
        Bound::ResetsHostAfter(countdown, tolerance) => host::unreset(record, countdown, tolerance),
        Bound::ResetsHostAfterLastPat(_) | Bound::ResetsHostAt(..) => {
            host::missing_reset(record, bound)
        }
        Bound::ModulePanics(words, after, tolerance) => {
            host::missing_panic(record, words, after, tolerance)
        }
        Bound::Panics(text) => shown::calm_kernel(record, text),
        Bound::NmiComes => shown::missing_nmi(record),
        Bound::LogsMissingPat => shown::unlogged(record),
        Bound::Counts(from, to) => guard::idle(record, from, to),
        Bound::StandsStill(from, to) => guard::active(record, from, to),
        Bound::LastWordHolds(within) => guard::unheeded(record, within),
        Bound::ShownAsItIs(most) => shown::lies(record, most),
        Bound::CountsRight => tally::miscounts(record),
        Bound::DoctorSays(at, words) => shown::wrong_diagnosis(record, at, words),
        Bound::Notified(what) => shown::unnotified(record, what),
        Bound::NotNotified(what) => shown::notified(record, what),
        Bound::Says(words) => shown::unsaid(record, words),
        Bound::SaysOnce(words) => shown::not_said_once(record, words),
        Bound::AsksNothingIn(way) => service::questions(record, way),
        Bound::DogCommandsASecond(most) => guard::traffic(record, most),
        Bound::GuardedWithin(most) => guard::unguarded(record, most + record.late),
        Bound::RecoversWithin(most) => service::late_recoveries(record, most + record.late),
        Bound::WorkerBelow(percent) => service::busy_worker(record, percent),
        Bound::ConsoleLinesAnHour(lines) => service::chatter(record, lines),
        Bound::PassesWithin(way, most) => service::slow_passages(record, way, most),
        Bound::PatStartsWithin(most) => pats::overtaken_pats(record, most + record.late),
        Bound::ClientsAreServed => service::unserved(record),
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

#[cfg(test)]
mod tests;
