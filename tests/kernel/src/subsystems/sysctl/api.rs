// SPDX-License-Identifier: BSD-2-Clause
//! sysctl(8): oids read, written and described by name; must not know how the tree is kept.

use super::oid::{self, Oid, Type};
use super::request::Request;
use super::{lookup, path, root, run_handler};
use crate::machine::{Machine, Stop};
use crate::subsystems::errno;
use crate::user;
use crate::with;

/// A value as its oid's type says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Int(i64),
    Uint(u64),
    Text(String),
    Opaque(Vec<u8>),
}

impl Value {
    fn parse(kind: u32, bytes: &[u8]) -> Value {
        let word = bytes.iter().rev().fold(0u64, |n, b| n << 8 | u64::from(*b));
        match Type::of(kind) {
            Type::Integer(width, signed) if bytes.len() == width => {
                let shift = 64 - 8 * width as u32;
                match signed {
                    true => Value::Int((word << shift) as i64 >> shift),
                    false => Value::Uint(word),
                }
            }
            Type::String => {
                let text = bytes.split(|b| *b == 0).next().unwrap_or_default();
                Value::Text(String::from_utf8_lossy(text).into_owned())
            }
            _ => Value::Opaque(bytes.to_vec()),
        }
    }

    fn encode(&self, kind: u32) -> Vec<u8> {
        let integer = |value: u64| match Type::of(kind) {
            Type::Integer(width, _) => value.to_le_bytes()[..width].to_vec(),
            _ => value.to_le_bytes().to_vec(),
        };
        match self {
            Value::Int(value) => integer(*value as u64),
            Value::Uint(value) => integer(*value),
            Value::Text(text) => text.clone().into_bytes(),
            Value::Opaque(bytes) => bytes.clone(),
        }
    }
}

/// What `sysctl -d` and `-t` show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    pub name: String,
    pub text: String,
    /// E.g. "I", "QU", "A".
    pub format: String,
    pub writable: bool,
}

/// Reads `name` in the calling thread, asking for the length first as sysctl(8) does.
pub fn get(name: &str) -> Result<Value, i32> {
    let oid = lookup(name).ok_or(errno::ENOENT)?;
    let len = ask(oid, (0, 0), (0, 0))?;
    let room = len + len / 4 + 64;
    let buffer = user::alloc(room as usize);
    let outcome = ask(oid, (buffer, room), (0, 0)).map(|len| {
        let bytes = user::load(buffer, len as usize).unwrap_or_default();
        Value::parse(oid.kind(), &bytes)
    });
    user::free(buffer);
    outcome
}

/// Writes `name` in the calling thread.
pub fn set(name: &str, value: &Value) -> Result<(), i32> {
    let oid = lookup(name).ok_or(errno::ENOENT)?;
    let bytes = value.encode(oid.kind());
    let buffer = user::alloc(bytes.len().max(1));
    user::store(buffer, &bytes);
    let outcome = ask(oid, (0, 0), (buffer, bytes.len() as u64));
    user::free(buffer);
    outcome.map(|_| ())
}

/// One sysctl(2) call; how many bytes the old value has.
fn ask(oid: Oid, old: (u64, u64), new: (u64, u64)) -> Result<u64, i32> {
    if new.0 != 0 && oid.kind() & oid::CTLFLAG_WR == 0 {
        return Err(errno::EPERM);
    }
    if oid.handler() == 0 {
        return Err(match Type::of(oid.kind()) {
            Type::Node => errno::EISDIR,
            _ => errno::EINVAL,
        });
    }
    let request = Request::of_user(old, new);
    match run_handler(oid, request.address()) {
        0 => Ok(request.handed_out()),
        error => Err(error),
    }
}

/// All leaves below `prefix` ("" for the whole tree), in the tree's order.
pub fn leaves(prefix: &str) -> Vec<Description> {
    let mut found = vec![];
    match prefix {
        "" => collect(root(), &mut found),
        _ => match lookup(prefix) {
            Some(oid) if Type::of(oid.kind()) != Type::Node => found.push(describe(oid)),
            Some(oid) => collect(oid.0, &mut found),
            None => {}
        },
    }
    found
}

fn collect(list: u64, found: &mut Vec<Description>) {
    for oid in with(|k| k.sub.sysctl.children(list)) {
        if oid.kind() & (oid::CTLFLAG_DORMANT | oid::CTLFLAG_SKIP) != 0 {
            continue;
        }
        match Type::of(oid.kind()) {
            Type::Node => collect(oid.0, found),
            _ => found.push(describe(oid)),
        }
    }
}

fn describe(oid: Oid) -> Description {
    Description {
        name: path(oid),
        text: oid.description(),
        format: oid.format(),
        writable: oid.kind() & oid::CTLFLAG_WR != 0,
    }
}

impl Machine {
    /// `sysctl name`. The inner error is an errno.
    pub fn sysctl_get(&mut self, name: &str) -> Result<Result<Value, i32>, Stop> {
        let name = name.to_string();
        self.execute("sysctl", move || get(&name))
    }

    /// `sysctl name=value`. The inner error is an errno.
    pub fn sysctl_set(&mut self, name: &str, value: Value) -> Result<Result<(), i32>, Stop> {
        let name = name.to_string();
        self.execute("sysctl", move || set(&name, &value))
    }

    /// `sysctl -d prefix`: every leaf below it.
    pub fn sysctl_leaves(&mut self, prefix: &str) -> Result<Vec<Description>, Stop> {
        let prefix = prefix.to_string();
        self.execute("sysctl", move || leaves(&prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_follow_the_type_of_their_oid() {
        let cases = [
            (2, Value::Int(-5)),
            (6, Value::Uint(4_000_000_000)),
            (8, Value::Uint(u64::MAX)),
            (3, Value::Text("KCS".into())),
            (5, Value::Opaque(vec![1, 2, 3])),
        ];
        for (kind, value) in cases {
            assert_eq!(Value::parse(kind, &value.encode(kind)), value);
        }
    }
}
