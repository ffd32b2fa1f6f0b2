// SPDX-License-Identifier: BSD-2-Clause
//! What a module may take from the kernel, and what it must never need. The lists are data
//! under `kpi/`; this file must not name a kernel function that is allowed.

use crate::machine::Machine;
use crate::metadata;
use crate::module::Module;
use crate::{Finding, Rule};

/// A FreeBSD major release, as far as a module is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    Freebsd13,
    Freebsd14,
    Freebsd15,
}

impl Generation {
    pub fn parse(number: &str) -> Option<Generation> {
        match number {
            "13" => Some(Generation::Freebsd13),
            "14" => Some(Generation::Freebsd14),
            "15" => Some(Generation::Freebsd15),
            _ => None,
        }
    }

    pub(crate) fn number(self) -> u32 {
        match self {
            Generation::Freebsd13 => 13,
            Generation::Freebsd14 => 14,
            Generation::Freebsd15 => 15,
        }
    }

    fn exports(self, machine: Machine, symbol: &str) -> bool {
        let own = match self {
            Generation::Freebsd13 => include_str!("../kpi/13.txt"),
            Generation::Freebsd14 => include_str!("../kpi/14.txt"),
            Generation::Freebsd15 => include_str!("../kpi/15.txt"),
        };
        let common = include_str!("../kpi/common.txt");
        let listed = has(common, symbol) || has(own, symbol);
        match machine {
            Machine::Amd64 => listed,
            Machine::Arm64 => {
                let only_amd64 = has(include_str!("../kpi/amd64.txt"), symbol);
                (listed && !only_amd64) || has(include_str!("../kpi/arm64.txt"), symbol)
            }
        }
    }
}

fn has(list: &str, symbol: &str) -> bool {
    list.lines().any(|line| line.trim() == symbol)
}

pub(crate) fn check(module: &Module, generation: Generation) -> Vec<Finding> {
    let mut findings = Vec::new();
    for symbol in &module.imports {
        if let Some(why) = helper(symbol) {
            findings.push(Finding::new(
                Rule::Helper,
                format!("imports {symbol}: {why}"),
            ));
        } else if !generation.exports(module.machine, symbol)
            && !is_set_bound(module, symbol)
            && !is_of_linux(module, symbol)
        {
            let text = format!(
                "{symbol} is not among what a FreeBSD {} kernel exports (tests/gate/kpi)",
                generation.number()
            );
            findings.push(Finding::new(Rule::Import, text));
        }
    }
    for symbol in &module.defined {
        if let Some(why) = helper(symbol) {
            findings.push(Finding::new(
                Rule::Helper,
                format!("carries {symbol}: {why}"),
            ));
        }
    }
    for symbol in &module.commons {
        let text = format!("{symbol} is a common symbol, which gets no storage");
        findings.push(Finding::new(Rule::Import, text));
    }
    findings
}

/// Functions that compilers call without being asked and the kernel does not have.
fn helper(symbol: &str) -> Option<&'static str> {
    match symbol {
        "bcmp" => Some("the kernel exports memcmp only"),
        "__udivti3" | "__umodti3" | "__divti3" | "__modti3" | "__udivmodti4" | "__multi3" => {
            Some("128-bit arithmetic that the kernel has no function for")
        }
        _ if symbol.starts_with("compiler_builtins::") => {
            Some("compiler_builtins must stay out of the link")
        }
        _ => None,
    }
}

/// What the Linux emulation offers to modules that depend on it.
fn is_of_linux(module: &Module, symbol: &str) -> bool {
    has(include_str!("../kpi/linux.txt"), symbol) && metadata::depends(module, "linux")
}

/// The kernel's linker makes the bounds of a linker set that the file carries.
fn is_set_bound(module: &Module, symbol: &str) -> bool {
    ["__start_", "__stop_"]
        .iter()
        .filter_map(|prefix| symbol.strip_prefix(prefix))
        .any(|set| module.section(set).is_some())
}
