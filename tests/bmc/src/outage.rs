// SPDX-License-Identifier: BSD-2-Clause
//! The life of the BMC's firmware: up, slower and slower, dead, booting. It knows times only; what
//! is lost in a boot is the BMC's business.

/// Handshakes at the end of the slow phase, whatever the BMC's usual speed: longer than the six
/// seconds that drivers are known to wait.
const SLOWEST: u64 = 10 * crate::SEC;

/// One outage, from the first sign to the BMC being up again. All times absolute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outage {
    pub(crate) from: u64,
    pub(crate) slow_until: u64,
    pub(crate) dead_until: u64,
    pub(crate) up_at: u64,
    pub(crate) timer_survives: bool,
}

/// Where in its life the firmware is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Up,
    /// Works, slower and slower.
    Slow,
    /// Nothing moves any more, the timer included.
    Dead,
    /// The registers read ff at first, then busy.
    Booting,
}

impl Outage {
    /// A reset without a story before it.
    pub(crate) fn reset(now: u64, reboot_for: u64, timer_survives: bool) -> Outage {
        Outage {
            from: now,
            slow_until: now,
            dead_until: now,
            up_at: now.saturating_add(reboot_for),
            timer_survives,
        }
    }

    /// When the present phase ends.
    pub(crate) fn ends(&self, phase: Phase) -> u64 {
        match phase {
            Phase::Slow => self.slow_until,
            Phase::Dead => self.dead_until,
            Phase::Up | Phase::Booting => self.up_at,
        }
    }

    /// Whether a booting BMC's registers have left the bus altogether.
    pub(crate) fn off_the_bus(&self, now: u64) -> bool {
        now < self.dead_until + (self.up_at - self.dead_until) / 2
    }

    /// `usual`, grown exponentially with the time since `from` towards [`SLOWEST`].
    pub(crate) fn slowed(&self, usual: u64, now: u64) -> u64 {
        let usual = usual.max(1);
        let span = u128::from(self.slow_until.saturating_sub(self.from).max(1));
        let gone = u128::from(now.saturating_sub(self.from)).min(span);
        let doublings = u128::from((SLOWEST / usual).max(1).ilog2());
        // Whole doublings by shift, the rest linearly, so that no float decides a replay.
        let progress = doublings * gone * 1024 / span;
        let whole = u128::from(usual) << (progress / 1024);
        (whole + whole * (progress % 1024) / 1024) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SEC;

    #[test]
    fn latency_grows_without_a_step_back_to_seconds() {
        let outage = Outage {
            from: 10 * SEC,
            slow_until: 70 * SEC,
            dead_until: 600 * SEC,
            up_at: 660 * SEC,
            timer_survives: false,
        };
        assert_eq!(outage.slowed(20_000, 10 * SEC), 20_000);
        let mut last = 0;
        for t in 10..=70 {
            let latency = outage.slowed(20_000, t * SEC);
            assert!(latency >= last, "at {t} s");
            last = latency;
        }
        assert!(last > 5 * SEC && last <= SLOWEST, "{last}");
    }

    #[test]
    fn a_booting_bmc_is_off_the_bus_for_the_first_half() {
        let outage = Outage::reset(10, 4, false);
        assert_eq!(outage.ends(Phase::Booting), 14);
        assert!(outage.off_the_bus(11));
        assert!(!outage.off_the_bus(12));
    }
}
