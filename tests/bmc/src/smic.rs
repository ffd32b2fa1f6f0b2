// SPDX-License-Identifier: BSD-2-Clause
//! The SMIC register model (IPMI 2.0, section 10): data at register 0, control and status at 1,
//! flags at 2. It must not know what a command means.

use std::collections::VecDeque;

use crate::interface::{Kind, Model, Wired};
use crate::message::flag;
use crate::{Bmc, Fault, Request};

/// Registers.
const DATA: u8 = 0;
const CONTROL_STATUS: u8 = 1;

/// Flags.
const BUSY: u8 = 0x01;
const SMS_ATN: u8 = 0x04;
const EVT_ATN: u8 = 0x08;
const TX_DATA_RDY: u8 = 0x40;
const RX_DATA_RDY: u8 = 0x80;

/// Control codes of the SMS stream; the status code of each is 80h more.
const GET_STATUS: u8 = 0x40;
const WR_START: u8 = 0x41;
const WR_NEXT: u8 = 0x42;
const WR_END: u8 = 0x43;
const RD_START: u8 = 0x44;
const RD_NEXT: u8 = 0x45;
const RD_END: u8 = 0x46;

/// Status codes.
const STATUS: u8 = 0x80;
const SC_RDY: u8 = 0xc0;
const SC_RD_END: u8 = 0xc6;

/// Error codes, in the data register with status SC_RDY.
const NO_ERROR: u8 = 0x00;
const ILLEGAL_CONTROL: u8 = 0x02;
const NO_RESPONSE: u8 = 0x03;
const BUFFER_FULL: u8 = 0x05;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Idle,
    Write,
    Execute,
    /// The reply is there: waits for RD_START.
    Ready,
    Read,
    /// The last byte is out: waits for RD_END.
    ReadLast,
}

/// The registers.
#[derive(Clone, Debug)]
pub struct SmicRegisters {
    phase: Phase,
    data: u8,
    control: u8,
    status: u8,
    /// When the control code will be taken, while BUSY is set.
    taken_at: Option<u64>,
    running: Option<(u64, Request)>,
    request: Vec<u8>,
    reply: VecDeque<u8>,
    error: u8,
}

/// SMIC registers with a BMC behind them.
pub type Smic = Wired<SmicRegisters>;

impl Default for SmicRegisters {
    fn default() -> SmicRegisters {
        SmicRegisters {
            phase: Phase::Idle,
            data: NO_ERROR,
            control: 0,
            status: SC_RDY,
            taken_at: None,
            running: None,
            request: Vec::new(),
            reply: VecDeque::new(),
            error: NO_ERROR,
        }
    }
}

impl Model for SmicRegisters {
    const KIND: Kind = Kind::Smic;

    fn due(&self) -> Option<u64> {
        let running = self.running.as_ref().map(|(due, _)| *due);
        [self.taken_at, running].into_iter().flatten().min()
    }

    fn serve(&mut self, bmc: &mut Bmc) {
        let now = bmc.now;
        if let Some((_, request)) = self.running.take_if(|(due, _)| *due <= now) {
            self.reply = bmc.execute(&request, now).into();
            self.phase = Phase::Ready;
        } else if self.taken_at.take_if(|due| *due <= now).is_some() {
            if self.control == WR_START {
                bmc.faults.transaction_begins(now);
            } else {
                bmc.faults.byte_taken(now);
            }
            self.take(bmc);
        }
    }

    fn restart(&mut self, _bmc: &mut Bmc) {
        *self = SmicRegisters::default();
    }

    fn fail(&mut self, bmc: &mut Bmc) {
        self.refuse(NO_RESPONSE, bmc);
        self.taken_at = None;
    }

    fn read(&mut self, register: u8, bmc: &mut Bmc) -> u8 {
        match register {
            DATA => self.data,
            CONTROL_STATUS => self.status,
            _ => self.flags(bmc),
        }
    }

