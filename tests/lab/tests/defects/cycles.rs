// SPDX-License-Identifier: BSD-2-Clause
//! A thousand lives of the module, on BMCs that misbehave: loaded, attached, used, detached, unloaded,
//! each with nothing left behind. Must not know what the kernel counts as a leak.

use ipmi_bmc::Fault;
use ipmi_kernel::{Process, Range};
use ipmi_lab::client::Device;
use ipmi_lab::dice::Dice;
use ipmi_lab::firmware::{self, Smbios, Wire, ACPI_PATH, PCI_LOCATION};
use ipmi_lab::scenario::Plan;
use ipmi_lab::span::{Ns, MS, S, US};
use ipmi_lab::transport::Transport;

use crate::bench::{each_seed, Bench};
use ipmi_lab::abi::EBUSY;

/// Lives on each machine, of which there are as many as [`WAYS`].
const LIVES: u32 = 125;

/// How the BMC is reached and who tells of it.
const WAYS: [(Transport, Way); 8] = [
    (Transport::Kcs, Way::Hints),
    (Transport::KcsMem, Way::Smbios),
    (Transport::Kcs, Way::Acpi),
    (Transport::Kcs, Way::Pci),
    (Transport::Smic, Way::Acpi),
    (Transport::Bt, Way::Pci),
    (Transport::Bt, Way::Smbios),
    (Transport::Ssif, Way::Smbios),
];

/// The interrupt of BMCs that ACPI or PCI tells of.
const WIRE: Wire = Wire::LEVEL;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Hints,
    Smbios,
    Acpi,
    Pci,
}

impl Way {
    fn tell(self, transport: Transport, plan: &mut Plan) {
        plan.smbios = (self == Way::Smbios).then(Smbios::default);
        match self {
            Way::Acpi => {
                let mut device = firmware::acpi(transport, 1);
                device.resources.push(Range::line(WIRE.number));
                plan.acpi = vec![device];
            }
            Way::Pci => {
                let mut device = firmware::pci(transport, 1);
                device.irq = Some(WIRE.number);
                plan.pci = vec![device];
            }
            Way::Hints | Way::Smbios => {}
        }
    }

    /// Where devctl(8) finds the device when no driver has it.
    fn location(self) -> &'static str {
        match self {
            Way::Acpi => ACPI_PATH,
            Way::Pci => PCI_LOCATION,
            Way::Hints | Way::Smbios => "ipmi0",
        }
    }
}

fn fault(dice: &mut Dice) -> Fault {
    let faults = [
        Fault::IbfStuck,
        Fault::ObfNever,
        Fault::ReadsFf,
        Fault::SlowHandshake { ns: 300 * US },
        Fault::ErrorState,
        Fault::SmsAtnStuck,
        Fault::Deaf { counting: true },
        Fault::ShortReply { keep: 2 },
        Fault::LongReply { total: 300 },
        Fault::GarbageReply,
        Fault::WrongNetFn,
        Fault::WrongCommand,
        Fault::WrongSequence,
        Fault::SmbusBusy,
        Fault::Completion {
            netfn: 6,
            cmd: 0x24,
            code: 0xc0,
        },
    ];
    let last = faults.len() as u64 - 1;
    faults[dice.between(0, last) as usize].clone()
}

/// A program that may leave before it has its answers, if the node is there at all.
fn ask(process: &Process, count: i64, takes: bool) {
    let Ok(device) = Device::open(process) else {
        return;
    };
    for msgid in 0..count {
        // What a BMC that misbehaves makes of it is not the question here.
        let _ = device.send(msgid, 0x06, 0x01, &[]);
    }
    if takes {
        device.wait(S);
        let _ = device.receive();
    }
    device.close();
}

/// Somebody opens the node, if it is there, and closes it after so long.
fn hold(bench: &mut Bench, lasts: Ns) -> bool {
    if !bench.run(|process| Device::open(process).map(Device::close).is_ok()) {
        return false;
    }
    bench.stage.process("holder", move |process, _| {
        let device = Device::open(process).expect("it was there");
        process.sleep(lasts).expect("no signal comes");
        device.close();
    });
    bench.rest(MS);
    true
}

fn live(bench: &mut Bench, way: Way) {
    let pause = bench.dice.between(0, 3 * S);
    let ill = bench.dice.chance(70);
    if ill {
        let (lasts, fault) = (bench.dice.magnitude(MS, 20 * S), fault(&mut bench.dice));
        bench.fault(lasts, fault);
    }
    bench.load();
    bench.rest(pause);
    for _ in 0..bench.dice.between(0, 2) {
        let (count, takes) = (bench.dice.between(1, 5) as i64, bench.dice.chance(50));
        bench.run(move |process| ask(process, count, takes));
        if bench.dice.chance(50) {
            // It counts for longer than all of this takes, even if a dead BMC is left with it.
            bench.pat(6000 * S);
        }
    }
    if bench.dice.chance(30) && bench.stage.machine.is_attached("ipmi0") {
        assert_eq!(bench.stage.machine.device_detach("ipmi0"), Ok(0));
        if bench.dice.chance(70) {
            let again = bench.stage.machine.device_attach(way.location());
            assert_eq!(again, Ok(0));
        }
    }
    if bench.dice.chance(10) && hold(bench, S) {
        assert_eq!(bench.stage.unload().expect("it is loaded"), EBUSY);
        bench.rest(2 * S);
    }
    let from = bench.now();
    assert_eq!(bench.stage.unload().expect("it is loaded"), 0);
    let took = bench.now() - from;
    assert!(took < 5 * S, "kldunload took {took} ns");
}

#[test]
fn d22_a_thousand_lives_leave_nothing_behind() {
    let mut lives = 0;
    for (transport, way) in WAYS {
        println!("{transport:?} by {way:?}");
        let setup = |plan: &mut Plan, _: &mut Dice| {
            plan.go_over(transport);
            plan.spacing = 1;
            way.tell(transport, plan);
        };
        let lived = std::cell::Cell::new(0);
        each_seed("d22-lives", 1..=1, setup, |bench| {
            bench.board(|board| board.wire(Some(WIRE)));
            for life in 0..LIVES {
                live(bench, way);
                assert_eq!(bench.stage.violations(), [], "life {life}");
                lived.set(lived.get() + 1);
            }
        });
        lives += lived.get();
    }
    assert_eq!(lives, 1000);
}
