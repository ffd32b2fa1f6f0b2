// SPDX-License-Identifier: BSD-2-Clause
//! Register accesses of a loaded module turned into calls, because a trap costs twenty times as
//! much; must not know what is behind a register. The file stays as it is; an instruction that
//! cannot be turned safely stays too and traps.
//!
//! A jump needs five bytes and `in` has one, so the instructions around it move: a window of at
//! least five bytes that nothing jumps into is copied to another place, with the access replaced,
//! and a jump to the copy put where it was. Port instructions are found when a module is loaded,
//! instructions that reach memory-mapped registers when they first trap.

mod code;

use std::collections::BTreeSet;

use iced_x86::{
    BlockEncoder, BlockEncoderOptions, Code as Opcode, Instruction, InstructionBlock,
    MemoryOperand, Mnemonic,
};

use crate::arch::trap;
use crate::image::Symbol;
use crate::low::Region;
use crate::mem;
use code::{ends, Code, Window, JUMP};

/// The most that a copied window may take: the copies of long jumps are longer.
const COPY: usize = 128;
/// Room for instructions that turn out to reach memory-mapped registers.
const LATE: usize = 64;

/// An access that became a call.
#[derive(Clone, Copy, Debug)]
pub enum Access {
    Port(Port),
    /// Reached memory-mapped registers once, but may reach any memory.
    Memory(Instruction),
}

/// A port instruction.
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

impl Access {
    /// Where the instruction was.
    pub fn address(&self) -> u64 {
        match self {
            Access::Port(port) => port.address,
            Access::Memory(instruction) => instruction.ip(),
        }
    }
}

/// A moved window: its addresses, and where each of its instructions went.
struct Moved {
    from: u64,
    end: u64,
    to: u64,
    len: u64,
    places: Vec<(u64, u64)>,
}

/// The rewritten instructions of one image. Dropping it unmaps the copies.
pub struct Rewritten {
    region: Region,
    used: u64,
    code: Code,
    moved: Vec<Moved>,
    accesses: Vec<Access>,
}

impl Rewritten {
    /// Rewrites the port instructions in the functions among `symbols`. `ends` are where the
    /// sections of code end, `targets` all addresses that relocations refer to.
    pub fn new(symbols: &[Symbol], ends: &BTreeSet<u64>, targets: BTreeSet<u64>) -> Rewritten {
        let code = Code::new(symbols, ends, targets);
        let ports: Vec<_> = code.instructions().filter_map(port).collect();
        let region = Region::new(8 + (ports.len() + LATE) * COPY);
        let any = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
        region.protect(0, region.len(), any);
        mem::put_raw(region.base(), &trap::port_entry().to_le_bytes());
        let mut rewritten = Rewritten {
            region,
            used: 8,
            code,
            moved: vec![],
            accesses: vec![],
        };
        for port in ports {
            rewritten.rewrite(port.address, None);
        }
        rewritten
    }

    pub fn contains(&self, address: u64) -> bool {
        self.region.contains(address)
    }

    pub fn access(&self, index: u64) -> Option<Access> {
        self.accesses.get(index as usize).copied()
    }

    pub fn accesses(&self) -> &[Access] {
        &self.accesses
    }

    /// The place in the module that a copied instruction came from, roughly.
    pub fn origin(&self, address: u64) -> Option<u64> {
        let inside = |m: &&Moved| (m.to..m.to + m.len).contains(&address);
        self.moved.iter().find(inside).map(|m| m.from)
    }

    /// Where an instruction of the module is now; a thread may have stopped between two that
    /// moved meanwhile.
    pub fn place(&self, address: u64) -> u64 {
        let moved = self
            .moved
            .iter()
            .find(|m| (m.from..m.end).contains(&address));
        let mut places = moved.into_iter().flat_map(|m| &m.places);
        places
            .find(|(from, _)| *from == address)
            .map_or(address, |(_, to)| *to)
    }

    /// Rewrites the instruction at `address`, which has reached a memory-mapped register.
    pub fn memory(&mut self, instruction: Instruction) {
        self.rewrite(instruction.ip(), Some(instruction));
    }

