// SPDX-License-Identifier: BSD-2-Clause
//! A request that the driver itself makes, and a reply's bytes with what may be asked of them.

use super::NetFn;

/// The longest request of the driver's own in bytes (Add SEL Entry: 2 + 16).
pub const DRIVER_MAX: usize = 20;

/// The longest request in bytes, netfn/LUN and command included. KCS itself has no limit; this is
/// what IPMI drivers agree on.
pub const REQUEST_MAX: usize = 272;

/// The longest reply in bytes that is kept: netfn/LUN, command, completion code and 1024 of data.
pub const REPLY_MAX: usize = 1027;

/// A request of the driver's own: netfn/LUN, command, data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    bytes: [u8; DRIVER_MAX],
    length: u8,
}

impl Message {
    /// The request `command` of `netfn` on LUN 0 with `data`; data past the longest is cut.
    pub fn new(netfn: NetFn, command: u8, data: &[u8]) -> Message {
        let mut bytes = [0; DRIVER_MAX];
        let mut length = 0u8;
        let head = [netfn.with_lun(0), command];
        for (slot, &byte) in bytes.iter_mut().zip(head.iter().chain(data)) {
            *slot = byte;
            length = length.saturating_add(1);
        }
        Message { bytes, length }
    }

    /// The bytes as they travel.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or(&[])
    }

    /// Network function and LUN, and command.
    pub fn head(&self) -> (u8, u8) {
        let [netfn, command, ..] = self.bytes;
        (netfn, command)
    }
}

/// A reply as it arrived, at most `N` bytes: netfn/LUN, command, completion code, data.
#[derive(Clone, Copy)]
pub struct Reply<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

/// The reply to a message of the driver's own; none is longer than Get Device ID's.
pub type DriverReply = Reply<64>;

/// Where a transport puts the bytes that arrive.
pub struct Arrival<'a> {
    bytes: &'a mut [u8],
    length: &'a mut usize,
}

impl Arrival<'_> {
    /// Forgets what arrived.
    pub fn clear(&mut self) {
        *self.length = 0;
    }

    /// Appends a byte; false if the reply is longer than there is room for.
    pub fn push(&mut self, byte: u8) -> bool {
        let at = *self.length;
        let Some(slot) = self.bytes.get_mut(at) else {
            return false;
        };
        *slot = byte;
        *self.length = at.saturating_add(1);
        true
    }

    /// Does this answer `request`? Network function (plus one, same LUN) and command must agree
    /// and a completion code must be there (section 9.2 and the like of each interface).
    pub fn answers(&self, request: &[u8]) -> bool {
        let (Some(&[netfn, command, _]), Some(&[asked, asked_command])) =
            (self.bytes.first_chunk::<3>(), request.first_chunk::<2>())
        else {
            return false;
        };
        *self.length >= 3 && netfn == asked.wrapping_add(4) && command == asked_command
    }
}

impl<const N: usize> Reply<N> {
    /// A reply with nothing in it.
    pub const EMPTY: Self = Reply {
        bytes: [0; N],
        length: 0,
    };

    /// The room for a reply to arrive in.
    pub fn arrival(&mut self) -> Arrival<'_> {
        Arrival {
            bytes: &mut self.bytes,
            length: &mut self.length,
        }
    }

    /// The completion code; 0xff (unspecified error) if the reply is too short to have one.
    pub fn completion(&self) -> u8 {
        self.body().first().copied().unwrap_or(0xff)
    }

    /// Completion code and data, as a client receives them.
    pub fn body(&self) -> &[u8] {
        self.bytes.get(2..self.length).unwrap_or(&[])
    }

    /// The sixteen bytes of an event that is delivered without completion code.
    pub fn event(&self) -> Option<[u8; 16]> {
        self.body().first_chunk().copied()
    }

    /// The data after the completion code.
    pub fn data(&self) -> &[u8] {
        self.bytes.get(3..self.length).unwrap_or(&[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(bytes: &[u8], request: &Message) -> bool {
        let mut reply = DriverReply::EMPTY;
        for &b in bytes {
            assert!(reply.arrival().push(b));
        }
        reply.arrival().answers(request.as_bytes())
    }

    #[test]
    fn a_reply_answers_only_its_own_request() {
        let request = Message::new(NetFn::APP, 0x01, &[]);
        assert!(answers(&[0x1c, 0x01, 0x00], &request));
        assert!(!answers(&[0x18, 0x01, 0x00], &request));
        assert!(!answers(&[0x1c, 0x02, 0x00], &request));
        assert!(!answers(&[0x1c, 0x01], &request));
    }

    #[test]
    fn a_reply_longer_than_the_longest_is_refused_and_not_written() {
        let mut long = Reply::<REPLY_MAX>::EMPTY;
        for _ in 0..REPLY_MAX {
            assert!(long.arrival().push(7));
        }
        assert!(!long.arrival().push(7));
        assert_eq!(long.data().len(), 1024);
    }
}
