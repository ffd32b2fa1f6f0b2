// SPDX-License-Identifier: BSD-2-Clause
//! Memory that module code shares with the kernel, touched so that a bad address becomes a
//! violation instead of a crash; must not know what is stored there.

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

/// Reads a value at `address`, aligned or not. A bad address is a fatal violation.
pub fn read<T: Plain>(address: u64) -> T {
    todo!("{address:#x}")
}

/// Writes a value at `address`, aligned or not. A bad address is a fatal violation.
pub fn write<T: Plain>(address: u64, value: T) {
    let _ = value;
    todo!("{address:#x}")
}

/// A copy of `len` bytes at `address`.
pub fn bytes(address: u64, len: usize) -> Vec<u8> {
    todo!("{address:#x} {len}")
}

/// Writes `data` at `address`.
pub fn put(address: u64, data: &[u8]) {
    let _ = data;
    todo!("{address:#x}")
}

/// The C string at `address`, lossily as UTF-8.
pub fn cstr(address: u64) -> String {
    todo!("{address:#x}")
}

/// Kernel memory, zeroed, 16-byte aligned, with guard pages; owned by the kernel, so it never
/// counts as the module's leak. `what` names it in messages.
pub fn kalloc(len: usize, what: &'static str) -> u64 {
    todo!("{len} {what}")
}

/// Frees memory of [`kalloc`]; touching it afterwards is a violation.
pub fn kfree(address: u64) {
    todo!("{address:#x}")
}

/// Kernel memory that holds `text` and a NUL, interned for the life of the machine.
pub fn intern(text: &str) -> u64 {
    todo!("{text}")
}
