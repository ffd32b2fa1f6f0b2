// SPDX-License-Identifier: BSD-2-Clause
//! Tables of QEMU machines, tables made by hand for each branch, and damaged ones.

use proptest::prelude::*;

use super::*;

const QEMU_KCS: &[u8] = include_bytes!("qemu-kcs.tables");
const QEMU_KCS64: &[u8] = include_bytes!("qemu-kcs64.tables");
const QEMU_BT: &[u8] = include_bytes!("qemu-bt.tables");
const QEMU_SSIF: &[u8] = include_bytes!("qemu-ssif.tables");
const ANCHOR: &[u8] = include_bytes!("qemu-kcs.anchor");
const ANCHOR64: &[u8] = include_bytes!("qemu-kcs64.anchor");

/// Puts `address` into an entry point and makes its sums right again.
fn located(anchor: &[u8], address: u64) -> Vec<u8> {
    let mut entry = anchor.to_vec();
    let fix = |bytes: &mut [u8], at: usize| {
        bytes[at] = 0;
        bytes[at] = bytes.iter().fold(0u8, |sum, &b| sum.wrapping_sub(b));
    };
    if anchor.starts_with(b"_SM3_") {
        entry[16..24].copy_from_slice(&address.to_le_bytes());
        fix(&mut entry, 5);
    } else {
        entry[24..28].copy_from_slice(&(address as u32).to_le_bytes());
        fix(&mut entry[16..], 5);
        fix(&mut entry, 4);
    }
    entry
}

/// A type 38 structure of an interface, without strings.
fn ipmi(interface: u8, slave: u8, base: u64, rest: &[u8]) -> Vec<u8> {
    let mut area = vec![
        IPMI,
        16 + rest.len() as u8,
        0,
        0x30,
        interface,
        0x20,
        slave,
        0,
    ];
    area.extend(base.to_le_bytes());
    area.extend(rest);
    area.extend([0, 0]);
    area
}

/// Where the interface is, without its interrupt.
fn find(table: &[u8]) -> Option<Place> {
    described(table).map(|found| found.place)
}

fn kcs(base: u64, modifier: u8) -> Option<Place> {
    find(&ipmi(1, 0x20, base, &[modifier, 0]))
}

#[test]
fn the_tables_of_qemu_machines_say_where_the_bmc_is() {
    let port = |kind, at| Some(Place::Port(kind, at, Spacing::Bytes1));
    assert_eq!(find(QEMU_KCS), port(Kind::Kcs, 0xca2));
    assert_eq!(find(QEMU_KCS64), port(Kind::Kcs, 0xca2));
    assert_eq!(find(QEMU_BT), port(Kind::Bt, 0xe4));
    assert_eq!(find(QEMU_SSIF), Some(Place::Smbus(0x20)));
}

#[test]
fn an_interrupt_has_a_number_and_where_the_modifier_says_so_a_line() {
    let interrupt = |rest: &[u8]| described(&ipmi(1, 0x20, 0xca3, rest)).unwrap().interrupt;
    let told = |number, level, high| {
        let line = Some(Line { level, high });
        Some(Interrupt { number, line })
    };
    let untold = |number| Some(Interrupt { number, line: None });
    assert_eq!(interrupt(&[0x0a, 5]), told(5, false, true));
    assert_eq!(interrupt(&[0x09, 15]), told(15, true, false));
    assert_eq!(interrupt(&[0x03, 5]), untold(5));
    assert_eq!(interrupt(&[0x0b, 0]), None, "no number");
    assert_eq!(interrupt(&[0x0b, 16]), None, "not an ISA interrupt");
    assert_eq!(interrupt(&[0x08]), None, "cut short");
    assert_eq!(described(QEMU_KCS).unwrap().interrupt, untold(5));
    assert_eq!(described(QEMU_SSIF).unwrap().interrupt, None);
}

#[test]
fn d25_both_entry_points_are_read_and_64_bits_are_kept() {
    let entry = located(ANCHOR, 0x7fff_1000);
    let expected = EntryPoint {
        table: 0x7fff_1000,
        length: QEMU_KCS.len() as u32,
    };
    assert_eq!(EntryPoint::parse(&entry), Some(expected));
    let entry = located(ANCHOR64, 0x12_3456_7000);
    let expected = EntryPoint {
        table: 0x12_3456_7000,
        length: QEMU_KCS64.len() as u32,
    };
    assert_eq!(EntryPoint::parse(&entry), Some(expected));
}

#[test]
fn d25_a_register_beyond_4_gib_keeps_its_address() {
    let place = Place::Memory(Kind::Kcs, 0x12_3456_7800, Spacing::Bytes1);
    assert_eq!(kcs(0x12_3456_7800, 0), Some(place));
}

#[test]
fn an_entry_point_with_a_wrong_sum_or_length_is_none() {
    for anchor in [ANCHOR, ANCHOR64] {
        let good = located(anchor, 0x1000);
        assert!(EntryPoint::parse(&good).is_some());
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x11;
            assert_eq!(EntryPoint::parse(&bad), None, "byte {at}");
        }
        for length in 0..good.len() {
            assert_eq!(EntryPoint::parse(&good[..length]), None);
        }
    }
}

