// SPDX-License-Identifier: BSD-2-Clause
//! Where firmware says that the BMC is: SMBIOS, structure type 38 (SMBIOS 7.39, IPMI 2.0 appendix
//! C1). Reads bytes that may be anything; how they were come by it does not
//! know.

use super::interface::Kind;

/// Bytes that an entry point takes at most, and the boundary that it begins at.
pub const ENTRY: usize = 32;
const BOUNDARY: usize = 16;

const IPMI: u8 = 38;
const END: u8 = 127;

/// Where the table of structures is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryPoint {
    /// Physical address.
    pub table: u64,
    /// Bytes at most.
    pub length: u32,
}

fn sums_to_zero(bytes: &[u8]) -> bool {
    bytes.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte)) == 0
}

impl EntryPoint {
    /// The entry point at the start of `bytes`; `None` if there is none or it is damaged.
    pub fn parse(bytes: &[u8]) -> Option<EntryPoint> {
        EntryPoint::parse_3(bytes).or_else(|| EntryPoint::parse_2(bytes))
    }

    /// SMBIOS 3, section 5.2.2: a 64-bit address.
    fn parse_3(bytes: &[u8]) -> Option<EntryPoint> {
        let [b'_', b'S', b'M', b'3', b'_', _, size @ 24..=32, ..] = bytes else {
            return None;
        };
        let entry = bytes.get(..usize::from(*size))?;
        let &length = entry.get(12..)?.first_chunk()?;
        let &table = entry.get(16..)?.first_chunk()?;
        sums_to_zero(entry).then_some(EntryPoint {
            table: u64::from_le_bytes(table),
            length: u32::from_le_bytes(length),
        })
    }

    /// SMBIOS 2, section 5.2.1: an intermediate anchor with a sum of its own, and 32 bits.
    fn parse_2(bytes: &[u8]) -> Option<EntryPoint> {
        let [b'_', b'S', b'M', b'_', _, size @ 30..=32, ..] = bytes else {
            return None;
        };
        let entry = bytes.get(..usize::from(*size))?;
        let inner = bytes.get(16..31)?;
        let &length = inner.get(6..)?.first_chunk()?;
        let &table = inner.get(8..)?.first_chunk()?;
        let sound = sums_to_zero(entry) && sums_to_zero(inner) && inner.starts_with(b"_DMI_");
        sound.then_some(EntryPoint {
            table: u64::from(u32::from_le_bytes(table)),
            length: u32::from(u16::from_le_bytes(length)),
        })
    }

    /// The entry point somewhere in the BIOS's memory; one with 64 bits is preferred.
    pub fn search(memory: &[u8]) -> Option<EntryPoint> {
        let first = |parse: fn(&[u8]) -> Option<EntryPoint>| {
            let starts = (0..memory.len()).step_by(BOUNDARY);
            starts
                .filter_map(|start| memory.get(start..))
                .find_map(parse)
        };
        first(EntryPoint::parse_3).or_else(|| first(EntryPoint::parse_2))
    }
}

/// Where it is to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Registers, from this I/O port on.
    Port(Kind, u16, Spacing),
    /// Registers in memory, from this physical address on.
    Memory(Kind, u64, Spacing),
    /// SSIF, at this address on an SMBus; eight bits, the lowest clear.
    Smbus(u8),
}

/// The interrupt of an interface with registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupt {
    /// The ISA interrupt, 1 to 15.
    pub number: u8,
    /// How its line is used, where the table says.
    pub line: Option<Line>,
}

/// How an interrupt line is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Triggered by level, not by edge.
    pub level: bool,
    /// Active high, not low.
    pub high: bool,
}

/// A description: where the interface is, and its interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it is to be found.
    pub place: Place,
    /// Its interrupt, if it has one.
    pub interrupt: Option<Interrupt>,
}

/// Bytes from one register to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spacing {
    /// None between them.
    Bytes1 = 1,
    /// 32-bit boundaries.
    Bytes4 = 4,
    /// 16-byte boundaries.
    Bytes16 = 16,
}

/// The first description of an interface with registers, else of SSIF, in a table.
pub fn described(table: &[u8]) -> Option<Found> {
    let mut found = Structures(table).filter_map(describe);
    let first = found.next()?;
    match first.place {
        Place::Smbus(_) => found
            .find(|found| !matches!(found.place, Place::Smbus(_)))
            .or(Some(first)),
        _ => Some(first),
    }
}

/// The formatted areas of a table's structures, without the strings behind them.
struct Structures<'a>(&'a [u8]);

impl<'a> Iterator for Structures<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let &[kind, size, _, _, ..] = self.0 else {
            return None;
        };
        if kind == END || size < 4 {
            return None;
        }
        let (area, rest) = self.0.split_at_checked(usize::from(size))?;
        // Strings, each ended by a zero byte, and one more of those.
        let ended = rest.windows(2).position(|pair| pair == [0, 0]);
        self.0 = ended
            .and_then(|at| rest.get(at.saturating_add(2)..))
            .unwrap_or(&[]);
        Some(area)
    }
}

fn describe(area: &[u8]) -> Option<Found> {
    let (&[structure, _, _, _, interface, _, slave, _], rest) = area.split_first_chunk()?;
    let (&base, rest) = rest.split_first_chunk()?;
    let base = u64::from_le_bytes(base);
    let kind = match interface {
        _ if structure != IPMI => return None,
        1 => Kind::Kcs,
        2 => Kind::Smic,
        3 => Kind::Bt,
        4 => {
            return Some(Found {
                place: smbus(base, slave)?,
                interrupt: None,
            })
        }
        _ => return None,
    };
    // Tables from before the modifier existed have ports, whatever their lowest bit says.
    let &modifier = rest.first().unwrap_or(&0);
    let is_port = base & 1 != 0 || rest.is_empty();
    let address = (base & !1) | u64::from(modifier >> 4 & 1);
    let spacing = match modifier >> 6 {
        0 => Spacing::Bytes1,
        1 => Spacing::Bytes4,
        2 => Spacing::Bytes16,
        _ => return None,
    };
    let place = match (is_port, u16::try_from(address)) {
        (_, Ok(0)) => return None,
        (true, port) => Place::Port(kind, port.ok()?, spacing),
        (false, _) => Place::Memory(kind, address, spacing),
    };
    Some(Found {
        place,
        interrupt: interrupt(rest),
    })
}

/// A number is enough, as tables have one and no more (QEMU's do).
fn interrupt(rest: &[u8]) -> Option<Interrupt> {
    let &[modifier, number @ 1..=15, ..] = rest else {
        return None;
    };
    Some(Interrupt {
        number,
        line: (modifier & 0x08 != 0).then_some(Line {
            level: modifier & 0x01 != 0,
            high: modifier & 0x02 != 0,
        }),
    })
}

/// Some tables have the address in the wrong field.
fn smbus(base: u64, slave: u8) -> Option<Place> {
    let address = match u8::try_from(base).unwrap_or(0) & !1 {
        0 => slave & !1,
        address => address,
    };
    (address != 0).then_some(Place::Smbus(address))
}

#[cfg(test)]
mod tests;
