// SPDX-License-Identifier: BSD-2-Clause
//! SMBIOS: entry points in memory, and tables that may be anything.

use ipmi::wire::interface::Kind;
use ipmi::wire::smbios::{described, EntryPoint, Place, Spacing, ENTRY as ENTRY_MAX};

use crate::input::Input;
use crate::Target;

pub const ENTRY: Target = Target {
    name: "smbios_entry",
    check: entry,
    samples: &[
        include_bytes!("../../../src/wire/smbios/qemu-kcs.anchor"),
        include_bytes!("../../../src/wire/smbios/qemu-kcs64.anchor"),
    ],
};

pub const TABLE: Target = Target {
    name: "smbios_table",
    check: table,
    samples: &[
        include_bytes!("../../../src/wire/smbios/qemu-kcs.tables"),
        include_bytes!("../../../src/wire/smbios/qemu-bt.tables"),
        include_bytes!("../../../src/wire/smbios/qemu-ssif.tables"),
        &[
            38, 18, 0, 0x30, 1, 0x20, 0x20, 0, 0xa3, 0x0c, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 127, 4,
        ],
    ],
};

/// What is found is there, what was written is read, and one wrong byte is one too many.
fn entry(bytes: &[u8]) {
    let parsed = EntryPoint::parse(bytes);
    let reach = &bytes[..bytes.len().min(ENTRY_MAX)];
    assert_eq!(EntryPoint::parse(reach), parsed, "nothing past it matters");
    let found = EntryPoint::search(bytes);
    let mut starts = bytes.chunks(16).enumerate();
    let there = starts.any(|(at, _)| EntryPoint::parse(&bytes[16 * at..]).is_some());
    assert_eq!(found.is_some(), there);
    if parsed.is_some() {
        assert!(bytes.starts_with(b"_SM"));
    }
    let mut input = Input(bytes);
    let (table, length) = (
        u64::from_le_bytes(input.array()),
        u32::from_le_bytes(input.array()),
    );
    let (damage, by) = (usize::from(input.u8()), input.u8().max(1));
    let boundary = usize::from(input.u8() % 8) * 16;
    for (mut written, table, length) in [
        (entry_3(table, length), table, length),
        (
            entry_2(table as u32, length as u16),
            table & 0xffff_ffff,
            length & 0xffff,
        ),
    ] {
        let expected = Some(EntryPoint { table, length });
        assert_eq!(EntryPoint::parse(&written), expected);
        assert_eq!(EntryPoint::parse(&written[..written.len() - 1]), None);
        let mut memory = vec![0; boundary];
        memory.extend(&written);
        assert_eq!(EntryPoint::search(&memory), expected);
        memory.insert(0, 0);
        assert_eq!(EntryPoint::search(&memory), None, "not at a boundary");
        let place = damage % written.len();
        if written[3] == b'_' {
            // The intermediate sum is wrong though the whole one is not.
            let mut inner = written.clone();
            let place = 16 + damage % 15;
            inner[place] = inner[place].wrapping_add(by);
            inner[8] = inner[8].wrapping_sub(by);
            assert_eq!(EntryPoint::parse(&inner), None, "byte {place}");
        }
        // With another length it is another entry point, whose sum may be right by chance.
        if place != 5 + usize::from(written[3] == b'3') {
            written[place] ^= by;
            assert_eq!(EntryPoint::parse(&written), None, "byte {place}");
        }
    }
}

/// Makes the sum of `bytes` zero by the byte `at`.
fn balance(bytes: &mut [u8], at: usize) {
    bytes[at] = 0;
    bytes[at] = bytes.iter().fold(0u8, |sum, byte| sum.wrapping_sub(*byte));
}

fn entry_3(table: u64, length: u32) -> Vec<u8> {
    let mut entry = b"_SM3_\0\x18\x03\x00\x00\x01\x00".to_vec();
    entry.extend(length.to_le_bytes());
    entry.extend(table.to_le_bytes());
    balance(&mut entry, 5);
    entry
}

