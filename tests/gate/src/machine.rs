// SPDX-License-Identifier: BSD-2-Clause
//! Instructions as the rules see them, whatever the processor: where they go, what they do to
//! the stack pointer, what they may not touch. Must not know any rule.

use crate::{amd64, arm64};

/// A processor whose kernels this project builds for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Machine {
    Amd64,
    Arm64,
}

pub(crate) struct Instruction {
    pub ip: u64,
    pub next: u64,
    pub flow: Flow,
    pub stack: Stack,
    /// Fills the room between functions and paths.
    pub padding: bool,
    /// Why a kernel thread must not execute it, if so.
    pub forbidden: Option<String>,
}

/// Where an instruction leads to. Addresses are offsets in the section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    Next,
    Call(u64),
    Jump(u64),
    Branch(u64),
    /// To an address from a table.
    Indirect,
    /// Returns, or is a trap.
    End,
}

/// What an instruction does to the depth of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stack {
    None,
    Deeper(u64),
    Shallower(u64),
    /// The frame pointer is so many bytes above the stack pointer from here on.
    SetFramePointer(u64),
    /// To so many bytes below the frame pointer.
    ToFramePointer(i64),
    Variable,
}

impl Stack {
    /// By a signed number of bytes, as the processor counts: down is deeper.
    pub(crate) fn moved(amount: i64) -> Stack {
        if amount < 0 {
            Stack::Deeper(amount.unsigned_abs())
        } else {
            Stack::Shallower(amount.unsigned_abs())
        }
    }
}

impl Machine {
    /// The instructions in `bytes`, of which the first is at `start`.
    pub(crate) fn decode(self, bytes: &[u8], start: u64) -> Vec<Instruction> {
        match self {
            Machine::Amd64 => amd64::decode(bytes, start),
            Machine::Arm64 => arm64::decode(bytes, start),
        }
    }
}
