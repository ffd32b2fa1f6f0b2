// SPDX-License-Identifier: BSD-2-Clause
//! The make_dev(9) family; must not know files.

use super::{create, destroy, Node, DRAIN_NS, D_IOCTL, D_NAME, D_VERSION_04, SI_NAME};
use crate::args::{Args, Import};
use crate::check::{fatal, Kind};
use crate::imports;
use crate::mem;
use crate::sched::{self, Role, Wait};
use crate::subsystems::{errno, printf};
use crate::with;

/// sizeof(struct cdevsw).
const CDEVSW_LEN: usize = 184;
/// `struct make_dev_args`.
const MDA_LEN: u64 = 64;
const MDA_FLAGS: u64 = 8;
const MDA_DEVSW: u64 = 16;
const MDA_UID: u64 = 32;
const MDA_GID: u64 = 36;
const MDA_MODE: u64 = 40;
const MDA_UNIT: u64 = 44;
const MDA_DRV1: u64 = 48;
const MDA_DRV2: u64 = 56;

/// Failing is an answer, not a panic.
const MAKEDEV_CHECKNAME: u32 = 0x20;

fn name(args: &Args, format: usize) -> String {
    let name = String::from_utf8_lossy(&printf::expand(args, format)).into_owned();
    name.trim_start_matches('/').to_string()
}

/// A node made without MAKEDEV_CHECKNAME must succeed.
fn checked(made: Result<u64, i32>, flags: u32, name: &str) -> Result<u64, i32> {
    if let Err(error) = made {
        if flags & MAKEDEV_CHECKNAME == 0 {
            fatal(
                Kind::Misuse,
                format!("make_dev_sv: bad si_name (error={error}, si_name={name})"),
            );
        }
    }
    made
}

/// The forms with everything as arguments: switch, unit, \[cred,\] uid, gid, mode, format...
fn plain(args: &Args, flags: u32, devsw: usize, uid: usize, unit: i32) -> Result<u64, i32> {
    let node = Node {
        name: name(args, uid + 3),
        uid: args.u32(uid),
        gid: args.u32(uid + 1),
        mode: args.u32(uid + 2) as u16,
    };
    let name = node.name.clone();
    checked(create(args.u64(devsw), node, unit, (0, 0)), flags, &name)
}

fn make_dev(args: &Args) -> u64 {
    plain(args, 0, 0, 2, args.i32(1)).unwrap_or(0)
}

fn make_dev_cred(args: &Args) -> u64 {
    plain(args, 0, 0, 3, args.i32(1)).unwrap_or(0)
}

fn make_dev_credf(args: &Args) -> u64 {
    plain(args, args.u32(0), 1, 4, args.i32(2)).unwrap_or(0)
}

fn make_dev_p(args: &Args) -> u64 {
    deliver(plain(args, args.u32(0), 2, 4, 0), args.u64(1))
}

/// Stores the address or returns the errno.
fn deliver(made: Result<u64, i32>, to: u64) -> u64 {
    match made {
        Ok(cdev) => {
            mem::write(to, cdev);
            0
        }
        Err(error) => error as u64,
    }
}

fn make_dev_args_init_impl(args: &Args) -> u64 {
    mem::fill(args.u64(0), 0, args.u64(1) as usize);
    mem::write(args.u64(0), args.u64(1));
    0
}

fn make_dev_s(args: &Args) -> u64 {
    let mda = args.u64(0);
    if mem::read::<u64>(mda) > MDA_LEN {
        return errno::EINVAL as u64;
    }
    let word = |offset| mem::read::<u64>(mda + offset);
    let node = Node {
        name: name(args, 2),
        uid: mem::read(mda + MDA_UID),
        gid: mem::read(mda + MDA_GID),
        mode: mem::read(mda + MDA_MODE),
    };
    let (unit, flags) = (mem::read(mda + MDA_UNIT), mem::read(mda + MDA_FLAGS));
    let name = node.name.clone();
    let made = create(
        word(MDA_DEVSW),
        node,
        unit,
        (word(MDA_DRV1), word(MDA_DRV2)),
    );
    deliver(checked(made, flags, &name), args.u64(1))
}

fn destroy_dev(args: &Args) -> u64 {
    destroy(args.u64(0));
    0
}

/// destroy_dev_sched(9): from a thread of the kernel's.
fn destroy_dev_sched(args: &Args) -> u64 {
    let cdev = args.u64(0);
    sched::spawn("destroy_dev", Role::Kernel, move || destroy(cdev));
    1
}

/// Waits until no node of a switch is left.
fn destroy_dev_drain(args: &Args) -> u64 {
    let devsw = args.u64(0);
    while with(|k| k.sub.devfs.uses(devsw)) {
        let wait = Wait {
            deadline: Some(sched::now() + DRAIN_NS),
            wmesg: "devscd",
            ..Wait::default()
        };
        sched::block_on(devsw, wait);
    }
    0
}

fn devtoname(args: &Args) -> u64 {
    args.u64(0) + SI_NAME
}

/// A node of the kernel's own, root:wheel 0600, that only has an ioctl function.
pub fn kernel_node(name: &str, driver: &str, ioctl: &str) {
    let devsw = mem::kalloc(CDEVSW_LEN, "struct cdevsw");
    mem::write(devsw, D_VERSION_04);
    mem::write(devsw + D_NAME, mem::intern(driver));
    mem::write(devsw + D_IOCTL, imports::stub(ioctl));
    let node = Node {
        name: name.into(),
        uid: 0,
        gid: 0,
        mode: 0o600,
    };
    let made = checked(create(devsw, node, 0, (0, 0)), 0, name);
    debug_assert!(made.is_ok());
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("make_dev", make_dev),
        ("make_dev_cred", make_dev_cred),
        ("make_dev_credf", make_dev_credf),
        ("make_dev_p", make_dev_p),
        ("make_dev_s", make_dev_s),
        ("make_dev_args_init_impl", make_dev_args_init_impl),
        ("destroy_dev", destroy_dev),
        ("destroy_dev_sched", destroy_dev_sched),
        ("destroy_dev_drain", destroy_dev_drain),
        ("devtoname", devtoname),
    ]
}
