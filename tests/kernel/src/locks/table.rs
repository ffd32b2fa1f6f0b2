// SPDX-License-Identifier: BSD-2-Clause
//! Who holds which lock: the state that changes in one step, while nothing else runs; must not
//! wait or touch module memory.

use std::collections::HashMap;

use super::witness::Witness;
use super::{Class, Held, Options};
use crate::check::Kind;
use crate::image::Image;
use crate::kernel::Kernel;
use crate::sched::{Role, Tid};

pub struct Lock {
    pub name: u32,
    /// Orders are between types, as in witness(4).
    pub kind: u32,
    pub options: Options,
    pub owner: Option<Tid>,
    pub depth: u32,
    pub sharers: Vec<Tid>,
    /// The module address that made it.
    pub site: u64,
}

/// Every lock of one machine.
#[derive(Default)]
pub struct Locks {
    pub(super) locks: HashMap<u64, Lock>,
    pub(super) witness: Witness,
}

impl Locks {
    pub fn name(&self, id: u32) -> &str {
        self.witness.name(id)
    }

    /// Names of the locks whose memory is in the range, in no order of addresses.
    pub fn within(&self, base: u64, len: u64) -> Vec<String> {
        let inside = self
            .locks
            .iter()
            .filter(|(at, _)| (base..base + len).contains(at));
        let mut names: Vec<_> = inside
            .map(|(_, lock)| self.name(lock.name).to_string())
            .collect();
        names.sort();
        names
    }

    /// Names of the locks that code of `image` made and did not destroy.
    pub fn made_in(&self, image: &Image) -> Vec<String> {
        let made = self.locks.values().filter(|lock| image.contains(lock.site));
        let mut names: Vec<_> = made.map(|lock| self.name(lock.name).to_string()).collect();
        names.sort();
        names
    }

    /// Forgets the locks in memory that is gone.
    pub fn forget(&mut self, base: u64, len: u64) {
        self.locks.retain(|at, _| !(base..base + len).contains(at));
    }
}

/// What an attempt to take a lock found.
pub enum Take {
    Taken(Option<String>),
    Wait,
    Bad(Kind, String),
}

impl Kernel {
    /// Names of the locks that the running thread holds and may not sleep with.
    pub(crate) fn held_across_sleep(&self, but: Option<u64>) -> Vec<String> {
        let held = &self.thread(self.sched.current).held;
        let bad = held
            .iter()
            .filter(|h| !h.sleepable() && Some(h.object) != but);
        bad.map(|h| self.locks.name(h.name).to_string()).collect()
    }

    pub(super) fn take(&mut self, object: u64, shared: bool, check: bool) -> Take {
        let tid = self.sched.current;
        let Some(lock) = self.locks.locks.get_mut(&object) else {
            return Take::Bad(Kind::Lifetime, self.unknown_lock(object));
        };
        let options = lock.options;
        let (name, kind) = (lock.name, lock.kind);
        match lock.owner {
            Some(owner) if owner == tid => {
                if !options.recurse {
                    let name = self.locks.name(name);
                    return Take::Bad(Kind::LockUse, format!("{name} taken again by its owner"));
                }
                lock.depth += 1;
                return Take::Taken(None);
            }
            Some(_) => return Take::Wait,
            None if !shared && !lock.sharers.is_empty() => return Take::Wait,
            None if shared => lock.sharers.push(tid),
            None => lock.owner = Some(tid),
        }
        let witness = !options.no_witness;
        let held = &self.sched.threads[tid.0 as usize].held;
        let complaint = match witness && check && !held.is_empty() {
            true => self.locks.witness.order(held, kind, options.dup_ok),
            false => None,
        };
        let held = Held {
            object,
            name,
            kind,
            class: options.class,
            witness,
        };
        self.current_mut().held.push(held);
        Take::Taken(complaint)
    }

    pub(super) fn unknown_lock(&self, object: u64) -> String {
        let place = self.describe(object);
        format!("a lock that is not initialised or was destroyed is used: {place}")
    }

    /// Why taking this lock here is wrong whoever holds it.
    pub(super) fn misplaced(&self, object: u64) -> Option<String> {
        let lock = self.locks.locks.get(&object)?;
        let thread = self.thread(self.sched.current);
        let name = || self.locks.name(lock.name).to_string();
        if lock.options.class == Class::Spin {
            return None;
        }
        if thread.role == Role::Interrupt {
            return Some(format!("{} taken in an interrupt filter", name()));
        }
        let stricter = match lock.options.class {
            Class::Sx => Class::Mutex,
            _ => Class::Spin,
        };
        let mut held = thread.held.iter();
        let wrong = held.find(|h| h.class as u32 <= stricter as u32)?;
        let held = self.locks.name(wrong.name);
        let (name, class) = (name(), wrong.class);
        Some(format!("{name} taken with {class:?} {held} held"))
    }

    /// If the running thread, waiting for this lock, would wait for itself: in words.
    pub(super) fn deadlock(&self, object: u64) -> Option<String> {
        let me = self.sched.current;
        let mut chain = vec![];
        let mut object = object;
        while chain.len() <= self.locks.locks.len() {
            let lock = self.locks.locks.get(&object)?;
            let owner = self.thread(lock.owner?);
            let name = self.locks.name(lock.name);
            chain.push(format!("{name} held by {}", owner.name));
            if owner.tid == me {
                return Some(format!("deadlock: {}", chain.join(", which waits for ")));
            }
            object = owner.waits_for()?;
        }
        None
    }

    /// Takes the lock out of the running thread's list; an error in words.
    pub(super) fn give(&mut self, object: u64) -> Result<bool, (Kind, String)> {
        let tid = self.sched.current;
        let Some(lock) = self.locks.locks.get_mut(&object) else {
            return Err((Kind::Lifetime, self.unknown_lock(object)));
        };
        let shared = lock.sharers.iter().position(|t| *t == tid);
        match (lock.owner, shared) {
            (Some(owner), _) if owner == tid => {
                if lock.depth > 0 {
                    lock.depth -= 1;
                    return Ok(false);
                }
                lock.owner = None;
            }
            (_, Some(index)) => {
                lock.sharers.swap_remove(index);
            }
            _ => {
                let name = lock.name;
                let text = format!(
                    "{} released by a thread that does not hold it",
                    self.locks.name(name)
                );
                return Err((Kind::LockUse, text));
            }
        }
        let held = &mut self.current_mut().held;
        if let Some(index) = held.iter().rposition(|h| h.object == object) {
            held.remove(index);
        }
        Ok(true)
    }
}
