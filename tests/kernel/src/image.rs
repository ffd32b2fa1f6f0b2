// SPDX-License-Identifier: BSD-2-Clause
//! A loaded module: where its sections and symbols are; must not know the file format.

use std::path::PathBuf;

use crate::kernel::Kernel;
use crate::low::Region;
use crate::mem;
use crate::rewrite::{Access, Rewritten};

/// A section that was mapped.
#[derive(Clone, Debug)]
pub struct Section {
    pub name: String,
    pub address: u64,
    pub len: u64,
}

/// A symbol with an address in the image.
#[derive(Clone, Debug)]
pub struct Symbol {
    pub name: String,
    pub address: u64,
    pub len: u64,
    /// A function, not data.
    pub code: bool,
}

/// A module in memory. Dropping it unmaps it.
pub struct Image {
    /// Counts loads, so that a number means one image for ever.
    pub id: u32,
    pub path: PathBuf,
    pub sections: Vec<Section>,
    /// By address.
    pub symbols: Vec<Symbol>,
    pub(crate) region: Region,
    pub(crate) rewritten: Rewritten,
}

impl Image {
    pub fn contains(&self, address: u64) -> bool {
        self.region.contains(address) || self.rewritten.contains(address)
    }

    /// The pointers in the linker set `name`, e.g. `sysinit_set`; none if there is no such set.
    pub fn set(&self, name: &str) -> Vec<u64> {
        let section = format!("set_{name}");
        let Some(section) = self.sections.iter().find(|s| s.name == section) else {
            return vec![];
        };
        (0..section.len / 8)
            .map(|i| mem::read(section.address + 8 * i))
            .collect()
    }

    /// The address of a symbol by its name.
    pub fn address(&self, name: &str) -> Option<u64> {
        self.symbols
            .iter()
            .find(|s| s.name == name)
            .map(|s| s.address)
    }

    /// The addresses of instructions that do not trap because they were rewritten.
    pub fn rewritten(&self) -> Vec<u64> {
        let all = self.rewritten.accesses().iter();
        all.map(Access::address).collect()
    }

    /// `function+offset`.
    pub fn symbol(&self, address: u64) -> String {
        let address = self.rewritten.origin(address).unwrap_or(address);
        let after = self.symbols.partition_point(|s| s.address <= address);
        let before = self.symbols[..after].iter().rev();
        match before
            .take(16)
            .find(|s| s.len == 0 || address < s.address + s.len)
        {
            Some(s) => format!("{}+{:#x}", s.name, address - s.address),
            None => format!("module+{:#x}", address - self.region.base()),
        }
    }
}

impl Kernel {
    /// A loaded image by its number.
    pub fn image(&self, id: u32) -> Option<&Image> {
        self.images.iter().find(|image| image.id == id)
    }

    pub(crate) fn image_at(&self, address: u64) -> Option<&Image> {
        self.images.iter().find(|image| image.contains(address))
    }

    /// The address as `function+offset` of a module or as a number.
    pub(crate) fn symbol(&self, address: u64) -> String {
        match self.image_at(address) {
            Some(image) => image.symbol(address),
            None => format!("{address:#x}"),
        }
    }
}
