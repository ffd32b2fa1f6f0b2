// SPDX-License-Identifier: BSD-2-Clause
//! Two BMCs in one host: each has its own worker, node and watchdog, and what happens to one is
//! nothing to the other. Must not know how they are told apart.

use ipmi_bmc::{Bmc, Config, Executes, Fault, WatchdogView, When};
use ipmi_lab::board::Board;
use ipmi_lab::client::{watch_for, Device};
use ipmi_lab::firmware::{self, Described};
use ipmi_lab::scenario::Plan;
use ipmi_lab::span::{Ns, MS, S};
use ipmi_lab::transport::Transport;

use crate::bench::{each_seed, Bench};

const NODES: [&str; 2] = ["/dev/ipmi0", "/dev/ipmi1"];
/// `hw.ipmi.wd_pat_wait_ms` for each of them, and the way in and out.
const PAT: Ns = 2 * 250 * MS + 10 * MS;

/// Hints for KCS as ipmi0 and BT as ipmi1.
fn both_hinted(plan: &mut Plan) {
    plan.spacing = 1;
    for (name, value) in [
        ("hint.ipmi.1.at", "isa0"),
        ("hint.ipmi.1.mode", "BT"),
        ("hint.ipmi.1.port", "0xe4"),
    ] {
        plan.tunables.push((name, value.into()));
    }
}

/// BT on PCI, which is there first and leaves unit 0 to the hint for KCS.
fn hinted_and_pci(plan: &mut Plan) {
    both_hinted(plan);
    for (name, value) in &mut plan.tunables {
        match *name {
            "hint.ipmi.1.at" => *name = "hint.ipmi.0.at",
            "hint.ipmi.1.mode" => (*name, *value) = ("hint.ipmi.0.mode", "KCS".into()),
            "hint.ipmi.1.port" => (*name, *value) = ("hint.ipmi.0.port", "0xca2".into()),
            _ => {}
        }
    }
    plan.pci = vec![firmware::pci(Transport::Bt, 1)];
}

/// A host with both, the module loaded.
fn two(name: &str, setup: fn(&mut Plan), test: impl Fn(&mut Bench)) {
    each_seed(
        name,
        1..=6,
        |plan, _| setup(plan),
        |bench| {
            let bmc = Bmc::new(Config {
                records: 64,
                ..Config::default()
            });
            let other = Transport::Bt.interface(bmc, Executes::BehindObf);
            let registers = Transport::Bt.registers(1);
            bench.board(|board| {
                board.put_beside(Board::new(registers, other, Described::default()));
            });
            bench.load();
            test(bench);
        },
    );
}

/// What the timer of that BMC does.
fn timer(bench: &Bench, unit: usize) -> WatchdogView {
    let now = bench.now();
    on(bench, unit, |board| board.interface().bmc().watchdog(now))
}

/// The board of that BMC.
fn on<R>(bench: &Bench, unit: usize, f: impl FnOnce(&mut Board) -> R) -> R {
    bench.board(|board| match unit {
        0 => f(board),
        _ => f(board.neighbour().expect("it was put there")),
    })
}

/// That BMC misbehaves from now on, for so long.
fn fault(bench: &Bench, unit: usize, lasts: Ns, fault: Fault) {
    let from = bench.now();
    let window = When::Window {
        from,
        to: from.saturating_add(lasts),
    };
    on(bench, unit, |board| {
        board.interface_mut().faults_mut().add(window, fault);
    });
}

fn await_both(bench: &mut Bench) {
    bench.run(|process| NODES.map(|node| watch_for(process, node)));
}

/// What Get Device ID through that node is answered with, and how long it took.
fn ask(bench: &mut Bench, unit: usize) -> (Result<Vec<u8>, i32>, Ns) {
    bench.run(move |process| {
        let device = Device::open_node(process, NODES[unit]).expect("opens");
        let from = process.now();
        let reply = device.send(1, 0x06, 0x01, &[]).and_then(|()| {
            assert!(device.wait(60 * S), "no completion within a minute");
            device.receive().map(|reply| reply.data)
        });
        (reply, process.now() - from)
    })
}

