// SPDX-License-Identifier: BSD-2-Clause
//! D01, D07, D08, D09: what a process can do with a descriptor of /dev/ipmi0.

use ipmi_bmc::Fault;
use ipmi_kernel::Process;
use ipmi_lab::abi::{self, Msg, Recv, Req};
use ipmi_lab::client::{watch_for_node, Device, Reply};
use ipmi_lab::span::{MS, S};
use ipmi_lab::transport::Transport;

use crate::bench::{attached, each_seed};

/// Get Device ID.
const DEVICE_ID: (u8, u8) = (0x06, 0x01);
/// A command that no BMC knows, whose data is its own affair.
const STRANGE: (u8, u8) = (0x30, 0x42);
/// More than a message of BT carries.
const LONG: usize = 256;

/// SEND_COMMAND as raw as can be.
fn send(process: &Process, fd: i32, req: &Req) -> Result<(), i32> {
    let argument = process.alloc_with(&req.bytes());
    let result = process.ioctl(fd, abi::SEND_COMMAND, argument);
    process.free(argument);
    result
}

/// RECEIVE_MSG or RECEIVE_MSG_TRUNC as raw as can be.
fn receive(process: &Process, fd: i32, cmd: u64, recv: &Recv) -> Result<Recv, i32> {
    let argument = process.alloc_with(&recv.bytes());
    let result = process.ioctl(fd, cmd, argument);
    let bytes = process.read(argument, abi::RECV_SIZE);
    process.free(argument);
    result.map(|()| Recv::parse(&bytes))
}

/// A request for the device ID whose address is `addr_len` bytes at `addr`.
fn device_id(addr: u64, addr_len: u32) -> Req {
    let msg = Msg {
        net_fn: DEVICE_ID.0,
        cmd: DEVICE_ID.1,
        ..Msg::default()
    };
    Req {
        addr,
        addr_len,
        msgid: 7,
        msg,
    }
}

fn wait(process: &Process, fd: i32) {
    let events = process.poll(&[(fd, abi::POLLIN)], Some(10 * S));
    let ready = events.map(|events| events[0] & abi::POLLIN != 0);
    assert_eq!(ready, Ok(true), "no completion");
}

/// Asks for the device ID and waits as ipmitool does.
fn ask(process: &Process) -> Result<Reply, i32> {
    let device = Device::open(process)?;
    device.send(2, DEVICE_ID.0, DEVICE_ID.1, &[])?;
    assert!(device.wait(15 * S), "no completion within 15 s");
    device.receive()
}

#[test]
fn d01_a_huge_request_is_refused() {
    attached("d01", |bench| {
        bench.run(|process| {
            let fd = process.open("/dev/ipmi0").expect("opens");
            let ipmb = [1, 0, 0, 0, 0, 0, 0x20, 0];
            let system = abi::system_interface(0);
            let data = process.alloc(usize::from(u16::MAX));
            for (addr, to_the_bmc) in [(&system[..], true), (&ipmb[..], false)] {
                let addr_len = addr.len() as u32;
                let addr = process.alloc_with(addr);
                for data_len in [1024, 4096, 16384, 32768, 65535] {
                    let mut req = device_id(addr, addr_len);
                    (req.msg.data_len, req.msg.data) = (data_len, data);
                    let error = send(process, fd, &req).expect_err("it is too long");
                    let right = matches!(error, abi::EINVAL | abi::EMSGSIZE);
                    assert!(right || !to_the_bmc, "{data_len} bytes: errno {error}");
                }
            }
        });
    });
}

#[test]
fn d01_nothing_is_allocated_for_what_is_refused() {
    attached("d01-malloc", |bench| {
        bench.run(|process| {
            let fd = process.open("/dev/ipmi0").expect("opens");
            let full = Device::open(process).expect("opens");
            for _ in 0..100 {
                let taken = full.send(1, DEVICE_ID.0, DEVICE_ID.1, &[]);
                assert_eq!(taken, Ok(()));
            }
            // Until the worker is done with them.
            process.sleep(5 * S).expect("no signal comes");
            let system = process.alloc_with(&abi::system_interface(0));
            let bus = process.alloc_with(&[1, 0, 0, 0, 0, 0, 0x72, 0]);
            let strange = process.alloc_with(&[5, 0, 0, 0, 0, 0, 0, 0]);
            let data = process.alloc(usize::from(u16::MAX));
            let refused = |fd, (addr, addr_len), data_len, error| {
                let mut req = device_id(addr, addr_len);
                (req.msg.data_len, req.msg.data) = (data_len, data);
                let before = process.allocations();
                assert_eq!(send(process, fd, &req), Err(error), "{data_len} bytes");
                let made = process.allocations() - before;
                assert_eq!(made, 0, "{data_len} bytes, errno {error}");
            };
            for length in [271, 1024, 16384, u16::MAX] {
                refused(fd, (system, 40), length, abi::EMSGSIZE);
                refused(fd, (bus, 8), length, abi::EMSGSIZE);
            }
            refused(fd, (strange, 8), 0, abi::EAFNOSUPPORT);
            refused(fd, (system, 7), 0, abi::EINVAL);
            refused(fd, (0x10, 40), 0, abi::EFAULT);
            refused(full.fd(), (system, 40), 0, abi::EAGAIN);
            refused(full.fd(), (bus, 8), u16::MAX, abi::EMSGSIZE);
            let before = process.allocations();
            assert_eq!(send(process, fd, &device_id(system, 40)), Ok(()));
            assert_eq!(process.allocations(), before + 1, "they are counted");
        });
    });
}

