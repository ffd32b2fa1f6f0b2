// SPDX-License-Identifier: BSD-2-Clause
//! One list of handlers, kept in the memory that modules may walk: `struct eventhandler_list`,
//! its mutex and its entries; must not know how handlers are called.

use crate::locks::{self, Class, Options};
use crate::mem;

/// `struct eventhandler_list`: name, flags, runcount, mutex, link, entries.
const LIST_LEN: usize = 80;
const RUNCOUNT: u64 = 12;
const LOCK: u64 = 16;
const ENTRIES_FIRST: u64 = 64;
const ENTRIES_LAST: u64 = 72;

/// MTX_DEF.
const MUTEX: Options = Options {
    class: Class::Mutex,
    recurse: false,
    no_witness: false,
    dup_ok: false,
};

/// `struct eventhandler_entry` and the function that every kind of it has behind.
const ENTRY_LEN: usize = 40;
const NEXT: u64 = 0;
const PREV: u64 = 8;
const PRIORITY: u64 = 16;
const ARGUMENT: u64 = 24;
const FUNCTION: u64 = 32;
/// EHE_DEAD_PRIORITY.
const DEAD: i32 = -1;

/// A list, by the address of its structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List(pub u64);

/// An entry, by its address, which modules hold as `eventhandler_tag`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry(pub u64);

impl Entry {
    pub fn new(priority: i32, function: u64, argument: u64) -> Entry {
        let address = mem::kalloc(ENTRY_LEN, "eventhandler entry");
        mem::write(address + PRIORITY, priority);
        mem::write(address + ARGUMENT, argument);
        mem::write(address + FUNCTION, function);
        Entry(address)
    }

    fn priority(self) -> i32 {
        mem::read(self.0 + PRIORITY)
    }

    pub fn is_dead(self) -> bool {
        self.priority() == DEAD
    }

    pub fn function(self) -> u64 {
        mem::read(self.0 + FUNCTION)
    }

    pub fn argument(self) -> u64 {
        mem::read(self.0 + ARGUMENT)
    }
}

impl List {
    pub fn new(name: &str) -> List {
        let address = mem::kalloc(LIST_LEN, "eventhandler list");
        let name = mem::intern(name);
        mem::write(address, name);
        locks::init(address + LOCK, name, 0, MUTEX);
        locks::adopt(address + LOCK);
        let list = List(address);
        list.set_last(address + ENTRIES_FIRST);
        list
    }

    pub fn lock(self) {
        locks::acquire(self.0 + LOCK, false);
    }

    pub fn unlock(self) {
        locks::release(self.0 + LOCK);
    }

    /// Invocations under way.
    pub fn running(self) -> u32 {
        mem::read(self.0 + RUNCOUNT)
    }

    pub fn set_running(self, count: u32) {
        mem::write(self.0 + RUNCOUNT, count);
    }

    fn set_last(self, link: u64) {
        mem::write(self.0 + ENTRIES_LAST, link);
    }

    /// Every entry, dead ones too.
    pub fn entries(self) -> Vec<Entry> {
        let link = |place: u64| Some(mem::read(place)).filter(|next| *next != 0);
        let first = link(self.0 + ENTRIES_FIRST);
        let all = std::iter::successors(first, |entry| link(entry + NEXT));
        all.map(Entry).collect()
    }

    /// The first live entry after `last`, or of the whole list.
    pub fn live_after(self, last: Option<Entry>) -> Option<Entry> {
        let entries = self.entries();
        let start = match last {
            Some(last) => entries.iter().position(|e| *e == last)? + 1,
            None => 0,
        };
        entries[start..].iter().find(|e| !e.is_dead()).copied()
    }

    /// Puts `new` behind those of its priority.
    pub fn insert(self, new: Entry) {
        let mut entries = self.entries();
        let before = |e: &Entry| !e.is_dead() && new.priority() < e.priority();
        let at = entries.iter().position(before).unwrap_or(entries.len());
        entries.insert(at, new);
        self.link(&entries);
    }

    /// Marks `entry`, or all, as dead; whether there was anything.
    pub fn kill(self, entry: Option<Entry>) -> bool {
        let live = self.entries().into_iter().filter(|e| !e.is_dead());
        let hit: Vec<Entry> = live.filter(|e| entry.is_none_or(|w| w == *e)).collect();
        for entry in &hit {
            mem::write(entry.0 + PRIORITY, DEAD);
        }
        !hit.is_empty() || entry.is_none()
    }

    /// Takes out dead entries, when nobody walks the list.
    pub fn prune(self) -> Vec<Entry> {
        if self.running() > 0 {
            return vec![];
        }
        let (dead, live): (Vec<Entry>, Vec<Entry>) =
            self.entries().into_iter().partition(|e| e.is_dead());
        self.link(&live);
        for entry in &dead {
            mem::kfree(entry.0);
        }
        dead
    }

    /// Writes the links of a TAILQ.
    fn link(self, entries: &[Entry]) {
        let mut place = self.0 + ENTRIES_FIRST;
        for entry in entries {
            mem::write(place, entry.0);
            mem::write(entry.0 + PREV, place);
            place = entry.0 + NEXT;
        }
        mem::write(place, 0u64);
        self.set_last(place);
    }
}