    /// Moves the window around the instruction at `address`, if there is one, with its ports and,
    /// if given, `memory` replaced.
    fn rewrite(&mut self, address: u64, memory: Option<Instruction>) {
        let Some(window) = self.code.window(address) else {
            return;
        };
        let (from, end) = (window.instructions[0].ip(), window.room);
        if self.moved.iter().any(|m| from < m.end && m.from < end) {
            return;
        }
        let mut accesses = vec![];
        let mut copy = vec![];
        for instruction in window.instructions {
            let is_memory = memory.is_some_and(|m| m.ip() == instruction.ip());
            let access = match is_memory {
                true => memory.map(Access::Memory),
                false => port(instruction).map(Access::Port),
            };
            match access {
                Some(access) => {
                    let index = self.accesses.len() + accesses.len();
                    copy.push((instruction.ip(), self.push(index as i32)));
                    copy.push((0, self.call()));
                    accesses.push(access);
                }
                None => copy.push((instruction.ip(), *instruction)),
            }
        }
        if let Some(moved) = self.encode(&window, &copy) {
            self.used += moved.len;
            self.moved.push(moved);
            self.accesses.extend(accesses);
        }
    }

    /// Writes the copy of a window and the jump to it.
    fn encode(&self, window: &Window, copy: &[(u64, Instruction)]) -> Option<Moved> {
        let (from, end) = (window.instructions[0].ip(), window.room);
        let last = &window.instructions[window.instructions.len() - 1];
        let mut block: Vec<_> = copy.iter().map(|(_, instruction)| *instruction).collect();
        if !ends(last) {
            block.push(Instruction::with_branch(Opcode::Jmp_rel32_64, last.next_ip()).ok()?);
        }
        let to = self.region.base() + self.used;
        let options = BlockEncoderOptions::RETURN_NEW_INSTRUCTION_OFFSETS;
        let encoded = BlockEncoder::encode(64, InstructionBlock::new(&block, to), options).ok()?;
        let bytes = encoded.code_buffer;
        if bytes.len() > COPY || self.used as usize + bytes.len() > self.region.len() {
            return None;
        }
        mem::put_raw(to, &bytes);
        poke(
            from,
            &jump(from, to, last.next_ip().max(from + JUMP).min(end) - from),
        );
        let offsets = encoded.new_instruction_offsets;
        let place = |((ip, _), offset): (&(u64, _), &u32)| (*ip, to + u64::from(*offset));
        let places = copy.iter().zip(&offsets).map(place).collect();
        let len = bytes.len() as u64;
        Some(Moved {
            from,
            end,
            to,
            len,
            places,
        })
    }

    fn push(&self, index: i32) -> Instruction {
        Instruction::with1(Opcode::Pushq_imm32, index).expect("a push is encodable")
    }

    /// `call [entry]`, the pointer to the entry being the region's first word.
    fn call(&self) -> Instruction {
        const POINTER: u32 = 4;
        let entry = MemoryOperand::with_displ(self.region.base(), POINTER);
        Instruction::with1(Opcode::Call_rm64, entry).expect("a call is encodable")
    }
}

/// What a port instruction does.
fn port(instruction: &Instruction) -> Option<Port> {
    use Opcode::{
        In_AL_DX, In_AL_imm8, In_AX_DX, In_AX_imm8, In_EAX_DX, In_EAX_imm8, Out_DX_AL, Out_DX_AX,
        Out_DX_EAX, Out_imm8_AL, Out_imm8_AX, Out_imm8_EAX,
    };
    let (width, in_dx) = match instruction.code() {
        In_AL_DX | Out_DX_AL => (1, true),
        In_AX_DX | Out_DX_AX => (2, true),
        In_EAX_DX | Out_DX_EAX => (4, true),
        In_AL_imm8 | Out_imm8_AL => (1, false),
        In_AX_imm8 | Out_imm8_AX => (2, false),
        In_EAX_imm8 | Out_imm8_EAX => (4, false),
        _ => return None,
    };
    Some(Port {
        address: instruction.ip(),
        write: instruction.mnemonic() == Mnemonic::Out,
        width,
        number: (!in_dx).then(|| u16::from(instruction.immediate8())),
    })
}

/// A jump and breakpoints behind it, in case something jumps there after all.
fn jump(from: u64, to: u64, len: u64) -> Vec<u8> {
    let distance = to.wrapping_sub(from + JUMP) as u32;
    let mut bytes = vec![0xe9];
    bytes.extend(distance.to_le_bytes());
    bytes.resize(len as usize, 0xcc);
    bytes
}

/// Writes to code.
fn poke(address: u64, bytes: &[u8]) {
    const PAGE: u64 = 4096;
    let begin = address / PAGE * PAGE;
    let len = (address + bytes.len() as u64 - begin) as usize;
    let protect = |protection| {
        // SAFETY: pages of the module's code, which runs on this host thread only, not now.
        let failed = unsafe { libc::mprotect(begin as *mut _, len, protection) };
        assert_eq!(failed, 0, "mprotect: {}", std::io::Error::last_os_error());
    };
    protect(libc::PROT_READ | libc::PROT_WRITE);
    mem::put_raw(address, bytes);
    protect(libc::PROT_READ | libc::PROT_EXEC);
}
