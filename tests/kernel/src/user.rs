// SPDX-License-Identifier: BSD-2-Clause
//! Memory of user processes: reached with copyin(9) and copyout(9) only, and touching it
//! directly is a violation; must not know what is stored there.

use std::collections::BTreeMap;
use std::io;
use std::ptr;

use crate::kernel::with;

/// Address space of all processes of a machine: no address is given twice, so that memory that was
/// freed is not found again, and a machine on the real clock may live for a day,
const SPACE: usize = 1 << 40;
/// and of those of 32 bits.
const SPACE_32: usize = 1 << 20;
const PAGE: u64 = 4096;

/// A part of the address space: reserved and never readable, because the bytes are kept elsewhere.
struct Space {
    base: u64,
    size: usize,
    used: u64,
}

impl Space {
    fn new(size: usize, flags: i32) -> Space {
        let flags = flags | libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a fresh private mapping; nothing else refers to it.
        let base = unsafe { libc::mmap(ptr::null_mut(), size, libc::PROT_NONE, flags, -1, 0) };
        assert_ne!(
            base,
            libc::MAP_FAILED,
            "user memory: {}",
            io::Error::last_os_error()
        );
        Space {
            base: base as u64,
            size,
            used: 0,
        }
    }

    fn contains(&self, address: u64) -> bool {
        (self.base..self.base + self.size as u64).contains(&address)
    }

    /// The address of a new block. Its end is on a page boundary, as the end of a process's memory
    /// would be.
    fn place(&mut self, len: usize) -> u64 {
        let room = (len as u64).next_multiple_of(PAGE).max(PAGE);
        assert!(
            self.used + room < self.size as u64,
            "user processes are out of memory"
        );
        let address = self.base + self.used + room - len as u64;
        self.used += room + PAGE;
        address
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and its machine is over.
        unsafe { libc::munmap(self.base as *mut _, self.size) };
    }
}

/// User memory by address.
#[derive(Default)]
pub struct UserMemory {
    space: Option<Space>,
    space_32: Option<Space>,
    blocks: BTreeMap<u64, Vec<u8>>,
}

impl UserMemory {
    pub fn contains(&self, address: u64) -> bool {
        let mut spaces = self.space.iter().chain(&self.space_32);
        spaces.any(|space| space.contains(address))
    }

    fn add(&mut self, len: usize) -> u64 {
        let space = self.space.get_or_insert_with(|| Space::new(SPACE, 0));
        let address = space.place(len);
        self.blocks.insert(address, vec![0; len]);
        address
    }

    fn add_32(&mut self, len: usize) -> u64 {
        let space = || Space::new(SPACE_32, libc::MAP_32BIT);
        let address = self.space_32.get_or_insert_with(space).place(len);
        self.blocks.insert(address, vec![0; len]);
        address
    }

    /// The part of `len` bytes at `address` that exists.
    fn part(&mut self, address: u64, len: usize) -> &mut [u8] {
        let Some((at, block)) = self.blocks.range_mut(..=address).next_back() else {
            return &mut [];
        };
        let offset = ((address - at) as usize).min(block.len());
        let end = offset.saturating_add(len).min(block.len());
        &mut block[offset..end]
    }
}

/// Allocates `len` bytes of user memory, zeroed; the byte after the end faults.
pub fn alloc(len: usize) -> u64 {
    with(|k| k.user.add(len))
}

/// The same where a pointer of 32 bits reaches it.
pub fn alloc_32(len: usize) -> u64 {
    with(|k| k.user.add_32(len))
}

/// Frees memory of [`alloc`] and [`alloc_32`].
pub fn free(address: u64) {
    with(|k| k.user.blocks.remove(&address));
}

/// Reads user memory as the process itself would; `None` is EFAULT.
pub fn load(address: u64, len: usize) -> Option<Vec<u8>> {
    with(|k| {
        let part = k.user.part(address, len);
        (part.len() == len).then(|| part.to_vec())
    })
}

/// Writes user memory as the process itself would; `false` is EFAULT, with the part that exists
/// written.
pub fn store(address: u64, data: &[u8]) -> bool {
    with(|k| {
        let part = k.user.part(address, data.len());
        part.copy_from_slice(&data[..part.len()]);
        part.len() == data.len()
    })
}

/// The bytes up to a NUL, at most `max`; what there is before a fault, and whether it ended well.
pub fn load_string(address: u64, max: usize) -> (Vec<u8>, bool) {
    with(|k| {
        let part = k.user.part(address, max);
        match part.iter().position(|byte| *byte == 0) {
            Some(end) => (part[..=end].to_vec(), true),
            None => (part.to_vec(), part.len() == max),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_busy_clients_finds_addresses() {
        let mut space = Space::new(SPACE, 0);
        let first = space.place(300);
        let requests = (0..50_000_000).map(|_| space.place(300));
        assert!(requests.last() > Some(first));
    }
}
