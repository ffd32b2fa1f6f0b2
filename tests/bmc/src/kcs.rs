// SPDX-License-Identifier: BSD-2-Clause
//! The KCS register model around a BMC (IPMI 2.0, section 9): data at register 0, command and
//! status at 1. It must not know what a command means.

use std::collections::VecDeque;

use crate::interface::{Kind, Model, Wired};
use crate::message::flag;
use crate::{Bmc, Fault, Request, NEVER};

const OBF: u8 = 0x01;
const IBF: u8 = 0x02;
const SMS_ATN: u8 = 0x04;
const COMMAND_DATA: u8 = 0x08;

const GET_STATUS_ABORT: u8 = 0x60;
const WRITE_START: u8 = 0x61;
const WRITE_END: u8 = 0x62;
const READ: u8 = 0x68;

/// Status codes of table 9-4.
const NO_ERROR: u8 = 0x00;
const ABORTED: u8 = 0x01;
const ILLEGAL_CONTROL: u8 = 0x02;
const LENGTH_ERROR: u8 = 0x06;
const UNSPECIFIED: u8 = 0xff;

/// A byte shows in the output buffer at most this long after IBF has cleared.
const OUTPUT_DELAY: u64 = 2_000;

/// Behind which flag a command's execution hides; both kinds are in the field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Executes {
    /// IBF stays set until the reply is ready (QEMU's BMC).
    #[default]
    BehindIbf,
    /// The last byte is taken, READ_STATE follows at once, OBF when the reply is ready (OpenBMC).
    BehindObf,
}

/// Bits 7:6 of the status register (table 9-2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Idle = 0,
    Read = 1,
    Write = 2,
    Error = 3,
}

/// Where in figures 9-6 to 9-8 the firmware is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Idle,
    Write,
    /// After WRITE_END: the next data byte is the last.
    WriteLast,
    Execute,
    Read,
    /// After GET_STATUS/ABORT: waits for the 00h.
    AbortZero,
    /// The status byte is out: waits for READ.
    AbortRead,
    Error,
}

/// A byte in Data_In or Command that the firmware has not taken.
#[derive(Clone, Copy, Debug)]
struct Input {
    byte: u8,
    command: bool,
    due: u64,
}

/// The registers.
#[derive(Clone, Debug, Default)]
pub struct KcsRegisters {
    executes: Executes,
    omits_last_dummy: bool,
    state: State,
    phase: Phase,
    command_data: bool,
    obf: bool,
    data_out: u8,
    input: Option<Input>,
    /// A byte on its way to Data_Out.
    output: Option<(u64, u8)>,
    running: Option<(u64, Request)>,
    request: Vec<u8>,
    reply: VecDeque<u8>,
    status_code: u8,
    attention_seen: bool,
    attention_interrupt: bool,
}

/// KCS registers with a BMC behind them.
pub type Kcs = Wired<KcsRegisters>;

impl Kcs {
    pub fn set_executes(&mut self, executes: Executes) {
        self.model.executes = executes;
    }

    /// Some BMCs enter IDLE_STATE at the end of a reply without the dummy byte of figure 9-7.
    pub fn omit_last_dummy(&mut self) {
        self.model.omits_last_dummy = true;
    }
}

impl Model for KcsRegisters {
    const KIND: Kind = Kind::Kcs;

    fn due(&self) -> Option<u64> {
        let input = self.input.map_or(NEVER, |input| input.due);
        let output = self.output.map_or(NEVER, |(due, _)| due);
        let running = self.running.as_ref().map_or(NEVER, |(due, _)| *due);
        let next = input.min(output).min(running);
        (next != NEVER).then_some(next)
    }

    fn serve(&mut self, bmc: &mut Bmc) {
        let now = bmc.now;
        if let Some((_, byte)) = self.output.take_if(|(due, _)| *due <= now) {
            self.data_out = byte;
            self.obf = true;
        } else if let Some((_, request)) = self.running.take_if(|(due, _)| *due <= now) {
            self.reply = bmc.execute(&request, now).into();
            self.phase = Phase::Read;
            self.send_next(bmc);
        } else if let Some(input) = self.input.take_if(|input| input.due <= now) {
            self.take(&input, bmc);
        }
    }

    /// ERROR_STATE is also what a BMC comes up in.
    fn restart(&mut self, bmc: &mut Bmc) {
        self.input = None;
        self.fail(bmc);
    }

    fn fail(&mut self, bmc: &mut Bmc) {
        self.error(UNSPECIFIED, bmc);
    }

    /// Data_Out, which clears OBF, or the status.
    fn read(&mut self, register: u8, bmc: &mut Bmc) -> u8 {
        if register == 0 {
            self.obf = false;
            self.data_out
        } else {
            self.attention_interrupt = false;
            self.status(bmc)
        }
    }

    /// Data_In or command; neither may be written while IBF is set.
    fn write(&mut self, register: u8, byte: u8, bmc: &mut Bmc) -> bool {
        let proper = !self.ibf();
        self.command_data = register == 1;
        self.input = Some(Input {
            byte,
            command: self.command_data,
            due: bmc.now.saturating_add(bmc.handshake()),
        });
        proper
    }

    fn busy(register: u8) -> u8 {
        if register == 1 {
            IBF
        } else {
            0
        }
    }

