// SPDX-License-Identifier: BSD-2-Clause
//! Probing, attaching and detaching devices; must not know buses' resources.

use super::{class, device, driver, kobj, on, resource, show, State, UNIT_ANY};
use crate::args::{Args, Import};
use crate::call;
use crate::mem;
use crate::subsystems::{errno, eventhandler, kenv, printf};
use crate::with;

/// Probe results at or below this match only devices that were named for the driver.
const PROBE_NOWILDCARD: i32 = -2_000_000_000;
/// `enum evhdev_detach`.
const DETACH_BEGIN: u64 = 0;
const DETACH_COMPLETE: u64 = 1;
const DETACH_FAILED: u64 = 2;

/// Calls the device's method for the descriptor called `desc`.
pub fn method(device: u64, desc: &str, more: &[u64]) -> u64 {
    let driver = on(device, |d| d.driver);
    if driver == 0 {
        return errno::ENXIO as u64;
    }
    let function = kobj::function(driver, desc);
    call::module(function, &[&[device], more].concat())
}

/// device_set_driver(): the softc of another driver goes, a new one comes zeroed.
fn set_driver(device: u64, driver: u64) {
    let old = on(device, |d| d.driver);
    if old == driver {
        return;
    }
    let softc = on(device, |d| {
        d.driver = driver;
        (!d.softc_is_external).then(|| std::mem::take(&mut d.softc))
    });
    if let Some(softc) = softc.filter(|softc| *softc != 0) {
        mem::kfree(softc);
    }
    device::describe(device, 0, false);
    if driver == 0 {
        let null_class = with(|k| k.sub.newbus.null_class);
        return kobj::init(device, null_class);
    }
    kobj::init(device, driver);
    let size = kobj::size(driver) as usize;
    if size > 0 && !on(device, |d| d.softc_is_external) {
        let softc = mem::kalloc(size, "softc");
        on(device, |d| d.softc = softc);
    }
}

/// The best driver for `child`, which becomes alive; an errno if there is none.
fn probe_child(parent: u64, child: u64) -> i32 {
    if on(child, |d| d.state == State::Alive) {
        return 0;
    }
    let had_class = on(child, |d| d.class.is_some());
    let mut best: Option<(u64, i32)> = None;
    for driver in driver::drivers_of(parent) {
        let class = with(|k| k.sub.newbus.class_name(child));
        if class.is_some_and(|name| name != kobj::name(driver)) {
            continue;
        }
        let result = match try_driver(child, driver, had_class) {
            Some(0) => return become_alive(child),
            Some(result) => result,
            None => continue,
        };
        if best.is_none_or(|(_, priority)| result > priority) {
            best = Some((driver, result));
        }
    }
    match best {
        Some((driver, _)) => settle(child, driver, had_class),
        None => errno::ENXIO,
    }
}

fn become_alive(child: u64) -> i32 {
    on(child, |d| d.state = State::Alive);
    0
}

/// Lets `driver` probe `child`: its priority, `None` if it does not match. Only an exact match
/// keeps the class.
fn try_driver(child: u64, driver: u64, had_class: bool) -> Option<i32> {
    set_driver(child, driver);
    if !had_class && !class::join(child, &kobj::name(driver), UNIT_ANY) {
        set_driver(child, 0);
        return None;
    }
    fetch_flags(child, driver);
    let result = errno::of(method(child, "device_probe_desc", &[]));
    if result == 0 {
        return Some(0);
    }
    if !had_class {
        class::leave(child);
    }
    let fixed = on(child, |d| {
        d.flags = 0;
        d.quiet = false;
        d.fixed_class
    });
    if result > 0 || result <= PROBE_NOWILDCARD && !fixed {
        set_driver(child, 0);
        return None;
    }
    Some(result)
}

/// Gives `child` to the driver that probed best and lets it probe again for its description.
fn settle(child: u64, driver: u64, had_class: bool) -> i32 {
    set_driver(child, driver);
    if !had_class && !class::join(child, &kobj::name(driver), UNIT_ANY) {
        set_driver(child, 0);
        return errno::ENOMEM;
    }
    fetch_flags(child, driver);
    let result = errno::of(method(child, "device_probe_desc", &[]));
    if result > 0 {
        if !had_class {
            class::leave(child);
        }
        set_driver(child, 0);
        return result;
    }
    become_alive(child)
}

fn fetch_flags(child: u64, driver: u64) {
    let unit = on(child, |d| d.unit);
    if let Some(flags) = kenv::hint_number(&kobj::name(driver), unit, "flags") {
        on(child, |d| d.flags = flags as u32);
    }
}

/// device_probe_and_attach(9).
pub fn probe_and_attach(device: u64) -> i32 {
    if on(device, |d| d.state >= State::Alive || !d.enabled) {
        return 0;
    }
    match probe_child(on(device, |d| d.parent), device) {
        0 => attach(device),
        error => error,
    }
}

