// SPDX-License-Identifier: BSD-2-Clause
//! malloc(9): every allocation on pages of its own that end at a guard page, unreadable once
//! freed, counted by type; must not know who allocates what for.

use std::collections::{BTreeMap, VecDeque};

use crate::args::{Args, Import};
use crate::check::{fatal, violation, Kind};
use crate::fault;
use crate::heap::{Heap, Owner, PAGE};
use crate::imports::Datum;
use crate::kernel::{with, Kernel};
use crate::mem;
use crate::sched;
use crate::sleepqueue::wmesg;

/// Offset of the name in `struct malloc_type`.
const KS_SHORTDESC: u64 = 16;
const TYPE_SIZE: usize = 112;
const M_NOWAIT: u32 = 0x0001;
const M_WAITOK: u32 = 0x0002;
const M_ZERO: u32 = 0x0100;

/// What memory holds that nobody has written: it reads as a wild pointer.
const JUNK: u8 = 0xde;

/// One live allocation.
#[derive(Clone, Debug)]
pub struct Block {
    pub len: usize,
    /// The name of its type.
    pub kind: &'static str,
    /// The module address that allocated it, 0 if it is the kernel's own.
    pub site: u64,
}

/// The memory of one machine.
#[derive(Default)]
pub struct Malloc {
    heap: Heap,
    live: BTreeMap<u64, Block>,
    /// The latest freed blocks, by address, for messages.
    freed: VecDeque<(u64, Block)>,
    strings: BTreeMap<String, u64>,
    /// Allocations that modules have made so far.
    made: u64,
    /// Where the next interned string goes and how much room is left there.
    room: (u64, usize),
}

/// How many freed blocks are remembered.
const REMEMBERED: usize = 64;

impl Malloc {
    /// Live blocks that modules own.
    pub fn owned(&self) -> impl Iterator<Item = &Block> {
        self.live.values().filter(|block| block.site != 0)
    }

    /// Allocations that modules have made so far.
    pub fn made(&self) -> u64 {
        self.made
    }

    /// The address, and whether nobody wrote to the memory since it was freed.
    fn add(&mut self, block: Block) -> (u64, bool) {
        let (address, intact) = self.heap.allocate(block.len);
        self.made += u64::from(block.site != 0);
        self.live.insert(address, block);
        (address, intact)
    }

    fn remove(&mut self, address: u64) -> Option<Block> {
        let block = self.live.remove(&address)?;
        self.freed.push_back((address, block.clone()));
        if self.freed.len() > REMEMBERED {
            self.freed.pop_front();
        }
        Some(block)
    }

    /// What `address` has to do with an allocation, in words.
    pub fn describe(&self, address: u64) -> Option<String> {
        if !self.heap.contains(address) {
            return None;
        }
        let near = |at: u64, len: usize| address + 64 >= at && address < at + (len + PAGE) as u64;
        let tell = |(at, block): (u64, &Block), state: &str| {
            let offset = address as i64 - at as i64;
            format!(
                "offset {offset} of {state} {} bytes of type {}",
                block.len, block.kind
            )
        };
        let live = self.live.range(..=address + 64).next_back();
        if let Some((at, block)) = live.filter(|(at, block)| near(**at, block.len)) {
            return Some(tell((*at, block), "allocated"));
        }
        let freed = self
            .freed
            .iter()
            .rev()
            .find(|(at, block)| near(*at, block.len));
        let text = freed.map(|(at, block)| tell((*at, block), "freed"));
        Some(text.unwrap_or_else(|| "memory that was freed or never allocated".to_string()))
    }
}

/// Allocates for the module.
fn allocate(len: usize, kind: u64, flags: u32) -> u64 {
    match flags & (M_WAITOK | M_NOWAIT) {
        M_WAITOK => sched::may_sleep("malloc with M_WAITOK"),
        M_NOWAIT => {}
        _ => violation(
            Kind::Misuse,
            "malloc with neither or both of M_WAITOK and M_NOWAIT",
        ),
    }
    sched::preempt_point();
    let kind = type_name(kind);
    let address = add(len, kind, false);
    mem::fill(address, if flags & M_ZERO != 0 { 0 } else { JUNK }, len);
    address
}

fn type_name(kind: u64) -> &'static str {
    match mem::read(kind + KS_SHORTDESC) {
        0 => "?",
        name => wmesg(name),
    }
}

fn release(address: u64, verb: &str) {
    if address == 0 {
        return;
    }
    let (block, trouble) = with(|k| {
        let block = k.malloc.remove(address);
        let trouble = block
            .as_ref()
            .and_then(|block| k.still_used(address, block.len as u64));
        (block, trouble)
    });
    let Some(block) = block else {
        let place = fault::describe(address);
        fatal(
            Kind::Memory,
            format!("{verb} of what malloc did not return: {place}"),
        );
    };
    if let Some(what) = trouble {
        violation(
            Kind::Lifetime,
            format!("memory of type {} freed with {what} in it", block.kind),
        );
    }
    let intact = with(|k| k.malloc.heap.release(address, block.len, Owner::Module));
    if !intact {
        let (len, kind) = (block.len, block.kind);
        violation(
            Kind::Memory,
            format!("something wrote around {len} bytes of type {kind}"),
        );
    }
    sched::preempt_point();
}

