// SPDX-License-Identifier: BSD-2-Clause
//! A small module for arm64 made of bytes, a shared object without segments: passes the gate
//! as it is, and every part can be spoilt. Must not know what the gate makes of it.

use crate::verdict;
use ipmi_gate::{check, Finding, Generation, Rule};
use object::elf::*;

/// `stp x29, x30, [sp, #-16]!; mov x29, sp; ldp x29, x30, [sp], #16; ret`
pub const PLAIN: &[u32] = &[0xa9bf_7bfd, 0x9100_03fd, 0xa8c1_7bfd, 0xd65f_03c0];

const TEXT: u64 = 0x1_0000;
const DATA: u64 = 0x2_0000;
const SETS: u64 = 0x3_0000;
const SET_NAMES: [&str; 4] = [
    "set_sysinit_set",
    "set_sysuninit_set",
    "set_sysctl_set",
    "set_modmetadata_set",
];

pub struct Shared {
    /// Code, and where its functions are.
    text: Vec<u8>,
    functions: Vec<(String, u64, u64)>,
    data: Vec<u8>,
    sets: Vec<(&'static str, Vec<u8>)>,
    /// Address, type, index in `dynamic`, addend.
    relocations: Vec<(u64, u32, u64, u64)>,
    /// Names and addresses, 0 for an import.
    dynamic: Vec<(String, u64)>,
    pub hash: bool,
}

impl Shared {
    /// A module that passes.
    pub fn good() -> Shared {
        Shared::without("")
    }

    /// A module that lacks one dynamic symbol or set.
    pub fn without(what: &str) -> Shared {
        let mut shared = Shared {
            text: Vec::new(),
            functions: Vec::new(),
            data: vec![0; 8],
            sets: Vec::new(),
            relocations: Vec::new(),
            dynamic: vec![(String::new(), 0)],
            hash: true,
        };
        shared.function("ipmi_attach", PLAIN);
        for (position, set) in SET_NAMES.into_iter().enumerate() {
            if set == what {
                continue;
            }
            let at = SETS + 0x1000 * position as u64;
            let records = match set {
                "set_modmetadata_set" => shared.metadata(),
                _ => vec![DATA],
            };
            let bytes = 8 * records.len();
            shared.sets.push((set, vec![0; bytes]));
            for (entry, record) in records.into_iter().enumerate() {
                shared.relocate(at + 8 * entry as u64, R_AARCH64_RELATIVE, 0, record);
            }
            for (bound, at) in [("__start_", at), ("__stop_", at + bytes as u64)] {
                let name = format!("{bound}{set}");
                if name != what {
                    shared.dynamic.push((name, at));
                }
            }
        }
        shared
    }

    /// Addresses of the records of a module `ipmi` for FreeBSD 15.
    fn metadata(&mut self) -> Vec<u64> {
        [
            (1_u32, "kernel", 1_500_068_u32),
            (2, "ipmi", 0),
            (3, "ipmi", 1),
        ]
        .into_iter()
        .map(|(md_type, name, word)| {
            let name = self.datum(format!("{name}\0").as_bytes());
            let content = self.datum(&word.to_le_bytes());
            let mut head = vec![1, 0, 0, 0];
            head.extend(md_type.to_le_bytes());
            head.extend([0; 16]);
            let record = self.datum(&head);
            self.relocate(record + 8, R_AARCH64_RELATIVE, 0, content);
            self.relocate(record + 16, R_AARCH64_RELATIVE, 0, name);
            record
        })
        .collect()
    }

    fn datum(&mut self, bytes: &[u8]) -> u64 {
        let at = self.data.len().next_multiple_of(8);
        self.data.resize(at, 0);
        self.data.extend(bytes);
        DATA + at as u64
    }

    pub fn function(&mut self, name: &str, code: &[u32]) {
        let at = TEXT + self.text.len() as u64;
        self.text
            .extend(code.iter().flat_map(|word| word.to_le_bytes()));
        self.functions
            .push((name.to_owned(), at, 4 * code.len() as u64));
    }

    /// The kernel's `name`, wanted by a word of the data.
    pub fn import(&mut self, name: &str, r_type: u32) {
        let symbol = self.dynamic.len() as u64;
        self.dynamic.push((name.to_owned(), 0));
        self.relocate(DATA, r_type, symbol, 0);
    }

    fn relocate(&mut self, address: u64, r_type: u32, symbol: u64, addend: u64) {
        self.relocations.push((address, r_type, symbol, addend));
    }

    pub fn findings(&self) -> Vec<Finding> {
        check(&self.write(), Generation::Freebsd15)
            .expect("a shared object for arm64")
            .0
    }

    /// That exactly one violation is found, of `rule`, and says `words`.
    #[track_caller]
    pub fn breaks(&self, rule: Rule, words: &str) {
        verdict::breaks(&self.findings(), rule, words);
    }

