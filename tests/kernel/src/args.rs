// SPDX-License-Identifier: BSD-2-Clause
//! The arguments of a call from module code, as the System V calling convention leaves them;
//! must not know who is called.

use crate::mem;

/// A kernel function that modules import. What it returns lands in `rax`.
pub type Import = fn(&Args) -> u64;

/// Six integer registers, the return address and, above it, the caller's stack arguments.
///
/// The entry stub pushes the registers right below the return address, so this is a view of the
/// module's stack and never built in Rust except by tests.
#[repr(C)]
pub struct Args {
    regs: [u64; 6],
    _return_address: u64,
    stack: [u64; 0],
}

impl Args {
    /// Argument `n`, counted from 0, whether in a register or on the stack.
    pub fn u64(&self, n: usize) -> u64 {
        match self.regs.get(n) {
            Some(value) => *value,
            None => mem::read(self.stack.as_ptr() as u64 + 8 * (n as u64 - 6)),
        }
    }

    pub fn i64(&self, n: usize) -> i64 {
        self.u64(n) as i64
    }

    /// An `int`: the upper half of the register is undefined.
    pub fn i32(&self, n: usize) -> i32 {
        self.u64(n) as i32
    }

    /// A `u_int`.
    pub fn u32(&self, n: usize) -> u32 {
        self.u64(n) as u32
    }

    /// A C string argument. A bad pointer is a violation.
    pub fn str(&self, n: usize) -> String {
        mem::cstr(self.u64(n))
    }
}
