// SPDX-License-Identifier: BSD-2-Clause
//! One open /dev/ipmi0 as a process holds it: the ioctls, their structures and buffers in user
//! memory. Must not know what is asked nor why.

use ipmi_kernel::Process;

use crate::abi;
use crate::span::Ns;

/// An open descriptor with the buffers that its ioctls point to.
pub struct Device<'p> {
    process: &'p Process,
    fd: i32,
    /// `struct ipmi_req` or `struct ipmi_recv`.
    argument: u64,
    address: u64,
    request: u64,
    reply: u64,
}

/// A completion as RECEIVE_MSG_TRUNC delivers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub msgid: i64,
    pub net_fn: u8,
    pub cmd: u8,
    /// The completion code and what follows it.
    pub data: Vec<u8>,
}

/// Longest request of the programs here.
const REQUEST_SIZE: usize = 256;

impl<'p> Device<'p> {
    /// Opens the device; the errno if that fails.
    pub fn open(process: &'p Process) -> Result<Device<'p>, i32> {
        Device::open_node(process, "/dev/ipmi0")
    }

    /// Opens that device node.
    pub fn open_node(process: &'p Process, node: &str) -> Result<Device<'p>, i32> {
        let fd = process.open(node)?;
        Ok(Device {
            process,
            fd,
            argument: process.alloc(abi::RECV_SIZE),
            address: process.alloc(abi::ADDR_SIZE),
            request: process.alloc(REQUEST_SIZE),
            reply: process.alloc(abi::MAX_RX),
        })
    }

    pub fn fd(&self) -> i32 {
        self.fd
    }

    /// Queues a request to the BMC itself.
    pub fn send(&self, msgid: i64, net_fn: u8, cmd: u8, data: &[u8]) -> Result<(), i32> {
        self.process.write(self.address, &abi::system_interface(0));
        self.process.write(self.request, data);
        let req = abi::Req {
            addr: self.address,
            addr_len: abi::ADDR_SIZE as u32,
            msgid,
            msg: abi::Msg {
                net_fn,
                cmd,
                data_len: data.len() as u16,
                data: self.request,
            },
        };
        self.process.write(self.argument, &req.bytes());
        self.process
            .ioctl(self.fd, abi::SEND_COMMAND, self.argument)
    }

    /// Takes the next completion.
    pub fn receive(&self) -> Result<Reply, i32> {
        let room = abi::Recv {
            addr: self.address,
            addr_len: abi::ADDR_SIZE as u32,
            msg: abi::Msg {
                data_len: abi::MAX_RX as u16,
                data: self.reply,
                ..abi::Msg::default()
            },
            ..abi::Recv::default()
        };
        self.process.write(self.argument, &room.bytes());
        self.process
            .ioctl(self.fd, abi::RECEIVE_MSG_TRUNC, self.argument)?;
        let recv = abi::Recv::parse(&self.process.read(self.argument, abi::RECV_SIZE));
        Ok(Reply {
            msgid: recv.msgid,
            net_fn: recv.msg.net_fn,
            cmd: recv.msg.cmd,
            data: self
                .process
                .read(self.reply, usize::from(recv.msg.data_len)),
        })
    }

    /// Waits until a completion can be taken, for at most `patience`.
    pub fn wait(&self, patience: Ns) -> bool {
        let events = self.process.poll(&[(self.fd, abi::POLLIN)], Some(patience));
        events.is_ok_and(|events| events[0] & abi::POLLIN != 0)
    }

    /// Closes the device; what is outstanding is lost.
    pub fn close(self) {
        for buffer in [self.argument, self.address, self.request, self.reply] {
            self.process.free(buffer);
        }
        // It was open.
        let _ = self.process.close(self.fd);
    }
}
