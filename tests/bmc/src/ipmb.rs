// SPDX-License-Identifier: BSD-2-Clause
//! The IPMB behind the BMC: messages with their addresses, sequence numbers and checksums
//! (IPMB 1.0, section 2.11), and satellite controllers that answer them. It must not know how the
//! host gets at the answers.

use serde::{Deserialize, Serialize};

use crate::message::{checksum, netfn, Answer, CompletionCode, Request};
use crate::MS;

/// A controller on the IPMB, such as a power supply or a front panel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Satellite {
    /// Its 8-bit slave address.
    pub address: u8,
    /// From the request on the bus to its reply in the BMC's queue, in ns.
    pub reply_after: u64,
    /// It takes requests and never replies.
    pub mute: bool,
}

impl Default for Satellite {
    fn default() -> Satellite {
        Satellite {
            address: 0x72,
            reply_after: 5 * MS,
            mute: false,
        }
    }
}

impl Satellite {
    /// Get Device ID, Get Self Test Results and Get Device GUID; C1h for the rest.
    fn answer(&self, request: &Request) -> Answer {
        match (request.netfn, request.cmd) {
            (netfn::APP, 0x01) => Ok(vec![
                self.address,
                0x01,
                0x01,
                0x20,
                0x02,
                0x09,
                0xf2,
                0x1b,
                0x00,
                self.address,
                0x00,
            ]),
            (netfn::APP, 0x04) => Ok(vec![0x55, 0x00]),
            (netfn::APP, 0x08) => Ok(vec![self.address; 16]),
            _ => Err(CompletionCode::INVALID_COMMAND),
        }
    }

    /// The reply to a message from the bus, without the requester's address in front; nothing if
    /// the message is not sound, which a controller ignores.
    pub(crate) fn reply(&self, message: &Message) -> Option<Vec<u8>> {
        if self.mute || !message.sound {
            return None;
        }
        let reply = message.request.reply(&self.answer(&message.request));
        let first = (message.request.netfn | 1) << 2 | message.requester_lun;
        let mut bytes = vec![first, checksum(&[message.requester, first])];
        bytes.extend([
            self.address,
            message.sequence << 2 | message.request.lun,
            message.request.cmd,
        ]);
        bytes.extend(&reply[2..]);
        bytes.push(checksum(&bytes[2..]));
        Some(bytes)
    }
}

/// A request as Send Message carries it.
pub(crate) struct Message {
    pub(crate) responder: u8,
    requester: u8,
    pub(crate) requester_lun: u8,
    sequence: u8,
    request: Request,
    /// Both checksums are right.
    sound: bool,
}

impl Message {
    /// rsSA, netFn/rsLUN, checksum, rqSA, rqSeq/rqLUN, command, data, checksum.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Message> {
        let [responder, first, _, requester, sequence, cmd, rest @ ..] = bytes else {
            return None;
        };
        let (_, data) = rest.split_last()?;
        Some(Message {
            responder: *responder,
            requester: *requester,
            requester_lun: sequence & 3,
            sequence: sequence >> 2,
            request: Request {
                netfn: first >> 2,
                lun: first & 3,
                cmd: *cmd,
                data: data.to_vec(),
            },
            sound: checksum(&bytes[..3]) == 0 && checksum(&bytes[3..]) == 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_carries_the_sequence_and_sound_checksums() {
        let mut request = vec![0x72, 0x18, 0, 0x20, 0x2a << 2 | 2, 0x01];
        request[2] = checksum(&request[..2]);
        request.push(checksum(&request[3..]));
        let message = Message::parse(&request).unwrap();
        let reply = Satellite::default().reply(&message).unwrap();
        assert_eq!(reply[0], 0x1e, "netFn 7, requester's LUN 2");
        assert_eq!(reply[2..6], [0x72, 0x2a << 2, 0x01, 0x00]);
        assert_eq!(checksum(&[&[0x20], &reply[..2]].concat()), 0);
        assert_eq!(checksum(&reply[2..]), 0);
    }

    #[test]
    fn a_message_with_a_wrong_checksum_is_ignored() {
        let message = Message::parse(&[0x72, 0x18, 0, 0x20, 2, 1, 0]).unwrap();
        assert_eq!(Satellite::default().reply(&message), None);
    }
}
