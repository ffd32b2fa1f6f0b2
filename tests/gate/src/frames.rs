// SPDX-License-Identifier: BSD-2-Clause
//! How much kernel stack each function takes: follows the stack pointer along every path of
//! a function. Must not know which functions call which.

use crate::code::decode;
use crate::module::{Function, Module};
use crate::{Finding, Rule, FRAME_LIMIT};
use iced_x86::{Code, FlowControl, Instruction, Mnemonic, OpKind, Register};
use std::collections::BTreeMap;

pub(crate) struct Frame {
    function: String,
    /// Bytes below the return address at the deepest point.
    bytes: u64,
    /// Where the stack pointer moves by an amount that is not in the code.
    dynamic: Option<u64>,
}

pub(crate) fn check(frames: &[Frame]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for Frame {
        function,
        bytes,
        dynamic,
    } in frames
    {
        if *bytes > FRAME_LIMIT {
            let text = format!("{function} takes {bytes} bytes of stack, {FRAME_LIMIT} allowed");
            findings.push(Finding::new(Rule::Frame, text));
        }
        if let Some(offset) = dynamic {
            let text = format!("{function}+{offset:#x} moves the stack pointer by a variable");
            findings.push(Finding::new(Rule::Frame, text));
        }
    }
    findings
}

pub(crate) fn deepest(frames: &[Frame]) -> (u64, String) {
    frames
        .iter()
        .max_by_key(|frame| frame.bytes)
        .map(|frame| (frame.bytes, frame.function.clone()))
        .unwrap_or_default()
}

pub(crate) fn measure(module: &Module) -> Vec<Frame> {
    module
        .functions
        .iter()
        .map(|function| Walk::new(module, function).run(function))
        .collect()
}

/// A walk over one function's paths with the depth of the stack at each instruction.
struct Walk {
    instructions: BTreeMap<u64, Instruction>,
    depths: BTreeMap<u64, u64>,
    /// Depth at which the frame pointer was set.
    frame_pointer: u64,
    /// Depth at an indirect jump, where those of its targets begin.
    at_indirect_jump: u64,
    deepest: u64,
    dynamic: Option<u64>,
}

/// What one instruction does to the depth.
enum Effect {
    None,
    Deeper(u64),
    Shallower(u64),
    SetFramePointer,
    /// So many bytes below the frame pointer.
    ToFramePointer(u64),
    Variable,
}

impl Walk {
    fn new(module: &Module, function: &Function) -> Walk {
        let data = &module.sections[function.section].data;
        let start = usize::try_from(function.start).unwrap_or(usize::MAX);
        let end = usize::try_from(function.end).unwrap_or(usize::MAX);
        let bytes = data.get(start..end).unwrap_or_default();
        Walk {
            instructions: decode(bytes, function.start)
                .iter()
                .map(|i| (i.ip(), i))
                .collect(),
            depths: BTreeMap::new(),
            frame_pointer: 0,
            at_indirect_jump: 0,
            deepest: 0,
            dynamic: None,
        }
    }

    fn run(mut self, function: &Function) -> Frame {
        self.follow(function.start, 0);
        // What is left is reached through jump tables only.
        while let Some(ip) = self.unvisited() {
            self.follow(ip, self.at_indirect_jump);
        }
        Frame {
            function: function.name.clone(),
            bytes: self.deepest,
            dynamic: self.dynamic.map(|ip| ip - function.start),
        }
    }

    fn unvisited(&self) -> Option<u64> {
        self.instructions
            .values()
            .filter(|i| !matches!(i.mnemonic(), Mnemonic::Nop | Mnemonic::Int3))
            .map(Instruction::ip)
            .find(|ip| !self.depths.contains_key(ip))
    }

