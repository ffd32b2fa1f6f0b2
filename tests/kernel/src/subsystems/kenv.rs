// SPDX-License-Identifier: BSD-2-Clause
//! The kernel environment: hints and tunables as kenv(1) shows them; must not know who uses them.

use super::printf;
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

fn testenv(args: &Args) -> u64 {
    u64::from(get(&args.str(0)).is_some())
}

/// Stores the number behind the name at argument 0; whether there was one.
fn number_into(args: &Args, store: fn(u64, i64)) -> u64 {
    match get(&args.str(0)).and_then(|text| tunable::number(&text)) {
        Some(value) => {
            store(args.u64(1), value);
            1
        }
        None => 0,
    }
}

fn getenv_int(args: &Args) -> u64 {
    number_into(args, |at, value| mem::write(at, value as i32))
}

fn getenv_long(args: &Args) -> u64 {
    number_into(args, mem::write)
}

/// A value that is 1 or true, 0 or false; anything else is told and ignored.
fn boolean(name: &str) -> Option<bool> {
    let text = get(name)?;
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => {
            printf::console(&format!(
                "Environment variable {name} has non-boolean value \"{text}\"\n"
            ));
            None
        }
    }
}

fn getenv_bool(args: &Args) -> u64 {
    match boolean(&args.str(0)) {
        Some(value) => {
            mem::write(args.u64(1), u8::from(value));
            1
        }
        None => 0,
    }
}

/// Copies the value, cut to the buffer.
fn string_into(name: &str, at: u64, size: i32) -> u64 {
    let (Some(text), true) = (get(name), size > 0) else {
        return 0;
    };
    let kept = text.len().min(size as usize - 1);
    mem::put(at, &text.as_bytes()[..kept]);
    mem::write(at + kept as u64, 0u8);
    1
}

fn getenv_string(args: &Args) -> u64 {
    string_into(&args.str(0), args.u64(1), args.i32(2))
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

fn tunable_bool_init(args: &Args) -> u64 {
    let structure = args.u64(0);
    if let Some(value) = boolean(&mem::cstr(mem::read(structure))) {
        mem::write(mem::read(structure + 8), u8::from(value));
    }
    0
}

/// `struct tunable_str` also has the size of the buffer.
fn tunable_str_init(args: &Args) -> u64 {
    let structure = args.u64(0);
    let name = mem::cstr(mem::read(structure));
    string_into(&name, mem::read(structure + 8), mem::read(structure + 16))
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("kern_getenv", kern_getenv),
        ("freeenv", freeenv),
        ("testenv", testenv),
        ("getenv_int", getenv_int),
        ("getenv_uint", getenv_int),
        ("getenv_long", getenv_long),
        ("getenv_ulong", getenv_long),
        ("getenv_quad", getenv_long),
        ("getenv_int64", getenv_long),
        ("getenv_uint64", getenv_long),
        ("getenv_bool", getenv_bool),
        ("getenv_string", getenv_string),
        ("tunable_int_init", tunable_int_init),
        ("tunable_long_init", tunable_long_init),
        ("tunable_ulong_init", tunable_long_init),
        ("tunable_quad_init", tunable_long_init),
        ("tunable_int64_init", tunable_long_init),
        ("tunable_uint64_init", tunable_long_init),
        ("tunable_bool_init", tunable_bool_init),
        ("tunable_str_init", tunable_str_init),
    ]
}
