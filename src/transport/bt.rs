// SPDX-License-Identifier: BSD-2-Clause
//! Block Transfer (BT) interface, IPMI 2.0 section 11, as a machine.
//!
//! Messages travel whole, with a sequence number by which a reply is known. What the BMC offers
//! when an attempt begins answers nobody any more: it is fetched and dropped.

use super::course::Course;
use super::{Action, Exchange, Failure, Limits, Sight, Transport};
use crate::time::Instant;

/// Registers: control,
pub const CONTROL: u8 = 0;
const BUFFER: u8 = 1;
/// and interrupt mask.
pub const MASK: u8 = 2;

/// BT_INTMASK (table 11-4): the BMC may raise the line.
pub const RAISE: u8 = 0x01;
/// It has; a one lowers the line, and here it may not raise it again.
pub const LOWER: u8 = 0x02;

/// BT_CTRL (table 11-3): a one acts, a zero does nothing.
const CLR_WR_PTR: u8 = 0x01;
const CLR_RD_PTR: u8 = 0x02;
const H2B_ATN: u8 = 0x04;
const B2H_ATN: u8 = 0x08;
const SMS_ATN: u8 = 0x10;
const H_BUSY: u8 = 0x40;
const B_BUSY: u8 = 0x80;
const NOBODY: u8 = 0xff;

/// Has the BMC raised the line, as the mask register tells?
pub fn is_raised(mask: u8) -> bool {
    mask != NOBODY && mask & LOWER != 0
}

/// What lowers the line, and leaves it as it is whether it may be raised again.
pub fn lowered(mask: u8) -> u8 {
    mask & (RAISE | LOWER)
}

/// Does the BMC want attention, as the control register tells?
pub fn wants_attention(control: u8) -> bool {
    control != NOBODY && control & SMS_ATN != 0
}

/// The longest request in bytes: its length byte counts up to 255, the sequence number among them.
pub const REQUEST_MAX: usize = 254;

/// Get Message Flags, which asks why SMS_ATN is set.
const MESSAGE_FLAGS: [u8; 2] = [0x18, 0x31];

/// Replies to somebody else that an attempt drops before it gives up.
const STALE: u8 = 8;
/// How often an attempt tries to clear H_BUSY.
const TOGGLES: u8 = 3;

/// Where in section 11.7 (write transfer) or 11.8 (read transfer) the attempt is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Waiting for an interface that takes a message.
    Ready,
    /// Writing the message; this byte of it is next.
    Write(usize),
    /// Waiting for the reply.
    Answer,
    /// Fetching a reply: H_BUSY is set,
    Claimed,
    /// B2H_ATN is clear,
    Taken,
    /// the read pointer is at the start.
    Rewound,
    /// Reading it: this byte is next, and so many are left.
    Fetch(u8, u8),
    /// H_BUSY is clear again.
    Released,
}

/// What the last read was.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// None, or one whose value is not looked at.
    Other,
    /// The control register.
    Control,
    /// The length byte of a reply.
    Length,
    /// A byte of a reply.
    Byte,
}

/// The machine; see [`Transport`].
pub struct Bt {
    phase: Phase,
    last: Last,
    course: Course,
    sequence: u8,
    /// The reply at hand carries the sequence number of this attempt.
    ours: bool,
    stale: u8,
    toggles: u8,
    delivered: bool,
}

impl Bt {
    /// A machine that knows nothing of the interface's state and counts its attempts from
    /// `sequence` on. Bit 7 stays as it is, so that two machines need not share a number.
    pub const fn new(sequence: u8) -> Bt {
        Bt {
            phase: Phase::Ready,
            last: Last::Other,
            course: Course::new(),
            sequence,
            ours: false,
            stale: 0,
            toggles: 0,
            delivered: false,
        }
    }

    fn read(&mut self, register: u8, last: Last) -> Action {
        self.last = last;
        Action::Read(register)
    }

    fn write(&mut self, register: u8, value: u8, then: Phase) -> Action {
        self.last = Last::Other;
        self.phase = then;
        Action::Write(register, value)
    }

    fn wait(&mut self, now: Instant, limit: u64) -> Action {
        self.last = Last::Other;
        if !self.course.stalled(now, limit) {
            return Action::Wait;
        }
        match self.stale {
            0 => Action::Failed(Failure::Stalled),
            _ => Action::Failed(Failure::Mismatch),
        }
    }

    /// Acts on the control register while no message is under way.
    fn on_ready(&mut self, now: Instant, control: u8, request: &[u8]) -> Action {
        if control & B2H_ATN != 0 {
            return self.claim(control);
        }
        if control & (B_BUSY | H2B_ATN) != 0 {
            return self.wait(now, self.course.limits.ready);
        }
        if control & H_BUSY != 0 {
            self.toggles = self.toggles.saturating_add(1);
            if self.toggles > TOGGLES {
                return Action::Failed(Failure::WrongState);
            }
            return self.write(CONTROL, H_BUSY, Phase::Ready);
        }
        // The BMC sets it once for whatever came up, so it stays until somebody asks what.
        if control & SMS_ATN != 0 && request == MESSAGE_FLAGS {
            return self.write(CONTROL, SMS_ATN | CLR_WR_PTR, Phase::Write(0));
        }
        self.write(CONTROL, CLR_WR_PTR, Phase::Write(0))
    }

