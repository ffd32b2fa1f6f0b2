// SPDX-License-Identifier: BSD-2-Clause
//! What the kernel's linker reads of sections: their protection, the relocations it can
//! apply, the linker sets it looks up by name. Must not know what the sections hold.

use crate::machine::Machine;
use crate::metadata;
use crate::module::Module;
use crate::{Finding, Rule};
use object::elf::{
    R_AARCH64_ABS64, R_AARCH64_GLOB_DAT, R_AARCH64_JUMP_SLOT, R_AARCH64_RELATIVE, R_X86_64_32S,
    R_X86_64_64, R_X86_64_PC32, R_X86_64_PLT32, SHF_ALLOC, SHF_EXECINSTR, SHF_TLS, SHF_WRITE,
};

/// Sets without which a module does nothing: the kernel finds them by name and does not
/// complain about one that is missing.
const SETS: [&str; 3] = [
    "set_sysinit_set",
    "set_sysuninit_set",
    "set_modmetadata_set",
];
/// The driver has knobs; the handler of Linux ioctls has none.
const SET_OF_SYSCTLS: &str = "set_sysctl_set";
const LINUX_HANDLER: &str = "ipmi_linux";
/// Without it the kernel's linker finds nothing in a shared object.
const HASH: &str = ".hash";

pub(crate) fn check(module: &Module) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (position, section) in module.sections.iter().enumerate() {
        if !section.has(SHF_ALLOC) {
            continue;
        }
        let fault = if section.has(SHF_WRITE) && section.has(SHF_EXECINSTR) {
            Some("is both writable and executable")
        } else if section.has(SHF_TLS) {
            Some("is thread-local storage, which a kernel module has not")
        } else if is_code(module.machine, &section.name) != section.has(SHF_EXECINSTR) {
            Some("is code by name and data by flag, or the reverse")
        } else if section.name.starts_with(".eh_frame") {
            Some("is for unwinding, which nobody does here")
        } else {
            None
        };
        if let Some(fault) = fault {
            findings.push(Finding::new(
                Rule::Sections,
                format!("{} {fault}", section.name),
            ));
        }
        for relocation in &section.relocations {
            if !is_known(module.machine, relocation.r_type) {
                let place = module.describe(position, relocation.offset);
                let text = format!(
                    "type {} at {place} to {}; the kernel's linker knows {}",
                    type_name(module.machine, relocation.r_type),
                    relocation.target.symbol,
                    known(module.machine),
                );
                findings.push(Finding::new(Rule::Relocation, text));
            }
        }
    }
    findings
}

pub(crate) fn check_sets(module: &Module) -> Vec<Finding> {
    let sysctls = (!metadata::offers(module, LINUX_HANDLER)).then_some(SET_OF_SYSCTLS);
    let mut findings = Vec::new();
    for set in SETS.into_iter().chain(sysctls) {
        let present = module
            .sections
            .iter()
            .any(|section| section.name == set && section.has(SHF_ALLOC) && section.size > 0);
        if !present {
            let text = format!("{set} is missing or empty");
            findings.push(Finding::new(Rule::LinkerSet, text));
        } else if module.machine == Machine::Arm64 {
            findings.extend(check_bounds(module, set));
        }
    }
    if module.machine == Machine::Arm64 && module.section(HASH).is_none() {
        findings.push(Finding::new(Rule::Sections, format!("{HASH} is missing")));
    }
    findings
}

/// In a shared object the kernel finds a set by two symbols.
fn check_bounds(module: &Module, set: &str) -> Vec<Finding> {
    ["__start_", "__stop_"]
        .iter()
        .map(|bound| format!("{bound}{set}"))
        .filter(|bound| !module.exports.contains(bound))
        .map(|bound| Finding::new(Rule::LinkerSet, format!("{bound} is not exported")))
        .collect()
}

fn is_code(machine: Machine, name: &str) -> bool {
    name.starts_with(".text") || (machine == Machine::Arm64 && name == ".plt")
}

fn is_known(machine: Machine, r_type: u32) -> bool {
    match machine {
        Machine::Amd64 => matches!(
            r_type,
            R_X86_64_64 | R_X86_64_PC32 | R_X86_64_PLT32 | R_X86_64_32S
        ),
        Machine::Arm64 => matches!(
            r_type,
            R_AARCH64_ABS64 | R_AARCH64_GLOB_DAT | R_AARCH64_JUMP_SLOT | R_AARCH64_RELATIVE
        ),
    }
}

fn known(machine: Machine) -> &'static str {
    match machine {
        Machine::Amd64 => "R_X86_64_64, PC32, PLT32 and 32S",
        Machine::Arm64 => "R_AARCH64_ABS64, GLOB_DAT, JUMP_SLOT and RELATIVE",
    }
}

/// Names of the types a wrong code model, a GOT or thread-local storage brings; others keep
/// their number.
fn type_name(machine: Machine, r_type: u32) -> String {
    let name = match (machine, r_type) {
        (Machine::Amd64, object::elf::R_X86_64_GOTPCREL) => "R_X86_64_GOTPCREL",
        (Machine::Amd64, object::elf::R_X86_64_GOTPCRELX) => "R_X86_64_GOTPCRELX",
        (Machine::Amd64, object::elf::R_X86_64_REX_GOTPCRELX) => "R_X86_64_REX_GOTPCRELX",
        (Machine::Amd64, object::elf::R_X86_64_32) => "R_X86_64_32",
        (Machine::Amd64, object::elf::R_X86_64_TPOFF32) => "R_X86_64_TPOFF32",
        (Machine::Amd64, object::elf::R_X86_64_PC64) => "R_X86_64_PC64",
        (Machine::Arm64, object::elf::R_AARCH64_TLSDESC) => "R_AARCH64_TLSDESC",
        (Machine::Arm64, object::elf::R_AARCH64_TLS_TPREL) => "R_AARCH64_TLS_TPREL",
        (Machine::Arm64, object::elf::R_AARCH64_COPY) => "R_AARCH64_COPY",
        _ => return r_type.to_string(),
    };
    name.to_owned()
}
