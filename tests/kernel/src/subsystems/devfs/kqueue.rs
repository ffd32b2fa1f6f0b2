// SPDX-License-Identifier: BSD-2-Clause
//! kqueue(2) of one note at a time, and the lists of notes that drivers keep; must not know what
//! the drivers wait for.

use super::{file, D_KQFILTER};
use crate::args::{Args, Import};
use crate::call;
use crate::check::{fatal, Kind};
use crate::locks;
use crate::mem;
use crate::sched::{self, Wait, Wake};
use crate::subsystems::errno;

const EVFILT_READ: i16 = -1;

/// struct knote.
const KNOTE_LEN: usize = 160;
const KN_SELNEXT: u64 = 8;
const KN_KNLIST: u64 = 16;
const KN_FILTER: u64 = 56;
const KN_SFFLAGS: u64 = 132;
const KN_FOP: u64 = 152;
/// The software kernel's own: where it keeps the channel of the thread that waits, `kn_kq`.
const KN_CHAN: u64 = 40;
/// Set once the note fired, `kn_status`.
const KN_STATUS: u64 = 124;
const KN_ACTIVE: u32 = 1;
/// Somebody looks at the note and must not lose it, `kn_influx`.
const KN_INFLUX: u64 = 128;

/// struct filterops.
const F_ISFD: u64 = 0;
const F_DETACH: u64 = 16;
const F_EVENT: u64 = 24;

/// struct knlist: the first note, and the argument of the lock functions, a mutex here.
const KL_LIST: u64 = 0;
const KL_LOCKARG: u64 = 32;

/// Nanoseconds after which it is looked again whether a note is still looked at.
const LOOK_AGAIN: u64 = 1_000_000;

const KNF_LISTLOCKED: i32 = 1;
const MA_OWNED: u32 = 1;

/// Waits until `file` can be read, by a kqueue of its own; false if the time is over first, an
/// errno if it takes no notes or a signal came.
pub fn wait_readable(file: u64, timeout: Option<u64>) -> Result<bool, i32> {
    let deadline = timeout.map(|ns| sched::now().saturating_add(ns));
    let note = mem::kalloc(KNOTE_LEN, "struct knote");
    let chan = sched::fresh_chan();
    mem::write(note + KN_FILTER, EVFILT_READ);
    mem::write(note + KN_SFFLAGS, 0u32);
    mem::write(note + KN_CHAN, chan);
    let result = attach(file, note).and_then(|()| wait(note, chan, deadline));
    detach(note);
    mem::kfree(note);
    result
}

fn attach(id: u64, note: u64) -> Result<(), i32> {
    file::hold(id);
    let error = file::cdev_of(id).and_then(|cdev| {
        file::call_in(cdev, id, |devsw| match mem::read(devsw + D_KQFILTER) {
            0 => errno::ENODEV,
            filter => errno::of(call::module(filter, &[cdev, note])),
        })
    });
    file::release(id);
    match error {
        Some(0) if mem::read::<i32>(operations(note) + F_ISFD) == 0 => {
            fatal(Kind::Misuse, "kqfilter: filter of a device is not f_isfd")
        }
        Some(0) => Ok(()),
        other => Err(other.unwrap_or(errno::ENXIO)),
    }
}

fn operations(note: u64) -> u64 {
    mem::read(note + KN_FOP)
}

fn wait(note: u64, chan: u64, deadline: Option<u64>) -> Result<bool, i32> {
    loop {
        let list: u64 = mem::read(note + KN_KNLIST);
        if list == 0 {
            // The driver let go of it: the file is gone.
            return Ok(true);
        }
        let ready = in_flux(note, || {
            let lock = mutex_of(list);
            locks::acquire(lock, false);
            let ready = fires(note, 0);
            mem::write(note + KN_STATUS, 0u32);
            locks::release(lock);
            ready
        });
        if ready {
            return Ok(true);
        }
        while mem::read::<u32>(note + KN_STATUS) & KN_ACTIVE == 0 {
            let wait = Wait {
                deadline,
                interruptible: true,
                wmesg: "kqread",
            };
            match sched::block_on(chan, wait) {
                Wake::Woken => {}
                Wake::Interrupted => return Err(errno::EINTR),
                _ => return Ok(false),
            }
        }
    }
}

/// Does something with a note that must stay on its list meanwhile.
fn in_flux<R>(note: u64, f: impl FnOnce() -> R) -> R {
    mem::write(note + KN_INFLUX, 1i32);
    let result = f();
    mem::write(note + KN_INFLUX, 0i32);
    sched::wake(note);
    result
}

