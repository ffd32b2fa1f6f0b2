// SPDX-License-Identifier: BSD-2-Clause
//! The SSIF register model (IPMI 2.0, section 12): SMBus block writes and reads of up to 32 bytes,
//! in parts where a message is longer. It must not know what a command means.

use crate::interface::{Block, Kind, Model, Wired};
use crate::{Bmc, Fault, Request};

/// The BMC's slave address on the SMBus, 8 bits wide.
pub const SSIF_ADDRESS: u8 = 0x20;

/// SMBus commands (table 12-1).
const WRITE_SINGLE: u8 = 0x02;
const READ_START: u8 = 0x03;
const WRITE_START: u8 = 0x06;
const WRITE_MIDDLE: u8 = 0x07;
const WRITE_END: u8 = 0x08;
const READ_MIDDLE: u8 = 0x09;
const READ_RETRY: u8 = 0x0a;

const BLOCK: usize = 32;
/// What the first two bytes of a reply in parts are.
const MULTI_PART: [u8; 2] = [0x00, 0x01];
/// Bytes of the message in the first part, and in the parts after it.
const FIRST_PART: usize = BLOCK - MULTI_PART.len();
const NEXT_PART: usize = BLOCK - 1;
/// The block number of the last part.
const LAST_BLOCK: u8 = 0xff;

/// The packet error code of SMBus: CRC-8 with x^8 + x^2 + x + 1 over all bytes from the address on.
pub fn pec(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ byte, |crc, _| match crc & 0x80 {
            0 => crc << 1,
            _ => crc << 1 ^ 0x07,
        })
    })
}

/// What there is instead of registers.
#[derive(Clone, Debug, Default)]
pub struct SsifRegisters {
    /// The parts of a request in parts so far.
    request: Option<Vec<u8>>,
    running: Option<(u64, Request)>,
    reply: Option<Vec<u8>>,
    /// The reply has not been looked at.
    unread: bool,
    /// Which part after the first is read next.
    next_block: usize,
    /// The last write carried a PEC, so reads do.
    pec: bool,
}

/// SSIF with a BMC behind it.
pub type Ssif = Wired<SsifRegisters>;

impl Model for SsifRegisters {
    const KIND: Kind = Kind::Ssif;

    fn due(&self) -> Option<u64> {
        self.running.as_ref().map(|(due, _)| *due)
    }

    fn serve(&mut self, bmc: &mut Bmc) {
        let now = bmc.now;
        if let Some((_, request)) = self.running.take_if(|(due, _)| *due <= now) {
            self.reply = Some(bmc.execute(&request, now));
            self.unread = true;
        }
    }

    fn restart(&mut self, _bmc: &mut Bmc) {
        *self = SsifRegisters::default();
    }

    fn fail(&mut self, bmc: &mut Bmc) {
        if let Some((_, request)) = self.running.take() {
            bmc.cancelled(request);
        }
        *self = SsifRegisters::default();
    }

    fn read(&mut self, _register: u8, _bmc: &mut Bmc) -> u8 {
        0xff
    }

    fn write(&mut self, _register: u8, _byte: u8, _bmc: &mut Bmc) -> bool {
        true
    }

    fn busy(_register: u8) -> u8 {
        0xff
    }

    /// SMBAlert#: a reply is ready, or the BMC wants attention.
    fn interrupt(&mut self, bmc: &Bmc) -> bool {
        self.unread || bmc.attention()
    }

    fn smbus_write(
        &mut self,
        command: u8,
        block: &[u8],
        pec: Option<u8>,
        end: u64,
        bmc: &mut Bmc,
    ) -> bool {
        let count = block.len() as u8;
        let head = [SSIF_ADDRESS, command, count];
        let sound = pec.is_none_or(|pec| pec == self::pec(&[&head, block].concat()));
        if self.running.is_some() || !sound || !(1..=BLOCK).contains(&block.len()) {
            return false;
        }
        self.pec = pec.is_some();
        match command {
            WRITE_SINGLE | WRITE_START => bmc.faults.transaction_begins(bmc.now),
            _ => bmc.faults.byte_taken(bmc.now),
        }
        self.take(command, block, end, bmc)
    }

    fn smbus_read(&mut self, command: u8, bmc: &mut Bmc) -> Option<Block> {
        let reply = self.reply.as_ref()?;
        if bmc.fault_holds(&Fault::ObfNever) {
            return None;
        }
        let mut bytes = match command {
            READ_START => {
                self.next_block = 0;
                first_part(reply)
            }
            READ_MIDDLE => {
                let part = next_part(reply, self.next_block)?;
                self.next_block += 1;
                part
            }
            _ => return None,
        };
        self.unread = false;
        bmc.faults.byte_taken(bmc.now);
        if command == READ_MIDDLE && bmc.fault_holds(&Fault::WrongSequence) {
            bytes[0] = bytes[0].wrapping_add(1);
        }
        let pec = self.pec.then(|| {
            let head = [SSIF_ADDRESS, command, SSIF_ADDRESS | 1, bytes.len() as u8];
            let pec = self::pec(&[&head, bytes.as_slice()].concat());
            pec ^ u8::from(bmc.fault_holds(&Fault::WrongPec))
        });
        Some(Block { bytes, pec })
    }
}

impl SsifRegisters {
    fn take(&mut self, command: u8, block: &[u8], end: u64, bmc: &mut Bmc) -> bool {
        match command {
            WRITE_SINGLE => self.start_command(block, end, bmc),
            // Only the last part may be short.
            WRITE_START if block.len() == BLOCK => {
                self.reply = None;
                self.request = Some(block.to_vec());
                true
            }
            WRITE_MIDDLE | WRITE_END => self.take_part(command, block, end, bmc),
            READ_RETRY if block.len() == 1 => {
                self.next_block = usize::from(block[0]);
                true
            }
            _ => false,
        }
    }

    /// A middle part that is not full ends the request as an end part does; BMCs differ in which
    /// they expect.
    fn take_part(&mut self, command: u8, block: &[u8], end: u64, bmc: &mut Bmc) -> bool {
        let Some(mut request) = self.request.take() else {
            return false;
        };
        request.extend_from_slice(block);
        if request.len() > bmc.config.max_request {
            return false;
        }
        if command == WRITE_END || block.len() < BLOCK {
            return self.start_command(&request, end, bmc);
        }
        self.request = Some(request);
        true
    }

    /// It is run when its last byte has come, at `end`.
    fn start_command(&mut self, bytes: &[u8], end: u64, bmc: &mut Bmc) -> bool {
        self.reply = None;
        self.unread = false;
        self.request = None;
        let Some(request) = Request::parse(bytes) else {
            return false;
        };
        bmc.faults.command_is(request.netfn, request.cmd);
        let due = end.saturating_add(bmc.execution());
        self.running = Some((due, request));
        true
    }
}

fn first_part(reply: &[u8]) -> Vec<u8> {
    if reply.len() <= BLOCK {
        reply.to_vec()
    } else {
        [&MULTI_PART, &reply[..FIRST_PART]].concat()
    }
}

/// Part `block` after the first, counted from 0; the last is numbered ffh.
fn next_part(reply: &[u8], block: usize) -> Option<Vec<u8>> {
    let rest = reply.get(FIRST_PART + block * NEXT_PART..)?;
    if reply.len() <= BLOCK || rest.is_empty() {
        return None;
    }
    let (number, length) = match rest.len() {
        0..=NEXT_PART => (LAST_BLOCK, rest.len()),
        _ => (block as u8, NEXT_PART),
    };
    Some([&[number], &rest[..length]].concat())
}
