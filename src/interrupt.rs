// SPDX-License-Identifier: BSD-2-Clause
//! The interrupt of a system interface: what its filter does to the registers, and how the worker
//! learns of it. It only ends sleeps early: an attempt polls as it does without, so an interrupt
//! that never comes costs nothing. It is used where attempts sleep: on a BMC that answers at once
//! it would cost more than the request.
//!
//! KCS holds the line for every byte that it has put out until the byte is read (section 9.12), and
//! for SMS_ATN until the status is. The filter must therefore read the byte, or the line would keep
//! the processor from everything else; who steps the machine finds the byte as if it were still in
//! its register. BT has a bit to take the line back with (section 11.6.3). No kernel masks a line
//! that goes on all the same: its handler is taken away.

use crate::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use crate::atomic::{AtomicBool, AtomicU32};
use crate::kernel::Kernel;
use crate::transport::{bt, kcs};
use crate::wire::interface::Kind;

/// Interrupts between two ticks for which there need not be a byte written by the driver. On a line
/// that others keep busier than this the BMC is polled.
const CREDIT: u32 = 1000;
/// Never more than this.
const CREDIT_MAX: u32 = 10_000;

/// What the filter says of an interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It has no reason here.
    Foreign,
    /// It is dealt with.
    Handled,
    /// The thread is to run, as the worker sleeps or the interrupt does not stop; until it has, the
    /// kernel masks the line.
    Wake,
}

