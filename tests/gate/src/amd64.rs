// SPDX-License-Identifier: BSD-2-Clause
//! What instructions of amd64 do. Must not know any rule.

use crate::machine::{Flow, Instruction, Stack};
use iced_x86::{
    Code, CpuidFeature, Decoder, DecoderOptions, FlowControl, Instruction as Decoded, Mnemonic,
    OpKind, Register,
};

pub(crate) fn decode(bytes: &[u8], start: u64) -> Vec<Instruction> {
    Decoder::with_ip(64, bytes, start, DecoderOptions::NONE)
        .iter()
        .map(|decoded| Instruction {
            ip: decoded.ip(),
            next: decoded.next_ip(),
            flow: flow(&decoded),
            stack: stack(&decoded),
            padding: matches!(decoded.mnemonic(), Mnemonic::Nop | Mnemonic::Int3),
            forbidden: forbidden(&decoded),
        })
        .collect()
}

fn flow(instruction: &Decoded) -> Flow {
    let target = instruction.near_branch_target();
    match instruction.flow_control() {
        FlowControl::Return | FlowControl::Exception | FlowControl::Interrupt => Flow::End,
        FlowControl::IndirectBranch => Flow::Indirect,
        FlowControl::UnconditionalBranch => Flow::Jump(target),
        FlowControl::ConditionalBranch => Flow::Branch(target),
        FlowControl::Call if instruction.is_call_near() => Flow::Call(target),
        _ => Flow::Next,
    }
}

/// Extensions whose registers belong to user processes.
fn forbidden(instruction: &Decoded) -> Option<String> {
    if instruction.is_invalid() || is_ordering_or_hint(instruction.mnemonic()) {
        return None;
    }
    let extension = instruction
        .cpuid_features()
        .iter()
        .find(|feature| is_of_users(**feature))?;
    Some(format!("{:?} ({extension:?})", instruction.mnemonic()))
}

fn is_of_users(feature: CpuidFeature) -> bool {
    let name = format!("{feature:?}");
    [
        "FPU", "MMX", "SSE", "SSSE", "AVX", "FMA", "F16C", "AES", "PCLMUL", "D3NOW", "FXSR", "AMX",
    ]
    .iter()
    .any(|family| name.starts_with(family))
}

/// Counted as SSE by the manuals, yet without any of its registers.
fn is_ordering_or_hint(mnemonic: Mnemonic) -> bool {
    matches!(
        mnemonic,
        Mnemonic::Lfence
            | Mnemonic::Mfence
            | Mnemonic::Sfence
            | Mnemonic::Movnti
            | Mnemonic::Pause
            | Mnemonic::Prefetchnta
            | Mnemonic::Prefetcht0
            | Mnemonic::Prefetcht1
            | Mnemonic::Prefetcht2
    )
}

fn stack(instruction: &Decoded) -> Stack {
    let by_immediate = instruction.op1_kind() != OpKind::Register
        && instruction.op1_kind() != OpKind::Memory
        && instruction.op_count() == 2;
    match instruction.mnemonic() {
        Mnemonic::Call | Mnemonic::Ret => Stack::None,
        Mnemonic::Leave => Stack::ToFramePointer(0),
        Mnemonic::Mov if is(instruction, Register::RBP, Register::RSP) => Stack::SetFramePointer(0),
        Mnemonic::Mov if is(instruction, Register::RSP, Register::RBP) => Stack::ToFramePointer(0),
        Mnemonic::Push | Mnemonic::Pushfq | Mnemonic::Pop | Mnemonic::Popfq => {
            Stack::moved(i64::from(instruction.stack_pointer_increment()))
        }
        _ if !writes_stack_pointer(instruction) => Stack::None,
        Mnemonic::Sub if by_immediate => Stack::moved(amount(instruction).wrapping_neg()),
        Mnemonic::Add if by_immediate => Stack::moved(amount(instruction)),
        // Rounding down for an over-aligned variable costs at most the alignment.
        Mnemonic::And if by_immediate => Stack::Deeper(amount(instruction).unsigned_abs()),
        Mnemonic::Lea => match (instruction.memory_base(), instruction.memory_index()) {
            (Register::RSP, Register::None) => Stack::moved(displacement(instruction)),
            (Register::RBP, Register::None) => {
                Stack::ToFramePointer(-displacement(instruction).min(0))
            }
            _ => Stack::Variable,
        },
        _ => Stack::Variable,
    }
}

fn is(instruction: &Decoded, to: Register, from: Register) -> bool {
    instruction.op0_register() == to && instruction.op1_register() == from
}

fn writes_stack_pointer(instruction: &Decoded) -> bool {
    let compares = matches!(instruction.mnemonic(), Mnemonic::Cmp | Mnemonic::Test);
    instruction.code() != Code::INVALID
        && instruction.op0_kind() == OpKind::Register
        && instruction.op0_register().full_register() == Register::RSP
        && !compares
}

fn amount(instruction: &Decoded) -> i64 {
    instruction.immediate(1) as i64
}

fn displacement(instruction: &Decoded) -> i64 {
    instruction.memory_displacement64() as i64
}
