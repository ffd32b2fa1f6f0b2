// SPDX-License-Identifier: BSD-2-Clause
//! Rust's panics: a panic in the kernel takes the host down, so the shipped object must not
//! contain a way to one. The linker drops what nothing reaches; whatever is left of the
//! panic machinery is therefore reachable. Must not know the core.

use crate::machine::Flow;
use crate::module::Module;
use crate::{Finding, Rule};
use object::elf::SHF_EXECINSTR;

pub(crate) fn check(module: &Module) -> Vec<Finding> {
    let present = module.defined.iter().chain(&module.imports);
    let mut names: Vec<&String> = present.filter(|name| is_panic(name)).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .map(|name| {
            let callers = callers(module, name);
            let text = if callers.is_empty() {
                format!("{name} is in the file")
            } else {
                format!("{name} is reached from {}", callers.join(", "))
            };
            Finding::new(Rule::Panic, text)
        })
        .collect()
}

fn is_panic(name: &str) -> bool {
    [
        "core::panicking",
        "rust_begin_unwind",
        "rust_panic",
        "_fail::do_panic",
    ]
    .iter()
    .any(|part| name.contains(part))
}

/// Who refers to `name`, by relocation or by a call within the section.
fn callers(module: &Module, name: &str) -> Vec<String> {
    let mut callers = Vec::new();
    let target = module
        .functions
        .iter()
        .find(|function| function.name == name);
    for (position, section) in module.sections.iter().enumerate() {
        for relocation in &section.relocations {
            let to_function = target.is_some_and(|f| {
                let addend = relocation.addend;
                relocation.target.place == Some((f.section, f.start)) && matches!(addend, -4 | 0)
            });
            if relocation.target.symbol == name || to_function {
                callers.push(module.describe(position, relocation.offset));
            }
        }
        let Some(target) = target.filter(|f| f.section == position) else {
            continue;
        };
        if section.has(SHF_EXECINSTR) {
            for instruction in module.machine.decode(&section.data, 0) {
                let (Flow::Call(to) | Flow::Jump(to) | Flow::Branch(to)) = instruction.flow else {
                    continue;
                };
                if to == target.start {
                    callers.push(module.describe(position, instruction.ip));
                }
            }
        }
    }
    callers.sort();
    callers.dedup();
    callers
}
