// SPDX-License-Identifier: BSD-2-Clause
//! Processes at a driver's device node: ioctl(2), poll(2) woken by an interrupt, descriptors that
//! are shared, the end of private data, and destroy_dev(9) against all of them.

mod common;

use std::cell::RefCell;
use std::rc::Rc;

use common::fake::{assert_clean, bare, driver, machine, NEWEST, RELEASES, SECOND};
use ipmi_kernel::{Machine, Process};

const EVENTS: u64 = 0x4004_4601;
const WRITE: u64 = 0x8001_4602;
const ADD: u64 = 0xc004_4603;
const POLLIN: i16 = 1;
const POLLNVAL: i16 = 0x20;
const POLLHUP: i16 = 0x10;

const ENXIO: i32 = 6;
const EBADF: i32 = 9;
const EFAULT: i32 = 14;
const EBUSY: i32 = 16;
const ENOTTY: i32 = 25;
const EINTR: i32 = 4;

/// What processes have to say, in order.
type Log = Rc<RefCell<Vec<String>>>;

fn logged(machine: &mut Machine, log: &Log, body: impl FnOnce(&Process) -> String + 'static) {
    let log = Rc::clone(log);
    machine.spawn("process", move |process| {
        let text = body(process);
        log.borrow_mut().push(text);
    });
}

/// Runs one process to its end and returns what it found.
fn one<R: 'static>(machine: &mut Machine, body: impl FnOnce(&Process) -> R + 'static) -> R {
    let result = Rc::new(RefCell::new(None));
    let slot = Rc::clone(&result);
    machine.spawn("process", move |process| {
        let value = body(process);
        slot.borrow_mut().replace(value);
    });
    machine.run_until(machine.now() + 10 * SECOND);
    let value = result.borrow_mut().take();
    value.expect("the process came to its end")
}

fn write(process: &Process, fd: i32) -> Result<(), i32> {
    let byte = process.alloc_with(&[1]);
    process.ioctl(fd, WRITE, byte)
}

#[test]
fn an_ioctl_copies_what_its_number_says() {
    for release in RELEASES {
        let (mut machine, kld) = machine("ioctl", release, &[]);
        let seen = one(&mut machine, |process| {
            let fd = process.open("/dev/fake0").unwrap();
            let value = process.alloc_with(&41u32.to_le_bytes());
            assert_eq!(process.ioctl(fd, ADD, value), Ok(()));
            assert_eq!(process.ioctl(fd, ADD, 0x1000), Err(EFAULT));
            assert_eq!(process.ioctl(fd, 0x2000_4601, 0), Err(ENOTTY));
            assert_eq!(process.ioctl(fd, 0x4604, 0), Err(ENOTTY));
            assert_eq!(process.ioctl(fd + 1, ADD, value), Err(EBADF));
            process.read(value, 4)
        });
        assert_eq!(seen, 42u32.to_le_bytes());
        assert_eq!(machine.kldunload(kld), Ok(0));
        assert_clean(&machine);
    }
}

#[test]
fn poll_is_woken_by_the_interrupt() {
    let (mut machine, kld) = machine("poll", NEWEST, &[]);
    let log = Log::default();
    logged(&mut machine, &log, |process| {
        let fd = process.open("fake0").unwrap();
        let before = process.now();
        let events = process.poll(&[(fd, POLLIN), (99, POLLIN)], Some(0));
        assert_eq!(events, Ok(vec![0, POLLNVAL]));
        let events = process.poll(&[(fd, POLLIN)], Some(5 * SECOND));
        format!("{events:?} {}", (process.now() - before) / 1_000_000)
    });
    logged(&mut machine, &log, |process| {
        let fd = process.open("fake0").unwrap();
        process.sleep(2 * SECOND).unwrap();
        write(process, fd).unwrap();
        "written".into()
    });
    machine.run_until(10 * SECOND);
    log.borrow_mut().sort();
    assert_eq!(*log.borrow(), ["Ok([1]) 2000", "written"]);
    let events = one(&mut machine, |process| {
        let fd = process.open("fake0").unwrap();
        let value = process.alloc(4);
        process.ioctl(fd, EVENTS, value).unwrap();
        process.read(value, 1)[0]
    });
    assert_eq!(events, 1);
    assert_eq!(machine.kldunload(kld), Ok(0));
    assert_clean(&machine);
}

#[test]
fn poll_ends_with_its_time_and_with_a_signal() {
    let (mut machine, _) = machine("timeout", NEWEST, &[]);
    let passed = one(&mut machine, |process| {
        let fd = process.open("fake0").unwrap();
        let before = process.now();
        assert_eq!(process.poll(&[(fd, POLLIN)], Some(SECOND)), Ok(vec![0]));
        process.now() - before
    });
    assert!(
        (SECOND..SECOND + SECOND / 100).contains(&passed),
        "{passed}"
    );
    let log = Log::default();
    logged(&mut machine, &log, |process| {
        let sleeper = process.thread("sleeper", |process| {
            let fd = process.open("fake0").unwrap();
            assert_eq!(process.poll(&[(fd, POLLIN)], None), Err(EINTR));
            process.sleep(SECOND).unwrap();
        });
        process.sleep(SECOND).unwrap();
        process.interrupt(sleeper);
        "sent".into()
    });
    machine.run_until(machine.now() + 10 * SECOND);
    assert_eq!(*log.borrow(), ["sent"]);
    assert_clean(&machine);
}

