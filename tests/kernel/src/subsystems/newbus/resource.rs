// SPDX-License-Identifier: BSD-2-Clause
//! A device's resources and `struct resource`, through which inlined bus_space(9) code reaches
//! registers; must not know interrupts' handlers.

use super::on;
use super::rman::{Type, Wish};
use crate::args::{Args, Import};
use crate::check::{violation, Kind};
use crate::layout::Generation;
use crate::mem;
use crate::registers;
use crate::subsystems::{errno, printf};
use crate::with;

/// `struct resource`: a private pointer, then tag and handle for bus_space(9).
const STRUCT_LEN: usize = 24;
pub const TAG: u64 = 8;
pub const HANDLE: u64 = 16;
/// X86_BUS_SPACE_IO and X86_BUS_SPACE_MEM.
const SPACE_PORT: u64 = 0;
const SPACE_MEMORY: u64 = 1;

const RF_ACTIVE: u32 = 2;
const RF_SHAREABLE: u32 = 4;

/// One line of a device's resource list.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub kind: Type,
    pub rid: i32,
    pub start: u64,
    pub count: u64,
    /// The `struct resource` while allocated, or 0.
    pub resource: u64,
    pub flags: u32,
}

/// What bus_alloc_resource(9) asks for.
struct Request {
    kind: Type,
    rid: i32,
    start: u64,
    end: u64,
    count: u64,
    flags: u32,
}

impl Request {
    /// No range given: take what the bus knows.
    fn is_default(&self) -> bool {
        self.start == 0 && self.end == u64::MAX
    }
}

pub fn find(device: u64, kind: Type, rid: i32) -> Option<Entry> {
    on(device, |d| {
        let mut entries = d.resources.iter();
        entries.find(|e| e.kind == kind && e.rid == rid).copied()
    })
}

/// Changes the entry, if there is one.
fn update(device: u64, kind: Type, rid: i32, f: impl FnOnce(&mut Entry)) {
    on(device, |d| {
        let mut entries = d.resources.iter_mut();
        if let Some(entry) = entries.find(|e| e.kind == kind && e.rid == rid) {
            f(entry);
        }
    });
}

/// bus_set_resource(9).
pub fn set(device: u64, kind: Type, rid: i32, start: u64, count: u64) {
    let entry = Entry {
        kind,
        rid,
        start,
        count,
        resource: 0,
        flags: 0,
    };
    match find(device, kind, rid) {
        Some(_) => update(device, kind, rid, |e| *e = entry),
        None => on(device, |d| d.resources.push(entry)),
    }
}

/// The address of the new `struct resource`, or 0.
fn alloc(device: u64, mut want: Request) -> u64 {
    match find(device, want.kind, want.rid) {
        Some(entry) if entry.resource != 0 => {
            printf::console(&format!(
                "resource entry {:#x} type {} for child {} is busy\n",
                want.rid,
                want.kind.number(),
                super::nameunit(device)
            ));
            return 0;
        }
        Some(entry) if want.is_default() => {
            want.start = entry.start;
            want.count = want.count.max(entry.count);
            want.end = entry.start + want.count - 1;
        }
        Some(_) => {}
        None if want.is_default() => return 0,
        None => set(device, want.kind, want.rid, want.start, want.count),
    }
    let wish = Wish {
        kind: want.kind,
        start: want.start,
        end: want.end,
        count: want.count,
        shareable: want.flags & RF_SHAREABLE != 0,
    };
    let Some(start) = with(|k| k.sub.newbus.rman.reserve(wish)) else {
        return 0;
    };
    let resource = mem::kalloc(STRUCT_LEN, "struct resource");
    update(device, want.kind, want.rid, |e| {
        (e.start, e.count, e.resource) = (start, want.count, resource);
        e.flags = want.flags & !RF_ACTIVE;
    });
    mem::write(resource, resource);
    if want.flags & RF_ACTIVE != 0 {
        activate(device, resource);
    }
    resource
}

/// Points tag and handle at the registers.
fn activate(device: u64, resource: u64) -> i32 {
    let Some(entry) = of(device, resource) else {
        return errno::EINVAL;
    };
    if entry.flags & RF_ACTIVE == 0 {
        let (tag, handle) = match entry.kind {
            Type::Port => (SPACE_PORT, entry.start),
            Type::Memory => (SPACE_MEMORY, registers::map(entry.start, entry.count)),
            Type::Irq => (0, 0),
        };
        mem::write(resource + TAG, tag);
        mem::write(resource + HANDLE, handle);
        update(device, entry.kind, entry.rid, |e| e.flags |= RF_ACTIVE);
    }
    0
}

fn deactivate(device: u64, resource: u64) -> i32 {
    let Some(entry) = of(device, resource) else {
        return errno::EINVAL;
    };
    if entry.flags & RF_ACTIVE != 0 {
        if entry.kind == Type::Memory {
            registers::unmap(mem::read(resource + HANDLE));
        }
        update(device, entry.kind, entry.rid, |e| e.flags &= !RF_ACTIVE);
    }
    0
}

