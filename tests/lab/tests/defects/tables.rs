// SPDX-License-Identifier: BSD-2-Clause
//! What real and made up firmware says of a BMC, read by the built ipmi.ko: the tables of QEMU machines, a
//! table for each thing that one can say, and damaged ones. Must not know how they are read.

use ipmi_bmc::SSIF_ADDRESS;
use ipmi_kernel::subsystems::sysctl::api::Value;
use ipmi_lab::board::Registers;
use ipmi_lab::client::watch_for_node;
use ipmi_lab::dice::Dice;
use ipmi_lab::firmware::{self, aml, Smbios};
use ipmi_lab::scenario::Plan;
use ipmi_lab::span::{MS, S};
use ipmi_lab::transport::Transport;

use crate::bench::{each_seed, Bench};

/// A machine of QEMU's: its name, what its BIOS left in memory and its DSDT.
type Machine = (&'static str, &'static [u8], &'static [u8]);

/// The two sizes of entry point of a machine that has such a DSDT.
macro_rules! machine {
    ($name:literal, $dsdt:literal) => {
        [machine!($name, "-32", $dsdt), machine!($name, "-64", $dsdt)]
    };
    ($name:literal, $bits:literal, $dsdt:literal) => {
        (
            concat!($name, $bits),
            include_bytes!(concat!("../../tables/", $name, $bits, ".smbios")),
            include_bytes!(concat!("../../tables/", $dsdt, ".dsdt")),
        )
    };
}

/// An ISA device is in the DSDT of q35 as in that of pc, and a PCI device in none.
const MACHINES: [[Machine; 2]; 10] = [
    machine!("pc-isa-ipmi-kcs", "pc-isa-ipmi-kcs"),
    machine!("pc-isa-ipmi-bt", "pc-isa-ipmi-bt"),
    machine!("pc-pci-ipmi-kcs", "pc-pci-ipmi-kcs"),
    machine!("pc-pci-ipmi-bt", "pc-pci-ipmi-kcs"),
    machine!("pc-smbus-ipmi", "pc-pci-ipmi-kcs"),
    machine!("q35-isa-ipmi-kcs", "pc-isa-ipmi-kcs"),
    machine!("q35-isa-ipmi-bt", "pc-isa-ipmi-bt"),
    machine!("q35-pci-ipmi-kcs", "pc-pci-ipmi-kcs"),
    machine!("q35-pci-ipmi-bt", "pc-pci-ipmi-kcs"),
    machine!("q35-smbus-ipmi", "q35-smbus-ipmi"),
];

/// Address, length and bytes, again and again.
fn pieces(mut file: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let mut found = vec![];
    while let Some((address, rest)) = file.split_first_chunk() {
        let (length, rest) = rest.split_first_chunk().expect("a length");
        let (bytes, rest) = rest.split_at(u32::from_le_bytes(*length) as usize);
        found.push((u64::from_le_bytes(*address), bytes.to_vec()));
        file = rest;
    }
    found
}

/// A machine made by `setup`, with the module loaded.
fn on(name: &str, setup: impl Fn(&mut Plan), test: impl Fn(&mut Bench)) {
    let setup = |plan: &mut Plan, _: &mut Dice| {
        plan.spacing = 1;
        setup(plan);
    };
    each_seed(name, 1..=1, setup, |bench| {
        bench.load();
        test(bench);
    });
}

/// The BMC is there, on that bus, and has been found in these words.
fn found(bench: &mut Bench, bus: &str, words: &str) {
    bench.run(watch_for_node);
    assert_eq!(bench.pat(128 * S), 0);
    assert!(bench.timer().counting);
    let parent = bench.stage.machine.sysctl_get("dev.ipmi.0.%parent");
    assert_eq!(parent, Ok(Ok(Value::Text(bus.into()))));
    let mut lines = bench.stage.console().into_iter();
    assert!(lines.any(|line| line.text.contains(words)), "{words}");
}

#[test]
fn what_qemu_machines_say_leads_to_their_bmc() {
    for (name, smbios, dsdt) in MACHINES.into_iter().flatten() {
        println!("{name}");
        let is = |part| name.contains(part);
        let transport = match (is("bt"), is("smbus")) {
            (true, _) => Transport::Bt,
            (_, true) => Transport::Ssif,
            _ => Transport::Kcs,
        };
        let (bus, words) = match transport {
            Transport::Ssif => ("smbus0", "SSIF mode found at address 0x20"),
            _ if is("pci") => ("pci0", " mode found at io"),
            Transport::Bt => ("isa0", "BT mode found at io 0xe4 alignment 0x1 on isa"),
            _ => ("isa0", "KCS mode found at io 0xca2 alignment 0x1 on isa"),
        };
        let setup = |plan: &mut Plan| {
            plan.go_over(transport);
            plan.smbios = None;
            plan.memory = pieces(smbios);
            // Its ports are of no use to acpi(4), so it is SMBIOS that tells of them.
            plan.acpi = aml::ipmi_devices(dsdt);
            plan.pci
                .extend(is("pci").then(|| firmware::pci(transport, 1)));
        };
        on("qemu tables", setup, |bench| found(bench, bus, words));
    }
}

/// A structure of type 38 with what comes after the base address, and the end of the table.
fn table(interface: u8, slave: u8, base: u64, rest: &[u8]) -> Vec<u8> {
    let mut table = vec![38, 16 + rest.len() as u8, 0, 0, interface, 0x20, slave, 0];
    table.extend(base.to_le_bytes());
    table.extend(rest);
    table.extend([0, 0, 127, 4, 1, 0, 0, 0]);
    table
}

fn ports(base: u16, spacing: u16) -> Registers {
    Registers::Ports { base, spacing }
}

fn memory(base: u64, spacing: u64) -> Registers {
    Registers::Memory { base, spacing }
}

#[test]
fn everything_that_smbios_can_say_is_understood() {
    let (kcs, smic, bt) = (Transport::Kcs, Transport::Smic, Transport::Bt);
    let cases: [(Transport, u64, &[u8], Registers, &str); 17] = [
        (
            kcs,
            0xca3,
            &[0, 0],
            ports(0xca2, 1),
            "io 0xca2 alignment 0x1",
        ),
        (
            kcs,
            0xca3,
            &[0x40, 0],
            ports(0xca2, 4),
            "io 0xca2 alignment 0x4",
        ),
        (
            kcs,
            0xca3,
            &[0x80, 0],
            ports(0xca2, 16),
            "io 0xca2 alignment 0x10",
        ),
        (
            kcs,
            0xca3,
            &[0x10, 0],
            ports(0xca3, 1),
            "io 0xca3 alignment 0x1",
        ),
        (
            kcs,
            0xca3,
            &[0x50, 0],
            ports(0xca3, 4),
            "io 0xca3 alignment 0x4",
        ),
        (
            smic,
            0xca9,
            &[0x10, 0],
            ports(0xca9, 1),
            "SMIC mode found at io 0xca9",
        ),
        (
            smic,
            0xca9,
            &[0x50, 0],
            ports(0xca9, 4),
            "io 0xca9 alignment 0x4",
        ),
        (
            bt,
            0xe5,
            &[0, 0],
            ports(0xe4, 1),
            "BT mode found at io 0xe4",
        ),
        (
            bt,
            0xe5,
            &[0x80, 0],
            ports(0xe4, 16),
            "io 0xe4 alignment 0x10",
        ),
        (
            kcs,
            0xfed0_0000,
            &[0, 0],
            memory(0xfed0_0000, 1),
            "mem 0xfed00000 alignment 0x1",
        ),
        (
            kcs,
            0xfed0_0000,
            &[0x90, 0],
            memory(0xfed0_0001, 16),
            "mem 0xfed00001 alignment 0x10",
        ),
        (
            bt,
            0xfed0_0ff0,
            &[0x80, 0],
            memory(0xfed0_0ff0, 16),
            "mem 0xfed00ff0 alignment 0x10",
        ),
        (
            kcs,
            0x12_3456_7800,
            &[0x40, 0],
            memory(0x12_3456_7800, 4),
            "mem 0x1234567800",
        ),
        // Interrupts of all kinds: level and edge, high and low, valid or not, and impossible ones.
        (kcs, 0xca3, &[0x0b, 5], ports(0xca2, 1), "io 0xca2"),
        (kcs, 0xca3, &[0x08, 0xff], ports(0xca2, 1), "io 0xca2"),
        // Tables from before there was a modifier, and before there was an interrupt.
        (smic, 0xca9, &[], ports(0xca8, 1), "io 0xca8 alignment 0x1"),
        (
            kcs,
            0xca3,
            &[0x40],
            ports(0xca2, 4),
            "io 0xca2 alignment 0x4",
        ),
    ];
    for (transport, base, rest, registers, words) in cases {
        println!("{words}");
        let interface = match transport {
            Transport::Smic => 2,
            Transport::Bt => 3,
            _ => 1,
        };
        for version in [2, 3] {
            let setup = |plan: &mut Plan| {
                plan.go_over(transport);
                plan.registers = Some(registers);
                let smbios = Smbios {
                    version,
                    ..Smbios::default()
                };
                plan.memory = smbios.holding(table(interface, 0x20, base, rest));
            };
            on("smbios says", setup, |bench| found(bench, "isa0", words));
        }
    }
    for (slave, base) in [(0, 0x20), (0x30, 0x21), (0x20, 0), (0x21, 0), (0x20, 0xca2)] {
        let setup = |plan: &mut Plan| {
            plan.go_over(Transport::Ssif);
            plan.smbios = None;
            plan.memory = Smbios::default().holding(table(4, slave, base, &[0, 0]));
        };
        let words = format!("SSIF mode found at address {SSIF_ADDRESS:#x}");
        on("smbios says", setup, |bench| found(bench, "smbus0", &words));
    }
}

/// GUIDs of EFI's tables, as they are in memory: {f2fd1544-9794-4a2c-992e-e5bbcf20e394} and
/// {eb9d2d31-2d88-11d3-9a16-0090273fc14d}.
const SMBIOS3: [u8; 16] = *b"\x44\x15\xfd\xf2\x94\x97\x2c\x4a\x99\x2e\xe5\xbb\xcf\x20\xe3\x94";
const SMBIOS: [u8; 16] = *b"\x31\x2d\x9d\xeb\x88\x2d\xd3\x11\x9a\x16\x00\x90\x27\x3f\xc1\x4d";

#[test]
fn d25_an_entry_point_is_found_by_efi_by_loader_and_by_search() {
    // Where nobody would find it by searching.
    let far = 0x1_7ffe_1230;
    let near = 0x7ffe_1230;
    for (version, at, guid) in [
        (3, far, Some(SMBIOS3)),
        (3, near, Some(SMBIOS)),
        (2, near, Some(SMBIOS)),
        (3, far, None),
        (2, near, None),
    ] {
        let setup = |plan: &mut Plan| {
            let smbios = Smbios {
                version,
                ..Smbios::default()
            };
            plan.memory = smbios.bytes(Transport::Kcs);
            plan.memory[0].0 = at;
            plan.efi.extend(guid.map(|guid| (guid, at)));
            let loader = ("hint.smbios.0.mem", format!("{at:#x}"));
            plan.tunables.extend(guid.is_none().then_some(loader));
        };
        on("entry", setup, |bench| found(bench, "isa0", "io 0xca2"));
    }
    // EFI's word goes before what is left in the memory of a BIOS.
    let setup = |plan: &mut Plan| {
        let decoy = table(3, 0x20, 0xe5, &[0, 0]);
        let elsewhere = Smbios {
            table: 0xf_2000,
            ..Smbios::default()
        };
        plan.memory = elsewhere.holding(decoy);
        let mut true_one = Smbios::default().bytes(Transport::Kcs);
        true_one[0].0 = far;
        plan.memory.extend(true_one);
        plan.efi = vec![(SMBIOS3, far)];
    };
    on("entry", setup, |bench| found(bench, "isa0", "io 0xca2"));
}

/// Spoils some of the table; the entry point stays good, or nobody would look.
fn damaged(dice: &mut Dice) -> Vec<u8> {
    let all = MACHINES.into_iter().flatten();
    let tables = all.map(|(_, smbios, _)| pieces(smbios).swap_remove(1).1);
    let made = [1, 2, 3, 4, 9].map(|interface| table(interface, 0x20, 0xca3, &[0, 0]));
    let tables: Vec<_> = tables.chain(made).collect();
    let which = dice.between(0, tables.len() as u64 - 1) as usize;
    let mut bytes = tables[which].clone();
    if dice.chance(50) {
        bytes.truncate(dice.between(1, bytes.len() as u64) as usize);
    }
    for _ in 0..dice.between(0, 12) {
        let at = dice.between(0, bytes.len() as u64 - 1) as usize;
        bytes[at] = dice.pick(&[0, 1, 3, 38, 127, 0xff, dice.turn(256) as u8]);
    }
    // The memory ends where the table does: a step further would be seen.
    bytes.truncate((bytes.len() & !15).max(16));
    bytes
}

#[test]
fn d25_a_damaged_table_harms_nobody() {
    let setup = |plan: &mut Plan| plan.smbios = Some(Smbios::default());
    on("damaged tables", setup, |bench| {
        for _ in 0..400 {
            assert_eq!(bench.stage.unload().expect("it is loaded"), 0);
            let smbios = Smbios {
                version: bench.dice.pick(&[2, 3]),
                table: bench.dice.pick(&[0xf_1000, 0x7f_0000]),
                ..Smbios::default()
            };
            let memory = smbios.holding(damaged(&mut bench.dice));
            bench.board(|board| board.set_memory(memory));
            bench.load();
            bench.rest(50 * MS);
            assert_eq!(bench.stage.violations(), []);
        }
    });
}
