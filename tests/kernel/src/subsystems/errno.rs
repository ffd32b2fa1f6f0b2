// SPDX-License-Identifier: BSD-2-Clause
//! FreeBSD's error numbers, <sys/errno.h>, as far as this kernel returns them; must not know who
//! returns what.

pub const EPERM: i32 = 1;
pub const ENOENT: i32 = 2;
pub const EINTR: i32 = 4;
pub const EIO: i32 = 5;
pub const ENXIO: i32 = 6;
pub const EBADF: i32 = 9;
pub const EDEADLK: i32 = 11;
pub const ENOMEM: i32 = 12;
pub const EFAULT: i32 = 14;
pub const EBUSY: i32 = 16;
pub const EEXIST: i32 = 17;
pub const ENODEV: i32 = 19;
pub const EISDIR: i32 = 21;
pub const EINVAL: i32 = 22;
pub const ENOTTY: i32 = 25;
pub const EFTYPE: i32 = 79;
pub const EWOULDBLOCK: i32 = 35;
pub const EOPNOTSUPP: i32 = 45;
pub const ENOTEMPTY: i32 = 66;
pub const ENOSYS: i32 = 78;

/// A driver's way to say that it does not know an ioctl; becomes [`ENOTTY`].
pub const ENOIOCTL: i32 = -3;

/// A return value of module code that is an `int`.
pub fn of(returned: u64) -> i32 {
    returned as i32
}
