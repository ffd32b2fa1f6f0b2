// SPDX-License-Identifier: BSD-2-Clause
//! Port instructions of a loaded module turned into calls, because a trap costs twenty times as
//! much; must not know what a port does. The file stays as it is; an instruction that cannot be
//! turned safely stays too and traps.
//!
//! A jump needs five bytes and `in` has one, so the instructions around it move: a window of at
//! least five bytes that nothing jumps into is copied to another place, with the port instruction
//! replaced, and a jump to the copy put where it was.

use std::collections::BTreeSet;

use iced_x86::{
    BlockEncoder, BlockEncoderOptions, Code, Decoder, DecoderOptions, FlowControl, Instruction,
    InstructionBlock, MemoryOperand, Mnemonic,
};

use crate::arch::trap;
use crate::image::Symbol;
use crate::low::Region;
use crate::mem;

/// The length of `jmp rel32`.
const JUMP: u64 = 5;
/// How far a window may reach from the port instruction, in instructions.
const REACH: usize = 6;
/// The most that a copied window may take: the copies of long jumps are longer.
const COPY: usize = 128;

/// A port instruction that became a call.
#[derive(Clone, Copy, Debug)]
pub struct Port {
    /// Where it was.
    pub address: u64,
    pub write: bool,
    /// In bytes.
    pub width: u64,
    /// `None` if the port is in dx.
    pub number: Option<u16>,
}

/// A moved window.
#[derive(Clone, Copy, Debug)]
struct Moved {
    from: u64,
    to: u64,
    len: u64,
}

/// The rewritten instructions of one image. Dropping it unmaps the copies.
pub struct Rewritten {
    region: Region,
    used: u64,
    moved: Vec<Moved>,
    ports: Vec<Port>,
}

impl Rewritten {
    pub fn contains(&self, address: u64) -> bool {
        self.region.contains(address)
    }

    pub fn port(&self, index: u64) -> Option<Port> {
        self.ports.get(index as usize).copied()
    }

    pub fn addresses(&self) -> Vec<u64> {
        self.ports.iter().map(|port| port.address).collect()
    }

    /// The place in the module that a copied instruction came from, roughly.
    pub fn origin(&self, address: u64) -> Option<u64> {
        let moved = self
            .moved
            .iter()
            .find(|m| (m.to..m.to + m.len).contains(&address));
        moved.map(|m| m.from)
    }
}

/// Rewrites the functions among `symbols`; the module's code must still be writable. `ends` are
/// where its sections end, `targets` all addresses that relocations refer to.
pub fn ports(symbols: &[Symbol], ends: &BTreeSet<u64>, targets: &BTreeSet<u64>) -> Rewritten {
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
    let mut targets = targets.clone();
    targets.extend(symbols.iter().map(|s| s.address));
    targets.extend(functions.iter().flatten().filter_map(branch_target));
    let count = functions
        .iter()
        .flatten()
        .filter(|i| port(i).is_some())
        .count();
    let mut rewritten = Rewritten {
        region: Region::new(8 + count * COPY),
        used: 8,
        moved: vec![],
        ports: vec![],
    };
    let entry = trap::port_entry().to_le_bytes();
    mem::put_raw(rewritten.region.base(), &entry);
    for function in &functions {
        rewritten.function(function, &targets);
    }
    let len = rewritten.region.len();
    rewritten
        .region
        .protect(0, len, libc::PROT_READ | libc::PROT_EXEC);
    rewritten
}

/// The instructions of a function of `len` bytes and of the padding behind it up to `end`, or
/// `None` if it is not all code.
fn decode(begin: u64, end: u64, len: u64) -> Option<Vec<Instruction>> {
    let mut code = vec![0; (end - begin).max(len) as usize];
    mem::try_read(begin, &mut code).ok()?;
    let decoder = Decoder::with_ip(64, &code, begin, DecoderOptions::NONE);
    let instructions: Vec<_> = decoder.into_iter().collect();
    let mut inside = instructions.iter().filter(|i| i.ip() < begin + len);
    let good = !inside.any(Instruction::is_invalid);
    good.then_some(instructions)
}

fn branch_target(instruction: &Instruction) -> Option<u64> {
    let target = instruction.near_branch_target();
    (target != 0).then_some(target)
}

/// What a port instruction does.
fn port(instruction: &Instruction) -> Option<Port> {
    use Code::{
        In_AL_DX, In_AL_imm8, In_AX_DX, In_AX_imm8, In_EAX_DX, In_EAX_imm8, Out_DX_AL, Out_DX_AX,
        Out_DX_EAX, Out_imm8_AL, Out_imm8_AX, Out_imm8_EAX,
    };
    let code = instruction.code();
    let width = match code {
        In_AL_DX | In_AL_imm8 | Out_DX_AL | Out_imm8_AL => 1,
        In_AX_DX | In_AX_imm8 | Out_DX_AX | Out_imm8_AX => 2,
        In_EAX_DX | In_EAX_imm8 | Out_DX_EAX | Out_imm8_EAX => 4,
        _ => return None,
    };
    let in_dx = matches!(
        code,
        In_AL_DX | In_AX_DX | In_EAX_DX | Out_DX_AL | Out_DX_AX | Out_DX_EAX
    );
    Some(Port {
        address: instruction.ip(),
        write: instruction.mnemonic() == Mnemonic::Out,
        width,
        number: (!in_dx).then(|| u16::from(instruction.immediate8())),
    })
}

