// SPDX-License-Identifier: BSD-2-Clause
//! D04: Linux processes and the ioctls that ipmi_linux.ko carries for them. Must not know how the
//! emulation finds its handlers.

use std::rc::Rc;

use ipmi_kernel::Process;
use ipmi_lab::abi::{self, Msg, Recv, Req};
use ipmi_lab::ko::Ko;
use ipmi_lab::span::S;

use crate::bench::{attached, Bench};
use crate::device::exchange_32;

/// The commands as <linux/ipmi.h> numbers them.
const RECEIVE_MSG_TRUNC: u32 = 0xc030_690b;
const RECEIVE_MSG: u32 = 0xc030_690c;
const SEND_COMMAND: u32 = 0x8028_690d;
const REGISTER_FOR_CMD: u32 = 0x8002_690e;
const SET_GETS_EVENTS: u32 = 0x8004_6910;
const SET_MY_ADDRESS: u32 = 0x8004_6911;
const GET_MY_ADDRESS: u32 = 0x8004_6912;
const SET_MY_LUN: u32 = 0x8004_6913;
const GET_MY_LUN: u32 = 0x8004_6914;
/// Those of 32-bit processes that differ: receive, receive, send.
const ALL: [u32; 12] = [
    0xc018_690b,
    0xc018_690c,
    0x8014_690d,
    RECEIVE_MSG_TRUNC,
    RECEIVE_MSG,
    SEND_COMMAND,
    REGISTER_FOR_CMD,
    SET_GETS_EVENTS,
    SET_MY_ADDRESS,
    GET_MY_ADDRESS,
    SET_MY_LUN,
    GET_MY_LUN,
];

/// Runs `body` as a Linux process while ipmi_linux.ko is loaded.
fn with_linux<R: 'static>(bench: &mut Bench, body: impl FnOnce(&Process, i32) -> R + 'static) -> R {
    let ko = Ko::linux_under_test().unwrap_or_else(|error| panic!("{error:#}"));
    let loaded = bench.stage.machine.kldload(&ko.path);
    let kld = loaded.expect("the machine lives").expect("it loads");
    let result = bench.run(move |process| {
        let fd = process.open("/dev/ipmi0").expect("opens");
        body(process, fd)
    });
    assert_eq!(bench.stage.machine.kldunload(kld), Ok(0));
    result
}

/// A command whose argument is a number in memory; the number that is there afterwards.
fn number(process: &Process, fd: i32, command: u32, value: i32) -> Result<i32, i32> {
    let at = process.alloc_with(&value.to_le_bytes());
    process.linux_ioctl(fd, command, at)?;
    let bytes = process.read(at, 4);
    Ok(i32::from_le_bytes(bytes.try_into().expect("four bytes")))
}

/// Get Device ID with msgid 9.
fn send(process: &Process, fd: i32) -> Result<(), i32> {
    let address = abi::system_interface(0);
    let req = Req {
        addr: process.alloc_with(&address),
        addr_len: address.len() as u32,
        msgid: 9,
        msg: Msg {
            net_fn: 0x06,
            cmd: 0x01,
            ..Msg::default()
        },
    };
    let argument = process.alloc_with(&req.bytes());
    process.linux_ioctl(fd, SEND_COMMAND, argument)
}

/// RECEIVE_MSG or RECEIVE_MSG_TRUNC with that much room for data: what is there afterwards.
fn receive(process: &Process, fd: i32, command: u32, room: u16) -> (Result<(), i32>, Recv) {
    let recv = Recv {
        addr: process.alloc(abi::ADDR_SIZE),
        addr_len: abi::ADDR_SIZE as u32,
        msg: Msg {
            data_len: room,
            data: process.alloc(usize::from(room)),
            ..Msg::default()
        },
        ..Recv::default()
    };
    let argument = process.alloc_with(&recv.bytes());
    let result = process.linux_ioctl(fd, command, argument);
    let left = Recv::parse(&process.read(argument, abi::RECV_SIZE));
    (result, left)
}

fn wait(process: &Process, fd: i32) {
    let events = process.poll(&[(fd, abi::POLLIN)], Some(10 * S));
    assert_eq!(events.map(|e| e[0] & abi::POLLIN), Ok(abi::POLLIN));
}

#[test]
fn d04_a_linux_process_gets_its_reply() {
    attached("d04", |bench| {
        with_linux(bench, |process, fd| {
            assert_eq!(receive(process, fd, RECEIVE_MSG, 64).0, Err(abi::EAGAIN));
            for command in [RECEIVE_MSG, RECEIVE_MSG_TRUNC] {
                assert_eq!(send(process, fd), Ok(()));
                wait(process, fd);
                let small = receive(process, fd, RECEIVE_MSG, 1);
                assert_eq!(small.0, Err(abi::EMSGSIZE), "and it is kept");
                let (result, recv) = receive(process, fd, command, 64);
                assert_eq!(result, Ok(()));
                assert_eq!((recv.recv_type, recv.msgid), (1, 9));
                assert_eq!((recv.msg.net_fn, recv.msg.cmd), (0x07, 0x01));
                let data = process.read(recv.msg.data, usize::from(recv.msg.data_len));
                assert_eq!((data[0], data.len()), (0, 16), "{data:x?}");
            }
        });
    });
}

#[test]
fn d04_a_linux_process_of_32_bits_gets_its_reply() {
    attached("d04-32", |bench| {
        with_linux(bench, |process, fd| {
            exchange_32(process, fd, |command, argument| {
                process.linux_ioctl(fd, command as u32, argument)
            });
            // What does not differ is the same for both.
            assert_eq!(number(process, fd, SET_MY_ADDRESS, 0x42), Ok(0x42));
            assert_eq!(number(process, fd, GET_MY_ADDRESS, 0), Ok(0x42));
        });
    });
}

#[test]
fn d04_numbers_that_differ_are_translated() {
    attached("d04-numbers", |bench| {
        with_linux(bench, |process, fd| {
            assert_eq!(number(process, fd, GET_MY_ADDRESS, 0), Ok(0x20));
            assert_eq!(number(process, fd, GET_MY_LUN, 0), Ok(2));
            assert_eq!(number(process, fd, SET_MY_ADDRESS, 0x42), Ok(0x42));
            assert_eq!(number(process, fd, SET_MY_LUN, 1), Ok(1));
            assert_eq!(number(process, fd, GET_MY_ADDRESS, 0), Ok(0x42));
            assert_eq!(number(process, fd, GET_MY_LUN, 0), Ok(1));
            assert_eq!(number(process, fd, SET_GETS_EVENTS, 1), Ok(1));
            assert_eq!(number(process, fd, 0x8004_6915, 0), Err(abi::EINVAL));
            assert_eq!(number(process, fd, 0x4004_6912, 0), Err(abi::EINVAL));
        });
    });
}

#[test]
fn d04_a_bad_pointer_is_a_fault_for_every_command() {
    attached("d04-fault", |bench| {
        with_linux(bench, |process, fd| {
            let end = process.alloc(1) + 1;
            let kernel = Rc::as_ptr(&Rc::new(0u64)) as u64;
            for command in ALL {
                for argument in [0, 8, end - 1, end, kernel, u64::MAX - 1] {
                    let result = process.linux_ioctl(fd, command, argument);
                    assert_eq!(result, Err(abi::EFAULT), "{command:#x} at {argument:#x}");
                }
            }
        });
    });
}
