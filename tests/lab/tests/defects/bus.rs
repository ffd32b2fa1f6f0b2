// SPDX-License-Identifier: BSD-2-Clause
//! D01 to D03 and D24 on the bus behind the BMC, and the events that come from there: each reply
//! reaches the descriptor that asked, and nothing else does.

use ipmi_bmc::Satellite;
use ipmi_kernel::subsystems::sysctl::api::Value;
use ipmi_kernel::Process;
use ipmi_lab::abi::{self, Msg, Recv, Req};
use ipmi_lab::client::{watch_for_node, Device};
use ipmi_lab::span::{Ns, MS, S};
use ipmi_lab::transport::Transport;

use crate::bench::{attached, each_seed, Bench};

/// Get Device ID.
const DEVICE_ID: (u8, u8) = (0x06, 0x01);
/// Slave addresses of the satellites here.
const FIRST: u8 = 0x72;
const SECOND: u8 = 0x74;
const MUTE: u8 = 0x76;
const NOBODY: u8 = 0x78;
/// Data that a Send Message has no room for.
const TOO_LONG: u16 = 272 - 10 + 1;

/// `struct ipmi_ipmb_addr`: type 1, channel 0, slave, LUN 0; in as much room as the C driver reads.
fn bus(slave: u8) -> [u8; abi::ADDR_SIZE] {
    let mut address = [0; abi::ADDR_SIZE];
    (address[0], address[6]) = (1, slave);
    address
}

fn send(process: &Process, fd: i32, address: &[u8], msgid: i64, data: &[u8]) -> Result<(), i32> {
    let req = Req {
        addr: process.alloc_with(address),
        addr_len: address.len() as u32,
        msgid,
        msg: Msg {
            net_fn: DEVICE_ID.0,
            cmd: DEVICE_ID.1,
            data_len: data.len() as u16,
            data: process.alloc_with(data),
        },
    };
    process.ioctl(fd, abi::SEND_COMMAND, process.alloc_with(&req.bytes()))
}

/// A completion with its address and data.
#[derive(Debug, PartialEq)]
struct Received {
    recv_type: i32,
    msgid: i64,
    address: Vec<u8>,
    net_fn: u8,
    data: Vec<u8>,
}

fn receive_into(process: &Process, fd: i32, room: u16) -> Result<Received, i32> {
    let (address, data) = (process.alloc(abi::ADDR_SIZE), process.alloc(abi::MAX_RX));
    let recv = Recv {
        addr: address,
        addr_len: abi::ADDR_SIZE as u32,
        msg: Msg {
            data_len: room,
            data,
            ..Msg::default()
        },
        ..Recv::default()
    };
    let argument = process.alloc_with(&recv.bytes());
    process.ioctl(fd, abi::RECEIVE_MSG, argument)?;
    let recv = Recv::parse(&process.read(argument, abi::RECV_SIZE));
    Ok(Received {
        recv_type: recv.recv_type,
        msgid: recv.msgid,
        address: process.read(address, 8),
        net_fn: recv.msg.net_fn,
        data: process.read(data, usize::from(recv.msg.data_len)),
    })
}

fn receive(process: &Process, fd: i32) -> Result<Received, i32> {
    let events = process.poll(&[(fd, abi::POLLIN)], Some(20 * S))?;
    assert!(events[0] & abi::POLLIN != 0, "no completion within 20 s");
    receive_into(process, fd, abi::MAX_RX as u16)
}

fn open(process: &Process) -> i32 {
    process.open("/dev/ipmi0").expect("opens")
}

const TRANSPORTS: [Transport; 4] = [
    Transport::Kcs,
    Transport::Smic,
    Transport::Bt,
    Transport::Ssif,
];

fn satellite(address: u8, reply_after: Ns, mute: bool) -> Satellite {
    Satellite {
        address,
        reply_after,
        mute,
    }
}

/// A machine with satellites that take their time, attached.
fn with_satellites(name: &str, test: impl Fn(&mut Bench)) {
    each_seed(
        name,
        1..=20,
        |plan, _| {
            plan.bmc.satellites = vec![
                satellite(FIRST, 40 * MS, false),
                satellite(SECOND, 5 * MS, false),
                satellite(MUTE, 0, true),
            ];
        },
        |bench| {
            bench.load();
            bench.run(watch_for_node);
            test(bench);
        },
    );
}

