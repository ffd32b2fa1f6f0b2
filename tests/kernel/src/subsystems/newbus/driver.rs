// SPDX-License-Identifier: BSD-2-Clause
//! Drivers and the buses they serve: DRIVER_MODULE's handler, adding and deleting drivers; must
//! not know probing.

use super::{attach, class_named, isa, kobj, on};
use crate::args::{Args, Import};
use crate::call;
use crate::mem;
use crate::subsystems::errno;
use crate::with;

/// `struct driver_module_data`.
const CHAIN_HANDLER: u64 = 0;
const CHAIN_ARGUMENT: u64 = 8;
const BUS_NAME: u64 = 16;
const DRIVER: u64 = 24;
const DEVCLASS: u64 = 32;

/// `modeventtype_t`.
pub const MOD_LOAD: i32 = 0;
pub const MOD_UNLOAD: i32 = 1;
pub const MOD_QUIESCE: i32 = 3;

/// The drivers for children of `bus`, in the order in which they came.
pub fn drivers_of(bus: u64) -> Vec<u64> {
    with(|k| {
        k.sub
            .newbus
            .class_of(bus)
            .map_or_else(Vec::new, |c| c.drivers.clone())
    })
}

/// Attached devices of the class `index`.
fn attached(index: usize) -> Vec<u64> {
    let devices = with(|k| k.sub.newbus.classes[index].devices.clone());
    let attached = |d: &u64| on(*d, |d| d.state == super::State::Attached);
    devices.into_iter().flatten().filter(attached).collect()
}

/// devclass_add_driver(): every bus of the class hears of the driver.
fn add(bus: &str, driver: u64, devclass: u64) -> i32 {
    kobj::hold(driver);
    let own = class_named(&kobj::name(driver));
    let bus = class_named(bus);
    if devclass != 0 {
        mem::write(devclass, with(|k| k.sub.newbus.classes[own].address));
    }
    with(|k| k.sub.newbus.classes[bus].drivers.push(driver));
    for device in attached(bus) {
        isa::driver_added(device, driver);
    }
    0
}

/// Devices under buses of class `bus` that `driver` runs.
fn devices_with(bus: &str, driver: u64) -> Vec<u64> {
    let own = class_named(&kobj::name(driver));
    let devices = with(|k| k.sub.newbus.classes[own].devices.clone());
    let matches = |device: &u64| {
        let parent = on(*device, |d| if d.driver == driver { d.parent } else { 0 });
        parent != 0 && with(|k| k.sub.newbus.class_name(parent)).as_deref() == Some(bus)
    };
    devices.into_iter().flatten().filter(matches).collect()
}

/// devclass_delete_driver(): detaches what the driver runs; any refusal ends it.
fn delete(bus: &str, driver: u64) -> i32 {
    let index = class_named(bus);
    if !with(|k| k.sub.newbus.classes[index].drivers.contains(&driver)) {
        return errno::ENOENT;
    }
    for device in devices_with(bus, driver) {
        let error = attach::detach(device);
        if error != 0 {
            return error;
        }
    }
    with(|k| k.sub.newbus.classes[index].drivers.retain(|d| *d != driver));
    kobj::drop_ref(driver);
    0
}

fn quiesce(bus: &str, driver: u64) -> i32 {
    let devices = devices_with(bus, driver).into_iter();
    devices
        .map(attach::quiesce)
        .find(|error| *error != 0)
        .unwrap_or(0)
}

/// The event handler of every DRIVER_MODULE.
fn driver_module_handler(args: &Args) -> u64 {
    let (module, event, data) = (args.u64(0), args.i32(1), args.u64(2));
    let field = |offset| mem::read::<u64>(data + offset);
    let (bus, driver) = (mem::cstr(field(BUS_NAME)), field(DRIVER));
    let chain = || match field(CHAIN_HANDLER) {
        0 => 0,
        handler => call::module(handler, &[module, event as u64, field(CHAIN_ARGUMENT)]) as i32,
    };
    let error = match event {
        MOD_LOAD => {
            chain();
            add(&bus, driver, field(DEVCLASS))
        }
        MOD_UNLOAD => first_error(delete(&bus, driver), chain),
        MOD_QUIESCE => first_error(quiesce(&bus, driver), chain),
        _ => errno::EOPNOTSUPP,
    };
    error as u64
}

fn first_error(error: i32, then: impl FnOnce() -> i32) -> i32 {
    match error {
        0 => then(),
        error => error,
    }
}

/// Drivers that still belong to a bus and whose class lies in `[start, end)`.
pub fn within(start: u64, end: u64) -> Vec<String> {
    let drivers: Vec<u64> = with(|k| {
        let classes = k.sub.newbus.classes.iter();
        classes.flat_map(|c| c.drivers.clone()).collect()
    });
    let inside = drivers.into_iter().filter(|d| (start..end).contains(d));
    inside.map(kobj::name).collect()
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[("driver_module_handler", driver_module_handler)]
}
