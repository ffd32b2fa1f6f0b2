// SPDX-License-Identifier: BSD-2-Clause
//! An administrator who now and then reads `sysctl dev.ipmi.0.watchdog` and holds it against what
//! `ipmitool mc watchdog get` would show at that moment. Must not know what goes wrong.

use ipmi_kernel::subsystems::sysctl::api::{get, Value};
use ipmi_kernel::Process;

use super::{rest, Log};
use crate::board::Board;
use crate::mc_watchdog::{McWatchdog, TENTH};
use crate::record::{Counters, Look};
use crate::span::{Ns, MS, S};

/// Between two looks.
const EVERY: Ns = 5 * S;
/// Between two looks when something did not agree: a pat may have been on its way.
const AGAIN: Ns = 200 * MS;
/// And if the BMC has run nothing since the last look that could have made it agree.
const STILL: Ns = S;
/// A read-back that is older than the BMC's answer by more is not of that answer.
const READ_BACK: Ns = 7 * S;

/// What `state` shows.
const STOPPED: u64 = 1;
const ARMED: u64 = 2;
/// The timer use that a host's own timer has.
const SMS_OS: u8 = 4;

/// Looks until the machine ends; looks at the `telling` moments too.
pub fn look_after(process: &Process, telling: &[Ns], log: &Log) {
    let mut next = process.now();
    let mut run = 0;
    loop {
        let wanted = telling.iter().copied().find(|&at| at > process.now());
        let at = next.min(wanted.unwrap_or(next));
        rest(process, at.saturating_sub(process.now()));
        let Some(look) = look(process) else {
            next = process.now() + EVERY;
            continue;
        };
        let before = std::mem::replace(&mut run, commands_run(process));
        let pause = match look.lie {
            None => EVERY,
            Some(_) if run == before => STILL,
            Some(_) => AGAIN,
        };
        next = look.at + pause;
        log.borrow_mut().looks.push(look);
    }
}

/// One look; nothing if there is no device to look at.
fn look(process: &Process) -> Option<Look> {
    // What is read while the BMC runs a command may be of two minds.
    for _ in 0..3 {
        let before = commands_run(process);
        let shown = Shown::read()?;
        let counters = counters()?;
        let Value::Text(doctor) = get(&name("doctor")).ok()? else {
            return None;
        };
        let at = process.now();
        let lie = process.hardware(|board: &mut Board| shown.lie(board, at));
        if before == commands_run(process) || lie.is_none() {
            let asked = shown.asked_ms * MS;
            return Some(Look {
                at,
                doctor,
                asked,
                counters,
                lie,
            });
        }
    }
    None
}

fn commands_run(process: &Process) -> u64 {
    process.hardware(|board: &mut Board| board.interface().bmc().commands_run())
}

fn name(leaf: &str) -> String {
    format!("dev.ipmi.0.watchdog.{leaf}")
}

fn number(leaf: &str) -> Option<u64> {
    match get(&name(leaf)) {
        Ok(Value::Uint(value)) => Some(value),
        _ => None,
    }
}

fn counters() -> Option<Counters> {
    Some(Counters {
        pats: number("pats")?,
        unconfirmed: number("unconfirmed")?,
        failures: number("failures")?,
        rearmed: number("rearmed")?,
        gaps: number("gaps")?,
        gap_longest: number("gap_longest_ms")? * MS,
        gap_total: number("gap_total_ms")? * MS,
    })
}

/// The numbers that ipmitool shows as well, and the timeout that was asked for.
#[derive(Debug, Default)]
struct Shown {
    asked_ms: u64,
    state: u64,
    timer_use: u64,
    action: u64,
    pretimeout_ms: u64,
    confirmed_ms: u64,
    confirmed_age_ms: u64,
    left_ms: u64,
    left_age_ms: u64,
}

impl Shown {
    fn read() -> Option<Shown> {
        Some(Shown {
            asked_ms: number("timeout_asked_ms")?,
            state: number("state")?,
            timer_use: number("use")?,
            action: number("action")?,
            pretimeout_ms: number("pretimeout_ms")?,
            confirmed_ms: number("timeout_confirmed_ms")?,
            confirmed_age_ms: number("confirmed_age_ms")?,
            left_ms: number("left_ms")?,
            left_age_ms: number("left_age_ms")?,
        })
    }

