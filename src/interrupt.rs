// SPDX-License-Identifier: BSD-2-Clause
//! The interrupt of a system interface: what its filter does to the registers, and how the worker
//! learns of it. It only ends sleeps early: an attempt polls as it does without, so an interrupt
//! that never comes, or never stops, costs nothing but itself.
//!
//! KCS holds the line for every byte that it has put out until the byte is read (section 9.12), and
//! for SMS_ATN until the status is. The filter must therefore read the byte, or the line would keep
//! the processor from everything else; who steps the machine finds the byte as if it were still in
//! its register. BT has a bit to take the line back with (section 11.6.3).

use crate::atomic::Ordering::{Relaxed, SeqCst};
use crate::atomic::{AtomicBool, AtomicU32};
use crate::kernel::Kernel;
use crate::transport::{bt, kcs};
use crate::wire::interface::Kind;

/// Interrupts between two ticks for which there need not be a byte written by the driver.
const CREDIT: u32 = 1000;
/// Never more than this.
const CREDIT_MAX: u32 = 10_000;

/// What the filter says of an interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is nobody's as far as this device is concerned.
    Foreign,
    /// It is dealt with.
    Handled,
    /// The worker sleeps and is to be woken.
    Wake,
}

/// What the filter shares with the threads that touch registers.
pub struct Interrupt {
    /// There is one.
    wired: AtomicBool,
    /// It did not stop, and is no longer looked at.
    storm: AtomicBool,
    /// How many interrupts of the BMC's may still come; a byte written earns one.
    credit: AtomicU32,
    /// How many may come for which there is no reason: the worker was quicker, or the line is shared.
    idle_credit: AtomicU32,
    /// How many had a reason; goes round.
    seen: AtomicU32,
    /// The byte that the filter has read and nobody has fetched, and a bit above it to say so.
    /// Written only in [`Kernel::exclusive`].
    caught: AtomicU32,
    /// Something has happened since the worker looked.
    news: AtomicBool,
    /// The BMC wants attention.
    attention: AtomicBool,
    /// The worker sleeps, or is about to with the lock held.
    asleep: AtomicBool,
}

/// The bit that tells a byte caught from none.
const CAUGHT: u32 = 0x100;

/// What the registers have to say for an interrupt.
struct Found {
    news: bool,
    attention: bool,
}

impl Interrupt {
    /// None is wired.
    pub fn new() -> Interrupt {
        Interrupt {
            wired: AtomicBool::new(false),
            storm: AtomicBool::new(false),
            credit: AtomicU32::new(CREDIT),
            idle_credit: AtomicU32::new(CREDIT),
            seen: AtomicU32::new(0),
            caught: AtomicU32::new(0),
            news: AtomicBool::new(false),
            attention: AtomicBool::new(false),
            asleep: AtomicBool::new(false),
        }
    }

    /// The device has one, or has not after all. Before the first can come.
    pub fn wire(&self, wired: bool) {
        self.wired.store(wired, SeqCst);
    }

    /// Is there one?
    pub fn is_wired(&self) -> bool {
        self.wired.load(Relaxed)
    }

    /// Did it not stop?
    pub fn is_storm(&self) -> bool {
        self.storm.load(Relaxed)
    }

    /// How many interrupts had a reason.
    pub fn seen(&self) -> u32 {
        self.seen.load(Relaxed)
    }

    /// Half a second has passed.
    pub fn refill(&self) {
        self.idle_credit.store(CREDIT, Relaxed);
        let _ = self.credit.fetch_max(CREDIT, Relaxed);
    }

    /// The worker is about to sleep for something to do, with the lock held: may it? Not if the BMC
    /// has asked for attention.
    pub fn may_rest(&self) -> bool {
        if !self.is_wired() {
            return true;
        }
        self.asleep.store(true, SeqCst);
        !self.attention.swap(false, SeqCst)
    }

    /// The worker is awake.
    pub fn awake(&self) {
        if self.is_wired() {
            self.asleep.store(false, SeqCst);
        }
    }

    fn catch(&self, byte: u8) {
        self.caught.store(CAUGHT | u32::from(byte), Relaxed);
    }

