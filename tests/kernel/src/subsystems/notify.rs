// SPDX-License-Identifier: BSD-2-Clause
//! devctl(4) notifications, which devd(8) would read; must not know what they announce.

use crate::args::{Args, Import};
use crate::machine::Machine;
use crate::mem;
use crate::sched;
use crate::with;

/// One notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Nanoseconds since boot.
    pub at: u64,
    pub system: String,
    pub subsystem: String,
    pub kind: String,
    /// E.g. "unit=0 timeout=128"; empty when there is none.
    pub data: String,
}

/// devctl_notify(9). In 13 a flags argument may follow; it only says whether to sleep.
fn devctl_notify(args: &Args) -> u64 {
    let data = match args.u64(3) {
        0 => String::new(),
        text => mem::cstr(text),
    };
    let notification = Notification {
        at: sched::now(),
        system: args.str(0),
        subsystem: args.str(1),
        kind: args.str(2),
        data,
    };
    with(|k| k.sub.notifications.push(notification));
    0
}

impl Machine {
    /// Every notification so far.
    pub fn devctl(&self) -> Vec<Notification> {
        self.with(|k| k.sub.notifications.clone())
    }
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("devctl_notify", devctl_notify),
        ("devctl_notify_f", devctl_notify),
    ]
}
