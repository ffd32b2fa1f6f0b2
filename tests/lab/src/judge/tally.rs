// SPDX-License-Identifier: BSD-2-Clause
//! What `dev.ipmi.0.watchdog` counts since attach, held against what was seen: calls of the
//! watchdog, losses of the BMC's timer, gaps in the protection. Must not know how a run is made.

use super::{calm, within};
use crate::record::{Counters, Look, Pat, Record, Request, Timer, Way};
use crate::span::{seconds, Ns, Span, Spans, MS, S};

/// A look takes so long at most, and so does the way from a call's end to its counter.
const BLUR: Ns = 20 * MS;
/// A confirmation this old is good for a pat.
const COALESCED: Ns = 150 * MS;
/// What the driver does about a loss that it was told of is done by then.
const DONE: Ns = S;
/// From the beginning of an attempt to what the BMC does for it.
const HELD_UP: Ns = 100 * MS;
/// Get Watchdog Timer.
const GET: (u8, u8) = (0x06, 0x25);
/// Errnos of calls that no driver took: ENXIO in a shutdown, EINVAL, EOPNOTSUPP.
const NOT_TAKEN: [i32; 3] = [6, 22, 45];

/// From how many on to how many.
type Range = (u64, u64);

/// The first look at counters that are not what they should be, counter by counter.
pub(super) fn miscounts(record: &Record) -> Vec<String> {
    let seen = Seen::new(record);
    let judged = record.looks.iter().filter(|look| look.at <= seen.ends);
    let wrong = judged.map(|look| seen.wrong(record, look));
    wrong
        .into_iter()
        .find(|w| !w.is_empty())
        .unwrap_or_default()
}

/// A call of the watchdog that the driver took and that has returned.
struct Call {
    from: Ns,
    to: Ns,
    failed: bool,
    confirmed: bool,
    unconfirmed: bool,
}

/// A gap as the driver is to count it.
struct Gap {
    /// What of it is to be known, and from when on; nothing of a gap that is mere belief.
    least: Option<(Span, Ns)>,
    /// As long as it may be shown: from the last sign of counting to the next.
    most: Span,
}

/// The BMC's timer was gone, and not on the host's word.
struct Loss {
    at: Ns,
    /// When the BMC first said so.
    told: Option<Ns>,
}

/// What was seen of all that is counted.
struct Seen {
    /// From here on others have a hand in it.
    ends: Ns,
    /// Calls that began before this were another device's.
    begins: Ns,
    calls: Vec<Call>,
    losses: Vec<Loss>,
    gaps: Vec<Gap>,
    /// How late the driver may hear of a gap's end.
    late: Ns,
    /// The most that a caller is held.
    held: Ns,
}

impl Seen {
    fn new(record: &Record) -> Seen {
        let ways = |ways: &'static [Way]| record.passages.iter().filter(|p| ways.contains(&p.way));
        let stopped = ways(&[Way::Kdb, Way::Panic, Way::Dump, Way::Shutdown, Way::Unload]);
        let left = ways(&[Way::Detach]);
        let begins = left.map(|p| p.from).max().unwrap_or(0);
        let calm = calm(record);
        let taken = record.pats.iter().filter(|p| p.at >= begins);
        let losses = losses(record);
        let calls = taken.filter_map(|p| call(record, &calm, p)).collect();
        Seen {
            ends: stopped.map(|p| p.from).min().unwrap_or(Ns::MAX),
            begins,
            calls,
            gaps: gaps(record, &losses),
            losses,
            late: record.late,
            held: record.worst_pat().map_or(0, |p| p.latency(record.end)),
        }
    }

    fn wrong(&self, record: &Record, look: &Look) -> Vec<String> {
        if look.at < self.begins {
            return Vec::new();
        }
        let shown = look.counters;
        let rows = [
            ("pats", shown.pats, self.pats(record, look.at)),
            (
                "failures",
                shown.failures,
                self.count(look.at, |c| c.failed, |c| c.failed),
            ),
            (
                "unconfirmed",
                shown.unconfirmed,
                self.count(look.at, |c| c.unconfirmed, |c| !c.confirmed),
            ),
            ("rearmed", shown.rearmed, self.rearmed(record, look.at)),
            ("gaps", shown.gaps, self.gap_count(look.at)),
        ];
        let rows = rows
            .into_iter()
            .filter(|(_, shown, (least, most))| !(least..=most).contains(&shown));
        let mut said: Vec<String> = rows
            .map(|(name, shown, (least, most))| {
                let at = seconds(look.at);
                format!("at {at:.3} s {name} is shown as {shown}; {least} to {most} were seen")
            })
            .collect();
        said.extend(self.wrong_lengths(look.at, &shown));
        said
    }

    fn pats(&self, record: &Record, at: Ns) -> Range {
        let begun = record
            .pats
            .iter()
            .filter(|p| p.at >= self.begins && p.at <= at);
        let open = begun.filter(|p| p.returned.is_none_or(|(to, _)| to + BLUR > at));
        let done = self.calls.iter().filter(|c| c.to + BLUR <= at).count() as u64;
        (done, done + open.count() as u64)
    }

