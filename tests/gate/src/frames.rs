// SPDX-License-Identifier: BSD-2-Clause
//! How much kernel stack each function takes: follows the stack pointer along every path of
//! a function. Must not know which functions call which.

use crate::machine::{Flow, Instruction, Stack};
use crate::module::{Function, Module};
use crate::{Finding, Rule, FRAME_LIMIT};
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

impl Walk {
    fn new(module: &Module, function: &Function) -> Walk {
        let data = &module.sections[function.section].data;
        let start = usize::try_from(function.start).unwrap_or(usize::MAX);
        let end = usize::try_from(function.end).unwrap_or(usize::MAX);
        let bytes = data.get(start..end).unwrap_or_default();
        Walk {
            instructions: (module.machine.decode(bytes, function.start).into_iter())
                .map(|i| (i.ip, i))
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
            .filter(|i| !i.padding)
            .map(|i| i.ip)
            .find(|ip| !self.depths.contains_key(ip))
    }

    fn follow(&mut self, start: u64, depth: u64) {
        let mut pending = vec![(start, depth)];
        while let Some((ip, depth)) = pending.pop() {
            let Some(&Instruction {
                next, flow, stack, ..
            }) = self.instructions.get(&ip)
            else {
                continue;
            };
            if self.depths.contains_key(&ip) {
                continue;
            }
            self.depths.insert(ip, depth);
            let depth = self.step(ip, stack, depth);
            match flow {
                Flow::End => {}
                Flow::Indirect => self.at_indirect_jump = depth,
                Flow::Jump(target) => pending.push((target, depth)),
                Flow::Branch(target) => pending.extend([(target, depth), (next, depth)]),
                Flow::Call(_) | Flow::Next => pending.push((next, depth)),
            }
        }
    }

    fn step(&mut self, ip: u64, stack: Stack, depth: u64) -> u64 {
        let depth = match stack {
            Stack::None => depth,
            Stack::Deeper(bytes) => depth.saturating_add(bytes),
            Stack::Shallower(bytes) => depth.saturating_sub(bytes),
            Stack::SetFramePointer(above) => {
                self.frame_pointer = depth.saturating_sub(above);
                depth
            }
            Stack::ToFramePointer(below) => self.frame_pointer.saturating_add_signed(below),
            Stack::Variable => {
                self.dynamic.get_or_insert(ip);
                depth
            }
        };
        self.deepest = self.deepest.max(depth);
        depth
    }
}
