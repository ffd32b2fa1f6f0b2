// SPDX-License-Identifier: BSD-2-Clause
//! Register accesses of module code: trapped port instructions and accesses to memory-mapped
//! registers, passed on to the hardware as places where time passes and threads may switch; must
//! not know what is behind a register.

use iced_x86::{Code, Decoder, DecoderOptions, Instruction, OpKind, Register};
use std::io;
use std::ptr;

use crate::arch::trap::{Frame, RAX, RDX};
use crate::kernel::{with, Kernel};
use crate::mem;
use crate::rewrite::Access;
use crate::sched;

/// What an access costs on the bus.
const ACCESS: u64 = 1_000;
const PAGE: u64 = 4096;

/// A window on physical memory; unreadable, so that accesses trap.
struct Window {
    base: u64,
    len: u64,
    physical: u64,
}

impl Drop for Window {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and nothing of it is in use: it never had contents.
        unsafe { libc::munmap(self.base as *mut _, self.len as usize) };
    }
}

/// Windows and counters of one machine.
#[derive(Default)]
pub struct Registers {
    windows: Vec<Window>,
    /// Accesses so far.
    pub reads: u64,
    pub writes: u64,
}

/// Maps `len` bytes of device memory at `physical`; the address at which module code finds it.
pub fn map(physical: u64, len: u64) -> u64 {
    let offset = physical % PAGE;
    let len = (offset + len).next_multiple_of(PAGE);
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a fresh private mapping; nothing else refers to it.
    let base = unsafe { libc::mmap(ptr::null_mut(), len as usize, libc::PROT_NONE, flags, -1, 0) };
    assert_ne!(
        base,
        libc::MAP_FAILED,
        "device memory: {}",
        io::Error::last_os_error()
    );
    let window = Window {
        base: base as u64,
        len,
        physical: physical - offset,
    };
    with(|k| k.registers.windows.push(window));
    base as u64 + offset
}

/// Unmaps what [`map`] returned.
pub fn unmap(address: u64) {
    with(|k| {
        k.registers
            .windows
            .retain(|w| !(w.base..w.base + w.len).contains(&address))
    });
}

/// A register of the hardware.
#[derive(Clone, Copy)]
enum Place {
    Port(u16),
    /// A physical address.
    Memory(u64),
}

/// Reads `width` bytes, lowest first.
fn read(place: Place, width: u64) -> u64 {
    begin();
    with(|k| {
        let now = k.sched.clock.last();
        let mut value = 0;
        for i in 0..width {
            let byte = match place {
                Place::Port(port) => k.hardware.port_read(port.wrapping_add(i as u16), now),
                Place::Memory(at) => k.hardware.mem_read(at + i, now),
            };
            value |= u64::from(byte) << (8 * i);
        }
        k.registers.reads += 1;
        k.accessed();
        value
    })
}

/// Writes `width` bytes, lowest first.
fn write(place: Place, width: u64, value: u64) {
    begin();
    with(|k| {
        let now = k.sched.clock.last();
        for i in 0..width {
            let byte = (value >> (8 * i)) as u8;
            match place {
                Place::Port(port) => {
                    let port = port.wrapping_add(i as u16);
                    k.hardware.port_write(port, byte, now);
                }
                Place::Memory(at) => k.hardware.mem_write(at + i, byte, now),
            }
        }
        k.registers.writes += 1;
        k.accessed();
    });
}

fn begin() {
    sched::preempt_point();
    sched::spend(ACCESS);
}

impl Kernel {
    /// The hardware has moved: hear what it has to say now and when it will speak next.
    pub(crate) fn accessed(&mut self) {
        self.refresh_hardware();
        self.poll_hardware();
    }

    fn window(&self, address: u64) -> Option<u64> {
        let mut all = self.registers.windows.iter();
        let window = all.find(|w| (w.base..w.base + w.len).contains(&address))?;
        Some(window.physical + (address - window.base))
    }
}

/// If the trapped instruction is a register access, performs it and steps over it.
pub fn access(frame: &mut Frame) -> bool {
    // The longest instruction; less if the page behind is not readable.
    let mut code = [0; 15];
    if mem::try_read(frame.rip, &mut code).is_err()
        && mem::try_read(frame.rip, &mut code[..1]).is_err()
    {
        return false;
    }
    if !port(frame, &code) && !memory(frame, &code) {
        return false;
    }
    // What follows may have moved meanwhile.
    frame.rip = with(|k| {
        let image = k.image_at(frame.rip);
        image.map_or(frame.rip, |image| image.rewritten.place(frame.rip))
    });
    true
}

/// Performs the rewritten access whose number the frame has in place of an address.
pub fn rewritten(frame: &mut Frame) {
    let access = with(|k| {
        let image = k.image_at(frame.rip);
        let access = image.and_then(|image| image.rewritten.access(frame.address));
        let access = access.expect("a rewritten access is in an image and has a number");
        k.pcpu.crossing.caller = access.address();
        access
    });
    match access {
        Access::Port(port) => {
            let number = port.number.unwrap_or(frame.regs[RDX] as u16);
            perform(frame, number, port.width, port.write);
        }
        Access::Memory(instruction) => rewritten_memory(frame, &instruction),
    }
}

