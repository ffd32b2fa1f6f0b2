// SPDX-License-Identifier: BSD-2-Clause
//! How long things took, in buckets. Must not know what things.

use crate::time::US;

/// Buckets with a bound: 16 us, 32 us and so on to 16.8 s.
pub const BOUNDED: usize = 21;
/// The first bound in nanoseconds.
const FIRST: u64 = 16 * US;

/// Durations since attach, by powers of two.
pub struct Histogram {
    /// How many were at most as long as the bound and longer than the one before; the last of them
    /// has none.
    buckets: [u64; BOUNDED + 1],
    sum: u64,
    longest: u64,
}

impl Histogram {
    /// Nothing has happened.
    pub const EMPTY: Histogram = Histogram {
        buckets: [0; BOUNDED + 1],
        sum: 0,
        longest: 0,
    };

    /// Something took so many nanoseconds.
    pub fn note(&mut self, ns: u64) {
        // What takes as long as a bound is within it.
        let times = ns.saturating_sub(1) / FIRST;
        let index = u64::BITS.wrapping_sub(times.leading_zeros()) as usize;
        if let Some(bucket) = self.buckets.get_mut(index.min(BOUNDED)) {
            *bucket = bucket.wrapping_add(1);
        }
        self.sum = self.sum.wrapping_add(ns);
        self.longest = self.longest.max(ns);
    }

    /// How many took at most bucket `index`'s bound, of 16 us doubled so often; all of them from
    /// [`BOUNDED`] on.
    pub fn within(&self, index: usize) -> u64 {
        let all = self.buckets.iter().take(index.saturating_add(1));
        all.fold(0, |sum, &count| sum.saturating_add(count))
    }

    /// All of them together, in microseconds.
    pub fn sum_us(&self) -> u64 {
        self.sum / 1000
    }

    /// The longest, in microseconds.
    pub fn longest_us(&self) -> u64 {
        self.longest / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds() -> impl Iterator<Item = u64> {
        (0..BOUNDED as u32).map(|index| 16 << index)
    }

    #[test]
    fn a_bound_belongs_to_its_bucket_and_a_nanosecond_more_does_not() {
        for (index, bound) in bounds().enumerate() {
            let mut histogram = Histogram::EMPTY;
            histogram.note(bound * US);
            assert_eq!(histogram.within(index), 1, "{bound} us");
            histogram.note(bound * US + 1);
            assert_eq!(histogram.within(index), 1, "{bound} us and a bit");
            assert_eq!(histogram.within(index + 1), 2);
        }
    }

    #[test]
    fn whatever_it_takes_is_counted_once() {
        let mut histogram = Histogram::EMPTY;
        let odd = [0, 1, 15_999, 16_001, 20_000_000_000, u64::MAX];
        for ns in odd {
            histogram.note(ns);
        }
        assert_eq!(histogram.within(BOUNDED), odd.len() as u64);
        assert_eq!(histogram.within(0), 3);
        assert_eq!(histogram.within(BOUNDED - 1), 4);
        assert_eq!(histogram.longest_us(), u64::MAX / 1000);
    }
}
