// SPDX-License-Identifier: BSD-2-Clause
//! The watchdog: what the host asked for, what the BMC is known to do, and the next command
//! that brings the second to the first. Pure: told the time, told what was answered.
//!
//! A pat is a slot: only the newest counts. Nothing that fails ever disarms.

pub mod entry;

use crate::health::{Event, Events};
use crate::kernel::Errno;
use crate::time::{Instant, MS, SEC};
use crate::wire::watchdog::{self, Timer, COUNTDOWN_MAX};
use crate::wire::{completion, DriverReply, Message};

/// A pat this old is told to the BMC as what is left of it, so that the host is reset when it
/// asked to be and not later.
const LATE: u64 = SEC;
/// A pat this soon after a confirmed one is answered from memory.
const COALESCE: u64 = 100 * MS;
/// Countdown for a host that has not patted for longer than it asked for, once its BMC answers.
const GRACE: u64 = 10 * SEC;
/// Pause after the BMC refused a command.
const REFUSED: u64 = 5 * SEC;

/// What the host wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    serial: u64,
    at: Instant,
    /// The timer to arm; `None` to stop.
    timer: Option<Timer>,
}

/// What the BMC is known to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// Nothing is known: only Set or Stop will do.
    Unknown,
    /// Stopped on our word.
    Stopped,
    /// Set was confirmed for the ask of this serial; Reset was not.
    Programmed { timer: Timer, serial: u64 },
    /// Counting since at least `reset`.
    Counting { timer: Timer, reset: Instant },
}

/// One of the commands of section 27, and what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Set Watchdog Timer.
    Set(Timer),
    /// Reset Watchdog Timer.
    Reset,
    /// Set Watchdog Timer, stopping it.
    Stop,
}

impl Command {
    /// The request.
    pub fn message(&self) -> Message {
        match self {
            Command::Set(timer) => timer.set(),
            Command::Reset => watchdog::reset(),
            Command::Stop => watchdog::stop(),
        }
    }
}

/// A command and the ask that it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What to send.
    pub command: Command,
    serial: u64,
}

/// The watchdog of one device.
pub struct Watchdog {
    ask: Option<Ask>,
    serial: u64,
    served: u64,
    refused: u64,
    known: Known,
    hold: Instant,
    announced: bool,
    /// Actions that hold from here on whatever the tunable says: the host shuts down.
    pub actions_override: Option<u8>,
    /// The kernel delivers pats on `watchdog_sbt_list`; those on the plain list are echoes.
    sbt_seen: bool,
    /// A pat came on that list, and its echo on the plain list has not.
    echo_due: bool,
    /// Pats and disarms asked for.
    pub asked: u64,
    /// Of those, not confirmed when the handler returned.
    pub unconfirmed: u64,
    /// Times that the timer had to be set again though nobody asked.
    pub rearmed: u64,
}

impl Watchdog {
    /// Nothing asked, nothing known.
    pub const fn new() -> Watchdog {
        Watchdog {
            ask: None,
            serial: 0,
            served: 0,
            refused: 0,
            known: Known::Unknown,
            hold: Instant::BOOT,
            announced: false,
            actions_override: None,
            sbt_seen: false,
            echo_due: false,
            asked: 0,
            unconfirmed: 0,
            rearmed: 0,
        }
    }

    /// The host pats for `timeout` nanoseconds, or disarms with 0. Returns the serial to wait for.
    pub fn ask(&mut self, now: Instant, timeout: u64, actions: u8, pretimeout: i32) -> u64 {
        let actions = self.actions_override.unwrap_or(actions);
        let timer = (timeout != 0).then(|| timer(timeout, actions, pretimeout));
        self.put(now, timer, COALESCE)
    }

    /// The same for one who polls: what was confirmed within a second needs no bus traffic.
    pub fn ask_polled(&mut self, now: Instant, timeout: u64, actions: u8, pretimeout: i32) -> u64 {
        let timer = (timeout != 0).then(|| timer(timeout, actions, pretimeout));
        self.put(now, timer, LATE)
    }

