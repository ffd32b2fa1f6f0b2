// SPDX-License-Identifier: BSD-2-Clause
//! What the faults of the moment do to commands and their replies, and those that happen once. It
//! must not know of registers.

use crate::bmc::Bmc;
use crate::faults::Fault;
use crate::message::{CompletionCode, Request};
use crate::outage::Outage;
use crate::watchdog::Spoil;

impl Bmc {
    pub(crate) fn active_faults(&self) -> impl Iterator<Item = &Fault> {
        self.faults.active(self.now)
    }

    pub(crate) fn fault_holds(&self, fault: &Fault) -> bool {
        self.faults.holds(self.now, fault)
    }

    pub(crate) fn happen(&mut self, fault: &Fault) {
        match *fault {
            Fault::ErrorState => self.interface_error = true,
            Fault::ForgetWatchdog => self.watchdog.lose(self.now),
            Fault::Reset {
                reboot_for,
                timer_survives,
            } => self.begin(Outage::reset(self.now, reboot_for, timer_survives)),
            Fault::OutOfMemory {
                slow_for,
                dead_for,
                reboot_for,
                timer_survives,
            } => {
                let slow_until = self.now.saturating_add(slow_for);
                let dead_until = slow_until.saturating_add(dead_for);
                self.begin(Outage {
                    from: self.now,
                    slow_until,
                    dead_until,
                    up_at: dead_until.saturating_add(reboot_for),
                    timer_survives,
                });
            }
            _ => {}
        }
    }

    /// A completion code that keeps the command from being run.
    pub(crate) fn refusal(&self, request: &Request) -> Option<CompletionCode> {
        if self.orphan.is_some() {
            return Some(CompletionCode::NODE_BUSY);
        }
        let forced = self.active_faults().find_map(|fault| match fault {
            Fault::Completion { netfn, cmd, code }
                if (*netfn, *cmd) == (request.netfn, request.cmd) =>
            {
                Some(CompletionCode(*code))
            }
            _ => None,
        });
        let wrong_lun = (request.lun != 0).then_some(CompletionCode::INVALID_FOR_LUN);
        forced.or(wrong_lun)
    }

    pub(crate) fn watchdog_spoil(&self) -> Spoil {
        let mut spoil = Spoil::default();
        for fault in self.active_faults() {
            match fault {
                Fault::ClampCountdown { longest } => spoil.clamp = Some(*longest),
                Fault::IgnoreWatchdogSet => spoil.ignore = true,
                _ => {}
            }
        }
        spoil
    }

    pub(crate) fn spoil(&mut self, mut reply: Vec<u8>) -> Vec<u8> {
        let faults: Vec<Fault> = self.active_faults().cloned().collect();
        for fault in faults {
            match fault {
                Fault::ShortReply { keep } => reply.truncate(keep),
                Fault::LongReply { total } => {
                    while reply.len() < total {
                        reply.push(self.rng.next() as u8);
                    }
                }
                Fault::GarbageReply => reply.fill_with(|| self.rng.next() as u8),
                Fault::WrongNetFn => reply.iter_mut().take(1).for_each(|byte| *byte ^= 0x08),
                Fault::WrongCommand => reply.iter_mut().skip(1).take(1).for_each(|b| *b ^= 0x01),
                _ => {}
            }
        }
        reply
    }
}