    fn count(&self, at: Ns, surely: fn(&Call) -> bool, maybe: fn(&Call) -> bool) -> Range {
        let calls = || self.calls.iter();
        let least = calls().filter(|c| surely(c) && c.to + BLUR <= at);
        let most = calls().filter(|c| maybe(c) && c.from <= at);
        (least.count() as u64, most.count() as u64)
    }

    /// Each loss that the BMC tells of is made good once, or twice if it comes while that is done;
    /// and so is what a BMC does not do as it is told.
    fn rearmed(&self, record: &Record, at: Ns) -> Range {
        let notes = record.notifications.iter();
        let altered = notes.filter(|n| n.text.ends_with("altered")).map(|n| n.at);
        let sure = altered.clone();
        let sure = sure.filter(|&told| told + BLUR + self.late <= at);
        let sure = sure.count() as u64;
        let altered = altered.filter(|&told| told <= at + BLUR).count() as u64;
        let losses = self.losses.iter();
        let told = losses
            .clone()
            .filter(|l| l.told.is_some_and(|told| told + DONE + self.late <= at));
        let (least, most) = (
            told.count() as u64,
            losses.filter(|l| l.at <= at).count() as u64,
        );
        (least + sure, 2 * most + 2 * altered)
    }

    /// The least of each gap that is known of by then.
    fn known(&self, at: Ns) -> impl Iterator<Item = Ns> + '_ {
        let known = self.gaps.iter().filter_map(|gap| gap.least);
        let known = known.filter(move |&(_, from)| from + BLUR <= at);
        known.map(move |(span, _)| span.to.min(at) - span.from)
    }

    fn gap_count(&self, at: Ns) -> Range {
        let most = self.gaps.iter().filter(|g| g.most.from <= at);
        (self.known(at).count() as u64, most.count() as u64)
    }

    fn wrong_lengths(&self, at: Ns, shown: &Counters) -> Vec<String> {
        let least = self.known(at).map(|l| l.saturating_sub(self.held + BLUR));
        let least: Vec<Ns> = least.collect();
        let most = self.gaps.iter().filter(|g| g.most.from <= at);
        let most: Vec<Ns> = most
            .map(|g| g.most.to.min(at) - g.most.from + HELD_UP + self.late)
            .collect();
        let longest = |of: &[Ns]| of.iter().copied().max().unwrap_or(0);
        let total = |of: &[Ns]| of.iter().sum::<Ns>();
        let rows = [
            (
                "gap_longest_ms",
                shown.gap_longest,
                longest(&least),
                longest(&most),
            ),
            ("gap_total_ms", shown.gap_total, total(&least), total(&most)),
        ];
        let rows = rows
            .into_iter()
            .filter(|&(_, shown, least, most)| shown < least || shown > most);
        rows.map(|(name, shown, least, most)| {
            let (at, shown) = (seconds(at), seconds(shown));
            let (least, most) = (seconds(least), seconds(most));
            format!(
                "at {at:.3} s {name} is shown as {shown:.3} s; {least:.3} to {most:.3} s were seen"
            )
        })
        .collect()
    }
}

fn call(record: &Record, calm: &Spans, pat: &Pat) -> Option<Call> {
    let (to, error) = pat
        .returned
        .filter(|(_, error)| !NOT_TAKEN.contains(error))?;
    let since = pat.at.saturating_sub(COALESCED);
    let first = record.confirmed.partition_point(|&c| c < since);
    let confirmed = record.confirmed.get(first).is_some_and(|&c| c <= to);
    let alone = || {
        let mut others = record.pats.iter().filter(|o| !std::ptr::eq(*o, pat));
        !others.any(|o| o.at <= to && o.at + o.latency(record.end) >= since)
    };
    let unconfirmed = pat.timeout > 0 && !confirmed && alone();
    Some(Call {
        from: pat.at,
        to,
        failed: error != 0,
        confirmed: error == 0 && within(calm, pat.at, to) && !unconfirmed,
        unconfirmed,
    })
}

fn losses(record: &Record) -> Vec<Loss> {
    let asked = Spans::of_changes(&record.asked, record.end);
    let (gaps, answering) = (record.gaps(), record.answering());
    // What may be an answer to an application is none to the driver.
    let overheard = |told: Ns| {
        let mut asking = record.requests.iter().filter(|r| r.what == GET);
        let until = |r: &Request| r.outcome.map_or(record.end, |(at, _)| at);
        asking.any(|r| r.sent <= told && told <= until(r))
    };
    let on_our_word = |at: Ns| {
        let mut sets = record.dog.iter().filter(|&&(_, command)| command == 0x24);
        sets.any(|&(set, _)| set <= at && at - set < BLUR)
    };
    let gone = |pair: &[(Ns, Timer)]| {
        let at = pair[1].0;
        let stops = pair[0].1 != Timer::Stopped && pair[1].1 == Timer::Stopped;
        let gap = gaps.iter().find(|gap| gap.contains(at))?;
        let told = record.told_stopped.iter().copied();
        let mut told = told.filter(|&told| answering.contains(told) && !overheard(told));
        let told = told.find(|&told| at <= told && gap.contains(told));
        (stops && asked.contains(at) && !on_our_word(at)).then_some(Loss { at, told })
    };
    record.timer.windows(2).filter_map(gone).collect()
}