    /// Kernels with `watchdog_sbt_list` invoke it and then the plain list for one pat; kdb's
    /// `watchdog` command invokes the plain list alone. Is this call the echo of one before?
    pub fn is_echo(&mut self, sbt_list: bool, stopped: bool) -> bool {
        if sbt_list {
            self.sbt_seen = true;
            self.echo_due = true;
            return false;
        }
        let due = core::mem::replace(&mut self.echo_due, false);
        match stopped {
            true => due,
            false => self.sbt_seen,
        }
    }

    /// Asks once more for what was asked last.
    pub fn ask_again(&mut self, now: Instant) -> u64 {
        let timer = self.ask.and_then(|ask| ask.timer);
        self.put(now, timer, LATE)
    }

    fn put(&mut self, now: Instant, timer: Option<Timer>, fresh: u64) -> u64 {
        let up_to_date = self.served >= self.serial;
        self.asked = self.asked.saturating_add(1);
        self.serial = self.serial.saturating_add(1);
        self.ask = Some(Ask {
            serial: self.serial,
            at: now,
            timer,
        });
        let counting = matches!(self.known, Known::Counting { timer: t, reset }
            if Some(t) == timer && now.since(reset) < fresh);
        if up_to_date && counting {
            self.served = self.serial;
        }
        self.serial
    }

    /// The next command, if the BMC is not yet where it should be.
    pub fn plan(&self, now: Instant) -> Option<Plan> {
        let ask = self.ask.filter(|ask| ask.serial > self.served)?;
        if now < self.hold {
            return None;
        }
        let command = match ask.timer {
            None => Command::Stop,
            Some(wanted) => self.towards(remaining(wanted, now.since(ask.at)), ask.serial, now),
        };
        Some(Plan {
            command,
            serial: ask.serial,
        })
    }

    fn towards(&self, target: Timer, ask: u64, now: Instant) -> Command {
        match self.known {
            Known::Programmed { timer, serial } if serial == ask || timer == target => {
                Command::Reset
            }
            Known::Counting { timer, reset }
                if timer == target && now.since(reset) < timer.to_pretimeout_ns() =>
            {
                Command::Reset
            }
            _ => Command::Set(target),
        }
    }

    /// When [`Watchdog::plan`] may have something to say that it has not now.
    pub fn next(&self, now: Instant) -> Option<Instant> {
        let waiting = self.ask.is_some_and(|ask| ask.serial > self.served);
        (waiting && now < self.hold).then_some(self.hold)
    }

    /// Takes the answer to `plan`, whose attempt began at `started`.
    pub fn answered(
        &mut self,
        plan: Plan,
        reply: &DriverReply,
        started: Instant,
        now: Instant,
        events: &mut Events,
    ) {
        let serial = plan.serial;
        match (plan.command, reply.completion()) {
            (Command::Set(timer), completion::OK) => {
                self.known = Known::Programmed { timer, serial };
            }
            (Command::Reset, completion::OK) => self.confirm(serial, started, events),
            (Command::Stop, completion::OK) => {
                self.known = Known::Stopped;
                self.served = serial;
                if core::mem::replace(&mut self.announced, false) {
                    events.push(Event::Disarmed);
                }
            }
            (Command::Reset, completion::NOT_INITIALISED) => self.lost(events),
            (_, completion::NODE_BUSY) => self.hold = now.plus(100 * MS),
            (_, code) => {
                self.known = Known::Unknown;
                self.hold = now.plus(REFUSED);
                if self.refused == 0 {
                    events.push(Event::Refused(code));
                }
                self.refused = serial;
            }
        }
    }

