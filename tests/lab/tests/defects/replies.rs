// SPDX-License-Identifier: BSD-2-Clause
//! D23 as applications meet it: a reply that is another's reaches nobody, over BT and wherever else
//! replies can be told apart. Must not know how.

use ipmi_bmc::Fault;
use ipmi_kernel::Process;
use ipmi_lab::abi;
use ipmi_lab::client::{watch_for_node, Device};
use ipmi_lab::span::{Ns, S};
use ipmi_lab::transport::Transport;

use crate::bench::{each_seed, Bench};

/// Get Chassis Status and Get Self Test Results, which the driver itself never asks for.
const CHASSIS: (u8, u8) = (0x00, 0x01);
const SELF_TEST: (u8, u8) = (0x06, 0x04);

/// A machine whose BMC is behind `transport`, attached.
fn behind(transport: Transport, name: &str, test: impl Fn(&mut Bench)) {
    each_seed(
        name,
        1..=10,
        |plan, _| plan.transport = transport,
        |bench| {
            bench.load();
            bench.run(watch_for_node);
            test(bench);
        },
    );
}

/// What becomes of a command: the reply's data, or the errno of sending or receiving.
fn ask(process: &Process, (net_fn, cmd): (u8, u8)) -> Result<Vec<u8>, i32> {
    let device = Device::open(process).expect("opens");
    let outcome = device.send(1, net_fn, cmd, &[]).and_then(|()| {
        assert!(device.wait(60 * S), "no completion within a minute");
        device.receive()
    });
    device.close();
    let reply = outcome?;
    assert_eq!((reply.net_fn, reply.cmd), (net_fn | 1, cmd), "of another");
    Ok(reply.data)
}

/// How often the BMC has run the command.
fn runs(bench: &Bench, command: (u8, u8)) -> usize {
    bench.board(|board| {
        let records = board.interface().bmc().records();
        records.filter(|r| (r.netfn, r.cmd) == command).count()
    })
}

/// Both commands, each answered with what is its own.
fn in_order(bench: &mut Bench) {
    for _ in 0..3 {
        let chassis = bench.run(|process| ask(process, CHASSIS));
        let result = bench.run(|process| ask(process, SELF_TEST));
        assert!(
            matches!(&chassis, Ok(data) if data.len() >= 4),
            "{chassis:x?}"
        );
        assert_eq!(result, Ok(vec![0, 0x55, 0]));
    }
}

/// Long enough for any one attempt to fail, too short for the BMC to be called unresponsive.
const ONCE: Ns = 6 * S;

#[test]
fn d23_a_reply_with_another_number_or_command_reaches_nobody() {
    for fault in [Fault::WrongSequence, Fault::WrongCommand, Fault::WrongNetFn] {
        behind(Transport::Bt, "d23", |bench| {
            in_order(bench);
            bench.fault(ONCE, fault.clone());
            let before = runs(bench, CHASSIS);
            let outcome = bench.run(|process| ask(process, CHASSIS));
            assert_eq!(outcome, Err(abi::EIO), "{fault:?}");
            assert_eq!(runs(bench, CHASSIS), before + 1, "{fault:?}: repeated");
            bench.rest(2 * ONCE);
            in_order(bench);
        });
    }
}

#[test]
fn d23_a_reply_that_comes_too_late_is_not_the_next_ones() {
    for transport in [Transport::Bt, Transport::Smic, Transport::Kcs] {
        behind(transport, "d23-late", |bench| {
            in_order(bench);
            // It is offered when this is over.
            bench.fault(ONCE, Fault::ObfNever);
            assert_eq!(bench.run(|process| ask(process, CHASSIS)), Err(abi::EIO));
            bench.rest(ONCE);
            in_order(bench);
        });
    }
}
