// SPDX-License-Identifier: BSD-2-Clause
//! A driver from kldload to kldunload, in the structures of every release: probing, resources,
//! interrupts, sysctls, hooks, refusals, and what it may leave behind.

mod common;

use std::cell::Cell;
use std::rc::Rc;

use common::fake::{assert_clean, bare, console, driver, machine, NEWEST, RELEASES, SECOND};
use ipmi_kernel::check::Kind;
use ipmi_kernel::subsystems::sysctl::api::{self, Value};
use ipmi_kernel::Machine;

fn int(machine: &mut Machine, name: &str) -> i64 {
    match machine.sysctl_get(name) {
        Ok(Ok(Value::Int(value))) => value,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn a_driver_attaches_and_leaves_in_every_release() {
    for release in RELEASES {
        let (mut machine, kld) = machine("attach", release, &[("hw.fake.level", "0x10")]);
        let expected = [
            "fake0: <Fake device> at port 0x300-0x301 irq 5 on isa0",
            "fake0: level 16",
        ];
        assert_eq!(console(&machine), expected, "{release}");
        assert!(machine.is_attached("fake0"));
        assert_eq!(int(&mut machine, "hw.fake.hooked"), 1);
        assert_eq!(int(&mut machine, "dev.fake.0.events"), 0);
        let parent = machine.sysctl_get("dev.fake.0.%parent");
        assert_eq!(parent, Ok(Ok(Value::Text("isa0".into()))));
        assert_eq!(machine.kldunload(kld), Ok(0));
        assert!(!machine.is_loaded(kld));
        assert_eq!(machine.sysctl_get("hw.fake.level"), Ok(Err(2)));
        assert_eq!(machine.sysctl_get("dev.fake.0.events"), Ok(Err(2)));
        let nodes = machine.device_nodes();
        assert_eq!(nodes.len(), 1, "{nodes:?}");
        assert_clean(&machine);
    }
}

#[test]
fn it_can_be_loaded_again_and_detached_and_attached() {
    let (mut machine, kld) = machine("again", NEWEST, &[]);
    for _ in 0..3 {
        assert_eq!(machine.device_detach("fake0"), Ok(0));
        assert!(!machine.is_attached("fake0"));
        assert_eq!(machine.device_attach("fake0"), Ok(0));
    }
    assert_eq!(machine.kldunload(kld), Ok(0));
    let again = machine.kldload(&driver("again", NEWEST)).unwrap();
    assert!(again.is_ok(), "{again:?}");
    assert!(machine.is_attached("fake0"));
    assert_clean(&machine);
}

#[test]
fn a_disabled_device_is_left_alone() {
    let (mut machine, kld) = machine("disabled", NEWEST, &[("hint.fake.0.disabled", "1")]);
    assert!(!machine.is_attached("fake0"));
    assert_eq!(machine.kldunload(kld), Ok(0));
    assert_clean(&machine);
}

#[test]
fn two_devices_cannot_have_one_port() {
    let second = [
        ("hint.fake.1.at", "isa0"),
        ("hint.fake.1.port", "0x301"),
        ("hint.fake.1.portsize", "1"),
        ("hint.fake.1.irq", "5"),
    ];
    let (mut machine, kld) = machine("conflict", NEWEST, &second);
    assert!(machine.is_attached("fake0"));
    assert!(!machine.is_attached("fake1"));
    let failed = "device_attach: fake1 attach returned 6";
    assert!(console(&machine).iter().any(|l| l == failed));
    assert_eq!(machine.kldunload(kld), Ok(0));
    assert_clean(&machine);
}

#[test]
fn a_failed_attach_can_be_tried_again() {
    let (mut machine, kld) = machine("failed", NEWEST, &[("hint.fake.0.leak", "16")]);
    assert!(!machine.is_attached("fake0"));
    assert_eq!(machine.device_attach("fake0"), Ok(6));
    assert_eq!(machine.kldunload(kld), Ok(0));
    assert_clean(&machine);
}

#[test]
fn hooks_wait_for_the_end_of_the_boot() {
    let mut machine = bare(1, &[]);
    let kld = machine
        .preload(&driver("preload", NEWEST))
        .unwrap()
        .unwrap();
    assert_eq!(int(&mut machine, "hw.fake.hooked"), 1);
    assert_eq!(machine.kldunload(kld), Ok(0));
    assert_clean(&machine);
}

#[test]
fn the_same_module_cannot_be_loaded_twice() {
    let (mut machine, _) = machine("twice", NEWEST, &[]);
    let again = machine.kldload(&driver("twice", NEWEST)).unwrap();
    assert!(again.is_err());
    assert_clean(&machine);
}

#[test]
fn one_machine_is_one_release() {
    let (mut machine, _) = machine("mixed", RELEASES[0], &[]);
    let other = machine.kldload(&driver("mixed", NEWEST)).unwrap();
    assert!(other.is_err());
    assert!(machine.is_attached("fake0"));
}

#[test]
fn what_is_left_behind_is_told() {
    let cases = [
        ("1", "Irq resource 0x5 left after detach"),
        ("2", "device node fake0 still registered"),
        ("4", "event handler watchdog_list still registered"),
        ("8", "Port resource 0x300 left after detach"),
    ];
    for (leak, words) in cases {
        let (mut machine, kld) = machine("leak", NEWEST, &[("hint.fake.0.leak", leak)]);
        assert_eq!(machine.kldunload(kld), Ok(0));
        let violations = machine.violations();
        let told =
            |v: &ipmi_kernel::check::Violation| v.kind == Kind::Leak && v.text.contains(words);
        assert!(violations.iter().any(told), "{leak}: {violations:#?}");
    }
}

#[test]
fn a_sysctl_goes_only_after_who_is_inside() {
    let (mut machine, kld) = machine("slow", NEWEST, &[]);
    let read = Rc::new(Cell::new(None));
    let value = Rc::clone(&read);
    machine.spawn_thread("reader", move || {
        value.set(Some(api::get("dev.fake.0.slow")))
    });
    machine.run_until(machine.now() + SECOND / 10);
    let before = machine.now();
    assert_eq!(machine.kldunload(kld), Ok(0));
    assert!(machine.now() - before > SECOND / 4);
    assert_eq!(read.take(), Some(Ok(Value::Int(0))));
    assert_clean(&machine);
}

#[test]
fn a_handler_in_the_devices_own_context_may_find_its_softc_freed() {
    let (mut machine, _) = machine("context", NEWEST, &[("hint.fake.0.leak", "32")]);
    machine.spawn_thread("reader", || {
        let _ = api::get("dev.fake.0.slow");
    });
    machine.run_until(machine.now() + SECOND / 10);
    let _ = machine.device_detach("fake0");
    let violations = machine.violations();
    assert_eq!(violations.len(), 1, "{violations:#?}");
    assert_eq!(violations[0].kind, Kind::Memory);
    assert!(violations[0].text.contains("softc"), "{violations:#?}");
}

#[test]
fn a_tunable_is_read_only_at_load_and_sysctl_writes_later() {
    let (mut machine, _) = machine("tunable", NEWEST, &[]);
    assert_eq!(int(&mut machine, "hw.fake.level"), 3);
    let set = machine.sysctl_set("hw.fake.level", Value::Int(-7));
    assert_eq!(set, Ok(Ok(())));
    assert_eq!(int(&mut machine, "hw.fake.level"), -7);
    let set = machine.sysctl_set("hw.fake.hooked", Value::Int(1));
    assert_eq!(set, Ok(Err(1)));
    let described = machine.sysctl_leaves("hw.fake").unwrap();
    let level = described
        .iter()
        .find(|d| d.name == "hw.fake.level")
        .unwrap();
    assert_eq!((level.text.as_str(), level.writable), ("How much", true));
    machine.run_until(2 * SECOND);
    assert_clean(&machine);
}
