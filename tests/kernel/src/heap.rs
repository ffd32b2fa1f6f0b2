// SPDX-License-Identifier: BSD-2-Clause
//! Address space for allocations: each ends at an unreadable page, and what was freed is unreadable
//! or poisoned until many others were freed after it; must not know what is allocated.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::ptr;

pub const PAGE: usize = 4096;
/// Address space of one machine; only touched pages cost memory.
const SPACE: usize = 1 << 30;
/// How many frees of a size must follow before its pages are used again.
const QUARANTINE: usize = 32;
/// Making memory unreadable and readable again is slow. So many frees at the beginning of a
/// machine's life do it, and one in so many later; the others poison the memory, which shows a
/// write when it is used again and a read if something comes of it.
const ALWAYS: u64 = 512;
const OFTEN: u64 = 16;
/// Freed memory that is still readable: no valid pointer.
const POISON: u8 = 0xdd;
const ALIGN: usize = 16;
/// The pattern around an allocation, where no guard page is.
const FENCE: u8 = 0xa5;
/// How much of the room in front is fenced.
const FRONT: usize = 64;

/// The address space, mapped at the first allocation.
#[derive(Default)]
pub struct Heap {
    base: u64,
    used: usize,
    /// Freed runs by their number of pages, oldest first.
    free: BTreeMap<usize, VecDeque<Free>>,
    frees: u64,
}

#[derive(Clone, Copy)]
struct Free {
    run: u64,
    /// The length of the allocation that was poisoned in it; `None` if it is unreadable.
    poisoned: Option<usize>,
}

/// Pages of an allocation, without the guard page behind them.
fn pages(len: usize) -> usize {
    len.div_ceil(PAGE).max(1)
}

/// Where in its run of pages an allocation begins.
fn offset(len: usize) -> usize {
    pages(len) * PAGE - len.next_multiple_of(ALIGN)
}

impl Heap {
    pub fn contains(&self, address: u64) -> bool {
        self.base != 0 && (self.base..self.base + SPACE as u64).contains(&address)
    }

    /// Writable memory of `len` bytes with whatever in it, and whether nobody wrote to it since it
    /// was freed.
    pub fn allocate(&mut self, len: usize) -> (u64, bool) {
        let Free { run, poisoned } = self.run(pages(len));
        let intact = match poisoned {
            Some(old) => is_filled(run + offset(old) as u64, POISON, old),
            None => {
                protect(run, pages(len), libc::PROT_READ | libc::PROT_WRITE);
                true
            }
        };
        fences(run, len).for_each(|(at, len)| fill(at, FENCE, len));
        (run + offset(len) as u64, intact)
    }

    /// Takes an allocation of `len` bytes back; whether nothing wrote around it.
    pub fn release(&mut self, address: u64, len: usize) -> bool {
        let run = address - offset(len) as u64;
        let intact = fences(run, len).all(|(at, len)| is_filled(at, FENCE, len));
        self.frees += 1;
        let unreadable = self.frees <= ALWAYS || self.frees.is_multiple_of(OFTEN);
        if unreadable {
            protect(run, pages(len), libc::PROT_NONE);
        } else {
            fill(address, POISON, len);
        }
        let poisoned = (!unreadable).then_some(len);
        let queue = self.free.entry(pages(len)).or_default();
        queue.push_back(Free { run, poisoned });
        intact
    }

    fn run(&mut self, pages: usize) -> Free {
        if let Some(queue) = self.free.get_mut(&pages) {
            if queue.len() > QUARANTINE {
                return queue.pop_front().expect("a queue longer than nothing");
            }
        }
        if self.base == 0 {
            self.base = reserve();
        }
        let size = (pages + 1) * PAGE;
        assert!(
            self.used + size <= SPACE,
            "the software kernel is out of memory"
        );
        let run = self.base + self.used as u64;
        self.used += size;
        Free {
            run,
            poisoned: None,
        }
    }
}

/// The parts of a run in front of and behind an allocation.
fn fences(run: u64, len: usize) -> impl Iterator<Item = (u64, usize)> {
    let begin = run + offset(len) as u64;
    let front = FRONT.min(offset(len));
    let behind = len.next_multiple_of(ALIGN) - len;
    [(begin - front as u64, front), (begin + len as u64, behind)].into_iter()
}

/// Fills part of a run that this heap owns and that is writable.
fn fill(at: u64, value: u8, len: usize) {
    // SAFETY: by the contract above: nobody else has a reference to the memory.
    unsafe { ptr::write_bytes(at as *mut u8, value, len) }
}

/// Whether part of a readable run has kept its pattern.
fn is_filled(at: u64, value: u8, len: usize) -> bool {
    // SAFETY: the memory is readable and owned by the heap while this runs.
    let bytes = unsafe { std::slice::from_raw_parts(at as *const u8, len) };
    bytes.iter().all(|byte| *byte == value)
}

fn reserve() -> u64 {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a fresh private mapping; nothing else refers to it.
    let base = unsafe { libc::mmap(ptr::null_mut(), SPACE, libc::PROT_NONE, flags, -1, 0) };
    assert_ne!(
        base,
        libc::MAP_FAILED,
        "heap: {}",
        io::Error::last_os_error()
    );
    base as u64
}

fn protect(run: u64, pages: usize, protection: libc::c_int) {
    // SAFETY: the run is ours; when it becomes unreadable, nobody owns it any more.
    let failed = unsafe { libc::mprotect(run as *mut _, pages * PAGE, protection) };
    assert_eq!(failed, 0, "mprotect: {}", io::Error::last_os_error());
}

impl Drop for Heap {
    fn drop(&mut self) {
        if self.base != 0 {
            // SAFETY: the mapping is ours and its machine is over.
            unsafe { libc::munmap(self.base as *mut _, SPACE) };
        }
    }
}
