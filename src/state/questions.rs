// SPDX-License-Identifier: BSD-2-Clause
//! The driver's own questions, which a BMC may leave unanswered though it answers all else: each is
//! asked less and less often then, and applications have a turn after each. Pure; must not know what
//! is asked.

use super::Purpose;
use crate::time::{Instant, SEC};

/// Pause after a question in vain; doubled up to the last.
const PAUSE: u64 = SEC;
const PAUSE_MAX: u64 = 64 * SEC;

/// When one of them may be asked again.
#[derive(Clone, Copy)]
struct Question {
    again: Instant,
    pause: u64,
}

const FRESH: Question = Question {
    again: Instant::BOOT,
    pause: PAUSE,
};

/// All of them.
pub struct Questions {
    flags: Question,
    clear: Question,
    enables: Question,
    record: Question,
    owes_turn: bool,
}

impl Questions {
    /// None was asked in vain.
    pub const fn new() -> Questions {
        Questions {
            flags: FRESH,
            clear: FRESH,
            enables: FRESH,
            record: FRESH,
            owes_turn: false,
        }
    }

    fn of(&mut self, purpose: Purpose) -> Option<&mut Question> {
        match purpose {
            Purpose::Flags => Some(&mut self.flags),
            Purpose::ClearPretimeout => Some(&mut self.clear),
            Purpose::Enables => Some(&mut self.enables),
            Purpose::Record => Some(&mut self.record),
            Purpose::Watchdog(_) | Purpose::Startup | Purpose::Probe => None,
        }
    }

    /// May it be asked now?
    pub fn may(&self, purpose: Purpose, now: Instant) -> bool {
        let again = match purpose {
            Purpose::Flags => self.flags.again,
            Purpose::ClearPretimeout => self.clear.again,
            Purpose::Enables => self.enables.again,
            Purpose::Record => self.record.again,
            Purpose::Watchdog(_) | Purpose::Startup | Purpose::Probe => return true,
        };
        now >= again
    }

    /// It brought an answer.
    pub fn answered(&mut self, purpose: Purpose) {
        if let Some(question) = self.of(purpose) {
            *question = FRESH;
        }
    }

    /// It brought none. One that was ended before its time says little of the BMC.
    pub fn failed(&mut self, purpose: Purpose, ended: bool, now: Instant) {
        let Some(question) = self.of(purpose) else {
            return;
        };
        if ended {
            question.again = now.plus(PAUSE);
        } else {
            question.again = now.plus(question.pause);
            question.pause = question.pause.saturating_mul(2).min(PAUSE_MAX);
        }
        self.owes_turn = true;
    }

    /// The BMC is back from an outage, in which it answered nothing.
    pub fn recovered(&mut self, now: Instant) {
        let soon = now.plus(PAUSE);
        for question in [
            &mut self.flags,
            &mut self.clear,
            &mut self.enables,
            &mut self.record,
        ] {
            question.again = question.again.min(soon);
            question.pause = PAUSE;
        }
    }

    /// Is it the applications' turn before this question?
    pub fn yields_turn(&mut self, purpose: Purpose) -> bool {
        self.owes_turn && self.of(purpose).is_some()
    }

    /// They have it, if they want it.
    pub fn turn_taken(&mut self) {
        self.owes_turn = false;
    }
}

impl Default for Questions {
    fn default() -> Questions {
        Questions::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_never_answered_is_asked_less_and_less_often() {
        let mut questions = Questions::new();
        let mut now = Instant::BOOT;
        let mut times = 0;
        while now < Instant::at(3600 * SEC) {
            if questions.may(Purpose::Enables, now) {
                times += 1;
                questions.failed(Purpose::Enables, false, now);
            }
            now = now.plus(SEC);
        }
        assert_eq!(times, 7 + 3600 / 64 - 1);
        assert!(!questions.may(Purpose::Enables, now));
        assert!(questions.may(Purpose::Flags, now), "the others are");
        questions.recovered(now);
        assert!(questions.may(Purpose::Enables, now.plus(PAUSE)));
        questions.answered(Purpose::Enables);
        assert!(questions.may(Purpose::Enables, now));
    }

    #[test]
    fn applications_have_one_turn_after_each_in_vain() {
        let mut questions = Questions::new();
        assert!(!questions.yields_turn(Purpose::Record));
        questions.failed(Purpose::Flags, true, Instant::BOOT);
        assert!(!questions.yields_turn(Purpose::Probe), "no question");
        assert!(questions.yields_turn(Purpose::Record));
        questions.turn_taken();
        assert!(!questions.yields_turn(Purpose::Record));
    }
}
