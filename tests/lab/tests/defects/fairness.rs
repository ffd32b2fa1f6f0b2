// SPDX-License-Identifier: BSD-2-Clause
//! Descriptors side by side: a flood delays others by its turn and no more, replies keep their order
//! through failures, who waits is woken when there is something and not before, and a flag that the
//! BMC never clears starves nobody. Must not know how turns are taken.

use std::cell::Cell;
use std::rc::Rc;

use ipmi_bmc::{Fault, Satellite, When};
use ipmi_kernel::subsystems::sysctl::api::Value;
use ipmi_kernel::Process;
use ipmi_lab::abi::{self, Msg, Recv};
use ipmi_lab::board::Board;
use ipmi_lab::client::{watch_for_node, Device};
use ipmi_lab::span::{Ns, MS, S};

use crate::bench::{attached, each_seed, Bench};

/// Get Chassis Status and Get Self Test Results, which the driver itself never asks for.
pub const CHASSIS: (u8, u8) = (0x00, 0x01);
const SELF_TEST: (u8, u8) = (0x06, 0x04);
/// Get Message and Read Event Message Buffer.
const FETCHES: [(u8, u8); 2] = [(0x06, 0x33), (0x06, 0x35)];

/// `hw.ipmi.wd_pat_wait_ms` and 10 ms.
const PAT_LIMIT: Ns = 260 * MS;

/// The commands that the BMC has run since, with their times.
fn commands(board: &Board, since: Ns) -> Vec<(Ns, (u8, u8))> {
    let records = board.interface().bmc().records();
    let fresh = records.filter(|r| r.at >= since);
    fresh.map(|r| (r.at, (r.netfn, r.cmd))).collect()
}

/// Keeps a descriptor as full as it can be until told to stop.
fn flood(process: &Process, stop: &Cell<bool>) {
    let device = Device::open(process).expect("opens");
    while !stop.get() {
        while device.send(1, CHASSIS.0, CHASSIS.1, &[]).is_ok() {}
        assert!(device.wait(60 * S), "no completion within a minute");
        assert_eq!(device.receive().map(|reply| reply.cmd), Ok(CHASSIS.1));
    }
}

#[test]
fn a_flood_delays_another_descriptor_by_its_turn_and_no_more() {
    for floods in [1, 3] {
        attached("turns", |bench| {
            let stop = Rc::new(Cell::new(false));
            for _ in 0..floods {
                let stop = stop.clone();
                let body = move |process: &Process, _: &_| flood(process, &stop);
                bench.stage.process("flood", body);
            }
            bench.rest(S);
            bench.run(move |process| {
                let device = Device::open(process).expect("opens");
                for _ in 0..30 {
                    let from = process.now();
                    device
                        .send(1, SELF_TEST.0, SELF_TEST.1, &[])
                        .expect("is taken");
                    assert!(device.wait(60 * S), "no completion within a minute");
                    device.receive().expect("a reply");
                    let run = process.hardware(|board| commands(board, from));
                    let own = run.iter().position(|(_, command)| *command == SELF_TEST);
                    let before = &run[..own.expect("it was run")];
                    let others = before.iter().filter(|(_, command)| *command == CHASSIS);
                    // The one under way when it was sent, and a turn of each.
                    assert!(others.count() <= 1 + floods, "{before:x?}");
                }
            });
            stop.set(true);
            bench.rest(10 * S);
        });
    }
}

