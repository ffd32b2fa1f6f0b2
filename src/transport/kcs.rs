// SPDX-License-Identifier: BSD-2-Clause
//! Keyboard Controller Style (KCS) interface, IPMI 2.0 section 9, as a machine.
//!
//! Each attempt begins with the clean-up that the one before may have left: anything but an
//! idle interface is first brought back by GET_STATUS/ABORT.

use super::{Action, Exchange, Failure, Limits, Sight, Transport};
use crate::time::{Instant, MS};

/// Registers: data,
pub const DATA: u8 = 0;
/// and status, or command.
pub const STATUS: u8 = 1;

const OBF: u8 = 0x01;
const IBF: u8 = 0x02;
const SMS_ATN: u8 = 0x04;
const NOBODY: u8 = 0xff;

const GET_STATUS_ABORT: u8 = 0x60;
const WRITE_START: u8 = 0x61;
const WRITE_END: u8 = 0x62;
const READ: u8 = 0x68;

/// What holds the interrupt line, as a status tells.
pub struct Line {
    /// A byte is put out.
    pub byte: bool,
    /// The BMC wants attention.
    pub attention: bool,
}

impl Line {
    /// By this status.
    pub fn of(status: u8) -> Line {
        let present = status != NOBODY;
        Line {
            byte: present && status & OBF != 0,
            attention: present && status & SMS_ATN != 0,
        }
    }
}

/// This status, with a byte put out.
pub fn with_byte(status: u8) -> u8 {
    status | OBF
}

/// A BMC may go idle without the dummy byte that ends a transfer; this long it is waited for.
const DUMMY: u64 = 5 * MS;

/// Steps that an attempt may take without carrying a byte; those that carry one are bounded by
/// the buffers.
const STEPS: u32 = 100_000;

/// How often an attempt tries to bring the interface back to idle.
const ABORTS: u8 = 3;

/// The state in bits 7:6 of the status register (table 9-2).
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Read,
    Write,
    Error,
}

fn state(status: u8) -> State {
    match status >> 6 {
        0 => State::Idle,
        1 => State::Read,
        2 => State::Write,
        _ => State::Error,
    }
}

/// Where in figure 9-6 (write), 9-7 (read) or 9-8 (error) the attempt is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Waiting for an idle interface.
    Ready,
    /// Writing: this many bytes of the request are written.
    Write(usize),
    /// WRITE_END is written, the last byte is not.
    End,
    /// The request is written, no byte of the reply has been read.
    Answer,
    /// Reading the reply.
    Reply,
    /// GET_STATUS/ABORT is to be written.
    Abort,
    /// It is written, the data byte is not.
    AbortData,
    /// Reading the error status.
    AbortStatus,
    /// The dummy byte that ends an abort.
    AbortDummy,
}

/// What the last action was.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// Anything but a read.
    Other,
    /// A read of the status register.
    Status,
    /// A read of a byte that means nothing.
    Drop,
    /// A read of the first byte of the reply,
    First,
    /// and of another.
    Byte,
    /// A read of the error status code of an abort.
    Code,
    /// A read of the dummy byte that ends the reply.
    Dummy,
}

/// The machine; see [`Transport`].
pub struct Kcs {
    phase: Phase,
    last: Last,
    limits: Limits,
    started: Instant,
    progressed: Instant,
    steps: u32,
    aborts: u8,
    unclean: bool,
    surprised: bool,
    delivered: bool,
}

impl Kcs {
    /// A machine that knows nothing of the interface's state.
    pub const fn new() -> Kcs {
        Kcs {
            phase: Phase::Ready,
            last: Last::Other,
            limits: Limits::PATIENT,
            started: Instant::BOOT,
            progressed: Instant::BOOT,
            steps: 0,
            aborts: 0,
            unclean: false,
            surprised: false,
            delivered: false,
        }
    }

    fn enter(&mut self, now: Instant, phase: Phase) {
        self.phase = phase;
        self.progressed = now;
    }

    fn read_status(&mut self) -> Action {
        self.last = Last::Status;
        Action::Read(STATUS)
    }

    fn read_data(&mut self, last: Last) -> Action {
        self.last = last;
        Action::Read(DATA)
    }

