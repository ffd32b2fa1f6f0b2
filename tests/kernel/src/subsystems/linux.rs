// SPDX-License-Identifier: BSD-2-Clause
//! The Linux emulation's ioctls: handlers that modules register for a range of numbers, and the
//! system call that asks them; must not know a driver.

use super::devfs::file;
use super::errno;
use super::process::Process;
use crate::args::{Args, Import};
use crate::call;
use crate::check::{violation, Kind};
use crate::mem;
use crate::sched;
use crate::with;

/// `struct linux_ioctl_handler`: a function and the range of command numbers, both ends in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Handler {
    function: u64,
    low: i32,
    high: i32,
}

const LOW: u64 = 8;
const HIGH: u64 = 12;

/// `struct linux_ioctl_args`: descriptor, command and argument, eight bytes each.
const ARGS: usize = 24;

/// The handlers, narrowest range first.
#[derive(Default)]
pub struct Linux {
    handlers: Vec<Handler>,
}

impl Linux {
    /// Handlers of a module that has gone.
    pub fn left_behind(&self, is_of_module: impl Fn(u64) -> bool) -> usize {
        let left = self.handlers.iter();
        left.filter(|handler| is_of_module(handler.function))
            .count()
    }
}

fn handlers<R>(f: impl FnOnce(&mut Vec<Handler>) -> R) -> R {
    with(|k| f(&mut k.sub.linux.handlers))
}

/// A handler that is there already gets the new range.
fn linux_ioctl_register_handler(args: &Args) -> u64 {
    let at = args.u64(0);
    if at == 0 || mem::read::<u64>(at) == 0 {
        return errno::EINVAL as u64;
    }
    let handler = Handler {
        function: mem::read(at),
        low: mem::read(at + LOW),
        high: mem::read(at + HIGH),
    };
    handlers(|all| {
        all.retain(|other| other.function != handler.function);
        all.push(handler);
        all.sort_by_key(|handler| handler.high - handler.low);
    });
    0
}

fn linux_ioctl_unregister_handler(args: &Args) -> u64 {
    let function: u64 = mem::read(args.u64(0));
    let found = handlers(|all| {
        let before = all.len();
        all.retain(|handler| handler.function != function);
        all.len() < before
    });
    if !found {
        violation(
            Kind::Misuse,
            "a Linux ioctl handler is unregistered that is not there".to_string(),
        );
        return errno::EINVAL as u64;
    }
    0
}

/// kern_ioctl(td, descriptor, command, data): `data` is kernel memory, of the very size.
fn kern_ioctl(args: &Args) -> u64 {
    let process = with(|k| k.sub.processes.get(&k.sched.current).cloned());
    let file = process.and_then(|p| p.file(args.i32(1)).ok());
    let Some(file) = file else {
        return errno::EBADF as u64;
    };
    file::hold(file);
    let error = file::dispatch(file, args.u64(2) & 0xffff_ffff, args.u64(3));
    file::release(file);
    error.err().unwrap_or(0) as u64
}

impl Process {
    /// ioctl(2) of a Linux process; an errno of FreeBSD, which [`errno`] translates as the
    /// return to user mode does.
    pub fn linux_ioctl(&self, fd: i32, command: u32, argument: u64) -> Result<(), i32> {
        let file = self.file(fd)?;
        file::hold(file);
        let error = self.ask_handlers(fd, command, argument);
        file::release(file);
        self.back(match error {
            0 => Ok(()),
            error => Err(error),
        })
    }

    /// The emulation holds its list's lock and Giant meanwhile, neither of which keeps a handler
    /// from sleeping; they are not played here.
    fn ask_handlers(&self, fd: i32, command: u32, argument: u64) -> i32 {
        let number = (command & 0xffff) as i32;
        for handler in handlers(|all| all.clone()) {
            if !(handler.low..=handler.high).contains(&number) {
                continue;
            }
            let args = mem::kalloc(ARGS, "linux_ioctl_args");
            mem::write(args, fd as u32 as u64);
            mem::write(args + 8, u64::from(command));
            mem::write(args + 16, argument);
            let error = errno::of(call::module(handler.function, &[sched::curthread(), args]));
            mem::kfree(args);
            if error != errno::ENOIOCTL {
                return error;
            }
        }
        errno::EINVAL
    }
}

/// Linux's number of an error of FreeBSD's, as far as this kernel and drivers return them.
pub fn errno(error: i32) -> i32 {
    match error {
        errno::EDEADLK => 35,
        35 => 11,  // EAGAIN
        36 => 115, // EINPROGRESS
        40 => 90,  // EMSGSIZE
        errno::EOPNOTSUPP => 95,
        47 => 97,  // EAFNOSUPPORT
        55 => 105, // ENOBUFS
        57 => 107, // ENOTCONN
        60 => 110, // ETIMEDOUT
        errno::ENOTEMPTY => 39,
        errno::ENOSYS => 38,
        errno::EFTYPE => 22,
        same if same < 35 => same,
        _ => 5,
    }
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("kern_ioctl", kern_ioctl),
        ("linux_ioctl_register_handler", linux_ioctl_register_handler),
        (
            "linux_ioctl_unregister_handler",
            linux_ioctl_unregister_handler,
        ),
    ]
}