#[test]
fn replies_keep_their_order_through_errors_and_retries() {
    attached("order", |bench| {
        let begun = bench.board(|board| board.interface_mut().faults_mut().transactions());
        for _ in 0..12 {
            let when = When::AtByte {
                transaction: begun + bench.dice.between(0, 300),
                byte: bench.dice.between(0, 6) as u32,
                lasts: MS,
            };
            let fault = bench.dice.pick(&[0, 1]);
            let fault = [Fault::ErrorState, Fault::IbfStuck][fault].clone();
            bench.board(|board| {
                board
                    .interface_mut()
                    .faults_mut()
                    .add(when, fault)
                    .transactions()
            });
        }
        bench.run(|process| {
            let devices = [0, 1].map(|_| Device::open(process).expect("opens"));
            for msgid in 0..80 {
                for device in &devices {
                    let sent = device.send(msgid, CHASSIS.0, CHASSIS.1, &[]);
                    assert_eq!(sent, Ok(()));
                }
            }
            for device in &devices {
                let mut came = vec![];
                for _ in 0..80 {
                    assert!(device.wait(60 * S), "no completion within a minute");
                    // One that failed has no id, and its place in the order all the same.
                    came.push(device.receive().map(|reply| reply.msgid));
                }
                for (at, msgid) in came.iter().enumerate() {
                    assert!(
                        matches!(msgid, Err(abi::EIO)) || *msgid == Ok(at as i64),
                        "{came:?}"
                    );
                }
                let failed = came.iter().filter(|came| came.is_err()).count();
                assert!(failed <= 12, "{failed} failed");
                assert_eq!(device.receive().err(), Some(abi::EAGAIN));
            }
        });
    });
}

/// What a receive without room says, which takes nothing but an error.
fn probe(process: &Process, fd: i32) -> i32 {
    let recv = Recv {
        addr: process.alloc(abi::ADDR_SIZE),
        addr_len: abi::ADDR_SIZE as u32,
        msg: Msg::default(),
        ..Recv::default()
    };
    let argument = process.alloc_with(&recv.bytes());
    process
        .ioctl(fd, abi::RECEIVE_MSG, argument)
        .expect_err("there is no room")
}

/// When one who looks all the time finds something, and when poll(2), select(2) and kevent(2)
/// return.
#[derive(Default)]
struct Woken {
    seen: Cell<Ns>,
    polled: Cell<Ns>,
    selected: Cell<Ns>,
    kevent: Cell<Ns>,
}

/// What select(2) asks a driver for on behalf of who wants to read; any of it makes it return.
const SELECT: i16 = abi::POLLRDNORM | abi::POLLHUP | abi::POLLERR;

/// Four threads wait for the same descriptor, each in its way.
fn wait_in_all_ways(process: &Process, fd: i32, woken: &Rc<Woken>) {
    let w = woken.clone();
    process.thread("look", move |process| {
        while probe(process, fd) == abi::EAGAIN {
            process.sleep(MS / 10).expect("no signal comes");
        }
        w.seen.set(process.now());
    });
    let w = woken.clone();
    process.thread("poll", move |process| {
        let events = process.poll(&[(fd, abi::POLLIN)], None);
        assert_eq!(events, Ok(vec![abi::POLLIN]));
        assert_eq!(probe(process, fd), abi::EMSGSIZE, "woken for nothing");
        w.polled.set(process.now());
    });
    let w = woken.clone();
    process.thread("select", move |process| {
        let events = process.poll(&[(fd, SELECT)], None);
        assert_eq!(events, Ok(vec![abi::POLLRDNORM]));
        assert_eq!(probe(process, fd), abi::EMSGSIZE, "woken for nothing");
        w.selected.set(process.now());
    });
    let w = woken.clone();
    process.thread("kevent", move |process| {
        assert_eq!(process.kevent_read(fd, None), Ok(true));
        assert_eq!(probe(process, fd), abi::EMSGSIZE, "woken for nothing");
        w.kevent.set(process.now());
    });
}

/// All have found it, at the same time but for the scheduler's whims.
fn judge(woken: &Woken, from: Ns) {
    let times = [&woken.seen, &woken.polled, &woken.selected, &woken.kevent].map(Cell::get);
    assert!(times.iter().all(|at| *at > from), "{times:?}: not woken");
    let spread = times.iter().max().unwrap() - times.iter().min().unwrap();
    assert!(spread < 20 * MS, "{times:?}");
}

const SECOND: u8 = 0x74;
pub const MUTE: u8 = 0x76;

pub fn satellite(address: u8, mute: bool) -> Satellite {
    Satellite {
        address,
        reply_after: 30 * MS,
        mute,
    }
}

