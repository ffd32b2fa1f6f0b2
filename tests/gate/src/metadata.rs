// SPDX-License-Identifier: BSD-2-Clause
//! What `kldload` reads before it runs anything: the records of `set_modmetadata_set`
//! (<sys/module.h>). Must not know what the module does.

use crate::imports::Generation;
use crate::module::{Module, Relocation};
use crate::{Finding, Rule};
use std::collections::BTreeMap;

/// `md_type` of `struct mod_metadata`.
const MDT_DEPEND: u32 = 1;
const MDT_MODULE: u32 = 2;
const MDT_VERSION: u32 = 3;

/// Offsets in `struct mod_metadata`: md_version, md_type, md_data, md_cval.
const MD_TYPE: u64 = 4;
const MD_DATA: u64 = 8;
const MD_CVAL: u64 = 16;

/// `__FreeBSD_version` counts a hundred thousand a major release.
const VERSIONS_A_RELEASE: u32 = 100_000;

struct Record {
    md_type: u32,
    name: String,
    /// First word of what `md_data` points to: the version, or the oldest one accepted.
    first_word: Option<u32>,
}

/// Whether the kernel loads the module `name` first.
pub(crate) fn depends(module: &Module, name: &str) -> bool {
    has(module, MDT_DEPEND, name)
}

/// Whether others find the interface `name` here.
pub(crate) fn offers(module: &Module, name: &str) -> bool {
    has(module, MDT_VERSION, name)
}

fn has(module: &Module, md_type: u32, name: &str) -> bool {
    let mut records = records(module).into_iter();
    records.any(|record| record.md_type == md_type && record.name == name)
}

fn records(module: &Module) -> Vec<Record> {
    let Some(set) = module.section("set_modmetadata_set") else {
        return Vec::new();
    };
    let entries = module.sections[set].relocations.iter();
    entries
        .filter_map(|entry| read_record(module, entry))
        .collect()
}

pub(crate) fn check(module: &Module, generation: Generation) -> Vec<Finding> {
    if module.section("set_modmetadata_set").is_none() {
        return Vec::new();
    }
    let records = records(module);
    let mut findings = Vec::new();
    for (md_type, what) in [(MDT_VERSION, "version"), (MDT_MODULE, "module")] {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for record in records.iter().filter(|record| record.md_type == md_type) {
            *counts.entry(&record.name).or_default() += 1;
        }
        if counts.is_empty() {
            findings.push(Finding::new(Rule::Metadata, format!("no {what} record")));
        }
        for (name, count) in counts.iter().filter(|(_, &count)| count > 1) {
            let text = format!("{count} {what} records for {name}");
            findings.push(Finding::new(Rule::Metadata, text));
        }
    }
    findings.extend(check_kernel(&records, generation));
    findings
}

fn check_kernel(records: &[Record], generation: Generation) -> Vec<Finding> {
    let kernels: Vec<Option<u32>> = records
        .iter()
        .filter(|record| record.md_type == MDT_DEPEND && record.name == "kernel")
        .map(|record| record.first_word)
        .collect();
    if kernels.is_empty() {
        return vec![Finding::new(
            Rule::Metadata,
            "no dependence on a version of the kernel",
        )];
    }
    let expected = generation.number();
    kernels
        .into_iter()
        .filter(|version| version.map(|v| v / VERSIONS_A_RELEASE) != Some(expected))
        .map(|version| {
            let text = format!("wants kernel {version:?}, built for FreeBSD {expected}");
            Finding::new(Rule::Metadata, text)
        })
        .collect()
}

fn read_record(module: &Module, entry: &Relocation) -> Option<Record> {
    let (section, offset) = pointed(entry)?;
    let pointer = |field: u64| {
        module.sections[section]
            .relocations
            .iter()
            .find(|relocation| relocation.offset == offset + field)
            .and_then(pointed)
    };
    let (names, name) = pointer(MD_CVAL)?;
    Some(Record {
        md_type: word(module, section, offset + MD_TYPE)?,
        name: string(module, names, name)?,
        first_word: pointer(MD_DATA).and_then(|(data, at)| word(module, data, at)),
    })
}

fn pointed(relocation: &Relocation) -> Option<(usize, u64)> {
    let (section, offset) = relocation.target.place?;
    Some((section, offset.checked_add_signed(relocation.addend)?))
}

fn word(module: &Module, section: usize, offset: u64) -> Option<u32> {
    let offset = usize::try_from(offset).ok()?;
    let bytes = module.sections[section]
        .data
        .get(offset..offset.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

fn string(module: &Module, section: usize, offset: u64) -> Option<String> {
    let bytes = module.sections[section]
        .data
        .get(usize::try_from(offset).ok()?..)?;
    let text = bytes.split(|&byte| byte == 0).next()?;
    Some(String::from_utf8_lossy(text).into_owned())
}
