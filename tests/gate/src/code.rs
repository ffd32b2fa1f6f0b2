// SPDX-License-Identifier: BSD-2-Clause
//! Instructions a kernel thread must not execute: it owns no floating-point or vector state,
//! so touching it corrupts the process that does. Must not know what functions are for.

use crate::module::Module;
use crate::{Finding, Rule};
use object::elf::SHF_EXECINSTR;

pub(crate) fn check(module: &Module) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (position, section) in module.sections.iter().enumerate() {
        if !section.has(SHF_EXECINSTR) {
            continue;
        }
        for instruction in module.machine.decode(&section.data, 0) {
            if let Some(what) = instruction.forbidden {
                let place = module.describe(position, instruction.ip);
                findings.push(Finding::new(
                    Rule::Instruction,
                    format!("{what} at {place}"),
                ));
            }
        }
    }
    findings
}
