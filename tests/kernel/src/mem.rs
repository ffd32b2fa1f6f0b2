// SPDX-License-Identifier: BSD-2-Clause
//! Memory that module code shares with the kernel, touched so that a bad address becomes a
//! violation instead of a crash; must not know what is stored there.

use std::mem::size_of;

use crate::arch::border;
use crate::check::{fatal, Kind};
use crate::fault;
use crate::malloc;

/// Plain data that may be copied from and to module memory bit by bit.
///
/// # Safety
/// Every bit pattern must be a valid value and there must be no padding.
pub unsafe trait Plain: Copy + Default {}

macro_rules! plain {
    ($($t:ty),*) => { $(
        // SAFETY: an integer has no padding and no invalid bit pattern.
        unsafe impl Plain for $t {}
    )* };
}
plain!(u8, u16, u32, u64, i8, i16, i32, i64);

/// Copies from module memory or tells the address that could not be read.
pub(crate) fn try_read(address: u64, to: &mut [u8]) -> Result<(), u64> {
    // SAFETY: `to` is valid; the source may be anything.
    unsafe { border::copy(to.as_mut_ptr() as u64, address, to.len()) }
}

/// Copies to module memory or tells the address that could not be written.
pub(crate) fn try_write(address: u64, from: &[u8]) -> Result<(), u64> {
    // SAFETY: `from` is valid; the target is module memory, which Rust never owns.
    unsafe { border::copy(address, from.as_ptr() as u64, from.len()) }
}

/// Writes this kernel's own memory; usable while the kernel is borrowed.
pub(crate) fn put_raw(address: u64, data: &[u8]) {
    let written = try_write(address, data);
    assert_eq!(
        written,
        Ok(()),
        "the kernel's own memory at {address:#x} is gone"
    );
}

/// Whether the byte at `address` can be read now.
pub fn is_readable(address: u64) -> bool {
    try_read(address, &mut [0]).is_ok()
}

fn bad(verb: &str, address: u64) -> ! {
    let what = fault::describe(address);
    fatal(
        Kind::Memory,
        format!("the kernel was made to {verb} {what}"),
    )
}

/// Reads a value at `address`, aligned or not. A bad address is a fatal violation.
pub fn read<T: Plain>(address: u64) -> T {
    let mut value = T::default();
    // SAFETY: `value` is plain data of this size.
    let copied = unsafe { border::copy(&raw mut value as u64, address, size_of::<T>()) };
    match copied {
        Ok(()) => value,
        Err(at) => bad("read", at),
    }
}

/// Writes a value at `address`, aligned or not. A bad address is a fatal violation.
pub fn write<T: Plain>(address: u64, value: T) {
    // SAFETY: `value` is plain data of this size; the target is module memory.
    let copied = unsafe { border::copy(address, &raw const value as u64, size_of::<T>()) };
    if let Err(at) = copied {
        bad("write", at);
    }
}

/// A copy of `len` bytes at `address`.
pub fn bytes(address: u64, len: usize) -> Vec<u8> {
    let mut data = vec![0; len];
    match try_read(address, &mut data) {
        Ok(()) => data,
        Err(at) => bad("read", at),
    }
}

/// Writes `data` at `address`.
pub fn put(address: u64, data: &[u8]) {
    if let Err(at) = try_write(address, data) {
        bad("write", at);
    }
}

/// Sets `len` bytes at `address` to `value`.
pub fn fill(address: u64, value: u8, len: usize) {
    // SAFETY: the target is module memory, which Rust never owns.
    if let Err(at) = unsafe { border::fill(address, value, len) } {
        bad("write", at);
    }
}

/// Calls `see` with piece after piece of the C string at `address` without its NUL, until it has
/// seen enough.
fn cstr_pieces(address: u64, mut see: impl FnMut(&[u8]) -> bool) {
    let mut at = address;
    loop {
        // Not beyond a page that may be the last readable one.
        let len = 64 - (at % 64) as usize;
        let mut chunk = [0; 64];
        if let Err(bad_at) = try_read(at, &mut chunk[..len]) {
            bad("read", bad_at);
        }
        let end = chunk[..len].iter().position(|b| *b == 0);
        if !see(&chunk[..end.unwrap_or(len)]) || end.is_some() {
            return;
        }
        at += len as u64;
    }
}

/// The C string at `address` without its NUL.
pub fn cstr_bytes(address: u64) -> Vec<u8> {
    let mut text = vec![];
    cstr_pieces(address, |piece| {
        text.extend(piece);
        true
    });
    text
}

/// Whether the C string at `address` is `text`.
pub fn cstr_is(address: u64, text: &str) -> bool {
    let mut left = Some(text.as_bytes());
    cstr_pieces(address, |piece| {
        left = left.and_then(|left| left.strip_prefix(piece));
        left.is_some()
    });
    left.is_some_and(<[u8]>::is_empty)
}

/// The C string at `address`, lossily as UTF-8.
pub fn cstr(address: u64) -> String {
    String::from_utf8_lossy(&cstr_bytes(address)).into_owned()
}

/// Kernel memory, zeroed, 16-byte aligned, with guard pages; owned by the kernel, so it never
/// counts as the module's leak. `what` names it in messages.
pub fn kalloc(len: usize, what: &'static str) -> u64 {
    malloc::own(len, what)
}

/// Frees memory of [`kalloc`]; touching it afterwards is a violation.
pub fn kfree(address: u64) {
    malloc::disown(address);
}

/// Kernel memory that holds `text` and a NUL, interned for the life of the machine.
pub fn intern(text: &str) -> u64 {
    malloc::intern(text)
}
