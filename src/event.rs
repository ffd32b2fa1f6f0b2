// SPDX-License-Identifier: BSD-2-Clause
//! What people are told, in which words, and how often at most. Must not know who asks.

use crate::kernel::{Adopt, Who};
use crate::line::Line;
use crate::time::{Instant, MS, SEC};
use crate::wire::watchdog::{Reading, Timer};

/// What a BMC does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untaken {
    /// A pat.
    Pat,
    /// A stop.
    Stop,
    /// The restart of firmware's timer, until the first pat.
    Renewal,
}

/// Something that people are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Attach: nobody answers yet.
    Waiting,
    /// The BMC became unresponsive.
    Unresponsive,
    /// It answers again, after so many nanoseconds.
    Recovered(u64),
    /// The watchdog is counting, with this timer.
    Armed(Timer),
    /// The watchdog was stopped on request.
    Disarmed,
    /// The BMC refused a watchdog command with this completion code.
    Refused(u8),
    /// The BMC lost its watchdog timer, though the host had asked for it.
    Lost,
    /// The BMC has not confirmed the watchdog for longer than it counts.
    Unguarded,
    /// The watchdog could not be stopped before detach.
    LeftArmed,
    /// The watchdog counts again after the host was unguarded for at most so many nanoseconds.
    Rearmed(u64),
    /// A pat of so many nanoseconds is below the least and was refused.
    TooShort(u64),
    /// A pat of so many nanoseconds is more than the timer can count.
    TooLong(u64),
    /// The BMC grants another countdown than was set; units of 100 ms.
    Granted(u16, u16),
    /// The BMC's timer has another use or action than was set.
    Altered,
    /// Firmware left a timer running, and this becomes of it.
    Firmware(Reading, Adopt),
    /// The host has not patted for so many nanoseconds; the last to do so was this one.
    NoPat(Who, u64),
    /// The BMC does not take what the host does; so many nanoseconds until it acts.
    NotTaken(Untaken, u64),
    /// The BMC counts though the host wants no timer.
    Unasked(Reading),
    /// The BMC says that the pre-timeout was reached; was the host patting?
    PreTimeout(bool),
    /// The interrupt is given up: it comes too often, or does not come.
    Polling(bool),
}

impl Event {
    /// Writes the event as a line for the console.
    pub fn describe(&self, line: &mut Line) {
        match *self {
            Event::Waiting => line.text("BMC does not answer yet; attaching when it does"),
            Event::Unresponsive => line.text("BMC does not answer; trying on in the background"),
            Event::Recovered(ns) => line.text("BMC answers again after ").seconds(ns).text(" s"),
            Event::Armed(timer) => line
                .text("watchdog armed: ")
                .seconds(timer.countdown_ns())
                .text(" s, action ")
                .text(action_name(timer.actions)),
            Event::Disarmed => line.text("watchdog stopped"),
            Event::Refused(code) => line
                .text("BMC refuses watchdog command, completion code ")
                .hex(code),
            Event::Lost => line.text("BMC lost its watchdog timer; arming it again"),
            Event::Unguarded => line.text("host is unguarded: BMC does not confirm the watchdog"),
            Event::LeftArmed => {
                line.text("watchdog could not be stopped: if the BMC counts, it will act")
            }
            Event::Rearmed(ns) => line
                .text("watchdog armed again; host was unguarded for at most ")
                .seconds(ns)
                .text(" s"),
            _ => self.describe_more(line),
        };
    }