    fn write(&mut self, now: Instant, register: u8, value: u8, then: Phase) -> Action {
        self.last = Last::Other;
        self.enter(now, then);
        Action::Write(register, value)
    }

    /// Counts a step that carries no byte; have there been enough, or is the time up?
    fn exhausted(&mut self, now: Instant) -> bool {
        self.steps = self.steps.saturating_add(1);
        self.steps > STEPS || now.since(self.started) >= self.limits.total
    }

    /// The BMC is not ready; has it been long enough?
    fn wait(&mut self, now: Instant, limit: u64) -> Action {
        self.last = Last::Other;
        if self.exhausted(now) {
            return Action::Failed(Failure::Deadline);
        }
        if now.since(self.progressed) >= limit {
            return Action::Failed(Failure::Stalled);
        }
        Action::Wait
    }

    fn begin_abort(&mut self, now: Instant) -> Action {
        self.aborts = self.aborts.saturating_add(1);
        if self.aborts > ABORTS {
            return Action::Failed(Failure::WrongState);
        }
        self.enter(now, Phase::Abort);
        self.write(now, STATUS, GET_STATUS_ABORT, Phase::Abort)
    }

    fn clean(&mut self, now: Instant) -> Action {
        self.unclean = false;
        self.enter(now, Phase::Ready);
        self.read_status()
    }

    /// Acts on a status read while IBF is clear.
    #[inline(always)]
    fn on_status(&mut self, now: Instant, status: u8, exchange: &mut Exchange<'_>) -> Action {
        match self.phase {
            Phase::Ready => self.on_ready(now, status),
            Phase::Write(written) => self.on_write(now, status, written, exchange.request),
            Phase::End => self.on_end(now, status, exchange.request),
            Phase::Answer => self.on_answer(now, status),
            Phase::Reply => self.on_reply(now, status),
            Phase::Abort if status & OBF != 0 => self.read_data(Last::Drop),
            Phase::Abort => self.write(now, DATA, 0, Phase::AbortData),
            Phase::AbortData | Phase::AbortStatus => self.on_abort(now, status),
            Phase::AbortDummy => self.on_abort_dummy(now, status),
        }
    }

    fn on_ready(&mut self, now: Instant, status: u8) -> Action {
        if self.unclean || state(status) != State::Idle {
            self.surprised |= !self.unclean;
            return self.begin_abort(now);
        }
        if status & OBF != 0 {
            return self.read_data(Last::Drop);
        }
        self.write(now, STATUS, WRITE_START, Phase::Write(0))
    }

    fn on_write(&mut self, now: Instant, status: u8, written: usize, request: &[u8]) -> Action {
        if state(status) != State::Write {
            return Action::Failed(Failure::WrongState);
        }
        if status & OBF != 0 {
            return self.read_data(Last::Drop);
        }
        match request.get(written..) {
            Some([_]) => self.write(now, STATUS, WRITE_END, Phase::End),
            Some([byte, ..]) => {
                self.write(now, DATA, *byte, Phase::Write(written.saturating_add(1)))
            }
            _ => Action::Failed(Failure::Mismatch),
        }
    }

    fn on_end(&mut self, now: Instant, status: u8, request: &[u8]) -> Action {
        if state(status) != State::Write {
            return Action::Failed(Failure::WrongState);
        }
        if status & OBF != 0 {
            return self.read_data(Last::Drop);
        }
        self.delivered = true;
        let byte = request.last().copied().unwrap_or(0);
        self.write(now, DATA, byte, Phase::Answer)
    }

    fn on_answer(&mut self, now: Instant, status: u8) -> Action {
        let action = self.on_reply(now, status);
        if self.last == Last::Byte {
            self.last = Last::First;
        }
        action
    }

    #[inline(always)]
    fn on_reply(&mut self, now: Instant, status: u8) -> Action {
        match (state(status), status & OBF != 0) {
            (State::Read, true) => self.read_data(Last::Byte),
            (State::Read | State::Write, false) => self.wait(now, self.limits.answer),
            (State::Idle, true) => self.read_data(Last::Dummy),
            (State::Idle, false) if now.since(self.progressed) < DUMMY => {
                self.wait(now, self.limits.answer)
            }
            (State::Idle, false) => Action::Done,
            _ => Action::Failed(Failure::WrongState),
        }
    }

