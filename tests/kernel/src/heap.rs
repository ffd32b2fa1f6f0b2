// SPDX-License-Identifier: BSD-2-Clause
//! Address space for allocations: each ends at an unreadable page, and what was freed is unreadable
//! or poisoned until many others were freed after it; must not know what is allocated.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::ptr;

pub const PAGE: usize = 4096;
/// Address space of one machine; only touched pages cost memory.
const SPACE: usize = 1 << 30;
/// How many frees of a size must follow before its pages are used again.
const QUARANTINE: usize = 32;

/// Who frees. Making memory unreadable and readable again is slow. So many frees at the beginning
/// of a machine's life do it, and one in so many later; the others poison the memory, which shows
/// a write when it is used again and a read if something comes of it. What the kernel keeps for
/// itself modules see in passing only, and it is most of all.
#[derive(Clone, Copy)]
pub enum Owner {
    Module,
    Kernel,
}

impl Owner {
    fn always(self) -> u64 {
        match self {
            Owner::Module => 128,
            Owner::Kernel => 128,
        }
    }

    fn often(self) -> u64 {
        match self {
            Owner::Module => 16,
            Owner::Kernel => 64,
        }
    }
}

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
    space: Option<Space>,
    used: usize,
    /// Freed runs by their number of pages, oldest first.
    free: BTreeMap<usize, VecDeque<Free>>,
    /// By owner.
    frees: [u64; 2],
}

/// Reserved pages, recycled between machines: the next one finds most of them as it wants them.
struct Space {
    base: u64,
    /// Which of the pages that were ever used are writable; all others are unreadable.
    writable: Vec<bool>,
}

thread_local! {
    static SPARE: RefCell<Vec<Space>> = const { RefCell::new(Vec::new()) };
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
        let inside = |space: &Space| (space.base..space.base + SPACE as u64).contains(&address);
        self.space.as_ref().is_some_and(inside)
    }

    /// Writable memory of `len` bytes with whatever in it, and whether nobody wrote to it since it
    /// was freed.
    pub fn allocate(&mut self, len: usize) -> (u64, bool) {
        let Free { run, poisoned } = self.run(pages(len));
        let intact = match poisoned {
            Some(old) => is_filled(run + offset(old) as u64, POISON, old),
            None => {
                self.space().protect(run, pages(len), true);
                true
            }
        };
        fences(run, len).for_each(|(at, len)| fill(at, FENCE, len));
        (run + offset(len) as u64, intact)
    }

    /// Takes an allocation of `len` bytes back; whether nothing wrote around it.
    pub fn release(&mut self, address: u64, len: usize, owner: Owner) -> bool {
        let run = address - offset(len) as u64;
        let intact = fences(run, len).all(|(at, len)| is_filled(at, FENCE, len));
        let frees = &mut self.frees[owner as usize];
        *frees += 1;
        let unreadable = *frees <= owner.always() || frees.is_multiple_of(owner.often());
        if unreadable {
            self.space().protect(run, pages(len), false);
        } else {
            fill(address, POISON, len);
        }
        let poisoned = (!unreadable).then_some(len);
        let queue = self.free.entry(pages(len)).or_default();
        queue.push_back(Free { run, poisoned });
        intact
    }

    fn space(&mut self) -> &mut Space {
        self.space.get_or_insert_with(Space::new)
    }

    fn run(&mut self, pages: usize) -> Free {
        if let Some(queue) = self.free.get_mut(&pages) {
            if queue.len() > QUARANTINE {
                return queue.pop_front().expect("a queue longer than nothing");
            }
        }
        let size = (pages + 1) * PAGE;
        assert!(
            self.used + size <= SPACE,
            "the software kernel is out of memory"
        );
        let used = self.used;
        self.used += size;
        let space = self.space();
        let run = space.base + used as u64;
        space.protect(run + (pages * PAGE) as u64, 1, false);
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
    let pattern = [value; 64];
    bytes
        .chunks(pattern.len())
        .all(|chunk| chunk == &pattern[..chunk.len()])
}

impl Space {
    fn new() -> Space {
        SPARE
            .with_borrow_mut(Vec::pop)
            .unwrap_or_else(Space::reserve)
    }

    fn reserve() -> Space {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a fresh private mapping; nothing else refers to it.
        let base = unsafe { libc::mmap(ptr::null_mut(), SPACE, libc::PROT_NONE, flags, -1, 0) };
        assert_ne!(
            base,
            libc::MAP_FAILED,
            "heap: {}",
            io::Error::last_os_error()
        );
        Space {
            base: base as u64,
            writable: vec![],
        }
    }

    /// Makes pages writable or unreadable, if they are not.
    fn protect(&mut self, at: u64, pages: usize, writable: bool) {
        let first = (at - self.base) as usize / PAGE;
        let end = first + pages;
        if self.writable.len() < end {
            self.writable.resize(end, false);
        }
        let known = &mut self.writable[first..end];
        if known.iter().all(|page| *page == writable) {
            return;
        }
        known.fill(writable);
        let protection = match writable {
            true => libc::PROT_READ | libc::PROT_WRITE,
            false => libc::PROT_NONE,
        };
        // SAFETY: the pages are ours; when they become unreadable, nobody owns them any more.
        let failed = unsafe { libc::mprotect(at as *mut _, pages * PAGE, protection) };
        assert_eq!(failed, 0, "mprotect: {}", io::Error::last_os_error());
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        if let Some(space) = self.space.take() {
            SPARE.with_borrow_mut(|spare| spare.push(space));
        }
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and its machine is over.
        unsafe { libc::munmap(self.base as *mut _, SPACE) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Linux reads the byte, so that a bad address is an error and no signal.
    fn is_readable(address: u64) -> bool {
        let mut pipe = [0; 2];
        // SAFETY: the array has room for both ends; a bad address makes write(2) fail.
        unsafe {
            assert_eq!(libc::pipe(pipe.as_mut_ptr()), 0);
            let written = libc::write(pipe[1], address as *const libc::c_void, 1);
            libc::close(pipe[0]);
            libc::close(pipe[1]);
            written == 1
        }
    }

    fn allocate(heap: &mut Heap, len: usize) -> u64 {
        let (address, _) = heap.allocate(len);
        let end = address + len.next_multiple_of(ALIGN) as u64;
        assert!(is_readable(address) && is_readable(end - 1) && !is_readable(end));
        address
    }

    #[test]
    fn a_recycled_space_is_guarded_like_a_new_one() {
        // Runs of other lengths, so that pages that were writable are guards the next time.
        for lengths in [[16, 5000, 100, 9000], [9000, 16, 16, 5000], [100; 4]] {
            let mut heap = Heap::default();
            let addresses = lengths.map(|len| allocate(&mut heap, len));
            assert!(heap.release(addresses[0], lengths[0], Owner::Module));
            assert!(!is_readable(addresses[0]));
        }
    }
}
