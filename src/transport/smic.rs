// SPDX-License-Identifier: BSD-2-Clause
//! Server Management Interface Chip (SMIC), IPMI 2.0 section 10, as a machine.
//!
//! Every byte is a turn: a control code, its byte, BUSY handed over, BUSY given back, a status code.
//! A new attempt ends what the one before it left by asking for the status first.

use super::course::Course;
use super::{Action, Exchange, Failure, Limits, Sight, Transport};
use crate::time::Instant;

const DATA: u8 = 0;
const CONTROL: u8 = 1;
const FLAGS: u8 = 2;

const BUSY: u8 = 0x01;
const SMS_ATN: u8 = 0x04;
const TX_DATA_RDY: u8 = 0x40;
const RX_DATA_RDY: u8 = 0x80;
const NOBODY: u8 = 0xff;

/// Control codes of the SMS stream (table 10-3).
const GET_STATUS: u8 = 0x40;
const WR_START: u8 = 0x41;
const WR_NEXT: u8 = 0x42;
const WR_END: u8 = 0x43;
const RD_START: u8 = 0x44;
const RD_NEXT: u8 = 0x45;
const RD_END: u8 = 0x46;

/// The status code of a control code is this much more (table 10-4).
const STATUS: u8 = 0x80;
const SC_SMS_RDY: u8 = 0xc0;
const SC_SMS_RD_END: u8 = 0xc6;

/// How often an attempt tries to bring the interface back to idle.
const RECOVERIES: u8 = 3;

/// Where in figure 10-4 (write) or 10-5 (read) the attempt is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Nothing is given yet.
    Ready,
    /// Bringing the interface back to idle.
    Recovery,
    /// Writing: this many bytes of the request are given.
    Write(usize),
    /// Reading the reply, by this control code next.
    Reply(u8),
    /// The reply has arrived; the BMC is to be told.
    End,
}

/// What the last action was.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// One after which the flags are read.
    Other,
    /// A read of the flags.
    Flags,
    /// A write of a control code.
    Control,
    /// A write of a byte of the request.
    Data,
    /// A read of the status code.
    Status,
    /// A read of a byte of the reply; the flag is: the last one.
    Byte(bool),
}

/// The machine; see [`Transport`].
pub struct Smic {
    phase: Phase,
    last: Last,
    course: Course,
    /// The control code that the BMC is carrying out.
    turn: Option<u8>,
    /// The byte that goes with it.
    byte: Option<u8>,
    flags: u8,
    recoveries: u8,
    unclean: bool,
    delivered: bool,
}

impl Smic {
    /// A machine that knows nothing of the interface's state.
    pub const fn new() -> Smic {
        Smic {
            phase: Phase::Ready,
            last: Last::Other,
            course: Course::new(),
            turn: None,
            byte: None,
            flags: 0,
            recoveries: 0,
            unclean: true,
            delivered: false,
        }
    }

    fn read(&mut self, register: u8, last: Last) -> Action {
        self.last = last;
        Action::Read(register)
    }

    /// Begins a turn: the control code first.
    fn give(&mut self, control: u8, byte: Option<u8>) -> Action {
        self.turn = Some(control);
        self.byte = byte;
        self.last = Last::Control;
        Action::Write(CONTROL, control)
    }

    /// Goes on with the turn: its byte, then BUSY.
    fn hand_over(&mut self) -> Action {
        if let Some(byte) = self.byte.take() {
            self.last = Last::Data;
            return Action::Write(DATA, byte);
        }
        if self.turn == Some(WR_END) {
            self.delivered = true;
        }
        self.last = Last::Other;
        Action::Write(FLAGS, self.flags | BUSY)
    }

    fn wait(&mut self, now: Instant, limit: u64) -> Action {
        self.last = Last::Other;
        if self.course.stalled(now, limit) {
            return Action::Failed(Failure::Stalled);
        }
        Action::Wait
    }

    fn on_flags(&mut self, now: Instant, flags: u8, request: &[u8]) -> Action {
        if flags == NOBODY {
            return Action::Failed(Failure::Absent);
        }
        if flags & BUSY != 0 {
            let limit = match (self.phase, self.turn) {
                (Phase::Ready, None) => self.course.limits.ready,
                _ => self.course.limits.taken,
            };
            return self.wait(now, limit);
        }
        self.flags = flags;
        match self.turn {
            Some(_) => self.read(CONTROL, Last::Status),
            None => self.next_turn(now, request),
        }
    }

