// SPDX-License-Identifier: BSD-2-Clause
//! All chance in a scenario comes from here, so that a seed replays it. Must not know what it is
//! drawn for.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A stream of chance, made of a seed and a purpose: streams of different purposes do not
/// disturb each other.
#[derive(Clone, Debug)]
pub struct Dice(ChaCha8Rng, u64);

impl Dice {
    pub fn new(seed: u64, purpose: &str) -> Dice {
        // FNV-1a: a purpose is a short word, and only difference matters.
        let hash = purpose
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(hash);
        Dice(rng, seed)
    }

    /// Any value from `least` to `most`, both included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        self.0.random_range(least..=most)
    }

    /// As [`Dice::between`], but all magnitudes are equally likely.
    pub fn magnitude(&mut self, least: u64, most: u64) -> u64 {
        let (low, high) = (least.max(1).ilog2(), most.max(1).ilog2());
        let bits = self.between(u64::from(low), u64::from(high));
        self.between(1 << bits, (2 << bits) - 1).clamp(least, most)
    }

    /// True in `percent` of all cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.between(1, 100) <= percent
    }

    /// Which of `of` variants has its turn: consecutive seeds go through all of them.
    pub fn turn(&self, of: u64) -> u64 {
        self.1 % of
    }

    /// One of them.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.between(0, of.len() as u64 - 1) as usize]
    }

    /// A seed for something with chance of its own.
    pub fn seed(&mut self) -> u64 {
        self.0.random()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_replays_and_purposes_differ() {
        let draw = |seed, purpose| Dice::new(seed, purpose).seed();
        assert_eq!(draw(7, "a"), draw(7, "a"));
        assert_ne!(draw(7, "a"), draw(8, "a"));
        assert_ne!(draw(7, "a"), draw(7, "b"));
    }

    #[test]
    fn consecutive_seeds_take_turns() {
        let mut turns: Vec<u64> = (17..20).map(|seed| Dice::new(seed, "a").turn(3)).collect();
        turns.sort();
        assert_eq!(turns, [0, 1, 2]);
    }

    #[test]
    fn magnitudes_stay_in_range() {
        let mut dice = Dice::new(1, "magnitude");
        for _ in 0..1000 {
            let drawn = dice.magnitude(3, 1000);
            assert!((3..=1000).contains(&drawn));
        }
    }
}