/// What the filter shares with the threads that touch registers.
pub struct Interrupt {
    /// Its handler is installed.
    wired: AtomicBool,
    /// It did not stop, and is no longer looked at.
    storm: AtomicBool,
    /// How many may still come; a byte written earns one.
    credit: AtomicU32,
    /// How many had a reason; goes round.
    seen: AtomicU32,
    /// How many attempts have slept; goes round.
    slept: AtomicU32,
    /// The byte that the filter has read and nobody has fetched, and a bit above it to say so.
    caught: AtomicU32,
    /// Something has happened since the worker looked.
    news: AtomicBool,
    /// The BMC wants attention.
    attention: AtomicBool,
    /// The worker sleeps, or is about to with the lock held.
    asleep: AtomicBool,
    /// The filter wants the thread to run, which others on the line make run as well.
    kicked: AtomicBool,
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
            seen: AtomicU32::new(0),
            slept: AtomicU32::new(0),
            caught: AtomicU32::new(0),
            news: AtomicBool::new(false),
            attention: AtomicBool::new(false),
            asleep: AtomicBool::new(false),
            kicked: AtomicBool::new(false),
        }
    }

    /// Its handler is about to be installed, or is gone.
    pub fn wire(&self, wired: bool) {
        self.forget();
        self.refill();
        self.wired.store(wired, SeqCst);
    }

    /// Is its handler installed?
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

    /// How many attempts have slept.
    pub fn slept(&self) -> u32 {
        self.slept.load(Relaxed)
    }

    /// An attempt has slept.
    pub fn sleeps(&self) {
        self.slept.fetch_add(1, Relaxed);
    }

    /// Half a second has passed.
    pub fn refill(&self) {
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

    fn kick(&self) -> Claim {
        self.kicked.store(true, SeqCst);
        Claim::Wake
    }

    /// Is it the filter that made the thread run?
    pub fn was_kicked(&self) -> bool {
        self.kicked.swap(false, SeqCst)
    }

    /// The worker is awake.
    pub fn awake(&self) {
        if self.is_wired() {
            self.asleep.store(false, SeqCst);
        }
    }

    fn catch(&self, byte: u8) {
        self.caught.store(CAUGHT | u32::from(byte), Release);
    }

    fn caught(&self) -> Option<u8> {
        let caught = self.caught.load(Acquire);
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
        return interrupt.kick();
    }
    if !spend(&interrupt.credit) {
        interrupt.storm.store(true, SeqCst);
        return interrupt.kick();
    }
    let Some(found) = kernel.exclusive(|| look(kernel)) else {
        // Somebody else's, or the worker was quicker.
        return Claim::Foreign;
    };
    interrupt.seen.fetch_add(1, Relaxed);
    if found.attention {
        interrupt.attention.store(true, SeqCst);
    }
    if found.news {
        interrupt.news.store(true, SeqCst);
    }
    // Either the worker has yet to look at the above, or this sees it asleep.
    match interrupt.asleep.load(SeqCst) {
        true => interrupt.kick(),
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
            let mask = kernel.read(bt::MASK);
            let raised = bt::is_raised(mask);
            if raised {
                kernel.write(bt::MASK, bt::lowered(mask));
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
/// `alone`: nobody else touches registers, or may be waited for: in an NMI, and once all has stopped.
#[inline(always)]
pub fn read<K: Kernel>(kernel: &K, register: u8, alone: bool) -> u8 {
    match kernel.shared().interrupt.is_wired() {
        true => read_beside_filter(kernel, register, alone),
        false => kernel.read(register),
    }
}

#[inline(never)]
fn read_beside_filter<K: Kernel>(kernel: &K, register: u8, alone: bool) -> u8 {
    if kernel.interface() != Kind::Kcs {
        return kernel.read(register);
    }
    if register == kcs::DATA {
        return match alone {
            true => fetch(kernel),
            false => kernel.exclusive(|| fetch(kernel)),
        };
    }
    // In this order: with a byte from before the status, the status cannot be older than the byte.
    let caught = kernel.shared().interrupt.caught();
    let status = kernel.read(register);
    match caught {
        Some(_) => kcs::with_byte(status),
        None => status,
    }
}

/// The byte that is put out, or was when the filter read it.
fn fetch<K: Kernel>(kernel: &K) -> u8 {
    let interrupt = &kernel.shared().interrupt;
    let caught = interrupt.caught();
    interrupt.forget();
    match caught {
        // A byte that came after it is what counts.
        Some(byte) if !kcs::Line::of(kernel.read(kcs::STATUS)).byte => byte,
        _ => kernel.read(kcs::DATA),
    }
}

/// Writes one.
#[inline(always)]
pub fn write<K: Kernel>(kernel: &K, register: u8, value: u8, alone: bool) {
    match kernel.shared().interrupt.is_wired() {
        true => write_beside_filter(kernel, register, value, alone),
        false => kernel.write(register, value),
    }
}

#[inline(never)]
fn write_beside_filter<K: Kernel>(kernel: &K, register: u8, value: u8, alone: bool) {
    let interrupt = &kernel.shared().interrupt;
    let more = |left: u32| (left < CREDIT_MAX).then(|| left.saturating_add(1));
    let _ = interrupt.credit.fetch_update(Relaxed, Relaxed, more);
    let put = || {
        // What was put out before this byte answers to nothing that comes after it.
        interrupt.forget();
        kernel.write(register, value);
    };
    match alone {
        true => put(),
        false => kernel.exclusive(put),
    }
}

/// Lets the BMC pull the line, or not any more, where the interface has a bit for it.
pub fn mask<K: Kernel>(kernel: &K, wanted: bool) {
    if kernel.shared().interrupt.is_wired() && kernel.interface() == Kind::Bt {
        let mask = if wanted { bt::RAISE } else { bt::LOWER };
        kernel.exclusive(|| kernel.write(bt::MASK, mask));
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

/// Attempts without an interrupt after which something is wrong with it,
const SILENT: u64 = 16;
/// and how often that is put down to the BMC's enables.
const CHECKS: u8 = 2;
/// Attempts that tell whether the BMC is slow,
const SAMPLE: u64 = 8;
/// and, between two ticks, that it is quick.
const BUSY: u64 = 64;

/// What is to be done about an interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Use it: the BMC is slow enough.
    Begin,
    /// Do without for now: the BMC is quick.
    End,
    /// Look whether the BMC still has it enabled.
    Check,
    /// Give it up: it does not come,
    Silent,
    /// or does not stop.
    Storm,
}

/// How things stand with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// There is none, or it was given up.
    None,
    /// There is one, and no need of it yet.
    Spare,
    /// It is used.
    Used,
}

/// Whether the interrupt is of use. Pure.
pub struct Use {
    stage: Stage,
    /// Its handler is installed.
    installed: bool,
    attempts: u64,
    slept: u32,
    seen: u32,
    checks: u8,
}

impl Use {
    /// There is none.
    pub const fn new() -> Use {
        Use {
            stage: Stage::None,
            installed: false,
            attempts: 0,
            slept: 0,
            seen: 0,
            checks: 0,
        }
    }

    /// The device has one, of which there is no need yet.
    pub fn offer(&mut self) {
        self.stage = Stage::Spare;
    }

    /// It is used from here on, or never again.
    pub fn want(&mut self, wanted: bool) {
        self.stage = if wanted { Stage::Used } else { Stage::None };
    }

    /// Is it used?
    pub fn is_wanted(&self) -> bool {
        self.stage == Stage::Used
    }

    /// Is its handler to be installed, or taken away?
    pub fn rewire(&self) -> Option<bool> {
        let wanted = self.is_wanted();
        (wanted != self.installed).then_some(wanted)
    }

    /// It is, or is not.
    pub fn rewired(&mut self, installed: bool) {
        self.installed = installed;
    }

    /// Twice a second, when there have been so many attempts, sleeps and interrupts. `settled`: the
    /// BMC answers, and interrupts if it is to.
    pub fn tick(&mut self, settled: bool, attempts: u64, slept: u32, seen: u32) -> Option<Verdict> {
        let since = attempts.saturating_sub(self.attempts);
        let sleeps = u64::from(slept.wrapping_sub(self.slept));
        let came = seen != self.seen;
        match self.stage {
            Stage::None => return None,
            Stage::Spare if settled && since < SAMPLE => return None,
            Stage::Used if settled && !came && since < SILENT => return None,
            _ => (self.attempts, self.slept, self.seen) = (attempts, slept, seen),
        }
        if self.stage == Stage::Spare {
            let slow = sleeps.saturating_mul(2) >= since;
            return (settled && slow).then_some(Verdict::Begin);
        }
        if came {
            self.checks = 0;
            let quick = since >= BUSY && sleeps.saturating_mul(8) < since;
            return quick.then_some(Verdict::End);
        }
        if !settled {
            return None;
        }
        self.checks = self.checks.saturating_add(1);
        Some(match self.checks > CHECKS {
            true => Verdict::Silent,
            false => Verdict::Check,
        })
    }
}

impl Default for Use {
    fn default() -> Use {
        Use::new()
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
    fn one_is_used_where_attempts_sleep_and_not_where_they_do_not() {
        let mut use_ = Use::new();
        assert_eq!(use_.tick(true, 100, 100, 0), None, "there is none");
        use_.offer();
        assert_eq!(use_.tick(true, 200, 99, 0), None, "too few slept");
        assert_eq!(use_.tick(true, 207, 106, 0), None, "too few");
        assert_eq!(use_.tick(true, 210, 104, 0), Some(Verdict::Begin));
        use_.want(true);
        assert_eq!(use_.tick(true, 310, 120, 9), None, "slow enough");
        assert_eq!(use_.tick(true, 350, 120, 99), None, "not much to do");
        assert_eq!(use_.tick(true, 450, 130, 999), Some(Verdict::End));
    }

    #[test]
    fn one_that_never_comes_is_checked_twice_and_given_up() {
        let mut use_ = using();
        let verdicts: Vec<Verdict> = (0..100)
            .filter_map(|tick| use_.tick(true, tick * 4, 0, 0))
            .take(3)
            .collect();
        assert_eq!(verdicts, [Verdict::Check, Verdict::Check, Verdict::Silent]);
    }

    #[test]
    fn one_that_comes_now_and_then_is_kept() {
        let mut use_ = using();
        for tick in 0..1000u32 {
            let seen = tick / 3;
            let verdict = use_.tick(true, u64::from(tick) * 5, 0, seen);
            assert_eq!(verdict, None);
        }
    }

    #[test]
    fn failing_attempts_and_an_idle_bmc_say_nothing() {
        let mut use_ = using();
        for tick in 0..1000 {
            assert_eq!(use_.tick(false, tick * 50, 0, 0), None);
        }
        for _ in 0..1000 {
            assert_eq!(use_.tick(true, 999 * 50, 0, 0), None);
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
