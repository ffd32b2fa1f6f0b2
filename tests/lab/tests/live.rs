// SPDX-License-Identifier: BSD-2-Clause
//! The machine on the real clock as the preload library sees it: its socket. Needs no program of
//! anybody's; what those say is asked by `lab clients`. Must not know how the house keeps visitors.

use std::os::unix::net::UnixStream;
use std::path::Path;

use ipmi_lab::abi::{self, Msg, Recv, Req};
use ipmi_lab::ko::Ko;
use ipmi_lab::serve::protocol::{Buffer, Reply, Request};
use ipmi_lab::serve::{with_machine, Modules, Peer};

const SEND_COMMAND: u32 = 0x8028_690d;
const RECEIVE_MSG_TRUNC: u32 = 0xc030_690b;
/// Linux's numbers.
const EINTR: i32 = 4;
const EAGAIN: i32 = 11;
const EINVAL: i32 = 22;
/// Longer than anything here takes, and not so long that a broken test hangs.
const LONG: Option<u64> = Some(20_000_000_000);

/// An open file of a Linux program.
struct File(UnixStream);

impl File {
    fn open(socket: &Path) -> File {
        let mut file = File(UnixStream::connect(socket).expect("somebody listens"));
        let path = "/dev/ipmi0".into();
        assert_eq!(file.ask(&Request::Open { path }).errno, 0);
        file
    }

    fn ask(&mut self, request: &Request) -> Reply {
        request.send(&mut self.0).expect("the house listens");
        Reply::receive(&mut self.0).expect("the house answers")
    }

    /// Get Device ID.
    fn send(&mut self) -> i32 {
        let req = Req {
            addr_len: abi::ADDR_SIZE as u32,
            msgid: 5,
            msg: Msg {
                net_fn: 0x06,
                cmd: 0x01,
                ..Msg::default()
            },
            ..Req::default()
        };
        let buffers = vec![buffer(0, &abi::system_interface(0)), buffer(32, &[])];
        self.ask(&ioctl(SEND_COMMAND, &req.bytes(), buffers)).errno
    }

    fn receive(&mut self) -> Reply {
        let recv = Recv {
            addr_len: abi::ADDR_SIZE as u32,
            msg: Msg {
                data_len: 64,
                ..Msg::default()
            },
            ..Recv::default()
        };
        let buffers = vec![buffer(8, &[0; abi::ADDR_SIZE]), buffer(40, &[0; 64])];
        self.ask(&ioctl(RECEIVE_MSG_TRUNC, &recv.bytes(), buffers))
    }
}

fn ioctl(command: u32, argument: &[u8], buffers: Vec<Buffer>) -> Request {
    Request::Ioctl {
        command,
        argument: argument.to_vec(),
        buffers,
    }
}

fn buffer(pointer_at: u32, bytes: &[u8]) -> Buffer {
    Buffer {
        pointer_at,
        bytes: bytes.to_vec(),
    }
}

/// Does `test` with the socket of a machine whose kernel must have no complaint in the end.
fn on_a_machine(test: impl FnOnce(&Path)) {
    let path = |ko: anyhow::Result<Ko>| ko.unwrap_or_else(|error| panic!("{error:#}")).path;
    let modules = Modules {
        ko: path(Ko::under_test()),
        linux_ko: path(Ko::linux_under_test()),
    };
    let ((), remains) = with_machine(&modules, Peer::Own, |_, socket| {
        test(socket);
        Ok(())
    })
    .unwrap_or_else(|error| panic!("{error:#}"));
    assert_eq!((remains.violations, remains.ended), (vec![], None));
}

/// One machine for all of it, as booting one is what takes the time.
#[test]
fn a_linux_program_is_served_through_a_socket() {
    on_a_machine(|socket| {
        let mut file = File::open(socket);
        assert_eq!(file.receive().errno, EAGAIN, "nothing waits");
        assert_eq!(file.send(), 0);
        let poll = Request::Poll {
            events: abi::POLLIN,
            timeout: LONG,
        };
        let polled = file.ask(&poll);
        assert_eq!((polled.errno, polled.events), (0, abi::POLLIN));
        let reply = file.receive();
        let recv = Recv::parse(&reply.argument);
        assert_eq!((reply.errno, recv.msgid, recv.msg.net_fn), (0, 5, 0x07));
        assert_eq!(reply.buffers[1][..2], [0x00, 0x20], "Get Device ID");

        let odd = ioctl(0x8004_6915, &[0; 4], vec![]);
        assert_eq!(file.ask(&odd).errno, EINVAL, "no such command");

        // Two requests are outstanding, and the one who waits for them goes.
        let mut other = File::open(socket);
        assert_eq!((other.send(), other.send()), (0, 0));
        poll.send(&mut other.0).expect("the house listens");
        drop(other);

        // A poll for what never comes is ended by its program.
        let never = Request::Poll {
            events: 0,
            timeout: LONG,
        };
        never.send(&mut file.0).expect("the house listens");
        let cancelled = file.ask(&Request::Cancel);
        assert_eq!((cancelled.errno, cancelled.events), (EINTR, 0));
    });
}
