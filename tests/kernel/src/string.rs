// SPDX-License-Identifier: BSD-2-Clause
//! The functions on bytes and strings that compilers and drivers expect of a kernel; must not
//! know what the bytes mean.

use std::cmp::Ordering;

use crate::args::{Args, Import};
use crate::mem;

/// memcpy and memmove; what the former forbids is not checked, because the kernel's allows it.
fn copy(args: &Args) -> u64 {
    let (to, from, len) = (args.u64(0), args.u64(1), args.u64(2) as usize);
    mem::put(to, &mem::bytes(from, len));
    to
}

fn bcopy(args: &Args) -> u64 {
    let (from, to, len) = (args.u64(0), args.u64(1), args.u64(2) as usize);
    mem::put(to, &mem::bytes(from, len));
    0
}

fn memset(args: &Args) -> u64 {
    mem::fill(args.u64(0), args.u64(1) as u8, args.u64(2) as usize);
    args.u64(0)
}

fn bzero(args: &Args) -> u64 {
    mem::fill(args.u64(0), 0, args.u64(1) as usize);
    0
}

fn sign(order: Ordering) -> u64 {
    order as i64 as u64
}

fn memcmp(args: &Args) -> u64 {
    let len = args.u64(2) as usize;
    sign(mem::bytes(args.u64(0), len).cmp(&mem::bytes(args.u64(1), len)))
}

fn strlen(args: &Args) -> u64 {
    mem::cstr_bytes(args.u64(0)).len() as u64
}

fn strnlen(args: &Args) -> u64 {
    let (at, max) = (args.u64(0), args.u64(1));
    (0..max)
        .find(|i| mem::read::<u8>(at + i) == 0)
        .unwrap_or(max)
}

fn strcmp(args: &Args) -> u64 {
    sign(mem::cstr_bytes(args.u64(0)).cmp(&mem::cstr_bytes(args.u64(1))))
}

/// Up to `max` bytes of a string that need not end.
fn prefix(at: u64, max: u64) -> Vec<u8> {
    (0..max)
        .map(|i| mem::read::<u8>(at + i))
        .take_while(|byte| *byte != 0)
        .collect()
}

fn strncmp(args: &Args) -> u64 {
    let max = args.u64(2);
    sign(prefix(args.u64(0), max).cmp(&prefix(args.u64(1), max)))
}

fn strcasecmp(args: &Args) -> u64 {
    let lower = |at| mem::cstr_bytes(at).to_ascii_lowercase();
    sign(lower(args.u64(0)).cmp(&lower(args.u64(1))))
}

fn strncasecmp(args: &Args) -> u64 {
    let lower = |at| prefix(at, args.u64(2)).to_ascii_lowercase();
    sign(lower(args.u64(0)).cmp(&lower(args.u64(1))))
}

fn strcpy(args: &Args) -> u64 {
    let mut text = mem::cstr_bytes(args.u64(1));
    text.push(0);
    mem::put(args.u64(0), &text);
    args.u64(0)
}

fn strncpy(args: &Args) -> u64 {
    let mut text = prefix(args.u64(1), args.u64(2));
    text.resize(args.u64(2) as usize, 0);
    mem::put(args.u64(0), &text);
    args.u64(0)
}

fn strlcpy(args: &Args) -> u64 {
    let text = mem::cstr_bytes(args.u64(1));
    put_limited(args.u64(0), &text, args.u64(2) as usize);
    text.len() as u64
}

fn strlcat(args: &Args) -> u64 {
    let (to, size) = (args.u64(0), args.u64(2));
    let have = prefix(to, size).len() as u64;
    let text = mem::cstr_bytes(args.u64(1));
    put_limited(to + have, &text, (size - have) as usize);
    have + text.len() as u64
}

/// As much of `text` as fits with a NUL into `size` bytes.
fn put_limited(to: u64, text: &[u8], size: usize) {
    if size > 0 {
        let mut part = text[..text.len().min(size - 1)].to_vec();
        part.push(0);
        mem::put(to, &part);
    }
}

fn strchr(args: &Args) -> u64 {
    let mut text = mem::cstr_bytes(args.u64(0));
    text.push(0);
    let found = text.iter().position(|byte| *byte == args.u64(1) as u8);
    found.map_or(0, |index| args.u64(0) + index as u64)
}

fn strrchr(args: &Args) -> u64 {
    let mut text = mem::cstr_bytes(args.u64(0));
    text.push(0);
    let found = text.iter().rposition(|byte| *byte == args.u64(1) as u8);
    found.map_or(0, |index| args.u64(0) + index as u64)
}

fn strstr(args: &Args) -> u64 {
    let (text, part) = (mem::cstr_bytes(args.u64(0)), mem::cstr_bytes(args.u64(1)));
    let found = (0..=text.len()).find(|i| text[*i..].starts_with(&part));
    found.map_or(0, |index| args.u64(0) + index as u64)
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("memcpy", copy),
        ("memmove", copy),
        ("bcopy", bcopy),
        ("memset", memset),
        ("bzero", bzero),
        ("explicit_bzero", bzero),
        ("memcmp", memcmp),
        ("strlen", strlen),
        ("strnlen", strnlen),
        ("strcmp", strcmp),
        ("strncmp", strncmp),
        ("strcasecmp", strcasecmp),
        ("strncasecmp", strncasecmp),
        ("strcpy", strcpy),
        ("strncpy", strncpy),
        ("strlcpy", strlcpy),
        ("strlcat", strlcat),
        ("strchr", strchr),
        ("strrchr", strrchr),
        ("strstr", strstr),
    ]
}