fn attach(device: u64) -> i32 {
    let (unit, driver) = on(device, |d| (d.unit, d.driver));
    let name = kobj::name(driver);
    if kenv::hint_number(&name, unit, "disabled").unwrap_or(0) != 0 {
        on(device, |d| d.enabled = false);
        on(device, |d| d.state = State::NotPresent);
        set_driver(device, 0);
        return errno::ENXIO;
    }
    show::sysctl_init(device);
    if !on(device, |d| d.quiet) {
        show::announce(device);
    }
    on(device, |d| d.state = State::Attaching);
    let error = errno::of(method(device, "device_attach_desc", &[]));
    if error != 0 {
        printf::console(&format!(
            "device_attach: {name}{unit} attach returned {error}\n"
        ));
        back_to_nothing(device, "failed attach");
        return error;
    }
    on(device, |d| {
        d.state = State::Attached;
        d.attached_once = true;
    });
    eventhandler::invoke("device_attach", &[device]);
    0
}

/// What a failed attach and a detach have in common.
fn back_to_nothing(device: u64, after: &str) {
    resource::check_released(device, after);
    if !on(device, |d| d.fixed_class) {
        class::leave(device);
    }
    on(device, |d| {
        d.quiet = false;
        d.state = State::NotPresent;
    });
    set_driver(device, 0);
    show::sysctl_fini(device);
}

/// device_detach(9).
pub fn detach(device: u64) -> i32 {
    let (state, busy) = on(device, |d| (d.state as u8, d.busy));
    if busy > 0 || state == State::Attaching as u8 {
        return errno::EBUSY;
    }
    if state != State::Attached as u8 {
        return 0;
    }
    eventhandler::invoke("device_detach", &[device, DETACH_BEGIN]);
    let error = errno::of(method(device, "device_detach_desc", &[]));
    if error != 0 {
        eventhandler::invoke("device_detach", &[device, DETACH_FAILED]);
        return error;
    }
    eventhandler::invoke("device_detach", &[device, DETACH_COMPLETE]);
    if !on(device, |d| d.quiet) {
        printf::console(&format!("{}detached\n", super::print_prefix(device)));
    }
    back_to_nothing(device, "detach");
    0
}

pub fn quiesce(device: u64) -> i32 {
    match on(device, |d| d.state == State::Attached) {
        true => errno::of(method(device, "device_quiesce_desc", &[])),
        false => 0,
    }
}

/// device_delete_child(9): detaches first.
pub fn delete_child(child: u64) -> i32 {
    let error = detach(child);
    if error != 0 {
        return error;
    }
    while let Some(grandchild) = on(child, |d| d.children.first().copied()) {
        let error = delete_child(grandchild);
        if error != 0 {
            return error;
        }
    }
    device::destroy(child);
    0
}

fn device_probe_and_attach(args: &Args) -> u64 {
    probe_and_attach(args.u64(0)) as u64
}

/// device_probe(9): -1 where there is nothing to do.
fn device_probe(args: &Args) -> u64 {
    let device = args.u64(0);
    if on(device, |d| d.state >= State::Alive || !d.enabled) {
        return u64::MAX;
    }
    probe_child(on(device, |d| d.parent), device) as u64
}

fn device_quiesce(args: &Args) -> u64 {
    quiesce(args.u64(0)) as u64
}

fn device_attach(args: &Args) -> u64 {
    attach(args.u64(0)) as u64
}

fn device_detach(args: &Args) -> u64 {
    detach(args.u64(0)) as u64
}

fn device_delete_child(args: &Args) -> u64 {
    delete_child(args.u64(1)) as u64
}

fn bus_generic_attach(args: &Args) -> u64 {
    for child in on(args.u64(0), |d| d.children.clone()) {
        probe_and_attach(child);
    }
    0
}

fn bus_generic_detach(args: &Args) -> u64 {
    let children = on(args.u64(0), |d| d.children.clone());
    let mut errors = children.into_iter().rev().map(detach);
    errors.find(|error| *error != 0).unwrap_or(0) as u64
}

/// Passes `desc` on to every attached child.
fn each_child(args: &Args, desc: &str) -> u64 {
    for child in on(args.u64(0), |d| d.children.clone()) {
        if on(child, |d| d.state == State::Attached) {
            method(child, desc, &[]);
        }
    }
    0
}

fn bus_generic_suspend(args: &Args) -> u64 {
    each_child(args, "device_suspend_desc")
}

fn bus_generic_resume(args: &Args) -> u64 {
    each_child(args, "device_resume_desc")
}

fn bus_generic_shutdown(args: &Args) -> u64 {
    each_child(args, "device_shutdown_desc")
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("device_probe_and_attach", device_probe_and_attach),
        ("device_probe", device_probe),
        ("device_quiesce", device_quiesce),
        ("device_attach", device_attach),
        ("device_detach", device_detach),
        ("device_delete_child", device_delete_child),
        ("bus_attach_children", bus_generic_attach),
        ("bus_detach_children", bus_generic_detach),
        ("bus_generic_attach", bus_generic_attach),
        ("bus_generic_detach", bus_generic_detach),
        ("bus_generic_suspend", bus_generic_suspend),
        ("bus_generic_resume", bus_generic_resume),
        ("bus_generic_shutdown", bus_generic_shutdown),
    ]
}