#[test]
fn private_data_end_with_the_last_descriptor() {
    let (mut machine, kld) = machine("dup", NEWEST, &[]);
    let log = Log::default();
    let child_log = Rc::clone(&log);
    logged(&mut machine, &log, |process| {
        let fd = process.open("fake0").unwrap();
        let copy = process.dup(fd).unwrap();
        process.close(fd).unwrap();
        assert_eq!(process.ioctl(fd, ADD, 0), Err(EBADF));
        process.fork("child", move |child| {
            child.sleep(2 * SECOND).unwrap();
            assert_eq!(write(child, copy), Ok(()));
            child_log.borrow_mut().push("child".into());
        });
        "parent".into()
    });
    machine.run_until(machine.now() + SECOND);
    assert_eq!(machine.kldunload(kld), Ok(EBUSY), "the child has it open");
    machine.run_until(machine.now() + 3 * SECOND);
    assert_eq!(*log.borrow(), ["parent", "child"]);
    assert_eq!(machine.kldunload(kld), Ok(0));
    assert_clean(&machine);
}

#[test]
fn a_killed_process_closes_everything() {
    let (mut machine, kld) = machine("kill", NEWEST, &[]);
    let victim = machine.spawn("victim", |process| {
        let fd = process.open("fake0").unwrap();
        let _ = process.poll(&[(fd, POLLIN)], None);
        unreachable!("a killed process came back");
    });
    machine.run_until(machine.now() + SECOND);
    machine.kill(victim);
    machine.run_until(machine.now() + SECOND);
    assert_eq!(machine.kldunload(kld), Ok(0));
    assert_clean(&machine);
}

#[test]
fn a_descriptor_closed_under_a_poll_is_no_descriptor() {
    let (mut machine, kld) = machine("closed", NEWEST, &[]);
    let log = Log::default();
    let poller_log = Rc::clone(&log);
    logged(&mut machine, &log, |process| {
        let fd = process.open("fake0").unwrap();
        process.thread("poller", move |process| {
            let events = process.poll(&[(fd, POLLIN)], None);
            poller_log.borrow_mut().push(format!("{events:?}"));
        });
        process.sleep(SECOND).unwrap();
        process.close(fd).unwrap();
        "closed".into()
    });
    machine.run_until(5 * SECOND);
    assert_eq!(*log.borrow(), ["closed", "Ok([32])"]);
    assert_eq!(machine.kldunload(kld), Ok(0));
    assert_clean(&machine);
}

#[test]
fn a_descriptor_of_a_device_that_is_gone_is_dead() {
    let leave_busy = [("hint.fake.0.leak", "0")];
    let (mut machine, _) = machine("gone", NEWEST, &leave_busy);
    let log = Log::default();
    logged(&mut machine, &log, |process| {
        let fd = process.open("fido").unwrap();
        process.sleep(5 * SECOND).unwrap();
        let value = process.alloc(4);
        let error = process.ioctl(fd, 0x8004_5730, value);
        let events = process.poll(&[(fd, POLLIN)], None);
        format!("{error:?} {events:?}")
    });
    machine.run_until(machine.now() + SECOND);
    let destroyed = machine.execute("destroy", || {
        let cdev = ipmi_kernel::with(|k| k.sub.devfs.by_name("fido")).unwrap();
        common::kernel("destroy_dev", &[cdev]);
    });
    assert_eq!(destroyed, Ok(()));
    machine.run_until(machine.now() + 10 * SECOND);
    let expected = format!("Err({ENXIO}) Ok([{}])", POLLHUP | POLLIN);
    assert_eq!(*log.borrow(), [expected]);
    assert_clean(&machine);
}

#[test]
fn a_seed_replays() {
    let run = |seed| {
        let mut machine = bare(seed, &[]);
        let kld = machine.kldload(&driver("replay", NEWEST)).unwrap().unwrap();
        for _ in 0..3 {
            machine.spawn("client", |process| {
                let fd = process.open("fake0").unwrap();
                for _ in 0..10 {
                    write(process, fd).unwrap();
                    process.poll(&[(fd, POLLIN)], Some(SECOND)).unwrap();
                    process.sleep(SECOND / 100).unwrap();
                }
            });
        }
        machine.run_until(10 * SECOND);
        assert_eq!(machine.kldunload(kld), Ok(0));
        assert_clean(&machine);
        machine.usage().trace
    };
    for seed in 0..5 {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
    assert_ne!(run(1), run(2));
}
