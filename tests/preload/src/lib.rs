// SPDX-License-Identifier: BSD-2-Clause
//! Leads an unmodified Linux program's /dev/ipmi0 to `lab serve` when preloaded: open, ioctl,
//! poll and select of it, all else goes to Linux. Must not know what the ioctls do.
//!
//! The descriptor that the program gets is the connection to the lab itself, so close, dup, fork
//! and exec need no help; whether a descriptor is one of ours is asked of the kernel each time.

mod ioctl;
mod link;
#[path = "../../lab/src/serve/protocol.rs"]
#[allow(dead_code)] // The lab uses the other half of it.
mod protocol;
mod wait;

use std::ffi::{c_char, c_int, c_long, c_ulong, c_void, CStr};

/// The names under which Linux programs look for the device.
const NODES: [&str; 3] = ["/dev/ipmi0", "/dev/ipmi/0", "/dev/ipmidev/0"];

/// What the device is called in FreeBSD.
const NODE: &str = "/dev/ipmi0";

/// Sets errno and returns what failed system calls return.
fn fail(errno: c_int) -> c_int {
    // SAFETY: the C library's errno of this thread is always there to be written.
    unsafe { *libc::__errno_location() = errno };
    -1
}

/// 0 or an errno as a system call returns it.
fn outcome(errno: c_int) -> c_int {
    match errno {
        0 => 0,
        errno => fail(errno),
    }
}

/// # Safety
///
/// `path` is what the program passed to open(2).
unsafe fn open_at(directory: c_int, path: *const c_char, flags: c_int, mode: c_ulong) -> c_int {
    if !path.is_null() {
        // SAFETY: open(2) takes a string; a program that passes something else is broken.
        let name = unsafe { CStr::from_ptr(path) };
        if NODES.iter().any(|node| name.to_bytes() == node.as_bytes()) {
            return match link::open(NODE, flags) {
                Ok(fd) => fd,
                Err(errno) => fail(errno),
            };
        }
    }
    // SAFETY: the program's own call, passed on.
    unsafe { libc::syscall(libc::SYS_openat, directory, path, flags, mode) as c_int }
}

/// # Safety
///
/// As open(2). `mode` is garbage where the program passed none, and then nobody looks at it.
#[no_mangle]
pub unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: c_ulong) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { open_at(libc::AT_FDCWD, path, flags, mode) }
}

/// # Safety
///
/// As open(2).
#[no_mangle]
pub unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: c_ulong) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { open_at(libc::AT_FDCWD, path, flags, mode) }
}

/// # Safety
///
/// As open(2); what fortified programs call.
#[no_mangle]
pub unsafe extern "C" fn __open_2(path: *const c_char, flags: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { open_at(libc::AT_FDCWD, path, flags, 0) }
}

/// # Safety
///
/// As open(2); what fortified programs call.
#[no_mangle]
pub unsafe extern "C" fn __open64_2(path: *const c_char, flags: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { open_at(libc::AT_FDCWD, path, flags, 0) }
}

/// # Safety
///
/// As openat(2).
#[no_mangle]
pub unsafe extern "C" fn openat(
    at: c_int,
    path: *const c_char,
    flags: c_int,
    mode: c_ulong,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { open_at(at, path, flags, mode) }
}

/// # Safety
///
/// As openat(2).
#[no_mangle]
pub unsafe extern "C" fn openat64(
    at: c_int,
    path: *const c_char,
    flags: c_int,
    mode: c_ulong,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { open_at(at, path, flags, mode) }
}

/// # Safety
///
/// As ioctl(2).
#[no_mangle]
pub unsafe extern "C" fn ioctl(fd: c_int, command: c_ulong, argument: *mut c_void) -> c_int {
    if link::is_ours(fd) {
        // SAFETY: the caller's promise: the argument is what the command wants.
        return outcome(unsafe { ioctl::carry(fd, command as u32, argument.cast()) });
    }
    // SAFETY: the program's own call, passed on.
    unsafe { libc::syscall(libc::SYS_ioctl, fd, command, argument) as c_int }
}

/// # Safety
///
/// As poll(2).
#[no_mangle]
pub unsafe extern "C" fn poll(
    fds: *mut libc::pollfd,
    count: libc::nfds_t,
    timeout: c_int,
) -> c_int {
    // SAFETY: poll(2) takes an array of that many.
    let polled = unsafe { wait::slice(fds, count as usize) };
    if polled.iter().any(|p| link::is_ours(p.fd)) {
        return wait::poll(polled, wait::Patience::of_ms(timeout.into()));
    }
    // SAFETY: the program's own call, passed on.
    unsafe { libc::syscall(libc::SYS_poll, fds, count, timeout) as c_int }
}

/// # Safety
///
/// As poll(2); what fortified programs call.
#[no_mangle]
pub unsafe extern "C" fn __poll_chk(
    fds: *mut libc::pollfd,
    count: libc::nfds_t,
    timeout: c_int,
    _room: usize,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { poll(fds, count, timeout) }
}

/// # Safety
///
/// As select(2).
#[no_mangle]
pub unsafe extern "C" fn select(
    count: c_int,
    reading: *mut libc::fd_set,
    writing: *mut libc::fd_set,
    failing: *mut libc::fd_set,
    timeout: *mut libc::timeval,
) -> c_int {
    // SAFETY: the caller's promise.
    if let Some(mut sets) = unsafe { wait::Sets::with_ours(count, [reading, writing, failing]) } {
        // SAFETY: select(2) takes a time or nothing.
        let patience = unsafe { timeout.as_ref() };
        let patience = patience.map_or(wait::Patience::FOR_EVER, |t| {
            wait::Patience::of_us(t.tv_sec as c_long * 1_000_000 + t.tv_usec as c_long)
        });
        return sets.select(patience);
    }
    // SAFETY: the program's own call, passed on.
    unsafe { libc::syscall(libc::SYS_select, count, reading, writing, failing, timeout) as c_int }
}
