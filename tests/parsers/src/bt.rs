// SPDX-License-Identifier: BSD-2-Clause
//! BT: the BMC's side of IPMI 2.0 section 11.

use ipmi::transport::bt::Bt;

use crate::registers::{play, Registers};
use crate::Target;

pub const TARGET: Target = Target {
    name: "bt",
    check: |bytes| {
        play(
            Bt::new(bytes.first().copied().unwrap_or(0)),
            Bmc::default(),
            bytes,
        )
    },
    samples: &[
        &[0, 0, 2, 9, 0, 0, 3],
        &[40, 0, 1, 7, 30, 0, 9, 0, 0, 0, 0x80, 0, 8],
        &[0xff, 0x80, 2, 3, 0, 0, 0xff, 0xff],
    ],
};

const CONTROL: u8 = 0;
const CLR_WR_PTR: u8 = 0x01;
const CLR_RD_PTR: u8 = 0x02;
const H2B_ATN: u8 = 0x04;
const B2H_ATN: u8 = 0x08;
const H_BUSY: u8 = 0x40;

#[derive(Default)]
struct Bmc {
    b2h_atn: bool,
    h_busy: bool,
    /// What the host writes, and whether it is a message by now.
    written: Vec<u8>,
    request: Option<Vec<u8>>,
    answer: Vec<u8>,
    /// What the host reads: the framed answer, and how far it is.
    framed: Vec<u8>,
    at: usize,
    /// What it was told, with length and sequence number.
    read: Vec<u8>,
}

impl Bmc {
    /// The message is taken and answered in the same moment.
    fn attention(&mut self) {
        let [length, netfn, sequence, rest @ ..] = &self.written[..] else {
            panic!("no message: {:x?}", self.written);
        };
        assert_eq!(usize::from(*length), self.written.len() - 1);
        self.request = Some([&[*netfn], rest].concat());
        let [head, body @ ..] = &self.answer[..] else {
            return;
        };
        let length = self.answer.len() as u8 + 1;
        self.framed = [&[length, *head, *sequence][..], body].concat();
        self.at = 0;
        self.b2h_atn = true;
    }
}

impl Registers for Bmc {
    const COUNT: u8 = 2;

    fn read(&mut self, register: u8) -> u8 {
        if register == CONTROL {
            let bit = |set: bool, bit: u8| if set { bit } else { 0 };
            return bit(self.b2h_atn, B2H_ATN) | bit(self.h_busy, H_BUSY);
        }
        self.at += 1;
        self.framed.get(self.at - 1).copied().unwrap_or(0)
    }

    fn was_read(&mut self, register: u8, value: u8) {
        if register != CONTROL {
            self.read.push(value);
            let length = usize::from(self.read[0]);
            assert!(self.read.len() <= 1 + length, "read past the length");
        }
    }

    fn write(&mut self, register: u8, value: u8) {
        if register != CONTROL {
            return self.written.push(value);
        }
        if value & CLR_WR_PTR != 0 {
            self.written.clear();
        }
        if value & CLR_RD_PTR != 0 {
            self.at = 0;
            self.read.clear();
        }
        if value & B2H_ATN != 0 {
            self.b2h_atn = false;
        }
        self.h_busy ^= value & H_BUSY != 0;
        if value & H2B_ATN != 0 {
            self.attention();
        }
    }

    fn request(&self) -> Option<&[u8]> {
        self.request.as_deref()
    }

    fn told(&self) -> Vec<u8> {
        assert_eq!(self.read.len(), 1 + usize::from(self.read[0]));
        assert_eq!(
            self.read[2], self.written[2],
            "the answer to something else"
        );
        let bytes = self.read.iter().enumerate();
        let without = bytes.filter(|(at, _)| !matches!(at, 0 | 2));
        without.map(|(_, byte)| *byte).collect()
    }

    fn begin(&mut self) {
        self.request = None;
    }

    fn answer(&mut self, reply: &[u8]) {
        self.answer = reply.to_vec();
    }
}