#[test]
fn d01_a_huge_request_to_the_bus_is_refused() {
    attached("d01 bus", |bench| {
        bench.run(|process| {
            let fd = open(process);
            for length in [65535, 16384, 1024, TOO_LONG] {
                let data = vec![0; usize::from(length)];
                let refused = send(process, fd, &bus(FIRST), 1, &data);
                assert_eq!(refused, Err(abi::EMSGSIZE), "{length} bytes");
            }
        });
    });
}

/// An event that fills the event message buffer, and nobody who wants it.
fn fill_event_buffer(bench: &mut Bench) {
    bench.run(|process| {
        let device = Device::open(process).expect("opens");
        let enables = device.send(1, 0x06, 0x2e, &[0x0c]);
        enables.expect("Set BMC Global Enables is taken");
        assert!(device.wait(S), "no completion within a second");
        assert_eq!(device.receive().map(|reply| reply.data), Ok(vec![0]));
    });
    let (event, now) = ([0x04, 0x01, 0x30, 0x01, 0x57, 0x50, 0x4b], bench.now());
    bench.board(|board| board.interface_mut().bmc_mut().platform_event(event, now));
}

#[test]
fn d24_an_event_that_nobody_reads_hides_no_reply() {
    for transport in TRANSPORTS {
        each_seed(
            "d24-event",
            1..=5,
            |plan, _| {
                plan.go_over(transport);
                plan.bmc.satellites = vec![satellite(FIRST, 40 * MS, false)];
            },
            |bench| {
                bench.load();
                bench.run(watch_for_node);
                fill_event_buffer(bench);
                bench.rest(10 * S);
                bench.run(move |process| {
                    let fd = open(process);
                    for msgid in 0..5 {
                        let from = process.now();
                        send(process, fd, &bus(FIRST), msgid, &[]).expect("is taken");
                        let reply = receive(process, fd).expect("a reply");
                        assert_eq!((reply.msgid, reply.data[0]), (msgid, 0));
                        let took = process.now() - from;
                        assert!(took < S, "{}: {took} ns", transport.name());
                    }
                    // Who wants events from now on is given it.
                    let on = process.alloc_with(&1i32.to_le_bytes());
                    let asked = process.ioctl(fd, abi::SET_GETS_EVENTS, on);
                    assert_eq!(asked, Ok(()));
                    let event = receive(process, fd).expect("the event");
                    assert_eq!(event.recv_type, 2);
                });
            },
        );
    }
}

#[test]
fn d02_a_message_that_is_no_reply_reaches_nobody() {
    with_satellites("d02", |bench| {
        for message in [
            &[][..],
            &[0],
            &[0, 0x1e, 0, MUTE, 4, 1],
            &[0; 7],
            &[0xff; 32],
        ] {
            let (message, now) = (message.to_vec(), bench.now());
            bench.board(|board| board.interface_mut().bmc_mut().queue_message(&message, now));
            bench.run(|process| {
                let fd = open(process);
                send(process, fd, &bus(FIRST), 7, &[]).expect("is taken");
                let reply = receive(process, fd).expect("an answer");
                assert_eq!((reply.msgid, reply.data[..2].to_vec()), (7, vec![0, FIRST]));
            });
        }
        let strays = bench.stage.machine.sysctl_get("dev.ipmi.0.stats.strays");
        assert_eq!(strays, Ok(Ok(Value::Uint(5))));
    });
}

#[test]
fn d03_a_reply_that_does_not_fit_stays_as_it_is() {
    with_satellites("d03", |bench| {
        bench.run(|process| {
            let fd = open(process);
            send(process, fd, &bus(SECOND), 9, &[]).expect("is taken");
            process
                .poll(&[(fd, abi::POLLIN)], Some(20 * S))
                .expect("comes");
            for _ in 0..3 {
                assert_eq!(receive_into(process, fd, 4), Err(abi::EMSGSIZE));
            }
            let reply = receive(process, fd).expect("it is whole");
            assert_eq!(reply.data[..2], [0, SECOND]);
            assert_eq!(reply.data.len(), 12);
        });
    });
}

