// SPDX-License-Identifier: BSD-2-Clause
//! The kernel's own buses: children from hints as isahint makes them, and the bus methods that
//! inlined code calls; must not know drivers.

use super::{attach, device, kobj, on, resource, rman::Type, State, UNIT_ANY};
use crate::args::{Args, Import};
use crate::call;
use crate::check::{fatal, Kind};
use crate::mem;
use crate::subsystems::{errno, kenv};
use crate::with;

/// Methods of the kernel's buses, as (descriptor, kernel function).
pub const METHODS: &[(&str, &str)] = &[
    ("bus_add_child_desc", "isa_add_child"),
    ("bus_read_ivar_desc", "isa_read_ivar"),
    ("bus_write_ivar_desc", "isa_write_ivar"),
    ("bus_config_intr_desc", "isa_config_intr"),
];

/// Hints that are looked at before (`sensitive=1`) and after plug and play devices.
const ORDER_SENSITIVE: u32 = 20;
const ORDER_SPECULATIVE: u32 = 30;

/// `enum isa_device_ivars`, as far as it is answered.
const IVAR_PORT_0: i32 = 0;
const IVAR_PORT_1: i32 = 1;
const IVAR_PORTSIZE_0: i32 = 2;
const IVAR_PORTSIZE_1: i32 = 3;
const IVAR_MADDR_0: i32 = 4;
const IVAR_MADDR_1: i32 = 5;
const IVAR_MEMSIZE_0: i32 = 6;
const IVAR_MEMSIZE_1: i32 = 7;
const IVAR_IRQ_0: i32 = 8;
const IVAR_IRQ_1: i32 = 9;
/// From here on vendor, serial, logical and compatible id and the like, 0 without PnP.
const IVAR_VENDORID: i32 = 12;
const IVAR_LAST: i32 = 19;

/// A child for every `hint.NAME.UNIT.at="isa0"` (or "isa").
pub fn enumerate_hinted_children() {
    let isa = with(|k| k.sub.newbus.find("isa", 0));
    let Some(isa) = isa else { return };
    for (name, unit, at) in kenv::hints_called("at") {
        if at == "isa0" || at == "isa" {
            add_hinted_child(isa, &name, unit);
        }
    }
}

/// The same where drivers are there already and have identified theirs: loader(8) loaded them.
pub fn probe_hinted_children() {
    enumerate_hinted_children();
    if let Some(isa) = with(|k| k.sub.newbus.find("isa", 0)) {
        probe_children(isa);
    }
}

fn add_hinted_child(isa: u64, name: &str, unit: i32) {
    let number = |hint: &str| kenv::hint_number(name, unit, hint).unwrap_or(0) as u64;
    let order = match number("sensitive") {
        0 => ORDER_SPECULATIVE,
        _ => ORDER_SENSITIVE,
    };
    let child = device::add_child(isa, order, Some(name), unit);
    if child == 0 {
        return;
    }
    let ranges = [
        (Type::Port, number("port"), number("portsize")),
        (Type::Memory, number("maddr"), number("msize")),
    ];
    for (kind, start, count) in ranges {
        if start > 0 || count > 0 {
            resource::set(child, kind, 0, start, count);
        }
    }
    if number("irq") > 0 {
        resource::set(child, Type::Irq, 0, number("irq"), 1);
    }
    if number("disabled") != 0 {
        on(child, |d| d.enabled = false);
    }
}

/// BUS_DRIVER_ADDED: the driver may identify children, then all that have no driver are probed.
pub fn driver_added(bus: u64, driver: u64) {
    let identify = kobj::function(driver, "device_identify_desc");
    call::module(identify, &[driver, bus]);
    probe_children(bus);
}

fn probe_children(bus: u64) {
    for child in on(bus, |d| d.children.clone()) {
        if on(child, |d| d.state == State::NotPresent && d.enabled) {
            attach::probe_and_attach(child);
        }
    }
}

fn isa_add_child(args: &Args) -> u64 {
    let name = (args.u64(2) != 0).then(|| args.str(2));
    let on_isa = with(|k| k.sub.newbus.class_name(args.u64(0))).as_deref() == Some("isa");
    if let (true, Some(name), UNIT_ANY) = (on_isa, &name, args.i32(3)) {
        check_wiring(name);
    }
    device::add_child(args.u64(0), args.u32(1), name.as_deref(), args.i32(3))
}

/// BUS_HINT_DEVICE_UNIT: the kernel holds the hints of that name against the resources of a
/// child that has no list of them yet.
fn check_wiring(name: &str) {
    for (device, unit, at) in kenv::hints_called("at") {
        let compared = ["port", "maddr", "irq", "drq"]
            .iter()
            .find(|hint| kenv::hint(name, unit, hint).is_some());
        if let (true, "isa" | "isa0", Some(hint)) = (device == name, at.as_str(), compared) {
            fatal(
                Kind::Trap,
                format!("page fault: hint.{name}.{unit}.{hint} and a child without a unit"),
            );
        }
    }
}

fn isa_read_ivar(args: &Args) -> u64 {
    let child = args.u64(1);
    let start = |kind, rid| resource::find(child, kind, rid).map_or(u64::MAX, |e| e.start);
    let count = |kind, rid| resource::find(child, kind, rid).map_or(0, |e| e.count);
    let value = match args.i32(2) {
        IVAR_PORT_0 => start(Type::Port, 0),
        IVAR_PORT_1 => start(Type::Port, 1),
        IVAR_PORTSIZE_0 => count(Type::Port, 0),
        IVAR_PORTSIZE_1 => count(Type::Port, 1),
        IVAR_MADDR_0 => start(Type::Memory, 0),
        IVAR_MADDR_1 => start(Type::Memory, 1),
        IVAR_MEMSIZE_0 => count(Type::Memory, 0),
        IVAR_MEMSIZE_1 => count(Type::Memory, 1),
        IVAR_IRQ_0 => start(Type::Irq, 0),
        IVAR_IRQ_1 => start(Type::Irq, 1),
        IVAR_VENDORID..=IVAR_LAST => 0,
        _ => return errno::ENOENT as u64,
    };
    mem::write(args.u64(3), value);
    0
}

fn isa_write_ivar(_args: &Args) -> u64 {
    errno::EINVAL as u64
}

fn bus_generic_add_child(args: &Args) -> u64 {
    isa_add_child(args)
}

fn bus_generic_probe(args: &Args) -> u64 {
    let bus = args.u64(0);
    for driver in super::driver::drivers_of(bus) {
        call::module(
            kobj::function(driver, "device_identify_desc"),
            &[driver, bus],
        );
    }
    0
}

fn bus_enumerate_hinted_children(_args: &Args) -> u64 {
    0
}

fn bus_child_present(args: &Args) -> u64 {
    on(args.u64(0), |d| u64::from(d.unit != UNIT_ANY))
}

/// Giant is dropped by whoever sleeps, so as a lock it keeps nobody out here.
fn bus_topo_lock(_args: &Args) -> u64 {
    0
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("isa_add_child", isa_add_child),
        ("isa_read_ivar", isa_read_ivar),
        ("isa_write_ivar", isa_write_ivar),
        ("bus_generic_add_child", bus_generic_add_child),
        ("bus_generic_probe", bus_generic_probe),
        ("bus_identify_children", bus_generic_probe),
        (
            "bus_enumerate_hinted_children",
            bus_enumerate_hinted_children,
        ),
        ("bus_child_present", bus_child_present),
        ("bus_topo_assert", bus_topo_lock),
        ("bus_topo_lock", bus_topo_lock),
        ("bus_topo_unlock", bus_topo_lock),
    ]
}
