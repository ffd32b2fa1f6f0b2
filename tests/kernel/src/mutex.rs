// SPDX-License-Identifier: BSD-2-Clause
//! mutex(9), in all the names under which modules link to it; must not know how locks work.

use crate::args::{Args, Import};
use crate::check::{violation, Kind};
use crate::imports;
use crate::imports::Datum;
use crate::locks::{self, Class, Options};
use crate::mem;
use crate::with;

/// The functions are given the address of `mtx_lock`; the lock object is in front of it.
const MTX_LOCK: u64 = 24;

fn object(args: &Args) -> u64 {
    args.u64(0).wrapping_sub(MTX_LOCK)
}

fn options(opts: u32) -> Options {
    const MTX_SPIN: u32 = 1;
    const MTX_RECURSE: u32 = 4;
    const MTX_NOWITNESS: u32 = 8;
    const MTX_DUPOK: u32 = 0x0040_0000;
    Options {
        class: if opts & MTX_SPIN != 0 {
            Class::Spin
        } else {
            Class::Mutex
        },
        recurse: opts & MTX_RECURSE != 0,
        no_witness: opts & MTX_NOWITNESS != 0,
        dup_ok: opts & MTX_DUPOK != 0,
    }
}

fn init(args: &Args) -> u64 {
    locks::init(object(args), args.u64(1), args.u64(2), options(args.u32(3)));
    0
}

/// MTX_SYSINIT: a structure of mutex, description and options.
fn sysinit(args: &Args) -> u64 {
    let at = args.u64(0);
    let opts = mem::read::<u32>(at + 16);
    locks::init(mem::read(at), mem::read(at + 8), 0, options(opts));
    0
}

fn destroy(args: &Args) -> u64 {
    locks::destroy(object(args));
    0
}

fn lock(args: &Args) -> u64 {
    locks::acquire(object(args), false);
    0
}

fn unlock(args: &Args) -> u64 {
    locks::release(object(args));
    0
}

/// An NMI may have interrupted its owner.
fn lock_spin(args: &Args) -> u64 {
    if with(|k| k.sub.nmi.is_running()) {
        violation(Kind::LockUse, "a spin mutex in an NMI");
    }
    lock(args)
}

fn trylock(args: &Args) -> u64 {
    u64::from(locks::try_acquire(object(args), false))
}

fn assert(args: &Args) -> u64 {
    locks::assert(object(args), args.u32(1));
    0
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("_mtx_init", init),
        ("mtx_sysinit", sysinit),
        ("_mtx_destroy", destroy),
        ("__mtx_lock_flags", lock),
        ("__mtx_unlock_flags", unlock),
        ("_mtx_trylock_flags_", trylock),
        ("__mtx_lock_spin_flags", lock_spin),
        ("__mtx_unlock_spin_flags", unlock),
        ("__mtx_trylock_spin_flags", trylock),
        ("__mtx_assert", assert),
    ]
}

/// The giant lock, for those who still name it.
pub fn data() -> &'static [Datum] {
    &[Datum {
        name: "Giant",
        size: 32,
        init: |at| locks::init(at, mem::intern("Giant"), 0, options(4)),
    }]
}

/// The giant lock's object, with which sleeping is allowed.
pub fn giant() -> u64 {
    imports::datum("Giant")
}
