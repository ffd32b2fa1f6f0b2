// SPDX-License-Identifier: BSD-2-Clause
//! How a BMC goes through an outage: what freezes, what is lost, how slow it is, and how its
//! registers look from the bus meanwhile. It must not know what the registers are.

use crate::bmc::{Bmc, Bus};
use crate::commands::Messaging;
use crate::faults::Fault;
use crate::outage::{Outage, Phase};
use crate::record::Effect;
use crate::NEVER;

impl Bmc {
    /// Whether the firmware runs and would answer, faults of the interface aside.
    pub fn up(&self) -> bool {
        matches!(self.phase, Phase::Up | Phase::Slow)
    }

    /// A spontaneous reset: registers dead for `reboot_for`, everything volatile lost.
    pub fn reset(&mut self, now: u64, reboot_for: u64) {
        self.run_to(now);
        self.begin(Outage::reset(self.now, reboot_for, false));
        self.settle();
    }

    pub(crate) fn begin(&mut self, outage: Outage) {
        self.outage = Some(outage);
        self.phase = Phase::Slow;
        self.follow_outage();
    }

    /// Goes through the phases that have begun, none left out, however short.
    pub(crate) fn follow_outage(&mut self) {
        while let Some(outage) = self.outage.filter(|o| o.ends(self.phase) <= self.now) {
            self.phase = match self.phase {
                Phase::Slow => {
                    self.watchdog.freeze(self.now);
                    Phase::Dead
                }
                Phase::Dead => {
                    self.lose_memory(&outage);
                    Phase::Booting
                }
                Phase::Booting | Phase::Up => {
                    self.outage = None;
                    self.boots += 1;
                    self.effect(Effect::Rebooted { at: self.now });
                    Phase::Up
                }
            };
        }
    }

    fn lose_memory(&mut self, outage: &Outage) {
        if !outage.timer_survives {
            self.watchdog.lose(self.now);
        }
        self.messaging = Messaging::new();
        self.sel.restart();
        self.orphan = None;
        self.reset_at = None;
        self.interface_error = false;
    }

    /// Whether all software stands still, the watchdog timer included.
    pub(crate) fn still(&self) -> bool {
        !self.up() || self.fault_holds(&Fault::Deaf { counting: false })
    }

    /// How long the next handshake takes.
    pub(crate) fn handshake(&mut self) -> u64 {
        let usual = self.rng.jitter(self.config.handshake);
        let extra: u64 = self
            .active_faults()
            .map(|fault| match fault {
                Fault::SlowHandshake { ns } => *ns,
                _ => 0,
            })
            .sum();
        self.slowed(usual).saturating_add(extra)
    }

    /// How long the next command takes to run.
    pub(crate) fn execution(&mut self) -> u64 {
        let usual = self.rng.jitter(self.config.execute);
        self.slowed(usual)
    }

    fn slowed(&self, usual: u64) -> u64 {
        match (&self.outage, self.phase) {
            (Some(outage), Phase::Slow) => outage.slowed(usual, self.now),
            _ => usual,
        }
    }

    pub(crate) fn bus(&self) -> Bus {
        if self.fault_holds(&Fault::ReadsFf) {
            return Bus::Gone;
        }
        match (self.phase, self.outage) {
            (Phase::Booting, Some(outage)) if outage.off_the_bus(self.now) => Bus::Gone,
            (Phase::Booting, _) => Bus::Busy,
            (Phase::Dead, _) => Bus::Still,
            (Phase::Up | Phase::Slow, _) => match self.deaf_until() {
                Some(_) => Bus::Still,
                None => Bus::Live,
            },
        }
    }

    /// Until when nothing the host wrote is taken, if it is so now.
    pub(crate) fn stalled_until(&self) -> Option<u64> {
        match self.phase {
            Phase::Dead | Phase::Booting => Some(self.outage.map_or(NEVER, |o| o.up_at)),
            Phase::Up | Phase::Slow => self.deaf_until(),
        }
    }

    fn deaf_until(&self) -> Option<u64> {
        let deaf = |f: &Fault| matches!(f, Fault::IbfStuck | Fault::Deaf { .. });
        self.faults.until(self.now, deaf)
    }
}
