// SPDX-License-Identifier: BSD-2-Clause
//! Open files of device nodes: open, ioctl, close as the system calls do them; must not know
//! descriptors.

use super::cdevpriv::{self, Private};
use super::{enter, free_if_unused, leave};
use super::{D_CLOSE, D_FLAGS, D_IOCTL, D_OPEN, D_TRACKCLOSE};
use crate::call;
use crate::mem;
use crate::sched;
use crate::subsystems::errno;
use crate::user;
use crate::with;

/// S_IFCHR, what drivers get as device type.
const S_IFCHR: u64 = 0o020000;
const FLASTCLOSE: u64 = 0x0008_0000;
const FREAD: u64 = 1;
const FWRITE: u64 = 2;

/// The parts of an ioctl number, <sys/ioccom.h>.
const IOC_VOID: u64 = 0x2000_0000;
const IOC_OUT: u64 = 0x4000_0000;
const IOC_IN: u64 = 0x8000_0000;
const IOCPARM_MASK: u64 = 0x1fff;

/// One open file.
pub struct File {
    pub cdev: u64,
    pub private: Option<Private>,
    /// Descriptors, and system calls under way.
    references: u32,
}

/// Opens the node called `name` for reading and writing; the file's id.
pub fn open(name: &str) -> Result<u64, i32> {
    let opened = with(|k| {
        let devfs = &mut k.sub.devfs;
        let cdev = devfs.by_name(name)?;
        devfs.cdevs.get_mut(&cdev)?.opens += 1;
        devfs.next_file += 1;
        let id = devfs.next_file;
        let file = File {
            cdev,
            private: None,
            references: 1,
        };
        devfs.files.insert(id, file);
        Some((id, cdev))
    });
    let (id, cdev) = opened.ok_or(errno::ENOENT)?;
    let error = call_in(cdev, id, |devsw| {
        let open = mem::read(devsw + D_OPEN);
        let error = call::module(open, &[cdev, FREAD | FWRITE, S_IFCHR, sched::curthread()]);
        if errno::of(error) != 0 {
            cdevpriv::end(id);
        }
        errno::of(error)
    });
    match error.unwrap_or(errno::ENXIO) {
        0 => Ok(id),
        error => {
            forget(id);
            Err(error)
        }
    }
}

/// Runs `f` inside the driver; `None` when the device is being destroyed.
pub fn call_in<R>(cdev: u64, file: u64, f: impl FnOnce(u64) -> R) -> Option<R> {
    let devsw = enter(cdev, file)?;
    let result = f(devsw);
    leave(cdev);
    Some(result)
}

/// One more user of an open file.
pub fn hold(id: u64) {
    with(|k| {
        if let Some(file) = k.sub.devfs.files.get_mut(&id) {
            file.references += 1;
        }
    });
}

/// One user less; the last one closes the file.
pub fn release(id: u64) {
    let unused = with(|k| {
        let file = k.sub.devfs.files.get_mut(&id)?;
        file.references -= 1;
        Some(file.references == 0)
    });
    if unused == Some(true) {
        close(id);
    }
}

/// The last close of a file: the driver hears of it when nobody else has the device open.
fn close(id: u64) {
    let Some((cdev, last)) = with(|k| {
        let devfs = &k.sub.devfs;
        let cdev = devfs.files.get(&id)?.cdev;
        Some((cdev, devfs.cdevs.get(&cdev)?.opens == 1))
    }) else {
        return;
    };
    call_in(cdev, id, |devsw| {
        let flags: u32 = mem::read(devsw + D_FLAGS);
        if last || flags & D_TRACKCLOSE != 0 {
            let close = mem::read(devsw + D_CLOSE);
            let how = FREAD | FWRITE | if last { FLASTCLOSE } else { 0 };
            call::module(close, &[cdev, how, S_IFCHR, sched::curthread()]);
        }
    });
    cdevpriv::end(id);
    forget(id);
}

fn forget(id: u64) {
    let cdev = with(|k| {
        let devfs = &mut k.sub.devfs;
        let cdev = devfs.files.remove(&id)?.cdev;
        devfs.cdevs.get_mut(&cdev)?.opens -= 1;
        Some(cdev)
    });
    if let Some(cdev) = cdev {
        free_if_unused(cdev);
    }
}

pub fn cdev_of(id: u64) -> Option<u64> {
    with(|k| k.sub.devfs.files.get(&id).map(|f| f.cdev))
}

/// ioctl(2) with `argument` as the process passed it; an errno.
pub fn ioctl(id: u64, command: u64, argument: u64) -> i32 {
    // The kernel sees 32 bits of the command.
    let command = command & 0xffff_ffff;
    let len = (command >> 16 & IOCPARM_MASK) as usize;
    let (is_in, is_out) = (command & IOC_IN != 0, command & IOC_OUT != 0);
    let is_void = command & IOC_VOID != 0;
    if !(is_in || is_out || is_void) || (is_in || is_out) && len == 0 || is_void && len > 4 {
        return errno::ENOTTY;
    }
    // The very size, so that a driver that touches more is caught.
    let data = mem::kalloc(len.max(1), "ioctl data");
    let error = copy_in(data, len, command, argument)
        .and_then(|()| dispatch(id, command, data))
        .and_then(|()| copy_out(data, len, is_out, argument));
    mem::kfree(data);
    error.err().unwrap_or(0)
}

fn copy_in(data: u64, len: usize, command: u64, argument: u64) -> Result<(), i32> {
    if command & IOC_VOID != 0 && len > 0 {
        mem::put(data, &(argument as u32).to_le_bytes()[..len]);
    }
    if command & IOC_IN != 0 {
        let bytes = user::load(argument, len).ok_or(errno::EFAULT)?;
        mem::put(data, &bytes);
    }
    Ok(())
}

/// Asks the driver; `data` is what it gets.
pub fn dispatch(id: u64, command: u64, data: u64) -> Result<(), i32> {
    let cdev = cdev_of(id).ok_or(errno::EBADF)?;
    let error = call_in(cdev, id, |devsw| {
        let ioctl = mem::read(devsw + D_IOCTL);
        let td = sched::curthread();
        errno::of(call::module(
            ioctl,
            &[cdev, command, data, FREAD | FWRITE, td],
        ))
    });
    match error {
        None => Err(errno::ENXIO),
        Some(0) => Ok(()),
        Some(errno::ENOIOCTL) => Err(errno::ENOTTY),
        Some(error) => Err(error),
    }
}

fn copy_out(data: u64, len: usize, is_out: bool, argument: u64) -> Result<(), i32> {
    if is_out && !user::store(argument, &mem::bytes(data, len)) {
        return Err(errno::EFAULT);
    }
    Ok(())
}
