// SPDX-License-Identifier: BSD-2-Clause
//! D05 and D11 where the BMC is on an SMBus, found by what firmware says of it: messages in blocks
//! arrive whole, and a bus that others keep busy hangs nobody. Must not know the blocks.

use ipmi_bmc::Fault;
use ipmi_kernel::Process;
use ipmi_lab::abi::{self, Msg, Req};
use ipmi_lab::client::{watch_for_node, Device};
use ipmi_lab::span::{MS, S};
use ipmi_lab::transport::Transport;

use crate::bench::{each_seed, Bench};

/// A command that no BMC knows, whose data is its own affair.
const STRANGE: (u8, u8) = (0x30, 0x42);
/// Read FRU Data.
const READ_FRU: (u8, u8) = (0x0a, 0x11);
/// Longest request that the BMC says it takes: netfn and command are two of them.
const LONGEST: usize = 255 - 2;

/// A machine whose BMC is on the SMBus, attached.
fn on_the_bus(name: &str, test: impl Fn(&mut Bench)) {
    each_seed(
        name,
        1..=6,
        |plan, _| plan.go_over(Transport::Ssif),
        |bench| {
            bench.load();
            bench.run(watch_for_node);
            test(bench);
        },
    );
}

/// A request with data of any length, to the BMC.
fn send(process: &Process, fd: i32, (net_fn, cmd): (u8, u8), data: &[u8]) -> Result<(), i32> {
    let address = abi::system_interface(0);
    let req = Req {
        addr: process.alloc_with(&address),
        addr_len: address.len() as u32,
        msgid: 1,
        msg: Msg {
            net_fn,
            cmd,
            data_len: data.len() as u16,
            data: process.alloc_with(data),
        },
    };
    process.ioctl(fd, abi::SEND_COMMAND, process.alloc_with(&req.bytes()))
}

#[test]
fn d05_a_request_of_any_length_arrives_as_it_was_sent() {
    on_the_bus("d05", |bench| {
        for length in 0..=LONGEST {
            let data: Vec<u8> = (0..length).map(|at| at as u8 ^ 0x5a).collect();
            let sent = data.clone();
            let reply = bench.run(move |process| {
                let device = Device::open(process).expect("opens");
                send(process, device.fd(), STRANGE, &sent).expect("is taken");
                assert!(device.wait(15 * S), "no completion within 15 s");
                device.receive().map(|reply| reply.data)
            });
            assert_eq!(reply, Ok(vec![0xc1]), "{length} bytes");
            let came: Vec<Vec<u8>> = bench.board(|board| {
                let records = board.interface().bmc().records();
                let those = records.filter(|r| (r.netfn, r.cmd) == STRANGE);
                those.map(|r| r.data.clone()).collect()
            });
            assert_eq!(came.last(), Some(&data), "{length} bytes");
        }
        bench.run(|process| {
            let device = Device::open(process).expect("opens");
            let refused = send(process, device.fd(), STRANGE, &[0; LONGEST + 1]);
            assert_eq!(refused, Err(abi::EMSGSIZE));
        });
    });
}

#[test]
fn d05_a_reply_of_any_length_comes_back_whole() {
    on_the_bus("d05-reply", |bench| {
        let whole = bench.run(|process| {
            let device = Device::open(process).expect("opens");
            let read = |offset: usize, count: usize| {
                let data = [0, offset as u8, 0, count as u8];
                send(process, device.fd(), READ_FRU, &data).expect("is taken");
                assert!(device.wait(15 * S), "no completion within 15 s");
                device.receive().expect("a reply").data
            };
            // A byte at a time is one block each; longer ones must say the same.
            let bytes: Vec<u8> = (0..240).map(|at| read(at, 1)[2]).collect();
            for count in 1..=240 {
                let reply = read(0, count);
                assert_eq!(reply[..2], [0, count as u8]);
                assert_eq!(reply[2..], bytes[..count], "{count} bytes");
            }
            bytes
        });
        assert!(
            whole.iter().any(|byte| *byte != whole[0]),
            "it says something"
        );
    });
}

#[test]
fn d11_a_bus_that_others_keep_busy_hangs_nobody() {
    on_the_bus("d11-bus", |bench| {
        assert_eq!(bench.pat(128 * S), 0);
        assert!(bench.timer().counting);
        let back = bench.now() + 60 * S;
        bench.fault(60 * S, Fault::SmbusBusy);
        bench.run(|process| {
            let device = Device::open(process).expect("opens");
            let from = process.now();
            device.send(1, 0x06, 0x01, &[]).expect("is taken");
            assert!(device.wait(60 * S), "no completion within a minute");
            assert!(device.receive().is_err(), "and yet an answer");
            assert!(process.now() - from < 30 * S);
            device.send(1, 0x06, 0x01, &[]).err();
            let from = process.now();
            device.close();
            assert!(process.now() - from < 100 * MS, "close waits for the bus");
        });
        let from = bench.now();
        bench.pat(128 * S);
        assert!(bench.now() - from < S, "the pat waits for the bus");
        let left = back + 5 * S - bench.now();
        bench.rest(left);
        assert_eq!(bench.pat(128 * S), 0);
        let confirmed = bench.figure("confirmed_age_ms");
        assert!(confirmed < 1000, "{confirmed}");
        bench.fault(3600 * S, Fault::SmbusBusy);
        let from = bench.now();
        assert_eq!(bench.stage.unload().expect("it is loaded"), 0);
        assert!(bench.now() - from < 20 * S, "{} ns", bench.now() - from);
    });
}
