// SPDX-License-Identifier: BSD-2-Clause
//! Messages to satellite controllers: what Send Message carries to a channel, and what Get Message
//! brings back from the receive message queue (sections 22.6, 22.7; IPMB section 2.11).

use super::{Message, NetFn};

/// Get Message: nothing is in the queue (section 22.6).
pub const EMPTY: u8 = 0x80;
/// Bytes that Send Message puts before the data, its own network function and command included,
pub const HEAD: usize = 9;
/// and behind it: the second checksum.
pub const TAIL: usize = 1;
/// Where the requester's sequence number and LUN stand in the request.
const SEQUENCE: usize = 7;
/// Where what the second checksum covers begins.
const COVERED: usize = 6;

/// A controller behind the BMC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// Channel number, four bits.
    pub channel: u8,
    /// Slave address, bit 0 zero.
    pub slave: u8,
    /// LUN there.
    pub lun: u8,
}

/// Who asks: a descriptor's own address and LUN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Slave address, 20h unless set otherwise.
    pub address: u8,
    /// LUN, of which the BMC serves 2 to system software.
    pub lun: u8,
}

/// Get Message (section 22.6).
pub fn get_message() -> Message {
    Message::new(NetFn::APP, 0x33, &[])
}

/// Read Event Message Buffer (section 22.8).
pub fn read_event() -> Message {
    Message::new(NetFn::APP, 0x35, &[])
}

/// Zero less the sum of `bytes` (IPMB section 2.11.4).
fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_sub(*byte))
}

/// What stands before the data of a request to `to`, the sequence number still 0.
pub fn head(to: Address, from: Origin, netfn: NetFn, command: u8) -> [u8; HEAD] {
    let target = [to.slave, netfn.with_lun(to.lun)];
    let [slave, function] = target;
    [
        NetFn::APP.with_lun(0),
        0x34,
        to.channel,
        slave,
        function,
        checksum(&target),
        from.address,
        from.lun & 3,
        command,
    ]
}

/// Gives the request in `bytes` the sequence number, six bits, and its second checksum.
pub fn number(bytes: &mut [u8], sequence: u8) {
    if let Some(place) = bytes.get_mut(SEQUENCE) {
        *place = (sequence << 2) | (*place & 3);
    }
    let sum = bytes
        .split_last()
        .and_then(|(_, rest)| rest.get(COVERED..))
        .map_or(0, checksum);
    if let Some(last) = bytes.last_mut() {
        *last = sum;
    }
}

/// A reply of a satellite's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incoming<'a> {
    /// From whom.
    pub from: Address,
    /// Network function of the reply, without LUN.
    pub netfn: u8,
    /// The sequence number of the request.
    pub sequence: u8,
    /// Its command.
    pub command: u8,
    /// Completion code and data.
    pub body: &'a [u8],
}

impl Incoming<'_> {
    /// Reads the data of Get Message's reply; `None` if it is no whole reply.
    pub fn parse(data: &[u8]) -> Option<Incoming<'_>> {
        let [channel, function, _, slave, sequence, command, body @ .., _] = data else {
            return None;
        };
        let reply = function >> 2;
        (reply & 1 != 0 && !body.is_empty()).then_some(Incoming {
            from: Address {
                channel: channel & 0x0f,
                slave: *slave,
                lun: sequence & 3,
            },
            netfn: reply,
            sequence: sequence >> 2,
            command: *command,
            body,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO: Address = Address {
        channel: 0,
        slave: 0x52,
        lun: 0,
    };

    #[test]
    fn a_request_is_what_the_protocol_prints() {
        let from = Origin {
            address: 0x20,
            lun: 2,
        };
        let mut bytes = [0; HEAD + TAIL];
        bytes[..HEAD].copy_from_slice(&head(TO, from, NetFn::APP, 0x01));
        number(&mut bytes, 5);
        let expected = [0x18, 0x34, 0, 0x52, 0x18, 0x96, 0x20, 0x16, 0x01, 0xc9];
        assert_eq!(bytes, expected);
        assert_eq!(
            bytes[COVERED..].iter().fold(0u8, |s, b| s.wrapping_add(*b)),
            0
        );
    }

    #[test]
    fn a_reply_is_read_and_what_is_none_is_not() {
        let data = [0x00, 0x1e, 0xc2, 0x52, 0x14, 0x01, 0x00, 0x20, 0x99];
        let incoming = Incoming::parse(&data).unwrap();
        assert_eq!((incoming.from, incoming.netfn), (TO, 7));
        assert_eq!((incoming.sequence, incoming.command), (5, 1));
        assert_eq!(incoming.body, [0x00, 0x20]);
        for length in 0..8 {
            assert_eq!(Incoming::parse(&data[..length]), None, "{length}");
        }
        let mut request = data;
        request[1] = 0x18;
        assert_eq!(Incoming::parse(&request), None);
    }
}
