// SPDX-License-Identifier: BSD-2-Clause
//! /dev/fido, watchdogd(8)'s door, with the ioctls of each generation; must not know handlers.

use super::{is_exact, pat, pat_sbt, pretimeout, state, WD_INTERVAL, WD_LASTVAL};
use crate::args::{Args, Import};
use crate::imports;
use crate::mem;
use crate::sched;
use crate::subsystems::devfs::make;
use crate::subsystems::errno;
use crate::subsystems::sysctl::dynamic::{self, New};
use crate::subsystems::sysctl::oid;
use crate::subsystems::time::{ms_to_sbt, NS_PER_S, SBT_1S};

const WD_ACTIVE: u32 = 0x0800_0000;
const WD_PASSIVE: u32 = 0x0040_0000;
const SOFT_MASK: u32 = 0x0f;

const fn iow(number: u64, len: u64) -> u64 {
    0x8000_0000 | len << 16 | (b'W' as u64) << 8 | number
}

const fn ior(number: u64, len: u64) -> u64 {
    0x4000_0000 | len << 16 | (b'W' as u64) << 8 | number
}

/// The ioctls with int-sized values; 15 keeps them as COMPAT_FREEBSD14.
pub mod old {
    use super::{ior, iow};
    pub const PATPAT: u64 = iow(42, 4);
    pub const SETTIMEOUT: u64 = iow(43, 4);
    pub const GETTIMEOUT: u64 = ior(44, 4);
    pub const GETTIMELEFT: u64 = ior(45, 4);
    pub const GETPRETIMEOUT: u64 = ior(46, 4);
    pub const SETPRETIMEOUT: u64 = iow(47, 4);
}

/// In every generation.
pub const SETPRETIMEOUTACT: u64 = iow(48, 4);
pub const SETSOFT: u64 = iow(49, 4);
pub const SETSOFTTIMEOUTACT: u64 = iow(50, 4);

/// The ioctls with `sbintime_t` values of 15.
pub mod exact {
    use super::{ior, iow};
    pub const CONTROL: u64 = iow(51, 4);
    pub const SETTIMEOUT: u64 = iow(53, 8);
    pub const GETTIMEOUT: u64 = ior(54, 8);
    pub const GETTIMELEFT: u64 = ior(55, 8);
    pub const GETPRETIMEOUT: u64 = ior(56, 8);
    pub const SETPRETIMEOUT: u64 = iow(57, 8);
}

/// WDIOCPATPAT: a power of two and how it is meant.
fn patpat(u: u32) -> i32 {
    let mode = u & (WD_ACTIVE | WD_PASSIVE);
    let unknown = u & !(WD_ACTIVE | WD_PASSIVE | WD_LASTVAL | WD_INTERVAL) != 0;
    let without_mode = mode == 0 && u & (WD_INTERVAL | WD_LASTVAL) != 0;
    if unknown || mode == WD_ACTIVE | WD_PASSIVE || without_mode {
        return errno::EINVAL;
    }
    match mode {
        WD_PASSIVE => errno::ENOSYS,
        _ => pat(u & !WD_ACTIVE),
    }
}

/// The power of two that is not shorter than `seconds`.
pub fn seconds_to_pow2(seconds: u32) -> u32 {
    let ns = u64::from(seconds) * NS_PER_S;
    let power = 64 - ns.leading_zeros();
    match 1u64.wrapping_shl(power) <= ns {
        true => power + 1,
        false => power,
    }
}

/// Seconds since the last good pat, which is what TIMELEFT returns.
fn seconds_since_pat() -> Result<u64, i32> {
    let last = state(|w| w.last_pat).ok_or(errno::ENOENT)?;
    Ok(sched::now() / NS_PER_S - last)
}

fn wd_ioctl(args: &Args) -> u64 {
    let (command, data) = (args.u64(1), args.u64(2));
    let outcome = common(command, data)
        .or_else(|| ints(command, data))
        .or_else(|| exacts(command, data).filter(|_| is_exact()));
    let error = match outcome {
        Some(Ok(error)) | Some(Err(error)) => error,
        None => errno::ENOIOCTL,
    };
    error as u64
}

/// What an ioctl came to; `None` when it is not one of these.
type Outcome = Option<Result<i32, i32>>;