/// A machine with a satellite that answers and one that does not, attached.
fn with_satellites(name: &str, test: impl Fn(&mut Bench)) {
    each_seed(
        name,
        1..=10,
        |plan, _| plan.bmc.satellites = vec![satellite(SECOND, false), satellite(MUTE, true)],
        |bench| {
            bench.load();
            bench.run(watch_for_node);
            test(bench);
        },
    );
}

pub fn send_to(process: &Process, fd: i32, slave: u8) {
    let address = process.alloc_with(&[1, 0, 0, 0, 0, 0, slave, 0]);
    let req = abi::Req {
        addr: address,
        addr_len: 8,
        msgid: 3,
        msg: Msg {
            net_fn: 0x06,
            cmd: 0x01,
            ..Msg::default()
        },
    };
    let argument = process.alloc_with(&req.bytes());
    assert_eq!(process.ioctl(fd, abi::SEND_COMMAND, argument), Ok(()));
}

#[test]
fn who_waits_is_woken_when_a_receive_would_succeed_and_not_before() {
    with_satellites("wake", |bench| {
        bench.run(|process| {
            let (device, other) = (Device::open(process), Device::open(process));
            let (device, other) = (device.expect("opens"), other.expect("opens"));
            let (fd, idle) = (device.fd(), other.fd());
            // Nothing comes on this one for as long as the test lasts.
            send_to(process, idle, MUTE);
            process.sleep(S / 5).expect("no signal comes");
            let slept = Rc::new(Cell::new(true));
            for way in 0..3 {
                let slept = slept.clone();
                process.thread("idle", move |process| {
                    let woken = match way {
                        0 => process.poll(&[(idle, abi::POLLIN)], Some(4 * S)) != Ok(vec![0]),
                        1 => process.poll(&[(idle, SELECT)], Some(4 * S)) != Ok(vec![0]),
                        _ => process.kevent_read(idle, Some(4 * S)) != Ok(false),
                    };
                    if woken {
                        slept.set(false);
                    }
                });
            }
            for slave in [None, Some(SECOND)] {
                let woken = Rc::new(Woken::default());
                let from = process.now();
                match slave {
                    None => device.send(3, CHASSIS.0, CHASSIS.1, &[]).expect("is taken"),
                    Some(slave) => send_to(process, fd, slave),
                }
                wait_in_all_ways(process, fd, &woken);
                process.sleep(S).expect("no signal comes");
                judge(&woken, from);
                device.receive().expect("a reply");
                assert_eq!(
                    process.poll(&[(fd, abi::POLLIN)], Some(0)),
                    Ok(vec![abi::POLLERR])
                );
                assert_eq!(process.kevent_read(fd, Some(0)), Ok(false));
            }
            process.sleep(3 * S).expect("no signal comes");
            assert!(slept.get(), "woken by what is another's");
        });
    });
}

#[test]
fn who_waits_for_an_event_or_an_error_is_woken_by_it() {
    with_satellites("wake-event", |bench| {
        let woken = Rc::new(Woken::default());
        let (fd, found) = (Rc::new(Cell::new(-1)), woken.clone());
        let kept = fd.clone();
        let broken = Rc::new(Cell::new(false));
        let told = broken.clone();
        bench.stage.process("patient", move |process, _| {
            let device = Device::open(process).expect("opens");
            let on = process.alloc_with(&1i32.to_le_bytes());
            let asked = process.ioctl(device.fd(), abi::SET_GETS_EVENTS, on);
            assert_eq!(asked, Ok(()));
            wait_in_all_ways(process, device.fd(), &found);
            kept.set(device.fd());
            while !told.get() {
                process.sleep(S).expect("no signal comes");
            }
            device.receive().expect("the event");
            // A request that fails is something to be received.
            let sent = device.send(1, CHASSIS.0, CHASSIS.1, &[]);
            assert_eq!(sent, Ok(()));
            assert!(device.wait(60 * S), "no completion within a minute");
            assert_eq!(device.receive().err(), Some(abi::EIO));
            kept.set(-1);
        });
        bench.rest(5 * S);
        assert_eq!(woken.polled.get(), 0, "woken for nothing");
        let now = bench.now();
        let event = [0x04, 0x01, 0x30, 0x01, 0x57, 0x50, 0x4b];
        bench.board(|board| board.interface_mut().bmc_mut().platform_event(event, now));
        bench.rest(3 * S);
        judge(&woken, now);
        bench.fault(30 * S, Fault::ObfNever);
        broken.set(true);
        bench.rest(40 * S);
        assert_eq!(fd.get(), -1, "the patient process is stuck");
    });
}

