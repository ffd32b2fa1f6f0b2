// SPDX-License-Identifier: BSD-2-Clause
//! poll(2) over open files; must not know what the drivers wait for.

use super::{file, select, D_POLL};
use crate::args::{Args, Import};
use crate::call;
use crate::mem;
use crate::sched::{self, Wake};
use crate::subsystems::errno;

pub const POLLIN: i16 = 0x0001;
pub const POLLOUT: i16 = 0x0004;
pub const POLLERR: i16 = 0x0008;
pub const POLLHUP: i16 = 0x0010;
pub const POLLNVAL: i16 = 0x0020;
pub const POLLRDNORM: i16 = 0x0040;
const POLLPRI: i16 = 0x0002;
const POLLRDBAND: i16 = 0x0080;
const POLLWRBAND: i16 = 0x0100;
const STANDARD: i16 = POLLIN
    | POLLPRI
    | POLLOUT
    | POLLRDNORM
    | POLLRDBAND
    | POLLWRBAND
    | POLLERR
    | POLLHUP
    | POLLNVAL;

/// One entry: the file behind the descriptor, if it is open, and the events asked for.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub file: Option<u64>,
    pub events: i16,
}

/// What happened on each entry; an errno if a signal came first. `timeout` is in nanoseconds,
/// `None` waits for ever.
pub fn poll(entries: &[Entry], timeout: Option<u64>) -> Result<Vec<i16>, i32> {
    let deadline = timeout.map(|ns| sched::now().saturating_add(ns));
    select::begin();
    let result = wait(entries, timeout == Some(0), deadline);
    select::end();
    result
}

fn wait(entries: &[Entry], at_once: bool, deadline: Option<u64>) -> Result<Vec<i16>, i32> {
    let nothing = vec![0; entries.len()];
    loop {
        let all: Vec<usize> = (0..entries.len()).collect();
        let found = scan(entries, &all);
        if at_once || found != nothing {
            return Ok(found);
        }
        match select::wait(deadline) {
            Ok(()) => {}
            Err(Wake::Interrupted) => return Err(errno::EINTR),
            Err(_) => return Ok(nothing),
        }
        let found = scan(entries, &select::woken_entries());
        if found != nothing {
            return Ok(found);
        }
        select::rearm();
    }
}

/// Asks the drivers behind `which`.
fn scan(entries: &[Entry], which: &[usize]) -> Vec<i16> {
    let mut found = vec![0; entries.len()];
    for &n in which {
        select::ask(n);
        found[n] = ask(&entries[n]);
    }
    found
}

fn ask(entry: &Entry) -> i16 {
    let Some((id, cdev)) = entry.file.and_then(|id| Some((id, file::cdev_of(id)?))) else {
        return POLLNVAL;
    };
    let answer = file::call_in(cdev, id, |devsw| {
        let poll = mem::read(devsw + D_POLL);
        call::module(poll, &[cdev, entry.events as u64, sched::curthread()]) as i16
    });
    match answer.unwrap_or(POLLHUP | entry.events & (POLLIN | POLLRDNORM)) {
        // POSIX allows only one of the two.
        events if events & POLLHUP != 0 => events & !POLLOUT,
        events => events,
    }
}

/// The poll function of drivers that have none: always ready.
fn no_poll(args: &Args) -> u64 {
    let events = args.i32(1) as i16;
    let answer = match events & !STANDARD {
        0 => events & (POLLIN | POLLOUT | POLLRDNORM),
        _ => POLLNVAL,
    };
    answer as u64
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[("no_poll", no_poll)]
}