    pub fn write(&self) -> Vec<u8> {
        let mut file = File::new();
        let (dynamic_names, dynamic) = symbols(
            (self.dynamic.iter().skip(1)).map(|(name, at)| (name, *at, 0, STT_NOTYPE, STB_GLOBAL)),
            |at| u16::from(at != 0) * 5,
        );
        let (names, all) = symbols(
            (self.functions.iter()).map(|(name, at, size)| (name, *at, *size, STT_FUNC, STB_LOCAL)),
            |_| 5,
        );
        let relocations = self
            .relocations
            .iter()
            .flat_map(|&(address, r_type, symbol, addend)| {
                [address, symbol << 32 | u64::from(r_type), addend]
            })
            .flat_map(u64::to_le_bytes)
            .collect();
        file.section(".dynsym", SHT_DYNSYM, SHF_ALLOC, 0x100, 2, dynamic);
        file.section(".dynstr", SHT_STRTAB, SHF_ALLOC, 0, 0, dynamic_names);
        file.section(".rela.dyn", SHT_RELA, SHF_ALLOC, 0, 1, relocations);
        let hash = if self.hash { ".hash" } else { ".gnu.hash" };
        file.section(hash, SHT_HASH, SHF_ALLOC, 0, 1, vec![0; 8]);
        let code = SHF_ALLOC | SHF_EXECINSTR;
        file.section(".text", SHT_PROGBITS, code, TEXT, 0, self.text.clone());
        let data = SHF_ALLOC | SHF_WRITE;
        file.section(".data", SHT_PROGBITS, data, DATA, 0, self.data.clone());
        file.section(".symtab", SHT_SYMTAB, 0, 0, 8, all);
        file.section(".strtab", SHT_STRTAB, 0, 0, 0, names);
        for (set, bytes) in &self.sets {
            let position = SET_NAMES.iter().position(|name| name == set);
            let at = SETS + 0x1000 * position.expect("a set of the list") as u64;
            file.section(set, SHT_PROGBITS, data, at, 0, bytes.clone());
        }
        file.finish()
    }
}

/// A string table and a symbol table of name, address, size, type and binding; `section` is
/// that of an address.
fn symbols<'a>(
    symbols: impl Iterator<Item = (&'a String, u64, u64, u8, u8)>,
    section: impl Fn(u64) -> u16,
) -> (Vec<u8>, Vec<u8>) {
    let mut names = vec![0];
    let mut table = vec![0; 24];
    for (name, address, size, kind, binding) in symbols {
        table.extend((names.len() as u32).to_le_bytes());
        table.extend([binding << 4 | kind, 0]);
        table.extend(section(address).to_le_bytes());
        table.extend(address.to_le_bytes());
        table.extend(size.to_le_bytes());
        names.extend(name.bytes().chain([0]));
    }
    (names, table)
}

/// The bytes of an ELF file: its header, then sections, then their headers.
struct File {
    bytes: Vec<u8>,
    headers: Vec<u8>,
    names: Vec<u8>,
}

impl File {
    const HEADER: usize = 64;

    fn new() -> File {
        File {
            bytes: vec![0; File::HEADER],
            headers: vec![0; 64],
            names: vec![0],
        }
    }

    fn section(&mut self, name: &str, kind: u32, flags: u32, at: u64, link: u32, data: Vec<u8>) {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let entry: u64 = match kind {
            SHT_DYNSYM | SHT_SYMTAB | SHT_RELA => 24,
            _ => 0,
        };
        self.headers.extend((self.names.len() as u32).to_le_bytes());
        self.headers.extend(kind.to_le_bytes());
        for value in [flags.into(), at, self.bytes.len() as u64, data.len() as u64] {
            self.headers.extend(u64::to_le_bytes(value));
        }
        self.headers.extend(link.to_le_bytes());
        self.headers.extend(1_u32.to_le_bytes());
        self.headers.extend(8_u64.to_le_bytes());
        self.headers.extend(entry.to_le_bytes());
        self.names.extend(name.bytes().chain([0]));
        self.bytes.extend(data);
    }

    fn finish(mut self) -> Vec<u8> {
        let mut names = self.names.clone();
        names.extend(b".shstrtab\0");
        self.section(".shstrtab", SHT_STRTAB, 0, 0, 0, names);
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let sections = (self.headers.len() / 64) as u16;
        let at = self.bytes.len() as u64;
        let mut header = vec![0x7f, b'E', b'L', b'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT];
        header.resize(16, 0);
        header.extend(ET_DYN.to_le_bytes());
        header.extend(EM_AARCH64.to_le_bytes());
        header.extend(1_u32.to_le_bytes());
        header.extend([0; 16]);
        header.extend(at.to_le_bytes());
        header.extend([0; 4]);
        for half in [File::HEADER as u16, 56, 0, 64, sections, sections - 1] {
            header.extend(half.to_le_bytes());
        }
        self.bytes[..File::HEADER].copy_from_slice(&header);
        self.bytes.extend(&self.headers);
        self.bytes
    }
}
