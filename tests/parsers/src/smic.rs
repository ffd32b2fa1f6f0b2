// SPDX-License-Identifier: BSD-2-Clause
//! SMIC: the BMC's side of the flow charts of IPMI 2.0 section 10.

use ipmi::transport::smic::Smic;

use crate::registers::{play, Registers};
use crate::Target;

pub const TARGET: Target = Target {
    name: "smic",
    check: |bytes| play(Smic::new(), Bmc::default(), bytes),
    samples: &[
        &[0, 0, 2, 9, 0, 0, 3],
        &[40, 0, 1, 7, 30, 0, 9, 0, 0, 0, 0x80, 0, 1],
        &[0xff, 0x80, 2, 3, 0, 0, 0xff, 0xff],
    ],
};

const DATA: u8 = 0;
const CONTROL: u8 = 1;

/// RX_DATA_RDY and TX_DATA_RDY.
const READY: u8 = 0xc0;
const BUSY: u8 = 0x01;

#[derive(Default)]
struct Bmc {
    control: u8,
    data: u8,
    status: u8,
    /// A message is being written.
    writing: bool,
    taken: Vec<u8>,
    whole: bool,
    answer: Vec<u8>,
    /// Bytes of the answer that are given.
    given: usize,
    told: Vec<u8>,
}

impl Bmc {
    /// BUSY is handed over: the control code is carried out.
    fn carry_out(&mut self) {
        self.status = match self.control {
            0x40 => 0xc0,
            0x41 => {
                self.taken = vec![self.data];
                self.writing = true;
                0xc1
            }
            code @ (0x42 | 0x43) if self.writing => {
                self.taken.push(self.data);
                self.writing = code == 0x42;
                self.whole |= code == 0x43;
                code | 0x80
            }
            code @ (0x44 | 0x45) => self.give(code),
            0x46 => 0xc0,
            _ => 0xc8,
        };
    }

    fn give(&mut self, code: u8) -> u8 {
        if code == 0x44 {
            self.given = 0;
        }
        self.data = self.answer.get(self.given).copied().unwrap_or(0);
        self.given += 1;
        match self.given >= self.answer.len() {
            true => 0xc6,
            false => code | 0x80,
        }
    }
}

impl Registers for Bmc {
    const COUNT: u8 = 3;

    fn read(&mut self, register: u8) -> u8 {
        match register {
            DATA => self.data,
            CONTROL => self.status,
            _ => READY,
        }
    }

    fn was_read(&mut self, register: u8, value: u8) {
        if register == DATA {
            self.told.push(value);
        }
    }

    fn write(&mut self, register: u8, value: u8) {
        match register {
            DATA => self.data = value,
            CONTROL => self.control = value,
            _ => {
                assert!(value & BUSY != 0, "the host only ever sets it");
                self.carry_out();
            }
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
