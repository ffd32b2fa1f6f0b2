// SPDX-License-Identifier: BSD-2-Clause
//! SMBus System Interface (SSIF), IPMI 2.0 section 12, as a machine.
//!
//! There are no registers: messages travel in blocks of up to 32 bytes, and a BMC that is not
//! ready acknowledges nothing. A request that is written ends whatever was before it. Nothing tells
//! a BMC that still thinks from one that was reset and has forgotten what it was asked; so what may
//! be asked twice is, after a while.

use super::course::Course;
use super::{Exchange, Failure, Limits};
use crate::time::{Instant, MS};

/// Bytes that an SMBus block can have.
pub const BLOCK: usize = 32;

/// The longest request in bytes: what Get System Interface Capabilities can grant.
pub const REQUEST_MAX: usize = 255;

/// SMBus commands (table 12-1).
const WRITE_SINGLE: u8 = 0x02;
const READ_START: u8 = 0x03;
const WRITE_START: u8 = 0x06;
const WRITE_MIDDLE: u8 = 0x07;
const WRITE_END: u8 = 0x08;
const READ_MIDDLE: u8 = 0x09;

/// The first two bytes of a reply in parts; no reply has this network function.
const IN_PARTS: [u8; 2] = [0x00, 0x01];
/// The number of the last part.
const LAST: u8 = 0xff;

/// Pause before a refused write is tried again.
const WRITE_AGAIN: u64 = 20 * MS;
/// Pause between two looks for a reply, at first,
const LOOK: u64 = 5 * MS;
/// for so long,
const LOOK_OFTEN: u64 = 50 * MS;
/// and then.
const LOOK_SELDOM: u64 = 20 * MS;
/// How long a request is waited for before it is asked again, at first; each time that the BMC
/// takes it the next wait is twice as long, for one that begins anew with it.
const ASK_AGAIN: u64 = 250 * MS;

/// What an SMBus block carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    bytes: [u8; BLOCK],
    length: u8,
}

impl Block {
    /// No bytes.
    pub const EMPTY: Block = Block {
        bytes: [0; BLOCK],
        length: 0,
    };

    /// The first 32 of `bytes`.
    pub fn of(bytes: &[u8]) -> Block {
        let mut block = Block::EMPTY;
        for (slot, &byte) in block.bytes.iter_mut().zip(bytes) {
            *slot = byte;
            block.length = block.length.saturating_add(1);
        }
        block
    }

    /// What it carries.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or(&[])
    }
}

/// How a transfer on the SMBus ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// It was carried out; a read brought this, a write nothing.
    Done(Block),
    /// The BMC did not acknowledge.
    Refused,
    /// Somebody else has the bus.
    Busy,
    /// The bus gave up, which may have been after the BMC took it.
    Broken,
    /// The bus cannot be used now: its driver would sleep.
    Unusable,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Write this block by this SMBus command.
    Send(u8, Block),
    /// Read a block by this SMBus command.
    Fetch(u8),
    /// Step again after so many nanoseconds.
    Pause(u64),
    /// The reply has arrived whole.
    Done,
    /// The attempt is over without a reply.
    Failed(Failure),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Writing: so many bytes of the request are taken.
    Write(usize),
    /// Waiting for the reply, or its first part.
    Reply,
    /// Asking again while waiting for it.
    Again,
    /// Reading it: the number of the next part, which some count from 1.
    Part(Option<u8>),
}

/// Does a request of one block do no harm if it is carried out twice, by its network function and
/// command? Those of the watchdog, and what monitoring reads.
fn repeatable(request: &[u8]) -> bool {
    let &[net_fn, command, ..] = request else {
        return false;
    };
    let known = match net_fn >> 2 {
        0x00 => matches!(command, 0x00 | 0x01),
        0x04 => matches!(command, 0x25 | 0x27 | 0x2d),
        0x06 => matches!(command, 0x01 | 0x04 | 0x22 | 0x24 | 0x25 | 0x31),
        0x0a => matches!(command, 0x10 | 0x11 | 0x20 | 0x23 | 0x40 | 0x43),
        0x0c => command == 0x02,
        _ => false,
    };
    known && request.len() <= BLOCK
}

/// The machine. It is stepped as a [`super::Transport`] is, with transfers for registers.
pub struct Ssif {
    phase: Phase,
    course: Course,
    /// Bytes that the block on its way carries.
    sending: usize,
    delivered: bool,
    /// When the BMC was last asked, and how long that is good for.
    asked: Instant,
    patience: u64,
    /// The BMC knows no Write End: it takes a middle part that is not full for the last.
    middle_ends: bool,
}

impl Ssif {
    /// A machine that knows nothing of the BMC's state.
    pub const fn new() -> Ssif {
        Ssif {
            phase: Phase::Write(0),
            course: Course::new(),
            sending: 0,
            delivered: false,
            asked: Instant::BOOT,
            patience: ASK_AGAIN,
            middle_ends: false,
        }
    }

    /// See [`super::Transport::begin`].
    pub fn begin(&mut self, now: Instant, limits: Limits) {
        self.course.begin(now, limits);
        self.phase = Phase::Write(0);
        self.sending = 0;
        self.delivered = false;
        self.patience = ASK_AGAIN;
    }

    /// See [`super::Transport::progressed`].
    pub fn progressed(&self) -> Instant {
        self.course.progressed()
    }

    /// See [`super::Transport::delivered`].
    pub fn delivered(&self) -> bool {
        self.delivered
    }

