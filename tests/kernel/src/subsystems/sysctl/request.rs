// SPDX-License-Identifier: BSD-2-Clause
//! `struct sysctl_req`: how a handler hands out the old value and takes in the new one, for
//! requests of the kernel and of a process; must not know which oid is asked.

use crate::args::{Args, Import};
use crate::call;
use crate::imports;
use crate::mem;
use crate::sched;
use crate::subsystems::errno;
use crate::user;

const STRUCT_LEN: usize = 96;
const TD: u64 = 0;
const LOCK: u64 = 8;
const OLDPTR: u64 = 16;
const OLDLEN: u64 = 24;
const OLDIDX: u64 = 32;
const OLDFUNC: u64 = 40;
const NEWPTR: u64 = 48;
const NEWLEN: u64 = 56;
const NEWIDX: u64 = 64;
const NEWFUNC: u64 = 72;
const VALIDLEN: u64 = 80;

const REQ_UNWIRED: u32 = 1;
const REQ_WIRED: u32 = 2;

/// A request; its structure lives as long as this.
pub struct Request {
    address: u64,
    /// A copy of the new value in kernel memory, or 0.
    data: u64,
}

impl Request {
    /// A write of `value` by the kernel itself.
    pub fn in_kernel(value: &[u8]) -> Request {
        let data = mem::kalloc(value.len().max(1), "sysctl value");
        mem::put(data, value);
        let mut request = Request::new("sysctl_old_kernel", "sysctl_new_kernel");
        request.set_new(data, value.len() as u64);
        request.data = data;
        request
    }

    /// A request of a process: `old` and `new` are user memory, 0 for none, with their lengths.
    pub fn of_user(old: (u64, u64), new: (u64, u64)) -> Request {
        let request = Request::new("sysctl_old_user", "sysctl_new_user");
        for (offset, value) in [(OLDPTR, old.0), (OLDLEN, old.1), (VALIDLEN, old.1)] {
            mem::write(request.address + offset, value);
        }
        request.set_new(new.0, new.1);
        request
    }

    fn new(old: &str, new: &str) -> Request {
        let address = mem::kalloc(STRUCT_LEN, "struct sysctl_req");
        mem::write(address + TD, sched::curthread());
        mem::write(address + LOCK, REQ_UNWIRED);
        mem::write(address + OLDFUNC, imports::stub(old));
        mem::write(address + NEWFUNC, imports::stub(new));
        Request { address, data: 0 }
    }

    fn set_new(&self, at: u64, len: u64) {
        mem::write(self.address + NEWPTR, at);
        mem::write(self.address + NEWLEN, len);
    }

    pub fn address(&self) -> u64 {
        self.address
    }

    /// How many bytes the handler has handed out, whether or not there was room.
    pub fn handed_out(&self) -> u64 {
        mem::read(self.address + OLDIDX)
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        // A thread that is unwound because its machine ends leaves everything to the machine.
        if std::thread::panicking() {
            return;
        }
        if self.data != 0 {
            mem::kfree(self.data);
        }
        mem::kfree(self.address);
    }
}

fn field(req: u64, offset: u64) -> u64 {
    mem::read(req + offset)
}

/// Whether the request brings a new value.
pub fn has_new(req: u64) -> bool {
    field(req, NEWPTR) != 0
}

/// Whether the request wants the old value, not only its length.
pub fn wants_old(req: u64) -> bool {
    field(req, OLDPTR) != 0
}

/// How much of the new value has not been taken yet.
pub fn new_left(req: u64) -> i64 {
    field(req, NEWLEN).wrapping_sub(field(req, NEWIDX)) as i64
}

/// SYSCTL_OUT of `len` bytes at `from`.
pub fn copy_out(req: u64, from: u64, len: u64) -> i32 {
    errno::of(call::module(field(req, OLDFUNC), &[req, from, len]))
}

/// SYSCTL_IN of `len` bytes to `to`.
pub fn copy_in(req: u64, to: u64, len: u64) -> i32 {
    errno::of(call::module(field(req, NEWFUNC), &[req, to, len]))
}

/// SYSCTL_OUT of a value that is not in module memory.
pub fn hand_out(req: u64, value: &[u8]) -> i32 {
    let scratch = mem::kalloc(value.len().max(1), "sysctl value");
    mem::put(scratch, value);
    let error = copy_out(req, scratch, value.len() as u64);
    mem::kfree(scratch);
    error
}

/// Advances `oldidx` by `len` and tells where the bytes go and how many fit in `room`.
fn advance_old(req: u64, len: u64, room: u64) -> (u64, u64) {
    let index = field(req, OLDIDX);
    mem::write(req + OLDIDX, index + len);
    let fits = room.saturating_sub(index).min(len);
    (field(req, OLDPTR) + index, fits)
}

fn sysctl_old_kernel(args: &Args) -> u64 {
    let (req, from, len) = (args.u64(0), args.u64(1), args.u64(2));
    let (to, fits) = advance_old(req, len, field(req, OLDLEN));
    if !wants_old(req) {
        return 0;
    }
    mem::put(to, &mem::bytes(from, fits as usize));
    enough(fits, len)
}

fn sysctl_old_user(args: &Args) -> u64 {
    let (req, from, len) = (args.u64(0), args.u64(1), args.u64(2));
    let (to, fits) = advance_old(req, len, field(req, VALIDLEN));
    if !wants_old(req) {
        return 0;
    }
    if mem::read::<u32>(req + LOCK) != REQ_WIRED {
        sched::may_sleep("sysctl_old_user");
    }
    if fits > 0 && !user::store(to, &mem::bytes(from, fits as usize)) {
        return errno::EFAULT as u64;
    }
    enough(fits, len)
}

fn enough(fits: u64, len: u64) -> u64 {
    if fits < len {
        errno::ENOMEM as u64
    } else {
        0
    }
}

/// Takes `len` bytes of the new value; `None` when there is none or too little, with the errno.
fn advance_new(req: u64, len: u64) -> Result<u64, u64> {
    if !has_new(req) {
        return Err(0);
    }
    if new_left(req) < len as i64 {
        return Err(errno::EINVAL as u64);
    }
    let index = field(req, NEWIDX);
    mem::write(req + NEWIDX, index + len);
    Ok(field(req, NEWPTR) + index)
}

fn sysctl_new_kernel(args: &Args) -> u64 {
    match advance_new(args.u64(0), args.u64(2)) {
        Ok(from) => {
            mem::put(args.u64(1), &mem::bytes(from, args.u64(2) as usize));
            0
        }
        Err(error) => error,
    }
}

fn sysctl_new_user(args: &Args) -> u64 {
    let from = match advance_new(args.u64(0), args.u64(2)) {
        Ok(from) => from,
        Err(error) => return error,
    };
    sched::may_sleep("sysctl_new_user");
    match user::load(from, args.u64(2) as usize) {
        Some(data) => {
            mem::put(args.u64(1), &data);
            0
        }
        None => errno::EFAULT as u64,
    }
}

fn sysctl_wire_old_buffer(args: &Args) -> u64 {
    mem::write(args.u64(0) + LOCK, REQ_WIRED);
    0
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("sysctl_old_kernel", sysctl_old_kernel),
        ("sysctl_new_kernel", sysctl_new_kernel),
        ("sysctl_old_user", sysctl_old_user),
        ("sysctl_new_user", sysctl_new_user),
        ("sysctl_wire_old_buffer", sysctl_wire_old_buffer),
    ]
}
