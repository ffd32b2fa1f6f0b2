// SPDX-License-Identifier: BSD-2-Clause
//! The KCS register model around a BMC (IPMI 2.0, section 9): data at register 0, command and
//! status at 1. It must not know what a command means.

use crate::bmc::Bus;
use crate::{Accesses, Bmc, Effect, Fault, Faults, Request};

const OBF: u8 = 0x01;
const IBF: u8 = 0x02;
const SMS_ATN: u8 = 0x04;
const COMMAND_DATA: u8 = 0x08;

/// KCS in Get Channel Info (table 6-2).
const PROTOCOL: u8 = 0x05;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Executes {
    /// IBF stays set until the reply is ready (QEMU's BMC).
    BehindIbf,
    /// The last byte is taken, READ_STATE follows at once, OBF when the reply is ready (OpenBMC).
    BehindObf,
}

/// Bits 7:6 of the status register (table 9-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle = 0,
    Read = 1,
    Write = 2,
    Error = 3,
}

/// Where in figures 9-6 to 9-8 the firmware is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
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

/// The registers, and the BMC behind them.
#[derive(Clone, Debug)]
pub struct Kcs {
    bmc: Bmc,
    executes: Executes,
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
    reply: std::collections::VecDeque<u8>,
    status_code: u8,
    boots: u32,
    attention_seen: bool,
    attention_interrupt: bool,
    interrupt: bool,
    accesses: Accesses,
}

impl Kcs {
    pub fn new(mut bmc: Bmc) -> Kcs {
        bmc.protocol = PROTOCOL;
        Kcs {
            boots: bmc.boots(),
            bmc,
            executes: Executes::BehindIbf,
            state: State::Idle,
            phase: Phase::Idle,
            command_data: false,
            obf: false,
            data_out: 0,
            input: None,
            output: None,
            running: None,
            request: Vec::new(),
            reply: Default::default(),
            status_code: NO_ERROR,
            attention_seen: false,
            attention_interrupt: false,
            interrupt: false,
            accesses: Accesses::default(),
        }
    }

    pub fn set_executes(&mut self, executes: Executes) {
        self.executes = executes;
    }

    pub fn bmc(&self) -> &Bmc {
        &self.bmc
    }

    pub fn bmc_mut(&mut self) -> &mut Bmc {
        &mut self.bmc
    }

    pub fn faults_mut(&mut self) -> &mut Faults {
        self.bmc.faults_mut()
    }

    pub fn accesses(&self) -> Accesses {
        self.accesses
    }

    /// Lets time pass up to `now` and hands out what happened meanwhile.
    pub fn advance(&mut self, now: u64) -> Vec<Effect> {
        self.sync(now);
        self.bmc.advance(now)
    }

    /// When `advance` will next have something to do if the host does nothing.
    pub fn next_event(&self) -> Option<u64> {
        let served = match self.bmc.stalled_until() {
            Some(_) => None,
            None => self.due(),
        };
        [served, self.bmc.next_event()].into_iter().flatten().min()
    }

    /// The host reads register 0 (Data_Out, which clears OBF) or 1 (status); others are ff.
    pub fn read(&mut self, register: u8, now: u64) -> u8 {
        self.sync(now);
        self.accesses.reads += 1;
        if self.bmc.bus() == Bus::Gone {
            return 0xff;
        }
        let value = match register {
            0 => {
                self.obf = false;
                self.data_out
            }
            1 => {
                self.attention_interrupt = false;
                self.status()
            }
            _ => 0xff,
        };
        self.pull_interrupt();
        value
    }

    /// The host writes register 0 (Data_In) or 1 (command); others are ignored.
    pub fn write(&mut self, register: u8, byte: u8, now: u64) {
        self.sync(now);
        self.accesses.writes += 1;
        let bus = self.bmc.bus();
        if register > 1 || matches!(bus, Bus::Gone | Bus::Busy) {
            return;
        }
        if bus == Bus::Live && self.ibf() {
            self.accesses.violations += 1;
        }
        self.command_data = register == 1;
        self.input = Some(Input {
            byte,
            command: self.command_data,
            due: self.bmc.now.saturating_add(self.bmc.handshake()),
        });
    }

    fn status(&self) -> u8 {
        if self.bmc.bus() == Bus::Busy {
            return IBF;
        }
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let mut status = (self.state as u8) << 6
            | flag(self.command_data, COMMAND_DATA)
            | flag(self.bmc.attention(), SMS_ATN)
            | flag(self.ibf(), IBF)
            | flag(self.obf(), OBF);
        for fault in self.bmc.faults.active(self.bmc.now) {
            match fault {
                Fault::IbfStuck => status |= IBF,
                Fault::WrongState { state } => status = status & 0x3f | state << 6,
                _ => {}
            }
        }
        status
    }

    fn obf(&self) -> bool {
        let never = |fault: &Fault| *fault == Fault::ObfNever;
        self.obf && !self.bmc.faults.active(self.bmc.now).any(never)
    }

    fn ibf(&self) -> bool {
        self.input.is_some() || self.running.is_some() && self.executes == Executes::BehindIbf
    }