#[test]
fn the_search_looks_at_each_boundary_and_prefers_64_bits() {
    let mut memory = vec![0; 0x1000];
    assert_eq!(EntryPoint::search(&memory), None);
    let old = located(ANCHOR, 0x1000);
    memory[0x108..0x108 + old.len()].copy_from_slice(&old);
    assert_eq!(EntryPoint::search(&memory), None, "not on a boundary");
    memory[0x200..0x200 + old.len()].copy_from_slice(&old);
    assert_eq!(EntryPoint::search(&memory).unwrap().table, 0x1000);
    let new = located(ANCHOR64, 0x2000);
    let end = memory.len() - 32;
    memory[end..end + new.len()].copy_from_slice(&new);
    assert_eq!(EntryPoint::search(&memory).unwrap().table, 0x2000);
}

#[test]
fn ports_memory_low_bit_and_spacing_are_as_the_modifier_says() {
    let port = |at, spacing| Some(Place::Port(Kind::Kcs, at, spacing));
    let memory = |at, spacing| Some(Place::Memory(Kind::Kcs, at, spacing));
    assert_eq!(kcs(0xca3, 0x00), port(0xca2, Spacing::Bytes1));
    assert_eq!(kcs(0xca3, 0x10), port(0xca3, Spacing::Bytes1));
    assert_eq!(kcs(0xca3, 0x40), port(0xca2, Spacing::Bytes4));
    assert_eq!(kcs(0xca3, 0x90), port(0xca3, Spacing::Bytes16));
    assert_eq!(kcs(0xca3, 0xc0), None);
    assert_eq!(
        kcs(0xfed0_0000, 0x80),
        memory(0xfed0_0000, Spacing::Bytes16)
    );
    assert_eq!(kcs(0xfed0_0000, 0x10), memory(0xfed0_0001, Spacing::Bytes1));
}

#[test]
fn addresses_that_cannot_be_are_none() {
    assert_eq!(kcs(0, 0), None);
    assert_eq!(kcs(1, 0), None);
    assert_eq!(kcs(0x1_0001, 0), None, "no such port");
}

#[test]
fn a_table_without_modifier_means_ports() {
    let place = find(&ipmi(2, 0x20, 0xca8, &[]));
    let smic = Place::Port(Kind::Smic, 0xca8, Spacing::Bytes1);
    assert_eq!(place, Some(smic));
    assert_eq!(find(&ipmi(2, 0x20, 0xca8, &[])[..15]), None, "cut short");
}

#[test]
fn ssif_falls_back_on_the_slave_address_where_its_own_is_missing_or_nonsense() {
    let ssif = |base, slave| find(&ipmi(4, slave, base, &[0, 0]));
    assert_eq!(ssif(0x20, 0x30), Some(Place::Smbus(0x20)));
    assert_eq!(ssif(0x21, 0x30), Some(Place::Smbus(0x20)));
    assert_eq!(ssif(0, 0x30), Some(Place::Smbus(0x30)));
    assert_eq!(ssif(0xca3, 0x30), Some(Place::Smbus(0x30)));
    assert_eq!(ssif(0, 0), None);
}

#[test]
fn registers_are_preferred_and_unknown_interfaces_passed_over() {
    let ssif = ipmi(4, 0x20, 0x20, &[0, 0]);
    let unknown = ipmi(9, 0x20, 0xca3, &[0, 0]);
    let port = ipmi(1, 0x20, 0xca3, &[0, 0]);
    let found = Some(Place::Port(Kind::Kcs, 0xca2, Spacing::Bytes1));
    assert_eq!(find(&[&ssif[..], &unknown, &port].concat()), found);
    assert_eq!(
        find(&[&ssif[..], &unknown].concat()),
        Some(Place::Smbus(0x20))
    );
    let end = [END, 4, 0, 0, 0, 0];
    assert_eq!(find(&[&end[..], &port].concat()), None, "past the end");
    assert_eq!(find(&[&unknown[..], &port].concat()), found);
}

#[test]
fn strings_are_skipped() {
    let mut named = vec![1, 8, 0, 0, 1, 2, 0, 0];
    named.extend(b"Maker\0Model\0\0");
    named.extend(ipmi(1, 0x20, 0xca3, &[0, 0]));
    assert!(find(&named).is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// Damage of any kind: reading ends and does not fail.
    #[test]
    fn damaged_tables_are_read_to_an_end(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        length in 0usize..=341,
    ) {
        let mut table = QEMU_KCS[..length.min(QEMU_KCS.len())].to_vec();
        if !table.is_empty() {
            for (at, byte) in changes {
                let at = at.index(table.len());
                table[at] = byte;
            }
        }
        find(&table);
        EntryPoint::search(&table);
    }

    #[test]
    fn any_bytes_are_read_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        find(&bytes);
        EntryPoint::parse(&bytes);
        find(&[&[IPMI, 18][..], &bytes].concat());
        EntryPoint::parse(&[&b"_SM3_"[..], &bytes].concat());
        EntryPoint::parse(&[&b"_SM_"[..], &bytes].concat());
    }

    /// What is described is what is found.
    #[test]
    fn what_a_table_says_is_found(interface in 1u8..=3, base in 1u64.., modifier in any::<u8>()) {
        let kind = [Kind::Kcs, Kind::Smic, Kind::Bt][usize::from(interface) - 1];
        match find(&ipmi(interface, 0x20, base, &[modifier, 0])) {
            Some(Place::Memory(found, address, _)) => {
                prop_assert_eq!((found, base & 1, address & !1), (kind, 0, base & !1));
            }
            Some(Place::Port(found, port, _)) => {
                prop_assert_eq!((found, base & 1, u64::from(port & !1)), (kind, 1, base & !1));
            }
            Some(Place::Smbus(_)) => prop_assert!(false),
            None => prop_assert!(modifier >> 6 == 3 || (base & 1 == 1 && base > 0xffff) || base == 1),
        }
    }
}
