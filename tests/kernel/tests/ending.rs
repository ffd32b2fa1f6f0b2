// SPDX-License-Identifier: BSD-2-Clause
//! The watchdog's callouts and the ends of a kernel: pretimeout, software watchdog, panic, dump,
//! debugger, reboot, NMI; with a driver whose handler always answers.

mod common;

use std::cell::RefCell;
use std::rc::Rc;

use common::fake::{assert_clean, console, machine, Fake, NEWEST, RELEASES, SECOND};
use ipmi_kernel::check::Kind;
use ipmi_kernel::subsystems::kdb::Command;
use ipmi_kernel::subsystems::shutdown::{RB_AUTOBOOT, RB_HALT, RB_POWERCYCLE};
use ipmi_kernel::subsystems::watchdog::{fido, SOFT_DDB, SOFT_LOG, SOFT_PANIC};
use ipmi_kernel::{mem, Machine, Stop};

const EINVAL: i32 = 22;
const ENOTTY: i32 = 25;
const EOPNOTSUPP: i32 = 45;

/// A watchdogd that pats once and then every `every` seconds, `count` times.
fn watchdogd(machine: &mut Machine, timeout: u64, pretimeout: u32, action: u32, count: u64) {
    machine.spawn("watchdogd", move |process| {
        let fido = process.open("/dev/fido").unwrap();
        process.pat(fido, timeout * SECOND).unwrap();
        process.set_pretimeout(fido, pretimeout, action).unwrap();
        for _ in 0..count {
            process.sleep(10 * SECOND).unwrap();
            process.pat(fido, timeout * SECOND).unwrap();
        }
        process.sleep(1000 * SECOND).unwrap();
    });
}

#[test]
fn the_pretimeout_follows_the_last_pat() {
    for release in RELEASES {
        let (mut machine, _) = machine("pretimeout", release, &[]);
        watchdogd(&mut machine, 128, 30, SOFT_LOG, 3);
        assert_eq!(machine.run_until(400 * SECOND), Stop::Time);
        let pats = machine.pats();
        assert_eq!(pats.len(), 4, "{pats:?}");
        assert!(pats
            .iter()
            .all(|p| p.error == 0 && p.latency_ns < SECOND / 100));
        let fired = machine.pretimeouts();
        assert_eq!(fired.len(), 1, "{fired:?}");
        // Before 15 the timeout is a power of two, here 137.4 s.
        let wait = fired[0] - pats[3].at;
        let expected = if release == NEWEST { 98_000 } else { 107_439 };
        let difference = (wait / 1_000_000).abs_diff(expected);
        assert!(difference <= 3, "{release}: {wait}");
        let told = "watchdog pre-timeout, WD_SOFT_LOG";
        assert!(console(&machine).iter().any(|l| l == told));
        let bytes = machine.hardware(|fake: &mut Fake| fake.pats.clone());
        assert_eq!(bytes, [37; 4]);
        assert_clean(&machine);
    }
}

/// What a process of 14 does: an ioctl with an int.
fn old_ioctl(machine: &mut Machine, command: u64, value: u32) -> Result<u32, i32> {
    let result = Rc::new(RefCell::new(None));
    let slot = Rc::clone(&result);
    machine.spawn("old", move |process| {
        let fido = process.open("/dev/fido").unwrap();
        let argument = process.alloc_with(&value.to_le_bytes());
        let done = process.ioctl(fido, command, argument);
        let bytes = process.read(argument, 4).try_into().unwrap();
        *slot.borrow_mut() = Some(done.map(|()| u32::from_le_bytes(bytes)));
    });
    machine.run_until(machine.now() + SECOND);
    let result = result.borrow_mut().take();
    result.expect("the process ends")
}

#[test]
fn programs_of_14_are_served_by_15_with_its_defect() {
    use fido::old;
    const ACTIVE: u32 = 0x0800_0000;
    for release in RELEASES {
        let (mut machine, _) = machine("old", release, &[]);
        let exact = release == NEWEST;
        assert_eq!(old_ioctl(&mut machine, old::SETTIMEOUT, 100), Ok(100));
        assert_eq!(machine.pats()[0].timeout_ns > 101 * SECOND, !exact);
        assert_eq!(old_ioctl(&mut machine, old::GETTIMEOUT, 0), Ok(37));
        assert_eq!(old_ioctl(&mut machine, old::PATPAT, 37), Err(EINVAL));
        assert_eq!(
            old_ioctl(&mut machine, old::PATPAT, ACTIVE | 37),
            Ok(ACTIVE | 37)
        );
        let timeout = machine.pats()[1].timeout_ns;
        let expected = if exact { 32 } else { 1 << 37 };
        assert_eq!(timeout, expected, "{release}");
        assert_eq!(
            old_ioctl(&mut machine, old::SETPRETIMEOUT, 5).is_err(),
            exact
        );
        assert_eq!(old_ioctl(&mut machine, 0x2000_5701, 0), Err(ENOTTY));
        assert_clean(&machine);
    }
}

