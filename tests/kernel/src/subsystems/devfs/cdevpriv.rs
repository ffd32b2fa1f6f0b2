// SPDX-License-Identifier: BSD-2-Clause
//! A driver's private data of an open file, ended exactly once; must not know what they are.

use crate::args::{Args, Import};
use crate::call;
use crate::sched::{self, Wait};
use crate::subsystems::errno;
use crate::with;

/// Data and destructor.
pub type Private = (u64, u64);

/// The file on whose behalf the running thread is inside a driver.
fn current() -> Option<u64> {
    with(|k| k.sub.devfs.inside.get(&k.sched.current).copied())
}

/// Runs the destructor of `file`'s private data, if nobody has yet.
pub fn end(file: u64) {
    let taken = with(|k| {
        let devfs = &mut k.sub.devfs;
        let file = devfs.files.get_mut(&file)?;
        let private = file.private.take()?;
        let cdev = file.cdev;
        if let Some(c) = devfs.cdevs.get_mut(&cdev) {
            c.destructors += 1;
        }
        Some((cdev, private))
    });
    let Some((cdev, (data, destructor))) = taken else {
        return;
    };
    call::module(destructor, &[data]);
    let last = with(|k| {
        let Some(c) = k.sub.devfs.cdevs.get_mut(&cdev) else {
            return false;
        };
        c.destructors -= 1;
        c.destructors == 0
    });
    if last {
        sched::wake(cdev + 1);
    }
}

/// Ends the private data of every open file of `cdev`.
pub fn end_all(cdev: u64) {
    let next = || {
        with(|k| {
            let mut files = k.sub.devfs.files.iter();
            let found = files.find(|(_, f)| f.cdev == cdev && f.private.is_some());
            found.map(|(id, _)| *id)
        })
    };
    while let Some(file) = next() {
        end(file);
    }
}

/// Waits until no destructor of `cdev` runs. Its channel is inside `struct cdev`.
pub fn drain(cdev: u64) {
    let running = || {
        with(|k| {
            k.sub
                .devfs
                .cdevs
                .get(&cdev)
                .is_some_and(|c| c.destructors > 0)
        })
    };
    while running() {
        let wait = Wait {
            wmesg: "cdfdpc",
            ..Wait::default()
        };
        sched::block_on(cdev + 1, wait);
    }
}

fn devfs_get_cdevpriv(args: &Args) -> u64 {
    let Some(file) = current() else {
        return errno::EBADF as u64;
    };
    let private = with(|k| k.sub.devfs.files.get(&file).and_then(|f| f.private));
    match private {
        Some((data, _)) => {
            crate::mem::write(args.u64(0), data);
            0
        }
        None => errno::ENOENT as u64,
    }
}

fn devfs_set_cdevpriv(args: &Args) -> u64 {
    let Some(file) = current() else {
        return errno::ENOENT as u64;
    };
    let private = (args.u64(0), args.u64(1));
    let stored = with(|k| match k.sub.devfs.files.get_mut(&file) {
        Some(file) if file.private.is_none() => {
            file.private = Some(private);
            true
        }
        _ => false,
    });
    match stored {
        true => 0,
        false => errno::EBUSY as u64,
    }
}

fn devfs_clear_cdevpriv(_args: &Args) -> u64 {
    if let Some(file) = current() {
        end(file);
    }
    0
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("devfs_get_cdevpriv", devfs_get_cdevpriv),
        ("devfs_set_cdevpriv", devfs_set_cdevpriv),
        ("devfs_clear_cdevpriv", devfs_clear_cdevpriv),
    ]
}
