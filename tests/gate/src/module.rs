// SPDX-License-Identifier: BSD-2-Clause
//! An `ipmi.ko` taken apart once: sections, functions, imports, relocations. Every rule
//! reads this and none touches the file; it must not know any rule.

use object::{
    Object, ObjectSection, ObjectSymbol, RelocationFlags, RelocationTarget, SectionFlags,
    SectionIndex, SymbolIndex, SymbolKind,
};
use std::collections::HashMap;
use std::fmt;

/// Why a file cannot be judged at all.
#[derive(Debug)]
pub enum Unreadable {
    Object(object::Error),
    NotRelocatable,
    NotAmd64,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::Object(error) => write!(f, "{error}"),
            Unreadable::NotRelocatable => write!(f, "not a relocatable object"),
            Unreadable::NotAmd64 => write!(f, "not an ELF file for amd64"),
        }
    }
}

impl std::error::Error for Unreadable {}

impl From<object::Error> for Unreadable {
    fn from(error: object::Error) -> Unreadable {
        Unreadable::Object(error)
    }
}

pub struct Section {
    pub name: String,
    pub size: u64,
    /// `sh_flags` of the section header.
    pub flags: u64,
    /// Empty for sections that have no bytes in the file.
    pub data: Vec<u8>,
    pub relocations: Vec<Relocation>,
}

impl Section {
    pub fn has(&self, flag: u32) -> bool {
        self.flags & u64::from(flag) != 0
    }
}

pub struct Relocation {
    pub offset: u64,
    pub r_type: u32,
    pub addend: i64,
    pub target: Target,
}

/// What a relocation points to. `symbol` is its demangled name, empty for a section's own.
pub struct Target {
    pub symbol: String,
    /// The section it is defined in and the offset there; nothing for an import.
    pub place: Option<(usize, u64)>,
}

pub struct Function {
    pub name: String,
    pub section: usize,
    pub start: u64,
    /// Where the next function or the section ends: symbols of assembly have no size.
    pub end: u64,
}

pub struct Module {
    pub sections: Vec<Section>,
    /// Ordered by section and start.
    pub functions: Vec<Function>,
    /// Undefined symbols as the kernel will look them up.
    pub imports: Vec<String>,
    /// Demangled names of all defined symbols.
    pub defined: Vec<String>,
    /// Symbols in common blocks, which the kernel's linker gives no storage.
    pub commons: Vec<String>,
}

impl Module {
    pub fn parse(bytes: &[u8]) -> Result<Module, Unreadable> {
        let file = object::File::parse(bytes)?;
        if file.format() != object::BinaryFormat::Elf
            || file.architecture() != object::Architecture::X86_64
        {
            return Err(Unreadable::NotAmd64);
        }
        if file.kind() != object::ObjectKind::Relocatable {
            return Err(Unreadable::NotRelocatable);
        }
        let mut positions = HashMap::new();
        for (position, section) in file.sections().enumerate() {
            positions.insert(section.index(), position);
        }
        let mut sections = Vec::new();
        for section in file.sections() {
            sections.push(read_section(&file, &section, &positions)?);
        }
        let functions = functions(&file, &sections, &positions);
        Ok(Module {
            functions,
            imports: names(&file, |symbol| symbol.is_undefined()),
            defined: names(&file, |symbol| symbol.is_definition())
                .iter()
                .map(|name| demangle(name))
                .collect(),
            commons: names(&file, |symbol| symbol.is_common()),
            sections,
        })
    }

    /// The function around `offset` of a section, as `name+0x12`, or the section's name.
    pub fn describe(&self, section: usize, offset: u64) -> String {
        match self.function_at(section, offset) {
            Some(function) => format!("{}+{:#x}", function.name, offset - function.start),
            None => format!("{}+{offset:#x}", self.sections[section].name),
        }
    }

    pub fn function_at(&self, section: usize, offset: u64) -> Option<&Function> {
        self.functions
            .iter()
            .find(|f| f.section == section && (f.start..f.end).contains(&offset))
    }

    /// Position of the section called `name`.
    pub fn section(&self, name: &str) -> Option<usize> {
        self.sections
            .iter()
            .position(|section| section.name == name)
    }
}

fn read_section(
    file: &object::File,
    section: &object::Section,
    positions: &HashMap<SectionIndex, usize>,
) -> Result<Section, Unreadable> {
    let mut relocations = Vec::new();
    for (offset, relocation) in section.relocations() {
        let RelocationFlags::Elf { r_type } = relocation.flags() else {
            continue;
        };
        let target = match relocation.target() {
            RelocationTarget::Symbol(index) => read_target(file, index, positions)?,
            _ => Target {
                symbol: String::new(),
                place: None,
            },
        };
        relocations.push(Relocation {
            offset,
            r_type,
            addend: relocation.addend(),
            target,
        });
    }
    let flags = match section.flags() {
        SectionFlags::Elf { sh_flags } => sh_flags,
        _ => 0,
    };
    Ok(Section {
        name: section.name()?.to_owned(),
        size: section.size(),
        flags,
        data: section.data()?.to_vec(),
        relocations,
    })
}

fn read_target(
    file: &object::File,
    index: SymbolIndex,
    positions: &HashMap<SectionIndex, usize>,
) -> Result<Target, Unreadable> {
    let symbol = file.symbol_by_index(index)?;
    let place = symbol
        .section_index()
        .and_then(|section| positions.get(&section))
        .map(|&section| (section, symbol.address()));
    Ok(Target {
        symbol: demangle(symbol.name()?),
        place,
    })
}

fn names(file: &object::File, wanted: impl Fn(&object::Symbol) -> bool) -> Vec<String> {
    file.symbols()
        .filter(|symbol| wanted(symbol))
        .filter_map(|symbol| symbol.name().ok().map(str::to_owned))
        .filter(|name| !name.is_empty())
        .collect()
}

fn functions(
    file: &object::File,
    sections: &[Section],
    positions: &HashMap<SectionIndex, usize>,
) -> Vec<Function> {
    let mut functions: Vec<Function> = file
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.is_definition())
        .filter_map(|symbol| {
            Some(Function {
                name: demangle(symbol.name().ok()?),
                section: *positions.get(&symbol.section_index()?)?,
                start: symbol.address(),
                end: 0,
            })
        })
        .collect();
    functions.sort_by_key(|function| (function.section, function.start));
    functions.dedup_by_key(|function| (function.section, function.start));
    let ends: Vec<u64> = functions
        .iter()
        .enumerate()
        .map(|(i, function)| match functions.get(i + 1) {
            Some(next) if next.section == function.section => next.start,
            _ => sections[function.section].size,
        })
        .collect();
    for (function, end) in functions.iter_mut().zip(ends) {
        function.end = end;
    }
    functions
}

/// A Rust symbol as people write it, without the hash; others as they are.
fn demangle(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}