    /// Setting BUSY hands the control code over; nothing may be written while it is set.
    fn write(&mut self, register: u8, byte: u8, bmc: &mut Bmc) -> bool {
        let proper = self.taken_at.is_none();
        match register {
            DATA => self.data = byte,
            CONTROL_STATUS => self.control = byte,
            _ if byte & BUSY != 0 && proper => {
                self.taken_at = Some(bmc.now.saturating_add(bmc.handshake()));
            }
            _ => {}
        }
        proper
    }

    fn busy(register: u8) -> u8 {
        match register {
            DATA | CONTROL_STATUS => 0,
            _ => BUSY,
        }
    }

    fn interrupt(&mut self, bmc: &Bmc) -> bool {
        bmc.attention()
    }
}

impl SmicRegisters {
    fn flags(&self, bmc: &Bmc) -> u8 {
        let busy = self.taken_at.is_some() || bmc.fault_holds(&Fault::IbfStuck);
        let readable = matches!(self.phase, Phase::Ready | Phase::Read | Phase::ReadLast)
            && !bmc.fault_holds(&Fault::ObfNever);
        let writable = matches!(self.phase, Phase::Idle | Phase::Write);
        flag(busy, BUSY)
            | flag(bmc.attention(), SMS_ATN)
            | flag(bmc.messaging.holds_event(), EVT_ATN)
            | flag(writable, TX_DATA_RDY)
            | flag(readable, RX_DATA_RDY)
    }

    fn take(&mut self, bmc: &mut Bmc) {
        match (self.control, self.phase) {
            (GET_STATUS, _) => {
                self.data = std::mem::take(&mut self.error);
                self.status = SC_RDY;
            }
            (WR_START, _) => {
                self.abandon(bmc);
                self.request = vec![self.data];
                self.accept(Phase::Write);
            }
            (WR_NEXT | WR_END, Phase::Write) if self.request.len() >= bmc.config.max_request => {
                self.refuse(BUFFER_FULL, bmc);
            }
            (WR_NEXT, Phase::Write) => {
                self.request.push(self.data);
                self.accept(Phase::Write);
            }
            (WR_END, Phase::Write) => {
                self.request.push(self.data);
                self.start_command(bmc);
            }
            (RD_START, Phase::Ready) | (RD_NEXT, Phase::Read) => self.send_next(bmc),
            (RD_END, Phase::ReadLast | Phase::Read) => {
                self.abandon(bmc);
                self.data = NO_ERROR;
                self.status = SC_RDY;
            }
            _ => self.refuse(ILLEGAL_CONTROL, bmc),
        }
    }

    fn accept(&mut self, phase: Phase) {
        self.phase = phase;
        self.status = self.control | STATUS;
    }

    fn start_command(&mut self, bmc: &mut Bmc) {
        let Some(request) = Request::parse(&self.request) else {
            return self.refuse(ILLEGAL_CONTROL, bmc);
        };
        bmc.faults.command_is(request.netfn, request.cmd);
        let due = bmc.now.saturating_add(bmc.execution());
        self.running = Some((due, request));
        self.accept(Phase::Execute);
    }

    /// The first byte comes with the status of RD_START, the last with that of RD_END.
    fn send_next(&mut self, bmc: &mut Bmc) {
        let Some(byte) = self.reply.pop_front() else {
            return self.refuse(NO_RESPONSE, bmc);
        };
        self.data = byte;
        if self.reply.is_empty() && self.phase == Phase::Read {
            self.phase = Phase::ReadLast;
            self.status = SC_RD_END;
        } else {
            self.accept(Phase::Read);
        }
    }

    /// SC_RDY where something else was wanted, and the reason in the data register.
    fn refuse(&mut self, error: u8, bmc: &mut Bmc) {
        self.abandon(bmc);
        self.error = error;
        self.data = error;
        self.status = SC_RDY;
    }

    fn abandon(&mut self, bmc: &mut Bmc) {
        if let Some((_, request)) = self.running.take() {
            bmc.cancelled(request);
        }
        self.reply.clear();
        self.phase = Phase::Idle;
    }
}