    /// High while OBF is set, and from the rise of SMS_ATN until the status has been read.
    fn interrupt(&mut self, bmc: &Bmc) -> bool {
        let attention = bmc.attention();
        self.attention_interrupt |= attention && !self.attention_seen;
        self.attention_interrupt &= attention;
        self.attention_seen = attention;
        self.obf(bmc) || self.attention_interrupt
    }
}

impl KcsRegisters {
    fn status(&self, bmc: &Bmc) -> u8 {
        let mut status = (self.state as u8) << 6
            | flag(self.command_data, COMMAND_DATA)
            | flag(bmc.attention(), SMS_ATN)
            | flag(self.ibf(), IBF)
            | flag(self.obf(bmc), OBF);
        for fault in bmc.active_faults() {
            match fault {
                Fault::IbfStuck => status |= IBF,
                Fault::WrongState { state } => status = status & 0x3f | state << 6,
                _ => {}
            }
        }
        status
    }

    fn obf(&self, bmc: &Bmc) -> bool {
        self.obf && !bmc.fault_holds(&Fault::ObfNever)
    }

    fn ibf(&self) -> bool {
        self.input.is_some() || self.running.is_some() && self.executes == Executes::BehindIbf
    }

    fn take(&mut self, input: &Input, bmc: &mut Bmc) {
        self.output = None;
        if (input.command, input.byte) == (true, WRITE_START) {
            bmc.faults.transaction_begins(bmc.now);
        } else {
            bmc.faults.byte_taken(bmc.now);
        }
        if input.command {
            self.take_command(input.byte, bmc);
        } else {
            self.take_data(input.byte, bmc);
        }
    }

    fn take_command(&mut self, byte: u8, bmc: &mut Bmc) {
        match byte {
            WRITE_START => {
                self.abandon(bmc);
                self.request.clear();
                self.status_code = NO_ERROR;
                self.enter(State::Write, Phase::Write);
                self.show(0, bmc);
            }
            WRITE_END if self.phase == Phase::Write => {
                self.phase = Phase::WriteLast;
                self.show(0, bmc);
            }
            GET_STATUS_ABORT => self.abort(bmc),
            _ => self.error(ILLEGAL_CONTROL, bmc),
        }
    }

    fn take_data(&mut self, byte: u8, bmc: &mut Bmc) {
        match self.phase {
            Phase::Write | Phase::WriteLast if self.request.len() >= bmc.config.max_request => {
                self.error(LENGTH_ERROR, bmc);
            }
            Phase::Write => {
                self.request.push(byte);
                self.show(0, bmc);
            }
            Phase::WriteLast => {
                self.request.push(byte);
                self.start_command(bmc);
            }
            Phase::Read if byte == READ => self.send_next(bmc),
            Phase::AbortZero => {
                self.enter(State::Read, Phase::AbortRead);
                self.show(self.status_code, bmc);
                self.status_code = NO_ERROR;
            }
            Phase::AbortRead if byte == READ => self.finish(bmc),
            Phase::Error => {}
            Phase::Idle | Phase::Execute | Phase::Read | Phase::AbortRead => {
                self.error(ILLEGAL_CONTROL, bmc);
            }
        }
    }

    fn start_command(&mut self, bmc: &mut Bmc) {
        let Some(request) = Request::parse(&self.request) else {
            return self.error(LENGTH_ERROR, bmc);
        };
        bmc.faults.command_is(request.netfn, request.cmd);
        let due = bmc.now.saturating_add(bmc.execution());
        self.running = Some((due, request));
        self.phase = Phase::Execute;
        if self.executes == Executes::BehindObf {
            self.state = State::Read;
        }
    }

    /// The next byte of the reply, or the dummy byte in IDLE_STATE that ends it.
    fn send_next(&mut self, bmc: &mut Bmc) {
        match self.reply.pop_front() {
            Some(byte) => {
                self.enter(State::Read, Phase::Read);
                self.show(byte, bmc);
            }
            None => self.finish(bmc),
        }
    }

    fn finish(&mut self, bmc: &mut Bmc) {
        self.enter(State::Idle, Phase::Idle);
        if !self.omits_last_dummy {
            self.show(0, bmc);
        }
    }

    /// GET_STATUS/ABORT: in a transfer it aborts, otherwise it asks for the last error.
    fn abort(&mut self, bmc: &mut Bmc) {
        let transfer = !matches!(self.phase, Phase::Idle | Phase::Error | Phase::AbortZero);
        if transfer && self.status_code == NO_ERROR {
            self.status_code = ABORTED;
        }
        self.abandon(bmc);
        self.enter(State::Error, Phase::AbortZero);
        self.show(0, bmc);
    }

    fn error(&mut self, status_code: u8, bmc: &mut Bmc) {
        self.abandon(bmc);
        self.status_code = status_code;
        self.enter(State::Error, Phase::Error);
        self.show(0, bmc);
    }

    /// Drops whatever is under way.
    fn abandon(&mut self, bmc: &mut Bmc) {
        if let Some((_, request)) = self.running.take() {
            bmc.cancelled(request);
        }
        self.output = None;
        self.reply.clear();
    }

    fn enter(&mut self, state: State, phase: Phase) {
        self.state = state;
        self.phase = phase;
    }

    /// Puts a byte into the output buffer a moment from now. In WRITE_STATE it is a dummy that
    /// only serves to raise an interrupt, and hosts are told to read it away (9.12).
    fn show(&mut self, byte: u8, bmc: &mut Bmc) {
        let due = bmc.now + bmc.rng.below(OUTPUT_DELAY);
        self.output = Some((due, byte));
    }
}