#[test]
fn d24_each_reply_reaches_who_asked_with_the_address_it_came_from() {
    with_satellites("d24", |bench| {
        bench.run(|process| {
            // The slow one is asked first, so the replies come the other way round.
            let (slow, quick) = (open(process), open(process));
            send(process, slow, &bus(FIRST), 1, &[]).expect("is taken");
            send(process, quick, &bus(SECOND), 2, &[]).expect("is taken");
            for (fd, msgid, slave) in [(quick, 2, SECOND), (slow, 1, FIRST)] {
                let reply = receive(process, fd).expect("an answer");
                assert_eq!((reply.recv_type, reply.msgid, reply.net_fn), (1, msgid, 7));
                assert_eq!(reply.address, bus(slave)[..8]);
                assert_eq!(reply.data[..2], [0, slave]);
                assert_eq!(receive_into(process, fd, 1024), Err(abi::EAGAIN));
            }
        });
    });
}

#[test]
fn d24_replies_on_a_descriptor_stay_in_order() {
    with_satellites("d24 order", |bench| {
        bench.run(|process| {
            let fd = open(process);
            send(process, fd, &bus(FIRST), 1, &[]).expect("is taken");
            send(process, fd, &abi::system_interface(0), 2, &[]).expect("is taken");
            send(process, fd, &bus(SECOND), 3, &[]).expect("is taken");
            let order = [1, 2, 3].map(|_| receive(process, fd).expect("an answer").msgid);
            assert_eq!(order, [1, 2, 3]);
        });
    });
}

#[test]
fn d24_who_does_not_answer_is_asked_again_and_then_given_up() {
    with_satellites("d24 mute", |bench| {
        bench.run(|process| {
            let fd = open(process);
            for (slave, code, patience) in [(MUTE, 0xc3, 10), (NOBODY, 0x83, 1)] {
                let from = process.now();
                send(process, fd, &bus(slave), 4, &[]).expect("is taken");
                let reply = receive(process, fd).expect("an answer");
                assert_eq!(reply.data, [code], "{slave:#x}");
                let took = process.now() - from;
                assert!(took < (patience + 1) * S, "{slave:#x} took {took} ns");
            }
        });
    });
}

#[test]
fn kevent_wakes_when_a_receive_would_succeed() {
    with_satellites("kevent", |bench| {
        bench.run(|process| {
            let fd = open(process);
            assert_eq!(process.kevent_read(fd, Some(S)), Ok(false));
            send(process, fd, &bus(SECOND), 5, &[]).expect("is taken");
            assert_eq!(process.kevent_read(fd, Some(20 * S)), Ok(true));
            assert_eq!(receive_into(process, fd, 1024).map(|r| r.msgid), Ok(5));
            assert_eq!(process.kevent_read(fd, Some(S)), Ok(false));
        });
    });
}

/// An event that a sensor reports.
const EVENT: [u8; 7] = [0x04, 0x01, 0x30, 0x01, 0x57, 0x50, 0x4b];

#[test]
fn events_reach_those_who_asked_and_nobody_else() {
    with_satellites("events", |bench| {
        let asked = bench.now();
        bench.board(move |board| {
            let bmc = board.interface_mut().bmc_mut();
            // Not wanted yet: nobody may see it.
            bmc.platform_event(EVENT, asked);
        });
        bench.stage.process("patient", |process, _| {
            let (keen, other) = (open(process), open(process));
            let on = process.alloc_with(&1i32.to_le_bytes());
            let error = process.ioctl(keen, abi::SET_GETS_EVENTS, on);
            assert_eq!(error, Ok(()));
            let events = process.poll(&[(keen, abi::POLLIN)], Some(60 * S));
            assert_eq!(events.map(|e| e[0] & abi::POLLERR), Ok(0));
            let event = receive(process, keen).expect("an event");
            let kind = (event.recv_type, event.net_fn, event.data.len());
            assert_eq!(kind, (2, 4, 16));
            assert_eq!(event.data[9..], EVENT);
            assert_eq!(receive_into(process, keen, 1024), Err(abi::EAGAIN));
            assert_eq!(receive_into(process, other, 1024), Err(abi::EAGAIN));
            SEEN.with(|seen| seen.set(seen.get() + 1));
        });
        bench.rest(5 * S);
        let now = bench.now();
        bench.board(move |board| board.interface_mut().bmc_mut().platform_event(EVENT, now));
        let before = SEEN.with(std::cell::Cell::get);
        bench.rest(5 * S);
        assert_eq!(SEEN.with(std::cell::Cell::get), before + 1, "no event");
    });
}

thread_local! {
    /// How many processes have seen their event.
    static SEEN: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}
