// SPDX-License-Identifier: BSD-2-Clause
//! A small seeded generator (splitmix64), so that a run can be replayed from its seed alone on any
//! host. It must not draw from anything but its seed.

#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 when `bound` is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }

    /// `base` give or take a quarter: firmware never takes the same time twice.
    pub(crate) fn jitter(&mut self, base: u64) -> u64 {
        base - base / 4 + self.below(base / 2 + 1)
    }
}
