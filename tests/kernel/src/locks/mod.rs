// SPDX-License-Identifier: BSD-2-Clause
//! What mutexes and sx locks have in common: taking, waiting, releasing, and what is wrong with
//! it; must not know their function names.

mod table;
mod witness;

use crate::check::{fatal, violation, Kind};
use crate::kernel::with;
use crate::mem;
use crate::sched::{self, Wait};

pub use table::Locks;
use table::{Lock, Take};

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

/// Marks the channel on which threads wait for a lock itself.
const LOCK_CHAN: u64 = 1 << 61;

fn chan(object: u64) -> u64 {
    object | LOCK_CHAN
}

/// The lock whose channel this is.
pub(crate) fn of_chan(chan: u64) -> Option<u64> {
    (chan >> 61 == 1).then_some(chan ^ LOCK_CHAN)
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
        let (name, kind) = (k.locks.witness.id(&text), k.locks.witness.id(&kind));
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
            Take::Wait => wait(object),
        }
    }
}

/// Waits until the lock may be free.
fn wait(object: u64) {
    if let Some(text) = with(|k| k.deadlock(object)) {
        fatal(Kind::LockUse, text);
    }
    let how = Wait {
        wmesg: "lock",
        ..Wait::default()
    };
    sched::block_unchecked(chan(object), how);
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
        Take::Wait => false,
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
