// SPDX-License-Identifier: BSD-2-Clause
//! devctl(8): devices detached, attached, suspended and resumed by name; must not know drivers.

use super::{attach, Newbus, State};
use crate::machine::{Machine, Stop};
use crate::subsystems::errno;
use crate::with;

impl Newbus {
    /// "ipmi0" as a device.
    fn by_name(&self, name: &str) -> Option<u64> {
        let class = name.trim_end_matches(|c: char| c.is_ascii_digit());
        self.find(class, name[class.len()..].parse().ok()?)
    }
}

/// What to do to a device by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Detach,
    Attach,
    Suspend,
    Resume,
}

fn apply(verb: Verb, name: &str) -> i32 {
    let Some(device) = with(|k| k.sub.newbus.by_name(name)) else {
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

    /// Whether the device exists and a driver has attached to it.
    pub fn is_attached(&mut self, name: &str) -> bool {
        self.with(|k| {
            let newbus = &k.sub.newbus;
            let device = newbus.by_name(name).and_then(|d| newbus.device(d));
            device.is_some_and(|d| d.state == State::Attached)
        })
    }
}
