// SPDX-License-Identifier: BSD-2-Clause
//! What the tests of the software kernel share: a machine without devices and short names for
//! calling kernel functions as a module would; must not know any driver.
#![allow(dead_code)]

pub mod fake;
pub mod module;

use ipmi_kernel::check::Kind;
use ipmi_kernel::{call, imports, mem, Config, Hardware, HwEvent, Machine};

/// Registers that are not there.
pub struct Nothing;

impl Hardware for Nothing {
    fn port_read(&mut self, _: u16, _: u64) -> u8 {
        0xff
    }
    fn port_write(&mut self, _: u16, _: u8, _: u64) {}
    fn mem_read(&mut self, _: u64, _: u64) -> u8 {
        0xff
    }
    fn mem_write(&mut self, _: u64, _: u8, _: u64) {}
    fn next_event(&self) -> Option<u64> {
        None
    }
    fn advance(&mut self, _: u64) -> Vec<HwEvent> {
        vec![]
    }
}

pub fn machine(seed: u64) -> Machine {
    Machine::new(
        Config {
            seed,
            ..Config::default()
        },
        Box::new(Nothing),
    )
}

/// Calls a kernel function through its stub, on the module stack.
pub fn kernel(name: &str, args: &[u64]) -> u64 {
    call::module(imports::stub(name), args)
}

/// A mutex in kernel memory; what to pass to the mtx functions.
pub fn mutex(name: &str, options: u64) -> u64 {
    let lock = mem::kalloc(32, "test mutex") + 24;
    kernel("_mtx_init", &[lock, mem::intern(name), 0, options]);
    lock
}

pub fn lock(mutex: u64) {
    kernel("__mtx_lock_flags", &[mutex, 0, 0, 0]);
}

pub fn unlock(mutex: u64) {
    kernel("__mtx_unlock_flags", &[mutex, 0, 0, 0]);
}

pub const M_NOWAIT: u64 = 1;
pub const M_WAITOK: u64 = 2;
pub const M_ZERO: u64 = 0x100;

pub fn malloc(len: u64, flags: u64) -> u64 {
    kernel("malloc", &[len, imports::datum("M_TEMP"), flags])
}

pub fn free(address: u64) {
    kernel("free", &[address, imports::datum("M_TEMP")]);
}

/// pause_sbt(9) for that many nanoseconds.
pub fn pause(ns: u64) {
    let sbt = (u128::from(ns) << 32).div_ceil(1_000_000_000) as u64;
    kernel("pause_sbt", &[mem::intern("pause"), sbt, 0, 0]);
}

/// Runs `body` on a machine of its own and expects exactly this violation.
pub fn provoke(kind: Kind, words: &str, body: impl FnOnce() + 'static) {
    let mut machine = machine(1);
    let _ = machine.execute("test", body);
    let found = machine.violations();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].kind, kind, "{found:#?}");
    assert!(found[0].text.contains(words), "{found:#?}");
}
