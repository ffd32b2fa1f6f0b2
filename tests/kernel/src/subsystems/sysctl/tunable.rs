// SPDX-License-Identifier: BSD-2-Clause
//! Tunables: values that an oid takes from the kernel environment when it is registered; must not
//! know where the environment comes from.

use super::oid::{Oid, Type};
use super::{path, request, run_handler};
use crate::subsystems::{kenv, printf};

/// Writes the tunable of `oid`, if the environment has it, through its own handler.
pub fn fetch(oid: Oid) {
    let name = path(oid);
    let Some(text) = kenv::get(&name) else { return };
    let value = match Type::of(oid.kind()) {
        Type::Integer(width, _) => match number(&text) {
            Some(value) => value.to_le_bytes()[..width].to_vec(),
            None => return,
        },
        Type::String => text.into_bytes(),
        Type::Node | Type::Opaque => return,
    };
    let req = request::Request::in_kernel(&value);
    let error = run_handler(oid, req.address());
    if error != 0 {
        printf::console(&format!("Setting sysctl {name} failed: {error}\n"));
    }
}

/// A number as the kernel environment allows it: C notation and a suffix k, m, g or t.
pub fn number(text: &str) -> Option<i64> {
    let text = text.trim();
    let (at, last) = text.char_indices().last()?;
    let (text, factor) = match suffix(last) {
        Some(shift) if !text.starts_with("0x") => (&text[..at], 1i64 << shift),
        _ => (text, 1),
    };
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let magnitude = if let Some(hex) = digits.strip_prefix("0x") {
        u64::from_str_radix(hex, 16).ok()?
    } else if digits.len() > 1 && digits.starts_with('0') {
        u64::from_str_radix(digits, 8).ok()?
    } else {
        digits.parse().ok()?
    };
    let value = (magnitude as i64).wrapping_mul(factor);
    Some(if negative { -value } else { value })
}

fn suffix(letter: char) -> Option<u32> {
    match letter.to_ascii_lowercase() {
        'k' => Some(10),
        'm' => Some(20),
        'g' => Some(30),
        't' => Some(40),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_c_notation_with_a_suffix() {
        assert_eq!(number("120"), Some(120));
        assert_eq!(number("-1"), Some(-1));
        assert_eq!(number("0xca2"), Some(0xca2));
        assert_eq!(number("010"), Some(8));
        assert_eq!(number("4k"), Some(4096));
        assert_eq!(number("0x1g"), None);
        assert_eq!(number("KCS"), None);
        assert_eq!(number(""), None);
    }
}
