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

/// What is polled. Descriptors are looked up anew each time a driver is asked, since another
/// thread may close them meanwhile.
pub struct Polled<'a> {
    /// The events asked for, an entry a descriptor.
    pub events: &'a [i16],
    /// The open file behind an entry.
    pub file: &'a dyn Fn(usize) -> Option<u64>,
}

/// What happened on each entry; an errno if a signal came first. `timeout` is in nanoseconds,
/// `None` waits for ever.
pub fn poll(polled: &Polled, timeout: Option<u64>) -> Result<Vec<i16>, i32> {
    let deadline = timeout.map(|ns| sched::now().saturating_add(ns));
    select::begin();
    let result = wait(polled, timeout == Some(0), deadline);
    select::end();
    result
}

fn wait(polled: &Polled, at_once: bool, deadline: Option<u64>) -> Result<Vec<i16>, i32> {
    let nothing = vec![0; polled.events.len()];
    loop {
        let all: Vec<usize> = (0..polled.events.len()).collect();
        let found = scan(polled, &all);
        if at_once || found != nothing {
            return Ok(found);
        }
        match select::wait(deadline) {
            Ok(()) => {}
            Err(Wake::Interrupted) => return Err(errno::EINTR),
            Err(_) => return Ok(nothing),
        }
        let found = scan(polled, &select::woken_entries());
        if found != nothing {
            return Ok(found);
        }
        select::rearm();
    }
}

/// Asks the drivers behind `which`.
fn scan(polled: &Polled, which: &[usize]) -> Vec<i16> {
    let mut found = vec![0; polled.events.len()];
    for &n in which {
        select::ask(n);
        found[n] = match (polled.file)(n) {
            Some(file) => ask(file, polled.events[n]),
            None => POLLNVAL,
        };
    }
    found
}

fn ask(id: u64, events: i16) -> i16 {
    file::hold(id);
    let answer = file::cdev_of(id).and_then(|cdev| {
        file::call_in(cdev, id, |devsw| {
            let poll = mem::read(devsw + D_POLL);
            call::module(poll, &[cdev, events as u64, sched::curthread()]) as i16
        })
    });
    file::release(id);
    match answer.unwrap_or(POLLHUP | events & (POLLIN | POLLRDNORM)) {
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
