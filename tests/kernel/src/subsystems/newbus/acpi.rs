// SPDX-License-Identifier: BSD-2-Clause
//! acpi(4): a child for every device of the namespace, its objects and its `_CRS`; must not know
//! drivers.

use super::{device, on, resource, rman::Range, rman::Type, UNIT_ANY};
use crate::args::{Args, Import};
use crate::mem;
use crate::subsystems::{errno, kenv};
use crate::with;

/// Methods of the bus.
pub const METHODS: &[(&str, &str)] = &[
    ("bus_add_child_desc", "isa_add_child"),
    ("bus_read_ivar_desc", "acpi_read_ivar"),
    ("acpi_id_probe_desc", "acpi_id_probe"),
];

/// AE_NOT_FOUND.
const NOT_FOUND: u64 = 5;
/// ACPI_IVAR_HANDLE.
const IVAR_HANDLE: i32 = 0x100;
/// BUS_PROBE_DEFAULT.
const PROBE_DEFAULT: i32 = -20;

/// A device of ACPI's namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcpiDevice {
    /// Where it is, as devctl(8) takes it.
    pub path: String,
    /// `_HID`
    pub hid: String,
    /// What there is to evaluate: the object's name and its number.
    pub objects: Vec<(String, u32)>,
    /// `_CRS`, as far as the kernel can make use of it.
    pub resources: Vec<Range>,
}

/// The children of the bus.
pub fn enumerate(bus: u64) {
    for found in with(|k| k.hardware.acpi()) {
        let child = device::add_child(bus, 0, None, UNIT_ANY);
        for kind in [Type::Irq, Type::Memory, Type::Port] {
            let ranges = found.resources.iter().filter(|r| r.kind == kind);
            for (rid, range) in ranges.enumerate() {
                resource::set(child, kind, rid as i32, range.start, range.count);
            }
        }
        with(|k| k.sub.newbus.acpi.insert(child, found));
    }
}

/// The device at `path`.
pub fn named(path: &str) -> Option<u64> {
    with(|k| {
        let mut devices = k.sub.newbus.acpi.iter();
        devices.find(|(_, d)| d.path == path).map(|(at, _)| *at)
    })
}

/// The unit that hints keep for a device of class `name` with the resources of `child`.
pub fn wired_unit(child: u64, name: &str) -> Option<i32> {
    with(|k| k.sub.newbus.acpi.contains_key(&child).then_some(()))?;
    let has = |kind, value: i64| {
        on(child, |d| {
            let mut ranges = d.resources.iter().filter(|e| e.kind == kind);
            ranges.any(|e| (e.start..e.start + e.count).contains(&(value as u64)))
        })
    };
    let hinted = |unit, hint, kind| kenv::hint_number(name, unit, hint).map(|at| has(kind, at));
    let matches = |unit| {
        let port = hinted(unit, "port", Type::Port);
        let memory = hinted(unit, "maddr", Type::Memory);
        port.or(memory).is_some() && port.unwrap_or(true) && memory.unwrap_or(true)
    };
    let hints = kenv::hints_called("at").into_iter();
    let mut units = hints.filter(|(device, _, at)| {
        device == name && matches!(at.as_str(), "acpi0" | "acpi" | "isa0" | "isa")
    });
    units
        .find(|(_, unit, _)| matches(*unit))
        .map(|(_, unit, _)| unit)
}

fn acpi_read_ivar(args: &Args) -> u64 {
    let child = args.u64(1);
    if args.i32(2) != IVAR_HANDLE {
        return errno::ENOENT as u64;
    }
    // A device is its own handle; there is none for what is not in the namespace.
    let known = with(|k| k.sub.newbus.acpi.contains_key(&child));
    mem::write(args.u64(3), if known { child } else { 0 });
    0
}

/// ACPI_ID_PROBE(bus, device, ids, match).
fn acpi_id_probe(args: &Args) -> u64 {
    let (child, ids, matched) = (args.u64(1), args.u64(2), args.u64(3));
    let hid = with(|k| k.sub.newbus.acpi.get(&child).map(|d| d.hid.clone()));
    let entries = (0..).map(|n| mem::read::<u64>(ids + 8 * n));
    let mut entries = entries.take_while(|id| *id != 0);
    match entries.find(|id| hid.as_deref() == Some(&mem::cstr(*id))) {
        Some(id) => {
            if matched != 0 {
                mem::write(matched, id);
            }
            PROBE_DEFAULT as u64
        }
        None => errno::ENXIO as u64,
    }
}

/// The number behind the object called by argument 1 of the device whose handle argument 0 is.
fn object(args: &Args) -> Option<u32> {
    let (handle, name) = (args.u64(0), args.str(1));
    with(|k| {
        let device = k.sub.newbus.acpi.get(&handle)?;
        let object = device.objects.iter().find(|(n, _)| *n == name);
        object.map(|(_, number)| *number)
    })
}

/// acpi_GetInteger(handle, name, number).
fn acpi_get_integer(args: &Args) -> u64 {
    match object(args) {
        Some(number) => {
            mem::write(args.u64(2), number);
            0
        }
        None => NOT_FOUND,
    }
}

/// AcpiEvaluateObject(handle, name, NULL, NULL): whether it is there.
fn acpi_evaluate_object(args: &Args) -> u64 {
    object(args).map_or(NOT_FOUND, |_| 0)
}

/// acpi_disabled(subsystem), which `debug.acpi.disabled` lists.
fn acpi_disabled(args: &Args) -> u64 {
    let listed = kenv::get("debug.acpi.disabled").unwrap_or_default();
    let name = args.str(0);
    let mut words = listed.split_whitespace();
    u64::from(words.any(|word| word == "all" || word == name))
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("acpi_read_ivar", acpi_read_ivar),
        ("acpi_id_probe", acpi_id_probe),
        ("acpi_GetInteger", acpi_get_integer),
        ("AcpiEvaluateObject", acpi_evaluate_object),
        ("acpi_disabled", acpi_disabled),
    ]
}

impl AcpiDevice {
    /// Sets an object's number, or takes the object away.
    pub fn object(&mut self, name: &str, number: Option<u32>) {
        self.objects.retain(|(n, _)| n != name);
        self.objects.extend(number.map(|n| (name.to_string(), n)));
    }
}
