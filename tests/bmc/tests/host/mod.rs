// SPDX-License-Identifier: BSD-2-Clause
//! A tiny host for the KCS interface, written from figures 9-6 to 9-8 of IPMI 2.0. It polls, keeps
//! its own time and gives up instead of looping for ever; it must not peek behind the registers.

use ipmi_bmc::{Interface, Kcs, SEC};

const STATUS: u8 = 1;
const DATA: u8 = 0;
const POLL: u64 = 1_000;

/// States, bits 7:6 of the status register.
const IDLE: u8 = 0;
const READ: u8 = 1;
const WRITE: u8 = 2;

pub struct Host {
    pub kcs: Kcs,
    pub now: u64,
    /// How long a wait may take, in ns.
    pub patience: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Trouble {
    TimedOut,
    /// The state bits were not what the figure wants.
    State(u8),
}

impl Host {
    pub fn new(kcs: Kcs, now: u64) -> Host {
        Host {
            kcs,
            now,
            patience: 5 * SEC,
        }
    }

    pub fn status(&mut self) -> u8 {
        self.now += POLL;
        self.kcs.read(STATUS, self.now)
    }

    pub fn state(&mut self) -> u8 {
        self.status() >> 6
    }

    pub fn data(&mut self) -> u8 {
        self.now += POLL;
        self.kcs.read(DATA, self.now)
    }

    pub fn command(&mut self, byte: u8) {
        self.now += POLL;
        self.kcs.write(STATUS, byte, self.now);
    }

    pub fn put(&mut self, byte: u8) {
        self.now += POLL;
        self.kcs.write(DATA, byte, self.now);
    }

    fn wait(&mut self, mask: u8, want: u8) -> Result<(), Trouble> {
        let start = self.now;
        while self.now < start + self.patience {
            if self.status() & mask == want {
                return Ok(());
            }
            // Longer steps once it is clear that this will take long.
            self.now += (self.now - start) / 16;
        }
        Err(Trouble::TimedOut)
    }

    pub fn wait_ibf(&mut self) -> Result<(), Trouble> {
        self.wait(0x02, 0)
    }

    pub fn wait_obf(&mut self) -> Result<(), Trouble> {
        self.wait(0x01, 1)
    }

    pub fn clear_obf(&mut self) {
        if self.status() & 1 != 0 {
            self.data();
        }
    }

    fn want(&mut self, state: u8) -> Result<(), Trouble> {
        match self.state() {
            found if found == state => Ok(()),
            found => Err(Trouble::State(found)),
        }
    }

    /// A whole transfer: request with netFn/LUN and command, reply likewise.
    pub fn transfer(&mut self, request: &[u8]) -> Result<Vec<u8>, Trouble> {
        let (last, rest) = request.split_last().expect("a request has bytes");
        self.wait_ibf()?;
        self.clear_obf();
        self.command(0x61);
        self.wait_ibf()?;
        self.want(WRITE)?;
        self.clear_obf();
        for byte in rest {
            self.put(*byte);
            self.wait_ibf()?;
            self.want(WRITE)?;
            self.clear_obf();
        }
        self.command(0x62);
        self.wait_ibf()?;
        self.want(WRITE)?;
        self.clear_obf();
        self.put(*last);
        self.read_reply()
    }

    pub fn read_reply(&mut self) -> Result<Vec<u8>, Trouble> {
        let mut reply = Vec::new();
        loop {
            self.wait_ibf()?;
            match self.state() {
                READ => {
                    self.wait_obf()?;
                    reply.push(self.data());
                    self.put(0x68);
                }
                IDLE => {
                    self.wait_obf()?;
                    self.data();
                    return Ok(reply);
                }
                other => return Err(Trouble::State(other)),
            }
        }
    }

    /// Figure 9-8: aborts, and gives the interface's status code.
    pub fn recover(&mut self) -> Result<u8, Trouble> {
        self.wait_ibf()?;
        self.command(0x60);
        self.wait_ibf()?;
        self.clear_obf();
        self.put(0x00);
        self.wait_ibf()?;
        self.want(READ)?;
        self.wait_obf()?;
        let code = self.data();
        self.put(0x68);
        self.wait_ibf()?;
        self.want(IDLE)?;
        self.wait_obf()?;
        self.data();
        Ok(code)
    }
}