/// The flags that never clear.
fn stuck() -> [Fault; 3] {
    [
        Fault::EventFlagStuck { readable: true },
        Fault::EventFlagStuck { readable: false },
        Fault::SmsAtnStuck,
    ]
}

#[test]
fn a_flag_that_never_clears_starves_nobody() {
    for fault in stuck() {
        with_satellites("stuck", |bench| {
            bench.fault(3600 * S, fault.clone());
            let from = bench.now();
            let told = fault.clone();
            bench.stage.process("pats", |process, _| {
                let fido = process.open("/dev/fido").expect("opens");
                for _ in 0..8 {
                    assert_eq!(process.pat(fido, 128 * S), Ok(()));
                    process.sleep(S).expect("no signal comes");
                }
            });
            bench.run(move |process| {
                let keen = Device::open(process).expect("opens");
                let on = process.alloc_with(&1i32.to_le_bytes());
                let asked = process.ioctl(keen.fd(), abi::SET_GETS_EVENTS, on);
                assert_eq!(asked, Ok(()));
                let device = Device::open(process).expect("opens");
                let until = process.now() + 8 * S;
                while process.now() < until {
                    let from = process.now();
                    device.send(1, CHASSIS.0, CHASSIS.1, &[]).expect("is taken");
                    assert!(device.wait(S), "{told:?}: starved");
                    device.receive().expect("a reply");
                    let run = process.hardware(|board| commands(board, from));
                    let fetches = run.iter().filter(|(_, command)| FETCHES.contains(command));
                    assert!(fetches.count() <= 10, "{told:?}: {run:x?}");
                    process.sleep(5 * MS).expect("no signal comes");
                }
                let count = (0..100).take_while(|_| keen.receive().is_ok()).count();
                assert!(count <= 25 + 10, "{count} events were kept");
                let readable = told == Fault::EventFlagStuck { readable: true };
                assert_eq!(count >= 25, readable, "{told:?}: {count} events");
            });
            quietly(bench, from, &fault);
        });
    }
}

/// Pats were in time, and the BMC was left some peace once nobody asked for anything.
fn quietly(bench: &mut Bench, from: Ns, fault: &Fault) {
    let pats = bench.stage.machine.pats();
    let worst = pats.iter().map(|pat| (pat.latency_ns, pat.error)).max();
    assert!(pats.len() >= 7, "{} pats", pats.len());
    assert!(worst.is_some_and(|(ns, _)| ns <= PAT_LIMIT), "{worst:?}");
    assert!(pats.iter().all(|pat| pat.error == 0), "{pats:?}");
    let run = bench.board(|board| commands(board, from));
    let mut row = 0;
    for pair in run.windows(2) {
        let quick = pair[1].0 - pair[0].0 < S / 2;
        let fetches = pair.iter().all(|(_, command)| FETCHES.contains(command));
        row = if quick && fetches { row + 1 } else { 0 };
        assert!(row < 10, "{fault:?}: {row} fetches in a row");
    }
    let dropped = bench
        .stage
        .machine
        .sysctl_get("dev.ipmi.0.stats.events_dropped");
    let expected = *fault == Fault::EventFlagStuck { readable: true };
    assert!(
        matches!(dropped, Ok(Ok(Value::Uint(count))) if (count > 0) == expected),
        "{fault:?}: {dropped:?}"
    );
}