    /// What of it is not so.
    fn lie(&self, board: &Board, now: Ns) -> Option<String> {
        let answer = board.interface().bmc().watchdog_answer(now);
        let truth = McWatchdog::decode(&answer)?;
        let wrong = self
            .state_is_wrong(&truth)
            .or_else(|| self.countdown_is_wrong(&truth))
            .or_else(|| self.reading_is_wrong(&board.seen().readings, now))?;
        Some(format!("{wrong}; ipmitool would say: {truth}"))
    }

    fn state_is_wrong(&self, truth: &McWatchdog) -> Option<String> {
        let so = match self.state {
            ARMED => truth.running && truth.timer_use == SMS_OS,
            STOPPED => !truth.running,
            // Nothing is known of a timer that is not the host's, or that stands still.
            _ => !truth.running || truth.timer_use != SMS_OS,
        };
        (!so).then(|| format!("state {} is shown", self.state))
    }

    /// Of an armed timer: what it counts from, and how far it has come.
    fn countdown_is_wrong(&self, truth: &McWatchdog) -> Option<String> {
        if self.state != ARMED {
            return None;
        }
        let (initial, present) = (
            Ns::from(truth.initial) * TENTH,
            Ns::from(truth.present) * TENTH,
        );
        let reckoned = self.confirmed_ms.saturating_sub(self.confirmed_age_ms) * MS;
        // A restart whose confirmation was lost leaves more than is shown, never less.
        let agrees = initial == self.confirmed_ms * MS && present + TENTH >= reckoned;
        (!agrees).then(|| {
            format!(
                "a countdown of {} ms, restarted {} ms ago, is shown",
                self.confirmed_ms, self.confirmed_age_ms
            )
        })
    }

    /// What is shown as read back must be an answer that the BMC gave then.
    fn reading_is_wrong(&self, readings: &[(Ns, McWatchdog)], now: Ns) -> Option<String> {
        let read_at = now.saturating_sub(self.left_age_ms * MS);
        let newest_first = readings.iter().rev();
        let mut then = newest_first
            .skip_while(|(at, _)| *at > read_at + MS)
            .take_while(|(at, _)| at + READ_BACK >= read_at);
        // A timer that was armed has been read back.
        let nothing = self.state != ARMED && self.timer_use == 0 && self.left_ms == 0;
        let found = nothing || then.any(|(_, reading)| self.shows(reading));
        (!found).then(|| {
            format!(
                "use {}, action {:#x}, pretimeout {} ms, {} ms left is shown as read back {} ms ago, and was not",
                self.timer_use, self.action, self.pretimeout_ms, self.left_ms, self.left_age_ms
            )
        })
    }

    fn shows(&self, reading: &McWatchdog) -> bool {
        self.timer_use == u64::from(reading.timer_use)
            && self.action == u64::from(reading.actions())
            && self.pretimeout_ms == u64::from(reading.pretimeout_s) * 1000
            && self.left_ms * MS == Ns::from(reading.present) * TENTH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth() -> McWatchdog {
        McWatchdog {
            timer_use: SMS_OS,
            running: true,
            action: 3,
            interrupt: 0,
            pretimeout_s: 32,
            expired: 0,
            initial: 1280,
            present: 1270,
        }
    }

    fn shown() -> Shown {
        Shown {
            asked_ms: 128_000,
            state: ARMED,
            timer_use: 4,
            action: 3,
            pretimeout_ms: 32_000,
            confirmed_ms: 128_000,
            confirmed_age_ms: 1000,
            left_ms: 127_000,
            left_age_ms: 100,
        }
    }

    #[test]
    fn a_driver_that_shows_nothing_of_a_running_timer_lies() {
        assert_eq!(shown().state_is_wrong(&truth()), None);
        let zeros = Shown::default();
        assert!(zeros.state_is_wrong(&truth()).is_some());
        let firmwares = McWatchdog {
            timer_use: 1,
            ..truth()
        };
        assert_eq!(zeros.state_is_wrong(&firmwares), None);
    }

    #[test]
    fn what_is_read_back_of_an_armed_timer_is_not_nothing() {
        let readings = [(10 * S, truth())];
        let now = 10 * S + 100 * MS;
        assert_eq!(shown().reading_is_wrong(&readings, now), None);
        let unread = Shown {
            state: ARMED,
            ..Shown::default()
        };
        assert!(unread.reading_is_wrong(&readings, now).is_some());
        assert_eq!(Shown::default().reading_is_wrong(&readings, now), None);
        let no_action = Shown {
            action: 0,
            ..shown()
        };
        assert!(no_action.reading_is_wrong(&readings, now).is_some());
    }
}
