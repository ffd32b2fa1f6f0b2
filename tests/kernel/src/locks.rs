// SPDX-License-Identifier: BSD-2-Clause
//! What mutexes and sx locks have in common: who holds which, in what order, and who waits; must
//! not know their function names.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::check::{fatal, violation, Kind};
use crate::image::Image;
use crate::kernel::{with, Kernel};
use crate::mem;
use crate::sched::{self, Role, Tid, Wait};

/// Offsets in `struct lock_object` and, after it, of the lock word, which inline functions of
/// modules compare with curthread.
const LO_NAME: u64 = 0;
const LO_FLAGS: u64 = 8;
const LOCK_WORD: u64 = 24;
const LO_INITIALIZED: u32 = 0x0001_0000;
const LO_CLASSSHIFT: u32 = 24;

/// The order is that of `lock_classes[]` in subr_lock.c.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Spin = 0,
    Mutex = 1,
    Sx = 2,
}

/// How a lock may be used.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub class: Class,
    pub recurse: bool,
    /// MTX_NOWITNESS: no order is recorded.
    pub no_witness: bool,
    /// MTX_DUPOK: several of one type may be held.
    pub dup_ok: bool,
}

struct Lock {
    name: u32,
    /// Orders are between types, as in witness(4).
    kind: u32,
    options: Options,
    owner: Option<Tid>,
    depth: u32,
    sharers: Vec<Tid>,
    /// The module address that made it.
    site: u64,
}

/// A lock in a thread's list of held ones.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    pub object: u64,
    pub name: u32,
    kind: u32,
    pub class: Class,
    witness: bool,
}

impl Held {
    /// Whether its holder may sleep.
    pub fn sleepable(&self) -> bool {
        self.class == Class::Sx
    }
}

/// Every lock of one machine.
#[derive(Default)]
pub struct Locks {
    locks: HashMap<u64, Lock>,
    names: Vec<String>,
    ids: BTreeMap<String, u32>,
    /// For each type the types that were taken while it was held.
    after: BTreeMap<u32, BTreeSet<u32>>,
    reported: BTreeSet<(u32, u32)>,
}

impl Locks {
    pub fn name(&self, id: u32) -> &str {
        &self.names[id as usize]
    }