#[test]
fn a_pretimeout_that_panics_dumps_and_reboots() {
    let (mut machine, _) = machine("panics", NEWEST, &[]);
    machine.set_dump(4, SECOND);
    watchdogd(&mut machine, 60, 20, SOFT_PANIC, 0);
    assert_eq!(
        machine.run_until(400 * SECOND),
        Stop::Halted("reboot".into())
    );
    let (at, text) = machine.panicked().unwrap();
    assert_eq!(text, "watchdog pre-timeout, WD_SOFT_PANIC set");
    let pats = machine.pats();
    // One by watchdogd, one before each part of the dump.
    assert_eq!(pats.len(), 5, "{pats:?}");
    assert!(pats[1..].iter().all(|p| p.at >= at && p.error == 0));
    let finished = machine.shutdown_finished().unwrap();
    assert!(finished - at < 5 * SECOND, "{at} {finished}");
    assert_clean(&machine);
}

#[test]
fn a_proposed_list_may_hold_the_pretimeout_back() {
    let (mut machine, _) = machine("veto", NEWEST, &[]);
    machine.offer_pretimeout_list();
    let asked = Rc::new(RefCell::new(0));
    let count = Rc::clone(&asked);
    machine.on_event(
        "watchdog_pretimeout",
        0,
        Rc::new(move |arguments| {
            *count.borrow_mut() += 1;
            let veto = i32::from(*count.borrow() < 3);
            mem::write(arguments[0], veto);
        }),
    );
    watchdogd(&mut machine, 60, 20, SOFT_LOG, 0);
    machine.run_until(400 * SECOND);
    assert_eq!(*asked.borrow(), 3);
    let fired = machine.pretimeouts();
    let returned = machine.pats().last().map(|pat| pat.at + pat.latency_ns);
    // 40 s after the last pat, and a second more for each veto.
    assert_eq!(fired.len(), 1);
    assert_eq!((fired[0] - returned.unwrap()) / SECOND, 42);
    assert_clean(&machine);
}

#[test]
fn the_software_watchdog_attaches_when_nobody_answers_the_first_pat() {
    let (mut machine, kld) = machine("software", NEWEST, &[]);
    machine.offer_software_watchdog();
    assert_eq!(machine.kldunload(kld), Ok(0));
    machine.spawn("watchdogd", |process| {
        let fido = process.open("/dev/fido").unwrap();
        assert_eq!(process.pat(fido, 32 * SECOND), Ok(()));
    });
    let stop = machine.run_until(100 * SECOND);
    assert!(machine.software_watchdog_attached());
    assert_eq!(stop, Stop::Halted("reboot".into()));
    assert_eq!(machine.panicked().unwrap().1, "watchdog timeout");
}

#[test]
fn a_pat_that_nobody_answers_fails() {
    let (mut machine, kld) = machine("nobody", NEWEST, &[]);
    assert_eq!(machine.kldunload(kld), Ok(0));
    machine.spawn("watchdogd", |process| {
        let fido = process.open("/dev/fido").unwrap();
        assert_eq!(process.pat(fido, 32 * SECOND), Err(EOPNOTSUPP));
        assert_eq!(process.pat(fido, 0), Ok(()));
    });
    machine.run_until(100 * SECOND);
    let errors: Vec<i32> = machine.pats().iter().map(|p| p.error).collect();
    assert_eq!(errors, [EOPNOTSUPP, 0]);
    assert!(!machine.software_watchdog_attached());
}

#[test]
fn the_debugger_stops_everything_else() {
    let (mut machine, _) = machine("kdb", NEWEST, &[]);
    let ticks = Rc::new(RefCell::new(0));
    let count = Rc::clone(&ticks);
    machine.spawn("counter", move |process| loop {
        process.sleep(SECOND).unwrap();
        *count.borrow_mut() += 1;
    });
    machine.run_until(10 * SECOND);
    let before = *ticks.borrow();
    let commands = [
        Command::Watchdog(0),
        Command::Think(100 * SECOND),
        Command::Watchdog(38),
    ];
    assert_eq!(machine.kdb(&commands), Ok(()));
    assert!(machine.now() > 110 * SECOND);
    assert!(*ticks.borrow() <= before + 1);
    let bytes = machine.hardware(|fake: &mut Fake| fake.pats.clone());
    assert_eq!(bytes, [0, 38]);
    machine.run_until(machine.now() + 5 * SECOND);
    assert!(*ticks.borrow() > before + 1, "the scheduler goes on");
    assert_clean(&machine);
}

