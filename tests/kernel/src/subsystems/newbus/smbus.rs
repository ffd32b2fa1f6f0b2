// SPDX-License-Identifier: BSD-2-Clause
//! smbus(4): who has the bus, and block transfers on it, during which the caller sleeps; must not know
//! what is at an address.

use std::collections::BTreeMap;

use super::{kernel_device, kobj};
use crate::args::{Args, Import};
use crate::check::{violation, Kind};
use crate::mem;
use crate::sched::{self, Wait};
use crate::subsystems::errno;
use crate::{with, Smbus, SmbusError, Transfer};

/// Methods of the controller that the bus is behind.
pub const METHODS: &[(&str, &str)] = &[
    ("smbus_bwrite_desc", "smbus_bwrite"),
    ("smbus_bread_desc", "smbus_bread"),
];

/// Codes of <dev/smbus/smbconf.h>.
const SMB_ENOACK: i32 = 0x04;
const SMB_ETIMEOUT: i32 = 0x20;
const SMB_EBUSY: i32 = 0x40;
const SMB_EINVAL: i32 = 0x100;

/// How long an address takes that nobody acknowledges.
const UNHEARD: u64 = 90_000;

/// Bytes of a block, SMB_MAXBLOCKSIZE.
const BLOCK: usize = 32;

/// The buses, and who has them.
#[derive(Default)]
pub struct Buses {
    /// The controller of the bus that the hardware has; on the others there is nobody.
    inhabited: u64,
    /// The bus behind each controller.
    behind: BTreeMap<u64, u64>,
    /// The device that has a bus for itself.
    owners: BTreeMap<u64, u64>,
}

/// smbus0 and so on, each behind a controller.
pub fn enumerate(nexus: u64, driver: u64) {
    if with(|k| k.hardware.smbus().is_none()) {
        return;
    }
    let class = kobj::kernel_class("smbhost", METHODS);
    for unit in 0..=with(|k| k.hardware.empty_smbuses()) {
        let host = kernel_device(nexus, "smbhost", unit, class);
        let bus = kernel_device(host, "smbus", unit, driver);
        with(|k| {
            let buses = &mut k.sub.newbus.smbuses;
            buses.inhabited = host;
            buses.behind.insert(host, bus);
        });
    }
}

/// smbus_request_bus(9) by a device; who would have to wait for it is told that somebody has it.
fn smbus_request_bus(args: &Args) -> u64 {
    let (bus, device) = (args.u64(0), args.u64(1));
    let owner = with(|k| {
        let owners = &mut k.sub.newbus.smbuses.owners;
        *owners.entry(bus).or_insert(device)
    });
    match owner == device {
        true => 0,
        false => errno::EWOULDBLOCK as u64,
    }
}

fn smbus_release_bus(args: &Args) -> u64 {
    let owner = with(|k| k.sub.newbus.smbuses.owners.remove(&args.u64(0)));
    if owner != Some(args.u64(1)) {
        violation(Kind::Misuse, "an SMBus is released by who does not have it");
    }
    0
}

fn smbus_error(args: &Args) -> u64 {
    let error = match args.i32(0) {
        0 => 0,
        SMB_ENOACK => errno::ENXIO,
        SMB_ETIMEOUT => errno::EWOULDBLOCK,
        SMB_EBUSY => errno::EBUSY,
        _ => errno::EINVAL,
    };
    error as u64
}

/// What `transfer` makes of the bus behind that controller; the hardware has moved by it. The calling
/// thread sleeps for as long as it lasts.
fn carried<T>(host: u64, transfer: impl FnOnce(&mut dyn Smbus) -> Transfer<T>) -> Result<T, i32> {
    let (owned, transfer) = with(|k| {
        let buses = &k.sub.newbus.smbuses;
        let bus = buses.behind.get(&host);
        let owned = bus.is_some_and(|bus| buses.owners.contains_key(bus));
        let inhabited = buses.inhabited == host;
        let hardware = k.hardware.smbus().filter(|_| inhabited);
        let transfer = hardware.map_or_else(nobody, transfer);
        k.accessed();
        (owned, transfer)
    });
    if !owned {
        violation(Kind::Misuse, "a transfer on an SMBus that nobody has");
    }
    let wait = Wait {
        deadline: Some(sched::now() + transfer.took),
        interruptible: false,
        wmesg: "smbus",
    };
    sched::block_on(sched::fresh_chan(), wait);
    transfer.outcome.map_err(|error| match error {
        SmbusError::Nak => SMB_ENOACK,
        SmbusError::Busy => SMB_EBUSY,
        SmbusError::Timeout => SMB_ETIMEOUT,
    })
}

/// No transfer at all takes less.
fn nobody<T>() -> Transfer<T> {
    Transfer {
        outcome: Err(SmbusError::Nak),
        took: UNHEARD,
    }
}

fn code(outcome: Result<(), i32>) -> u64 {
    outcome.err().unwrap_or(0) as u64
}

fn smbus_bwrite(args: &Args) -> u64 {
    let count = args.u64(3) as u8;
    if !(1..=BLOCK).contains(&usize::from(count)) {
        violation(Kind::Misuse, format!("an SMBus block of {count} bytes"));
        return SMB_EINVAL as u64;
    }
    let block = mem::bytes(args.u64(4), count.into());
    let (address, command) = (args.u64(1) as u8, args.u64(2) as u8);
    let now = sched::now();
    code(carried(args.u64(0), |bus| {
        bus.write(address, command, &block, now)
    }))
}

fn smbus_bread(args: &Args) -> u64 {
    let (count, room) = (args.u64(3), args.u64(4));
    let (address, command) = (args.u64(1) as u8, args.u64(2) as u8);
    let now = sched::now();
    let outcome = carried(args.u64(0), |bus| bus.read(address, command, now));
    code(outcome.map(|block| {
        let left = usize::from(mem::read::<u8>(count));
        mem::put(room, &block[..block.len().min(left)]);
        mem::write(count, block.len() as u8);
    }))
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("smbus_request_bus", smbus_request_bus),
        ("smbus_release_bus", smbus_release_bus),
        ("smbus_error", smbus_error),
        ("smbus_bwrite", smbus_bwrite),
        ("smbus_bread", smbus_bread),
    ]
}
