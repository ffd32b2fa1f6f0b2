// SPDX-License-Identifier: BSD-2-Clause
//! An interrupt that SMBIOS names is used, checked and, if it is of no use, given up; whatever it does,
//! the host gets its answers. Must not know how the driver waits.

use ipmi_bmc::Executes;
use ipmi_kernel::subsystems::sysctl::api::Value;
use ipmi_lab::abi;
use ipmi_lab::board::Board;
use ipmi_lab::client::{watch_for_node, Device};
use ipmi_lab::dice::Dice;
use ipmi_lab::firmware::{Cut, Wire};
use ipmi_lab::scenario::Plan;
use ipmi_lab::span::{Ns, MS, S, US};
use ipmi_lab::transport::Transport;

use crate::bench::{each_seed, Bench};

/// Receive queue and event buffer interrupts among the global enables.
const INTERRUPTS: u8 = 0x03;

const EDGE: Wire = Wire {
    level: false,
    ..Wire::LEVEL
};
const LEVEL: Wire = Wire::LEVEL;

/// A machine whose BIOS names this interrupt, attached.
fn wired(name: &str, transport: Transport, wire: Wire, test: impl Fn(&mut Bench)) {
    println!("{transport:?}, {wire:?}");
    each_seed(
        name,
        1..=4,
        |plan, dice| {
            plan.go_over(transport);
            plan.is_described(wire);
            // Slow enough to sleep for.
            plan.bmc.execute = dice.between(500 * US, 2 * MS);
        },
        |bench| {
            bench.load();
            bench.run(watch_for_node);
            requests(bench, 10);
            bench.rest(S);
            test(bench);
        },
    );
}

fn statistic(bench: &mut Bench, leaf: &str) -> u64 {
    let name = format!("dev.ipmi.0.stats.{leaf}");
    match bench.stage.machine.sysctl_get(&name) {
        Ok(Ok(Value::Uint(value))) => value,
        other => panic!("{name}: {other:?}"),
    }
}

/// What the BMC has enabled.
fn enables(bench: &Bench) -> u8 {
    bench.board(|board| board.interface().bmc().enables())
}

/// So many requests, one after the other, each with its answer.
fn requests(bench: &mut Bench, count: i64) {
    bench.run(move |process| {
        let device = Device::open(process).expect("opens");
        for id in 0..count {
            device.send(id, 0x06, 0x01, &[]).expect("is taken");
            assert!(device.wait(5 * S), "is answered");
            let reply = device.receive().expect("is there");
            assert_eq!((reply.msgid, reply.data[0], reply.data[1]), (id, 0, 0x20));
        }
    });
}

fn said(bench: &Bench, words: &str) -> usize {
    let console = bench.stage.console();
    console
        .iter()
        .filter(|line| line.text.contains(words))
        .count()
}

/// How long a descriptor that wants events waits for one that the BMC has.
fn event(bench: &mut Bench) -> Ns {
    bench.run(move |process| {
        let device = Device::open(process).expect("opens");
        let on = process.alloc_with(&1i32.to_le_bytes());
        let asked = process.ioctl(device.fd(), abi::SET_GETS_EVENTS, on);
        assert_eq!(asked, Ok(()));
        process.sleep(2 * S).expect("no signal comes");
        let raised = process.now();
        process.hardware(|board: &mut Board| {
            let bmc = board.interface_mut().bmc_mut();
            bmc.platform_event([0x04, 0x01, 0x30, 0x01, 0x57, 0x50, 0x4b], raised);
        });
        assert!(device.wait(10 * S), "the event comes");
        process.now() - raised
    })
}

