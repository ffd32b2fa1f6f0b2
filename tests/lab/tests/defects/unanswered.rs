// SPDX-License-Identifier: BSD-2-Clause
//! A BMC that answers all but some of what the driver asks for itself: applications have their turn,
//! and that is no outage. Must not know how often the driver asks.

use ipmi_bmc::{Fault, When};
use ipmi_kernel::subsystems::sysctl::api::Value;
use ipmi_kernel::Process;
use ipmi_lab::abi;
use ipmi_lab::client::{watch_for_node, Device};
use ipmi_lab::span::{Ns, S};
use ipmi_lab::transport::Transport;

use crate::bench::{each_seed, Bench};
use crate::fairness::{satellite, send_to, CHASSIS, MUTE};

/// Get Message Flags, Clear Message Flags, Get and Set BMC Global Enables, each by itself and all
/// of them.
const QUESTIONS: [&[u8]; 5] = [
    &[0x31],
    &[0x30],
    &[0x2f],
    &[0x2e],
    &[0x31, 0x30, 0x2f, 0x2e],
];
/// What the driver waits for two answers, and a little: the turn between them may be another's.
const IN_VAIN: Ns = 11 * S;

/// A timer whose pre-timeout raises a message flag, and does no more.
fn raise_pretimeout(process: &Process) {
    let device = Device::open(process).expect("opens");
    let set: &[u8] = &[0x04, 0x30, 9, 0, 100, 0];
    for (cmd, data) in [(0x24, set), (0x22, &[])] {
        device.send(1, 0x06, cmd, data).expect("is taken");
        assert!(device.wait(S), "the timer is set");
        assert_eq!(device.receive().map(|reply| reply.data), Ok(vec![0]));
    }
    process.sleep(2 * S).expect("no signal comes");
}

/// Nothing comes, or always the answer to something else.
const WAYS: [(Transport, Fault); 2] = [
    (Transport::Bt, Fault::ObfNever),
    (Transport::Kcs, Fault::WrongCommand),
];

#[test]
fn a_question_that_is_never_answered_starves_nobody() {
    for ((transport, fault), unanswered) in WAYS.iter().flat_map(|way| QUESTIONS.map(|q| (way, q)))
    {
        each_seed(
            "unanswered",
            1..=2,
            |plan, _| {
                plan.go_over(*transport);
                plan.bmc.satellites = vec![satellite(MUTE, true)];
            },
            |bench| {
                bench.load();
                bench.run(watch_for_node);
                bench.run(raise_pretimeout);
                leave_unanswered(bench, unanswered, fault);
                bench.fault(3600 * S, Fault::SmsAtnStuck);
                bench
                    .stage
                    .process("keen", |process, _| wait_in_vain(process));
                let quick = bench.run(answers_in_time);
                bench.rest(30 * S);
                assert!(quick > 60, "{fault:?} {unanswered:x?}: {quick} in 60 s");
                let outages = bench.stage.machine.sysctl_get("dev.ipmi.0.stats.outages");
                assert_eq!(outages, Ok(Ok(Value::Uint(0))), "it answers all else");
            },
        );
    }
}

fn leave_unanswered(bench: &Bench, commands: &[u8], fault: &Fault) {
    let from = bench.now();
    for &cmd in commands {
        let when = When::Command {
            netfn: 0x06,
            cmd,
            from,
            to: from + 3600 * S,
        };
        bench.board(|board| {
            let faults = board.interface_mut().faults_mut();
            faults.add(when, fault.clone());
        });
    }
}

/// Wants events, and awaits a reply from the bus for which flags are asked often.
fn wait_in_vain(process: &Process) {
    let device = Device::open(process).expect("opens");
    let on = process.alloc_with(&1i32.to_le_bytes());
    let asked = process.ioctl(device.fd(), abi::SET_GETS_EVENTS, on);
    assert_eq!(asked, Ok(()));
    let until = process.now() + 60 * S;
    while process.now() < until {
        send_to(process, device.fd(), MUTE);
        device.wait(60 * S);
        let _ = device.receive();
    }
}

/// How many requests are answered at once, of those sent in 60 s; the rest is not much later.
fn answers_in_time(process: &Process) -> u32 {
    let device = Device::open(process).expect("opens");
    let (until, mut quick) = (process.now() + 60 * S, 0);
    while process.now() < until {
        let from = process.now();
        device.send(1, CHASSIS.0, CHASSIS.1, &[]).expect("is taken");
        assert!(device.wait(IN_VAIN), "starved");
        device.receive().expect("a reply");
        quick += u32::from(process.now() - from < S / 10);
        process.sleep(S / 10).expect("no signal comes");
    }
    quick
}
