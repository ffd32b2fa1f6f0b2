// SPDX-License-Identifier: BSD-2-Clause
//! The ioctls of <sys/ipmi.h> as bytes that a process passes, for amd64, and what it needs of
//! <sys/watchdog.h>, <sys/poll.h> and <errno.h>.
//! Must not know who calls them.

/// `IPMICTL_RECEIVE_MSG_TRUNC`
pub const RECEIVE_MSG_TRUNC: u64 = 0xc030_690b;
/// `IPMICTL_RECEIVE_MSG`
pub const RECEIVE_MSG: u64 = 0xc030_690c;
/// `IPMICTL_SEND_COMMAND`
pub const SEND_COMMAND: u64 = 0x8028_690d;
/// `IPMICTL_REGISTER_FOR_CMD`
pub const REGISTER_FOR_CMD: u64 = 0x8002_690e;
/// `IPMICTL_UNREGISTER_FOR_CMD`
pub const UNREGISTER_FOR_CMD: u64 = 0x8002_690f;
/// `IPMICTL_SET_GETS_EVENTS_CMD`
pub const SET_GETS_EVENTS: u64 = 0x8004_6910;
/// `IPMICTL_SET_MY_ADDRESS_CMD`
pub const SET_MY_ADDRESS: u64 = 0x8004_6911;
/// `IPMICTL_GET_MY_ADDRESS_CMD`
pub const GET_MY_ADDRESS: u64 = 0x4004_6912;
/// `IPMICTL_SET_MY_LUN_CMD`
pub const SET_MY_LUN: u64 = 0x8004_6913;
/// `IPMICTL_GET_MY_LUN_CMD`
pub const GET_MY_LUN: u64 = 0x4004_6914;

/// `IPMI_SYSTEM_INTERFACE_ADDR_TYPE`
pub const SYSTEM_INTERFACE: i32 = 0x0c;
/// `IPMI_BMC_CHANNEL`
pub const BMC_CHANNEL: i16 = 0x0f;
/// `sizeof(struct ipmi_addr)`
pub const ADDR_SIZE: usize = 40;
/// `sizeof(struct ipmi_req)`
pub const REQ_SIZE: usize = 40;
/// `sizeof(struct ipmi_recv)`
pub const RECV_SIZE: usize = 48;
/// `IPMI_MAX_RX`
pub const MAX_RX: usize = 1024;

/// `WD_SOFT_PANIC`
pub const WD_SOFT_PANIC: u32 = 1;
/// `WD_SOFT_LOG`
pub const WD_SOFT_LOG: u32 = 4;
/// `WD_SOFT_PRINTF`
pub const WD_SOFT_PRINTF: u32 = 8;

/// `POLLIN | POLLRDNORM`
pub const POLLIN: i16 = 0x41;
/// `POLLRDNORM`
pub const POLLRDNORM: i16 = 0x40;
/// `POLLHUP`
pub const POLLHUP: i16 = 0x10;
/// `POLLERR`
pub const POLLERR: i16 = 0x08;

pub const ENOENT: i32 = 2;
pub const EIO: i32 = 5;
pub const ENXIO: i32 = 6;
pub const EBADF: i32 = 9;
pub const EFAULT: i32 = 14;
pub const EBUSY: i32 = 16;
pub const EINVAL: i32 = 22;
pub const ENOTTY: i32 = 25;
pub const EAGAIN: i32 = 35;
pub const EMSGSIZE: i32 = 40;
pub const EAFNOSUPPORT: i32 = 47;
pub const EOPNOTSUPP: i32 = 45;
pub const ETIMEDOUT: i32 = 60;

/// `struct ipmi_msg` within the other two: netfn, cmd, length and address of the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Msg {
    pub net_fn: u8,
    pub cmd: u8,
    pub data_len: u16,
    pub data: u64,
}

impl Msg {
    fn write(&self, to: &mut [u8]) {
        to[0] = self.net_fn;
        to[1] = self.cmd;
        to[2..4].copy_from_slice(&self.data_len.to_le_bytes());
        to[8..16].copy_from_slice(&self.data.to_le_bytes());
    }

    fn read(from: &[u8]) -> Msg {
        Msg {
            net_fn: from[0],
            cmd: from[1],
            data_len: u16::from_le_bytes([from[2], from[3]]),
            data: u64_at(from, 8),
        }
    }
}

/// `struct ipmi_req`
#[derive(Clone, Copy, Debug, Default)]
pub struct Req {
    pub addr: u64,
    pub addr_len: u32,
    pub msgid: i64,
    pub msg: Msg,
}

impl Req {
    pub fn bytes(&self) -> [u8; REQ_SIZE] {
        let mut bytes = [0; REQ_SIZE];
        bytes[0..8].copy_from_slice(&self.addr.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.addr_len.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.msgid.to_le_bytes());
        self.msg.write(&mut bytes[24..40]);
        bytes
    }
}

/// `struct ipmi_recv`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recv {
    pub recv_type: i32,
    pub addr: u64,
    pub addr_len: u32,
    pub msgid: i64,
    pub msg: Msg,
}

impl Recv {
    pub fn bytes(&self) -> [u8; RECV_SIZE] {
        let mut bytes = [0; RECV_SIZE];
        bytes[0..4].copy_from_slice(&self.recv_type.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.addr.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.addr_len.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.msgid.to_le_bytes());
        self.msg.write(&mut bytes[32..48]);
        bytes
    }

    pub fn parse(bytes: &[u8]) -> Recv {
        Recv {
            recv_type: u64_at(bytes, 0) as i32,
            addr: u64_at(bytes, 8),
            addr_len: u64_at(bytes, 16) as u32,
            msgid: u64_at(bytes, 24) as i64,
            msg: Msg::read(&bytes[32..48]),
        }
    }
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut value = [0; 8];
    value.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(value)
}

/// `struct ipmi_system_interface_addr`, as large as `struct ipmi_addr`.
pub fn system_interface(lun: u8) -> [u8; ADDR_SIZE] {
    let mut bytes = [0; ADDR_SIZE];
    bytes[0..4].copy_from_slice(&SYSTEM_INTERFACE.to_le_bytes());
    bytes[4..6].copy_from_slice(&BMC_CHANNEL.to_le_bytes());
    bytes[6] = lun;
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receive_survives_the_way_through_user_memory() {
        let recv = Recv {
            recv_type: 1,
            addr: 0x1000,
            addr_len: 40,
            msgid: -2,
            msg: Msg {
                net_fn: 7,
                cmd: 1,
                data_len: 1024,
                data: 0x2000,
            },
        };
        assert_eq!(Recv::parse(&recv.bytes()), recv);
    }
}
