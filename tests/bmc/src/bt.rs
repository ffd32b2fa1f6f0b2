// SPDX-License-Identifier: BSD-2-Clause
//! The BT register model (IPMI 2.0, section 11): control at register 0, the buffer at 1, interrupt
//! mask at 2. It must not know what a command means.

use std::collections::VecDeque;

use crate::interface::{Kind, Model, Wired};
use crate::message::flag;
use crate::{Bmc, Fault, Request};

/// Registers.
const CONTROL: u8 = 0;
const BUFFER: u8 = 1;

/// BT_CTRL.
const CLR_WR_PTR: u8 = 0x01;
const CLR_RD_PTR: u8 = 0x02;
const H2B_ATN: u8 = 0x04;
const B2H_ATN: u8 = 0x08;
const SMS_ATN: u8 = 0x10;
const H_BUSY: u8 = 0x40;
const B_BUSY: u8 = 0x80;

/// BT_INTMASK.
const B2H_IRQ_EN: u8 = 0x01;
const B2H_IRQ: u8 = 0x02;
const BMC_HWRST: u8 = 0x80;

/// A buffer holds what one length byte can count, and that byte.
const BUFFER_SIZE: usize = 256;
/// Length, netFn/LUN, sequence, command: less is no message.
const SHORTEST: usize = 4;

/// The registers.
#[derive(Clone, Debug, Default)]
pub struct BtRegisters {
    h2b_atn: bool,
    b2h_atn: bool,
    sms_atn: bool,
    h_busy: bool,
    b_busy: bool,
    interrupt_enabled: bool,
    interrupt: bool,
    attention_seen: bool,
    host_to_bmc: Vec<u8>,
    bmc_to_host: VecDeque<u8>,
    /// The reply as offered, for a host that rewinds.
    offered: Vec<u8>,
    /// When the firmware will look at H2B_ATN, or be done with the buffer.
    taken_at: Option<u64>,
    /// Sequence number and request being executed.
    running: Option<(u64, u8, Request)>,
    /// Replies that wait for the host to be done with the last one.
    replies: VecDeque<Vec<u8>>,
}

/// BT registers with a BMC behind them.
pub type Bt = Wired<BtRegisters>;

impl Model for BtRegisters {
    const KIND: Kind = Kind::Bt;

    fn due(&self) -> Option<u64> {
        let running = self.running.as_ref().map(|(due, ..)| *due);
        [self.taken_at, running].into_iter().flatten().min()
    }

    fn serve(&mut self, bmc: &mut Bmc) {
        let now = bmc.now;
        if let Some((_, sequence, request)) = self.running.take_if(|(due, ..)| *due <= now) {
            let reply = bmc.execute(&request, now);
            self.replies.push_back(frame(reply, sequence, bmc));
            self.offer(bmc);
        } else if self.taken_at.take_if(|due| *due <= now).is_some() {
            self.look_at_buffer(bmc);
        }
    }

    fn restart(&mut self, _bmc: &mut Bmc) {
        *self = BtRegisters::default();
    }

    fn fail(&mut self, bmc: &mut Bmc) {
        if let Some((_, _, request)) = self.running.take() {
            bmc.cancelled(request);
        }
        self.b_busy = false;
        self.h2b_atn = false;
        self.taken_at = None;
        self.replies.clear();
    }

    fn read(&mut self, register: u8, bmc: &mut Bmc) -> u8 {
        match register {
            CONTROL => self.control(bmc),
            BUFFER => self.bmc_to_host.pop_front().unwrap_or(0),
            _ => flag(self.interrupt_enabled, B2H_IRQ_EN) | flag(self.interrupt, B2H_IRQ),
        }
    }

    fn write(&mut self, register: u8, byte: u8, bmc: &mut Bmc) -> bool {
        match register {
            CONTROL => self.write_control(byte, bmc),
            BUFFER => {
                let proper = !self.b_busy && !self.h2b_atn;
                if self.host_to_bmc.len() < BUFFER_SIZE {
                    self.host_to_bmc.push(byte);
                }
                proper
            }
            _ => self.write_mask(byte),
        }
    }

    fn busy(register: u8) -> u8 {
        if register == CONTROL {
            B_BUSY
        } else {
            0
        }
    }

    /// The rise of B2H_ATN or SMS_ATN raises the line; the host lowers it in the mask register.
    fn interrupt(&mut self, bmc: &Bmc) -> bool {
        let attention = bmc.attention();
        if attention && !self.attention_seen {
            self.sms_atn = true;
            self.interrupt = true;
        }
        self.attention_seen = attention;
        self.interrupt && self.interrupt_enabled
    }
}