/// A pat and the time it took.
fn timed_pat(bench: &mut Bench, timeout: Ns) -> i32 {
    let from = bench.now();
    let error = bench.pat(timeout);
    let took = bench.now() - from;
    // A process looks at what it waits for ten times a second.
    assert!(took <= PAT + S / 10, "the pat took {took} ns");
    error
}

#[test]
fn two_bmcs_are_two_devices_and_both_guard_the_host() {
    for setup in [both_hinted, hinted_and_pci] {
        two("two", setup, |bench| {
            await_both(bench);
            assert!(!bench.stage.machine.is_attached("ipmi2"));
            assert_eq!(timed_pat(bench, 128 * S), 0);
            for unit in [0, 1] {
                assert!(timer(bench, unit).counting, "ipmi{unit}");
                assert!(ask(bench, unit).0.is_ok_and(|data| data[0] == 0));
            }
            assert_eq!(timed_pat(bench, 0), 0);
            for unit in [0, 1] {
                assert!(!timer(bench, unit).counting, "ipmi{unit}");
            }
        });
    }
}

#[test]
fn a_dead_bmc_is_nothing_to_the_other_one() {
    for dead in [0, 1] {
        let living = 1 - dead;
        two("two-dead", both_hinted, |bench| {
            await_both(bench);
            assert_eq!(timed_pat(bench, 128 * S), 0);
            let back = bench.now() + 100 * S;
            fault(bench, dead, 100 * S, Fault::Deaf { counting: true });
            for _ in 0..10 {
                // One that guards the host is enough.
                assert_eq!(timed_pat(bench, 128 * S), 0);
                let (reply, took) = ask(bench, living);
                assert!(reply.is_ok_and(|data| data[0] == 0) && took < S);
                assert!(timer(bench, living).remaining > 120 * S);
                bench.rest(5 * S);
            }
            assert!(ask(bench, dead).0.is_err());
            // A host is disarmed when both are.
            assert_ne!(timed_pat(bench, 0), 0);
            assert!(!timer(bench, living).counting);
            // And what was asked of the dead one is done when it is back.
            bench.rest(back + 2 * S - bench.now());
            assert!(!timer(bench, dead).counting);
            assert_eq!(timed_pat(bench, 128 * S), 0);
            assert!(timer(bench, dead).counting);
        });
    }
}

#[test]
fn one_of_two_bmcs_comes_and_goes_without_the_other() {
    for gone in ["ipmi0", "ipmi1"] {
        let (leaving, staying) = match gone {
            "ipmi0" => (0, 1),
            _ => (1, 0),
        };
        two("two-detach", both_hinted, |bench| {
            await_both(bench);
            for _ in 0..3 {
                assert_eq!(timed_pat(bench, 128 * S), 0);
                assert_eq!(bench.stage.machine.device_detach(gone), Ok(0));
                assert!(!timer(bench, leaving).counting, "left counting");
                assert!(timer(bench, staying).counting, "stopped too");
                assert!(bench.run(move |process| process.open(NODES[leaving]).is_err()));
                assert!(ask(bench, staying).0.is_ok());
                assert_eq!(timed_pat(bench, 128 * S), 0);
                assert_eq!(bench.stage.machine.device_attach(gone), Ok(0));
                await_both(bench);
            }
        });
    }
}

#[test]
fn a_dead_bmc_does_not_keep_the_module_from_going() {
    for (dead, when) in [(0, 0), (1, 0), (0, S), (1, S)] {
        two("two-unload", both_hinted, |bench| {
            if when > 0 {
                await_both(bench);
                assert_eq!(timed_pat(bench, 128 * S), 0);
            }
            fault(bench, dead, 3600 * S, Fault::ReadsFf);
            bench.run(move |process| watch_for(process, NODES[1 - dead]));
            bench.rest(2 * S);
            let from = bench.now();
            assert_eq!(bench.stage.unload().expect("it is loaded"), 0);
            let took = bench.now() - from;
            assert!(took < 5 * S, "kldunload took {took} ns");
            assert!(!timer(bench, 1 - dead).counting, "left counting");
        });
    }
}
