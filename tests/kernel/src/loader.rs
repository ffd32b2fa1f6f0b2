// SPDX-License-Identifier: BSD-2-Clause
//! Maps a relocatable module file below 2 GiB and links it to this kernel, as link_elf_obj.c
//! does; must not run any of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use object::elf;
use object::read::elf::{ElfFile64, FileHeader};
use object::{
    Object, ObjectKind, ObjectSection, ObjectSymbol, RelocationFlags, RelocationTarget,
    SectionFlags, SectionIndex, SectionKind, SymbolIndex, SymbolKind, SymbolSection,
};

use crate::globals;
use crate::image::{Image, Section, Symbol};
use crate::imports;
use crate::kernel::with;
use crate::layout::Generation;
use crate::low::Region;
use crate::mem;
use crate::rewrite::Rewritten;

const PAGE: u64 = 4096;

/// Why a module cannot be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// The file cannot be read or is no module for amd64; in words.
    File(String),
    /// Symbols that this kernel does not have.
    Unresolved(Vec<String>),
    /// A relocation that FreeBSD's loader does not know, or that does not fit.
    Relocation(String),
    /// The release that the module asks for, if it asks for one.
    Version(Option<u32>),
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LoadError::File(text) => f.write_str(text),
            LoadError::Unresolved(names) => write!(f, "unresolved: {}", names.join(" ")),
            LoadError::Relocation(text) => write!(f, "relocation: {text}"),
            LoadError::Version(Some(version)) => write!(f, "made for kernel version {version}"),
            LoadError::Version(None) => f.write_str("does not depend on a kernel version"),
        }
    }
}

impl std::error::Error for LoadError {}

type Elf<'a> = ElfFile64<'a>;

/// Loads and links the file; the number of the image.
pub fn load(path: &Path) -> Result<u32, LoadError> {
    let bytes = fs::read(path).map_err(|e| LoadError::File(format!("{}: {e}", path.display())))?;
    let file = |e: object::Error| LoadError::File(format!("{}: {e}", path.display()));
    let elf = Elf::parse(&*bytes).map_err(file)?;
    let machine = elf.elf_header().e_machine(elf.endian());
    if elf.kind() != ObjectKind::Relocatable || machine != elf::EM_X86_64 {
        return Err(LoadError::File(format!(
            "{}: no amd64 kernel module",
            path.display()
        )));
    }
    let layout = Layout::of(&elf);
    let region = Region::new(layout.len as usize);
    let map = place(&elf, &layout, region.base()).map_err(file)?;
    let values = resolve(&elf, &map)?;
    let targets = relocate(&elf, &map, &values)?;
    let symbols = symbols(&elf, &values);
    let sections = sections(&elf, &map);
    let ends = sections.iter().map(|s| s.address + s.len).collect();
    for (offset, len, protection) in &layout.groups {
        region.protect(*offset as usize, *len as usize, *protection);
    }
    let rewritten = Rewritten::new(&symbols, &ends, targets);
    let image = Image {
        id: with(|k| k.loads),
        path: path.to_path_buf(),
        sections,
        symbols,
        region,
        rewritten,
    };
    let release = release(&image)?;
    let id = image.id;
    with(|k| {
        k.loads += 1;
        k.generation = release;
        k.describe_threads();
        k.images.push(image);
    });
    Ok(id)
}

/// Unmaps an image. Nothing of it may be in use.
pub fn unload(id: u32) {
    with(|k| k.images.retain(|image| image.id != id));
}

/// Where each allocated section goes, code first, and how each group is protected.
struct Layout {
    offsets: BTreeMap<usize, u64>,
    groups: Vec<(u64, u64, libc::c_int)>,
    len: u64,
}

impl Layout {
    fn of(elf: &Elf) -> Layout {
        const READ: libc::c_int = libc::PROT_READ;
        let mut layout = Layout {
            offsets: BTreeMap::new(),
            groups: vec![],
            len: 0,
        };
        for protection in [READ | libc::PROT_EXEC, READ, READ | libc::PROT_WRITE] {
            let begin = layout.len;
            for section in elf
                .sections()
                .filter(|s| protection_of(s) == Some(protection))
            {
                layout.len = layout.len.next_multiple_of(section.align().max(1));
                layout.offsets.insert(section.index().0, layout.len);
                layout.len += section.size();
            }
            layout.len = layout.len.next_multiple_of(PAGE);
            layout.groups.push((begin, layout.len - begin, protection));
        }
        layout
    }
}

fn protection_of<'a>(section: &impl ObjectSection<'a>) -> Option<libc::c_int> {
    let SectionFlags::Elf { sh_flags } = section.flags() else {
        return None;
    };
    let has = |flag: u32| sh_flags & u64::from(flag) != 0;
    match (
        has(elf::SHF_ALLOC),
        has(elf::SHF_EXECINSTR),
        has(elf::SHF_WRITE),
    ) {
        (false, ..) => None,
        (_, true, _) => Some(libc::PROT_READ | libc::PROT_EXEC),
        (_, _, true) => Some(libc::PROT_READ | libc::PROT_WRITE),
        _ => Some(libc::PROT_READ),
    }
}

/// Copies the sections; their addresses by index.
fn place(elf: &Elf, layout: &Layout, base: u64) -> object::Result<BTreeMap<usize, u64>> {
    let mut map = BTreeMap::new();
    for (index, offset) in &layout.offsets {
        let section = elf.section_by_index(SectionIndex(*index))?;
        let address = base + offset;
        if section.kind() != SectionKind::UninitializedData {
            mem::put_raw(address, section.data()?);
        }
        map.insert(*index, address);
    }
    Ok(map)
}

