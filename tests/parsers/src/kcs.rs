// SPDX-License-Identifier: BSD-2-Clause
//! KCS: the BMC's side of the flow charts of IPMI 2.0 section 9.

use ipmi::transport::kcs::Kcs;

use crate::registers::{play, Registers};
use crate::Target;

pub const TARGET: Target = Target {
    name: "kcs",
    check: |bytes| play(Kcs::new(), Bmc::default(), bytes),
    samples: &[
        &[0, 0, 2, 9, 0, 0, 3],
        &[40, 0, 1, 7, 30, 0, 9, 0, 0, 0, 0x80, 0, 2],
        &[0xff, 0x80, 2, 3, 0, 0, 0xff, 0xff],
    ],
};

const DATA: u8 = 0;
const STATUS: u8 = 1;
const OBF: u8 = 0x01;

#[derive(Clone, Copy, Default, PartialEq)]
enum State {
    #[default]
    Idle,
    Writing,
    Ending,
    Reading,
    /// GET_STATUS/ABORT is taken, its data byte is not.
    Aborting,
    Error,
}

#[derive(Default)]
struct Bmc {
    state: State,
    /// What the data register offers.
    out: Option<u8>,
    /// What is still to be offered.
    left: Vec<u8>,
    taken: Vec<u8>,
    whole: bool,
    answer: Vec<u8>,
    /// What the host read last, and what it took of that.
    last: u8,
    told: Vec<u8>,
}

impl Bmc {
    fn offer(&mut self, reply: &[u8]) {
        self.state = State::Reading;
        self.left = reply.iter().rev().copied().collect();
        self.out = self.left.pop();
    }

    fn command(&mut self, code: u8) {
        self.out = None;
        self.state = match (code, self.state) {
            (0x60, _) => State::Aborting,
            (0x61, _) => {
                self.taken.clear();
                State::Writing
            }
            (0x62, State::Writing) => State::Ending,
            _ => State::Error,
        };
    }

    fn data(&mut self, byte: u8) {
        // Whatever state the host believes this to be in.
        if self.whole {
            self.told.push(self.last);
        }
        match self.state {
            State::Writing => self.taken.push(byte),
            State::Ending => {
                self.taken.push(byte);
                self.whole = true;
                let answer = self.answer.clone();
                self.offer(&answer);
            }
            State::Reading => {
                assert_eq!(byte, 0x68, "the only thing to write here");
                self.out = self.left.pop();
                if self.out.is_none() {
                    (self.state, self.out) = (State::Idle, Some(0));
                }
            }
            State::Aborting => self.offer(&[0x01]),
            State::Idle | State::Error => self.state = State::Error,
        }
    }
}

impl Registers for Bmc {
    const COUNT: u8 = 2;

    fn read(&mut self, register: u8) -> u8 {
        if register == DATA {
            return self.out.take().unwrap_or(0);
        }
        let state = match self.state {
            State::Idle => 0x00,
            State::Reading => 0x40,
            State::Writing | State::Ending | State::Aborting => 0x80,
            State::Error => 0xc0,
        };
        state | if self.out.is_some() { OBF } else { 0 }
    }

    fn was_read(&mut self, register: u8, value: u8) {
        if register == DATA {
            self.last = value;
        }
    }

    fn write(&mut self, register: u8, value: u8) {
        match register {
            STATUS => self.command(value),
            _ => self.data(value),
        }
    }

    fn request(&self) -> Option<&[u8]> {
        self.whole.then_some(&self.taken[..])
    }

    fn told(&self) -> Vec<u8> {
        self.told.clone()
    }

    fn begin(&mut self) {
        self.whole = false;
        self.told.clear();
    }

    fn answer(&mut self, reply: &[u8]) {
        self.answer = reply.to_vec();
    }
}
