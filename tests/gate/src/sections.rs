// SPDX-License-Identifier: BSD-2-Clause
//! What the kernel's linker reads of sections: their protection, the relocations it can
//! apply, the linker sets it looks up by name. Must not know what the sections hold.

use crate::metadata;
use crate::module::Module;
use crate::{Finding, Rule};
use object::elf::{
    R_X86_64_32S, R_X86_64_64, R_X86_64_PC32, R_X86_64_PLT32, SHF_ALLOC, SHF_EXECINSTR, SHF_TLS,
    SHF_WRITE,
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
        } else if section.name.starts_with(".text") != section.has(SHF_EXECINSTR) {
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
            if !is_known(relocation.r_type) {
                let place = module.describe(position, relocation.offset);
                let text = format!(
                    "type {} at {place} to {}; the kernel's linker knows R_X86_64_64, PC32, \
                     PLT32 and 32S",
                    type_name(relocation.r_type),
                    relocation.target.symbol
                );
                findings.push(Finding::new(Rule::Relocation, text));
            }
        }
    }
    findings
}

pub(crate) fn check_sets(module: &Module) -> Vec<Finding> {
    let sysctls = (!metadata::offers(module, LINUX_HANDLER)).then_some(SET_OF_SYSCTLS);
    SETS.into_iter()
        .chain(sysctls)
        .filter(|&set| {
            !module
                .sections
                .iter()
                .any(|section| section.name == set && section.has(SHF_ALLOC) && section.size > 0)
        })
        .map(|set| Finding::new(Rule::LinkerSet, format!("{set} is missing or empty")))
        .collect()
}

fn is_known(r_type: u32) -> bool {
    matches!(
        r_type,
        R_X86_64_64 | R_X86_64_PC32 | R_X86_64_PLT32 | R_X86_64_32S
    )
}

/// Names of the types a wrong code model or a GOT brings; others keep their number.
fn type_name(r_type: u32) -> String {
    let name = match r_type {
        object::elf::R_X86_64_GOTPCREL => "R_X86_64_GOTPCREL",
        object::elf::R_X86_64_GOTPCRELX => "R_X86_64_GOTPCRELX",
        object::elf::R_X86_64_REX_GOTPCRELX => "R_X86_64_REX_GOTPCRELX",
        object::elf::R_X86_64_32 => "R_X86_64_32",
        object::elf::R_X86_64_TPOFF32 => "R_X86_64_TPOFF32",
        object::elf::R_X86_64_PC64 => "R_X86_64_PC64",
        _ => return r_type.to_string(),
    };
    name.to_owned()
}
