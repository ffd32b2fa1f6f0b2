// SPDX-License-Identifier: BSD-2-Clause
//! pci(4): a child for every function, its configuration space and its base address registers; must
//! not know drivers.

use super::{device, resource, rman::Range, rman::Type, UNIT_ANY};
use crate::args::{Args, Import};
use crate::layout::Generation;
use crate::mem;
use crate::subsystems::errno;
use crate::with;

/// Methods of the bus.
pub const METHODS: &[(&str, &str)] = &[
    ("bus_add_child_desc", "isa_add_child"),
    ("bus_read_ivar_desc", "pci_read_ivar"),
    ("pci_read_config_desc", "pci_read_config"),
];

/// Offsets in configuration space.
const VENDOR: u64 = 0x00;
const DEVICE: u64 = 0x02;
const PROGIF: u64 = 0x09;
const SUBCLASS: u64 = 0x0a;
const CLASS: u64 = 0x0b;
const BAR: u64 = 0x10;
const LINE: u64 = 0x3c;

/// `enum pci_device_ivars`, as far as it is answered.
const IVAR_VENDOR: i32 = 2;
const IVAR_DEVICE: i32 = 3;
const IVAR_DEVID: i32 = 4;
const IVAR_CLASS: i32 = 5;
const IVAR_SUBCLASS: i32 = 6;
const IVAR_PROGIF: i32 = 7;
const IVAR_SLOT: i32 = 13;
const IVAR_FUNCTION: i32 = 14;

/// A function of a device on bus 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PciDevice {
    pub slot: u8,
    pub function: u8,
    pub vendor: u16,
    pub device: u16,
    pub class: u8,
    pub subclass: u8,
    pub progif: u8,
    /// What its base address registers hold, from the first on: ports or memory.
    pub bars: Vec<Range>,
    /// The line that its interrupt goes to.
    pub irq: Option<u8>,
}

impl PciDevice {
    /// Where it is, as devctl(8) takes it.
    pub fn location(&self) -> String {
        format!("pci0:0:{}:{}", self.slot, self.function)
    }

    /// Configuration space as far as it is told.
    fn config(&self, register: u64, width: u64) -> u64 {
        let mut space = [0u8; 64];
        let mut set = |at: u64, bytes: &[u8]| {
            let at = at as usize;
            space[at..at + bytes.len()].copy_from_slice(bytes);
        };
        set(VENDOR, &self.vendor.to_le_bytes());
        set(DEVICE, &self.device.to_le_bytes());
        set(PROGIF, &[self.progif]);
        set(SUBCLASS, &[self.subclass]);
        set(CLASS, &[self.class]);
        for (n, bar) in (0u64..6).zip(&self.bars) {
            let io = u32::from(bar.kind == Type::Port);
            set(BAR + 4 * n, &(bar.start as u32 | io).to_le_bytes());
        }
        set(LINE, &[self.irq.unwrap_or(0xff)]);
        let bytes = (register..register + width).rev();
        bytes.fold(0, |value, at| {
            let byte = space.get(at as usize).copied().unwrap_or(0);
            value << 8 | u64::from(byte)
        })
    }
}

/// The children of the bus.
pub fn enumerate(bus: u64) {
    for found in with(|k| k.hardware.pci()) {
        let child = device::add_child(bus, 0, None, UNIT_ANY);
        for (n, bar) in found.bars.iter().enumerate() {
            let rid = (BAR + 4 * n as u64) as i32;
            resource::set(child, bar.kind, rid, bar.start, bar.count);
        }
        if let Some(line) = found.irq {
            resource::set(child, Type::Irq, 0, line.into(), 1);
        }
        with(|k| k.sub.newbus.pci.insert(child, found));
    }
}

/// The device for which `f` holds.
fn find(f: impl Fn(&PciDevice) -> bool) -> Option<u64> {
    with(|k| {
        let mut devices = k.sub.newbus.pci.iter();
        devices.find(|(_, d)| f(d)).map(|(at, _)| *at)
    })
}

/// The device at a location such as "pci0:0:4:2".
pub fn named(location: &str) -> Option<u64> {
    find(|device| device.location() == location)
}