    fn caught(&self) -> Option<u8> {
        let caught = self.caught.load(Relaxed);
        (caught & CAUGHT != 0).then_some(caught as u8)
    }

    fn forget(&self) {
        self.caught.store(0, Relaxed);
    }
}

impl Default for Interrupt {
    fn default() -> Interrupt {
        Interrupt::new()
    }
}

/// One is spent, if one is left.
fn spend(credit: &AtomicU32) -> bool {
    let less = |left: u32| left.checked_sub(1);
    credit.fetch_update(Relaxed, Relaxed, less).is_ok()
}

/// The filter, in interrupt context: takes away what holds the line.
pub fn filter<K: Kernel>(kernel: &K) -> Claim {
    let interrupt = &kernel.shared().interrupt;
    if interrupt.is_storm() {
        return Claim::Foreign;
    }
    let Some(found) = kernel.exclusive(|| look(kernel)) else {
        // A kernel masks a line that nobody claims. Claimed is what the worker was quicker at.
        return match spend(&interrupt.idle_credit) {
            true => Claim::Handled,
            false => Claim::Foreign,
        };
    };
    if !spend(&interrupt.credit) {
        interrupt.storm.store(true, SeqCst);
        return Claim::Foreign;
    }
    interrupt.seen.fetch_add(1, Relaxed);
    if found.attention {
        interrupt.attention.store(true, SeqCst);
    }
    if found.news {
        interrupt.news.store(true, SeqCst);
    }
    // Either the worker has yet to look at the above, or this sees it asleep.
    match interrupt.asleep.load(SeqCst) {
        true => Claim::Wake,
        false => Claim::Handled,
    }
}

/// Why there is an interrupt; `None` if nothing shows.
fn look<K: Kernel>(kernel: &K) -> Option<Found> {
    let found = match kernel.interface() {
        Kind::Kcs => {
            let status = kcs::Line::of(kernel.read(kcs::STATUS));
            if status.byte {
                let byte = kernel.read(kcs::DATA);
                kernel.shared().interrupt.catch(byte);
            }
            Found {
                news: status.byte,
                attention: status.attention,
            }
        }
        Kind::Bt => {
            let raised = bt::is_raised(kernel.read(bt::MASK));
            if raised {
                kernel.write(bt::MASK, bt::LOWER);
            }
            Found {
                news: raised,
                attention: raised && bt::wants_attention(kernel.read(bt::CONTROL)),
            }
        }
        Kind::Smic | Kind::Ssif => return None,
    };
    (found.news || found.attention).then_some(found)
}

/// Reads a register as the machines see it. Where there is no interrupt that costs nothing.
#[inline(always)]
pub fn read<K: Kernel>(kernel: &K, register: u8) -> u8 {
    match kernel.shared().interrupt.is_wired() {
        true => read_beside_filter(kernel, register),
        false => kernel.read(register),
    }
}

#[inline(never)]
fn read_beside_filter<K: Kernel>(kernel: &K, register: u8) -> u8 {
    let interrupt = &kernel.shared().interrupt;
    if kernel.interface() != Kind::Kcs {
        return kernel.read(register);
    }
    if register != kcs::DATA {
        let status = kernel.read(register);
        return match interrupt.caught() {
            Some(_) => kcs::with_byte(status),
            None => status,
        };
    }
    kernel.exclusive(|| {
        let caught = interrupt.caught();
        interrupt.forget();
        match caught {
            // A byte that came after it is what counts.
            Some(byte) if !kcs::Line::of(kernel.read(kcs::STATUS)).byte => byte,
            _ => kernel.read(register),
        }
    })
}

/// Writes one.
#[inline(always)]
pub fn write<K: Kernel>(kernel: &K, register: u8, value: u8) {
    match kernel.shared().interrupt.is_wired() {
        true => write_beside_filter(kernel, register, value),
        false => kernel.write(register, value),
    }
}

#[inline(never)]
fn write_beside_filter<K: Kernel>(kernel: &K, register: u8, value: u8) {
    let interrupt = &kernel.shared().interrupt;
    let more = |left: u32| (left < CREDIT_MAX).then(|| left.saturating_add(1));
    let _ = interrupt.credit.fetch_update(Relaxed, Relaxed, more);
    kernel.exclusive(|| {
        // What was put out before this byte answers to nothing that comes after it.
        interrupt.forget();
        kernel.write(register, value);
    });
}

