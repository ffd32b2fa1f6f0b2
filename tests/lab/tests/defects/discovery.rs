// SPDX-License-Identifier: BSD-2-Clause
//! D20 and D25: a BMC that the BIOS tells of is found, once, and found again after a detach. Must not
//! know how it is looked for.

use ipmi_lab::client::watch_for_node;
use ipmi_lab::firmware::Smbios;
use ipmi_lab::span::S;
use ipmi_lab::transport::Transport;

use crate::bench::{each_seed, Bench};

/// Beyond 4 GiB; nothing is where the lower half of it points.
const HIGH: u64 = 0x1_2345_6000;
const LOW: u64 = 0xf_1000;

/// A machine whose BIOS tells of its BMC, attached.
fn described(name: &str, transport: Transport, smbios: Smbios, test: impl Fn(&mut Bench)) {
    each_seed(
        name,
        1..=3,
        |plan, _| {
            plan.spacing = 1;
            plan.go_over(transport);
            plan.smbios = Some(smbios);
        },
        |bench| {
            bench.load();
            bench.run(watch_for_node);
            test(bench);
        },
    );
}

#[test]
fn d25_both_entry_points_and_tables_beyond_4_gib_are_read() {
    let tables = [
        (Transport::Kcs, 2, LOW),
        (Transport::KcsMem, 3, LOW),
        (Transport::Smic, 3, HIGH),
        (Transport::Bt, 3, HIGH),
        (Transport::Ssif, 2, LOW),
        (Transport::Ssif, 3, HIGH),
    ];
    for (transport, version, table) in tables {
        println!("{transport:?}, SMBIOS {version} at {table:#x}");
        let smbios = Smbios {
            version,
            table,
            ..Smbios::default()
        };
        described("d25", transport, smbios, |bench| {
            assert_eq!(bench.pat(128 * S), 0);
            assert!(bench.timer().counting);
        });
    }
}

#[test]
fn d20_what_is_described_attaches_once_and_again_after_a_detach() {
    for transport in [Transport::Kcs, Transport::Bt, Transport::Ssif] {
        described("d20", transport, Smbios::default(), |bench| {
            for _ in 0..3 {
                assert!(bench.stage.machine.is_attached("ipmi0"));
                assert!(!bench.stage.machine.is_attached("ipmi1"));
                assert_eq!(bench.pat(128 * S), 0);
                assert_eq!(bench.stage.machine.device_detach("ipmi0"), Ok(0));
                assert!(!bench.timer().counting, "left counting");
                assert_eq!(bench.stage.machine.device_attach("ipmi0"), Ok(0));
                bench.run(watch_for_node);
            }
        });
    }
}
