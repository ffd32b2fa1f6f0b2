// SPDX-License-Identifier: BSD-2-Clause
//! An `ipmi.ko` taken apart once: sections, functions, imports, relocations. Every rule
//! reads this and none touches the file; it must not know any rule.

use crate::machine::Machine;
use object::elf::SHF_ALLOC;
use object::{
    Architecture, BinaryFormat, Object, ObjectKind, ObjectSection, ObjectSymbol, ObjectSymbolTable,
    RelocationFlags, RelocationTarget, SectionFlags, SectionIndex, SymbolKind,
};
use std::collections::HashMap;
use std::fmt;

/// Why a file cannot be judged at all.
#[derive(Debug)]
pub enum Unreadable {
    Object(object::Error),
    /// Neither an object for amd64 nor a shared object for arm64.
    NotModule,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::Object(error) => write!(f, "{error}"),
            Unreadable::NotModule => write!(
                f,
                "neither a relocatable object for amd64 nor a shared object for arm64"
            ),
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
    /// Where its first byte is; 0 in an object.
    address: u64,
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
#[derive(Default)]
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
    pub(crate) machine: Machine,
    pub sections: Vec<Section>,
    /// Ordered by section and start.
    pub functions: Vec<Function>,
    /// Undefined symbols as the kernel will look them up.
    pub imports: Vec<String>,
    /// What the kernel finds by name in a shared object.
    pub exports: Vec<String>,
    /// Demangled names of all defined symbols.
    pub defined: Vec<String>,
    /// Symbols in common blocks, which the kernel's linker gives no storage.
    pub commons: Vec<String>,
}

impl Module {
    pub fn parse(bytes: &[u8]) -> Result<Module, Unreadable> {
        let file = object::File::parse(bytes)?;
        let machine = machine(&file)?;
        let mut positions = HashMap::new();
        for (position, section) in file.sections().enumerate() {
            positions.insert(section.index(), position);
        }
        let mut sections = Vec::new();
        for section in file.sections() {
            sections.push(read_section(&file, &section, &positions)?);
        }
        distribute(&file, &mut sections)?;
        let functions = functions(&file, &sections, &positions);
        let dynamic = |wanted: fn(&object::Symbol) -> bool| match machine {
            Machine::Amd64 => Vec::new(),
            Machine::Arm64 => names(file.dynamic_symbols(), wanted),
        };
        let imports = match machine {
            Machine::Amd64 => names(file.symbols(), |symbol| symbol.is_undefined()),
            Machine::Arm64 => dynamic(|symbol| symbol.is_undefined()),
        };
        Ok(Module {
            machine,
            functions,
            imports,
            exports: dynamic(|symbol| !symbol.is_undefined()),
            defined: names(file.symbols(), |symbol| symbol.is_definition())
                .iter()
                .map(|name| demangle(name))
                .collect(),
            commons: names(file.symbols(), |symbol| symbol.is_common()),
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

/// What the kernel's linker of each machine takes.
fn machine(file: &object::File) -> Result<Machine, Unreadable> {
    match (file.format(), file.architecture(), file.kind()) {
        (BinaryFormat::Elf, Architecture::X86_64, ObjectKind::Relocatable) => Ok(Machine::Amd64),
        (BinaryFormat::Elf, Architecture::Aarch64, ObjectKind::Dynamic) => Ok(Machine::Arm64),
        _ => Err(Unreadable::NotModule),
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
            RelocationTarget::Symbol(index) => {
                let symbol = file.symbol_by_index(index)?;
                let section = symbol.section_index();
                let place = section.and_then(|section| positions.get(&section));
                Target {
                    symbol: demangle(symbol.name()?),
                    place: place.map(|&section| (section, symbol.address())),
                }
            }
            _ => Target::default(),
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
        address: section.address(),
        flags,
        data: section.data()?.to_vec(),
        relocations,
    })
}

/// Gives the relocations of a shared object, which go by address, to the sections they are in
/// and point to.
fn distribute(file: &object::File, sections: &mut [Section]) -> Result<(), Unreadable> {
    for (address, relocation) in file.dynamic_relocations().into_iter().flatten() {
        let RelocationFlags::Elf { r_type } = relocation.flags() else {
            continue;
        };
        let mut addend = relocation.addend();
        let target = match (relocation.target(), file.dynamic_symbol_table()) {
            (RelocationTarget::Symbol(index), Some(table)) => {
                let symbol = table.symbol_by_index(index)?;
                let defined = !symbol.is_undefined();
                Target {
                    symbol: demangle(symbol.name()?),
                    place: defined
                        .then(|| within(sections, symbol.address()))
                        .flatten(),
                }
            }
            _ => {
                let place = within(sections, addend as u64);
                addend = 0;
                Target {
                    symbol: String::new(),
                    place,
                }
            }
        };
        if let Some((section, offset)) = within(sections, address) {
            sections[section].relocations.push(Relocation {
                offset,
                r_type,
                addend,
                target,
            });
        }
    }
    Ok(())
}

/// The section at an address of a shared object, and the offset there.
fn within(sections: &[Section], address: u64) -> Option<(usize, u64)> {
    sections
        .iter()
        .enumerate()
        .filter(|(_, section)| section.has(SHF_ALLOC))
        .find_map(|(position, section)| {
            let offset = address.checked_sub(section.address)?;
            (offset < section.size).then_some((position, offset))
        })
}

fn names<'data, S>(symbols: S, wanted: impl Fn(&S::Item) -> bool) -> Vec<String>
where
    S: Iterator,
    S::Item: ObjectSymbol<'data>,
{
    symbols
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
            let section = *positions.get(&symbol.section_index()?)?;
            Some(Function {
                name: demangle(symbol.name().ok()?),
                section,
                start: symbol.address().checked_sub(sections[section].address)?,
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
