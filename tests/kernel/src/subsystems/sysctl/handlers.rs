// SPDX-License-Identifier: BSD-2-Clause
//! The ready-made sysctl handlers: integers, strings, times and plain memory; must not know who
//! asks.

use super::oid::{self, Oid};
use super::request;
use crate::args::{Args, Import};
use crate::mem;
use crate::subsystems::errno;
use crate::subsystems::time::{ms_to_sbt, sbt_to_ms, sbt_to_us, us_to_sbt};

/// An integer of `width` bytes at `arg1` or, when that is NULL, `arg2` itself, read-only.
fn integer(args: &Args, width: usize) -> u64 {
    let (arg1, arg2, req) = (args.u64(1), args.u64(2), args.u64(3));
    let value = match arg1 {
        0 => arg2.to_le_bytes()[..width].to_vec(),
        _ => mem::bytes(arg1, width),
    };
    let error = request::hand_out(req, &value);
    if error != 0 || !request::has_new(req) {
        return error as u64;
    }
    match arg1 {
        0 => errno::EPERM as u64,
        _ => request::copy_in(req, arg1, width as u64) as u64,
    }
}

fn sysctl_handle_8(args: &Args) -> u64 {
    integer(args, 1)
}

fn sysctl_handle_16(args: &Args) -> u64 {
    integer(args, 2)
}

fn sysctl_handle_32(args: &Args) -> u64 {
    integer(args, 4)
}

fn sysctl_handle_64(args: &Args) -> u64 {
    integer(args, 8)
}

/// A `bool`, which is read and written as one byte of 0 or 1.
fn sysctl_handle_bool(args: &Args) -> u64 {
    let (arg1, arg2, req) = (args.u64(1), args.u64(2), args.u64(3));
    let value = match arg1 {
        0 => arg2 != 0,
        _ => mem::read::<u8>(arg1) != 0,
    };
    let error = request::hand_out(req, &[u8::from(value)]);
    if error != 0 || !request::has_new(req) {
        return error as u64;
    }
    if arg1 == 0 {
        return errno::EPERM as u64;
    }
    let error = request::copy_in(req, arg1, 1);
    if error == 0 {
        mem::write(arg1, u8::from(mem::read::<u8>(arg1) != 0));
    }
    error as u64
}

/// A string at `arg1` in a buffer of `arg2` bytes; 0 bytes stand for a constant.
fn sysctl_handle_string(args: &Args) -> u64 {
    let (oid, arg1, size, req) = (Oid(args.u64(0)), args.u64(1), args.u64(2), args.u64(3));
    let constant = size == 0 || oid.kind() & (oid::CTLFLAG_WR | oid::CTLFLAG_TUN) == 0;
    let mut text = mem::cstr(arg1).into_bytes();
    if size > 0 {
        text.truncate(size as usize - 1);
    }
    text.push(0);
    let error = request::hand_out(req, &text);
    if error != 0 || !request::has_new(req) {
        return error as u64;
    }
    let len = request::new_left(req);
    if constant || len < 0 || len as u64 >= size {
        return errno::EINVAL as u64;
    }
    let error = request::copy_in(req, arg1, len as u64);
    if error == 0 {
        mem::write(arg1 + len as u64, 0u8);
    }
    error as u64
}

fn sysctl_handle_opaque(args: &Args) -> u64 {
    let (arg1, len, req) = (args.u64(1), args.u64(2), args.u64(3));
    match request::copy_out(req, arg1, len) {
        0 => request::copy_in(req, arg1, len) as u64,
        error => error as u64,
    }
}

/// A `sbintime_t` at `arg1`, shown as a whole number of some unit.
fn sbintime(args: &Args, show: fn(i64) -> i64, parse: fn(i64) -> i64) -> u64 {
    let (arg1, req) = (args.u64(1), args.u64(3));
    let scratch = mem::kalloc(8, "sysctl value");
    mem::write(scratch, show(mem::read(arg1)));
    let mut error = request::copy_out(req, scratch, 8);
    if error == 0 && request::has_new(req) {
        error = request::copy_in(req, scratch, 8);
        if error == 0 {
            mem::write(arg1, parse(mem::read(scratch)));
        }
    }
    mem::kfree(scratch);
    error as u64
}

fn sysctl_msec_to_sbintime(args: &Args) -> u64 {
    sbintime(args, sbt_to_ms, ms_to_sbt)
}

fn sysctl_usec_to_sbintime(args: &Args) -> u64 {
    sbintime(args, sbt_to_us, us_to_sbt)
}

/// An `int` of ticks at `arg1`, shown as milliseconds. A tick is one.
fn sysctl_msec_to_ticks(args: &Args) -> u64 {
    integer(args, 4)
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("sysctl_handle_bool", sysctl_handle_bool),
        ("sysctl_handle_8", sysctl_handle_8),
        ("sysctl_handle_16", sysctl_handle_16),
        ("sysctl_handle_32", sysctl_handle_32),
        ("sysctl_handle_64", sysctl_handle_64),
        ("sysctl_handle_int", sysctl_handle_32),
        ("sysctl_handle_long", sysctl_handle_64),
        ("sysctl_handle_string", sysctl_handle_string),
        ("sysctl_handle_opaque", sysctl_handle_opaque),
        ("sysctl_msec_to_sbintime", sysctl_msec_to_sbintime),
        ("sysctl_usec_to_sbintime", sysctl_usec_to_sbintime),
        ("sysctl_msec_to_ticks", sysctl_msec_to_ticks),
    ]
}
