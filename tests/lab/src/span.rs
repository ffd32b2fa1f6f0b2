// SPDX-License-Identifier: BSD-2-Clause
//! Stretches of virtual time and the arithmetic on sets of them; knows nothing of what
//! happened in them.

/// Virtual time, in nanoseconds since the machine was made.
pub type Ns = u64;

/// One microsecond.
pub const US: Ns = 1_000;
/// One millisecond.
pub const MS: Ns = 1_000_000;
/// One second.
pub const S: Ns = 1_000_000_000;

/// Virtual time in seconds, for people.
pub fn seconds(t: Ns) -> f64 {
    t as f64 / S as f64
}

/// Virtual time in milliseconds, for people.
pub fn millis(t: Ns) -> f64 {
    t as f64 / MS as f64
}

/// The time from `from` up to, not including, `to`; never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: Ns,
    pub to: Ns,
}

impl Span {
    /// The span between two instants, unless it would be empty.
    pub fn new(from: Ns, to: Ns) -> Option<Span> {
        (from < to).then_some(Span { from, to })
    }

    pub fn length(&self) -> Ns {
        self.to - self.from
    }

    pub fn contains(&self, at: Ns) -> bool {
        self.from <= at && at < self.to
    }
}

/// A set of instants, kept as sorted spans that neither touch nor overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans(Vec<Span>);

impl Spans {
    /// The union of any spans, in any order.
    pub fn of(spans: impl IntoIterator<Item = Span>) -> Spans {
        let mut sorted: Vec<Span> = spans.into_iter().collect();
        sorted.sort_by_key(|s| s.from);
        let mut merged: Vec<Span> = Vec::new();
        for span in sorted {
            match merged.last_mut() {
                Some(last) if span.from <= last.to => last.to = last.to.max(span.to),
                _ => merged.push(span),
            }
        }
        Spans(merged)
    }

    /// The instants at which a two-valued thing was on, from its changes in order of time.
    pub fn of_changes(changes: &[(Ns, bool)], end: Ns) -> Spans {
        let mut spans = Vec::new();
        let mut since = None;
        for &(at, on) in changes {
            match (since, on) {
                (None, true) => since = Some(at),
                (Some(from), false) => {
                    spans.extend(Span::new(from, at.min(end)));
                    since = None;
                }
                _ => {}
            }
        }
        spans.extend(since.and_then(|from| Span::new(from, end)));
        Spans::of(spans)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Span> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn contains(&self, at: Ns) -> bool {
        self.0.iter().any(|s| s.contains(at))
    }

    /// The sum of all lengths.
    pub fn total(&self) -> Ns {
        self.0.iter().map(Span::length).sum()
    }

    /// The longest span, the first of equals.
    pub fn longest(&self) -> Option<Span> {
        self.0.iter().rev().copied().max_by_key(Span::length)
    }

    /// The instants in both sets.
    pub fn and(&self, other: &Spans) -> Spans {
        let overlaps = |a: &Span| {
            let a = *a;
            other
                .0
                .iter()
                .filter_map(move |b| Span::new(a.from.max(b.from), a.to.min(b.to)))
        };
        Spans(self.0.iter().flat_map(overlaps).collect())
    }

    /// The instants in this set that are not in the other.
    pub fn minus(&self, other: &Spans) -> Spans {
        let mut rest = Vec::new();
        for span in &self.0 {
            let mut from = span.from;
            for hole in other
                .0
                .iter()
                .filter(|h| h.to > span.from && h.from < span.to)
            {
                rest.extend(Span::new(from, hole.from.min(span.to)));
                from = from.max(hole.to);
            }
            rest.extend(Span::new(from, span.to));
        }
        Spans(rest)
    }

    /// The spans of at least that length.
    pub fn at_least(&self, length: Ns) -> Spans {
        Spans(
            self.0
                .iter()
                .copied()
                .filter(|s| s.length() >= length)
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(list: &[(Ns, Ns)]) -> Spans {
        Spans::of(list.iter().filter_map(|&(a, b)| Span::new(a, b)))
    }

    #[test]
    fn touching_and_overlapping_spans_merge() {
        assert_eq!(
            spans(&[(5, 9), (0, 3), (3, 4), (8, 12)]),
            spans(&[(0, 4), (5, 12)])
        );
    }

    #[test]
    fn changes_become_spans_and_the_last_ends_with_the_run() {
        let changes = [(1, true), (2, true), (4, false), (5, false), (7, true)];
        assert_eq!(Spans::of_changes(&changes, 10), spans(&[(1, 4), (7, 10)]));
    }

    #[test]
    fn and_keeps_what_both_have() {
        let both = spans(&[(0, 10), (20, 30)]).and(&spans(&[(5, 25), (29, 40)]));
        assert_eq!(both, spans(&[(5, 10), (20, 25), (29, 30)]));
    }

    #[test]
    fn minus_cuts_holes() {
        let rest = spans(&[(0, 10), (20, 30)]).minus(&spans(&[(0, 2), (4, 6), (8, 22), (30, 50)]));
        assert_eq!(rest, spans(&[(2, 4), (6, 8), (22, 30)]));
    }

    #[test]
    fn longest_is_the_first_of_equals() {
        let set = spans(&[(0, 2), (10, 15), (20, 25)]);
        assert_eq!(set.longest(), Span::new(10, 15));
        assert_eq!(set.total(), 12);
        assert_eq!(set.at_least(5), spans(&[(10, 15), (20, 25)]));
    }
}
