// SPDX-License-Identifier: BSD-2-Clause
//! Instructions a kernel thread must not execute: it owns no floating-point or vector state,
//! so touching it corrupts the process that does. Must not know what functions are for.

use crate::module::Module;
use crate::{Finding, Rule};
use iced_x86::{CpuidFeature, Decoder, DecoderOptions, Instruction, Mnemonic};
use object::elf::SHF_EXECINSTR;

pub(crate) fn check(module: &Module) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (position, section) in module.sections.iter().enumerate() {
        if !section.has(SHF_EXECINSTR) {
            continue;
        }
        for instruction in decode(&section.data, 0) {
            if instruction.is_invalid() {
                continue;
            }
            if let Some(extension) = extension(&instruction) {
                let place = module.describe(position, instruction.ip());
                let mnemonic = instruction.mnemonic();
                let text = format!("{mnemonic:?} ({extension:?}) at {place}");
                findings.push(Finding::new(Rule::Instruction, text));
            }
        }
    }
    findings
}

pub(crate) fn decode(bytes: &[u8], start: u64) -> Decoder<'_> {
    Decoder::with_ip(64, bytes, start, DecoderOptions::NONE)
}

/// The extension an instruction needs whose registers belong to user processes.
fn extension(instruction: &Instruction) -> Option<CpuidFeature> {
    if is_ordering_or_hint(instruction.mnemonic()) {
        return None;
    }
    instruction
        .cpuid_features()
        .iter()
        .copied()
        .find(|feature| {
            let name = format!("{feature:?}");
            [
                "FPU", "MMX", "SSE", "SSSE", "AVX", "FMA", "F16C", "AES", "PCLMUL", "D3NOW",
                "FXSR", "AMX",
            ]
            .iter()
            .any(|family| name.starts_with(family))
        })
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
