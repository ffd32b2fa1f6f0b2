// SPDX-License-Identifier: BSD-2-Clause
//! What a run leaves behind for a board and a judge: effects on the host, the log of commands, the
//! count of register accesses. It must not decide anything.

use std::collections::VecDeque;

/// Who made the BMC act on the host's power or reset line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The watchdog timer expired; the timer use it was set with (4: SMS/OS).
    Watchdog { timer_use: u8 },
    /// Chassis Control.
    ChassisControl,
}

/// The pre-timeout interrupt of the watchdog timer (IPMI 2.0, table 27-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreTimeoutKind {
    Smi,
    Nmi,
    Messaging,
}

/// What the BMC does to the host. `at` is the exact time in ns, which may be before the `now` of
/// the `advance` that hands it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    HostReset {
        at: u64,
        cause: Cause,
    },
    PowerCycle {
        at: u64,
        cause: Cause,
    },
    PowerOff {
        at: u64,
        cause: Cause,
    },
    /// Chassis Control 1: the host is powered up.
    PowerOn {
        at: u64,
    },
    /// Chassis Control 4: a diagnostic interrupt, an NMI on a PC.
    DiagnosticInterrupt {
        at: u64,
    },
    /// Chassis Control 5: the power button pressed in software.
    SoftShutdown {
        at: u64,
    },
    PreTimeout {
        at: u64,
        kind: PreTimeoutKind,
    },
    /// SMS_ATN rises or falls.
    Attention(bool),
    /// The interface's interrupt line rises or falls.
    Interrupt(bool),
    /// The BMC has come up again after a reset of its own.
    Rebooted {
        at: u64,
    },
}

/// A command the BMC ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub at: u64,
    pub netfn: u8,
    pub lun: u8,
    pub cmd: u8,
    pub data: Vec<u8>,
    pub completion: u8,
    /// The data after the completion code, before any fault spoilt it.
    pub reply: Vec<u8>,
    /// The host had cancelled it: nobody saw the reply.
    pub cancelled: bool,
}

/// The newest records; the oldest are dropped and counted.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    kept: VecDeque<Record>,
    limit: usize,
    pub(crate) total: u64,
}

impl Records {
    pub(crate) fn new(limit: usize) -> Records {
        Records {
            kept: VecDeque::new(),
            limit,
            total: 0,
        }
    }

    pub(crate) fn push(&mut self, record: Record) {
        if self.kept.len() >= self.limit {
            self.kept.pop_front();
        }
        self.total += 1;
        self.kept.push_back(record);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Record> {
        self.kept.iter()
    }
}

/// How often the host touched the registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accesses {
    pub reads: u64,
    pub writes: u64,
    /// Accesses that break the interface's protocol, such as a write while IBF is set.
    pub violations: u64,
}