    fn follow(&mut self, start: u64, depth: u64) {
        let mut pending = vec![(start, depth)];
        while let Some((ip, depth)) = pending.pop() {
            let Some(instruction) = self.instructions.get(&ip).copied() else {
                continue;
            };
            if self.depths.contains_key(&ip) {
                continue;
            }
            self.depths.insert(ip, depth);
            let depth = self.step(&instruction, depth);
            match instruction.flow_control() {
                FlowControl::Return | FlowControl::Exception | FlowControl::Interrupt => {}
                FlowControl::IndirectBranch => self.at_indirect_jump = depth,
                FlowControl::UnconditionalBranch => {
                    pending.push((instruction.near_branch_target(), depth));
                }
                FlowControl::ConditionalBranch => {
                    pending.push((instruction.near_branch_target(), depth));
                    pending.push((instruction.next_ip(), depth));
                }
                _ => pending.push((instruction.next_ip(), depth)),
            }
        }
    }

    fn step(&mut self, instruction: &Instruction, depth: u64) -> u64 {
        let depth = match effect(instruction) {
            Effect::None => depth,
            Effect::Deeper(bytes) => depth.saturating_add(bytes),
            Effect::Shallower(bytes) => depth.saturating_sub(bytes),
            Effect::SetFramePointer => {
                self.frame_pointer = depth;
                depth
            }
            Effect::ToFramePointer(below) => self.frame_pointer.saturating_add(below),
            Effect::Variable => {
                self.dynamic.get_or_insert(instruction.ip());
                depth
            }
        };
        self.deepest = self.deepest.max(depth);
        depth
    }
}

fn effect(instruction: &Instruction) -> Effect {
    let by_immediate = instruction.op1_kind() != OpKind::Register
        && instruction.op1_kind() != OpKind::Memory
        && instruction.op_count() == 2;
    let moved = move |amount: i64| {
        if amount < 0 {
            Effect::Deeper(amount.unsigned_abs())
        } else {
            Effect::Shallower(amount.unsigned_abs())
        }
    };
    match instruction.mnemonic() {
        Mnemonic::Call | Mnemonic::Ret => Effect::None,
        Mnemonic::Leave => Effect::ToFramePointer(0),
        Mnemonic::Mov if is(instruction, Register::RBP, Register::RSP) => Effect::SetFramePointer,
        Mnemonic::Mov if is(instruction, Register::RSP, Register::RBP) => Effect::ToFramePointer(0),
        Mnemonic::Push | Mnemonic::Pushfq | Mnemonic::Pop | Mnemonic::Popfq => {
            moved(i64::from(instruction.stack_pointer_increment()))
        }
        _ if !writes_stack_pointer(instruction) => Effect::None,
        Mnemonic::Sub if by_immediate => moved(amount(instruction).wrapping_neg()),
        Mnemonic::Add if by_immediate => moved(amount(instruction)),
        // Rounding down for an over-aligned variable costs at most the alignment.
        Mnemonic::And if by_immediate => Effect::Deeper(amount(instruction).unsigned_abs()),
        Mnemonic::Lea => match (instruction.memory_base(), instruction.memory_index()) {
            (Register::RSP, Register::None) => moved(displacement(instruction)),
            (Register::RBP, Register::None) => {
                Effect::ToFramePointer(displacement(instruction).min(0).unsigned_abs())
            }
            _ => Effect::Variable,
        },
        _ => Effect::Variable,
    }
}

fn is(instruction: &Instruction, to: Register, from: Register) -> bool {
    instruction.op0_register() == to && instruction.op1_register() == from
}

fn writes_stack_pointer(instruction: &Instruction) -> bool {
    let compares = matches!(instruction.mnemonic(), Mnemonic::Cmp | Mnemonic::Test);
    instruction.code() != Code::INVALID
        && instruction.op0_kind() == OpKind::Register
        && instruction.op0_register().full_register() == Register::RSP
        && !compares
}

fn amount(instruction: &Instruction) -> i64 {
    instruction.immediate(1) as i64
}

fn displacement(instruction: &Instruction) -> i64 {
    instruction.memory_displacement64() as i64
}
