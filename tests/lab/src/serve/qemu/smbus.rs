// SPDX-License-Identifier: BSD-2-Clause
//! The SMBus controller of QEMU's PIIX4: block transfers by its registers, as its driver does them. Must
//! not know what the blocks say.

use std::io;

use ipmi_kernel::{Smbus, SmbusError, Transfer};

use super::Qemu;

/// Where the chip set has its registers, and what they are.
const BASE: u16 = 0xb100;
const STATUS: u16 = BASE;
const CONTROL: u16 = BASE + 2;
const COMMAND: u16 = BASE + 3;
const ADDRESS: u16 = BASE + 4;
const COUNT: u16 = BASE + 5;
const BLOCK: u16 = BASE + 7;

/// Status bits.
const DONE: u8 = 0x02;
const FAILED: u8 = 0x04 | 0x08 | 0x10;
/// Control bits.
const BLOCK_TRANSFER: u8 = 5 << 2;
const START: u8 = 0x40;
/// The lowest bit of an address: the other one is to send.
const READ: u8 = 1;

/// Looks at the status before a transfer counts as lost; each takes some time.
const LOOKS: u32 = 10_000;
/// What a transfer takes on a bus of 100 kHz, about; QEMU's takes none.
const TOOK: u64 = 1_000_000;

impl Qemu {
    /// One transfer whose registers are set: whether somebody was there.
    fn transfer(&mut self) -> io::Result<Result<(), SmbusError>> {
        self.outb(CONTROL, START | BLOCK_TRANSFER)?;
        for _ in 0..LOOKS {
            let status = self.inb(STATUS)?;
            if status & FAILED != 0 {
                return Ok(Err(SmbusError::Nak));
            }
            if status & DONE != 0 {
                return Ok(Ok(()));
            }
        }
        Ok(Err(SmbusError::Timeout))
    }

    fn begin(&mut self, address: u8, command: u8) -> io::Result<()> {
        self.outb(STATUS, DONE | FAILED)?;
        self.outb(ADDRESS, address)?;
        self.outb(COMMAND, command)?;
        // This puts the block's first byte next.
        self.inb(CONTROL).map(drop)
    }

    fn write_block(
        &mut self,
        address: u8,
        command: u8,
        block: &[u8],
    ) -> io::Result<Result<(), SmbusError>> {
        self.begin(address, command)?;
        self.outb(COUNT, block.len() as u8)?;
        for &byte in block {
            self.outb(BLOCK, byte)?;
        }
        self.transfer()
    }

    fn read_block(&mut self, address: u8, command: u8) -> io::Result<Result<Vec<u8>, SmbusError>> {
        self.begin(address | READ, command)?;
        if let Err(error) = self.transfer()? {
            return Ok(Err(error));
        }
        self.inb(CONTROL)?;
        let count = self.inb(COUNT)?;
        let block = (0..count).map(|_| self.inb(BLOCK));
        block.collect::<io::Result<Vec<u8>>>().map(Ok)
    }
}

/// A QEMU that has gone leaves a bus that nobody is on.
fn ended<T>(outcome: io::Result<Result<T, SmbusError>>) -> Transfer<T> {
    Transfer {
        outcome: outcome.unwrap_or(Err(SmbusError::Nak)),
        took: TOOK,
    }
}

impl Smbus for Qemu {
    fn write(&mut self, address: u8, command: u8, block: &[u8], _now: u64) -> Transfer<()> {
        ended(self.write_block(address, command, block))
    }

    fn read(&mut self, address: u8, command: u8, _now: u64) -> Transfer<Vec<u8>> {
        ended(self.read_block(address, command))
    }
}
