// SPDX-License-Identifier: BSD-2-Clause
//! smbus(4): who has the bus, and block transfers on it, during which the caller sleeps; must not know
//! what is at an address.

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

/// Bytes of a block, SMB_MAXBLOCKSIZE.
const BLOCK: usize = 32;

/// smbus_request_bus(9) by `device`; who would have to wait for it is told that somebody has it.
fn smbus_request_bus(args: &Args) -> u64 {
    let device = args.u64(1);
    let free = with(|k| {
        let owner = &mut k.sub.newbus.smbus_owner;
        owner
            .is_none_or(|owner| owner == device)
            .then(|| *owner = Some(device))
    });
    match free {
        Some(()) => 0,
        None => errno::EWOULDBLOCK as u64,
    }
}

fn smbus_release_bus(args: &Args) -> u64 {
    let owner = with(|k| k.sub.newbus.smbus_owner.take());
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

/// What `transfer` makes of the bus, if there is one; the hardware has moved by it.
fn on_the_bus<T>(transfer: impl FnOnce(&mut dyn Smbus) -> T) -> Option<T> {
    with(|k| {
        let transfer = transfer(k.hardware.smbus()?);
        k.accessed();
        Some(transfer)
    })
}

/// The calling thread sleeps for as long as the transfer lasts.
fn carried<T>(transfer: Transfer<T>) -> Result<T, i32> {
    if with(|k| k.sub.newbus.smbus_owner.is_none()) {
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
    let transfer = on_the_bus(|bus| bus.write(address, command, &block, now));
    code(transfer.map_or(Err(SMB_ENOACK), carried))
}

fn smbus_bread(args: &Args) -> u64 {
    let (count, room) = (args.u64(3), args.u64(4));
    let (address, command) = (args.u64(1) as u8, args.u64(2) as u8);
    let now = sched::now();
    let transfer = on_the_bus(|bus| bus.read(address, command, now));
    let outcome = transfer.map_or(Err(SMB_ENOACK), carried);
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
