// SPDX-License-Identifier: BSD-2-Clause
//! Waiting for the device and for Linux's own descriptors at once; must not know what is read.
//!
//! The lab is asked to poll its file while Linux waits for the lab's answer and for everything
//! else. Whatever comes first ends the other.

use std::ffi::c_int;

use crate::link;
use crate::protocol::{Reply, Request};

/// How long to wait, in nanoseconds; nothing is for ever.
#[derive(Clone, Copy)]
pub struct Patience(Option<u64>);

impl Patience {
    pub const FOR_EVER: Patience = Patience(None);

    pub fn of_ms(ms: i64) -> Patience {
        Patience(
            u64::try_from(ms)
                .ok()
                .map(|ms| ms.saturating_mul(1_000_000)),
        )
    }

    pub fn of_us(us: i64) -> Patience {
        Patience(Some(u64::try_from(us).unwrap_or(0).saturating_mul(1000)))
    }
}

/// # Safety
///
/// `fds` points to `count` entries unless there are none.
pub unsafe fn slice<'p>(fds: *mut libc::pollfd, count: usize) -> &'p mut [libc::pollfd] {
    match fds.is_null() || count == 0 {
        true => &mut [],
        // SAFETY: the caller's promise.
        false => unsafe { std::slice::from_raw_parts_mut(fds, count) },
    }
}

/// poll(2) on files of which at least one is the lab's.
pub fn poll(fds: &mut [libc::pollfd], patience: Patience) -> c_int {
    let _alone = link::alone();
    let ours: Vec<usize> = (0..fds.len())
        .filter(|&i| link::is_ours(fds[i].fd))
        .collect();
    for &i in &ours {
        let request = Request::Poll {
            events: fds[i].events,
            timeout: patience.0,
        };
        if request.send(&mut *link::of(fds[i].fd)).is_err() {
            return crate::fail(crate::protocol::EIO);
        }
    }
    let interrupted = await_any(fds, &ours).err();
    for &i in &ours {
        let mut stream = link::of(fds[i].fd);
        // An answer that is there already comes first, and nobody minds the cancellation then.
        let heard = Request::Cancel
            .send(&mut *stream)
            .and_then(|()| Reply::receive(&mut *stream));
        fds[i].revents = heard.map_or(libc::POLLERR | libc::POLLHUP, |reply| reply.events);
    }
    match interrupted {
        Some(errno) => crate::fail(errno),
        None => fds.iter().filter(|p| p.revents != 0).count() as c_int,
    }
}

/// Waits until Linux has something: an answer of the lab's or what the program wants of its own
/// descriptors, whose results it leaves. An errno if a signal came.
fn await_any(fds: &mut [libc::pollfd], ours: &[usize]) -> Result<(), c_int> {
    let asked: Vec<i16> = ours.iter().map(|&i| fds[i].events).collect();
    for &i in ours {
        fds[i].events = libc::POLLIN;
    }
    // For ever: the lab's answer tells that the time is over.
    // SAFETY: a slice of entries, its length with it.
    let count = unsafe { libc::syscall(libc::SYS_poll, fds.as_mut_ptr(), fds.len(), -1) };
    let errno = std::io::Error::last_os_error().raw_os_error();
    for (&i, events) in ours.iter().zip(asked) {
        fds[i].events = events;
    }
    match count {
        -1 => Err(errno.unwrap_or(crate::protocol::EIO)),
        _ => Ok(()),
    }
}

/// The three sets of select(2), as the program passed them.
pub struct Sets {
    sets: [*mut libc::fd_set; 3],
    fds: Vec<libc::pollfd>,
}

/// What select(2) asks of poll(2) for a member of each set, and which findings count as ready.
const ASKED: [i16; 3] = [libc::POLLIN, libc::POLLOUT, libc::POLLPRI];
const READY: [i16; 3] = [
    libc::POLLIN | libc::POLLERR | libc::POLLHUP,
    libc::POLLOUT | libc::POLLERR,
    libc::POLLPRI,
];

impl Sets {
    /// The sets, if the lab's files are among them.
    ///
    /// # Safety
    ///
    /// Each is a set for descriptors below `count`, or null.
    pub unsafe fn with_ours(count: c_int, sets: [*mut libc::fd_set; 3]) -> Option<Sets> {
        let mut fds = Vec::new();
        for fd in 0..count {
            // SAFETY: the caller's promise.
            let has = |set: *mut libc::fd_set| !set.is_null() && unsafe { libc::FD_ISSET(fd, set) };
            let wanted = sets.iter().zip(ASKED).filter(|(set, _)| has(**set));
            let events = wanted.fold(0, |all, (_, events)| all | events);
            if events != 0 {
                fds.push(libc::pollfd {
                    fd,
                    events,
                    revents: 0,
                });
            }
        }
        fds.iter()
            .any(|p| link::is_ours(p.fd))
            .then_some(Sets { sets, fds })
    }

    /// select(2): leaves the ready ones in the sets; how many there are.
    pub fn select(&mut self, patience: Patience) -> c_int {
        if poll(&mut self.fds, patience) < 0 {
            return -1;
        }
        let mut ready = 0;
        for polled in &self.fds {
            for ((&set, asked), finding) in self.sets.iter().zip(ASKED).zip(READY) {
                if set.is_null() || polled.events & asked == 0 {
                    continue;
                }
                if polled.revents & finding != 0 {
                    ready += 1;
                } else {
                    // SAFETY: a set that has this descriptor.
                    unsafe { libc::FD_CLR(polled.fd, set) };
                }
            }
        }
        ready
    }
}