/// The entry behind a `struct resource` of `device`; another address is a violation.
pub fn of(device: u64, resource: u64) -> Option<Entry> {
    let found = on(device, |d| {
        let mut entries = d.resources.iter();
        entries.find(|e| e.resource == resource).copied()
    });
    let found = found.filter(|_| resource != 0);
    if found.is_none() {
        violation(
            Kind::Lifetime,
            format!(
                "{resource:#x} is no resource of {}",
                super::nameunit(device)
            ),
        );
    }
    found
}

fn release(device: u64, resource: u64) -> u64 {
    let Some(entry) = of(device, resource) else {
        return errno::EINVAL as u64;
    };
    if super::interrupt::has_handler(resource) {
        violation(Kind::Misuse, "interrupt released before bus_teardown_intr");
    }
    deactivate(device, resource);
    update(device, entry.kind, entry.rid, |e| e.resource = 0);
    with(|k| {
        k.sub
            .newbus
            .rman
            .release(entry.kind, entry.start, entry.count)
    });
    mem::kfree(resource);
    0
}

/// After a detach or a failed attach nothing may be left.
pub fn check_released(device: u64, after: &str) {
    let left = on(device, |d| {
        let left = d.resources.iter().filter(|e| e.resource != 0);
        left.copied().collect::<Vec<Entry>>()
    });
    for entry in left {
        violation(
            Kind::Leak,
            format!(
                "{:?} resource {:#x} left after {after}",
                entry.kind, entry.start
            ),
        );
        release(device, entry.resource);
    }
}

fn bus_alloc_resource(args: &Args) -> u64 {
    let (device, rid) = (args.u64(0), mem::read::<i32>(args.u64(2)));
    let Some(kind) = Type::from_number(args.i32(1)) else {
        return 0;
    };
    let want = Request {
        kind,
        rid,
        start: args.u64(3),
        end: args.u64(4),
        count: args.u64(5),
        flags: args.u32(6),
    };
    alloc(device, want)
}

/// 13 and 14 pass type and rid before the resource; 15 calls that form bus_release_resource_old.
fn bus_release_resource(args: &Args) -> u64 {
    match with(|k| k.generation) {
        Generation::Fifteen => release(args.u64(0), args.u64(1)),
        _ => bus_release_resource_old(args),
    }
}

fn bus_release_resource_old(args: &Args) -> u64 {
    release(args.u64(0), args.u64(3))
}

fn bus_activate_resource(args: &Args) -> u64 {
    activate(args.u64(0), last_argument(args)) as u64
}

fn bus_deactivate_resource(args: &Args) -> u64 {
    deactivate(args.u64(0), last_argument(args)) as u64
}

fn last_argument(args: &Args) -> u64 {
    match with(|k| k.generation) {
        Generation::Fifteen => args.u64(1),
        _ => args.u64(3),
    }
}

fn bus_activate_resource_old(args: &Args) -> u64 {
    activate(args.u64(0), args.u64(3)) as u64
}

fn bus_deactivate_resource_old(args: &Args) -> u64 {
    deactivate(args.u64(0), args.u64(3)) as u64
}

fn bus_set_resource(args: &Args) -> u64 {
    match Type::from_number(args.i32(1)) {
        Some(kind) => {
            set(args.u64(0), kind, args.i32(2), args.u64(3), args.u64(4));
            0
        }
        None => errno::EINVAL as u64,
    }
}

/// The entry for the type and rid at arguments 1 and 2.
fn named(args: &Args) -> Option<Entry> {
    find(args.u64(0), Type::from_number(args.i32(1))?, args.i32(2))
}

fn bus_get_resource(args: &Args) -> u64 {
    let Some(entry) = named(args) else {
        return errno::ENOENT as u64;
    };
    for (at, value) in [(args.u64(3), entry.start), (args.u64(4), entry.count)] {
        if at != 0 {
            mem::write(at, value);
        }
    }
    0
}

fn bus_get_resource_start(args: &Args) -> u64 {
    named(args).map_or(0, |entry| entry.start)
}

fn bus_get_resource_count(args: &Args) -> u64 {
    named(args).map_or(0, |entry| entry.count)
}

fn bus_delete_resource(args: &Args) -> u64 {
    let device = args.u64(0);
    let Some(entry) = named(args) else { return 0 };
    if entry.resource != 0 {
        violation(Kind::Misuse, "bus_delete_resource of an allocated resource");
        return 0;
    }
    let same = |e: &Entry| e.kind == entry.kind && e.rid == entry.rid;
    on(device, |d| d.resources.retain(|e| !same(e)));
    0
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("bus_alloc_resource", bus_alloc_resource),
        ("bus_release_resource", bus_release_resource),
        ("bus_release_resource_old", bus_release_resource_old),
        ("bus_activate_resource", bus_activate_resource),
        ("bus_activate_resource_old", bus_activate_resource_old),
        ("bus_deactivate_resource", bus_deactivate_resource),
        ("bus_deactivate_resource_old", bus_deactivate_resource_old),
        ("bus_set_resource", bus_set_resource),
        ("bus_get_resource", bus_get_resource),
        ("bus_get_resource_start", bus_get_resource_start),
        ("bus_get_resource_count", bus_get_resource_count),
        ("bus_delete_resource", bus_delete_resource),
    ]
}
