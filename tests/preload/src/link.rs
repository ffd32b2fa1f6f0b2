// SPDX-License-Identifier: BSD-2-Clause
//! Connections to the lab, which programs hold as descriptors; must not know what is asked.

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{FromRawFd, IntoRawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::protocol::{Reply, Request, EIO, SOCKET_VARIABLE};

/// Conversations of this program's threads, which must not mix.
static TALK: Mutex<()> = Mutex::new(());

pub fn alone() -> MutexGuard<'static, ()> {
    TALK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens the device in the lab's kernel; a descriptor or an errno.
pub fn open(node: &str, flags: i32) -> Result<i32, i32> {
    let path = std::env::var_os(SOCKET_VARIABLE).ok_or(libc::ENOENT)?;
    let mut stream = UnixStream::connect(path).map_err(|_| libc::ENXIO)?;
    let _alone = alone();
    let request = Request::Open { path: node.into() };
    let reply = converse(&mut stream, &request).map_err(|_| EIO)?;
    if reply.errno != 0 {
        return Err(reply.errno);
    }
    let fd = stream.into_raw_fd();
    if flags & libc::O_CLOEXEC == 0 {
        // SAFETY: a descriptor of ours; std opens them with the flag.
        unsafe { libc::fcntl(fd, libc::F_SETFD, 0) };
    }
    Ok(fd)
}

/// The connection behind a descriptor that stays the program's.
pub fn of(fd: i32) -> ManuallyDrop<UnixStream> {
    // SAFETY: `is_ours` said that it is a socket, and nobody closes it here.
    ManuallyDrop::new(unsafe { UnixStream::from_raw_fd(fd) })
}

/// Whether the descriptor leads to the lab.
pub fn is_ours(fd: i32) -> bool {
    let Some(path) = std::env::var_os(SOCKET_VARIABLE) else {
        return false;
    };
    fd >= 0
        && of(fd)
            .peer_addr()
            .is_ok_and(|peer| peer.as_pathname().is_some_and(|p| p == path))
}

pub fn converse(stream: &mut UnixStream, request: &Request) -> io::Result<Reply> {
    request.send(stream)?;
    Reply::receive(stream)
}
