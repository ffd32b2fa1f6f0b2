// SPDX-License-Identifier: BSD-2-Clause
//! The object gate: says what in a built `ipmi.ko` the kernel's linker would refuse or a
//! kernel thread would not survive. Looks only at the file and must not know how it was
//! made.

#![forbid(unsafe_code)]

mod amd64;
mod arm64;
mod code;
mod frames;
mod imports;
mod machine;
mod metadata;
mod module;
mod panics;
mod sections;

pub use imports::Generation;
pub use module::{Module, Unreadable};

use std::fmt;

/// The largest file that may ship, in bytes.
pub const SIZE_LIMIT: usize = 256 * 1024;

/// The largest stack frame of one function, in bytes, without its return address. A kernel
/// thread has 16 KiB for everything from the system call to the register access.
pub const FRAME_LIMIT: u64 = 1024;

/// What a finding violates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    Relocation,
    Import,
    Helper,
    Instruction,
    LinkerSet,
    Panic,
    Frame,
    Size,
    Metadata,
    Sections,
}

/// One violation: the rule, and in words what breaks it, where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub rule: Rule,
    pub text: String,
}

impl Finding {
    fn new(rule: Rule, text: impl Into<String>) -> Finding {
        Finding {
            rule,
            text: text.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.rule, self.text)
    }
}

/// What a passing file looks like, for the one line a build prints.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    pub bytes: usize,
    pub functions: usize,
    pub imports: usize,
    /// The deepest frame in bytes and whose it is.
    pub deepest_frame: (u64, String),
}

/// Checks `bytes`, an `ipmi.ko` for `generation`, against every rule.
///
/// Fails with [`Unreadable`] when the file is neither a relocatable object for amd64 nor a shared
/// object for arm64.
pub fn check(bytes: &[u8], generation: Generation) -> Result<(Vec<Finding>, Stats), Unreadable> {
    let module = Module::parse(bytes)?;
    let frames = frames::measure(&module);
    let findings = [
        size(bytes),
        sections::check(&module),
        sections::check_sets(&module),
        imports::check(&module, generation),
        metadata::check(&module, generation),
        code::check(&module),
        panics::check(&module),
        frames::check(&frames),
    ]
    .concat();
    let stats = Stats {
        bytes: bytes.len(),
        functions: module.functions.len(),
        imports: module.imports.len(),
        deepest_frame: frames::deepest(&frames),
    };
    Ok((findings, stats))
}

fn size(bytes: &[u8]) -> Vec<Finding> {
    if bytes.len() <= SIZE_LIMIT {
        return Vec::new();
    }
    let text = format!("{} bytes, {SIZE_LIMIT} allowed", bytes.len());
    vec![Finding::new(Rule::Size, text)]
}