/// The value of every symbol by index.
fn resolve(elf: &Elf, map: &BTreeMap<usize, u64>) -> Result<BTreeMap<usize, u64>, LoadError> {
    let mut values = BTreeMap::new();
    let mut missing = vec![];
    for symbol in elf.symbols() {
        let name = symbol.name().unwrap_or("");
        let value = match symbol.section() {
            SymbolSection::Section(index) => map.get(&index.0).map(|base| base + symbol.address()),
            SymbolSection::Absolute => Some(symbol.address()),
            SymbolSection::Undefined if symbol.index().0 != 0 => {
                let value = set_limit(elf, map, name).or_else(|| import(name));
                if value.is_none() && !symbol.is_weak() {
                    missing.push(name.to_string());
                }
                Some(value.unwrap_or(0))
            }
            SymbolSection::Common => {
                missing.push(format!("{name} (common)"));
                None
            }
            _ => None,
        };
        if let Some(value) = value {
            values.insert(symbol.index().0, value);
        }
    }
    missing.sort();
    match missing.is_empty() {
        true => Ok(values),
        false => Err(LoadError::Unresolved(missing)),
    }
}

/// `__start_set_x` and `__stop_set_x`, the limits of a section `set_x`.
fn set_limit(elf: &Elf, map: &BTreeMap<usize, u64>, name: &str) -> Option<u64> {
    let (set, at_end) = match name.strip_prefix("__start_") {
        Some(set) => (set, false),
        None => (name.strip_prefix("__stop_")?, true),
    };
    let Some(section) = elf.section_by_name(set) else {
        // A set that the module has nothing in: any two equal addresses.
        return set.starts_with("set_").then(globals::first_address);
    };
    let base = map.get(&section.index().0)?;
    Some(if at_end { base + section.size() } else { *base })
}

fn import(name: &str) -> Option<u64> {
    imports::function(name).or_else(|| with(|k| k.globals.address(name)))
}

/// Applies the four relocations that the kernel's loader knows; what they refer to.
fn relocate(
    elf: &Elf,
    map: &BTreeMap<usize, u64>,
    symbols: &BTreeMap<usize, u64>,
) -> Result<BTreeSet<u64>, LoadError> {
    let mut targets = BTreeSet::new();
    for section in elf.sections() {
        let Some(base) = map.get(&section.index().0) else {
            continue;
        };
        for (offset, relocation) in section.relocations() {
            let name = |index: SymbolIndex| {
                let symbol = elf.symbol_by_index(index).ok();
                symbol.and_then(|s| s.name().ok()).unwrap_or("?")
            };
            let RelocationTarget::Symbol(index) = relocation.target() else {
                continue;
            };
            let RelocationFlags::Elf { r_type } = relocation.flags() else {
                continue;
            };
            let Some(value) = symbols.get(&index.0) else {
                let text = format!("against {}", name(index));
                return Err(LoadError::Relocation(text));
            };
            let value = value.wrapping_add_signed(relocation.addend());
            if !apply(r_type, base + offset, value)? {
                let text = format!("overflow against {}", name(index));
                return Err(LoadError::Relocation(text));
            }
            // The addend of a relative one usually counts from behind its four bytes.
            targets.extend([value, value.wrapping_add(4)]);
        }
    }
    Ok(targets)
}

/// Whether it fits.
fn apply(kind: u32, place: u64, value: u64) -> Result<bool, LoadError> {
    match kind {
        elf::R_X86_64_NONE => Ok(true),
        elf::R_X86_64_64 => {
            mem::put_raw(place, &value.to_le_bytes());
            Ok(true)
        }
        elf::R_X86_64_PC32 | elf::R_X86_64_PLT32 => Ok(put32(place, value.wrapping_sub(place))),
        elf::R_X86_64_32S => Ok(put32(place, value)),
        other => Err(LoadError::Relocation(format!("type {other}"))),
    }
}

fn put32(place: u64, value: u64) -> bool {
    let Ok(short) = i32::try_from(value as i64) else {
        return false;
    };
    mem::put_raw(place, &short.to_le_bytes());
    true
}

fn sections(elf: &Elf, map: &BTreeMap<usize, u64>) -> Vec<Section> {
    let section = |s: object::read::elf::ElfSection64<'_, '_>| {
        let name = s.name().unwrap_or("").to_string();
        map.get(&s.index().0).map(|at| Section {
            name,
            address: *at,
            len: s.size(),
        })
    };
    elf.sections().filter_map(section).collect()
}

/// The functions and variables, by address.
fn symbols(elf: &Elf, values: &BTreeMap<usize, u64>) -> Vec<Symbol> {
    let symbol = |s: object::read::elf::ElfSymbol64<'_, '_>| {
        let wanted = matches!(s.kind(), SymbolKind::Text | SymbolKind::Data) && s.is_definition();
        let address = *values.get(&s.index().0).filter(|_| wanted)?;
        Some(Symbol {
            name: s.name().ok()?.to_string(),
            address,
            len: s.size(),
            code: s.kind() == SymbolKind::Text,
        })
    };
    let mut symbols: Vec<_> = elf.symbols().filter_map(symbol).collect();
    symbols.sort_by_key(|s| s.address);
    symbols
}

/// The release that `MODULE_DEPEND(…, kernel, …)` prefers.
fn release(image: &Image) -> Result<Generation, LoadError> {
    const MDT_DEPEND: i32 = 1;
    for metadata in image.set("modmetadata_set") {
        let kind: i32 = mem::read(metadata + 4);
        let (data, value): (u64, u64) = (mem::read(metadata + 8), mem::read(metadata + 16));
        if kind == MDT_DEPEND && mem::cstr(value) == "kernel" {
            let preferred: u32 = mem::read(data + 4);
            return Generation::of(preferred).ok_or(LoadError::Version(Some(preferred)));
        }
    }
    Err(LoadError::Version(None))
}
