// SPDX-License-Identifier: BSD-2-Clause
//! The polled path: panic, dump, kdb and the power cycle. The caller takes the hardware over,
//! steps the same machine as the worker, and is bounded by counted delays: no clock is trusted.

use core::cell::Cell;

use crate::attempt::{self, Pace, Wire};
use crate::handover::Ticket;
use crate::interrupt;
use crate::kernel::Kernel;
use crate::time::{Instant, MS, US};
use crate::transport::ssif::{Block, Transfer};
use crate::transport::{Exchange, Failure, Interface, Limits};
use crate::wire::{DriverReply, Message};

/// All that polling may cost one stop of the machine, but for what it earns.
pub const BUDGET: u64 = 500 * MS;
/// Less is not worth trying with.
pub const LEAST: u64 = 10 * MS;
/// What a pat earns back.
const EARNED: u64 = 20 * US;
/// Longest time for the worker to let go, where it runs at all.
const LET_GO: u32 = 20_000;
/// What a register access is taken to cost,
const ACCESS: u64 = US;
/// and a transfer on the SMBus.
const TRANSFER: u64 = 5 * MS;

/// What polling may still cost. Spent by every command, earned back by time at one part in a hundred
/// and a little by each pat, as a stopped machine's clock may stand still: a dump with thousands of pats
/// waits for none of them long, and a slow BMC is asked as often as it can be afforded.
pub struct Budget {
    left: u64,
    at: Instant,
    /// What has to be left for another try: twice what the last one took.
    need: u64,
}

impl Budget {
    /// All of it.
    pub const fn new() -> Budget {
        Budget {
            left: BUDGET,
            at: Instant::BOOT,
            need: LEAST,
        }
    }

    /// What may be spent at `now`, in nanoseconds; `None` if it is too little to try.
    pub fn refill(&mut self, now: Instant) -> Option<u64> {
        let earned = (now.since(self.at) / 100).saturating_add(EARNED);
        self.at = now;
        self.left = self.left.saturating_add(earned).min(BUDGET);
        (self.left >= self.need).then_some(self.left)
    }

    /// Commands took so many nanoseconds, and the last of them was answered or not.
    pub fn spend(&mut self, ns: u64, answered: bool) {
        self.left = self.left.saturating_sub(ns);
        let need = match answered {
            true => ns.saturating_mul(2),
            false => self.need.max(ns).saturating_mul(2),
        };
        self.need = need.clamp(LEAST, BUDGET);
    }
}

impl Default for Budget {
    fn default() -> Budget {
        Budget::new()
    }
}

/// The hardware, taken over from the worker until dropped, with a machine of its own.
pub struct Seized<'k, K: Kernel> {
    polled: Polled<'k, K>,
    interface: Interface,
}

struct Polled<'k, K: Kernel> {
    kernel: &'k K,
    ticket: Ticket,
    elapsed: Cell<u64>,
    /// The filter can, or must, not be kept out.
    alone: bool,
}