#[test]
fn d06_close_sends_home_who_polls() {
    attached("d06", |bench| {
        // Something has to be outstanding for as long as it takes.
        bench.fault(4 * S, Fault::ObfNever);
        bench.run(|process| {
            for _ in 0..5 {
                let device = Device::open(process).expect("opens");
                let sent = device.send(1, DEVICE_ID.0, DEVICE_ID.1, &[]);
                sent.expect("is taken");
                let fd = device.fd();
                process.thread("poller", move |process| {
                    let from = process.now();
                    let _ = process.poll(&[(fd, abi::POLLIN)], Some(5 * S));
                    let took = process.now() - from;
                    assert!(took < S, "polled for {took} ns");
                });
                process.sleep(20 * MS).expect("no signal comes");
                device.close();
                process.sleep(20 * MS).expect("no signal comes");
            }
        });
        bench.rest(10 * S);
    });
}

#[test]
fn d07_a_reply_is_what_came_or_an_error() {
    let long = [5000, 2000, 1030, 1027, 1026, 1024, 300].map(|total| Fault::LongReply { total });
    let short = [0, 1, 2].map(|keep| Fault::ShortReply { keep });
    for fault in long.into_iter().chain(short) {
        attached("d07", |bench| {
            bench.fault(5 * S, fault.clone());
            // Network function and command are not part of the data; what the driver cannot keep
            // whole is no reply.
            let came = match fault {
                Fault::LongReply { total } if total <= 3 + abi::MAX_RX => {
                    Ok((total - 2).min(abi::MAX_RX))
                }
                _ => Err(abi::EIO),
            };
            let outcome = bench.run(ask).map(|reply| reply.data.len());
            assert_eq!(outcome, came, "{fault:?}");
            bench.rest(6 * S);
            let reply = bench.run(ask);
            assert_eq!(reply.map(|r| r.data[0]), Ok(0), "after {fault:?}");
        });
    }
}

#[test]
fn d08_outstanding_requests_and_descriptors_are_limited() {
    attached("d08", |bench| {
        bench.run(|process| {
            let device = Device::open(process).expect("opens");
            let send = || device.send(1, DEVICE_ID.0, DEVICE_ID.1, &[]);
            for taken in 0..100 {
                assert_eq!(send(), Ok(()), "request {taken}");
            }
            let error = send().expect_err("one too many");
            assert!(matches!(error, abi::EAGAIN | abi::EBUSY), "errno {error}");
            assert!(device.wait(15 * S), "no completion within 15 s");
            device.receive().expect("the first completion");
            assert_eq!(send(), Ok(()), "there is room again");
            let more = || process.open("/dev/ipmi0");
            let opened: Vec<i32> = (0..1000).map_while(|_| more().ok()).collect();
            assert!(opened.len() < 100, "{} descriptors", opened.len());
            for &fd in &opened[..3] {
                let before = process.allocations();
                assert_eq!(more(), Err(abi::EBUSY));
                let made = process.allocations() - before;
                assert_eq!(made, 0, "allocated for who is refused");
                process.close(fd).expect("it was open");
                more().expect("the place of one that was closed is free");
                assert_ne!(process.allocations(), before, "they are counted");
            }
        });
        bench.run(|process| {
            let open = || process.open("/dev/ipmi0").is_ok();
            assert!(
                (0..64).all(|_| open()),
                "those of an ended process are free"
            );
        });
    });
}

/// BT counts a message's bytes in one.
#[test]
fn d08_a_request_is_no_longer_than_bt_can_say() {
    each_seed(
        "d08-bt",
        1..=6,
        |plan, _| plan.go_over(Transport::Bt),
        |bench| {
            bench.load();
            bench.run(watch_for_node);
            let taken: Vec<usize> = (0..=LONG)
                .filter(|&length| bench.run(move |process| is_taken(process, length)))
                .collect();
            let came: Vec<usize> = bench.board(|board| {
                let records = board.interface().bmc().records();
                let those = records.filter(|r| (r.netfn, r.cmd) == STRANGE);
                those.map(|r| r.data.len()).collect()
            });
            // The BMC remembers the last ones.
            assert!(came.len() > 50 && taken.ends_with(&came), "{came:?}");
            let longest = taken.len() - 1;
            assert!(taken.iter().copied().eq(0..=longest), "{taken:?}");
            assert!((61..=252).contains(&longest), "{longest}");
        },
    );
}