fn common(command: u64, data: u64) -> Outcome {
    let value = || mem::read::<u32>(data);
    let valid = |action: u32| match action & !SOFT_MASK {
        0 => Ok(action),
        _ => Err(errno::EINVAL),
    };
    Some(match command {
        SETSOFT => set_soft(value() != 0),
        // Stored by the kernel, too, but never looked at.
        SETSOFTTIMEOUTACT => valid(value()).map(|_| 0),
        SETPRETIMEOUTACT => valid(value())
            .map(|a| state(|w| w.pretimeout_action = a))
            .map(|()| 0),
        _ => return None,
    })
}

/// Not while a timeout is pending.
fn set_soft(on: bool) -> Result<i32, i32> {
    state(|w| {
        if w.use_soft != on && w.last_pow2 != 0 {
            return Err(errno::EINVAL);
        }
        w.use_soft = on;
        Ok(0)
    })
}

fn put<T: mem::Plain>(data: u64, value: T) -> Result<i32, i32> {
    mem::write(data, value);
    Ok(0)
}

fn ints(command: u64, data: u64) -> Outcome {
    let value = || mem::read::<u32>(data);
    Some(match command {
        old::PATPAT => Ok(patpat(value())),
        old::SETTIMEOUT if is_exact() => Ok(pat_sbt(ms_to_sbt(i64::from(value()) * 1000))),
        old::SETTIMEOUT => Ok(pat(seconds_to_pow2(value()))),
        old::GETTIMEOUT => put(data, state(|w| w.last_pow2)),
        old::GETTIMELEFT => seconds_since_pat().and_then(|s| put(data, s as i32)),
        old::GETPRETIMEOUT => put(data, (state(|w| w.pretimeout) / SBT_1S) as i32),
        old::SETPRETIMEOUT => {
            let seconds = mem::read::<i32>(data);
            Ok(pretimeout::set(i64::from(seconds) * SBT_1S, false))
        }
        _ => return None,
    })
}

fn exacts(command: u64, data: u64) -> Outcome {
    let value = || mem::read::<i64>(data);
    Some(match command {
        exact::CONTROL => {
            control(mem::read(data));
            Ok(0)
        }
        exact::SETTIMEOUT => Ok(pat_sbt(value())),
        exact::GETTIMEOUT => put(data, state(|w| w.last_sbt)),
        exact::GETTIMELEFT => seconds_since_pat().and_then(|s| put(data, s as i64 * SBT_1S)),
        exact::GETPRETIMEOUT => put(data, state(|w| w.pretimeout)),
        exact::SETPRETIMEOUT => Ok(pretimeout::set(value(), false)),
        _ => return None,
    })
}

/// wdog_control(): 0 switches off, anything else repeats the last timeout.
fn control(how: i32) {
    match how {
        0 => pat_sbt(0),
        _ => pat_sbt(state(|w| w.last_sbt)),
    };
}

pub fn boot() {
    make::kernel_node("fido", "watchdog", "wd_ioctl");
    let shown = mem::kalloc(16, "hw.watchdog");
    state(|w| w.shown = shown);
    let parent = imports::datum("sysctl___hw_watchdog");
    let leaf = |name, kind: u32, at, handler, format| {
        let new = New {
            name,
            kind: kind | oid::CTLFLAG_RD | oid::CTLFLAG_MPSAFE,
            arg1: at,
            arg2: 0,
            handler: imports::stub(handler),
            format: mem::intern(format),
            description: "Watchdog last update time",
        };
        dynamic::add(0, parent, -1, &new);
    };
    leaf("wd_last_u", 6, shown, "sysctl_handle_int", "IU");
    leaf("wd_last_u_secs", 6, shown + 4, "sysctl_handle_int", "IU");
    if is_exact() {
        leaf(
            "wd_last_msecs",
            4,
            shown + 8,
            "sysctl_msec_to_sbintime",
            "Q",
        );
    }
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[("wd_ioctl", wd_ioctl)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ioctl_numbers_are_those_of_the_headers() {
        assert_eq!(old::PATPAT, 0x8004_572a);
        assert_eq!(exact::SETTIMEOUT, 0x8008_5735);
        assert_eq!(exact::GETTIMELEFT, 0x4008_5737);
    }

    #[test]
    fn seconds_become_the_next_power_of_two() {
        assert_eq!(seconds_to_pow2(1), 30);
        assert_eq!(seconds_to_pow2(2), 31);
        assert_eq!(seconds_to_pow2(64), 36);
        assert_eq!(seconds_to_pow2(128), 37);
        assert_eq!(seconds_to_pow2(138), 38);
    }
}
