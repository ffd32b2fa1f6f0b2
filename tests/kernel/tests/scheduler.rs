// SPDX-License-Identifier: BSD-2-Clause
//! Threads, time and determinism of the software kernel, without any module.

mod common;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use common::{kernel, lock, machine, mutex, pause, unlock};
use ipmi_kernel::sched::{self, Role, Wait, Wake};
use ipmi_kernel::{imports, mem, Stop};

const MS: u64 = 1_000_000;

/// Four threads that fight for a mutex; the order in which they got it, and the digest.
fn fight(seed: u64) -> (Vec<usize>, u64) {
    let mut machine = machine(seed);
    let order = Rc::new(RefCell::new(vec![]));
    let log = Rc::clone(&order);
    machine
        .execute("main", move || {
            let mtx = mutex("fight", 0);
            let threads: Vec<_> = (0..4)
                .map(|who| {
                    let log = Rc::clone(&log);
                    sched::spawn("fighter", Role::Kernel, move || {
                        for _ in 0..10 {
                            lock(mtx);
                            log.borrow_mut().push(who);
                            kernel("DELAY", &[10]);
                            unlock(mtx);
                        }
                    })
                })
                .collect();
            threads.into_iter().for_each(sched::join);
            kernel("_mtx_destroy", &[mtx]);
        })
        .unwrap();
    assert!(
        machine.violations().is_empty(),
        "{:?}",
        machine.violations()
    );
    let order = order.borrow().clone();
    (order, machine.usage().trace)
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 0..20 {
        assert_eq!(fight(seed), fight(seed), "seed {seed}");
    }
}

#[test]
fn different_seeds_give_different_orders() {
    let orders: std::collections::BTreeSet<_> = (0..20).map(|seed| fight(seed).0).collect();
    assert!(orders.len() > 10, "{} orders of 20 seeds", orders.len());
}

#[test]
fn time_jumps_when_everybody_sleeps() {
    let mut machine = machine(1);
    let begin = machine.now();
    machine
        .execute("sleeper", || pause(3_600_000 * MS / 2))
        .unwrap();
    let slept = machine.now() - begin;
    assert!((1_800_000 * MS..1_801_000 * MS).contains(&slept), "{slept}");
}

#[test]
fn a_run_ends_at_its_limit_and_goes_on_later() {
    let mut machine = machine(1);
    let ticks = Rc::new(Cell::new(0));
    let count = Rc::clone(&ticks);
    machine.spawn_thread("ticker", move || loop {
        pause(10 * MS);
        count.set(count.get() + 1);
    });
    let begin = machine.now();
    assert_eq!(machine.run_until(begin + 105 * MS), Stop::Time);
    assert_eq!(machine.now(), begin + 105 * MS);
    let first = ticks.get();
    assert!((8..=10).contains(&first), "{first}");
    assert_eq!(machine.run_until(begin + 205 * MS), Stop::Time);
    assert!(ticks.get() > first);
}

#[test]
fn a_machine_without_a_future_is_idle() {
    let mut machine = machine(1);
    machine.spawn_thread("waiter", || {
        sched::block_on(sched::fresh_chan(), Wait::default());
    });
    assert_eq!(machine.run_to_idle(), Stop::Idle);
}

#[test]
fn a_wait_ends_by_wakeup_or_by_time() {
    let mut machine = machine(1);
    machine
        .execute("main", || {
            let chan = sched::fresh_chan();
            let end = Rc::new(Cell::new(None));
            let result = Rc::clone(&end);
            let sleeper = sched::spawn("sleeper", Role::Kernel, move || {
                let deadline = Some(sched::now() + 50 * MS);
                let first = sched::block_on(
                    chan,
                    Wait {
                        deadline,
                        ..Wait::default()
                    },
                );
                let deadline = Some(sched::now() + 50 * MS);
                let second = sched::block_on(
                    chan,
                    Wait {
                        deadline,
                        ..Wait::default()
                    },
                );
                result.set(Some((first, second)));
            });
            pause(10 * MS);
            assert_eq!(sched::wake(chan), 1);
            sched::join(sleeper);
            assert_eq!(end.get(), Some((Wake::Woken, Wake::TimedOut)));
        })
        .unwrap();
}

#[test]
fn ticks_follow_the_clock_and_stand_still_when_the_scheduler_is_stopped() {
    let mut machine = machine(1);
    machine
        .execute("main", || {
            let ticks = || mem::read::<i32>(imports::datum("ticks"));
            let before = ticks();
            pause(100 * MS);
            let passed = ticks().wrapping_sub(before);
            assert!((100..=103).contains(&passed), "{passed}");
            sched::stop_scheduler();
            let (before, now) = (ticks(), sched::now());
            kernel("DELAY", &[50_000]);
            assert_eq!(ticks(), before);
            assert!(sched::now() >= now + 50 * MS);
            sched::resume_scheduler();
            pause(100 * MS);
            let passed = ticks().wrapping_sub(before);
            assert!((100..=103).contains(&passed), "{passed}");
        })
        .unwrap();
    assert!(
        machine.violations().is_empty(),
        "{:?}",
        machine.violations()
    );
}

#[test]
fn delays_of_several_threads_overlap_on_several_processors() {
    let mut machine = machine(1);
    let begin = machine.now();
    machine
        .execute("main", || {
            let spin = || kernel("DELAY", &[100_000]);
            let threads = [(); 3].map(|()| {
                sched::spawn("spinner", Role::Kernel, move || {
                    spin();
                })
            });
            threads.into_iter().for_each(sched::join);
        })
        .unwrap();
    let took = machine.now() - begin;
    assert!((100 * MS..110 * MS).contains(&took), "{took}");
}

#[test]
fn the_kernels_own_timers_fire_once_and_can_be_cancelled() {
    let mut machine = machine(1);
    machine
        .execute("main", || {
            let fired = Rc::new(Cell::new(0));
            let count = Rc::clone(&fired);
            sched::after(10 * MS, move || count.set(count.get() + 1));
            let count = Rc::clone(&fired);
            let second = sched::after(20 * MS, move || count.set(count.get() + 10));
            pause(15 * MS);
            assert!(second.cancel());
            pause(50 * MS);
            assert_eq!(fired.get(), 1);
        })
        .unwrap();
}

#[test]
#[should_panic(expected = "in a thread of the machine")]
fn a_failed_assertion_in_a_thread_fails_the_test() {
    let mut machine = machine(1);
    let _ = machine.execute("main", || panic!("in a thread of the machine"));
}
