// SPDX-License-Identifier: BSD-2-Clause
//! `struct selinfo` and the threads that poll it; must not know drivers or files.

use std::collections::BTreeMap;

use crate::args::{Args, Import};
use crate::check::{fatal, Kind};
use crate::mem;
use crate::sched::{self, Tid, Wait, Wake};
use crate::with;

/// `si_tdlist`: first element, then where the last one's link is.
const TDLIST_FIRST: u64 = 0;
const TDLIST_LAST: u64 = 8;
/// `si_mtx`; not NULL once anybody has recorded.
const SI_MTX: u64 = 64;
/// A driver's poll function may record this often.
const RECORDS_PER_CALL: usize = 2;

/// One recorded interest: in a `struct selinfo`, on behalf of the poll's entry `entry`.
#[derive(Clone, Copy)]
struct Interest {
    /// 0 once it was woken.
    selinfo: u64,
    entry: usize,
}

/// A thread in poll(2).
#[derive(Default)]
struct Poller {
    interests: Vec<Interest>,
    /// The entry whose driver is asked now, and how often it recorded.
    entry: usize,
    records: usize,
    /// Looking again after a wakeup: nothing is recorded.
    rescan: bool,
    pending: bool,
    chan: u64,
}

#[derive(Default)]
pub struct Select {
    pollers: BTreeMap<Tid, Poller>,
}

impl Select {
    fn waiting(&self, selinfo: u64) -> usize {
        let interests = self.pollers.values().flat_map(|p| &p.interests);
        interests.filter(|i| i.selinfo == selinfo).count()
    }
}

fn mine<R>(f: impl FnOnce(&mut Poller) -> R) -> Option<R> {
    with(|k| k.sub.devfs.select.pollers.get_mut(&k.sched.current).map(f))
}

/// The running thread begins a poll(2).
pub fn begin() {
    let chan = sched::fresh_chan();
    with(|k| {
        let poller = Poller {
            chan,
            ..Poller::default()
        };
        let tid = k.sched.current;
        k.sub.devfs.select.pollers.insert(tid, poller);
    });
}

/// The driver behind entry `entry` is asked next.
pub fn ask(entry: usize) {
    mine(|p| (p.entry, p.records) = (entry, 0));
}

/// The poll ends: interests that were never woken are taken off their lists.
pub fn end() {
    forget_interests();
    with(|k| k.sub.devfs.select.pollers.remove(&k.sched.current));
}

/// Takes the thread off all lists; the entries that were woken.
fn forget_interests() -> Vec<usize> {
    let interests = mine(|p| std::mem::take(&mut p.interests)).unwrap_or_default();
    for interest in interests.iter().filter(|i| i.selinfo != 0) {
        // This is where a selinfo that was freed without seldrain(9) is touched.
        update_list(interest.selinfo);
    }
    let woken = interests.iter().filter(|i| i.selinfo == 0);
    woken.map(|i| i.entry).collect()
}

/// Shows in memory whether anybody waits, which SEL_WAITING() reads.
fn update_list(selinfo: u64) {
    let waiting = with(|k| k.sub.devfs.select.waiting(selinfo));
    let first = match waiting {
        0 => 0,
        _ => selinfo,
    };
    mem::write(selinfo + TDLIST_FIRST, first);
    mem::write(selinfo + TDLIST_LAST, selinfo);
}

/// Waits for any interest to be woken. `Err` is an errno-less end: time or signal.
pub fn wait(deadline: Option<u64>) -> Result<(), Wake> {
    let chan = mine(|p| {
        p.rescan = true;
        (!p.pending).then_some(p.chan)
    });
    let Some(chan) = chan.flatten() else {
        return Ok(());
    };
    let wait = Wait {
        deadline,
        interruptible: true,
        wmesg: "select",
    };
    match sched::block_on(chan, wait) {
        Wake::Woken => Ok(()),
        other => Err(other),
    }
}

/// After a wakeup: the entries to ask again, during which nothing is recorded.
pub fn woken_entries() -> Vec<usize> {
    forget_interests()
}

/// After asking again in vain: the next round records anew.
pub fn rearm() {
    mine(|p| (p.rescan, p.pending) = (false, false));
}

fn selrecord(args: &Args) -> u64 {
    let selinfo = args.u64(1);
    let records = mine(|p| {
        if !p.rescan {
            p.records += 1;
            let entry = p.entry;
            p.interests.push(Interest { selinfo, entry });
        }
        (!p.rescan).then_some(p.records)
    });
    match records {
        None => fatal(Kind::Misuse, "selrecord outside of poll(2)"),
        Some(None) => return 0,
        Some(Some(n)) if n > RECORDS_PER_CALL => {
            fatal(Kind::Misuse, "selrecord: no free selfd on selq")
        }
        Some(Some(_)) => {}
    }
    mem::write(selinfo + SI_MTX, selinfo + SI_MTX);
    update_list(selinfo);
    0
}

/// selwakeup(9), which seldrain(9) is too.
fn selwakeup(args: &Args) -> u64 {
    let selinfo = args.u64(0);
    if mem::read::<u64>(selinfo + SI_MTX) == 0 {
        return 0;
    }
    let chans: Vec<u64> = with(|k| {
        let mut chans = vec![];
        for poller in k.sub.devfs.select.pollers.values_mut() {
            let mut interests = poller.interests.iter_mut();
            let mut woken = false;
            for interest in interests.by_ref().filter(|i| i.selinfo == selinfo) {
                interest.selinfo = 0;
                woken = true;
            }
            if woken {
                poller.pending = true;
                chans.push(poller.chan);
            }
        }
        chans
    });
    update_list(selinfo);
    for chan in chans {
        sched::wake(chan);
    }
    0
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("selrecord", selrecord),
        ("selwakeup", selwakeup),
        ("selwakeuppri", selwakeup),
        ("seldrain", selwakeup),
    ]
}
