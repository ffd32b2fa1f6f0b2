// SPDX-License-Identifier: BSD-2-Clause
//! Who owns which ports, addresses and interrupt lines; must not know devices.

/// `SYS_RES_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Type {
    Irq,
    Memory,
    Port,
}

impl Type {
    pub fn from_number(number: i32) -> Option<Type> {
        match number {
            1 => Some(Type::Irq),
            3 => Some(Type::Memory),
            4 => Some(Type::Port),
            _ => None,
        }
    }

    pub fn number(self) -> i32 {
        match self {
            Type::Irq => 1,
            Type::Memory => 3,
            Type::Port => 4,
        }
    }

    /// The highest that exists on this machine.
    fn last(self) -> u64 {
        match self {
            Type::Irq => 255,
            Type::Memory => (1 << 46) - 1,
            Type::Port => 0xffff,
        }
    }
}

/// A range of ports or addresses, or a line, that a bus has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub kind: Type,
    pub start: u64,
    pub count: u64,
}

impl Range {
    pub fn ports(start: u16, count: u16) -> Range {
        Range {
            kind: Type::Port,
            start: start.into(),
            count: count.into(),
        }
    }

    pub fn memory(start: u64, count: u64) -> Range {
        Range {
            kind: Type::Memory,
            start,
            count,
        }
    }

    pub fn line(irq: u8) -> Range {
        Range {
            kind: Type::Irq,
            start: irq.into(),
            count: 1,
        }
    }
}

/// A reserved range, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Region {
    kind: Type,
    start: u64,
    end: u64,
    shareable: bool,
}

/// What a reservation asks for: `count` units somewhere in `start..=end`.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    pub kind: Type,
    pub start: u64,
    pub end: u64,
    pub count: u64,
    pub shareable: bool,
}

#[derive(Default)]
pub struct Rman(Vec<Region>);

impl Rman {
    /// Reserves the lowest free range and returns its start.
    pub fn reserve(&mut self, wish: Wish) -> Option<u64> {
        let mut start = wish.start;
        let last = wish.end.min(wish.kind.last());
        loop {
            let end = start.checked_add(wish.count.checked_sub(1)?)?;
            if end > last {
                return None;
            }
            let region = Region {
                kind: wish.kind,
                start,
                end,
                shareable: wish.shareable,
            };
            match self.0.iter().find(|other| other.excludes(&region)) {
                Some(other) => start = other.end + 1,
                None => {
                    self.0.push(region);
                    return Some(start);
                }
            }
        }
    }

    /// Gives a range back; false if it was not reserved.
    pub fn release(&mut self, kind: Type, start: u64, count: u64) -> bool {
        let matches = |r: &Region| r.kind == kind && r.start == start && r.end + 1 - start == count;
        match self.0.iter().position(matches) {
            Some(at) => {
                self.0.remove(at);
                true
            }
            None => false,
        }
    }
}

impl Region {
    /// Whether both cannot be held at once.
    fn excludes(&self, other: &Region) -> bool {
        let overlap = self.start <= other.end && other.start <= self.end;
        let shared =
            self.shareable && other.shareable && (self.start, self.end) == (other.start, other.end);
        self.kind == other.kind && overlap && !shared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(kind: Type, start: u64, end: u64, count: u64) -> Wish {
        Wish {
            kind,
            start,
            end,
            count,
            shareable: kind == Type::Irq,
        }
    }

    #[test]
    fn a_port_has_one_owner() {
        let mut rman = Rman::default();
        assert_eq!(rman.reserve(wish(Type::Port, 0xca2, 0xca3, 2)), Some(0xca2));
        assert_eq!(rman.reserve(wish(Type::Port, 0xca3, 0xca3, 1)), None);
        assert_eq!(
            rman.reserve(wish(Type::Memory, 0xca2, 0xca3, 2)),
            Some(0xca2)
        );
        assert!(rman.release(Type::Port, 0xca2, 2));
        assert!(!rman.release(Type::Port, 0xca2, 2));
        assert_eq!(rman.reserve(wish(Type::Port, 0xca3, 0xca3, 1)), Some(0xca3));
    }

    #[test]
    fn the_lowest_free_range_is_taken_and_lines_are_shared() {
        let mut rman = Rman::default();
        assert_eq!(
            rman.reserve(wish(Type::Port, 0x100, 0x1ff, 0x20)),
            Some(0x100)
        );
        assert_eq!(
            rman.reserve(wish(Type::Port, 0x100, 0x1ff, 0x20)),
            Some(0x120)
        );
        assert_eq!(rman.reserve(wish(Type::Port, 0, u64::MAX, 0x10001)), None);
        assert_eq!(rman.reserve(wish(Type::Irq, 5, 5, 1)), Some(5));
        assert_eq!(rman.reserve(wish(Type::Irq, 5, 5, 1)), Some(5));
    }
}
