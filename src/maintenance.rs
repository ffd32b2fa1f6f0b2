// SPDX-License-Identifier: BSD-2-Clause
//! What administrators do to a BMC through the driver: a reset that they asked for is no outage, and
//! firmware is transferred faster if each byte is waited for without sleeping long. Pure.

use crate::time::{Instant, SEC};
use crate::wire::completion;

/// Network function of firmware transfer (table 5-1).
const FIRMWARE: u8 = 0x08;
/// A BMC that was told to reset may be away for so long before that is an outage.
const QUIET: u64 = 30 * SEC;
/// A transfer goes on until so long after its last request.
const STREAM: u64 = SEC;

/// The state of both.
pub struct Maintenance {
    quiet_until: Option<Instant>,
    streamed: Option<Instant>,
}

impl Maintenance {
    /// Nothing is being done.
    pub const fn new() -> Maintenance {
        Maintenance {
            quiet_until: None,
            streamed: None,
        }
    }

    /// A request goes out. True if firmware is being transferred.
    pub fn sending(&mut self, request: &[u8], now: Instant) -> bool {
        if request.first().is_some_and(|netfn| netfn >> 2 == FIRMWARE) {
            self.streamed = Some(now);
        }
        self.is_streaming(now)
    }

    /// Is firmware being transferred?
    pub fn is_streaming(&self, now: Instant) -> bool {
        self.streamed.is_some_and(|at| now.since(at) < STREAM)
    }

    /// The BMC answered `request` with this completion code. True if it resets itself now.
    pub fn answered(&mut self, request: &[u8], code: u8, now: Instant) -> bool {
        // Cold Reset and Warm Reset (sections 20.2, 20.3).
        let resets = matches!(request, [0x18, 0x02 | 0x03, ..]) && code == completion::OK;
        if resets {
            self.quiet_until = Some(now.plus(QUIET));
        }
        resets
    }

    /// May the BMC be away without anything being wrong?
    pub fn is_quiet(&self, now: Instant) -> bool {
        self.quiet_until.is_some_and(|until| now < until)
    }

    /// It answers again, or has had its time: true in the second case, once.
    pub fn ends(&mut self, answers: bool, now: Instant) -> bool {
        let Some(until) = self.quiet_until else {
            return false;
        };
        let over = now >= until;
        if answers || over {
            self.quiet_until = None;
        }
        over && !answers
    }
}

impl Default for Maintenance {
    fn default() -> Maintenance {
        Maintenance::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_that_was_asked_for_is_quiet_until_it_answers_or_its_time_is_over() {
        let mut maintenance = Maintenance::new();
        let at = |seconds: u64| Instant::at(seconds * SEC);
        assert!(!maintenance.answered(&[0x18, 0x02], 0xc1, at(1)));
        assert!(!maintenance.answered(&[0x18, 0x01], 0, at(1)));
        assert!(maintenance.answered(&[0x18, 0x03], 0, at(1)));
        assert!(maintenance.is_quiet(at(30)) && !maintenance.is_quiet(at(31)));
        assert!(!maintenance.ends(false, at(30)));
        assert!(maintenance.ends(false, at(31)));
        assert!(!maintenance.ends(false, at(32)));
        maintenance.answered(&[0x18, 0x02, 0], 0, at(40));
        assert!(!maintenance.ends(true, at(45)));
        assert!(!maintenance.is_quiet(at(45)));
    }

    #[test]
    fn a_transfer_lasts_as_long_as_its_requests_come() {
        let mut maintenance = Maintenance::new();
        maintenance.sending(&[0x18, 0x01], Instant::at(SEC));
        assert!(!maintenance.is_streaming(Instant::at(SEC)));
        maintenance.sending(&[0x20, 0x01], Instant::at(SEC));
        assert!(maintenance.is_streaming(Instant::at(2 * SEC - 1)));
        assert!(!maintenance.is_streaming(Instant::at(2 * SEC)));
    }
}