fn is_in_flux(note: &u64) -> bool {
    mem::read::<i32>(note + KN_INFLUX) != 0
}

fn fires(note: u64, hint: u64) -> bool {
    let event = mem::read(operations(note) + F_EVENT);
    call::module(event, &[note, hint]) as i32 != 0
}

fn detach(note: u64) {
    if mem::read::<u64>(note + KN_KNLIST) != 0 {
        let detach = mem::read(operations(note) + F_DETACH);
        in_flux(note, || call::module(detach, &[note]));
    }
}

fn mutex_of(list: u64) -> u64 {
    mem::read(list + KL_LOCKARG)
}

fn notes(list: u64) -> Vec<u64> {
    let mut all = vec![];
    let mut at: u64 = mem::read(list + KL_LIST);
    while at != 0 {
        all.push(at);
        at = mem::read(at + KN_SELNEXT);
    }
    all
}

fn set_notes(list: u64, all: &[u64]) {
    let mut next = 0u64;
    for &note in all.iter().rev() {
        mem::write(note + KN_SELNEXT, next);
        next = note;
    }
    mem::write(list + KL_LIST, next);
}

/// Runs `f` with the list's lock held, which is held already if `locked`.
fn with_list(list: u64, locked: bool, f: impl FnOnce()) {
    let lock = mutex_of(list);
    match locked {
        true => locks::assert(lock, MA_OWNED),
        false => locks::acquire(lock, false),
    }
    f();
    if !locked {
        locks::release(lock);
    }
}

fn knlist_init_mtx(args: &Args) -> u64 {
    mem::write(args.u64(0) + KL_LIST, 0u64);
    mem::write(args.u64(0) + KL_LOCKARG, args.u64(1));
    0
}

fn knlist_add(args: &Args) -> u64 {
    let (list, note) = (args.u64(0), args.u64(1));
    with_list(list, args.i32(2) != 0, || {
        let all: Vec<u64> = std::iter::once(note).chain(notes(list)).collect();
        set_notes(list, &all);
        mem::write(note + KN_KNLIST, list);
    });
    0
}

fn knlist_remove(args: &Args) -> u64 {
    let (list, note) = (args.u64(0), args.u64(1));
    with_list(list, args.i32(2) != 0, || {
        let mut all = notes(list);
        if !all.contains(&note) {
            fatal(Kind::Misuse, "knlist_remove: the note is not on the list");
        }
        all.retain(|n| *n != note);
        set_notes(list, &all);
        mem::write(note + KN_KNLIST, 0u64);
    });
    0
}

fn knote(args: &Args) -> u64 {
    let (list, hint) = (args.u64(0), args.u64(1));
    with_list(list, args.i32(2) & KNF_LISTLOCKED != 0, || {
        for note in notes(list) {
            if fires(note, hint) {
                mem::write(note + KN_STATUS, KN_ACTIVE);
                sched::wake(mem::read(note + KN_CHAN));
            }
        }
    });
    0
}

/// knlist_clear(): takes all notes off, and whoever waits is told. Waits for those who look at one.
fn knlist_cleardel(args: &Args) -> u64 {
    let (list, locked) = (args.u64(0), args.i32(2) != 0);
    let lock = mutex_of(list);
    if !locked {
        locks::acquire(lock, false);
    }
    locks::assert(lock, MA_OWNED);
    loop {
        let (busy, idle): (Vec<u64>, Vec<u64>) = notes(list).into_iter().partition(is_in_flux);
        set_notes(list, &busy);
        for note in idle {
            mem::write(note + KN_KNLIST, 0u64);
            mem::write(note + KN_STATUS, KN_ACTIVE);
            sched::wake(mem::read(note + KN_CHAN));
        }
        let Some(first) = busy.first() else { break };
        locks::release(lock);
        // It may be done with, and freed, by now: then there is nobody left to wake this one.
        let wait = Wait {
            deadline: Some(sched::now() + LOOK_AGAIN),
            wmesg: "kqkclr",
            ..Wait::default()
        };
        sched::block_on(*first, wait);
        locks::acquire(lock, false);
    }
    if !locked {
        locks::release(lock);
    }
    0
}

fn knlist_destroy(args: &Args) -> u64 {
    if !notes(args.u64(0)).is_empty() {
        fatal(Kind::Misuse, "knlist_destroy: list not empty");
    }
    0
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("knlist_init_mtx", knlist_init_mtx),
        ("knlist_add", knlist_add),
        ("knlist_remove", knlist_remove),
        ("knote", knote),
        ("knlist_cleardel", knlist_cleardel),
        ("knlist_destroy", knlist_destroy),
    ]
}
