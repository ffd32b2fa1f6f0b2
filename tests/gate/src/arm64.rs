// SPDX-License-Identifier: BSD-2-Clause
//! What instructions of arm64 do, as far as the rules ask; the sections named are those of the
//! Arm Architecture Reference Manual, A64 instruction set encoding. Must not know any rule.

use crate::machine::{Flow, Instruction, Stack};

const FRAME_POINTER: u32 = 29;
const STACK_POINTER: u32 = 31;
/// Holds the address of the processor's data while the kernel runs.
const OF_THE_KERNEL: u32 = 18;

pub(crate) fn decode(bytes: &[u8], start: u64) -> Vec<Instruction> {
    bytes
        .chunks_exact(4)
        .zip((start..).step_by(4))
        .map(|(bytes, ip)| {
            let word = Word(
                bytes
                    .iter()
                    .rev()
                    .fold(0, |word, &b| word << 8 | u32::from(b)),
            );
            Instruction {
                ip,
                next: ip.wrapping_add(4),
                flow: word.flow(ip),
                stack: word.stack(),
                padding: word.0 == 0xd503_201f,
                forbidden: word.forbidden(),
            }
        })
        .collect()
}

#[derive(Clone, Copy)]
struct Word(u32);

impl Word {
    /// Bits `low` and up, so many.
    fn bits(self, low: u32, count: u32) -> u32 {
        self.0 >> low & ((1 << count) - 1)
    }

    fn signed(self, low: u32, count: u32) -> i64 {
        let unused = 64 - count;
        i64::from(self.bits(low, count)) << unused >> unused
    }

    fn is(self, mask: u32, value: u32) -> bool {
        self.0 & mask == value
    }

    fn flow(self, ip: u64) -> Flow {
        let to = |words: i64| ip.wrapping_add_signed(words * 4);
        if self.is(0x7c00_0000, 0x1400_0000) {
            let target = to(self.signed(0, 26));
            return match self.bits(31, 1) {
                0 => Flow::Jump(target),
                _ => Flow::Call(target),
            };
        }
        if self.is(0xff00_0000, 0x5400_0000) || self.is(0x7e00_0000, 0x3400_0000) {
            return Flow::Branch(to(self.signed(5, 19)));
        }
        if self.is(0x7e00_0000, 0x3600_0000) {
            return Flow::Branch(to(self.signed(5, 14)));
        }
        if self.is(0xfe00_0000, 0xd600_0000) {
            return match self.bits(21, 4) {
                0 | 8 => Flow::Indirect,
                1 | 9 => Flow::Next,
                _ => Flow::End,
            };
        }
        let traps = self.is(0xffe0_001f, 0xd420_0000) || self.is(0xffff_0000, 0);
        if traps {
            Flow::End
        } else {
            Flow::Next
        }
    }

    fn is_pair(self) -> bool {
        self.is(0x3a00_0000, 0x2800_0000)
    }

    /// Load or store of one register whose address is written back.
    fn is_indexed(self) -> bool {
        self.is(0x3b20_0400, 0x3800_0400)
    }

    fn stack(self) -> Stack {
        let base = self.bits(5, 5);
        let destination = self.bits(0, 5);
        if self.is_pair() && self.bits(23, 1) == 1 && base == STACK_POINTER {
            let scale = match (self.bits(26, 1), self.bits(30, 2)) {
                (0, 0b10) => 8,
                (0, _) => 4,
                (_, size) => 4 << size,
            };
            return Stack::moved(self.signed(15, 7) * scale);
        }
        if self.is_indexed() && base == STACK_POINTER {
            return Stack::moved(self.signed(12, 9));
        }
        if self.is(0x9f80_0000, 0x9100_0000) {
            let amount = i64::from(self.bits(10, 12)) << (12 * self.bits(22, 1));
            let amount = if self.bits(30, 1) == 1 {
                -amount
            } else {
                amount
            };
            let flags = self.bits(29, 1) == 1;
            return match (destination, base) {
                _ if flags => Stack::None,
                (STACK_POINTER, STACK_POINTER) => Stack::moved(amount),
                (STACK_POINTER, FRAME_POINTER) => Stack::ToFramePointer(-amount),
                (STACK_POINTER, _) => Stack::Variable,
                (FRAME_POINTER, STACK_POINTER) => match u64::try_from(amount) {
                    Ok(above) => Stack::SetFramePointer(above),
                    Err(_) => Stack::Variable,
                },
                _ => Stack::None,
            };
        }
        // Add or subtract of an extended register, and logic with an immediate.
        let by_register = self.is(0x3fe0_0000, 0x0b20_0000);
        let by_logic = self.is(0x1f80_0000, 0x1200_0000) && self.bits(29, 2) != 0b11;
        if (by_register || by_logic) && destination == STACK_POINTER {
            return Stack::Variable;
        }
        Stack::None
    }

    fn forbidden(self) -> Option<String> {
        if self.is_vector() {
            Some(format!("{:#010x} (floating point or vector)", self.0))
        } else if self.writes(OF_THE_KERNEL) {
            Some(format!(
                "{:#010x} (writes x18, which is the kernel's)",
                self.0
            ))
        } else {
            None
        }
    }

    /// By the main encoding table: SME, SVE, scalar and vector arithmetic, loads and stores.
    fn is_vector(self) -> bool {
        match self.bits(25, 4) {
            0b0000 => self.bits(31, 1) == 1,
            0b0010 | 0b0111 | 0b1111 => true,
            0b0100 | 0b0110 | 0b1100 | 0b1110 => self.bits(26, 1) == 1,
            _ => false,
        }
    }

    /// Whether a general register may be written. Stores count as loads: nobody has a reason
    /// to store a register that is not his.
    fn writes(self, register: u32) -> bool {
        let first = self.bits(0, 5) == register;
        match self.bits(25, 4) {
            // Arithmetic with an immediate.
            0b1000 | 0b1001 => first,
            // Arithmetic with registers; conditional compares have flags there.
            0b0101 | 0b1101 => first && !self.is(0x1fe0_0000, 0x1a40_0000),
            // Reads of system registers.
            0b1010 | 0b1011 => self.is(0xffe0_0000, 0xd520_0000) && first,
            0b0100 | 0b0110 | 0b1100 | 0b1110 => {
                let exclusive = self.is(0x3f00_0000, 0x0800_0000);
                let atomic = self.is(0x3b20_0c00, 0x3820_0000);
                let second = (self.is_pair() || exclusive) && self.bits(10, 5) == register;
                let status = (exclusive || atomic) && self.bits(16, 5) == register;
                let back = (self.is_indexed() || self.is_pair() && self.bits(23, 1) == 1)
                    && self.bits(5, 5) == register;
                first || second || status || back
            }
            _ => false,
        }
    }
}
