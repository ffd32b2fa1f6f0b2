// SPDX-License-Identifier: BSD-2-Clause
//! What every system interface is to the rest of the driver: a machine that is stepped.
//!
//! A transport never sleeps, loops or reads a clock. It is told the time and what its last
//! action brought, and says what to do next. So the same machine runs in the worker, in the
//! panic path and in a test.

#[cfg(test)]
mod board;
pub mod bt;
mod course;
mod interface;
pub mod kcs;
pub mod smic;
pub mod ssif;

pub use interface::{Interface, Terms};

use crate::time::{Instant, MS, SEC};
use crate::wire::Arrival;

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Read this register, counted from 0, and hand its value to the next step.
    Read(u8),
    /// Write this value to this register.
    Write(u8, u8),
    /// The BMC is not ready: step again after a while.
    Wait,
    /// The reply has arrived whole.
    Done,
    /// The attempt is over without a reply.
    Failed(Failure),
}

/// Why an attempt brought no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Every bit of the status register reads as one, or nobody acknowledges: nobody is there.
    Absent,
    /// The BMC stopped taking bytes or producing them.
    Stalled,
    /// The interface is in a state that it should not be in (a reset BMC, for one).
    WrongState,
    /// The reply is longer than a reply can be, or endless.
    TooLong,
    /// The reply belongs to another request or is too short to belong to any.
    Mismatch,
    /// The attempt took longer, or more steps, than any may.
    Deadline,
    /// A driver request waits, or the driver goes away.
    Aborted,
    /// A context that cannot sleep took the hardware over.
    Seized,
    /// The hardware was taken over before the attempt could begin.
    Taken,
    /// The bus cannot be used here: its driver would sleep.
    Unusable,
}

/// How long an attempt may take; nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For an idle interface to become ready for the first byte.
    pub ready: u64,
    /// For the BMC to take one byte.
    pub taken: u64,
    /// For the BMC to produce a byte.
    pub answer: u64,
    /// For everything.
    pub total: u64,
    /// Waiting for a byte is worth the processor: sleeps stay short.
    pub eager: bool,
}

impl Limits {
    /// The specification recommends at least 5 s a wait; before the first byte nothing is
    /// lost by giving up earlier.
    pub const PATIENT: Limits = Limits {
        ready: SEC,
        taken: 5 * SEC,
        answer: 5 * SEC,
        total: 60 * SEC,
        eager: false,
    };

    /// For a BMC that has not answered lately: a lost command must not hide its return.
    pub const PROBING: Limits = Limits {
        ready: 100 * MS,
        taken: 5 * SEC,
        answer: 400 * MS,
        total: 60 * SEC,
        eager: false,
    };
}

/// How patient an attempt is, in short.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Nanoseconds that the BMC may take to answer.
    pub answer: u64,
    /// The BMC has not answered lately.
    pub probing: bool,
    /// As [`Limits::eager`].
    pub eager: bool,
}

impl Patience {
    /// What that means.
    pub fn limits(self) -> Limits {
        match self.probing {
            true => Limits::PROBING,
            false => Limits {
                answer: self.answer,
                eager: self.eager,
                ..Limits::PATIENT
            },
        }
    }
}

/// A request on its way and the room for its reply.
pub struct Exchange<'a> {
    /// Network function and LUN, command, data.
    pub request: &'a [u8],
    /// What has arrived.
    pub reply: Arrival<'a>,
}

/// A system interface as a machine.
pub trait Transport {
    /// Starts an attempt at `now`.
    fn begin(&mut self, now: Instant, limits: Limits);

    /// The next action; `value` is what the last [`Action::Read`] brought.
    fn step(&mut self, now: Instant, value: u8, exchange: &mut Exchange<'_>) -> Action;

    /// When the attempt last got anywhere.
    fn progressed(&self) -> Instant;

    /// Did the attempt find the interface in a state that the one before had not left it in? The
    /// BMC may have been reset.
    fn surprised(&self) -> bool {
        false
    }

    /// Has the BMC been given the whole request? Then it may be executing it.
    fn delivered(&self) -> bool;

    /// Writes that the BMC may be waited for after: so many make a handshake.
    fn writes(&self) -> u32 {
        1
    }

    /// Would an attempt that starts now find the interface ready? One register, no side effect.
    fn glance(&self) -> u8;

    /// What the value read at [`Transport::glance`] means.
    fn seen(&self, value: u8) -> Sight;
}

/// What one look at an idle interface shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Nobody there, or it does not take what it was given.
    Dead,
    /// Someone is there, but not in the state the driver left: it may have been reset.
    Changed,
    /// Idle and ready.
    Ready,
    /// Idle and ready, with nothing to say that it has not said: what the BMC holds once the host
    /// knows of it raises no SMS_ATN again, whatever joins it.
    Silent,
    /// Idle and ready, with something to say (SMS_ATN).
    Attention,
    /// Nothing: the interface has no register to look at.
    Hidden,
}
