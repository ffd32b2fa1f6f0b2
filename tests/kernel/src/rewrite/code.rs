// SPDX-License-Identifier: BSD-2-Clause
//! The instructions of a module, where they are jumped to, and which of them can move together;
//! must not move any.

use std::collections::BTreeSet;

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic};

use crate::image::Symbol;
use crate::mem;

/// The length of `jmp rel32`.
pub const JUMP: u64 = 5;
/// How far a window may reach from its instruction, in instructions.
const REACH: usize = 6;

/// Every function of a module.
pub struct Code {
    functions: Vec<Vec<Instruction>>,
    targets: BTreeSet<u64>,
}

/// A part of a function that moves.
pub struct Window<'a> {
    pub instructions: &'a [Instruction],
    /// Where the room for the jump ends: padding behind may be used too.
    pub room: u64,
}

impl Code {
    /// `ends` are where the sections of code end, `targets` all addresses that relocations refer
    /// to.
    pub fn new(symbols: &[Symbol], ends: &BTreeSet<u64>, targets: BTreeSet<u64>) -> Code {
        let functions: Vec<_> = symbols
            .iter()
            .enumerate()
            .filter(|(_, s)| s.code)
            .filter_map(|(index, s)| {
                let mut behind = symbols[index..].iter().map(|other| other.address);
                let next = behind.find(|address| *address > s.address);
                let end = ends.range(s.address + 1..).next().copied()?;
                decode(s.address, next.unwrap_or(end).min(end), s.len)
            })
            .collect();
        let mut targets = targets;
        targets.extend(symbols.iter().map(|s| s.address));
        let branches = functions
            .iter()
            .flatten()
            .map(Instruction::near_branch_target);
        targets.extend(branches.filter(|target| *target != 0));
        Code { functions, targets }
    }

    pub fn instructions(&self) -> impl Iterator<Item = &Instruction> {
        self.functions.iter().flatten()
    }

    /// The instructions that move for the one at `address`: as far on as it goes, then as far
    /// back as it takes.
    pub fn window(&self, address: u64) -> Option<Window<'_>> {
        let inside =
            |f: &&Vec<Instruction>| f[0].ip() <= address && address < f[f.len() - 1].next_ip();
        let code = self.functions.iter().find(inside)?;
        let index = code.binary_search_by_key(&address, Instruction::ip).ok()?;
        let end = self.reach(code, index);
        let room = self.room(code, end);
        let mut first = index;
        while room - code[first].ip() < JUMP {
            let far = first == 0 || index >= first + REACH;
            if far || self.is_entered(&code[first]) || !movable(&code[first - 1]) {
                return None;
            }
            first -= 1;
        }
        let instructions = &code[first..end];
        Some(Window { instructions, room })
    }

    fn is_entered(&self, instruction: &Instruction) -> bool {
        self.targets.contains(&instruction.ip())
    }

    /// How far on a window goes.
    fn reach(&self, code: &[Instruction], index: usize) -> usize {
        let begin = code[index].ip();
        let mut end = index + 1;
        while code[end - 1].next_ip() - begin < JUMP && end < code.len() && end < index + REACH {
            if ends(&code[end - 1]) || self.is_entered(&code[end]) || !movable(&code[end]) {
                break;
            }
            end += 1;
        }
        end
    }

    /// Where the padding ends that follows a window, if what it ends with is never left behind.
    fn room(&self, code: &[Instruction], end: usize) -> u64 {
        let mut room = end;
        if ends(&code[end - 1]) {
            let padding = |i: &Instruction| i.mnemonic() == Mnemonic::Nop && !self.is_entered(i);
            room += code[end..].iter().take_while(|i| padding(i)).count();
        }
        code[room - 1].next_ip()
    }
}

/// The instructions of a function of `len` bytes and of the padding behind it up to `end`, or
/// `None` if it is not all code.
fn decode(begin: u64, end: u64, len: u64) -> Option<Vec<Instruction>> {
    let mut code = vec![0; (end - begin).max(len) as usize];
    mem::try_read(begin, &mut code).ok()?;
    let decoder = Decoder::with_ip(64, &code, begin, DecoderOptions::NONE);
    let instructions: Vec<_> = decoder.into_iter().collect();
    let mut inside = instructions.iter().filter(|i| i.ip() < begin + len);
    let good = !inside.any(Instruction::is_invalid) && !instructions.is_empty();
    good.then_some(instructions)
}

/// Whether an instruction may run in another place: a call would leave a foreign return address.
fn movable(instruction: &Instruction) -> bool {
    use FlowControl::{Call, IndirectCall, Interrupt};
    !matches!(instruction.flow_control(), Call | IndirectCall | Interrupt)
}

/// Whether what follows an instruction is not reached from it.
pub fn ends(instruction: &Instruction) -> bool {
    use FlowControl::{IndirectBranch, Return, UnconditionalBranch};
    let flow = instruction.flow_control();
    matches!(flow, UnconditionalBranch | IndirectBranch | Return)
}
