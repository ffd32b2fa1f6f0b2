// SPDX-License-Identifier: BSD-2-Clause
//! Bytes from a seed: samples, mutated, and now and then anything. Must not know what they are for.

use crate::Target;

/// The longest input.
const LONGEST: usize = 600;

/// Executes the target so many times; a panic says which execution of which seed it was.
pub fn play(target: &Target, seed: u64, executions: u64) {
    let mut bytes = Vec::with_capacity(2 * LONGEST);
    for number in 0..executions {
        make(&mut bytes, target, seed, number);
        let told = Told(target.name, seed, number, &bytes);
        (target.check)(&bytes);
        std::mem::forget(told);
    }
}

/// Says on which input a check panicked.
struct Told<'a>(&'static str, u64, u64, &'a [u8]);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        let Told(name, seed, number, bytes) = self;
        eprintln!("{name}, seed {seed}, execution {number}: {bytes:02x?}");
    }
}

/// A stream of chance: splitmix64, for its speed.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// The input of execution `number`, which does not depend on those before it.
fn make(bytes: &mut Vec<u8>, target: &Target, seed: u64, number: u64) {
    let mut chance = Chance(seed.rotate_left(32) ^ number.wrapping_mul(0xd134_2543_de82_ef95));
    bytes.clear();
    match chance.below(8) {
        0 => {
            let length = chance.below(64);
            bytes.extend((0..length).map(|_| chance.next() as u8));
        }
        _ => bytes.extend(target.samples[chance.below(target.samples.len())]),
    }
    for _ in 0..chance.below(6) {
        mutate(bytes, &mut chance);
    }
    bytes.truncate(LONGEST);
}

fn mutate(bytes: &mut Vec<u8>, chance: &mut Chance) {
    let at = chance.below(bytes.len());
    let byte = chance.next() as u8;
    match chance.below(7) {
        0 => bytes.truncate(at),
        1 => bytes.push(byte),
        2 => bytes.insert(at, byte),
        // Zeroes let what comes after them take its course.
        3 => bytes.extend(std::iter::repeat_n(0, chance.below(64))),
        4 => bytes.extend_from_within(at..),
        kind => {
            if let Some(place) = bytes.get_mut(at) {
                *place = match kind {
                    5 => *place ^ 1 << (byte & 7),
                    _ => [0, 1, 0x7f, 0x80, 0xff, byte, byte, byte][usize::from(byte & 7)],
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TARGETS;

    #[test]
    fn an_execution_can_be_repeated_alone() {
        let (mut once, mut again) = (vec![], vec![1; 70]);
        make(&mut once, &TARGETS[8], 3, 1000);
        make(&mut again, &TARGETS[8], 3, 1000);
        assert_eq!(once, again);
    }

    #[test]
    fn samples_go_in_as_they_are() {
        for target in &TARGETS {
            target
                .samples
                .iter()
                .for_each(|sample| (target.check)(sample));
        }
    }
}
