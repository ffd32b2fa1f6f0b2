// SPDX-License-Identifier: BSD-2-Clause
//! printf(9) and its relatives as imports; must not know what is printed or why.

pub mod console;
pub mod format;
pub mod sbuf;

use crate::args::{Args, Import};
use crate::mem;
use crate::sched;
use crate::subsystems::newbus;
use crate::with;
use format::Source;

/// The arguments of a variadic import, from argument `next` on.
pub struct Variadic<'a> {
    args: &'a Args,
    next: usize,
}

impl<'a> Variadic<'a> {
    pub fn new(args: &'a Args, next: usize) -> Variadic<'a> {
        Variadic { args, next }
    }
}

impl Source for Variadic<'_> {
    fn next(&mut self) -> u64 {
        self.next += 1;
        self.args.u64(self.next - 1)
    }

    fn byte(&mut self, address: u64) -> u8 {
        mem::read(address)
    }
}

/// The arguments of a `v…` import: a `va_list` of the System V ABI, advanced in place.
pub struct VaList(u64);

impl VaList {
    const REG_SAVE_LEN: u32 = 48;
    const OVERFLOW: u64 = 8;
    const REG_SAVE: u64 = 16;

    pub fn new(address: u64) -> VaList {
        VaList(address)
    }
}

impl Source for VaList {
    fn next(&mut self) -> u64 {
        let used: u32 = mem::read(self.0);
        if used < Self::REG_SAVE_LEN {
            mem::write(self.0, used + 8);
            let registers: u64 = mem::read(self.0 + Self::REG_SAVE);
            return mem::read(registers + u64::from(used));
        }
        let overflow: u64 = mem::read(self.0 + Self::OVERFLOW);
        mem::write(self.0 + Self::OVERFLOW, overflow + 8);
        mem::read(overflow)
    }

    fn byte(&mut self, address: u64) -> u8 {
        mem::read(address)
    }
}

/// Expands the format at argument `format`, whose arguments are the next ones.
pub fn expand(args: &Args, format: usize) -> Vec<u8> {
    let text = mem::cstr_bytes(args.u64(format));
    format::format(&text, &mut Variadic::new(args, format + 1))
}

/// Expands the format at argument `format`, whose arguments the next one, a `va_list`, holds.
pub fn expand_list(args: &Args, format: usize) -> Vec<u8> {
    let text = mem::cstr_bytes(args.u64(format));
    format::format(&text, &mut VaList::new(args.u64(format + 1)))
}

/// Prints to the console from the kernel's own code.
pub fn console(text: &str) {
    emit(text.as_bytes());
}

fn emit(text: &[u8]) -> u64 {
    let now = sched::now();
    with(|k| k.sub.console.print(now, text));
    text.len() as u64
}

/// Stores `text` as snprintf(9) does and returns its whole length.
fn store(text: &[u8], buffer: u64, room: u64) -> u64 {
    if room > 0 {
        let kept = text.len().min(room as usize - 1);
        mem::put(buffer, &text[..kept]);
        mem::write(buffer + kept as u64, 0u8);
    }
    text.len() as u64
}

fn printf(args: &Args) -> u64 {
    emit(&expand(args, 0))
}

fn vprintf(args: &Args) -> u64 {
    emit(&expand_list(args, 0))
}

/// Nobody has /dev/klog open, so log(9) reaches the console whatever its level.
fn log(args: &Args) -> u64 {
    emit(&expand(args, 1))
}

fn vlog(args: &Args) -> u64 {
    emit(&expand_list(args, 1))
}

fn snprintf(args: &Args) -> u64 {
    store(&expand(args, 2), args.u64(0), args.u64(1))
}

fn vsnprintf(args: &Args) -> u64 {
    store(&expand_list(args, 2), args.u64(0), args.u64(1))
}

fn sprintf(args: &Args) -> u64 {
    store(&expand(args, 1), args.u64(0), u64::MAX)
}

fn device_printf(args: &Args) -> u64 {
    let prefix = newbus::print_prefix(args.u64(0));
    emit(&[prefix.as_bytes(), &expand(args, 1)].concat())
}

fn device_log(args: &Args) -> u64 {
    let prefix = newbus::print_prefix(args.u64(0));
    emit(&[prefix.as_bytes(), &expand(args, 2)].concat())
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("printf", printf),
        ("vprintf", vprintf),
        ("uprintf", printf),
        ("log", log),
        ("vlog", vlog),
        ("snprintf", snprintf),
        ("vsnprintf", vsnprintf),
        ("sprintf", sprintf),
        ("device_printf", device_printf),
        ("device_log", device_log),
    ]
}
