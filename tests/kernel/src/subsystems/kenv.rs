// SPDX-License-Identifier: BSD-2-Clause
//! The kernel environment: hints and tunables as kenv(1) shows them; must not know who uses them.

use super::sysctl::tunable;
use crate::args::{Args, Import};
use crate::mem;
use crate::with;

/// The value of `name`.
pub fn get(name: &str) -> Option<String> {
    with(|k| {
        let pair = k.config.kenv.iter().find(|(n, _)| n == name);
        pair.map(|(_, value)| value.clone())
    })
}

/// Sets or, with `None`, removes `name`, as kenv(1) would.
pub fn set(name: &str, value: Option<&str>) {
    with(|k| {
        k.config.kenv.retain(|(n, _)| n != name);
        if let Some(value) = value {
            k.config.kenv.push((name.into(), value.into()));
        }
    });
}

/// The hint `name` of device `device` `unit`.
pub fn hint(device: &str, unit: i32, name: &str) -> Option<String> {
    get(&format!("hint.{device}.{unit}.{name}"))
}

/// The hint `name` as a number, if it is one.
pub fn hint_number(device: &str, unit: i32, name: &str) -> Option<i64> {
    tunable::number(&hint(device, unit, name)?)
}

/// All hints called `name`, as (device, unit, value), in the order of the environment.
pub fn hints_called(name: &str) -> Vec<(String, i32, String)> {
    let all = with(|k| k.config.kenv.clone());
    let parsed = all.into_iter().filter_map(|(key, value)| {
        let mut parts = key.strip_prefix("hint.")?.splitn(3, '.');
        let (device, unit, rest) = (parts.next()?, parts.next()?, parts.next()?);
        (rest == name).then_some((device.to_string(), unit.parse().ok()?, value))
    });
    parsed.collect()
}

fn kern_getenv(args: &Args) -> u64 {
    get(&args.str(0)).map_or(0, |value| mem::intern(&value))
}

/// Values are interned for the life of the machine.
fn freeenv(_args: &Args) -> u64 {
    0
}

fn getenv_int(args: &Args) -> u64 {
    match get(&args.str(0)).and_then(|text| tunable::number(&text)) {
        Some(value) => {
            mem::write(args.u64(1), value as i32);
            1
        }
        None => 0,
    }
}

/// `struct tunable_int` and its like: the name, then where the value goes.
fn tunable_into(args: &Args, store: fn(u64, i64)) -> u64 {
    let structure = args.u64(0);
    let name = mem::cstr(mem::read(structure));
    if let Some(value) = get(&name).and_then(|text| tunable::number(&text)) {
        store(mem::read(structure + 8), value);
    }
    0
}

fn tunable_int_init(args: &Args) -> u64 {
    tunable_into(args, |at, value| mem::write(at, value as i32))
}

fn tunable_long_init(args: &Args) -> u64 {
    tunable_into(args, mem::write)
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("kern_getenv", kern_getenv),
        ("freeenv", freeenv),
        ("getenv_int", getenv_int),
        ("tunable_int_init", tunable_int_init),
        ("tunable_long_init", tunable_long_init),
        ("tunable_quad_init", tunable_long_init),
    ]
}