    fn describe_more<'a>(&self, line: &'a mut Line) -> &'a mut Line {
        match *self {
            Event::TooShort(ns) => line
                .text("watchdog timeout of ")
                .dec(ns / MS)
                .text(" ms refused: below hw.ipmi.wd_min_timeout"),
            Event::TooLong(ns) => line
                .text("watchdog timeout of ")
                .seconds(ns)
                .text(" s cut to 6553 s, the longest the timer counts"),
            Event::Granted(asked, granted) => line
                .text("BMC grants a countdown of ")
                .seconds(u64::from(granted).saturating_mul(100 * MS))
                .text(" s where ")
                .seconds(u64::from(asked).saturating_mul(100 * MS))
                .text(" s were set"),
            Event::Altered => line.text("BMC watchdog has another use or action than was set"),
            Event::Firmware(reading, how) => line
                .text("firmware left the watchdog counting, ")
                .text(action_name(reading.actions))
                .text(" in ")
                .seconds(u64::from(reading.present).saturating_mul(100 * MS))
                .text(match how {
                    Adopt::Keep => " s; kept from it until the first pat",
                    Adopt::Stop => " s; stopping it",
                    Adopt::Leave => " s; left alone",
                }),
            Event::NoPat(who, ns) => line
                .text("no watchdog pat for ")
                .seconds(ns)
                .text(" s, last by ")
                .name(&who.name)
                .text("[")
                .dec(u64::from(who.pid))
                .text("]: host in trouble"),
            Event::NotTaken(what, ns) => line
                .text(match what {
                    Untaken::Pat => "host is healthy, BMC is not: it does not take pats",
                    Untaken::Stop => "BMC does not confirm that the watchdog is stopped",
                    Untaken::Renewal => "BMC does not let firmware's watchdog be kept from its end",
                })
                .text(" and acts in ")
                .seconds(ns)
                .text(" s if it still counts"),
            Event::Unasked(reading) => line
                .text("BMC watchdog counts though nobody asked for it here, use ")
                .text(use_name(reading.use_))
                .text(": ")
                .text(action_name(reading.actions))
                .text(" in ")
                .seconds(u64::from(reading.present).saturating_mul(100 * MS))
                .text(" s"),
            Event::PreTimeout(true) => {
                line.text("BMC reached its pre-timeout though the host pats: the BMC is slow")
            }
            Event::PreTimeout(false) => line.text("BMC reached its pre-timeout: host in trouble"),
            Event::Polling(true) => line.text("interrupt comes too often; polling"),
            Event::Polling(false) => line.text("interrupt does not come; polling"),
            _ => line,
        }
    }

    /// The devctl(4) subsystem and type of the event.
    pub fn notification(&self) -> (&'static core::ffi::CStr, &'static core::ffi::CStr) {
        match self {
            Event::Waiting => (c"BMC", c"waiting"),
            Event::Unresponsive => (c"BMC", c"unresponsive"),
            Event::Recovered(_) => (c"BMC", c"recovered"),
            Event::Armed(_) => (c"WATCHDOG", c"armed"),
            Event::Disarmed => (c"WATCHDOG", c"disarmed"),
            Event::Refused(_) => (c"WATCHDOG", c"refused"),
            Event::Lost | Event::Unguarded => (c"WATCHDOG", c"gap"),
            Event::LeftArmed => (c"WATCHDOG", c"left"),
            Event::Rearmed(_) => (c"WATCHDOG", c"recovered"),
            Event::TooShort(_) | Event::TooLong(_) => (c"WATCHDOG", c"range"),
            Event::Granted(..) | Event::Altered => (c"WATCHDOG", c"altered"),
            Event::Firmware(..) => (c"WATCHDOG", c"firmware"),
            Event::NoPat(..) => (c"WATCHDOG", c"unpatted"),
            Event::NotTaken(..) => (c"WATCHDOG", c"unconfirmed"),
            Event::Unasked(_) => (c"WATCHDOG", c"unasked"),
            Event::PreTimeout(_) => (c"WATCHDOG", c"pretimeout"),
            Event::Polling(_) => (c"BMC", c"polling"),
        }
    }
}

/// The timer action in bits 2:0, as ipmitool names it.
pub fn action_name(actions: u8) -> &'static str {
    match actions & 7 {
        0 => "none",
        1 => "hard reset",
        2 => "power down",
        3 => "power cycle",
        _ => "reserved",
    }
}

/// The timer use in bits 2:0 (section 27.6), as ipmitool names it.
pub fn use_name(use_: u8) -> &'static str {
    match use_ & 7 {
        1 => "BIOS FRB2",
        2 => "BIOS/POST",
        3 => "OS Load",
        4 => "SMS/OS",
        5 => "OEM",
        _ => "reserved",
    }
}

/// Events that wait to be told, and the limit on telling: a burst of six lines, then one in a
/// quarter of an hour, so never more than ten in any hour of outage.
pub struct Events {
    waiting: [Option<(Event, bool)>; 8],
    tokens: u64,
    refilled: Instant,
    lost: u64,
}

const BURST: u64 = 6;
const REFILL: u64 = 900 * SEC;

impl Events {
    /// Nothing to tell.
    pub const fn new() -> Events {
        Events {
            waiting: [None; 8],
            tokens: BURST,
            refilled: Instant::BOOT,
            lost: 0,
        }
    }

    /// Adds an event; with eight untold already it is lost, and counted.
    pub fn push(&mut self, event: Event) {
        self.add(event, false);
    }

    /// Adds one that has been printed already.
    pub fn push_printed(&mut self, event: Event) {
        self.add(event, true);
    }

    fn add(&mut self, event: Event, printed: bool) {
        match self.waiting.iter_mut().find(|slot| slot.is_none()) {
            Some(slot) => *slot = Some((event, printed)),
            None => self.lost = self.lost.saturating_add(1),
        }
    }

    /// How many were told to nobody.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// The oldest untold event, and whether it may be printed.
    pub fn pop(&mut self, now: Instant) -> Option<(Event, bool)> {
        // Nearly always there is nothing, and then nothing is written.
        let first = self.waiting.first_mut().filter(|first| first.is_some())?;
        let (event, printed) = first.take()?;
        self.waiting.rotate_left(1);
        if printed {
            return Some((event, false));
        }
        let due = now.since(self.refilled) / REFILL;
        if due > 0 {
            self.tokens = self.tokens.saturating_add(due).min(BURST);
            self.refilled = now;
        }
        let printed = self.tokens > 0;
        self.tokens = self.tokens.saturating_sub(1);
        Some((event, printed))
    }
}

impl Default for Events {
    fn default() -> Events {
        Events::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_ten_lines_in_any_hour() {
        let mut events = Events::new();
        let mut printed = vec![];
        for second in 0..7200u64 {
            let now = Instant::at(second * SEC);
            events.push(Event::Unresponsive);
            while let Some((_, print)) = events.pop(now) {
                if print {
                    printed.push(second);
                }
            }
        }
        for start in 0..3600u64 {
            let hour = start..start + 3600;
            assert!(printed.iter().filter(|&s| hour.contains(s)).count() <= 10);
        }
    }
}