/// The gaps that there were, and those that there were for all that the driver knew.
fn gaps(record: &Record, losses: &[Loss]) -> Vec<Gap> {
    let answering = record.answering();
    let sign = |from: Ns| {
        let mut after = record.confirmed.iter().copied().filter(|&c| c >= from);
        let disarm = record.pats.iter().find(|p| p.timeout == 0 && p.at > from);
        let good = after.find(|&c| answering.contains(c)).unwrap_or(record.end);
        good.min(disarm.map_or(record.end, |p| p.at))
    };
    // What a BMC confirmed that was not well may never have been heard.
    let before = |from: Ns| {
        let earlier = record.confirmed.partition_point(|&c| c <= from);
        let mut earlier = record.confirmed[..earlier].iter().rev();
        *earlier.find(|&&c| answering.contains(c)).unwrap_or(&from)
    };
    // A disarm that fails tells of a gap as well if a pat has overtaken it.
    let failing = |p: &Pat| {
        let failed = |&(_, error): &(Ns, i32)| error != 0 && !NOT_TAKEN.contains(&error);
        p.returned.filter(failed).map(|(to, _)| (p.at, to))
    };
    let pats = record.pats.iter().filter(|p| p.timeout > 0);
    let unguarded: Vec<(Ns, Ns)> = pats.filter_map(failing).collect();
    let known = |span: &Span| {
        let inside = |&&(from, to): &&(Ns, Ns)| span.from <= from && to < span.to;
        let failed = unguarded.iter().find(inside).map(|&(_, to)| to);
        let lost = losses.iter().filter(|l| span.contains(l.at));
        let told = lost.filter_map(|l| l.told).map(|told| told + DONE);
        Some((*span, failed.into_iter().chain(told).min()?))
    };
    let gap = |span: &Span| Gap {
        least: known(span),
        most: Span {
            from: before(span.from),
            to: sign(span.to),
        },
    };
    let mut gaps: Vec<Gap> = record.gaps().iter().map(gap).collect();
    for (from, to) in record.pats.iter().filter_map(failing) {
        let most = Span {
            from: before(from),
            to: sign(to),
        };
        if !gaps.iter().any(|g| g.most.to == most.to) {
            gaps.push(Gap { least: None, most });
        }
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::survived;

    /// A look at the end of the sample, 79 pats of which had no answer; from the 18th on they failed.
    fn looked(change: impl Fn(&mut Counters)) -> String {
        looked_after(&[], change)
    }

    fn looked_after(told_stopped: &[Ns], change: impl Fn(&mut Counters)) -> String {
        let mut record = survived();
        record.told_stopped = told_stopped.to_vec();
        let failing = record
            .pats
            .iter_mut()
            .filter(|p| (60 * S..=750 * S).contains(&p.at));
        for pat in failing {
            let lapsed = pat.at > 180 * S;
            pat.returned = Some((pat.at + 250 * MS, if lapsed { 60 } else { 0 }));
        }
        let mut counters = Counters {
            pats: 99,
            unconfirmed: 70,
            failures: 57,
            rearmed: 0,
            gaps: 1,
            gap_longest: 640 * S,
            gap_total: 640 * S,
        };
        change(&mut counters);
        record.looks = vec![Look {
            at: 995 * S,
            doctor: String::new(),
            asked: 128 * S,
            counters,
            lie: None,
        }];
        miscounts(&record).join("\n")
    }

    #[test]
    fn what_was_seen_is_what_is_to_be_counted() {
        assert_eq!(looked(|_| {}), "");
        let zeros = looked(|c| *c = Counters::default());
        for name in [
            "pats",
            "failures",
            "unconfirmed",
            "gaps",
            "gap_longest_ms",
            "gap_total_ms",
        ] {
            assert!(zeros.contains(name), "{name} in {zeros}");
        }
        assert!(looked(|c| c.pats += 1).contains("pats is shown as 100; 99 to 99 were seen"));
        assert!(looked(|c| c.failures -= 1).contains("failures"));
        assert!(looked(|c| c.unconfirmed += 2).contains("unconfirmed"));
        assert!(looked(|c| c.rearmed += 3).contains("rearmed"));
        assert!(looked(|c| c.gaps += 1).contains("gaps is shown as 2"));
        assert!(
            looked(|c| c.gap_longest += 300 * S).contains("gap_longest_ms is shown as 940.000 s")
        );
        assert!(looked(|c| c.gap_total -= 20 * S).contains("gap_total_ms"));
        // The BMC said that it had lost its timer, to the driver and nobody else.
        let told = [750 * S + 100 * MS];
        assert!(looked_after(&told, |_| {}).contains("rearmed is shown as 0; 1 to 2 were seen"));
        assert_eq!(looked_after(&told, |c| c.rearmed = 1), "");
    }
}