    fn next_turn(&mut self, now: Instant, request: &[u8]) -> Action {
        match self.phase {
            Phase::Ready if self.unclean => self.recover(),
            Phase::Ready => self.write_next(request, 0),
            Phase::Recovery => self.give(GET_STATUS, None),
            Phase::Write(written) if self.flags & TX_DATA_RDY != 0 => {
                self.write_next(request, written)
            }
            Phase::Write(_) => self.wait(now, self.course.limits.taken),
            Phase::Reply(control) if self.flags & RX_DATA_RDY != 0 => self.give(control, None),
            Phase::Reply(_) => self.wait(now, self.course.limits.answer),
            Phase::End => self.give(RD_END, None),
        }
    }

    fn write_next(&mut self, request: &[u8], written: usize) -> Action {
        let (byte, control) = match request.get(written..) {
            Some([byte, _, ..]) if written == 0 => (*byte, WR_START),
            Some([byte]) if written > 0 => (*byte, WR_END),
            Some([byte, _, ..]) => (*byte, WR_NEXT),
            _ => return Action::Failed(Failure::Mismatch),
        };
        self.phase = Phase::Write(written.saturating_add(1));
        self.give(control, Some(byte))
    }

    fn recover(&mut self) -> Action {
        self.recoveries = self.recoveries.saturating_add(1);
        if self.recoveries > RECOVERIES {
            return Action::Failed(Failure::WrongState);
        }
        self.phase = Phase::Recovery;
        self.give(GET_STATUS, None)
    }

    /// The BMC has carried out a control code, or refused it.
    fn on_status(&mut self, now: Instant, status: u8, request: &[u8]) -> Action {
        let given = self.turn.take().unwrap_or(GET_STATUS);
        let accepted = status == given | STATUS;
        match (self.phase, given) {
            (Phase::Recovery, _) if accepted => {
                self.unclean = false;
                self.phase = Phase::Ready;
            }
            (Phase::Recovery, _) => return self.recover(),
            // Idle, as far as this machine knew; the BMC knows better.
            (_, WR_START) if !accepted => return self.recover(),
            (_, WR_END) if accepted => self.phase = Phase::Reply(RD_START),
            (Phase::Write(_), _) if accepted => {}
            (Phase::Reply(_), _) if accepted || status == SC_SMS_RD_END => {
                return self.read(DATA, Last::Byte(status == SC_SMS_RD_END));
            }
            (Phase::End, _) if status == SC_SMS_RDY => return Action::Done,
            _ => return Action::Failed(Failure::WrongState),
        }
        self.course.advance(now);
        self.next_turn(now, request)
    }

    fn on_byte(
        &mut self,
        now: Instant,
        byte: u8,
        ended: bool,
        exchange: &mut Exchange<'_>,
    ) -> Action {
        if !exchange.reply.push(byte) {
            return Action::Failed(Failure::TooLong);
        }
        self.course.advance(now);
        self.phase = match ended {
            true => Phase::End,
            false => Phase::Reply(RD_NEXT),
        };
        self.read(FLAGS, Last::Flags)
    }

    fn advance(&mut self, now: Instant, value: u8, exchange: &mut Exchange<'_>) -> Action {
        if !self.course.step(now) {
            return Action::Failed(Failure::Deadline);
        }
        match self.last {
            Last::Other => self.read(FLAGS, Last::Flags),
            Last::Flags => self.on_flags(now, value, exchange.request),
            Last::Control | Last::Data => self.hand_over(),
            Last::Status => self.on_status(now, value, exchange.request),
            Last::Byte(ended) => self.on_byte(now, value, ended, exchange),
        }
    }
}

impl Default for Smic {
    fn default() -> Smic {
        Smic::new()
    }
}

impl Transport for Smic {
    fn begin(&mut self, now: Instant, limits: Limits) {
        self.course.begin(now, limits);
        // An attempt that was ended from outside left its turn, or more, unfinished.
        self.unclean |= self.phase != Phase::Ready;
        self.phase = Phase::Ready;
        self.last = Last::Other;
        self.turn = None;
        self.byte = None;
        self.recoveries = 0;
        self.delivered = false;
    }

    fn step(&mut self, now: Instant, value: u8, exchange: &mut Exchange<'_>) -> Action {
        let action = self.advance(now, value, exchange);
        if action != Action::Done {
            return action;
        }
        self.phase = Phase::Ready;
        match exchange.reply.answers(exchange.request) {
            true => Action::Done,
            false => Action::Failed(Failure::Mismatch),
        }
    }

    /// Control, data, flags.
    fn writes(&self) -> u32 {
        3
    }

    fn progressed(&self) -> Instant {
        self.course.progressed()
    }

    fn delivered(&self) -> bool {
        self.delivered
    }

    fn glance(&self) -> u8 {
        FLAGS
    }

    fn seen(&self, flags: u8) -> Sight {
        if flags == NOBODY || flags & BUSY != 0 {
            Sight::Dead
        } else if flags & SMS_ATN != 0 {
            Sight::Attention
        } else {
            Sight::Ready
        }
    }
}

#[cfg(test)]
mod tests;