#[test]
fn a_pretimeout_may_enter_the_debugger() {
    let (mut machine, _) = machine("ddb", NEWEST, &[]);
    machine.set_kdb_script(&[Command::Think(5 * SECOND), Command::Watchdog(0)]);
    watchdogd(&mut machine, 60, 20, SOFT_DDB, 0);
    assert_eq!(machine.run_until(400 * SECOND), Stop::Time);
    let fired = machine.pretimeouts();
    let entered = machine.kdb_entered();
    assert_eq!(entered, [(fired[0], "watchdog pre-timeout".to_string())]);
    let bytes = machine.hardware(|fake: &mut Fake| fake.pats.clone());
    assert_eq!(bytes, [36, 0]);
    assert_clean(&machine);
}

#[test]
fn a_suspended_machine_stands_still() {
    let (mut machine, _) = machine("suspend", NEWEST, &[]);
    let ticks = Rc::new(RefCell::new(0));
    let count = Rc::clone(&ticks);
    machine.spawn("counter", move |process| loop {
        process.sleep(SECOND).unwrap();
        *count.borrow_mut() += 1;
    });
    assert_eq!(machine.suspend(3600 * SECOND), Ok(0));
    assert!(machine.now() > 3600 * SECOND);
    assert!(*ticks.borrow() <= 1);
    assert!(machine.is_attached("fake0"));
    assert_clean(&machine);
}

#[test]
fn sleeping_in_a_panic_is_a_violation() {
    let (mut machine, _) = machine("sleeps", NEWEST, &[]);
    let sleep = |_: &[u64]| {
        let wmesg = mem::intern("late");
        common::kernel("_sleep", &[wmesg, 0, 0, wmesg, 1 << 32, 0, 0]);
    };
    machine.on_event("shutdown_final", 0, Rc::new(sleep));
    machine.run_until(2 * SECOND);
    let stop = machine.panic("test", 100 * SECOND);
    assert_eq!(stop, Stop::Halted("reboot".into()));
    let violations = machine.violations();
    assert_eq!(violations.len(), 1, "{violations:#?}");
    assert_eq!(violations[0].kind, Kind::Sleep);
}

#[test]
fn a_reboot_goes_through_its_stages() {
    for (howto, end) in [
        (RB_AUTOBOOT, "reboot"),
        (RB_HALT, "halt"),
        (RB_POWERCYCLE, "reboot"),
    ] {
        let (mut machine, _) = machine("stages", NEWEST, &[]);
        let stages = Rc::new(RefCell::new(vec![]));
        for (list, priority) in [
            ("shutdown_final", 20_000),
            ("shutdown_post_sync", 10_000),
            ("shutdown_final", 10_000),
            ("shutdown_pre_sync", 10_000),
        ] {
            let stages = Rc::clone(&stages);
            let note = move |a: &[u64]| stages.borrow_mut().push((list, priority, a[0] as u32));
            machine.on_event(list, priority, Rc::new(note));
        }
        machine.run_until(2 * SECOND);
        assert_eq!(
            machine.reboot(howto, 100 * SECOND),
            Stop::Halted(end.into())
        );
        let expected = [
            ("shutdown_pre_sync", 10_000, howto),
            ("shutdown_post_sync", 10_000, howto),
            ("shutdown_final", 10_000, howto),
            ("shutdown_final", 20_000, howto),
        ];
        assert_eq!(*stages.borrow(), expected);
        assert_clean(&machine);
    }
}

#[test]
fn an_nmi_that_nobody_claims_is_a_panic() {
    let (mut machine, _) = machine("nmi", NEWEST, &[]);
    let at = machine.now() + SECOND;
    machine.hardware(|fake: &mut Fake| fake.nmi_at = Some(at));
    assert_eq!(
        machine.run_until(100 * SECOND),
        Stop::Halted("reboot".into())
    );
    assert_eq!(machine.panicked().unwrap().1, "NMI");
}

#[test]
fn an_nmi_can_be_claimed() {
    let (mut machine, _) = machine("claimed", NEWEST, &[]);
    let claim = machine.execute("test", || {
        // Any function that returns other than 0.
        let handler = ipmi_kernel::imports::stub("enodev");
        common::kernel("nmi_register_handler", &[handler]);
        handler
    });
    let at = machine.now() + SECOND;
    machine.hardware(|fake: &mut Fake| fake.nmi_at = Some(at));
    assert_eq!(machine.run_until(100 * SECOND), Stop::Time);
    let handler = claim.unwrap();
    machine
        .execute("test", move || {
            common::kernel("nmi_remove_handler", &[handler])
        })
        .unwrap();
    assert_clean(&machine);
}
