// SPDX-License-Identifier: BSD-2-Clause
//! One attempt: steps a transport until it is done, on whatever clock and way of waiting the
//! caller has. It knows neither requests nor locks.

use crate::time::{Instant, MS, US};
use crate::transport::{Action, Exchange, Failure, Interface, Limits, Transport};

/// What a context has to offer to an attempt.
pub trait Wire {
    /// The time, by clock or by counted delays.
    fn now(&self) -> Instant;
    /// The time at which the attempt begins; it may be a few steps old.
    fn started(&self) -> Instant {
        self.now()
    }
    /// Reads a register, counted from 0.
    fn read(&self, register: u8) -> u8;
    /// Writes one.
    fn write(&self, register: u8, value: u8);
    /// Lets `pace` pass. `progressed` is when the attempt last got anywhere. An error ends it.
    fn wait(&self, pace: Pace, progressed: Instant) -> Result<(), Failure>;
    /// May the next register be touched?
    fn permitted(&self) -> Result<(), Failure>;
}

/// How to let time pass until the next look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Busy for so many microseconds: a healthy BMC takes a byte in a few.
    Spin(u32),
    /// Asleep for so many nanoseconds.
    Sleep(u64),
}

/// Looks that are worth busy-waiting for: 4, 8, 16, 32, 64 us.
const SPINS: u32 = 5;
/// Longest sleep between two looks.
const SLEEP_MAX: u64 = 10 * MS;

/// The pace after `looks` looks in vain, the first of them `waited` nanoseconds ago, where the last
/// waits took `usual`: a slow BMC is not spun on, and is looked at a few times a byte.
pub fn pace(looks: u32, waited: u64, usual: u64) -> Pace {
    if usual > SLOW {
        let sleep = match waited < usual / 2 {
            true => usual / 2,
            false => usual / 8,
        };
        return Pace::Sleep(sleep.clamp(128 * US, SLEEP_MAX));
    }
    if looks < SPINS {
        return Pace::Spin(4u32.checked_shl(looks).unwrap_or(64));
    }
    Pace::Sleep(match waited {
        0..=149_999 => 128 * US,
        150_000..=4_999_999 => 250 * US,
        waited => (waited / 8).min(SLEEP_MAX),
    })
}

/// Waits longer than this, twice in a row, are a slow BMC's.
const SLOW: u64 = 400 * US;

/// How long the waits of an attempt take: the shorter of the last two, since a long one between
/// short ones is a command being executed.
#[derive(Default)]
struct Usual {
    last: u64,
    before: u64,
}

impl Usual {
    fn note(&mut self, waited: u64) {
        self.before = core::mem::replace(&mut self.last, waited);
    }

    fn waited(&self) -> u64 {
        self.last.min(self.before)
    }
}

/// Runs one attempt to its end.
pub fn run<W: Wire>(
    wire: &W,
    interface: &mut Interface,
    limits: Limits,
    exchange: &mut Exchange<'_>,
) -> Result<(), Failure> {
    match interface {
        Interface::Kcs(kcs) => drive(wire, kcs, limits, exchange),
        Interface::Smic(smic) => drive(wire, smic, limits, exchange),
        Interface::Bt(bt) => drive(wire, bt, limits, exchange),
    }
}

/// The same, compiled for one machine.
pub fn drive<W: Wire, T: Transport>(
    wire: &W,
    transport: &mut T,
    limits: Limits,
    exchange: &mut Exchange<'_>,
) -> Result<(), Failure> {
    // Reading the clock costs more than a step does: time is taken to stand still between waits.
    // That makes limits a little shorter, never longer, and the steps are bounded anyway.
    let mut now = wire.started();
    transport.begin(now, limits);
    exchange.reply.clear();
    let mut value = 0;
    let mut looks = 0u32;
    let mut usual = Usual::default();
    let mut since = now;
    let mut writes = 0u32;
    loop {
        match transport.step(now, value, exchange) {
            Action::Read(register) => {
                wire.permitted()?;
                value = wire.read(register);
            }
            Action::Write(register, byte) => {
                wire.permitted()?;
                wire.write(register, byte);
                writes = writes.wrapping_add(1);
            }
            Action::Wait => {
                if writes > 0 {
                    // The clock has stood still since the last wait ended.
                    usual.note(now.since(since));
                    if writes > 1 {
                        usual.note(0);
                    }
                    (since, looks, writes) = (now, 0, 0);
                }
                let pace = pace(looks, now.since(since), usual.waited());
                wire.wait(pace, transport.progressed())?;
                looks = looks.saturating_add(1);
                now = wire.now();
            }
            Action::Done => return Ok(()),
            Action::Failed(failure) => return Err(failure),
        }
    }
}
