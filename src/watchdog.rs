// SPDX-License-Identifier: BSD-2-Clause
//! The watchdog: what the host asked for, what the BMC is known to do, and the next command
//! that brings the second to the first. Pure: told the time, told what was answered.
//!
//! A pat is a slot: only the newest counts. Nothing that fails ever disarms.

mod adopted;
mod alarm;
mod answer;
mod ask;
pub mod doctor;
pub mod entry;
pub mod nmi;
mod polled;
pub mod published;
pub mod shutdown;
mod verify;

use crate::event::{Event, Events};
use crate::kernel::{Adopt, Errno, Shared, Who};
use crate::time::{earlier, Instant, MS, SEC};
use crate::wire::watchdog::{self, Reading, Timer};
use crate::wire::Message;

use adopted::Adopted;
use alarm::Alarm;
pub use ask::timer;
use ask::{is_nearly, last_moment, remaining};
use published::Published;
use verify::Verification;

/// A pat this old is told to the BMC as what is left of it, so that the host is reset when it
/// asked to be and not later.
const LATE: u64 = SEC;
/// A pat this soon after a confirmed one is answered from memory.
const COALESCE: u64 = 100 * MS;

/// What the host wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ask {
    serial: u64,
    at: Instant,
    /// What was asked for, in nanoseconds.
    timeout: u64,
    /// The host's own pre-timeout in nanoseconds, which a margin does not lengthen.
    pretimeout: u64,
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
    /// Counting as the guard says.
    Counting,
}

/// What the BMC last confirmed that it does. Commands that failed since may have been carried out
/// or not; each would only lengthen the countdown, or else has put its own in this place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Guard {
    timer: Timer,
    /// Counting since at least then.
    reset: Instant,
    /// The countdown that the BMC admits to, in units of 100 ms.
    granted: u16,
}

impl Guard {
    /// Nanoseconds until the BMC acts.
    fn left(&self, now: Instant) -> u64 {
        let whole = u64::from(self.granted).saturating_mul(100 * MS);
        whole.saturating_sub(now.since(self.reset))
    }

    /// When the BMC acts.
    fn end(&self) -> Instant {
        self.reset
            .plus(u64::from(self.granted).saturating_mul(100 * MS))
    }

    /// Before when the BMC cannot reach its pre-timeout.
    fn pretimeout_from(&self) -> Instant {
        self.reset.plus(self.timer.to_pretimeout_ns(self.granted))
    }
}

/// One of the commands of section 27.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Set Watchdog Timer.
    Set(Timer),
    /// Reset Watchdog Timer.
    Reset,
    /// Set Watchdog Timer, stopping it.
    Stop,
    /// Get Watchdog Timer.
    Get,
    /// Set Watchdog Timer, with these data bytes of firmware's.
    Renew([u8; 6]),
}

