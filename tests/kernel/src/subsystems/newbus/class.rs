// SPDX-License-Identifier: BSD-2-Clause
//! Device classes: units, membership and the devclass_* functions; must not know drivers' methods.

use super::{acpi, class_named, on, Newbus, UNIT_ANY};
use crate::args::{Args, Import};
use crate::mem;
use crate::subsystems::{errno, kenv, module_memory};
use crate::with;

/// Finds a unit of class `name`: the one `wanted`, or the first that neither a device has nor a
/// hint reserves.
fn alloc_unit(name: &str, wanted: i32) -> Option<i32> {
    let taken = |unit: &i32| with(|k| k.sub.newbus.find(name, *unit).is_some());
    let reserved = |unit: &i32| kenv::hint(name, *unit, "at").is_some();
    match wanted {
        UNIT_ANY => (0..).find(|unit| !taken(unit) && !reserved(unit)),
        _ => Some(wanted).filter(|unit| !taken(unit)),
    }
}

/// Makes `device` a member of class `name`, as `unit` or a free one. False if that is impossible.
pub fn join(device: u64, name: &str, unit: i32) -> bool {
    let class = class_named(name);
    let wanted = match unit {
        UNIT_ANY => acpi::wired_unit(device, name).unwrap_or(UNIT_ANY),
        unit => unit,
    };
    let Some(unit) = alloc_unit(name, wanted) else {
        return false;
    };
    let nameunit = mem::intern(&format!("{name}{unit}"));
    with(|k| {
        let devices = &mut k.sub.newbus.classes[class].devices;
        if devices.len() <= unit as usize {
            devices.resize(unit as usize + 1, None);
        }
        devices[unit as usize] = Some(device);
    });
    on(device, |d| {
        d.class = Some(class);
        d.unit = unit;
        d.nameunit = nameunit;
    });
    true
}

/// Takes `device` out of its class, if it has one. A unit that was not fixed is forgotten.
pub fn leave(device: u64) {
    let (class, unit) = on(device, |d| {
        let was = (d.class.take(), d.unit);
        d.nameunit = 0;
        d.unit = UNIT_ANY;
        was
    });
    if let Some(class) = class {
        with(|k| k.sub.newbus.classes[class].devices[unit as usize] = None);
    }
}

fn by_address(newbus: &Newbus, address: u64) -> Option<usize> {
    newbus.classes.iter().position(|c| c.address == address)
}

/// The devices of the class at `address`, by unit.
fn members(address: u64) -> Vec<u64> {
    with(|k| {
        let newbus = &k.sub.newbus;
        let class = by_address(newbus, address).map(|c| &newbus.classes[c]);
        class.map_or_else(Vec::new, |c| c.devices.iter().flatten().copied().collect())
    })
}

/// An M_TEMP array of pointers, which the caller frees; its address and length go to the module.
pub fn hand_out(list: &[u64], array: u64, count: u64) {
    let memory = match list.len() {
        0 => 0,
        len => module_memory::temporary(8 * len),
    };
    for (n, address) in list.iter().enumerate() {
        mem::write(memory + 8 * n as u64, *address);
    }
    mem::write(array, memory);
    mem::write(count, list.len() as i32);
}

fn devclass_find(args: &Args) -> u64 {
    let name = args.str(0);
    with(|k| {
        let newbus = &k.sub.newbus;
        let class = newbus.class_index(&name);
        class.map_or(0, |c| newbus.classes[c].address)
    })
}

fn devclass_create(args: &Args) -> u64 {
    let class = class_named(&args.str(0));
    with(|k| k.sub.newbus.classes[class].address)
}

fn devclass_get_name(args: &Args) -> u64 {
    let address = args.u64(0);
    with(|k| {
        let newbus = &k.sub.newbus;
        by_address(newbus, address).map_or(0, |c| newbus.classes[c].name_text)
    })
}

fn devclass_get_device(args: &Args) -> u64 {
    let (address, unit) = (args.u64(0), args.i32(1));
    with(|k| {
        let newbus = &k.sub.newbus;
        let class = &newbus.classes[by_address(newbus, address)?];
        *class.devices.get(usize::try_from(unit).ok()?)?
    })
    .unwrap_or(0)
}

fn devclass_get_softc(args: &Args) -> u64 {
    match devclass_get_device(args) {
        0 => 0,
        device => on(device, |d| d.softc),
    }
}

fn devclass_get_devices(args: &Args) -> u64 {
    if args.u64(0) == 0 {
        return errno::EINVAL as u64;
    }
    hand_out(&members(args.u64(0)), args.u64(1), args.u64(2));
    0
}

fn devclass_get_count(args: &Args) -> u64 {
    members(args.u64(0)).len() as u64
}

fn devclass_get_maxunit(args: &Args) -> u64 {
    let address = args.u64(0);
    with(|k| {
        let newbus = &k.sub.newbus;
        by_address(newbus, address).map_or(0, |c| newbus.classes[c].devices.len() as u64)
    })
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("devclass_find", devclass_find),
        ("devclass_create", devclass_create),
        ("devclass_get_name", devclass_get_name),
        ("devclass_get_device", devclass_get_device),
        ("devclass_get_softc", devclass_get_softc),
        ("devclass_get_devices", devclass_get_devices),
        ("devclass_get_count", devclass_get_count),
        ("devclass_get_maxunit", devclass_get_maxunit),
    ]
}
