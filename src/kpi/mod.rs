// SPDX-License-Identifier: BSD-2-Clause
//! The core over FreeBSD's KPI, and the only unsafe code. Each contract is kept here so that
//! everything above is safe Rust.

pub(crate) mod client;
pub(crate) mod entry;
mod firmware;
mod kernel;
pub(crate) mod memory;
pub(crate) mod sysctl;
pub(crate) mod watchdog;

#[allow(
    dead_code,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unreachable_pub,
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing
)]
mod bindings {
    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
}

use crate::kernel::Errno;

impl Errno {
    /// The number that errno(2) gives it.
    fn number(self) -> core::ffi::c_int {
        match self {
            Errno::Again => bindings::EAGAIN,
            Errno::BadAddress => bindings::EFAULT,
            Errno::Busy => bindings::EBUSY,
            Errno::Gone => bindings::ENXIO,
            Errno::Invalid => bindings::EINVAL,
            Errno::Io => bindings::EIO,
            Errno::MessageSize => bindings::EMSGSIZE,
            Errno::TimedOut => bindings::ETIMEDOUT,
        }
    }
}

/// 0 or the number of the error.
fn number(result: Result<(), Errno>) -> core::ffi::c_int {
    match result {
        Ok(()) => 0,
        Err(error) => error.number(),
    }
}

/// Required of a freestanding object. The core has no path that panics, and the object gate
/// fails a build in which this one could be reached.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