impl Command {
    /// The request.
    pub fn message(&self) -> Message {
        match self {
            Command::Set(timer) => timer.set(),
            Command::Reset => watchdog::reset(),
            Command::Stop => watchdog::stop(),
            Command::Get => watchdog::get(),
            Command::Renew(payload) => watchdog::renew(payload),
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

/// Counters and times that the doctor shows.
#[derive(Clone, Copy)]
struct Record {
    asked: u64,
    unconfirmed: u64,
    failed: u64,
    rearmed: u64,
    gaps: u64,
    gap_longest: u64,
    gap_total: u64,
    gap_since: Option<Instant>,
    /// When the BMC was last known to count.
    counted: Instant,
    pat: Option<(Instant, Who)>,
}

/// The watchdog of one device.
pub struct Watchdog {
    ask: Option<Ask>,
    serial: u64,
    served: u64,
    refused: u64,
    /// Since when the host wants a timer.
    wanted_since: Instant,
    /// How often the newest ask was granted more than was left of it.
    graces: u8,
    known: Known,
    guard: Option<Guard>,
    /// When a timer acts whose stop failed, if it still counts.
    doubtful: Option<Instant>,
    /// What the BMC may be counting down, confirmed or not; `None` if it certainly is not.
    may_count: Option<Timer>,
    /// When the last Set was answered.
    set_at: Instant,
    hold: Instant,
    must_set: bool,
    announced: bool,
    told_short: bool,
    told_clamped: bool,
    adopted: Option<Adopted>,
    verification: Verification,
    alarm: Alarm,
    record: Record,
    /// Actions that hold from here on whatever the tunable says: the host shuts down.
    pub actions_override: Option<u8>,
    /// The kernel delivers pats on `watchdog_sbt_list`; those on the plain list are echoes.
    sbt_seen: bool,
    /// A pat came on that list, and its echo on the plain list has not.
    echo_due: bool,
}

impl Watchdog {
    /// Nothing asked, nothing known. `blind`: nothing but the BMC's answers shows that it was reset.
    pub const fn new(blind: bool) -> Watchdog {
        Watchdog {
            ask: None,
            serial: 0,
            served: 0,
            refused: 0,
            wanted_since: Instant::BOOT,
            graces: 0,
            known: Known::Unknown,
            guard: None,
            doubtful: None,
            may_count: None,
            set_at: Instant::BOOT,
            hold: Instant::BOOT,
            must_set: false,
            announced: false,
            told_short: false,
            told_clamped: false,
            adopted: None,
            verification: Verification::new(blind),
            alarm: Alarm::new(),
            record: Record {
                asked: 0,
                unconfirmed: 0,
                failed: 0,
                rearmed: 0,
                gaps: 0,
                gap_longest: 0,
                gap_total: 0,
                gap_since: None,
                counted: Instant::BOOT,
                pat: None,
            },
            actions_override: None,
            sbt_seen: false,
            echo_due: false,
        }
    }

    /// Firmware left a timer running: `hw.ipmi.wd_adopt` says what becomes of it.
    pub fn adopt(&mut self, reading: Reading, now: Instant, how: Adopt, events: &mut Events) {
        events.push(Event::Firmware(reading, how));
        self.verification.adopted(reading, now);
        self.may_count = Some(reading.timer());
        match how {
            Adopt::Keep => self.adopted = Some(Adopted::new(&reading, now)),
            Adopt::Stop => {
                self.put(now, (0, 0), None, COALESCE);
            }
            Adopt::Leave => {}
        }
    }

    /// Is there certainly nothing to send?
    pub fn is_at_rest(&self, now: Instant) -> bool {
        self.served >= self.serial
            && self.adopted.is_none()
            && !self.alarm.expires()
            && !self.verification.due(now)
    }

    /// The next command, if the BMC is not yet where it should be.
    pub fn plan(&self, now: Instant) -> Option<Plan> {
        if now < self.hold {
            return None;
        }
        if let Some(adopted) = self.adopted.filter(|adopted| now >= adopted.next) {
            let command = match adopted.renew {
                true => Command::Renew(adopted.payload),
                false => Command::Reset,
            };
            return (adopted.countdown > 0).then_some(Plan { command, serial: 0 });
        }
        let get = self.verification.due(now).then_some(Plan {
            command: Command::Get,
            serial: self.serial,
        });
        let Some(ask) = self.ask else { return get };
        let serial = ask.serial;
        if serial <= self.served && !self.alarm.expires() {
            return get;
        }
        let command = match ask.timer {
            None => Command::Stop,
            Some(wanted) if self.alarm.expires() => self.towards(last_moment(wanted), serial, now),
            Some(wanted) => {
                let left = remaining(wanted, now.since(ask.at), self.graces);
                self.towards(left, serial, now)
            }
        };
        Some(Plan { command, serial })
    }

    fn towards(&self, target: Timer, ask: u64, now: Instant) -> Command {
        match self.known {
            Known::Programmed { timer, serial }
                if timer == target || (serial == ask && is_nearly(target, timer)) =>
            {
                Command::Reset
            }
            Known::Counting
                if !self.must_set
                    && self.guard.is_some_and(|guard| {
                        guard.timer == target && now < guard.pretimeout_from()
                    }) =>
            {
                Command::Reset
            }
            _ => Command::Set(target),
        }
    }

    /// A BMC that may have been reset is asked what became of its timer, before a Set hides it.
    pub fn inquiry(&self, now: Instant) -> Option<Plan> {
        let believed = self.guard.is_some() && self.wanted() && now >= self.hold;
        let serial = self.ask.filter(|_| believed)?.serial;
        self.verification.doubts().then_some(Plan {
            command: Command::Get,
            serial,
        })
    }

    /// When [`Watchdog::plan`] may have something to say that it has not now.
    pub fn next(&self, now: Instant) -> Option<Instant> {
        let held = (now < self.hold).then_some(self.hold);
        let adopted = self.adopted.map(|adopted| adopted.next);
        earlier(held, earlier(adopted, self.verification.at())).filter(|&at| at > now)
    }

    /// The BMC was away, or looks as if it had been: ask it about its timer before anything else.
    pub fn suspect(&mut self, now: Instant) {
        self.verification.doubt(now);
    }

    /// It answers again, so it may be asked again.
    pub fn recovered(&mut self) {
        self.verification.in_vain(false);
    }

    /// The pre-timeout has passed: Reset restarts nothing any more. True if the host patted in
    /// time and the BMC did not take it.
    pub fn pretimeout(&mut self, now: Instant) -> bool {
        self.must_set = true;
        self.host_is_healthy(now)
    }

    fn counting(&self) -> Option<Guard> {
        self.guard.filter(|_| self.known == Known::Counting)
    }

    /// Until when the newest pat counts for the host's own pre-timeout.
    fn healthy_until(&self) -> Option<Instant> {
        let ask = self.ask.filter(|ask| ask.timer.is_some())?;
        Some(ask.at.plus(ask.timeout.saturating_sub(ask.pretimeout)))
    }

    /// The BMC's timer as read back since it was set last.
    fn current_reading(&self) -> Option<Reading> {
        let (reading, at) = self.verification.reading?;
        (at >= self.set_at).then_some(reading)
    }

    /// Writes down what an NMI needs, which cannot take the lock, and a pat that finds it held.
    pub fn publish(&self, shared: &Shared) {
        let from = self
            .guard
            .map_or(0, |guard| guard.pretimeout_from().nanos());
        // A host that wants no timer is none that does not pat.
        let until = self.healthy_until().map_or(u64::MAX, |at| at.nanos());
        let published = Published {
            armed: self.armed_bits(),
            pretimeout_from: from,
            healthy_until: until,
            interrupt: self.may_count.map_or(0, |timer| timer.actions >> 4),
        };
        published.write(&shared.watchdog);
    }

    /// Has the host patted lately enough for its own pre-timeout?
    fn host_is_healthy(&self, now: Instant) -> bool {
        self.ask
            .is_some_and(|ask| alarm::due_in(&ask, now).is_none_or(|left| left > 0))
    }

    /// Has the host not patted for as long as it asked for?
    fn overdue(&self, now: Instant) -> bool {
        self.ask
            .is_some_and(|ask| ask.timer.is_some() && now.since(ask.at) >= ask.timeout)
    }

    /// The host asked for a guard and has had none since then, for all that is known.
    fn open_gap(&mut self, since: Instant, why: Event, events: &mut Events) {
        if self.wanted() && self.record.gap_since.is_none() {
            self.record.gap_since = Some(since.max(self.wanted_since));
            self.record.gaps = self.record.gaps.saturating_add(1);
            events.push(why);
        }
    }

    fn close_gap(&mut self, now: Instant) -> Option<u64> {
        let length = now.since(self.record.gap_since.take()?);
        self.record.gap_longest = self.record.gap_longest.max(length);
        self.record.gap_total = self.record.gap_total.saturating_add(length);
        Some(length)
    }

    /// The handler of the ask `serial` returns `verdict`.
    pub fn returned(
        &mut self,
        serial: u64,
        verdict: Result<(), Errno>,
        now: Instant,
        events: &mut Events,
    ) {
        let count = |counter: &mut u64, yes| *counter = counter.saturating_add(u64::from(yes));
        count(&mut self.record.unconfirmed, self.served < serial);
        count(&mut self.record.failed, verdict.is_err());
        if verdict.is_err() {
            // A timer that is over and has not acted has not counted.
            let over = self.left(now) == Some(0);
            let since = if over { self.record.counted } else { now };
            self.open_gap(since, Event::Unguarded, events);
        }
    }

    /// Has the ask `serial` been dealt with, one way or the other? A stop is read back first.
    pub fn settled(&self, serial: u64) -> bool {
        let read_back = self.wanted() || !self.verification.awaits_stop();
        (self.served >= serial && read_back) || self.refused >= serial
    }

    /// Has the host asked for anything yet?
    pub fn is_asked(&self) -> bool {
        self.ask.is_some()
    }

    /// Does the host want the timer to run?
    pub fn wanted(&self) -> bool {
        self.ask.is_some_and(|ask| ask.timer.is_some())
    }

    /// May the timer run that the host asked for, or the one of firmware's that it keeps?
    pub fn armed(&self) -> bool {
        let stopping = self.served < self.serial;
        self.wanted() || stopping || self.adopted.is_some()
    }

    /// May any timer run? Then the host must not be suspended.
    pub fn may_act(&self, now: Instant) -> bool {
        self.armed() || self.unasked(now).is_some()
    }

    /// The timer as read back, and the nanoseconds that are left of it, if it runs though the host
    /// wants none, and does not just stop it.
    fn unasked(&self, now: Instant) -> Option<(Reading, u64)> {
        let reading = self.current_reading().filter(|reading| reading.running())?;
        let (_, at) = self.verification.reading?;
        let left = u64::from(reading.present).saturating_mul(100 * MS);
        let left = left.saturating_sub(now.since(at));
        let wanted = self.wanted() || self.served < self.serial;
        (!wanted && left > 0).then_some((reading, left))
    }

    /// Nanoseconds until the BMC acts, by what it last confirmed; `None` if it does not count.
    fn left(&self, now: Instant) -> Option<u64> {
        Some(self.guard?.left(now))
    }

    /// Does the BMC keep an action that does something, if it was given one?
    fn acts(&self) -> bool {
        let asked = self.ask.and_then(|ask| ask.timer).map(|t| t.actions & 7);
        let kept = self.current_reading();
        asked == Some(0) || kept.is_none_or(|r| !r.running() || r.actions & 7 != 0)
    }

    /// The honest answer to the newest ask: is the BMC counting by what it last confirmed, or
    /// stopped?
    pub fn verdict(&self, now: Instant) -> Result<(), Errno> {
        let good = match self.ask.map(|ask| ask.timer.is_some()) {
            Some(true) => self.acts() && self.left(now).is_some_and(|left| left > 0),
            Some(false) => self.known == Known::Stopped && self.served == self.serial,
            None => false,
        };
        good.then_some(()).ok_or(Errno::TimedOut)
    }

    /// The payload of the Set that holds and is wanted, low byte first; 0 if none.
    fn armed_bits(&self) -> u64 {
        self.guard.filter(|_| self.wanted()).map_or(0, |guard| {
            let [a, b, c, d, e, f] = guard.timer.payload();
            u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
        })
    }
}

#[cfg(test)]
mod tests;
