// SPDX-License-Identifier: BSD-2-Clause
//! Memory below 2 GiB, where code of the kernel memory model reaches it by signed 32-bit
//! addresses; must not know what is put there.

use std::io;
use std::ptr;

const PAGE: usize = 4096;

/// A mapping of its own with a guard page on either side, unmapped on drop.
pub struct Region {
    base: u64,
    len: usize,
}

impl Region {
    /// At least `len` zeroed, writable bytes.
    pub fn new(len: usize) -> Region {
        let len = len.max(1).next_multiple_of(PAGE);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT;
        // SAFETY: a fresh private mapping; nothing else refers to it.
        let base = unsafe {
            libc::mmap(
                ptr::null_mut(),
                len + 2 * PAGE,
                libc::PROT_NONE,
                flags,
                -1,
                0,
            )
        };
        assert_ne!(
            base,
            libc::MAP_FAILED,
            "low memory: {}",
            io::Error::last_os_error()
        );
        let region = Region {
            base: base as u64 + PAGE as u64,
            len,
        };
        region.protect(0, len, libc::PROT_READ | libc::PROT_WRITE);
        region
    }

    pub fn base(&self) -> u64 {
        self.base
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn contains(&self, address: u64) -> bool {
        (self.base..self.base + self.len as u64).contains(&address)
    }

    /// Changes the protection of whole pages from `offset` on.
    pub fn protect(&self, offset: usize, len: usize, protection: libc::c_int) {
        assert!(
            offset.is_multiple_of(PAGE) && offset + len <= self.len,
            "protecting beyond a region"
        );
        // SAFETY: the pages are ours; whoever uses them has agreed to the new protection.
        let failed =
            unsafe { libc::mprotect((self.base as usize + offset) as *mut _, len, protection) };
        assert_eq!(failed, 0, "mprotect: {}", io::Error::last_os_error());
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, guards included.
        unsafe { libc::munmap((self.base as usize - PAGE) as *mut _, self.len + 2 * PAGE) };
    }
}
