// SPDX-License-Identifier: BSD-2-Clause
//! Machines for the subsystems' own tests: nothing behind the registers; must not know what is
//! tested.

use crate::call;
use crate::imports;
use crate::machine::{Config, Hardware, HwEvent, Machine};

/// Registers that nobody drives.
struct Nothing;

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

/// A machine without a module, booted as the default release.
pub fn machine() -> Machine {
    machine_with(&[])
}

/// The same with a kernel environment.
pub fn machine_with(kenv: &[(&str, &str)]) -> Machine {
    let pair = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
    let config = Config {
        kenv: kenv.iter().map(pair).collect(),
        ..Config::default()
    };
    let mut machine = Machine::new(config, Box::new(Nothing));
    let boot = || {
        super::kld::boot();
        super::newbus::isa::enumerate_hinted_children();
    };
    machine.execute("swapper", boot).unwrap();
    machine
}

/// Calls the kernel function `name` as a module would.
pub fn kernel(name: &str, args: &[u64]) -> u64 {
    call::module(imports::stub(name), args)
}

/// Runs `body` as a kernel thread of a fresh machine; no rule may be broken.
pub fn on_machine<R: 'static>(body: impl FnOnce() -> R + 'static) -> R {
    let mut machine = machine();
    let result = machine.execute("test", body);
    let violations = machine.violations();
    assert!(violations.is_empty(), "{violations:?}");
    result.expect("the thread ends")
}