impl<'k, K: Kernel> Seized<'k, K> {
    /// Takes the hardware over. `others_run`: the scheduler runs, so the worker may be between
    /// two accesses and is given the time to notice.
    pub fn take(kernel: &'k K, others_run: bool) -> Seized<'k, K> {
        let handover = &kernel.shared().handover;
        let ticket = handover.take();
        let mut waited = 0u32;
        while others_run && handover.in_attempt() && waited < LET_GO {
            kernel.delay(10);
            waited = waited.saturating_add(10);
        }
        let polled = Polled {
            kernel,
            ticket,
            elapsed: Cell::new(u64::from(waited).saturating_mul(US)),
            alone: !others_run,
        };
        // A late answer to the worker or to one of the last seizures must not pass for one to this.
        let sequence = Interface::POLLED | ticket.number().wrapping_mul(16) as u8;
        Seized {
            polled,
            interface: Interface::new(kernel.interface(), sequence),
        }
    }

    /// The same for an NMI, which may have interrupted the filter, or who keeps it out.
    pub fn in_nmi(kernel: &'k K) -> Seized<'k, K> {
        let mut seized = Seized::take(kernel, true);
        seized.polled.alone = true;
        seized
    }

    /// Nanoseconds spent since the hardware was taken, as counted.
    pub fn elapsed(&self) -> u64 {
        self.polled.elapsed.get()
    }

    /// One attempt, ended after `budget` nanoseconds.
    pub fn transact(
        &mut self,
        message: &Message,
        reply: &mut DriverReply,
        budget: u64,
    ) -> Result<(), Failure> {
        let limits = Limits {
            ready: budget,
            taken: budget,
            answer: budget,
            total: budget,
            eager: false,
        };
        let mut exchange = Exchange {
            request: message.as_bytes(),
            reply: reply.arrival(),
        };
        attempt::run(&self.polled, &mut self.interface, limits, &mut exchange)
    }
}

impl<K: Kernel> Drop for Seized<'_, K> {
    fn drop(&mut self) {
        self.polled.kernel.shared().handover.release();
    }
}

impl<K: Kernel> Polled<'_, K> {
    fn spend(&self, ns: u64) {
        self.elapsed.set(self.elapsed.get().saturating_add(ns));
    }
}

impl<K: Kernel> Wire for Polled<'_, K> {
    fn now(&self) -> Instant {
        Instant::at(self.elapsed.get())
    }

    fn read(&self, register: u8) -> u8 {
        self.spend(ACCESS);
        interrupt::read(self.kernel, register, self.alone)
    }

    fn write(&self, register: u8, value: u8) {
        self.spend(ACCESS);
        interrupt::write(self.kernel, register, value, self.alone);
    }

    fn send(&self, command: u8, block: &Block) -> Transfer {
        self.spend(TRANSFER);
        self.kernel.send(command, block)
    }

    fn fetch(&self, command: u8) -> Transfer {
        self.spend(TRANSFER);
        self.kernel.fetch(command)
    }

    fn wait(&self, pace: Pace, _progressed: Instant) -> Result<(), Failure> {
        let us = match pace {
            Pace::Spin(us) => us,
            Pace::Sleep(_) => 100,
        };
        self.spend(u64::from(us).saturating_mul(US));
        self.kernel.delay(us);
        Ok(())
    }

    fn permitted(&self) -> Result<(), Failure> {
        // An NMI in between may have taken it over in turn.
        let handover = &self.kernel.shared().handover;
        handover
            .holds(self.ticket)
            .then_some(())
            .ok_or(Failure::Seized)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pats one after the other while the clock stands still; how many reach a BMC that takes `cost`.
    fn pats(count: u32, cost: u64) -> (u32, u64) {
        let (mut budget, mut reached, mut spent) = (Budget::new(), 0, 0);
        for _ in 0..count {
            let Some(left) = budget.refill(Instant::BOOT) else {
                continue;
            };
            let took = cost.min(left);
            spent += took;
            reached += u32::from(took == cost);
            budget.spend(took, took == cost);
        }
        (reached, spent)
    }

    #[test]
    fn a_dump_waits_for_its_pats_no_longer_than_half_a_second_and_a_little() {
        for cost in [MS, 30 * MS, 100 * MS, 400 * MS, 2000 * MS] {
            let (_, spent) = pats(10_000, cost);
            assert!(spent <= BUDGET + 10_000 * EARNED, "{cost}: {spent}");
        }
    }

    #[test]
    fn a_slow_bmc_is_still_reached_by_the_pats_of_a_long_dump() {
        for cost in [MS, 30 * MS, 100 * MS, 200 * MS] {
            let (before, _) = pats(100_000, cost);
            let (after, _) = pats(200_000, cost);
            assert!(after > before + 2, "{cost}: {before} {after}");
        }
    }

    #[test]
    fn a_healthy_bmc_is_reached_by_all_pats_while_the_clock_goes() {
        let mut budget = Budget::new();
        for second in 0..10_000u64 {
            let now = Instant::at(second * crate::time::SEC);
            assert!(budget.refill(now).is_some());
            budget.spend(3 * MS, true);
        }
    }
}