/// An instruction that has reached a register once: now it may reach anything.
fn rewritten_memory(frame: &mut Frame, instruction: &Instruction) {
    let value = |register: Register, _, _| match register {
        // Segments of a 64-bit kernel begin at 0.
        _ if register.is_segment_register() => Some(0),
        _ => Some(frame.regs[register.full_register().number()]),
    };
    let address = instruction.virtual_address(memory_operand(instruction), 0, value);
    let address = address.expect("every register has a value");
    execute(frame, instruction, address);
}

fn memory_operand(instruction: &Instruction) -> u32 {
    let is_memory = |n: &u32| instruction.op_kind(*n) == OpKind::Memory;
    (0..instruction.op_count()).find(is_memory).unwrap_or(0)
}

fn perform(frame: &mut Frame, port: u16, width: u64, is_write: bool) {
    if is_write {
        write(Place::Port(port), width, frame.regs[RAX]);
    } else {
        let value = read(Place::Port(port), width);
        frame.regs[RAX] = merge(frame.regs[RAX], value, width);
    }
}

/// `in` and `out` in the forms that compilers and <machine/cpufunc.h> use.
fn port(frame: &mut Frame, code: &[u8; 15]) -> bool {
    let (prefix, opcode) = match code[0] {
        0x66 => (1, code[1]),
        opcode => (0, opcode),
    };
    let width = match (opcode & 1, prefix) {
        (0, _) => 1,
        (_, 1) => 2,
        _ => 4,
    };
    let (port, len) = match opcode {
        0xe4..=0xe7 => (u16::from(code[prefix + 1]), prefix + 2),
        0xec..=0xef => (frame.regs[RDX] as u16, prefix + 1),
        _ => return false,
    };
    perform(frame, port, width, opcode & 2 != 0);
    frame.rip += len as u64;
    true
}

/// What a register holds after `width` bytes were written to it.
fn merge(old: u64, value: u64, width: u64) -> u64 {
    match width {
        1 => old & !0xff | value & 0xff,
        2 => old & !0xffff | value & 0xffff,
        4 => value & 0xffff_ffff,
        _ => value,
    }
}

/// Loads and stores of memory-mapped registers. The next time the instruction does not trap.
fn memory(frame: &mut Frame, code: &[u8; 15]) -> bool {
    if with(|k| k.window(frame.address)).is_none() {
        return false;
    }
    let instruction = Decoder::with_ip(64, code, frame.rip, DecoderOptions::NONE).decode();
    if !execute(frame, &instruction, frame.address) {
        return false;
    }
    with(|k| {
        let mut images = k.images.iter_mut();
        if let Some(image) = images.find(|image| image.contains(instruction.ip())) {
            image.rewritten.memory(instruction);
        }
    });
    frame.rip = instruction.next_ip();
    true
}

/// Performs a load or a store at `address`; `false` if it is none of those that compilers make
/// for volatile accesses.
fn execute(frame: &mut Frame, instruction: &Instruction, address: u64) -> bool {
    let width = instruction.memory_size().size() as u64;
    match instruction.code() {
        Code::Mov_r8_rm8
        | Code::Mov_r16_rm16
        | Code::Mov_r32_rm32
        | Code::Mov_r64_rm64
        | Code::Movzx_r32_rm8
        | Code::Movzx_r64_rm8
        | Code::Movzx_r16_rm8
        | Code::Movzx_r32_rm16
        | Code::Movzx_r64_rm16 => {
            let value = load(address, width);
            set_register(frame, instruction.op0_register(), value);
        }
        Code::Mov_rm8_r8
        | Code::Mov_rm16_r16
        | Code::Mov_rm32_r32
        | Code::Mov_rm64_r64
        | Code::Mov_rm8_imm8
        | Code::Mov_rm16_imm16
        | Code::Mov_rm32_imm32 => store(address, width, source(frame, instruction)),
        _ => return false,
    }
    true
}

/// Reads a register or, behind a rewritten instruction, plain memory.
fn load(address: u64, width: u64) -> u64 {
    if let Some(physical) = with(|k| k.window(address)) {
        return read(Place::Memory(physical), width);
    }
    let mut word = [0; 8];
    word[..width as usize].copy_from_slice(&mem::bytes(address, width as usize));
    u64::from_le_bytes(word)
}

/// Writes like [`load`] reads.
fn store(address: u64, width: u64, value: u64) {
    match with(|k| k.window(address)) {
        Some(physical) => write(Place::Memory(physical), width, value),
        None => mem::put(address, &value.to_le_bytes()[..width as usize]),
    }
}

fn source(frame: &Frame, instruction: &Instruction) -> u64 {
    match instruction.op1_kind() {
        OpKind::Register => register(frame, instruction.op1_register()),
        _ => instruction.immediate(1),
    }
}

/// ah, ch, dh and bh are bits 15:8 of the first four registers.
fn is_high(register: Register) -> bool {
    matches!(
        register,
        Register::AH | Register::BH | Register::CH | Register::DH
    )
}

fn register(frame: &Frame, register: Register) -> u64 {
    let value = frame.regs[register.full_register().number()];
    if is_high(register) {
        value >> 8
    } else {
        value
    }
}

fn set_register(frame: &mut Frame, register: Register, value: u64) {
    let slot = &mut frame.regs[register.full_register().number()];
    *slot = match is_high(register) {
        true => *slot & !0xff00 | (value & 0xff) << 8,
        false => merge(*slot, value, register.size() as u64),
    };
}
