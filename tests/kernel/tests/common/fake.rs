// SPDX-License-Identifier: BSD-2-Clause
//! A device of two ports and an interrupt line, and a machine with the driver for it; must not
//! know what tests do with them.

use ipmi_kernel::{Config, Hardware, HwEvent, Kld, Machine};

use super::module::compile_source;

pub const PORT: u16 = 0x300;
pub const LINE: u32 = 5;
pub const SECOND: u64 = 1_000_000_000;

/// A byte written to the first port raises the line until the port is read.
#[derive(Default)]
pub struct Fake {
    level: bool,
    changed_at: Option<u64>,
    /// What was written to the second port.
    pub pats: Vec<u8>,
    /// To be sent at that time.
    pub nmi_at: Option<u64>,
}

impl Fake {
    fn set(&mut self, level: bool, now: u64) {
        if level != self.level {
            (self.level, self.changed_at) = (level, Some(now));
        }
    }
}

impl Hardware for Fake {
    fn port_read(&mut self, port: u16, now: u64) -> u8 {
        match port.wrapping_sub(PORT) {
            0 => {
                self.set(false, now);
                0
            }
            1 => u8::from(self.level),
            _ => 0xff,
        }
    }

    fn port_write(&mut self, port: u16, value: u8, now: u64) {
        match port.wrapping_sub(PORT) {
            0 => self.set(true, now),
            1 => self.pats.push(value),
            _ => {}
        }
    }

    fn mem_read(&mut self, _: u64, _: u64) -> u8 {
        0xff
    }

    fn mem_write(&mut self, _: u64, _: u8, _: u64) {}

    fn next_event(&self) -> Option<u64> {
        [self.changed_at, self.nmi_at].into_iter().flatten().min()
    }

    fn advance(&mut self, now: u64) -> Vec<HwEvent> {
        let mut events = vec![];
        if self.changed_at.take_if(|at| *at <= now).is_some() {
            events.push(HwEvent::Irq(LINE, self.level));
        }
        if self.nmi_at.take_if(|at| *at <= now).is_some() {
            events.push(HwEvent::Nmi);
        }
        events
    }
}

/// The `__FreeBSD_version`s that the driver is built for.
pub const RELEASES: [u32; 3] = [1_302_001, 1_403_000, 1_500_068];
pub const NEWEST: u32 = RELEASES[2];

/// A machine with the device's hints and `kenv`, without the driver.
pub fn bare(seed: u64, kenv: &[(&str, &str)]) -> Machine {
    let hints = [
        ("hint.fake.0.at", "isa0"),
        ("hint.fake.0.port", "0x300"),
        ("hint.fake.0.portsize", "2"),
        ("hint.fake.0.irq", "5"),
    ];
    let pair = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
    let config = Config {
        seed,
        kenv: hints.iter().chain(kenv).map(pair).collect(),
        ..Config::default()
    };
    Machine::new(config, Box::new(Fake::default()))
}

/// The driver as a file. `test` keeps tests apart that run at the same time.
pub fn driver(test: &str, release: u32) -> std::path::PathBuf {
    let define = format!("KERNEL={release}");
    compile_source("driver.c", &format!("{test}-{release}"), &[&define])
}

/// A machine with the driver loaded.
pub fn machine(test: &str, release: u32, kenv: &[(&str, &str)]) -> (Machine, Kld) {
    let mut machine = bare(1, kenv);
    let kld = machine.kldload(&driver(test, release));
    let kld = kld.expect("the machine goes on").expect("the driver loads");
    (machine, kld)
}

/// Fails if a rule was broken.
pub fn assert_clean(machine: &Machine) {
    let violations = machine.violations();
    assert!(violations.is_empty(), "{violations:#?}");
}

/// The console without times.
pub fn console(machine: &Machine) -> Vec<String> {
    machine.console().into_iter().map(|l| l.text).collect()
}