    /// When the firmware will next touch the registers.
    fn due(&self) -> Option<u64> {
        [
            self.input.map(|input| input.due),
            self.output.map(|(due, _)| due),
            self.running.as_ref().map(|(due, _)| *due),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Lets the firmware do all it does up to `now`, in order.
    fn sync(&mut self, now: u64) {
        let now = now.max(self.bmc.now);
        while let Some(due) = self.due().filter(|&due| due <= now) {
            self.bmc.run_to(due);
            self.follow_bmc();
            match self.bmc.stalled_until() {
                Some(until) if until > now => break,
                Some(until) => {
                    self.bmc.run_to(until);
                    self.follow_bmc();
                }
                None => self.serve(),
            }
        }
        self.bmc.run_to(now);
        self.follow_bmc();
        self.pull_interrupt();
    }

    /// Takes over what happened to the BMC behind the interface's back.
    fn follow_bmc(&mut self) {
        if self.boots != self.bmc.boots() {
            self.boots = self.bmc.boots();
            self.input = None;
            self.fail(UNSPECIFIED);
        }
        if self.bmc.take_interface_error() {
            self.fail(UNSPECIFIED);
        }
        let attention = self.bmc.attention();
        self.attention_interrupt |= attention && !self.attention_seen;
        self.attention_interrupt &= attention;
        self.attention_seen = attention;
    }

    /// The interrupt line is high while OBF is set, and from the rise of SMS_ATN until the status
    /// register has been read.
    fn pull_interrupt(&mut self) {
        let level = self.bmc.messaging.interrupts() && (self.obf() || self.attention_interrupt);
        if level != self.interrupt {
            self.interrupt = level;
            self.bmc.effect(Effect::Interrupt(level));
        }
    }

    /// Does the one thing that is due first.
    fn serve(&mut self) {
        let now = self.bmc.now;
        if let Some((_, byte)) = self.output.take_if(|(due, _)| *due <= now) {
            self.data_out = byte;
            self.obf = true;
        } else if let Some((_, request)) = self.running.take_if(|(due, _)| *due <= now) {
            self.reply = self.bmc.execute(&request, now).into();
            self.phase = Phase::Read;
            self.send_next();
        } else if let Some(input) = self.input.take_if(|input| input.due <= now) {
            self.output = None;
            if (input.command, input.byte) == (true, WRITE_START) {
                self.bmc.faults.transaction_begins(now);
            } else {
                self.bmc.faults.byte_taken(now);
            }
            if input.command {
                self.take_command(input.byte);
            } else {
                self.take_data(input.byte);
            }
        }
    }

    fn take_command(&mut self, byte: u8) {
        match byte {
            WRITE_START => {
                self.abandon();
                self.request.clear();
                self.status_code = NO_ERROR;
                self.enter(State::Write, Phase::Write);
                self.show(0);
            }
            WRITE_END if self.phase == Phase::Write => {
                self.phase = Phase::WriteLast;
                self.show(0);
            }
            GET_STATUS_ABORT => self.abort(),
            _ => self.fail(ILLEGAL_CONTROL),
        }
    }

    fn take_data(&mut self, byte: u8) {
        match self.phase {
            Phase::Write | Phase::WriteLast
                if self.request.len() >= self.bmc.config.max_request =>
            {
                self.fail(LENGTH_ERROR);
            }
            Phase::Write => {
                self.request.push(byte);
                self.show(0);
            }
            Phase::WriteLast => {
                self.request.push(byte);
                self.start_command();
            }
            Phase::Read if byte == READ => self.send_next(),
            Phase::AbortZero => {
                self.enter(State::Read, Phase::AbortRead);
                self.show(self.status_code);
                self.status_code = NO_ERROR;
            }
            Phase::AbortRead if byte == READ => self.finish(),
            Phase::Error => {}
            Phase::Idle | Phase::Execute | Phase::Read | Phase::AbortRead => {
                self.fail(ILLEGAL_CONTROL);
            }
        }
    }

    fn start_command(&mut self) {
        let Some(request) = Request::parse(&self.request) else {
            return self.fail(LENGTH_ERROR);
        };
        self.bmc.faults.command_is(request.netfn, request.cmd);
        let due = self.bmc.now.saturating_add(self.bmc.execution());
        self.running = Some((due, request));
        self.phase = Phase::Execute;
        if self.executes == Executes::BehindObf {
            self.state = State::Read;
        }
    }

    /// The next byte of the reply, or the dummy byte in IDLE_STATE that ends it.
    fn send_next(&mut self) {
        match self.reply.pop_front() {
            Some(byte) => {
                self.enter(State::Read, Phase::Read);
                self.show(byte);
            }
            None => self.finish(),
        }
    }

    fn finish(&mut self) {
        self.enter(State::Idle, Phase::Idle);
        self.show(0);
    }

    /// GET_STATUS/ABORT: in a transfer it aborts, otherwise it asks for the last error.
    fn abort(&mut self) {
        let transfer = !matches!(self.phase, Phase::Idle | Phase::Error | Phase::AbortZero);
        if transfer && self.status_code == NO_ERROR {
            self.status_code = ABORTED;
        }
        self.abandon();
        self.enter(State::Error, Phase::AbortZero);
        self.show(0);
    }

    fn fail(&mut self, status_code: u8) {
        self.abandon();
        self.status_code = status_code;
        self.enter(State::Error, Phase::Error);
        self.show(0);
    }

    /// Drops whatever is under way.
    fn abandon(&mut self) {
        if let Some((_, request)) = self.running.take() {
            self.bmc.cancelled(request);
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
    fn show(&mut self, byte: u8) {
        let due = self.bmc.now + self.bmc.rng.below(OUTPUT_DELAY);
        self.output = Some((due, byte));
    }
}
