// SPDX-License-Identifier: BSD-2-Clause
//! The two stacks of a kernel thread and the memory for its `struct thread`, recycled between
//! threads and machines; must not know what runs on them.

use std::cell::RefCell;
use std::io;
use std::ptr;

const PAGE: usize = 4096;
/// KSTACK_PAGES of amd64: what module code has.
pub const MODULE_STACK: usize = 4 * PAGE;
/// What this kernel's own code has; only touched pages cost memory.
const HOST_STACK: usize = 1 << 20;
/// Unreadable space below the module's stack: a frame made too large by a length that the user
/// chose (at most 64 KiB) must not reach anything else.
const MODULE_GUARD: usize = 32 * PAGE;
/// Never-written module stack, recognisable in a register dump and the same in every run.
const FILL: u8 = 0xd4;

/// One mapping: guard, host stack, guard, module stack, guard, `struct thread`, guard.
pub struct Stacks {
    base: usize,
}

const HOST: usize = PAGE;
const MODULE: usize = HOST + HOST_STACK + MODULE_GUARD;
const THREAD: usize = MODULE + MODULE_STACK + PAGE;
const TOTAL: usize = THREAD + PAGE + PAGE;

thread_local! {
    static SPARE: RefCell<Vec<Stacks>> = const { RefCell::new(Vec::new()) };
}

impl Stacks {
    /// Stacks with the module's part filled with a pattern and a zeroed `struct thread`.
    pub fn new() -> Stacks {
        let stacks = SPARE.with_borrow_mut(Vec::pop).unwrap_or_else(Stacks::map);
        // SAFETY: both ranges are writable parts of a mapping that only we use.
        unsafe {
            ptr::write_bytes((stacks.base + MODULE) as *mut u8, FILL, MODULE_STACK);
            ptr::write_bytes((stacks.base + THREAD) as *mut u8, 0, PAGE);
        }
        stacks
    }

    fn map() -> Stacks {
        // SAFETY: a fresh private mapping; nothing else refers to it.
        let base = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
            libc::mmap(ptr::null_mut(), TOTAL, libc::PROT_NONE, flags, -1, 0)
        };
        assert_ne!(
            base,
            libc::MAP_FAILED,
            "stacks: {}",
            io::Error::last_os_error()
        );
        let base = base as usize;
        for (offset, len) in [(HOST, HOST_STACK), (MODULE, MODULE_STACK), (THREAD, PAGE)] {
            let prot = libc::PROT_READ | libc::PROT_WRITE;
            // SAFETY: inside the mapping made above.
            let failed = unsafe { libc::mprotect((base + offset) as *mut _, len, prot) };
            assert_eq!(failed, 0, "stacks: {}", io::Error::last_os_error());
        }
        Stacks { base }
    }

    /// Keeps the stacks for the next thread.
    pub fn recycle(self) {
        SPARE.with_borrow_mut(|spare| spare.push(self));
    }

    pub fn host_top(&self) -> u64 {
        (self.base + HOST + HOST_STACK) as u64
    }

    pub fn module_top(&self) -> u64 {
        (self.base + MODULE + MODULE_STACK) as u64
    }

    pub fn struct_thread(&self) -> u64 {
        (self.base + THREAD) as u64
    }

    /// Whether `address` is in the module's stack.
    pub fn in_module(&self, address: u64) -> bool {
        let bottom = (self.base + MODULE) as u64;
        (bottom..bottom + MODULE_STACK as u64).contains(&address)
    }

    /// Whether `address` is in the guard below the module's stack.
    pub fn in_module_guard(&self, address: u64) -> bool {
        let bottom = (self.base + MODULE) as u64;
        (bottom - MODULE_GUARD as u64..bottom).contains(&address)
    }

    /// Whether a stack pointer has left the module's stack at the lower end.
    pub fn below_module(&self, sp: u64) -> bool {
        let bottom = (self.base + MODULE) as u64;
        (self.base as u64..bottom).contains(&sp)
    }

    /// How many bytes of the module's stack were ever written.
    pub fn module_used(&self) -> usize {
        // SAFETY: the module stack is readable for as long as we live.
        let bytes =
            unsafe { std::slice::from_raw_parts((self.base + MODULE) as *const u8, MODULE_STACK) };
        MODULE_STACK - bytes.iter().take_while(|b| **b == FILL).count()
    }
}

impl Drop for Stacks {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and its thread runs no more.
        unsafe { libc::munmap(self.base as *mut _, TOTAL) };
    }
}
