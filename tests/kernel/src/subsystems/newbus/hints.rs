// SPDX-License-Identifier: BSD-2-Clause
//! resource_*_value(9): what device.hints says of a device; must not know where hints are kept.

use crate::args::{Args, Import};
use crate::mem;
use crate::subsystems::{errno, kenv};

fn number(args: &Args) -> Result<i64, i32> {
    let text = kenv::hint(&args.str(0), args.i32(1), &args.str(2)).ok_or(errno::ENOENT)?;
    crate::subsystems::sysctl::tunable::number(&text).ok_or(errno::EFTYPE)
}

fn resource_int_value(args: &Args) -> u64 {
    match number(args) {
        Ok(value) => {
            mem::write(args.u64(3), value as i32);
            0
        }
        Err(error) => error as u64,
    }
}

fn resource_long_value(args: &Args) -> u64 {
    match number(args) {
        Ok(value) => {
            mem::write(args.u64(3), value);
            0
        }
        Err(error) => error as u64,
    }
}

fn resource_string_value(args: &Args) -> u64 {
    match kenv::hint(&args.str(0), args.i32(1), &args.str(2)) {
        Some(text) => {
            mem::write(args.u64(3), mem::intern(&text));
            0
        }
        None => errno::ENOENT as u64,
    }
}

fn resource_disabled(args: &Args) -> u64 {
    let disabled = kenv::hint_number(&args.str(0), args.i32(1), "disabled");
    disabled.unwrap_or(0) as u64
}

/// The next unit of a device that has the hint, or the hint with that value, after `*anchor`.
fn resource_find_dev(args: &Args) -> u64 {
    let (anchor, name) = (args.u64(0), args.str(1));
    let value = (args.u64(4) != 0).then(|| args.str(4));
    let hints = kenv::hints_called(&args.str(3)).into_iter().enumerate();
    let seen = mem::read::<i32>(anchor).max(0) as usize;
    let fits = |(_, (device, _, text)): &(usize, (String, i32, String))| {
        *device == name && value.as_ref().is_none_or(|v| v == text)
    };
    match hints.skip(seen).find(fits) {
        Some((at, (_, unit, _))) => {
            mem::write(anchor, at as i32 + 1);
            mem::write(args.u64(2), unit);
            0
        }
        None => errno::ENOENT as u64,
    }
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("resource_int_value", resource_int_value),
        ("resource_long_value", resource_long_value),
        ("resource_string_value", resource_string_value),
        ("resource_disabled", resource_disabled),
        ("resource_find_dev", resource_find_dev),
    ]
}