    fn on_abort(&mut self, now: Instant, status: u8) -> Action {
        match (state(status), status & OBF != 0) {
            (State::Read, true) => self.read_data(Last::Code),
            (State::Read, false) => self.wait(now, self.limits.answer),
            (State::Idle, _) => {
                self.enter(now, Phase::AbortDummy);
                self.on_abort_dummy(now, status)
            }
            _ => self.begin_abort(now),
        }
    }

    fn on_abort_dummy(&mut self, now: Instant, status: u8) -> Action {
        match (state(status), status & OBF != 0) {
            (State::Idle, true) => {
                self.unclean = false;
                self.enter(now, Phase::Ready);
                self.read_data(Last::Drop)
            }
            (State::Idle, false) if now.since(self.progressed) < DUMMY => {
                self.wait(now, self.limits.answer)
            }
            (State::Idle, false) => self.clean(now),
            _ => self.begin_abort(now),
        }
    }

    fn on_code(&mut self, now: Instant) -> Action {
        if self.exhausted(now) {
            return Action::Failed(Failure::Deadline);
        }
        self.write(now, DATA, READ, Phase::AbortStatus)
    }

    /// A byte that means nothing was read. That is no progress: a BMC that has one for ever runs
    /// into the limit.
    fn dropped(&mut self, now: Instant) -> Action {
        if self.exhausted(now) {
            return Action::Failed(Failure::Deadline);
        }
        self.read_status()
    }

    /// How long this phase waits for IBF to clear.
    fn taken_limit(&self) -> u64 {
        match self.phase {
            Phase::Ready => self.limits.ready,
            _ => self.limits.taken,
        }
    }
}

impl Default for Kcs {
    fn default() -> Kcs {
        Kcs::new()
    }
}

impl Transport for Kcs {
    fn begin(&mut self, now: Instant, limits: Limits) {
        self.limits = limits;
        self.started = now;
        self.steps = 0;
        self.aborts = 0;
        self.delivered = false;
        self.surprised = false;
        self.last = Last::Other;
        self.enter(now, Phase::Ready);
    }

    // Each register access is a step: a call for each would cost more than what is done in it.
    #[inline(always)]
    fn step(&mut self, now: Instant, value: u8, exchange: &mut Exchange<'_>) -> Action {
        let action = self.advance(now, value, exchange);
        match action {
            // The interface is left as it is: the next attempt must not trust it.
            Action::Failed(_) => self.unclean = true,
            Action::Done if !exchange.reply.answers(exchange.request) => {
                return Action::Failed(Failure::Mismatch);
            }
            _ => {}
        }
        action
    }

    fn progressed(&self) -> Instant {
        self.progressed
    }

    fn delivered(&self) -> bool {
        self.delivered
    }

    fn surprised(&self) -> bool {
        self.surprised
    }

    fn glance(&self) -> u8 {
        STATUS
    }

    fn seen(&self, status: u8) -> Sight {
        if status == NOBODY || status & IBF != 0 {
            Sight::Dead
        } else if state(status) != State::Idle {
            Sight::Changed
        } else if status & SMS_ATN != 0 {
            Sight::Attention
        } else {
            Sight::Ready
        }
    }
}

impl Kcs {
    #[inline(always)]
    fn advance(&mut self, now: Instant, value: u8, exchange: &mut Exchange<'_>) -> Action {
        match self.last {
            Last::Other => self.read_status(),
            Last::Status if value == NOBODY => Action::Failed(Failure::Absent),
            Last::Status if value & IBF != 0 => self.wait(now, self.taken_limit()),
            Last::Status => self.on_status(now, value, exchange),
            Last::Drop => self.dropped(now),
            // The BMC marks each byte that it takes with a dummy byte, maybe only after the host has
            // seen IBF clear: the last of them must not be taken for a reply, none of which begins
            // with zero.
            Last::First if value == 0 => self.dropped(now),
            Last::First | Last::Byte if !exchange.reply.push(value) => {
                Action::Failed(Failure::TooLong)
            }
            Last::First | Last::Byte => self.write(now, DATA, READ, Phase::Reply),
            Last::Code => self.on_code(now),
            Last::Dummy => Action::Done,
        }
    }
}

#[cfg(test)]
mod tests;
