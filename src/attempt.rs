// SPDX-License-Identifier: BSD-2-Clause
//! One attempt: steps a transport until it is done, on whatever clock and way of waiting the
//! caller has. It knows neither requests nor locks.

use crate::time::{Instant, MS, SEC, US};
use crate::transport::{Action, Exchange, Failure, Interface, Limits, Transport};

/// What a context has to offer to an attempt.
pub trait Wire {
    /// The time, by clock or by counted delays.
    fn now(&self) -> Instant;
    /// Reads a register.
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

/// The pace after `looks` looks in vain, the first of them `waited` nanoseconds ago.
pub fn pace(looks: u32, waited: u64) -> Pace {
    if looks < SPINS {
        return Pace::Spin(4u32.checked_shl(looks).unwrap_or(64));
    }
    Pace::Sleep(match waited {
        0..=149_999 => 128 * US,
        150_000..=4_999_999 => 250 * US,
        5_000_000..=49_999_999 => MS,
        w if w < SEC => 5 * MS,
        _ => 10 * MS,
    })
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
    let mut now = wire.now();
    transport.begin(now, limits);
    exchange.reply.clear();
    let mut value = 0;
    let mut looks = 0u32;
    loop {
        match transport.step(now, value, exchange) {
            Action::Read(register) => {
                wire.permitted()?;
                value = wire.read(register);
            }
            Action::Write(register, byte) => {
                wire.permitted()?;
                wire.write(register, byte);
                looks = 0;
            }
            Action::Wait => {
                let progressed = transport.progressed();
                wire.wait(pace(looks, now.since(progressed)), progressed)?;
                looks = looks.saturating_add(1);
                now = wire.now();
            }
            Action::Done => return Ok(()),
            Action::Failed(failure) => return Err(failure),
        }
    }
}
