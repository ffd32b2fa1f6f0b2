// SPDX-License-Identifier: BSD-2-Clause
//! `struct sysctl_oid` as modules lay it out; must not know the tree it hangs in.

use crate::layout::Generation;
use crate::mem;
use crate::with;

pub const CTLFLAG_WR: u32 = 0x4000_0000;
pub const CTLFLAG_DORMANT: u32 = 0x2000_0000;
pub const CTLFLAG_DYN: u32 = 0x0200_0000;
pub const CTLFLAG_SKIP: u32 = 0x0100_0000;
pub const CTLFLAG_TUN: u32 = 0x0008_0000;
pub const CTLFLAG_DYING: u32 = 0x0001_0000;
pub const CTLFLAG_NOFETCH: u32 = 0x0000_1000;
pub const CTLFLAG_RD: u32 = 0x8000_0000;
pub const CTLFLAG_MPSAFE: u32 = 0x0004_0000;

/// Large enough in every generation.
pub const STRUCT_LEN: usize = 112;

/// The type of a value, the low bits of `oid_kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Node,
    String,
    Opaque,
    /// Width in bytes and whether it is signed.
    Integer(usize, bool),
}

impl Type {
    pub fn of(kind: u32) -> Type {
        match kind & 0xf {
            1 => Type::Node,
            3 => Type::String,
            2 | 0xe => Type::Integer(4, true),
            6 | 0xf => Type::Integer(4, false),
            4 | 7 => Type::Integer(8, true),
            8 | 9 => Type::Integer(8, false),
            0xa => Type::Integer(1, false),
            0xb => Type::Integer(2, false),
            0xc => Type::Integer(1, true),
            0xd => Type::Integer(2, true),
            _ => Type::Opaque,
        }
    }
}

/// The address of a `struct sysctl_oid`. Its list of children is at the same address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Oid(pub u64);

/// Fields before `oid_number`; the link to the siblings has grown by two pointers since 13.
const PARENT: u64 = 8;
/// Fields from `oid_number` on, relative to it.
const KIND: u64 = 4;
const ARG1: u64 = 8;
const ARG2: u64 = 16;
const NAME: u64 = 24;
const HANDLER: u64 = 32;
const FMT: u64 = 40;
const DESCR: u64 = 56;
const LABEL: u64 = 64;

impl Oid {
    fn tail(self) -> u64 {
        match with(|k| k.generation) {
            Generation::Thirteen => self.0 + 24,
            Generation::Fourteen | Generation::Fifteen => self.0 + 40,
        }
    }

    /// The list of children that this oid is in.
    pub fn parent_list(self) -> u64 {
        mem::read(self.0 + PARENT)
    }

    pub fn number(self) -> i32 {
        mem::read(self.tail())
    }

    pub fn set_number(self, number: i32) {
        mem::write(self.tail(), number);
    }

    pub fn kind(self) -> u32 {
        mem::read(self.tail() + KIND)
    }

    pub fn set_kind(self, kind: u32) {
        mem::write(self.tail() + KIND, kind);
    }

    pub fn arg1(self) -> u64 {
        mem::read(self.tail() + ARG1)
    }

    pub fn arg2(self) -> u64 {
        mem::read(self.tail() + ARG2)
    }

    pub fn name(self) -> String {
        mem::cstr(mem::read(self.tail() + NAME))
    }

    pub fn is_named(self, name: &str) -> bool {
        mem::cstr_is(mem::read(self.tail() + NAME), name)
    }

    pub fn handler(self) -> u64 {
        mem::read(self.tail() + HANDLER)
    }

    /// `oid_fmt`, e.g. "I", or nothing.
    pub fn format(self) -> String {
        optional(mem::read(self.tail() + FMT))
    }

    pub fn description(self) -> String {
        optional(mem::read(self.tail() + DESCR))
    }

    /// Fills in a new structure.
    pub fn fill(self, parent_list: u64, fields: &Fields) {
        mem::write(self.0 + PARENT, parent_list);
        self.set_number(fields.number);
        self.set_kind(fields.kind);
        let words = [
            (ARG1, fields.arg1),
            (ARG2, fields.arg2),
            (NAME, fields.name),
            (HANDLER, fields.handler),
            (FMT, fields.format),
            (DESCR, fields.description),
            (LABEL, fields.label),
        ];
        for (offset, value) in words {
            mem::write(self.tail() + offset, value);
        }
    }

    /// Everything a reader of this oid will follow, for the search for leaks.
    pub fn pointers(self) -> [u64; 4] {
        let pointer = |offset| mem::read(self.tail() + offset);
        [pointer(NAME), pointer(HANDLER), pointer(FMT), pointer(ARG1)]
    }
}

/// What sysctl_add_oid(9) is told, as addresses where the structure holds addresses.
pub struct Fields {
    pub number: i32,
    pub kind: u32,
    pub arg1: u64,
    pub arg2: u64,
    pub name: u64,
    pub handler: u64,
    pub format: u64,
    pub description: u64,
    pub label: u64,
}

fn optional(text: u64) -> String {
    match text {
        0 => String::new(),
        _ => mem::cstr(text),
    }
}
