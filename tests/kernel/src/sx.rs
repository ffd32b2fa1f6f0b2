// SPDX-License-Identifier: BSD-2-Clause
//! sx(9), in the names under which modules link to it; must not know how locks work.

use crate::args::{Args, Import};
use crate::locks::{self, Class, Hold, Options};
use crate::mem;

fn options(opts: u32) -> Options {
    const SX_DUPOK: u32 = 0x01;
    const SX_NOWITNESS: u32 = 0x04;
    const SX_RECURSE: u32 = 0x20;
    Options {
        class: Class::Sx,
        recurse: opts & SX_RECURSE != 0,
        no_witness: opts & SX_NOWITNESS != 0,
        dup_ok: opts & SX_DUPOK != 0,
    }
}

fn init(args: &Args) -> u64 {
    locks::init(args.u64(0), args.u64(1), 0, options(args.u32(2)));
    0
}

fn sysinit(args: &Args) -> u64 {
    let at = args.u64(0);
    let opts = mem::read::<u32>(at + 16);
    locks::init(mem::read(at), mem::read(at + 8), 0, options(opts));
    0
}

fn destroy(args: &Args) -> u64 {
    locks::destroy(args.u64(0));
    0
}

fn exclusive(args: &Args) -> u64 {
    locks::acquire(args.u64(0), false);
    0
}

fn shared(args: &Args) -> u64 {
    locks::acquire(args.u64(0), true);
    0
}

fn unlock(args: &Args) -> u64 {
    locks::release(args.u64(0));
    0
}

fn try_exclusive(args: &Args) -> u64 {
    u64::from(locks::try_acquire(args.u64(0), false))
}

fn try_shared(args: &Args) -> u64 {
    u64::from(locks::try_acquire(args.u64(0), true))
}

fn xlocked(args: &Args) -> u64 {
    u64::from(matches!(locks::hold(args.u64(0)), Hold::Exclusive(_)))
}

fn assert(args: &Args) -> u64 {
    locks::assert(args.u64(0), args.u32(1));
    0
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("sx_init_flags", init),
        ("sx_sysinit", sysinit),
        ("sx_destroy", destroy),
        ("_sx_xlock", exclusive),
        ("_sx_slock", shared),
        ("_sx_xunlock", unlock),
        ("_sx_sunlock", unlock),
        ("sx_try_xlock_", try_exclusive),
        ("sx_try_slock_", try_shared),
        ("sx_xlocked", xlocked),
        ("_sx_assert", assert),
    ]
}