impl Kernel {
    /// Something alive in memory that is about to go.
    fn still_used(&mut self, base: u64, len: u64) -> Option<String> {
        let locks = self.locks.within(base, len);
        let callouts = self.callouts.busy_within(base, len);
        self.locks.forget(base, len);
        self.callouts.forget(base, len);
        match (locks.first(), callouts) {
            (_, 1..) => Some("a scheduled callout".to_string()),
            (Some(name), _) => Some(format!("lock {name}")),
            (None, 0) => None,
        }
    }
}

fn malloc(args: &Args) -> u64 {
    allocate(args.u64(0) as usize, args.u64(1), args.u32(2))
}

fn mallocarray(args: &Args) -> u64 {
    match args.u64(0).checked_mul(args.u64(1)) {
        Some(len) => allocate(len as usize, args.u64(2), args.u32(3)),
        None => fatal(Kind::Misuse, "mallocarray overflows"),
    }
}

fn free(args: &Args) -> u64 {
    release(args.u64(0), "free");
    0
}

/// realloc(9), and with `free_old` reallocf(9), which differ only in failing.
fn realloc(args: &Args) -> u64 {
    let (old, len) = (args.u64(0), args.u64(1) as usize);
    let new = allocate(len, args.u64(2), args.u32(3));
    if old != 0 {
        let Some(block) = with(|k| k.malloc.live.get(&old).cloned()) else {
            let place = fault::describe(old);
            fatal(
                Kind::Memory,
                format!("realloc of what malloc did not return: {place}"),
            );
        };
        mem::put(new, &mem::bytes(old, block.len.min(len)));
        release(old, "realloc");
    }
    new
}

fn strdup(args: &Args) -> u64 {
    let mut text = mem::cstr_bytes(args.u64(0));
    text.push(0);
    let new = allocate(text.len(), args.u64(1), M_WAITOK);
    mem::put(new, &text);
    new
}

/// MALLOC_DEFINE's beginning has nothing to prepare here.
fn type_init(_: &Args) -> u64 {
    0
}

/// MALLOC_DEFINE's end: what is left was leaked.
fn type_uninit(args: &Args) -> u64 {
    let kind = type_name(args.u64(0));
    let left = with(|k| k.malloc.owned().filter(|block| block.kind == kind).count());
    if left > 0 {
        violation(
            Kind::Leak,
            format!("{left} allocations of type {kind} at its end"),
        );
    }
    0
}

/// Allocates for the module or, with `own`, for the kernel itself.
fn add(len: usize, kind: &'static str, own: bool) -> u64 {
    let (address, intact) = with(|k| {
        let site = if own { 0 } else { k.site() };
        k.malloc.add(Block { len, kind, site })
    });
    if !intact {
        let text = format!("about {len} bytes were written to after they were freed");
        violation(Kind::Memory, text);
    }
    address
}

/// See [`mem::kalloc`].
pub fn own(len: usize, kind: &'static str) -> u64 {
    let address = add(len, kind, true);
    mem::fill(address, 0, len);
    address
}

/// See [`mem::kfree`].
pub fn disown(address: u64) {
    let intact = with(|k| {
        let block = k
            .malloc
            .remove(address)
            .expect("kfree of what kalloc did not return");
        k.malloc.heap.release(address, block.len, Owner::Kernel)
    });
    if !intact {
        violation(Kind::Memory, "something wrote around memory of the kernel");
    }
}

/// See [`mem::intern`].
pub fn intern(text: &str) -> u64 {
    const CHUNK: usize = 16 << 10;
    let len = text.len() + 1;
    if let Some(address) = with(|k| k.malloc.strings.get(text).copied()) {
        return address;
    }
    if with(|k| k.malloc.room.1) < len {
        let size = CHUNK.max(len);
        let chunk = own(size, "strings");
        with(|k| k.malloc.room = (chunk, size));
    }
    let address = with(|k| {
        let (at, left) = k.malloc.room;
        k.malloc.room = (at + len as u64, left - len);
        k.malloc.strings.insert(text.to_string(), at);
        at
    });
    mem::put(address, text.as_bytes());
    address
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("malloc", malloc),
        ("mallocarray", mallocarray),
        ("free", free),
        ("zfree", free),
        ("realloc", realloc),
        ("reallocf", realloc),
        ("strdup", strdup),
        ("malloc_init", type_init),
        ("malloc_uninit", type_uninit),
    ]
}

/// The types that every kernel has.
pub fn data() -> &'static [Datum] {
    &[
        Datum {
            name: "M_TEMP",
            size: TYPE_SIZE,
            init: |at| name_type(at, "temp"),
        },
        Datum {
            name: "M_DEVBUF",
            size: TYPE_SIZE,
            init: |at| name_type(at, "devbuf"),
        },
    ]
}

fn name_type(at: u64, name: &str) {
    mem::write(at + KS_SHORTDESC, mem::intern(name));
}