    /// The next action; `ended` is how the last one did if it was a transfer.
    pub fn step(
        &mut self,
        now: Instant,
        ended: Option<Transfer>,
        exchange: &mut Exchange<'_>,
    ) -> Action {
        if !self.course.step(now) {
            return Action::Failed(Failure::Deadline);
        }
        let action = match (ended, self.phase) {
            (None, _) => self.transfer(exchange.request),
            (Some(Transfer::Unusable), _) => Action::Failed(Failure::Unusable),
            (Some(ended), Phase::Write(written)) => self.on_sent(now, ended, written, exchange),
            (Some(ended), Phase::Again) => self.on_asked_again(now, ended),
            (Some(Transfer::Done(block)), _) => self.on_block(now, block.as_bytes(), exchange),
            (Some(_), Phase::Reply) => self.look_again(now, exchange.request),
            (Some(_), Phase::Part(_)) => Action::Failed(Failure::Stalled),
        };
        match action {
            Action::Done if !exchange.reply.answers(exchange.request) => {
                Action::Failed(Failure::Mismatch)
            }
            action => action,
        }
    }

    fn transfer(&mut self, request: &[u8]) -> Action {
        match self.phase {
            Phase::Write(written) => self.send(written, request),
            Phase::Reply | Phase::Again => Action::Fetch(READ_START),
            Phase::Part(_) => Action::Fetch(READ_MIDDLE),
        }
    }

    fn send(&mut self, written: usize, request: &[u8]) -> Action {
        let rest = request.get(written..).unwrap_or(&[]);
        if rest.is_empty() || request.len() > REQUEST_MAX {
            return Action::Failed(Failure::Mismatch);
        }
        let last = rest.len() <= BLOCK;
        let command = match (written, last) {
            (0, true) => WRITE_SINGLE,
            (0, false) => WRITE_START,
            (_, true) if self.middle_ends && rest.len() < BLOCK => WRITE_MIDDLE,
            (_, true) => WRITE_END,
            (_, false) => WRITE_MIDDLE,
        };
        self.delivered = last;
        self.sending = rest.len().min(BLOCK);
        Action::Send(command, Block::of(rest))
    }

    fn on_sent(
        &mut self,
        now: Instant,
        ended: Transfer,
        written: usize,
        exchange: &Exchange<'_>,
    ) -> Action {
        match ended {
            Transfer::Done(_) => {
                self.course.advance(now);
                let written = written.saturating_add(self.sending);
                if written < exchange.request.len() {
                    self.phase = Phase::Write(written);
                    return self.send(written, exchange.request);
                }
                self.phase = Phase::Reply;
                self.asked = now;
                Action::Pause(LOOK)
            }
            // It may be executing what the bus did not see it take.
            Transfer::Broken if self.delivered => Action::Failed(Failure::Stalled),
            Transfer::Refused if written > 0 => {
                self.middle_ends ^= core::mem::take(&mut self.delivered);
                Action::Failed(Failure::WrongState)
            }
            // Nor may it be given a part twice.
            Transfer::Broken if written > 0 => Action::Failed(Failure::WrongState),
            _ => self.send_again(now, ended),
        }
    }

    /// Nothing is taken yet, or somebody else has the bus.
    fn send_again(&mut self, now: Instant, ended: Transfer) -> Action {
        self.delivered = false;
        match self.course.stalled(now, self.course.limits.ready) {
            false => Action::Pause(WRITE_AGAIN),
            true if ended == Transfer::Refused => Action::Failed(Failure::Absent),
            true => Action::Failed(Failure::Stalled),
        }
    }

    fn look_again(&mut self, now: Instant, request: &[u8]) -> Action {
        if self.course.stalled(now, self.course.limits.answer) {
            return Action::Failed(Failure::Stalled);
        }
        if now.since(self.asked) >= self.patience && repeatable(request) {
            self.phase = Phase::Again;
            return Action::Send(WRITE_SINGLE, Block::of(request));
        }
        match self.course.stalled(now, LOOK_OFTEN) {
            false => Action::Pause(LOOK),
            true => Action::Pause(LOOK_SELDOM),
        }
    }

    /// A BMC that refuses it is busy with it, or away still.
    fn on_asked_again(&mut self, now: Instant, ended: Transfer) -> Action {
        self.phase = Phase::Reply;
        self.asked = now;
        if matches!(ended, Transfer::Done(_)) {
            self.patience = self.patience.saturating_mul(2);
        }
        Action::Pause(LOOK)
    }

    fn on_block(&mut self, now: Instant, block: &[u8], exchange: &mut Exchange<'_>) -> Action {
        let (body, then) = match (self.phase, block) {
            // Nothing is what a BMC says that is not ready yet.
            (Phase::Reply, []) => return self.look_again(now, exchange.request),
            (Phase::Reply, [a, b, body @ ..]) if [*a, *b] == IN_PARTS => {
                (body, Some(Phase::Part(None)))
            }
            (Phase::Part(_), [LAST, body @ ..]) => (body, None),
            (Phase::Part(expected), [number, body @ ..])
                if block.len() == BLOCK && expected.map_or(*number <= 1, |n| n == *number) =>
            {
                (body, Some(Phase::Part(number.checked_add(1))))
            }
            (Phase::Part(_), _) => return Action::Failed(Failure::Mismatch),
            (_, body) => (body, None),
        };
        self.course.advance(now);
        if !body.iter().all(|&byte| exchange.reply.push(byte)) {
            return Action::Failed(Failure::TooLong);
        }
        match then {
            Some(phase) => {
                self.phase = phase;
                Action::Fetch(READ_MIDDLE)
            }
            None => Action::Done,
        }
    }
}

impl Default for Ssif {
    fn default() -> Ssif {
        Ssif::new()
    }
}

#[cfg(test)]
mod tests;