impl BtRegisters {
    fn control(&self, bmc: &Bmc) -> u8 {
        let b_busy = self.b_busy || bmc.fault_holds(&Fault::IbfStuck);
        let b2h_atn = self.b2h_atn && !bmc.fault_holds(&Fault::ObfNever);
        let sms_atn = self.sms_atn || bmc.fault_holds(&Fault::SmsAtnStuck);
        flag(self.h2b_atn, H2B_ATN)
            | flag(b2h_atn, B2H_ATN)
            | flag(sms_atn, SMS_ATN)
            | flag(self.h_busy, H_BUSY)
            | flag(b_busy, B_BUSY)
    }

    /// Ones act, zeroes do nothing: pointers and attentions are cleared, H_BUSY toggles, H2B_ATN
    /// hands the message over. B_BUSY is the BMC's.
    fn write_control(&mut self, byte: u8, bmc: &mut Bmc) -> bool {
        let mut proper = true;
        if byte & CLR_WR_PTR != 0 {
            self.host_to_bmc.clear();
        }
        if byte & CLR_RD_PTR != 0 {
            self.bmc_to_host = self.offered.clone().into();
        }
        if byte & B2H_ATN != 0 {
            self.b2h_atn = false;
        }
        if byte & SMS_ATN != 0 {
            self.sms_atn = false;
        }
        if byte & H_BUSY != 0 {
            self.h_busy = !self.h_busy;
        }
        if byte & H2B_ATN != 0 {
            proper = !self.b_busy && !self.h2b_atn;
            if proper {
                self.h2b_atn = true;
                self.taken_at = Some(bmc.now.saturating_add(bmc.handshake()));
            }
        }
        self.offer(bmc);
        proper
    }

    fn write_mask(&mut self, byte: u8) -> bool {
        self.interrupt_enabled = byte & B2H_IRQ_EN != 0;
        if byte & B2H_IRQ != 0 {
            self.interrupt = false;
        }
        if byte & BMC_HWRST != 0 {
            // The specification leaves it open what is reset; here it is what waits for the host.
            self.b2h_atn = false;
            self.replies.clear();
        }
        true
    }

    /// H2B_ATN is seen at first: B_BUSY covers the copying. Then the message is taken.
    fn look_at_buffer(&mut self, bmc: &mut Bmc) {
        if self.b_busy {
            bmc.faults.byte_taken(bmc.now);
            self.b_busy = false;
            self.h2b_atn = false;
            self.take_message(bmc);
        } else {
            bmc.faults.transaction_begins(bmc.now);
            self.b_busy = true;
            self.taken_at = Some(bmc.now.saturating_add(bmc.handshake()));
        }
    }

    fn take_message(&mut self, bmc: &mut Bmc) {
        let bytes = std::mem::take(&mut self.host_to_bmc);
        let length = bytes.first().map_or(0, |length| usize::from(*length) + 1);
        let long_enough = (SHORTEST..=bytes.len()).contains(&length);
        if !long_enough || length > bmc.config.max_request + 2 {
            // Nothing that could be answered: it has no sequence number to trust.
            return;
        }
        let request = Request {
            netfn: bytes[1] >> 2,
            lun: bytes[1] & 3,
            cmd: bytes[3],
            data: bytes[4..length].to_vec(),
        };
        bmc.faults.command_is(request.netfn, request.cmd);
        if let Some((_, _, earlier)) = self.running.take() {
            // One request at a time, as the capabilities say.
            bmc.cancelled(earlier);
        }
        let due = bmc.now.saturating_add(bmc.execution());
        self.running = Some((due, bytes[2], request));
    }

    /// Puts the next reply before the host once it is done with the last one.
    fn offer(&mut self, bmc: &mut Bmc) {
        if self.b2h_atn || self.h_busy {
            return;
        }
        if let Some(reply) = self.replies.pop_front() {
            bmc.faults.byte_taken(bmc.now);
            self.bmc_to_host = reply.clone().into();
            self.offered = reply;
            self.b2h_atn = true;
            self.interrupt = true;
        }
    }
}

/// Length, netFn/LUN, sequence, the rest; cut where one length byte cannot count on.
fn frame(mut reply: Vec<u8>, sequence: u8, bmc: &Bmc) -> Vec<u8> {
    let sequence = match bmc.fault_holds(&Fault::WrongSequence) {
        true => sequence.wrapping_add(1),
        false => sequence,
    };
    reply.insert(reply.len().min(1), sequence);
    reply.truncate(BUFFER_SIZE - 1);
    reply.insert(0, reply.len() as u8);
    reply
}
