// SPDX-License-Identifier: BSD-2-Clause
//! What programs rely on in /dev/ipmi0 besides an answer: the small ioctls, poll, processes of 32
//! bits, a driver that is off, and errors that come at once from a BMC that is away.

use ipmi_bmc::Fault;
use ipmi_kernel::subsystems::sysctl::api::Value;
use ipmi_kernel::Process;
use ipmi_lab::abi;
use ipmi_lab::client::Device;
use ipmi_lab::span::{MS, S};

use crate::bench::{attached, Bench};

/// An ioctl whose argument is an int: the errno, or the int afterwards.
fn int(process: &Process, fd: i32, command: u64, value: u32) -> Result<u32, i32> {
    let argument = process.alloc_with(&value.to_le_bytes());
    let result = process.ioctl(fd, command, argument);
    let after = process.read(argument, 4);
    process.free(argument);
    result.map(|()| u32::from_le_bytes([after[0], after[1], after[2], after[3]]))
}

#[test]
fn each_descriptor_has_its_own_address_and_lun() {
    attached("address", |bench| {
        bench.run(|process| {
            let fd = process.open("/dev/ipmi0").expect("opens");
            let other = process.open("/dev/ipmi0").expect("opens");
            let own = |fd| {
                let address = int(process, fd, abi::GET_MY_ADDRESS, !0);
                (address, int(process, fd, abi::GET_MY_LUN, !0))
            };
            assert_eq!(own(fd), (Ok(0x20), Ok(2)));
            assert_eq!(int(process, fd, abi::SET_MY_ADDRESS, 0x82), Ok(0x82));
            assert_eq!(int(process, fd, abi::SET_MY_LUN, 7), Ok(7));
            assert_eq!(own(fd), (Ok(0x82), Ok(3)));
            assert_eq!(own(other), (Ok(0x20), Ok(2)));
        });
    });
}

#[test]
fn what_is_not_offered_is_refused_as_ever() {
    attached("refused", |bench| {
        bench.run(|process| {
            let fd = process.open("/dev/ipmi0").expect("opens");
            // ipmitool gives up where this fails.
            assert_eq!(int(process, fd, abi::SET_GETS_EVENTS, 1), Ok(1));
            for command in [abi::REGISTER_FOR_CMD, abi::UNREGISTER_FOR_CMD] {
                assert_eq!(int(process, fd, command, 0), Err(abi::EOPNOTSUPP));
            }
            assert_eq!(int(process, fd, 0x2000_6963, 0), Err(abi::ENOTTY));
            let device = Device::open(process).expect("opens");
            assert_eq!(device.receive().err(), Some(abi::EAGAIN));
        });
    });
}

#[test]
fn poll_tells_a_completion_from_nothing_to_wait_for() {
    attached("poll", |bench| {
        bench.run(|process| {
            let device = Device::open(process).expect("opens");
            let poll = |events, time| process.poll(&[(device.fd(), events)], Some(time));
            assert_eq!(poll(abi::POLLIN, 0), Ok(vec![abi::POLLERR]));
            assert_eq!(poll(0, 0), Ok(vec![0]), "nothing was asked for");
            device.send(1, 0x06, 0x01, &[]).expect("is taken");
            assert_eq!(poll(abi::POLLIN, 15 * S), Ok(vec![abi::POLLIN]));
            assert_eq!(poll(0x01, 0), Ok(vec![0x01]), "only what was asked for");
            device.receive().expect("a reply");
            assert_eq!(poll(abi::POLLIN, 0), Ok(vec![abi::POLLERR]));
        });
    });
}

#[test]
fn nobody_opens_a_driver_that_is_off() {
    attached("off", |bench| {
        let mut turn = |on| {
            let machine = &mut bench.stage.machine;
            let set = machine.sysctl_set("hw.ipmi.on", Value::Int(on));
            assert!(matches!(set, Ok(Ok(()))), "{set:?}");
            bench.run(|process| process.open("/dev/ipmi0").map(|_| ()))
        };
        assert_eq!(turn(0), Err(abi::ENOENT));
        assert_eq!(turn(1), Ok(()));
    });
}

/// `IPMICTL_SEND_COMMAND_32`, `IPMICTL_RECEIVE_MSG_32` and `IPMICTL_RECEIVE_MSG_TRUNC_32`
const SEND_32: u64 = 0x8014_690d;
const RECEIVE_32: u64 = 0xc018_690c;
const TRUNC_32: u64 = 0xc018_690b;

/// Words as `struct ipmi_req32` and `struct ipmi_recv32` have them.
fn words(process: &Process, words: &[u32]) -> u64 {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let address = process.alloc_32(bytes.len());
    process.write(address, &bytes);
    address
}

