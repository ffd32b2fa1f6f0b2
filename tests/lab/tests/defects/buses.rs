// SPDX-License-Identifier: BSD-2-Clause
//! D11, D20 and D21 where ACPI or PCI tells of the BMC: it attaches once, by whatever way it is told of,
//! and again after a detach; what cannot be driven there is left alone. Must not know how it is looked
//! for.

use ipmi_bmc::{Fault, When};
use ipmi_kernel::subsystems::sysctl::api::Value;
use ipmi_kernel::{AcpiDevice, PciDevice, Range};
use ipmi_lab::client::{watch_for_node, Device};
use ipmi_lab::dice::Dice;
use ipmi_lab::firmware::{self, Smbios, Wire, ACPI_PATH, PCI_LOCATION};
use ipmi_lab::scenario::Plan;
use ipmi_lab::span::{MS, S};
use ipmi_lab::transport::Transport;

use crate::bench::{each_seed, Bench};

/// All that have registers.
const REGISTERS: [Transport; 4] = [
    Transport::Kcs,
    Transport::KcsMem,
    Transport::Smic,
    Transport::Bt,
];

/// What is wrong with a description, in words and done to one.
type Broken<T> = (&'static str, fn(&mut T));

/// A machine that tells of its BMC as `setup` says, with the module loaded.
fn machine(
    name: &str,
    transport: Transport,
    spacing: u16,
    setup: impl Fn(&mut Plan),
    test: impl Fn(&mut Bench),
) {
    each_seed(
        name,
        1..=3,
        |plan: &mut Plan, _: &mut Dice| {
            plan.spacing = spacing;
            plan.go_over(transport);
            plan.smbios = None;
            setup(plan);
        },
        |bench| {
            bench.load();
            test(bench);
        },
    );
}

/// It is ipmi0, alone, and works.
fn works_alone(bench: &mut Bench) {
    bench.run(watch_for_node);
    assert!(bench.stage.machine.is_attached("ipmi0"));
    assert!(!bench.stage.machine.is_attached("ipmi1"));
    assert_eq!(bench.pat(128 * S), 0);
    assert!(bench.timer().counting);
}

/// Detached, it has no timer running, and can be had again.
fn comes_back(bench: &mut Bench, location: &str) {
    assert_eq!(bench.stage.machine.device_detach("ipmi0"), Ok(0));
    assert!(!bench.timer().counting, "left counting");
    assert!(!bench.stage.machine.is_attached("ipmi0"));
    assert_eq!(bench.stage.machine.device_attach(location), Ok(0));
    works_alone(bench);
}

#[test]
fn d20_what_acpi_tells_of_attaches_once_and_again_after_a_detach() {
    for transport in REGISTERS {
        for spacing in [1, 2, 4] {
            println!("{transport:?}, {spacing} apart");
            let setup = |plan: &mut Plan| plan.acpi = vec![firmware::acpi(transport, spacing)];
            machine("d20-acpi", transport, spacing, setup, |bench| {
                works_alone(bench);
                comes_back(bench, ACPI_PATH);
            });
        }
    }
}

#[test]
fn d20_what_pci_tells_of_attaches_once_and_again_after_a_detach() {
    for transport in REGISTERS {
        let spacings: &[u16] = match transport {
            Transport::Kcs | Transport::KcsMem => &[1, 2, 4, 16],
            _ => &[1],
        };
        for &spacing in spacings {
            println!("{transport:?}, {spacing} apart");
            let setup = |plan: &mut Plan| plan.pci = vec![firmware::pci(transport, spacing)];
            machine("d20-pci", transport, spacing, setup, |bench| {
                works_alone(bench);
                comes_back(bench, PCI_LOCATION);
            });
        }
    }
}

/// The bus that ipmi0 is on.
fn parent(bench: &mut Bench) -> String {
    match bench.stage.machine.sysctl_get("dev.ipmi.0.%parent") {
        Ok(Ok(Value::Text(parent))) => parent,
        other => panic!("{other:?}"),
    }
}

#[test]
fn d20_what_is_told_of_in_several_ways_attaches_once() {
    let bt = Transport::Bt;
    let kcs = Transport::Kcs;
    // ACPI goes before PCI, and both before SMBIOS.
    for (transport, ways, expected) in [
        (kcs, "acpi pci smbios", "acpi0"),
        (bt, "acpi smbios", "acpi0"),
        (bt, "pci smbios", "pci0"),
        (kcs, "pci smbios", "pci0"),
        (kcs, "smbios", "isa0"),
    ] {
        println!("{transport:?} by {ways}");
        let setup = |plan: &mut Plan| {
            let has = |way| ways.contains(way);
            plan.acpi
                .extend(has("acpi").then(|| firmware::acpi(transport, 1)));
            plan.pci
                .extend(has("pci").then(|| firmware::pci(transport, 1)));
            plan.smbios = has("smbios").then(Smbios::default);
        };
        machine("d20-ways", transport, 1, setup, |bench| {
            for _ in 0..3 {
                works_alone(bench);
                assert_eq!(parent(bench), expected);
                assert_eq!(bench.stage.unload().expect("it is loaded"), 0);
                assert!(!bench.timer().counting, "left counting");
                bench.load();
            }
            works_alone(bench);
        });
    }
}

#[test]
fn d20_a_hint_for_what_acpi_tells_of_makes_it_ipmi0_once() {
    let setup = |plan: &mut Plan| {
        plan.acpi = vec![firmware::acpi(Transport::Kcs, 1)];
        for (name, value) in [
            ("hint.ipmi.0.at", "isa0"),
            ("hint.ipmi.0.mode", "KCS"),
            ("hint.ipmi.0.port", "0xca2"),
        ] {
            plan.tunables.push((name, value.into()));
        }
    };
    machine("d20-hint", Transport::Kcs, 1, setup, |bench| {
        works_alone(bench);
        comes_back(bench, "ipmi0");
    });
}

/// A machine whose SMBIOS tells of the BMC, with these hints beside it: kldload(8) finds isahint's
/// device, loader(8) has the driver there before it.
fn hinted(name: &str, hints: &[(&'static str, &str)], test: impl Fn(&mut Bench)) {
    for way in ["kldload", "loader"] {
        let setup = |plan: &mut Plan| {
            plan.smbios = Some(Smbios::default());
            let hints = hints.iter().map(|(name, value)| (*name, value.to_string()));
            plan.tunables.extend(hints);
            if way == "loader" {
                plan.tunables.push(("ipmi_load", "YES".into()));
            }
        };
        machine(name, Transport::Kcs, 1, setup, &test);
    }
}

#[test]
fn a_hint_for_what_smbios_tells_of_attaches_once_whoever_loads() {
    let hints = [
        ("hint.ipmi.0.at", "isa"),
        ("hint.ipmi.0.mode", "KCS"),
        ("hint.ipmi.0.port", "0xca2"),
    ];
    hinted("hint-smbios", &hints, |bench| {
        works_alone(bench);
        assert_eq!(parent(bench), "isa0");
        comes_back(bench, "ipmi0");
    });
    // The bus by its number comes before the bus by its name.
    let hints = [
        ("hint.ipmi.0.at", "isa0"),
        ("hint.ipmi.0.mode", "KCS"),
        ("hint.ipmi.0.port", "0xca2"),
        ("hint.ipmi.1.at", "isa"),
        ("hint.ipmi.1.mode", "KCS"),
        ("hint.ipmi.1.port", "0xca2"),
    ];
    hinted("hint-two", &hints, |bench| {
        works_alone(bench);
        comes_back(bench, "ipmi0");
    });
    // One that is switched off stays so.
    let hints = [("hint.ipmi.0.at", "isa0"), ("hint.ipmi.0.disabled", "1")];
    hinted("hint-disabled", &hints, stays_away);
}

#[test]
fn d20_a_dell_whose_registers_are_behind_pci_is_had_there_once() {
    for transport in [Transport::Smic, Transport::Kcs] {
        let setup = |plan: &mut Plan| {
            plan.pci = vec![firmware::dell(transport, 1)];
            plan.smbios = Some(Smbios::default());
        };
        machine("d20-dell", transport, 1, setup, |bench| {
            works_alone(bench);
            assert_eq!(parent(bench), "pci0");
            comes_back(bench, "pci0:0:4:2");
        });
    }
    // Without SMBIOS nothing says what it is.
    let setup = |plan: &mut Plan| plan.pci = vec![firmware::dell(Transport::Smic, 1)];
    machine("d20-dell-alone", Transport::Smic, 1, setup, stays_away);
}

/// No device comes to be, and nothing of the module is in the way of its going.
fn stays_away(bench: &mut Bench) {
    bench.rest(60 * S);
    assert!(!bench.stage.machine.is_attached("ipmi0"));
    assert!(bench.run(|process| process.open("/dev/ipmi0").is_err()));
}

#[test]
fn d21_ssif_that_acpi_tells_of_is_left_to_the_smbus() {
    let setup = |plan: &mut Plan| plan.acpi = vec![firmware::acpi(Transport::Ssif, 1)];
    machine("d21", Transport::Ssif, 1, setup, stays_away);
    let setup = |plan: &mut Plan| {
        plan.acpi = vec![firmware::acpi(Transport::Ssif, 1)];
        plan.smbios = Some(Smbios::default());
    };
    machine("d21-smbus", Transport::Ssif, 1, setup, |bench| {
        works_alone(bench);
        assert_eq!(parent(bench), "smbus0");
        comes_back(bench, "ipmi0");
    });
}

#[test]
fn an_acpi_device_that_cannot_be_driven_leaves_the_bmc_to_smbios() {
    let broken: [Broken<AcpiDevice>; 5] = [
        ("no _CRS", |device| device.resources.clear()),
        ("no _IFT", |device| device.object("_IFT", None)),
        ("a strange _IFT", |device| device.object("_IFT", Some(0))),
        ("too few registers", |device| {
            device.resources.truncate(1);
            device.resources[0].count = 1;
        }),
        ("another _HID", |device| device.hid = "PNP0501".into()),
    ];
    for (what, how) in broken {
        println!("{what}");
        for smbios in [None, Some(Smbios::default())] {
            let setup = |plan: &mut Plan| {
                let mut device = firmware::acpi(Transport::Bt, 1);
                how(&mut device);
                plan.acpi = vec![device];
                plan.smbios = smbios;
            };
            machine("acpi-broken", Transport::Bt, 1, setup, |bench| {
                if smbios.is_none() {
                    return stays_away(bench);
                }
                works_alone(bench);
                assert_eq!(parent(bench), "isa0");
            });
        }
    }
}

#[test]
fn an_acpi_device_need_not_tell_more_than_interface_and_registers() {
    let setup = |plan: &mut Plan| {
        let mut device = firmware::acpi(Transport::Kcs, 1);
        device.object("_SRV", None);
        device.object("_UID", None);
        plan.acpi = vec![device];
    };
    machine("acpi-bare", Transport::Kcs, 1, setup, works_alone);
    let setup = |plan: &mut Plan| {
        plan.acpi = vec![firmware::acpi(Transport::Kcs, 1)];
        plan.smbios = Some(Smbios::default());
        let off = ("debug.acpi.disabled", "ipmi".into());
        plan.tunables.push(off);
    };
    machine("acpi-disabled", Transport::Kcs, 1, setup, |bench| {
        works_alone(bench);
        assert_eq!(parent(bench), "isa0");
    });
}

#[test]
fn a_pci_function_that_cannot_be_driven_is_left_alone() {
    let broken: [Broken<PciDevice>; 4] = [
        ("a strange progif", |device| device.progif = 7),
        ("no registers", |device| device.bars.clear()),
        ("too few registers", |device| device.bars[0].count = 1),
        ("another class", |device| device.subclass = 5),
    ];
    for (what, how) in broken {
        println!("{what}");
        let setup = |plan: &mut Plan| {
            let mut device = firmware::pci(Transport::Kcs, 1);
            how(&mut device);
            plan.pci = vec![device];
        };
        machine("pci-broken", Transport::Kcs, 1, setup, stays_away);
    }
}

#[test]
fn d11_a_bmc_that_shows_nothing_while_its_registers_are_looked_for_holds_up_nobody() {
    for fault in [
        Fault::ReadsFf,
        Fault::IbfStuck,
        Fault::ObfNever,
        Fault::Deaf { counting: true },
    ] {
        println!("{fault:?}");
        let setup = |plan: &mut Plan| {
            plan.pci = vec![firmware::pci(Transport::Kcs, 16)];
            let late = When::Window {
                from: 0,
                to: 40 * S,
            };
            plan.faults.push((late, fault.clone()));
        };
        each_seed(
            "d11-pci",
            1..=6,
            |plan, _| {
                plan.spacing = 1;
                setup(plan);
            },
            |bench| {
                let from = bench.now();
                bench.load();
                let took = bench.now() - from;
                assert!(took <= 100 * MS, "kldload took {took} ns");
                works_alone(bench);
            },
        );
    }
}

#[test]
fn d20_a_bmc_on_any_of_several_smbuses_attaches_once() {
    for empty in [1, 3] {
        let setup = |plan: &mut Plan| {
            plan.smbios = Some(Smbios::default());
            plan.empty_smbuses = empty;
        };
        machine("d20-smbuses", Transport::Ssif, 1, setup, |bench| {
            for _ in 0..3 {
                works_alone(bench);
                assert_eq!(parent(bench), format!("smbus{empty}"));
                comes_back(bench, "ipmi0");
                assert_eq!(bench.stage.unload().expect("it is loaded"), 0);
                bench.load();
            }
            works_alone(bench);
        });
    }
}

#[test]
fn an_interrupt_that_acpi_or_pci_names_is_used() {
    for (transport, by_acpi) in [
        (Transport::Kcs, true),
        (Transport::Kcs, false),
        (Transport::KcsMem, false),
        (Transport::Bt, true),
        (Transport::Bt, false),
    ] {
        println!("{transport:?}, ACPI: {by_acpi}");
        let setup = |plan: &mut Plan, _: &mut Dice| {
            plan.spacing = 1;
            let mut device = firmware::acpi(transport, 1);
            device.resources.push(Range::line(Wire::LEVEL.number));
            plan.acpi.extend(by_acpi.then_some(device));
            let mut function = firmware::pci(transport, 1);
            function.irq = Some(Wire::LEVEL.number);
            plan.pci.extend((!by_acpi).then_some(function));
            plan.go_over(transport);
            // Slow enough to sleep for.
            plan.bmc.execute = MS;
        };
        each_seed("buses-interrupt", 1..=3, setup, |bench| {
            bench.board(|board| board.wire(Some(Wire::LEVEL)));
            bench.load();
            works_alone(bench);
            ask_often(bench, 10);
            bench.rest(S);
            let before = interrupts(bench);
            ask_often(bench, 20);
            assert!(interrupts(bench) >= before + 20);
            comes_back(bench, if by_acpi { ACPI_PATH } else { PCI_LOCATION });
        });
    }
}

/// So many requests, one after the other, each with its answer.
fn ask_often(bench: &mut Bench, count: i64) {
    bench.run(move |process| {
        let device = Device::open(process).expect("opens");
        for id in 0..count {
            device.send(id, 0x06, 0x01, &[]).expect("is taken");
            assert!(device.wait(5 * S), "is answered");
            assert_eq!(device.receive().expect("is there").msgid, id);
        }
    });
}

fn interrupts(bench: &mut Bench) -> u64 {
    match bench
        .stage
        .machine
        .sysctl_get("dev.ipmi.0.stats.interrupts")
    {
        Ok(Ok(Value::Uint(value))) => value,
        other => panic!("{other:?}"),
    }
}
