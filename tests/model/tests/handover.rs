// SPDX-License-Identifier: BSD-2-Clause
//! The handing over of the hardware, in every interleaving of the worker and those who take it over.

use loom::cell::UnsafeCell;
use loom::sync::atomic::Ordering::{Acquire, Release};
use loom::sync::atomic::{AtomicBool, AtomicU32};
use loom::sync::Arc;
use loom::thread;

use ipmi_model::handover::Handover;

/// The hardware: loom fails the model when two threads touch it at once.
struct Machine {
    handover: Handover,
    register: UnsafeCell<u32>,
}

impl Machine {
    fn new() -> Arc<Machine> {
        Arc::new(Machine {
            handover: Handover::new(),
            register: UnsafeCell::new(0),
        })
    }

    fn access(&self, value: u32) -> u32 {
        self.register.with_mut(|register| {
            // SAFETY: loom fails the model if anybody else has the cell just now.
            unsafe { core::mem::replace(&mut *register, value) }
        })
    }

    /// An attempt of the worker's: writes twice, and true if it counts as answered.
    fn attempt(&self) -> bool {
        let Some(ticket) = self.handover.begin() else {
            return false;
        };
        for _ in 0..2 {
            if !self.handover.holds(ticket) {
                break;
            }
            self.access(WORKER);
        }
        self.handover.end(ticket)
    }

    /// A transaction of who takes the hardware over and gives the worker time to let go.
    fn take_over(&self) {
        let ticket = self.handover.take();
        while self.handover.in_attempt() {
            thread::yield_now();
        }
        assert!(self.handover.holds(ticket));
        self.access(TAKER);
        assert_eq!(self.access(TAKER), TAKER, "the worker came in between");
        self.handover.release();
    }
}

const WORKER: u32 = 1;
const TAKER: u32 = 2;

#[test]
fn worker_and_taker_never_touch_a_register_at_once() {
    loom::model(|| {
        let machine = Machine::new();
        let worker = {
            let machine = machine.clone();
            thread::spawn(move || machine.attempt())
        };
        machine.take_over();
        worker.join().unwrap();
        assert!(machine.attempt(), "the hardware was not given back");
    });
}

/// Where the worker may have been stopped for good, the taker does not wait for it.
#[test]
fn an_attempt_that_saw_a_takers_value_is_void() {
    loom::model(|| {
        let handover = Arc::new(Handover::new());
        let register = Arc::new(AtomicU32::new(0));
        let worker = {
            let (handover, register) = (handover.clone(), register.clone());
            thread::spawn(move || {
                let Some(ticket) = handover.begin() else {
                    return;
                };
                register.store(WORKER, Release);
                let seen = register.load(Acquire);
                let valid = handover.end(ticket);
                assert!(!valid || seen == WORKER, "a taker's answer was believed");
            })
        };
        handover.take();
        register.store(TAKER, Release);
        handover.release();
        worker.join().unwrap();
    });
}

#[test]
fn a_device_that_goes_away_lets_no_attempt_go_on() {
    loom::model(|| {
        let handover = Arc::new(Handover::new());
        let exiting = Arc::new(AtomicBool::new(false));
        let worker = {
            let (handover, exiting) = (handover.clone(), exiting.clone());
            thread::spawn(move || {
                let ticket = handover.begin()?;
                (!exiting.load(Acquire)).then_some(ticket)
            })
        };
        exiting.store(true, Release);
        handover.revoke();
        if let Some(ticket) = worker.join().unwrap() {
            assert!(!handover.holds(ticket), "an attempt goes on");
        }
    });
}

#[test]
fn two_takers_leave_the_hardware_to_the_worker() {
    loom::model(|| {
        let handover = Arc::new(Handover::new());
        let taker = {
            let handover = handover.clone();
            thread::spawn(move || {
                handover.take();
                handover.release();
            })
        };
        let ticket = handover.take();
        let undisturbed = handover.holds(ticket);
        handover.release();
        taker.join().unwrap();
        assert!(handover.begin().is_some(), "taken for ever");
        assert!(undisturbed || ticket.number() == 1);
    });
}