/// Lets the BMC pull the line, or not any more, where the interface has a bit for it.
pub fn mask<K: Kernel>(kernel: &K, wanted: bool) {
    if kernel.shared().interrupt.is_wired() && kernel.interface() == Kind::Bt {
        kernel.write(bt::MASK, if wanted { bt::RAISE } else { 0 });
    }
}

/// Sleeps for so many nanoseconds, or until something has happened.
pub fn pause<K: Kernel>(kernel: &K, ns: u64) {
    let interrupt = &kernel.shared().interrupt;
    if !interrupt.is_wired() {
        return kernel.pause(ns);
    }
    kernel.doze(ns, || {
        interrupt.asleep.store(true, SeqCst);
        !interrupt.news.swap(false, SeqCst)
    });
    interrupt.asleep.store(false, SeqCst);
}

/// Answered attempts without an interrupt after which something is wrong with it,
const SILENT: u64 = 16;
/// and how often that is put down to the BMC's enables.
const CHECKS: u8 = 2;

/// What is to be done about an interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Look whether the BMC still has it enabled.
    Check,
    /// Give it up: it does not come,
    Silent,
    /// or does not stop.
    Storm,
}

/// Whether the interrupt is of use. Pure.
#[derive(Default)]
pub struct Use {
    wanted: bool,
    attempts: u64,
    seen: u32,
    checks: u8,
}

impl Use {
    /// Nothing is known of it, or there is none.
    pub const fn new() -> Use {
        Use {
            wanted: false,
            attempts: 0,
            seen: 0,
            checks: 0,
        }
    }

    /// Is it used from here on?
    pub fn want(&mut self, wanted: bool) {
        self.wanted = wanted;
    }

    /// Is it used?
    pub fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Twice a second: so many attempts and interrupts there have been. `settled`: the BMC answers,
    /// and should interrupt.
    pub fn tick(
        &mut self,
        settled: bool,
        storm: bool,
        attempts: u64,
        seen: u32,
    ) -> Option<Verdict> {
        if !self.wanted {
            return None;
        }
        if storm {
            return Some(Verdict::Storm);
        }
        let came = core::mem::replace(&mut self.seen, seen) != seen;
        if came {
            self.checks = 0;
        }
        if came || !settled {
            self.attempts = attempts;
            return None;
        }
        if attempts.saturating_sub(self.attempts) < SILENT {
            return None;
        }
        self.attempts = attempts;
        self.checks = self.checks.saturating_add(1);
        Some(match self.checks > CHECKS {
            true => Verdict::Silent,
            false => Verdict::Check,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn using() -> Use {
        let mut use_ = Use::new();
        use_.want(true);
        use_
    }

    #[test]
    fn one_that_never_comes_is_checked_twice_and_given_up() {
        let mut use_ = using();
        let verdicts: Vec<Verdict> = (0..100)
            .filter_map(|tick| use_.tick(true, false, tick * 4, 0))
            .take(3)
            .collect();
        assert_eq!(verdicts, [Verdict::Check, Verdict::Check, Verdict::Silent]);
    }

    #[test]
    fn one_that_comes_now_and_then_is_kept() {
        let mut use_ = using();
        for tick in 0..1000u32 {
            let seen = tick / 3;
            let verdict = use_.tick(true, false, u64::from(tick) * 5, seen);
            assert_eq!(verdict, None);
        }
    }

    #[test]
    fn failing_attempts_and_an_idle_bmc_say_nothing() {
        let mut use_ = using();
        for tick in 0..1000 {
            assert_eq!(use_.tick(false, false, tick * 50, 0), None);
        }
        for _ in 0..1000 {
            assert_eq!(use_.tick(true, false, 999 * 50, 0), None);
        }
    }

    #[test]
    fn credit_is_earned_and_bounded() {
        let interrupt = Interrupt::new();
        for _ in 0..CREDIT {
            assert!(spend(&interrupt.credit));
        }
        assert!(!spend(&interrupt.credit));
        interrupt.refill();
        assert!(spend(&interrupt.credit));
    }
}