/// Sends so many bytes of data, which the BMC does not know what to do with: are they taken?
fn is_taken(process: &Process, length: usize) -> bool {
    let device = Device::open(process).expect("opens");
    match device.send(1, STRANGE.0, STRANGE.1, &vec![0x55; length]) {
        Ok(()) => {
            assert!(device.wait(15 * S), "no completion within 15 s");
            assert_eq!(device.receive().map(|reply| reply.data), Ok(vec![0xc1]));
            true
        }
        refused => {
            assert_eq!(refused, Err(abi::EMSGSIZE), "{length} bytes");
            false
        }
    }
}

#[test]
fn d09_an_address_is_no_longer_than_addr_len() {
    attached("d09", |bench| {
        bench.run(|process| {
            let fd = process.open("/dev/ipmi0").expect("opens");
            // The byte behind these faults.
            let addr = process.alloc_with(&abi::system_interface(0)[..8]);
            for short in [0, 1, 4, 6] {
                let refused = send(process, fd, &device_id(addr, short));
                assert_eq!(refused, Err(abi::EINVAL), "{short} bytes of address");
            }
            assert_eq!(send(process, fd, &device_id(addr, 8)), Ok(()));
            wait(process, fd);
            let back = process.alloc_with(&[0xaa; 16]);
            let data = process.alloc(64);
            let msg = Msg {
                data_len: 64,
                data,
                ..Msg::default()
            };
            let recv = Recv {
                addr: back,
                addr_len: 8,
                msg,
                ..Recv::default()
            };
            let got = receive(process, fd, abi::RECEIVE_MSG, &recv).expect("a reply");
            assert_eq!((got.msgid, got.msg.net_fn, got.msg.cmd), (7, 0x07, 0x01));
            let address = process.read(back, 16);
            assert_eq!(address[..4], abi::SYSTEM_INTERFACE.to_le_bytes());
            assert_eq!(address[4..8], [0x0f, 0, 0, 0], "channel, LUN, nothing else");
            assert_eq!(address[8..], [0xaa; 8], "written past addr_len");
            assert_eq!(send(process, fd, &device_id(addr, 8)), Ok(()));
            wait(process, fd);
            let recv = Recv {
                addr: back + 8,
                addr_len: 4,
                ..recv
            };
            receive(process, fd, abi::RECEIVE_MSG, &recv).expect("a reply");
            let address = process.read(back + 8, 8);
            assert_eq!(address[4..], [0xaa; 4], "written past addr_len");
        });
    });
}

#[test]
fn d09_no_room_writes_nothing_and_loses_nothing() {
    attached("d09-room", |bench| {
        bench.run(|process| {
            let fd = process.open("/dev/ipmi0").expect("opens");
            let addr = process.alloc_with(&abi::system_interface(0));
            send(process, fd, &device_id(addr, 40)).expect("is taken");
            wait(process, fd);
            let data = process.alloc_with(&[0xaa; 64]);
            let take = |cmd, data_len| {
                let msg = Msg {
                    data_len,
                    data,
                    ..Msg::default()
                };
                let recv = Recv {
                    addr,
                    addr_len: 40,
                    msg,
                    ..Recv::default()
                };
                receive(process, fd, cmd, &recv).map(|got| (got.msgid, got.msg.data_len))
            };
            for (cmd, room) in [
                (abi::RECEIVE_MSG, 0),
                (abi::RECEIVE_MSG_TRUNC, 0),
                (abi::RECEIVE_MSG, 4),
            ] {
                assert_eq!(take(cmd, room), Err(abi::EMSGSIZE), "{cmd:#x} {room}");
            }
            assert_eq!(process.read(data, 64), [0xaa; 64], "written without room");
            assert_eq!(take(abi::RECEIVE_MSG_TRUNC, 4), Ok((7, 4)));
            let after = process.read(data, 64);
            assert_eq!(after[4..], [0xaa; 60], "written past the room");
            assert_eq!(take(abi::RECEIVE_MSG_TRUNC, 64), Err(abi::EAGAIN));
        });
    });
}

#[test]
fn d09_a_reply_that_cannot_be_copied_out_is_kept() {
    attached("d09-fault", |bench| {
        bench.run(|process| {
            let fd = process.open("/dev/ipmi0").expect("opens");
            let addr = process.alloc_with(&abi::system_interface(0));
            send(process, fd, &device_id(addr, 40)).expect("is taken");
            wait(process, fd);
            let data = process.alloc(64);
            let take = |addr, data| {
                let msg = Msg {
                    data_len: 64,
                    data,
                    ..Msg::default()
                };
                let recv = Recv {
                    addr,
                    addr_len: 40,
                    msg,
                    ..Recv::default()
                };
                let got = receive(process, fd, abi::RECEIVE_MSG_TRUNC, &recv);
                got.map(|got| got.msg.data_len > 10)
            };
            for (addr, data) in [(0x10, data), (addr, 0x10), (addr, data + 60)] {
                assert_eq!(take(addr, data), Err(abi::EFAULT));
            }
            assert_eq!(take(addr, data), Ok(true), "it was kept");
            assert_eq!(process.read(data, 1), [0], "completion code");
        });
    });
}
