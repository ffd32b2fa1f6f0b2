// SPDX-License-Identifier: BSD-2-Clause
//! SYSINITs and SYSUNINITs of a file in their order; must not know what they do.

use crate::call;
use crate::layout::Generation;
use crate::mem;
use crate::with;

/// One entry of the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    subsystem: u32,
    order: u32,
    function: u64,
    argument: u64,
}

impl Entry {
    fn read(address: u64) -> Entry {
        // A link stands before the function since 14.
        let function = match with(|k| k.generation) {
            Generation::Thirteen => address + 8,
            Generation::Fourteen | Generation::Fifteen => address + 16,
        };
        Entry {
            subsystem: mem::read(address),
            order: mem::read(address + 4),
            function: mem::read(function),
            argument: mem::read(function + 8),
        }
    }

    fn key(&self) -> (u32, u32) {
        (self.subsystem, self.order)
    }
}

/// Sorts as the linker does: entries of equal rank end up where its exchanges leave them.
fn exchange_sort(entries: &mut [Entry], out_of_order: fn(&Entry, &Entry) -> bool) {
    for first in 0..entries.len() {
        for second in first + 1..entries.len() {
            if out_of_order(&entries[first], &entries[second]) {
                entries.swap(first, second);
            }
        }
    }
}

fn run(set: Vec<u64>, out_of_order: fn(&Entry, &Entry) -> bool) {
    let mut entries: Vec<Entry> = set.into_iter().map(Entry::read).collect();
    exchange_sort(&mut entries, out_of_order);
    // SI_SUB_DUMMY is never run.
    for entry in entries.into_iter().filter(|e| e.subsystem != 0) {
        call::module(entry.function, &[entry.argument]);
    }
}

/// Runs the set `sysinit_set`, lowest rank first.
pub fn up(set: Vec<u64>) {
    run(set, |a, b| a.key() > b.key());
}

/// Runs the set `sysuninit_set`, highest rank first.
pub fn down(set: Vec<u64>) {
    run(set, |a, b| a.key() < b.key());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(subsystem: u32, order: u32, function: u64) -> Entry {
        Entry {
            subsystem,
            order,
            function,
            argument: 0,
        }
    }

    #[test]
    fn equal_ranks_stand_where_the_linkers_exchanges_leave_them() {
        let mut entries = [entry(2, 0, 1), entry(2, 0, 2), entry(1, 5, 3)];
        exchange_sort(&mut entries, |a, b| a.key() > b.key());
        assert_eq!(entries.map(|e| e.function), [3, 2, 1]);
        exchange_sort(&mut entries, |a, b| a.key() < b.key());
        assert_eq!(entries.map(|e| e.subsystem), [2, 2, 1]);
    }
}
