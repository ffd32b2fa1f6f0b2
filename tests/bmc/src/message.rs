// SPDX-License-Identifier: BSD-2-Clause
//! IPMI messages as every interface carries them: network function, LUN, command, data, completion
//! code. It must not know which interface brought them or what a command does.

/// Network functions of requests (IPMI 2.0, table 5-1); a reply has the next odd number.
pub mod netfn {
    pub const CHASSIS: u8 = 0x00;
    pub const SENSOR_EVENT: u8 = 0x04;
    pub const APP: u8 = 0x06;
    pub const STORAGE: u8 = 0x0a;
    pub const TRANSPORT: u8 = 0x0c;
}

/// A completion code (IPMI 2.0, table 5-2, or one of a command's own from 80h on).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompletionCode(pub u8);

impl CompletionCode {
    pub const OK: Self = Self(0x00);
    pub const NODE_BUSY: Self = Self(0xc0);
    pub const INVALID_COMMAND: Self = Self(0xc1);
    pub const INVALID_FOR_LUN: Self = Self(0xc2);
    pub const OUT_OF_SPACE: Self = Self(0xc4);
    pub const RESERVATION_CANCELED: Self = Self(0xc5);
    pub const LENGTH_INVALID: Self = Self(0xc7);
    pub const LENGTH_EXCEEDED: Self = Self(0xc8);
    pub const OUT_OF_RANGE: Self = Self(0xc9);
    pub const CANNOT_RETURN_LENGTH: Self = Self(0xca);
    pub const NOT_PRESENT: Self = Self(0xcb);
    pub const INVALID_DATA: Self = Self(0xcc);
    pub const ILLEGAL_FOR_SENSOR: Self = Self(0xcd);
}

/// What a command gives: the data after the completion code, or the code that says why not.
pub(crate) type Answer = Result<Vec<u8>, CompletionCode>;

/// A request as the system interface delivers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Even for a request; what comes in is kept as it is.
    pub netfn: u8,
    pub lun: u8,
    pub cmd: u8,
    pub data: Vec<u8>,
}

impl Request {
    /// From netFn/LUN, command, data; nothing if even those two bytes are not there.
    pub fn parse(bytes: &[u8]) -> Option<Request> {
        let [first, cmd, data @ ..] = bytes else {
            return None;
        };
        Some(Request {
            netfn: first >> 2,
            lun: first & 3,
            cmd: *cmd,
            data: data.to_vec(),
        })
    }

    /// The reply on the wire: netFn with its low bit set, LUN, command, completion code, data.
    pub(crate) fn reply(&self, answer: &Answer) -> Vec<u8> {
        let (code, data): (CompletionCode, &[u8]) = match answer {
            Ok(data) => (CompletionCode::OK, data),
            Err(code) => (*code, &[]),
        };
        let mut bytes = vec![(self.netfn | 1) << 2 | self.lun, self.cmd, code.0];
        bytes.extend_from_slice(data);
        bytes
    }
}

/// The two's-complement checksum of IPMB: the sum of the covered bytes and it is zero.
pub(crate) fn checksum(bytes: &[u8]) -> u8 {
    bytes
        .iter()
        .fold(0u8, |sum, byte| sum.wrapping_add(*byte))
        .wrapping_neg()
}

/// `bit` if `set`: status registers and flag bytes are put together from these.
pub(crate) fn flag(set: bool, bit: u8) -> u8 {
    if set {
        bit
    } else {
        0
    }
}

/// The data of a command whose length is fixed, or C7h.
pub(crate) fn exactly<const N: usize>(data: &[u8]) -> Result<[u8; N], CompletionCode> {
    data.try_into().map_err(|_| CompletionCode::LENGTH_INVALID)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_needs_a_command_byte() {
        assert_eq!(Request::parse(&[0x18]), None);
        let request = Request::parse(&[0x1a, 0x01, 9]).unwrap();
        assert_eq!((request.netfn, request.lun, request.cmd), (6, 2, 1));
        assert_eq!(request.reply(&Ok(vec![7])), [0x1e, 1, 0, 7]);
        assert_eq!(
            request.reply(&Err(CompletionCode::INVALID_COMMAND)),
            [0x1e, 1, 0xc1]
        );
    }

    #[test]
    fn a_checksum_brings_the_sum_to_zero() {
        let mut bytes = vec![0x20, 0x1c, 0xff];
        bytes.push(checksum(&bytes));
        assert_eq!(checksum(&bytes), 0);
    }
}