    /// Length, netFn/LUN, sequence number, command, data.
    fn write_next(&mut self, now: Instant, at: usize, request: &[u8]) -> Action {
        let Ok(length @ 3..=255) = u8::try_from(request.len().saturating_add(1)) else {
            return Action::Failed(Failure::Mismatch);
        };
        let byte = match at {
            0 => Some(&length),
            1 => request.first(),
            2 => Some(&self.sequence),
            _ => request.get(at.saturating_sub(2)),
        };
        match byte {
            Some(&byte) => self.write(BUFFER, byte, Phase::Write(at.saturating_add(1))),
            None => {
                self.course.advance(now);
                self.delivered = true;
                self.write(CONTROL, H2B_ATN, Phase::Answer)
            }
        }
    }

    fn on_answer(&mut self, now: Instant, control: u8) -> Action {
        match control & B2H_ATN != 0 {
            true => self.claim(control),
            false if control & H2B_ATN != 0 => self.wait(now, self.course.limits.taken),
            false => self.wait(now, self.course.limits.answer),
        }
    }

    /// Begins to fetch what the BMC offers.
    fn claim(&mut self, control: u8) -> Action {
        match control & H_BUSY {
            0 => self.write(CONTROL, H_BUSY, Phase::Claimed),
            _ => self.write(CONTROL, B2H_ATN, Phase::Taken),
        }
    }

    fn on_length(&mut self, length: u8) -> Action {
        self.ours = false;
        self.fetch(1, length)
    }

    fn fetch(&mut self, next: u8, left: u8) -> Action {
        match left {
            0 => self.write(CONTROL, H_BUSY, Phase::Released),
            _ => {
                self.phase = Phase::Fetch(next, left);
                self.read(BUFFER, Last::Byte)
            }
        }
    }

    fn on_byte(&mut self, byte: u8, exchange: &mut Exchange<'_>) -> Action {
        let Phase::Fetch(at, left) = self.phase else {
            return Action::Failed(Failure::WrongState);
        };
        match at {
            2 => self.ours = self.delivered && byte == self.sequence,
            1 => {
                exchange.reply.clear();
                exchange.reply.push(byte);
            }
            _ if !self.ours => {}
            _ if !exchange.reply.push(byte) => return Action::Failed(Failure::TooLong),
            _ => {}
        }
        self.fetch(at.saturating_add(1), left.saturating_sub(1))
    }

    /// A reply is fetched: this attempt's, or one that nobody waits for.
    fn on_released(&mut self) -> Action {
        if self.ours {
            return Action::Done;
        }
        self.stale = self.stale.saturating_add(1);
        if self.stale > STALE {
            return Action::Failed(Failure::Mismatch);
        }
        self.phase = match self.delivered {
            true => Phase::Answer,
            false => Phase::Ready,
        };
        self.read(CONTROL, Last::Control)
    }

    fn on_control(&mut self, now: Instant, control: u8, request: &[u8]) -> Action {
        match self.phase {
            _ if control == NOBODY => Action::Failed(Failure::Absent),
            Phase::Ready => self.on_ready(now, control, request),
            _ => self.on_answer(now, control),
        }
    }

    fn advance(&mut self, now: Instant, value: u8, exchange: &mut Exchange<'_>) -> Action {
        if !self.course.step(now) {
            return Action::Failed(Failure::Deadline);
        }
        match (self.last, self.phase) {
            (Last::Control, _) => self.on_control(now, value, exchange.request),
            (Last::Length, _) => self.on_length(value),
            (Last::Byte, _) => self.on_byte(value, exchange),
            (_, Phase::Write(at)) => self.write_next(now, at, exchange.request),
            (_, Phase::Claimed) => self.write(CONTROL, B2H_ATN, Phase::Taken),
            (_, Phase::Taken) => self.write(CONTROL, CLR_RD_PTR, Phase::Rewound),
            (_, Phase::Rewound) => self.read(BUFFER, Last::Length),
            (_, Phase::Released) => self.on_released(),
            (_, Phase::Ready | Phase::Answer | Phase::Fetch(..)) => {
                self.read(CONTROL, Last::Control)
            }
        }
    }
}

impl Transport for Bt {
    fn begin(&mut self, now: Instant, limits: Limits) {
        self.course.begin(now, limits);
        self.sequence = (self.sequence & 0x80) | (self.sequence.wrapping_add(1) & 0x7f);
        self.phase = Phase::Ready;
        self.last = Last::Other;
        self.ours = false;
        self.stale = 0;
        self.toggles = 0;
        self.delivered = false;
    }

    fn step(&mut self, now: Instant, value: u8, exchange: &mut Exchange<'_>) -> Action {
        match self.advance(now, value, exchange) {
            Action::Done if !exchange.reply.answers(exchange.request) => {
                Action::Failed(Failure::Mismatch)
            }
            action => action,
        }
    }

    fn progressed(&self) -> Instant {
        self.course.progressed()
    }

    fn delivered(&self) -> bool {
        self.delivered
    }

    fn glance(&self) -> u8 {
        CONTROL
    }

    fn seen(&self, control: u8) -> Sight {
        if control == NOBODY || control & (B_BUSY | H2B_ATN) != 0 {
            Sight::Dead
        } else if control & (B2H_ATN | H_BUSY) != 0 {
            Sight::Changed
        } else if control & SMS_ATN != 0 {
            Sight::Attention
        } else {
            Sight::Silent
        }
    }
}

#[cfg(test)]
mod tests;
