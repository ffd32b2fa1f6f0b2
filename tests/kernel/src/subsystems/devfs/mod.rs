// SPDX-License-Identifier: BSD-2-Clause
//! Device nodes: `struct cdev` and `struct cdevsw`, who is inside a driver, and destruction that
//! waits for them; must not know processes.

pub mod cdevpriv;
pub mod file;
pub mod kqueue;
pub mod make;
pub mod poll;
pub mod select;

use std::collections::BTreeMap;

use crate::args::{Args, Import};
use crate::call;
use crate::check::{violation, Kind};
use crate::layout::Generation;
use crate::machine::Machine;
use crate::mem;
use crate::sched::{self, Tid, Wait};
use crate::subsystems::{errno, printf};
use crate::with;

/// sizeof(struct cdev).
const CDEV_LEN: usize = 480;
const SI_FLAGS: u64 = 8;
const SI_UID: u64 = 64;
const SI_GID: u64 = 68;
const SI_MODE: u64 = 72;
const SI_DRV0: u64 = 88;
const SI_DRV1: u64 = 168;
const SI_DRV2: u64 = 176;
const SI_DEVSW: u64 = 184;
const SI_NAME: u64 = 224;
const SI_NAMED: u32 = 4;

/// Offsets of the functions in `struct cdevsw`.
pub const D_OPEN: u64 = 16;
pub const D_CLOSE: u64 = 32;
const D_READ: u64 = 40;
const D_WRITE: u64 = 48;
pub const D_IOCTL: u64 = 56;
pub const D_POLL: u64 = 64;
pub const D_KQFILTER: u64 = 96;
const D_PURGE: u64 = 104;
const D_FLAGS: u64 = 4;
const D_NAME: u64 = 8;
const D_VERSION_04: u32 = 0x5c48_c353;
pub const D_TRACKCLOSE: u32 = 0x0008_0000;
const D_INIT: u32 = 0x8000_0000;

/// How often destroy_dev(9) looks whether the threads have left: hz / 10.
const DRAIN_NS: u64 = 100_000_000;

/// A node as ls(1) would show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    pub mode: u16,
}

/// What the kernel keeps beside `struct cdev`.
struct Cdev {
    node: Node,
    /// The driver's switch; `None` once destroy_dev(9) has begun.
    devsw: Option<u64>,
    /// Threads inside the driver.
    threads: u32,
    /// The driver's switch, also after that.
    driver: u64,
    /// Open files.
    opens: u32,
    /// Destructors of private data that run now.
    destructors: u32,
    /// destroy_dev(9) has returned.
    gone: bool,
}

#[derive(Default)]
pub struct Devfs {
    cdevs: BTreeMap<u64, Cdev>,
    files: BTreeMap<u64, file::File>,
    next_file: u64,
    /// The file on whose behalf a thread is inside a driver.
    inside: BTreeMap<Tid, u64>,
    select: select::Select,
}

impl Devfs {
    /// The `struct cdev` of the node called `name`.
    pub fn by_name(&self, name: &str) -> Option<u64> {
        let mut named = self.cdevs.iter();
        let found = named.find(|(_, c)| c.devsw.is_some() && c.node.name == name);
        found.map(|(address, _)| *address)
    }

    /// The nodes that can be opened, by name.
    pub fn nodes(&self) -> Vec<Node> {
        let live = self.cdevs.values().filter(|c| c.devsw.is_some());
        let mut nodes: Vec<Node> = live.map(|c| c.node.clone()).collect();
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        nodes
    }

    /// Names of nodes whose switch lies in `[start, end)`.
    pub fn within(&self, start: u64, end: u64) -> Vec<String> {
        let ours = |c: &&Cdev| c.devsw.is_some_and(|sw| (start..end).contains(&sw));
        let found = self.cdevs.values().filter(ours);
        found.map(|c| c.node.name.clone()).collect()
    }

    /// Whether a node with this switch exists or is being destroyed.
    fn uses(&self, devsw: u64) -> bool {
        self.cdevs.values().any(|c| c.driver == devsw && !c.gone)
    }

    fn threads(&self, cdev: u64) -> u32 {
        self.cdevs.get(&cdev).map_or(0, |c| c.threads)
    }
}

/// Makes a node; the address of its `struct cdev`, or an errno.
fn create(devsw: u64, node: Node, unit: i32, drv: (u64, u64)) -> Result<u64, i32> {
    if !is_valid_name(&node.name) {
        return Err(errno::EINVAL);
    }
    if with(|k| k.sub.devfs.by_name(&node.name).is_some()) {
        return Err(errno::EEXIST);
    }
    prepare_switch(devsw);
    let address = mem::kalloc(CDEV_LEN, "struct cdev");
    mem::write(address + SI_FLAGS, SI_NAMED);
    mem::write(address + SI_UID, node.uid);
    mem::write(address + SI_GID, node.gid);
    mem::write(address + SI_MODE, node.mode);
    mem::write(address + SI_DRV0, unit);
    mem::write(address + SI_DRV1, drv.0);
    mem::write(address + SI_DRV2, drv.1);
    mem::write(address + SI_DEVSW, devsw);
    mem::put(address + SI_NAME, node.name.as_bytes());
    let cdev = Cdev {
        node,
        devsw: Some(devsw),
        driver: devsw,
        threads: 0,
        opens: 0,
        destructors: 0,
        gone: false,
    };
    with(|k| k.sub.devfs.cdevs.insert(address, cdev));
    sched::preempt_point();
    Ok(address)
}