/// Requests and replies of a process of 32 bits, whose system call `ioctl` is.
pub fn exchange_32(process: &Process, fd: i32, ioctl: impl Fn(u64, u64) -> Result<(), i32>) {
    let addr = process.alloc_32(8);
    process.write(addr, &abi::system_interface(0)[..8]);
    let data = process.alloc_32(64);
    process.write(data, &[0xaa; 64]);
    // Get Device ID, and Read FRU Data, which takes data; netfn, command and data_len share a word.
    let (id, fru) = (0x0106, 0x0004_110a);
    let msgid = -7i32 as u32;
    let ask = |msg, data: u64| {
        let send = words(process, &[addr as u32, 8, msgid, msg, data as u32]);
        assert_eq!(ioctl(SEND_32, send), Ok(()));
        let ready = process.poll(&[(fd, abi::POLLIN)], Some(15 * S));
        assert_eq!(ready, Ok(vec![abi::POLLIN]));
    };
    ask(id, 0);
    let take = |command, room: u32| {
        let recv = [0, addr as u32, 8, 0, room << 16, data as u32];
        let recv = words(process, &recv);
        let result = ioctl(command, recv);
        let bytes = process.read(recv, 24);
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        result.map(|()| (word(0), word(12), word(16)))
    };
    assert_eq!(take(RECEIVE_32, 4), Err(abi::EMSGSIZE));
    // IPMI_RESPONSE_RECV_TYPE, the id as it was sent, 5 bytes of the reply.
    assert_eq!(take(TRUNC_32, 5), Ok((1, msgid, 0x0005_0107)));
    let reply = process.read(data, 64);
    assert_eq!((reply[0], &reply[5..]), (0, &[0xaa; 59][..]));
    assert_eq!(take(RECEIVE_32, 64), Err(abi::EAGAIN));
    ask(id, 0);
    let (_, _, msg) = take(RECEIVE_32, 64).expect("a reply");
    assert!((12..=16).contains(&(msg >> 16)), "{msg:#x}");
    let which = process.alloc_32(4);
    process.write(which, &[0, 8, 0, 20]);
    ask(fru, which);
    assert_eq!(take(RECEIVE_32, 64), Ok((1, msgid, 22 << 16 | 0x110b)));
    assert_eq!(process.read(data, 2), [0, 20], "so many were asked for");
    // An address that is no longer than it is said to be, of a request that is nobody's.
    let short = words(process, &[addr as u32, 6, msgid, id, 0]);
    assert_eq!(ioctl(SEND_32, short), Err(abi::EINVAL));
    let nowhere = words(process, &[0x10, 8, msgid, id, 0]);
    assert_eq!(ioctl(SEND_32, nowhere), Err(abi::EFAULT));
}

#[test]
fn a_process_of_32_bits_is_served_as_others_are() {
    attached("32-bit", |bench| {
        bench.run(|process| {
            let fd = process.open("/dev/ipmi0").expect("opens");
            exchange_32(process, fd, |command, argument| {
                process.ioctl(fd, command, argument)
            });
        });
    });
}

/// What becomes of a request: the errno of the sending or of the receiving.
fn try_once(process: &Process, device: &Device) -> (Option<i32>, u64) {
    let from = process.now();
    let error = device.send(1, 0x06, 0x01, &[]).err().or_else(|| {
        assert!(device.wait(60 * S), "no completion within a minute");
        device.receive().err()
    });
    (error, process.now() - from)
}

#[test]
fn a_bmc_that_is_away_costs_an_application_no_time() {
    for fault in [Fault::IbfStuck, Fault::ReadsFf, Fault::ObfNever] {
        attached("fail-fast", |bench: &mut Bench| {
            bench.fault(120 * S, fault.clone());
            let back = bench.now() + 120 * S;
            let told = fault.clone();
            bench.run(move |process| {
                let device = Device::open(process).expect("opens");
                // The first ones find out: as long as three attempts take.
                let found_out = process.now() + 30 * S;
                while process.now() < found_out {
                    let (error, _) = try_once(process, &device);
                    assert!(error.is_some(), "{told:?} and yet an answer");
                    process.sleep(S).expect("no signal comes");
                }
                for _ in 0..50 {
                    let (error, took) = try_once(process, &device);
                    assert_eq!(error, Some(abi::ETIMEDOUT), "{told:?}");
                    assert!(took < 10 * MS, "{told:?}: {took} ns");
                    process.sleep(S).expect("no signal comes");
                }
                let left = back + S - process.now();
                process.sleep(left).expect("no signal comes");
                assert_eq!(try_once(process, &device).0, None, "{told:?} is over");
            });
        });
    }
}

#[test]
fn a_command_that_the_bmc_may_have_run_is_not_repeated() {
    for fault in [Fault::GarbageReply, Fault::WrongNetFn] {
        attached("once", |bench: &mut Bench| {
            // Over before it could be tried again.
            bench.fault(30 * MS, fault.clone());
            // Get Chassis Status, which the driver never asks for itself.
            let error = bench.run(|process| {
                let device = Device::open(process).expect("opens");
                device.send(1, 0x00, 0x01, &[]).expect("is taken");
                assert!(device.wait(60 * S), "no completion within a minute");
                device.receive().err()
            });
            assert_eq!(error, Some(abi::EIO), "{fault:?}");
            let times = bench.board(|board| {
                let records = board.interface().bmc().records();
                records.filter(|r| (r.netfn, r.cmd) == (0x00, 0x01)).count()
            });
            assert_eq!(times, 1, "{fault:?}");
        });
    }
}