    fn confirm(&mut self, serial: u64, started: Instant, events: &mut Events) {
        let timer = match self.known {
            Known::Programmed { timer, .. } | Known::Counting { timer, .. } => timer,
            Known::Unknown | Known::Stopped => return,
        };
        self.known = Known::Counting {
            timer,
            reset: started,
        };
        self.served = match self.ask {
            // Pats that came meanwhile are as good as confirmed.
            Some(ask) if ask.timer == Some(timer) && ask.at.since(started) < COALESCE => ask.serial,
            _ => serial,
        };
        self.refused = 0;
        if !core::mem::replace(&mut self.announced, true) {
            events.push(Event::Armed(timer));
        }
    }

    /// The BMC has no timer any more, or may not have: what was confirmed no longer holds.
    pub fn lost(&mut self, events: &mut Events) {
        if matches!(self.known, Known::Counting { .. }) {
            self.rearmed = self.rearmed.saturating_add(1);
            events.push(Event::Lost);
        }
        self.doubt();
    }

    /// What the BMC does is no longer known: set it again for the newest ask.
    pub fn doubt(&mut self) {
        self.known = Known::Unknown;
        if self.ask.is_some_and(|ask| ask.timer.is_some()) {
            self.served = self.served.min(self.serial.saturating_sub(1));
        }
    }

    /// The attempt at `plan` failed: it may have been carried out or not.
    pub fn failed(&mut self, plan: Plan) {
        match plan.command {
            // Counting on as before, or restarted: the confirmed reset is the older of the two.
            Command::Reset => {}
            Command::Set(_) | Command::Stop => self.known = Known::Unknown,
        }
    }

    /// Has the ask `serial` been dealt with, one way or the other?
    pub fn settled(&self, serial: u64) -> bool {
        self.served >= serial || self.refused >= serial
    }

    /// Does the host want the timer to run?
    pub fn wanted(&self) -> bool {
        self.ask.is_some_and(|ask| ask.timer.is_some())
    }

    /// The honest answer to the newest ask: is the BMC known to be counting, or stopped?
    pub fn verdict(&self, now: Instant) -> Result<(), Errno> {
        let good = match (self.ask.map(|ask| ask.timer.is_some()), self.known) {
            (Some(true), Known::Counting { timer, reset }) => {
                now.since(reset) < timer.countdown_ns()
            }
            (Some(false), Known::Stopped) => self.served == self.serial,
            _ => false,
        };
        good.then_some(()).ok_or(Errno::TimedOut)
    }

    /// The payload of the Set that holds, low byte first, for who cannot take the lock; 0 if none.
    pub fn armed_bits(&self) -> u64 {
        match self.known {
            Known::Counting { timer, .. } => {
                let [a, b, c, d, e, f] = timer.payload();
                u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
            }
            _ => 0,
        }
    }
}

impl Default for Watchdog {
    fn default() -> Watchdog {
        Watchdog::new()
    }
}

/// The timer for `timeout` nanoseconds: rounded up to 100 ms, at most 6553 s, with the
/// pre-timeout of the C driver.
pub fn timer(timeout: u64, actions: u8, pretimeout: i32) -> Timer {
    let countdown = tenths(timeout);
    let seconds = u64::from(countdown) / 10;
    let quarter = i64::try_from(seconds.saturating_add(2) / 4).unwrap_or(0);
    let pretimeout = i64::from(pretimeout).min(quarter).clamp(0, 255);
    Timer {
        actions,
        pretimeout: pretimeout as u8,
        countdown,
    }
}

fn tenths(ns: u64) -> u16 {
    let tenths = ns.div_ceil(100 * MS).clamp(1, u64::from(COUNTDOWN_MAX));
    tenths as u16
}

/// What is left of `timer` for a pat that is `age` old.
fn remaining(timer: Timer, age: u64) -> Timer {
    if age < LATE {
        return timer;
    }
    let whole = timer.countdown_ns();
    let left = whole.saturating_sub(age).max(GRACE.min(whole));
    let countdown = tenths(left);
    let seconds = u64::from(countdown) / 10;
    let quarter = seconds.saturating_add(2) / 4;
    Timer {
        actions: timer.actions,
        pretimeout: u64::from(timer.pretimeout).min(quarter) as u8,
        countdown,
    }
}

#[cfg(test)]
mod tests;
