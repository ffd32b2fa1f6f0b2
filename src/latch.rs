// SPDX-License-Identifier: BSD-2-Clause
//! Numbers that belong together, for readers that can take no lock: one of two copies is whole at
//! any time, also while an NMI has interrupted who writes the other. Must not know what they mean.

use crate::atomic::Ordering::{Acquire, Relaxed, Release};
use crate::atomic::{fence, AtomicU32, AtomicU64};

/// `N` numbers, written together by one writer at a time and read together by anybody.
pub struct Latch<const N: usize> {
    /// Odd if the second copy is the one to read.
    version: AtomicU32,
    copies: [[AtomicU64; N]; 2],
}

impl<const N: usize> Latch<N> {
    /// All zero.
    pub fn new() -> Latch<N> {
        let copy = || core::array::from_fn(|_| AtomicU64::new(0));
        Latch {
            version: AtomicU32::new(0),
            copies: [copy(), copy()],
        }
    }

    fn copy(&self, version: u32) -> &[AtomicU64; N] {
        let [even, odd] = &self.copies;
        match version & 1 {
            0 => even,
            _ => odd,
        }
    }

    /// Replaces the numbers. The caller sees to it that nobody else does so at the same time.
    pub fn write(&self, numbers: [u64; N]) {
        let version = self.version.load(Relaxed).wrapping_add(1);
        // Who reads any of what follows sees the version before this one gone.
        fence(Release);
        for (slot, number) in self.copy(version).iter().zip(numbers) {
            slot.store(number, Relaxed);
        }
        self.version.store(version, Release);
    }

    /// The numbers last written. Begins anew only if they were replaced meanwhile, so waits for
    /// nobody.
    pub fn read(&self) -> [u64; N] {
        loop {
            let version = self.version.load(Acquire);
            let copy = self.copy(version);
            let mut numbers = [0; N];
            for (number, slot) in numbers.iter_mut().zip(copy) {
                *number = slot.load(Relaxed);
            }
            fence(Acquire);
            if self.version.load(Relaxed) == version {
                return numbers;
            }
        }
    }
}

impl<const N: usize> Default for Latch<N> {
    fn default() -> Latch<N> {
        Latch::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_last_is_read() {
        let latch = Latch::new();
        assert_eq!(latch.read(), [0, 0]);
        for number in 1..5 {
            latch.write([number, number + 1]);
            assert_eq!(latch.read(), [number, number + 1]);
        }
    }

    #[test]
    fn a_writer_that_never_goes_on_keeps_nobody_from_reading() {
        let latch = Latch::new();
        latch.write([1, 1]);
        // As far as an NMI, or a panic, lets it come.
        latch.copy(2)[0].store(2, Relaxed);
        assert_eq!(latch.read(), [1, 1]);
    }
}
