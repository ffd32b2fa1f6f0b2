// SPDX-License-Identifier: BSD-2-Clause
//! What the host asks for: pats and disarms, and the timer that each stands for.

use super::{Ask, Watchdog, COALESCE, LATE};
use crate::event::{Event, Events};
use crate::kernel::{Errno, Settings, Who};
use crate::time::{Instant, MS, SEC};
use crate::wire::watchdog::{Timer, COUNTDOWN_MAX};

/// Countdown for a host that has not patted for longer than it asked for, once its BMC answers.
pub(super) const GRACE: u64 = 10 * SEC;
/// How often it is granted: a BMC that keeps losing its timer must not keep a hung host up.
const GRACES: u8 = 3;

impl Watchdog {
    /// The host pats for `timeout` nanoseconds, or disarms with 0. Returns the serial to wait for;
    /// EINVAL below `hw.ipmi.wd_min_timeout`, and then nothing changes.
    pub fn ask(
        &mut self,
        now: Instant,
        timeout: u64,
        who: Who,
        settings: &Settings,
        events: &mut Events,
    ) -> Result<u64, Errno> {
        if timeout != 0 && timeout < settings.min_timeout {
            if !core::mem::replace(&mut self.told_short, true) {
                events.push(Event::TooShort(timeout));
            }
            return Err(Errno::Invalid);
        }
        let whole = timeout.saturating_add(settings.margin);
        self.tell_clamped(whole, events);
        self.record.asked = self.record.asked.saturating_add(1);
        self.record.pat = Some((now, who));
        let actions = self.actions_override.unwrap_or(settings.actions);
        let timer = (timeout != 0).then(|| timer(whole, actions, settings.pretimeout));
        let own = quarter(tenths(timeout)).min(i64::from(settings.pretimeout));
        let pretimeout = u64::try_from(own).unwrap_or(0).saturating_mul(SEC);
        Ok(self.put(now, (timeout, pretimeout), timer, COALESCE))
    }

    fn tell_clamped(&mut self, timeout: u64, events: &mut Events) {
        let longest = u64::from(COUNTDOWN_MAX).saturating_mul(100 * MS);
        if timeout > longest && !core::mem::replace(&mut self.told_clamped, true) {
            events.push(Event::TooLong(timeout));
        }
    }

    /// Asks once more for what was asked last, while the host shuts down: what was confirmed within
    /// a second needs no bus traffic.
    pub fn ask_again(&mut self, now: Instant) -> u64 {
        let (times, timer) = self.ask.map_or(((0, 0), None), |ask| {
            ((ask.timeout, ask.pretimeout), ask.timer)
        });
        self.put(now, times, timer, LATE)
    }

    /// Nobody winds the clock up any more, so it may stand still or go round: no confirmation is
    /// known to be recent, no pre-timeout to be ahead, and no pause to end.
    pub fn distrust_clock(&mut self) {
        self.hold = Instant::BOOT;
        if self.wanted() {
            self.again();
            self.must_set |= self
                .ask
                .and_then(|ask| ask.timer)
                .is_some_and(|timer| timer.pretimeout > 0);
        }
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

    /// Takes an ask whose timeout and pre-timeout in nanoseconds are `times`.
    pub(super) fn put(
        &mut self,
        now: Instant,
        times: (u64, u64),
        timer: Option<Timer>,
        fresh: u64,
    ) -> u64 {
        let (timeout, pretimeout) = times;
        if timer.is_some() && (!self.wanted() || self.overdue(now)) {
            // What a stop, or a timer that has expired, has to wait for is no matter of this.
            self.hold = Instant::BOOT;
        }
        if timer.is_some() && !self.wanted() {
            self.wanted_since = now;
        }
        self.graces = 0;
        let up_to_date = self.served >= self.serial;
        self.serial = self.serial.saturating_add(1);
        self.adopted = None;
        self.alarm.patted();
        self.ask = Some(Ask {
            serial: self.serial,
            at: now,
            timeout,
            pretimeout,
            timer,
        });
        let counting = self
            .counting()
            .is_some_and(|guard| Some(guard.timer) == timer && now.since(guard.reset) < fresh);
        if up_to_date && counting && !self.must_set {
            self.served = self.serial;
        }
        if timer.is_none() {
            self.close_gap(now);
        }
        self.serial
    }
}

/// The timer for `timeout` nanoseconds: rounded up to 100 ms, at most 6553 s, with the
/// pre-timeout of the C driver.
pub fn timer(timeout: u64, actions: u8, pretimeout: i32) -> Timer {
    let countdown = tenths(timeout);
    Timer {
        actions,
        pretimeout: i64::from(pretimeout).clamp(0, quarter(countdown)) as u8,
        countdown,
    }
}

/// A quarter of the countdown in seconds, rounded as the C driver does, at most 255.
fn quarter(countdown: u16) -> i64 {
    let seconds = i64::from(countdown / 10);
    (seconds.saturating_add(2) / 4).min(255)
}

fn tenths(ns: u64) -> u16 {
    let tenths = ns.div_ceil(100 * MS).clamp(1, u64::from(COUNTDOWN_MAX));
    tenths as u16
}

/// What is left of `timer` for a pat that is `age` old and was granted more so often before.
pub(super) fn remaining(timer: Timer, age: u64, graces: u8) -> Timer {
    if age < LATE {
        return timer;
    }
    let whole = timer.countdown_ns();
    let least = if graces < GRACES { GRACE } else { 0 };
    let left = whole.saturating_sub(age).max(least.min(whole));
    let countdown = tenths(left);
    Timer {
        actions: timer.actions,
        pretimeout: i64::from(timer.pretimeout).min(quarter(countdown)) as u8,
        countdown,
    }
}

/// Is what is left of a pat still nearly all of it?
pub(super) fn is_nearly(left: Timer, whole: Timer) -> bool {
    left.countdown.saturating_add(20) >= whole.countdown
}

/// The shortest countdown: the host asked to be reset by now.
pub(super) fn last_moment(timer: Timer) -> Timer {
    Timer {
        actions: timer.actions,
        pretimeout: 0,
        countdown: 1,
    }
}