fn is_valid_name(name: &str) -> bool {
    let bad = |c: char| c.is_whitespace() || c == '"';
    let parts_are_good = name.split('/').all(|p| !matches!(p, "" | "." | ".."));
    name.len() <= 255 && parts_are_good && !name.contains(bad)
}

/// Fills in what the driver left out of its switch, once.
fn prepare_switch(devsw: u64) {
    let flags: u32 = mem::read(devsw + D_FLAGS);
    if flags & D_INIT != 0 {
        return;
    }
    let is_current = mem::read::<u32>(devsw) == D_VERSION_04;
    if !is_current {
        let name = mem::cstr(mem::read(devsw + D_NAME));
        printf::console(&format!(
            "WARNING: Device driver \"{name}\" has wrong version and is disabled.  \
             Recompile KLD module.\n"
        ));
    }
    let defaults = [
        (D_OPEN, "nullop"),
        (D_CLOSE, "nullop"),
        (D_READ, "enodev"),
        (D_WRITE, "enodev"),
        (D_IOCTL, "enodev"),
        (D_POLL, "no_poll"),
    ];
    for (offset, default) in defaults {
        if !is_current {
            mem::write(devsw + offset, crate::imports::stub("enxio"));
        } else if mem::read::<u64>(devsw + offset) == 0 {
            mem::write(devsw + offset, crate::imports::stub(default));
        }
    }
    mem::write(devsw + D_FLAGS, flags | D_INIT);
}

/// Enters the driver of `cdev` on behalf of `file`: its switch, unless it is being destroyed.
fn enter(cdev: u64, file: u64) -> Option<u64> {
    with(|k| {
        let devsw = k.sub.devfs.cdevs.get_mut(&cdev).and_then(|c| {
            c.threads += u32::from(c.devsw.is_some());
            c.devsw
        })?;
        let tid = k.sched.current;
        k.sub.devfs.inside.insert(tid, file);
        Some(devsw)
    })
}

/// Leaves the driver again.
fn leave(cdev: u64) {
    with(|k| {
        if let Some(c) = k.sub.devfs.cdevs.get_mut(&cdev) {
            c.threads -= 1;
        }
        let tid = k.sched.current;
        k.sub.devfs.inside.remove(&tid);
    });
}

/// destroy_dev(9): no new callers, wait for those inside, end the private data of open files.
fn destroy(cdev: u64) {
    let devsw = with(|k| {
        let c = k.sub.devfs.cdevs.get_mut(&cdev)?;
        c.devsw.take()
    });
    let Some(devsw) = devsw else {
        return violation(
            Kind::Lifetime,
            format!("destroy_dev of {cdev:#x}, no device"),
        );
    };
    mem::write(cdev + SI_DEVSW, 0u64);
    let purge: u64 = mem::read(devsw + D_PURGE);
    while with(|k| k.sub.devfs.threads(cdev)) != 0 {
        if purge != 0 {
            call::module(purge, &[cdev]);
        }
        let wait = Wait {
            deadline: Some(sched::now() + DRAIN_NS),
            wmesg: "devdrn",
            ..Wait::default()
        };
        sched::block_on(cdev, wait);
    }
    cdevpriv::end_all(cdev);
    // Only 15 waits for destructors that another thread runs.
    if with(|k| k.generation) >= Generation::Fifteen {
        cdevpriv::drain(cdev);
    }
    mem::write(cdev + SI_DRV1, 0u64);
    mem::write(cdev + SI_DRV2, 0u64);
    with(|k| {
        if let Some(c) = k.sub.devfs.cdevs.get_mut(&cdev) {
            c.gone = true;
        }
    });
    free_if_unused(cdev);
}

/// Frees `struct cdev` after destruction and the last close.
fn free_if_unused(cdev: u64) {
    let unused = with(|k| {
        let cdevs = &mut k.sub.devfs.cdevs;
        let unused = cdevs.get(&cdev).is_some_and(|c| c.gone && c.opens == 0);
        unused.then(|| cdevs.remove(&cdev))
    });
    if unused.is_some() {
        mem::kfree(cdev);
    }
}

fn nullop(_args: &Args) -> u64 {
    0
}

fn enodev(_args: &Args) -> u64 {
    errno::ENODEV as u64
}

fn enxio(_args: &Args) -> u64 {
    errno::ENXIO as u64
}

impl Machine {
    /// `ls -l /dev`, as far as drivers made it.
    pub fn device_nodes(&self) -> Vec<Node> {
        self.with(|k| k.sub.devfs.nodes())
    }
}

pub fn tables() -> Vec<&'static [(&'static str, Import)]> {
    const OWN: &[(&str, Import)] = &[("nullop", nullop), ("enodev", enodev), ("enxio", enxio)];
    vec![
        OWN,
        make::table(),
        cdevpriv::table(),
        poll::table(),
        kqueue::table(),
        select::table(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_devctl_cannot_carry_are_refused() {
        for name in ["ipmi0", "pts/1", "ipmi-bmc_2"] {
            assert!(is_valid_name(name), "{name}");
        }
        for name in ["", "a b", "a\"b", "../mem", "a//b", "a/"] {
            assert!(!is_valid_name(name), "{name}");
        }
    }
}