#[test]
fn an_interrupt_that_is_named_is_used_and_switched_off_at_the_end() {
    for (transport, wire) in [
        (Transport::Kcs, EDGE),
        (Transport::Kcs, LEVEL),
        (Transport::KcsMem, LEVEL),
        (Transport::Bt, EDGE),
        (Transport::Bt, LEVEL),
    ] {
        wired("interrupts", transport, wire, |bench| {
            assert_eq!(bench.pat(128 * S), 0);
            bench.rest(S);
            assert_eq!(enables(bench) & INTERRUPTS, INTERRUPTS);
            let before = statistic(bench, "interrupts");
            requests(bench, 20);
            assert!(statistic(bench, "interrupts") >= before + 20);
            assert_eq!(statistic(bench, "interrupting"), 1);
            assert_eq!(statistic(bench, "timeouts"), 0);
            assert_eq!(statistic(bench, "bad_states"), 0);
            assert_eq!(statistic(bench, "bad_replies"), 0);
            assert_eq!(bench.pat(0), 0);
            assert_eq!(bench.stage.unload().ok(), Some(0));
            assert_eq!(enables(bench) & INTERRUPTS, 0, "nobody serves them");
            if transport == Transport::Bt {
                let now = bench.now();
                let mask = bench.board(|board| board.interface_mut().read(2, now));
                assert_eq!(mask & 0x01, 0, "BT_INTMASK");
            }
        });
    }
}

#[test]
fn one_that_never_comes_is_given_up_and_the_driver_polls() {
    for transport in [Transport::Kcs, Transport::Bt] {
        let wire = Wire {
            fault: Some(Cut::Open),
            ..LEVEL
        };
        wired("interrupts-open", transport, wire, |bench| {
            for _ in 0..20 {
                requests(bench, 10);
                bench.rest(S);
            }
            assert_eq!(statistic(bench, "interrupting"), 0);
            assert_eq!(said(bench, "interrupt does not come; polling"), 1);
            assert_eq!(enables(bench) & INTERRUPTS, 0);
            requests(bench, 10);
            assert_eq!(bench.pat(128 * S), 0);
        });
    }
}

#[test]
fn one_that_never_stops_is_given_up_and_the_driver_polls() {
    for transport in [Transport::Kcs, Transport::Bt] {
        let wire = Wire {
            fault: Some(Cut::Short),
            ..LEVEL
        };
        wired("interrupts-short", transport, wire, |bench| {
            requests(bench, 10);
            bench.rest(20 * S);
            for _ in 0..20 {
                requests(bench, 10);
                bench.rest(S);
            }
            assert_eq!(statistic(bench, "interrupting"), 0);
            assert_eq!(said(bench, "interrupt comes too often; polling"), 1);
            assert_eq!(bench.pat(128 * S), 0);
        });
    }
}

#[test]
fn a_bmc_that_was_reset_is_told_again_to_interrupt() {
    for transport in [Transport::Kcs, Transport::Bt] {
        wired("interrupts-reset", transport, LEVEL, |bench| {
            assert_eq!(bench.pat(128 * S), 0);
            bench.rest(S);
            let now = bench.now();
            bench.board(|board| board.interface_mut().bmc_mut().reset(now, 2 * S));
            assert_eq!(enables(bench) & INTERRUPTS, 0);
            bench.rest(10 * S);
            assert_eq!(enables(bench) & INTERRUPTS, INTERRUPTS);
            let before = statistic(bench, "interrupts");
            requests(bench, 10);
            assert!(statistic(bench, "interrupts") >= before + 10);
            assert_eq!(statistic(bench, "interrupting"), 1);
        });
    }
}

#[test]
fn what_the_bmc_has_to_say_is_noticed_at_once() {
    for transport in [Transport::Kcs, Transport::Bt] {
        wired("interrupts-event", transport, LEVEL, |bench| {
            let waited = event(bench);
            assert!(waited < 20 * MS, "{waited}");
        });
    }
}

#[test]
fn a_bmc_that_answers_at_once_is_not_asked_to_interrupt() {
    for transport in [Transport::Kcs, Transport::Bt] {
        let quick = |plan: &mut Plan, _: &mut Dice| {
            plan.go_over(transport);
            plan.is_described(LEVEL);
            plan.bmc.handshake = 2 * US;
            plan.bmc.execute = 10 * US;
            plan.executes = Executes::BehindIbf;
        };
        each_seed("interrupts-quick", 1..=4, quick, |bench| {
            bench.load();
            bench.run(watch_for_node);
            requests(bench, 100);
            bench.rest(S);
            requests(bench, 100);
            assert_eq!(enables(bench) & INTERRUPTS, 0);
            assert_eq!(statistic(bench, "interrupting"), 0);
            assert_eq!(said(bench, "polling"), 0);
        });
    }
}
