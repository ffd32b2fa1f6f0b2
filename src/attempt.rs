// SPDX-License-Identifier: BSD-2-Clause
//! One attempt: steps a transport until it is done, on whatever clock and way of waiting the
//! caller has. It knows neither requests nor locks.

use crate::time::{Instant, MS, US};
use crate::transport::ssif::{self, Block, Ssif, Transfer};
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
    /// Writes a block to the BMC on the SMBus.
    fn send(&self, command: u8, block: &Block) -> Transfer;
    /// Reads one.
    fn fetch(&self, command: u8) -> Transfer;
    /// Lets `pace` pass. `progressed` is when the attempt last got anywhere. An error ends it.
    fn wait(&self, pace: Pace, progressed: Instant) -> Result<(), Failure>;
    /// May the next register be touched? Asked before a wait as well, but not before a look at
    /// [`Transport::glance`].
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
            true => usual.saturating_sub(usual / 8),
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

/// An eager attempt is so for the first part of each wait.
const EAGER: u64 = 100 * MS;

/// The waits of an attempt: how far the one that goes on has come, and how long those before took.
struct Waits {
    /// When it began; the clock stands still from its end to the beginning of the next.
    since: Instant,
    /// Looks in vain since then.
    looks: u32,
    /// Registers written since it ended,
    writes: u32,
    /// and how many of them make a handshake, which may have been waited for.
    handshake: u32,
    last: u64,
    before: u64,
    eager: bool,
}

impl Waits {
    fn new(now: Instant, eager: bool, handshake: u32) -> Waits {
        Waits {
            since: now,
            looks: 0,
            writes: 0,
            handshake,
            last: 0,
            before: 0,
            eager,
        }
    }

    fn note(&mut self, waited: u64) {
        self.before = core::mem::replace(&mut self.last, waited);
    }

    /// How long waits take: the shorter of the last two, since a long one between short ones is a
    /// command being executed.
    fn usual(&self) -> u64 {
        self.last.min(self.before)
    }

    /// How to wait this time: an eager attempt sleeps shortly at first, so that nobody waits for the
    /// sleeper, but does not burn a processor on a BMC that is away.
    fn pace(&self, now: Instant) -> Pace {
        let waited = now.since(self.since);
        match pace(self.looks, waited, self.usual()) {
            Pace::Sleep(ns) if self.eager && waited < EAGER => Pace::Sleep(ns.min(128 * US)),
            pace => pace,
        }
    }

    /// Waits once; the time afterwards. Apart from the loop, whose every step would pay for it.
    #[inline(never)]
    fn wait<W: Wire>(
        &mut self,
        wire: &W,
        now: Instant,
        progressed: Instant,
    ) -> Result<Instant, Failure> {
        if self.writes > 0 {
            self.note(now.since(self.since));
            if self.writes > self.handshake {
                self.note(0);
            }
            (self.since, self.looks, self.writes) = (now, 0, 0);
        }
        let pace = self.pace(now);
        wire.wait(pace, progressed)?;
        self.looks = self.looks.saturating_add(1);
        Ok(match pace {
            Pace::Spin(us) => now.plus(u64::from(us).saturating_mul(US)),
            Pace::Sleep(_) => wire.now(),
        })
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
        Interface::Ssif(ssif) => drive_blocks(wire, ssif, limits, exchange),
    }
}

/// The same, compiled for one machine.
pub fn drive<W: Wire, T: Transport>(
    wire: &W,
    transport: &mut T,
    limits: Limits,
    exchange: &mut Exchange<'_>,
) -> Result<(), Failure> {
    // Reading the clock costs more than a step does: time is taken to stand still between waits,
    // and to pass in a spin as asked for. Each sleep puts it right, and the steps are bounded.
    let mut now = wire.started();
    transport.begin(now, limits);
    exchange.reply.clear();
    let mut value = 0;
    let mut waits = Waits::new(now, limits.eager, transport.writes());
    loop {
        match transport.step(now, value, exchange) {
            Action::Read(register) => {
                // To look has no effect, so who took the hardware over is not disturbed.
                if register != transport.glance() {
                    wire.permitted()?;
                }
                value = wire.read(register);
            }
            Action::Write(register, byte) => {
                wire.permitted()?;
                wire.write(register, byte);
                waits.writes = waits.writes.wrapping_add(1);
            }
            Action::Wait => {
                wire.permitted()?;
                now = waits.wait(wire, now, transport.progressed())?;
            }
            Action::Done => return Ok(()),
            Action::Failed(failure) => return Err(failure),
        }
    }
}

/// The same for blocks. A transfer takes milliseconds, so the clock is read after each.
pub fn drive_blocks<W: Wire>(
    wire: &W,
    ssif: &mut Ssif,
    limits: Limits,
    exchange: &mut Exchange<'_>,
) -> Result<(), Failure> {
    let mut now = wire.started();
    ssif.begin(now, limits);
    exchange.reply.clear();
    let mut ended = None;
    loop {
        ended = match ssif.step(now, ended, exchange) {
            ssif::Action::Send(command, block) => {
                wire.permitted()?;
                Some(wire.send(command, &block))
            }
            ssif::Action::Fetch(command) => {
                wire.permitted()?;
                Some(wire.fetch(command))
            }
            ssif::Action::Pause(ns) => {
                wire.wait(Pace::Sleep(ns), ssif.progressed())?;
                None
            }
            ssif::Action::Done => return Ok(()),
            ssif::Action::Failed(failure) => return Err(failure),
        };
        now = wire.now();
    }
}
