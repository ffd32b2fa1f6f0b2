// SPDX-License-Identifier: BSD-2-Clause
//! devctl(8): devices detached, attached, suspended and resumed by name or location; must not know drivers.

use super::{acpi, attach, pci, Newbus, State};
use crate::machine::{Machine, Stop};
use crate::sched;
use crate::subsystems::{errno, eventhandler};
use crate::with;

impl Newbus {
    /// "ipmi0" as a device.
    fn by_name(&self, name: &str) -> Option<u64> {
        let class = name.trim_end_matches(|c: char| c.is_ascii_digit());
        self.find(class, name[class.len()..].parse().ok()?)
    }

    /// Attached devices but the kernel's own, in the order of the tree.
    fn attached_by_drivers(&self) -> Vec<u64> {
        let mut found = vec![];
        let mut left = vec![self.root];
        while let Some(device) = left.pop() {
            let Some(d) = self.device(device) else {
                continue;
            };
            if d.state == State::Attached && d.attached_once {
                found.push(device);
            }
            left.extend(d.children.iter().rev());
        }
        found
    }
}

/// What to do to a device by name or location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Detach,
    Attach,
    Suspend,
    Resume,
}

/// S3 and back: devices are suspended, everything stands still, devices are resumed.
fn sleep_and_wake(ns: u64) -> i32 {
    eventhandler::invoke("power_suspend_early", &[]);
    let devices = with(|k| k.sub.newbus.attached_by_drivers());
    for (n, device) in devices.iter().enumerate().rev() {
        let error = errno::of(attach::method(*device, "device_suspend_desc", &[]));
        if error != 0 {
            resume(&devices[n + 1..]);
            return error;
        }
    }
    eventhandler::invoke("power_suspend", &[]);
    sched::stop_scheduler();
    sched::spend(ns);
    sched::resume_scheduler();
    resume(&devices);
    eventhandler::invoke("power_resume", &[]);
    0
}

fn resume(devices: &[u64]) {
    for device in devices {
        attach::method(*device, "device_resume_desc", &[]);
    }
}

fn apply(verb: Verb, name: &str) -> i32 {
    let device = with(|k| k.sub.newbus.by_name(name));
    let located = || acpi::named(name).or_else(|| pci::named(name));
    let Some(device) = device.or_else(located) else {
        return errno::ENOENT;
    };
    let state = super::on(device, |d| d.state as u8);
    match verb {
        Verb::Attach if state != State::NotPresent as u8 => errno::EBUSY,
        Verb::Attach => attach::probe_and_attach(device),
        _ if state != State::Attached as u8 => errno::ENXIO,
        Verb::Detach => attach::detach(device),
        Verb::Suspend => errno::of(attach::method(device, "device_suspend_desc", &[])),
        Verb::Resume => errno::of(attach::method(device, "device_resume_desc", &[])),
    }
}

impl Machine {
    fn devctl_verb(&mut self, verb: Verb, name: &str) -> Result<i32, Stop> {
        let name = name.to_string();
        self.execute("devctl", move || apply(verb, &name))
    }

    /// `devctl detach ipmi0`; an errno.
    pub fn device_detach(&mut self, name: &str) -> Result<i32, Stop> {
        self.devctl_verb(Verb::Detach, name)
    }

    /// `devctl attach ipmi0`; an errno.
    pub fn device_attach(&mut self, name: &str) -> Result<i32, Stop> {
        self.devctl_verb(Verb::Attach, name)
    }

    /// `devctl suspend ipmi0`; an errno.
    pub fn device_suspend(&mut self, name: &str) -> Result<i32, Stop> {
        self.devctl_verb(Verb::Suspend, name)
    }

    /// `devctl resume ipmi0`; an errno.
    pub fn device_resume(&mut self, name: &str) -> Result<i32, Stop> {
        self.devctl_verb(Verb::Resume, name)
    }

    /// Suspends the whole machine for `ns`; an errno if a device refused.
    pub fn suspend(&mut self, ns: u64) -> Result<i32, Stop> {
        self.execute("acpiconf", move || sleep_and_wake(ns))
    }

    /// Whether the device exists and a driver has attached to it.
    pub fn is_attached(&mut self, name: &str) -> bool {
        self.with(|k| {
            let newbus = &k.sub.newbus;
            let device = newbus.by_name(name).and_then(|d| newbus.device(d));
            device.is_some_and(|d| d.state == State::Attached)
        })
    }
}