/// Whether an instruction may run in another place: a call would leave a foreign return address.
fn movable(instruction: &Instruction) -> bool {
    !matches!(
        instruction.flow_control(),
        FlowControl::Call | FlowControl::IndirectCall | FlowControl::Interrupt
    )
}

/// Whether what follows an instruction is not reached from it.
fn ends(instruction: &Instruction) -> bool {
    use FlowControl::{IndirectBranch, Return, UnconditionalBranch};
    matches!(
        instruction.flow_control(),
        UnconditionalBranch | IndirectBranch | Return
    )
}

/// A part of a function that moves.
struct Window {
    /// Indices of its instructions: from the first to before the end.
    first: usize,
    end: usize,
    /// Where the room for the jump ends: padding behind may be used too.
    room: u64,
}

/// The instructions that move for the one at `index`: as far on as it goes, then as far back as
/// it takes.
fn window(code: &[Instruction], index: usize, targets: &BTreeSet<u64>) -> Option<Window> {
    let entered = |i: usize| targets.contains(&code[i].ip());
    let begin = code[index].ip();
    let mut end = index + 1;
    while code[end - 1].next_ip() - begin < JUMP && end < code.len() && end < index + REACH {
        if ends(&code[end - 1]) || entered(end) || !movable(&code[end]) {
            break;
        }
        end += 1;
    }
    let mut room = end;
    if ends(&code[end - 1]) {
        let padding = |i: usize| code[i].mnemonic() == Mnemonic::Nop && !entered(i);
        while room < code.len() && padding(room) {
            room += 1;
        }
    }
    let room = code[room - 1].next_ip();
    let mut first = index;
    while room - code[first].ip() < JUMP {
        if first == 0 || index >= first + REACH || entered(first) || !movable(&code[first - 1]) {
            return None;
        }
        first -= 1;
    }
    Some(Window { first, end, room })
}

impl Rewritten {
    fn function(&mut self, code: &[Instruction], targets: &BTreeSet<u64>) {
        let mut done = 0;
        for index in 0..code.len() {
            if index < done || port(&code[index]).is_none() {
                continue;
            }
            if let Some(Window { first, end, room }) = window(code, index, targets) {
                if first >= done && self.move_window(&code[first..end], room) {
                    done = end;
                }
            }
        }
    }

    /// Copies a window and jumps to the copy; whether it could.
    fn move_window(&mut self, window: &[Instruction], room: u64) -> bool {
        let mut copy = vec![];
        let mut ports = vec![];
        for instruction in window {
            match port(instruction) {
                Some(port) => {
                    let index = (self.ports.len() + ports.len()) as i32;
                    ports.push(port);
                    copy.extend(self.call(index));
                }
                None => copy.push(*instruction),
            }
        }
        let (from, last) = (window[0].ip(), &window[window.len() - 1]);
        if !ends(last) {
            let back = Instruction::with_branch(Code::Jmp_rel32_64, last.next_ip());
            copy.push(back.expect("a jump is encodable"));
        }
        let to = self.region.base() + self.used;
        let block = InstructionBlock::new(&copy, to);
        let Ok(encoded) = BlockEncoder::encode(64, block, BlockEncoderOptions::NONE) else {
            return false;
        };
        let bytes = encoded.code_buffer;
        if bytes.len() > COPY || self.used as usize + bytes.len() > self.region.len() {
            return false;
        }
        mem::put_raw(to, &bytes);
        put_jump(
            from,
            to,
            room.min(from + JUMP.max(last.next_ip() - from)) - from,
        );
        self.used += bytes.len() as u64;
        let len = bytes.len() as u64;
        self.moved.push(Moved { from, to, len });
        self.ports.extend(ports);
        true
    }

    /// `push index; call [entry]`, the pointer to the entry being the region's first word.
    fn call(&self, index: i32) -> [Instruction; 2] {
        const POINTER: u32 = 4;
        let entry = MemoryOperand::with_displ(self.region.base(), POINTER);
        let push = Instruction::with1(Code::Pushq_imm32, index);
        let call = Instruction::with1(Code::Call_rm64, entry);
        [push, call].map(|i| i.expect("both are encodable"))
    }
}

/// Puts a jump at `from` and breakpoints behind it, in case something jumps there after all.
fn put_jump(from: u64, to: u64, len: u64) {
    let distance = to.wrapping_sub(from + JUMP) as u32;
    let mut bytes = vec![0xe9];
    bytes.extend(distance.to_le_bytes());
    bytes.resize(len as usize, 0xcc);
    mem::put_raw(from, &bytes);
}