fn entry_2(table: u32, length: u16) -> Vec<u8> {
    let mut entry = b"_SM_\0\x1f\x02\x08\x00\x00\x00\x00\x00\x00\x00\x00_DMI_\0".to_vec();
    entry.extend(length.to_le_bytes());
    entry.extend(table.to_le_bytes());
    entry.extend([0, 0, 0x28]);
    balance(&mut entry[16..], 5);
    balance(&mut entry, 4);
    entry
}

/// Where the interface is, without its interrupt.
fn find(table: &[u8]) -> Option<Place> {
    let found = described(table)?;
    if let Some(interrupt) = found.interrupt {
        assert!((1..16).contains(&interrupt.number) && has_registers(&Some(found.place)));
    }
    Some(found.place)
}

fn has_registers(place: &Option<Place>) -> bool {
    matches!(place, Some(Place::Port(..) | Place::Memory(..)))
}

/// What is found can be used, does not change by what comes after it, and is what was written.
fn table(bytes: &[u8]) {
    let found = find(bytes);
    match found {
        Some(Place::Port(kind, port, _)) => assert!(port > 0 && kind != Kind::Ssif),
        Some(Place::Memory(kind, at, _)) => assert!(at > 0 && kind != Kind::Ssif),
        Some(Place::Smbus(address)) => assert!(address > 0 && address & 1 == 0),
        None => {}
    }
    let mut input = Input(bytes);
    let cut = usize::from(input.u16()) % (bytes.len() + 1);
    let before = find(&bytes[..cut]);
    if has_registers(&before) {
        assert_eq!(before, found, "the first is taken");
    }
    let Some((structure, place)) = structure(&mut input) else {
        return;
    };
    assert_eq!(find(&structure), Some(place));
    for length in 0..structure.len() - 2 {
        assert_eq!(
            find(&structure[..length]),
            None,
            "{length} bytes are no structure"
        );
    }
    let mut tables = vec![1, 4 + 3, 0, 0, 0xaa, 0, 0, b'a', b'b', 0, b'c', 0, 0];
    tables.extend(&structure);
    tables.extend(bytes);
    let all = find(&tables);
    assert_eq!(
        all == Some(place),
        has_registers(&Some(place)) || !has_registers(&all)
    );
    let ended = [&[127, 4, 0, 0, 0, 0][..], &structure].concat();
    assert_eq!(find(&ended), None, "behind the end of the table");
}

/// A type 38 structure of a place that the bytes choose, if it is one.
fn structure(input: &mut Input<'_>) -> Option<(Vec<u8>, Place)> {
    let (interface, choice) = (input.u8() % 4 + 1, input.u8());
    let base = u64::from_le_bytes(input.array()) >> (choice & 0x30);
    let (modifier, spacing) = match choice & 3 {
        0 => (0x00, Spacing::Bytes1),
        1 => (0x40, Spacing::Bytes4),
        _ => (0x80, Spacing::Bytes16),
    };
    let kind = [Kind::Kcs, Kind::Smic, Kind::Bt, Kind::Ssif][usize::from(interface) - 1];
    let (place, base, low) = match (kind, choice & 4) {
        (Kind::Ssif, _) => {
            let address = base as u8 & 0xfe;
            (Place::Smbus(address), u64::from(address), 0)
        }
        (_, 0) => (Place::Memory(kind, base, spacing), base & !1, base & 1),
        _ => {
            let port = base as u16;
            (
                Place::Port(kind, port, spacing),
                u64::from(port) | 1,
                base & 1,
            )
        }
    };
    let usable = match place {
        Place::Smbus(address) => address != 0,
        Place::Port(_, port, _) => port != 0,
        Place::Memory(_, at, _) => at != 0,
    };
    let mut area = vec![38, 18, 0, 0x30, interface, 0x20, 0, 0];
    area.extend(base.to_le_bytes());
    area.extend([modifier | (low as u8) << 4, 0, 0, 0]);
    usable.then_some((area, place))
}