fn pci_read_ivar(args: &Args) -> u64 {
    let child = args.u64(1);
    let Some(device) = with(|k| k.sub.newbus.pci.get(&child).cloned()) else {
        return errno::ENOENT as u64;
    };
    let value = match args.i32(2) {
        IVAR_VENDOR => device.vendor.into(),
        IVAR_DEVICE => device.device.into(),
        IVAR_DEVID => u64::from(device.device) << 16 | u64::from(device.vendor),
        IVAR_CLASS => device.class.into(),
        IVAR_SUBCLASS => device.subclass.into(),
        IVAR_PROGIF => device.progif.into(),
        IVAR_SLOT => device.slot.into(),
        IVAR_FUNCTION => device.function.into(),
        _ => return errno::ENOENT as u64,
    };
    mem::write(args.u64(3), value);
    0
}

/// All ones in a width of so many bytes: nobody is there.
fn nobody(width: u64) -> u64 {
    u64::MAX >> (64 - 8 * width)
}

/// PCI_READ_CONFIG(bus, device, register, width).
fn pci_read_config(args: &Args) -> u64 {
    let (child, register) = (args.u64(1), args.u64(2) & 0xfff);
    let width = u64::from(args.u32(3)).clamp(1, 4);
    with(|k| {
        let device = k.sub.newbus.pci.get(&child);
        device.map_or(nobody(width), |d| d.config(register, width))
    })
}

/// pci_cfgregread(bus, slot, function, register, bytes), from 15 on with a domain before the bus.
fn pci_cfgregread(args: &Args) -> u64 {
    let first = match with(|k| k.generation) {
        Generation::Fifteen => 1,
        _ => 0,
    };
    let width = u64::from(args.u32(first + 4)).clamp(1, 4);
    let (bus, slot, function) = (args.i32(first), args.i32(first + 1), args.i32(first + 2));
    let at =
        |d: &PciDevice| bus == 0 && (i32::from(d.slot), i32::from(d.function)) == (slot, function);
    let found = find(at).and_then(|at| with(|k| k.sub.newbus.pci.get(&at).cloned()));
    found.map_or(nobody(width), |d| d.config(args.u64(first + 3), width))
}

fn pci_cfgregwrite(_args: &Args) -> u64 {
    0
}

/// pci_find_dbsf(domain, bus, slot, function).
fn pci_find_dbsf(args: &Args) -> u64 {
    match (args.u32(0), args.u32(1)) {
        (0, 0) => at_slot(args.u32(2), args.u32(3)),
        _ => 0,
    }
}

/// pci_find_bsf(bus, slot, function).
fn pci_find_bsf(args: &Args) -> u64 {
    match args.u32(0) {
        0 => at_slot(args.u32(1), args.u32(2)),
        _ => 0,
    }
}

fn at_slot(slot: u32, function: u32) -> u64 {
    find(|d| (u32::from(d.slot), u32::from(d.function)) == (slot, function)).unwrap_or(0)
}

/// pci_find_device(vendor, device).
fn pci_find_device(args: &Args) -> u64 {
    let (vendor, device) = (args.u32(0), args.u32(1));
    find(|d| (u32::from(d.vendor), u32::from(d.device)) == (vendor, device)).unwrap_or(0)
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("pci_read_ivar", pci_read_ivar),
        ("pci_read_config", pci_read_config),
        ("pci_cfgregread", pci_cfgregread),
        ("pci_cfgregwrite", pci_cfgregwrite),
        ("pci_find_device", pci_find_device),
        ("pci_find_bsf", pci_find_bsf),
        ("pci_find_dbsf", pci_find_dbsf),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_space_is_read_in_any_width() {
        let device = PciDevice {
            slot: 4,
            function: 0,
            vendor: 0x1af4,
            device: 0x1100,
            class: 0x0c,
            subclass: 0x07,
            progif: 1,
            bars: vec![Range::ports(0xc000, 8)],
            irq: None,
        };
        assert_eq!(device.config(VENDOR, 4), 0x1100_1af4);
        assert_eq!(device.config(PROGIF - 1, 4), 0x0c07_0100);
        assert_eq!(device.config(BAR, 4), 0xc001);
        assert_eq!(device.config(CLASS, 1), 0x0c);
        assert_eq!(device.config(0x100, 4), 0);
        assert_eq!((nobody(1), nobody(4)), (0xff, 0xffff_ffff));
    }
}
