// SPDX-License-Identifier: BSD-2-Clause
//! A small module made of bytes: passes the gate as it is, and every part can be spoilt.
//! Must not know what the gate makes of it.

use crate::verdict;
use ipmi_gate::{check, Finding, Generation, Rule};
use object::elf::{R_X86_64_64, SHF_ALLOC, SHF_EXECINSTR, SHF_WRITE};
use object::write::{Object, Relocation, SectionId, Symbol, SymbolId, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SectionFlags, SectionKind,
    SymbolFlags, SymbolKind, SymbolScope,
};

pub const SETS: [&str; 4] = [
    "set_sysinit_set",
    "set_sysuninit_set",
    "set_sysctl_set",
    "set_modmetadata_set",
];

/// `push rbp; mov rbp, rsp; pop rbp; ret`
pub const PLAIN: &[u8] = &[0x55, 0x48, 0x89, 0xe5, 0x5d, 0xc3];

/// One record of <sys/module.h>: type, name, first word of its data.
pub type Record = (u32, &'static str, u32);

pub const DEPEND: Record = (1, "kernel", 1_500_068);
pub const MODULE: Record = (2, "ipmi", 0);
pub const VERSION: Record = (3, "ipmi", 1);

pub struct Sample {
    pub object: Object<'static>,
    pub text: SectionId,
    data: SectionId,
}

impl Sample {
    /// A module that passes.
    pub fn good() -> Sample {
        Sample::with(&SETS, &[DEPEND, MODULE, VERSION])
    }

    /// A module with these linker sets and, if there is a set for them, these records.
    pub fn with(sets: &[&str], records: &[Record]) -> Sample {
        let mut object = Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
        let text = object.add_section(vec![], b".text".to_vec(), SectionKind::Text);
        let data = object.add_section(vec![], b".data".to_vec(), SectionKind::Data);
        let mut sample = Sample { object, text, data };
        sample.function("ipmi_attach", PLAIN);
        for set in sets {
            if *set == "set_modmetadata_set" {
                sample.metadata(records);
            } else {
                let id = sample.section(set, SHF_ALLOC | SHF_WRITE);
                let entry = sample.object.append_section_data(id, &[0; 8], 8);
                let target = sample.datum(&[0; 16]);
                sample.relocate(id, entry, R_X86_64_64, target);
            }
        }
        sample
    }

    pub fn section(&mut self, name: &str, flags: u32) -> SectionId {
        let name = name.as_bytes().to_vec();
        let kind = if flags & SHF_EXECINSTR != 0 {
            SectionKind::Text
        } else {
            SectionKind::Data
        };
        let id = self.object.add_section(vec![], name, kind);
        self.object.section_mut(id).flags = SectionFlags::Elf {
            sh_flags: flags.into(),
        };
        id
    }

    pub fn function(&mut self, name: &str, code: &[u8]) -> SymbolId {
        let value = self.object.append_section_data(self.text, code, 16);
        let section = SymbolSection::Section(self.text);
        self.symbol(name, value, code.len() as u64, SymbolKind::Text, section)
    }

    pub fn import(&mut self, name: &str) -> SymbolId {
        self.symbol(name, 0, 0, SymbolKind::Unknown, SymbolSection::Undefined)
    }

    pub fn relocate(&mut self, section: SectionId, offset: u64, r_type: u32, symbol: SymbolId) {
        let flags = RelocationFlags::Elf { r_type };
        let addend = if r_type == R_X86_64_64 { 0 } else { -4 };
        self.object
            .add_relocation(
                section,
                Relocation {
                    offset,
                    symbol,
                    addend,
                    flags,
                },
            )
            .expect("a section and a symbol of this object");
    }

    pub fn write(&self) -> Vec<u8> {
        self.object.write().expect("a complete object")
    }

    /// What the gate says of this module on FreeBSD 15.
    pub fn findings(&self) -> Vec<Finding> {
        check(&self.write(), Generation::Freebsd15)
            .expect("a relocatable object")
            .0
    }

    /// That exactly one violation is found, of `rule`, and says `words`.
    #[track_caller]
    pub fn breaks(&self, rule: Rule, words: &str) {
        verdict::breaks(&self.findings(), rule, words);
    }

    fn symbol(
        &mut self,
        name: &str,
        value: u64,
        size: u64,
        kind: SymbolKind,
        section: SymbolSection,
    ) -> SymbolId {
        self.object.add_symbol(Symbol {
            name: name.as_bytes().to_vec(),
            value,
            size,
            kind,
            scope: SymbolScope::Dynamic,
            weak: false,
            section,
            flags: SymbolFlags::None,
        })
    }

    fn datum(&mut self, bytes: &[u8]) -> SymbolId {
        let value = self.object.append_section_data(self.data, bytes, 8);
        let section = SymbolSection::Section(self.data);
        let name = format!("datum_{value:x}");
        self.symbol(&name, value, bytes.len() as u64, SymbolKind::Data, section)
    }

    fn metadata(&mut self, records: &[Record]) {
        let set = self.section("set_modmetadata_set", SHF_ALLOC);
        for &(md_type, name, word) in records {
            let name = self.datum(format!("{name}\0").as_bytes());
            let content = self.datum(&word.to_le_bytes());
            let mut head = vec![1, 0, 0, 0];
            head.extend(md_type.to_le_bytes());
            head.extend([0; 16]);
            let record = self.datum(&head);
            let at = self.object.symbol(record).value;
            self.relocate(self.data, at + 8, R_X86_64_64, content);
            self.relocate(self.data, at + 16, R_X86_64_64, name);
            let entry = self.object.append_section_data(set, &[0; 8], 8);
            self.relocate(set, entry, R_X86_64_64, record);
        }
    }
}