    fn id(&mut self, text: &str) -> u32 {
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        let id = self.names.len() as u32;
        self.names.push(text.to_string());
        self.ids.insert(text.to_string(), id);
        id
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

    fn reaches(&self, from: u32, to: u32) -> bool {
        let mut seen = BTreeSet::new();
        let mut todo = vec![from];
        while let Some(kind) = todo.pop() {
            if kind == to {
                return true;
            }
            if seen.insert(kind) {
                todo.extend(self.after.get(&kind).into_iter().flatten());
            }
        }
        false
    }

    /// What witness(4) has to say to taking a lock of `kind` while `held` are held.
    fn order(&mut self, held: &[Held], kind: u32, dup_ok: bool) -> Option<String> {
        for h in held.iter().filter(|h| h.witness) {
            if h.kind == kind {
                if !dup_ok && self.reported.insert((kind, kind)) {
                    return Some(format!(
                        "two locks of type {} held at once",
                        self.name(kind)
                    ));
                }
                continue;
            }
            if self
                .after
                .get(&h.kind)
                .is_some_and(|set| set.contains(&kind))
            {
                continue;
            }
            if self.reaches(kind, h.kind) {
                if self.reported.insert((h.kind, kind)) {
                    let (first, second) = (self.name(h.kind), self.name(kind));
                    return Some(format!(
                        "{second} taken with {first} held, after the reverse"
                    ));
                }
                continue;
            }
            self.after.entry(h.kind).or_default().insert(kind);
        }
        None
    }
}

/// What an attempt to take a lock found.
enum Take {
    Taken(Option<String>),
    Wait(&'static str),
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

    fn take(&mut self, object: u64, shared: bool, check: bool) -> Take {
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
            Some(_) => return Take::Wait("lock"),
            None if !shared && !lock.sharers.is_empty() => return Take::Wait("lock"),
            None if shared => lock.sharers.push(tid),
            None => lock.owner = Some(tid),
        }
        let witness = !options.no_witness;
        let held = &self.sched.threads[tid.0 as usize].held;
        let complaint = match witness && check && !held.is_empty() {
            true => self.locks.order(held, kind, options.dup_ok),
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

    fn unknown_lock(&self, object: u64) -> String {
        let place = self.describe(object);
        format!("a lock that is not initialised or was destroyed is used: {place}")
    }

    /// Why taking this lock here is wrong whoever holds it.
    fn misplaced(&self, object: u64) -> Option<String> {
        let lock = self.locks.locks.get(&object)?;
        let thread = self.thread(self.sched.current);
        let name = || self.locks.name(lock.name).to_string();
        if lock.options.class == Class::Spin {
            return None;
        }
        if thread.role == Role::Interrupt {
            return Some(format!("{} taken in an interrupt filter", name()));
        }
        let spin = thread.held.iter().find(|h| h.class == Class::Spin)?;
        Some(format!(
            "{} taken with spin mutex {} held",
            name(),
            self.locks.name(spin.name)
        ))
    }

    /// Takes the lock out of the running thread's list; an error in words.
    fn give(&mut self, object: u64) -> Result<bool, (Kind, String)> {
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

/// The channel on which threads wait for the lock itself.
fn chan(object: u64) -> u64 {
    object | 1 << 61
}

/// Makes a lock. `kind` is its type for witness(4), the name if empty.
pub fn init(object: u64, name: u64, kind: u64, options: Options) {
    let site = with(|k| k.site());
    let text = if name == 0 {
        String::new()
    } else {
        mem::cstr(name)
    };
    let kind = if kind == 0 {
        text.clone()
    } else {
        mem::cstr(kind)
    };
    mem::write(object + LO_NAME, name);
    mem::write(
        object + LO_FLAGS,
        LO_INITIALIZED | (options.class as u32) << LO_CLASSSHIFT,
    );
    mem::write(object + LOCK_WORD, free_word(options.class));
    let again = with(|k| {
        let (name, kind) = (k.locks.id(&text), k.locks.id(&kind));
        let lock = Lock {
            name,
            kind,
            options,
            owner: None,
            depth: 0,
            sharers: vec![],
            site,
        };
        k.locks.locks.insert(object, lock).is_some()
    });
    if again {
        violation(Kind::Lifetime, format!("{text} initialised twice"));
    }
}

/// Counts a lock as the kernel's own, whoever the running thread works for.
pub fn adopt(object: u64) {
    with(|k| {
        if let Some(lock) = k.locks.locks.get_mut(&object) {
            lock.site = 0;
        }
    });
}

/// Unmakes a lock.
pub fn destroy(object: u64) {
    const DESTROYED: u64 = 4;
    let found = with(|k| {
        let lock = k.locks.locks.remove(&object)?;
        let tid = k.sched.current;
        k.current_mut().held.retain(|h| h.object != object);
        let busy = lock.owner.is_some_and(|owner| owner != tid)
            || lock.depth > 0
            || !lock.sharers.is_empty();
        Some((k.locks.name(lock.name).to_string(), busy))
    });
    match found {
        None => fatal(Kind::Lifetime, with(|k| k.unknown_lock(object))),
        Some((name, true)) => violation(Kind::LockUse, format!("{name} destroyed while held")),
        Some((_, false)) => {}
    }
    mem::write(object + LO_FLAGS, 0u32);
    mem::write(object + LOCK_WORD, DESTROYED);
}

/// The lock word of a free lock: MTX_UNOWNED, or SX_LOCK_UNLOCKED.
fn free_word(class: Class) -> u64 {
    u64::from(class == Class::Sx)
}

/// Takes a lock, waiting as long as it takes.
pub fn acquire(object: u64, shared: bool) {
    if sched::scheduler_stopped() {
        return;
    }
    sched::preempt_point();
    if let Some(text) = with(|k| k.misplaced(object)) {
        violation(Kind::Sleep, text);
    }
    loop {
        match with(|k| k.take(object, shared, true)) {
            Take::Taken(complaint) => {
                if let Some(text) = complaint {
                    violation(Kind::LockOrder, text);
                }
                return mark(object, shared);
            }
            Take::Bad(kind, text) => fatal(kind, text),
            Take::Wait(wmesg) => {
                sched::block_unchecked(
                    chan(object),
                    Wait {
                        wmesg,
                        ..Wait::default()
                    },
                );
            }
        }
    }
}

/// Takes a lock if that needs no waiting.
pub fn try_acquire(object: u64, shared: bool) -> bool {
    if sched::scheduler_stopped() {
        return true;
    }
    sched::preempt_point();
    match with(|k| k.take(object, shared, false)) {
        Take::Taken(_) => {
            mark(object, shared);
            true
        }
        Take::Wait(_) => false,
        Take::Bad(Kind::LockUse, _) => false,
        Take::Bad(kind, text) => fatal(kind, text),
    }
}

fn mark(object: u64, shared: bool) {
    if !shared {
        mem::write(object + LOCK_WORD, sched::curthread());
    }
}

/// Releases a lock; those who wait for it compete for it again.
pub fn release(object: u64) {
    if release_quietly(object) {
        sched::preempt_point();
    }
}

/// Releases without a scheduling point, for a release that must be one step with going to sleep.
pub fn release_quietly(object: u64) -> bool {
    if sched::scheduler_stopped() {
        return false;
    }
    match with(|k| k.give(object)) {
        Err((kind, text)) => fatal(kind, text),
        Ok(false) => return true,
        Ok(true) => {}
    }
    let class = with(|k| {
        k.wake_all(chan(object));
        k.locks.locks[&object].options.class
    });
    mem::write(object + LOCK_WORD, free_word(class));
    true
}

/// How the running thread holds a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    None,
    Shared,
    /// And how many times more than once.
    Exclusive(u32),
}

pub fn hold(object: u64) -> Hold {
    let hold = with(|k| {
        let tid = k.sched.current;
        let lock = k.locks.locks.get(&object)?;
        Some(match lock.owner {
            Some(owner) if owner == tid => Hold::Exclusive(lock.depth),
            _ if lock.sharers.contains(&tid) => Hold::Shared,
            _ => Hold::None,
        })
    });
    hold.unwrap_or_else(|| fatal(Kind::Lifetime, with(|k| k.unknown_lock(object))))
}

/// Whether the lock at `object` may be held while sleeping.
pub fn class(object: u64) -> Class {
    let class = with(|k| k.locks.locks.get(&object).map(|lock| lock.options.class));
    class.unwrap_or_else(|| fatal(Kind::Lifetime, with(|k| k.unknown_lock(object))))
}

/// mtx_assert(9) and sx_assert(9): `what` as <sys/lock.h> has it.
pub fn assert(object: u64, what: u32) {
    const LOCKED: u32 = 1;
    const SHARED: u32 = 2;
    const EXCLUSIVE: u32 = 4;
    const RECURSED: u32 = 8;
    const NOT_RECURSED: u32 = 16;
    if sched::scheduler_stopped() {
        return;
    }
    let hold = hold(object);
    let right = match what & (LOCKED | SHARED | EXCLUSIVE) {
        0 => what & (RECURSED | NOT_RECURSED) != 0 || hold == Hold::None,
        LOCKED => hold != Hold::None,
        SHARED => hold == Hold::Shared,
        _ => matches!(hold, Hold::Exclusive(_)),
    };
    let depth = match hold {
        Hold::Exclusive(depth) => depth,
        _ => 0,
    };
    let wrong_depth =
        (what & RECURSED != 0 && depth == 0) || (what & NOT_RECURSED != 0 && depth > 0);
    if !right || wrong_depth {
        fatal(
            Kind::LockUse,
            format!("lock assertion {what:#x} fails: held {hold:?}"),
        );
    }
}
