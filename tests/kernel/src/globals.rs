// SPDX-License-Identifier: BSD-2-Clause
//! The kernel's own variables that modules import, and their values as time passes and the
//! scheduler stops; must not know who reads them.

use std::collections::BTreeMap;

use crate::args::Import;
use crate::imports::{self, Datum};
use crate::kernel::{with, Kernel};
use crate::layout::{NAME, PROC};
use crate::low::Region;
use crate::mem;
use crate::sched::Tid;

/// Ticks a second.
pub const HZ: u64 = 1000;
/// Nanoseconds a tick.
const TICK: u64 = 1_000_000_000 / HZ;
/// As kern_clock.c does it: `ticks` wraps ten minutes after boot, to find those who forget.
const TICKS_AT_BOOT: i32 = i32::MAX - 10 * 60 * HZ as i32;

/// Where this machine's variables are.
#[derive(Default)]
pub struct Globals {
    memory: Option<Region>,
    addresses: BTreeMap<&'static str, u64>,
    ticks: Option<u64>,
    ticks_shown: u64,
}

impl Globals {
    /// The address of a variable, below 2 GiB.
    pub fn address(&self, name: &str) -> Option<u64> {
        self.addresses.get(name).copied()
    }

    /// Places every variable, zeroed.
    pub(crate) fn place(data: &[&'static Datum]) -> Globals {
        let mut offset = 0;
        let mut offsets = vec![];
        for datum in data {
            offsets.push((datum.name, offset));
            offset = (offset + datum.size as u64).next_multiple_of(16);
        }
        let memory = Region::new(offset as usize);
        let place = |(name, offset)| (name, memory.base() + offset);
        let addresses: BTreeMap<_, _> = offsets.into_iter().map(place).collect();
        assert_eq!(
            addresses.len(),
            data.len(),
            "a kernel variable is defined twice"
        );
        let ticks = addresses.get("ticks").copied();
        Globals {
            memory: Some(memory),
            addresses,
            ticks,
            ticks_shown: 0,
        }
    }

    /// Which variable `address` is in, for messages.
    pub fn name_at(&self, address: u64) -> Option<&'static str> {
        let memory = self.memory.as_ref()?;
        let inside = memory.contains(address);
        let before = self.addresses.iter().filter(|(_, at)| **at <= address);
        before
            .max_by_key(|(_, at)| **at)
            .filter(|_| inside)
            .map(|(name, _)| *name)
    }
}

impl Kernel {
    /// Lets the `ticks` variable follow the clock.
    pub(crate) fn update_ticks(&mut self) {
        let count = self.sched.ticking_ns() / TICK;
        if count == self.globals.ticks_shown || self.sched.is_stopped() {
            return;
        }
        self.globals.ticks_shown = count;
        if let Some(address) = self.globals.ticks {
            // SAFETY: the variable is four bytes of this kernel's own memory.
            unsafe { *(address as *mut i32) = TICKS_AT_BOOT.wrapping_add(count as i32) };
        }
    }

    /// Lets SCHEDULER_STOPPED() of every release see whether it is.
    pub(crate) fn show_stopped(&mut self) {
        let stopped = self.sched.is_stopped();
        if let Some(address) = self.globals.address("scheduler_stopped") {
            mem::put_raw(address, &[u8::from(stopped)]);
        }
        if let Some(offset) = self.generation.layout().td_stopsched {
            let td = self.current_mut().struct_thread();
            mem::put_raw(td + offset, &[u8::from(stopped)]);
        }
    }

    /// Fills in `struct thread` and `struct proc` as the loaded module expects them.
    pub(crate) fn describe_thread(&mut self, tid: Tid, td: u64) {
        let layout = self.generation.layout();
        let name = &self.thread(tid).name;
        let mut text = [0; NAME + 1];
        let len = name.len().min(NAME);
        text[..len].copy_from_slice(&name.as_bytes()[..len]);
        let id = 100_000 + tid.0;
        mem::put_raw(td, &[0; PROC as usize * 2]);
        mem::put_raw(td + layout.td_proc, &(td + PROC).to_ne_bytes());
        mem::put_raw(td + layout.td_tid, &id.to_ne_bytes());
        mem::put_raw(td + layout.td_name, &text);
        mem::put_raw(td + PROC + layout.p_pid, &tid.0.to_ne_bytes());
        mem::put_raw(td + PROC + layout.p_comm, &text);
    }

    /// The release has become known: lays out every thread again.
    pub(crate) fn describe_threads(&mut self) {
        for tid in 1..self.sched.threads.len() as u32 {
            let td = self.thread(Tid(tid)).struct_thread();
            if td != 0 {
                self.describe_thread(Tid(tid), td);
            }
        }
        if let Some(address) = self.globals.address("osreldate") {
            mem::put_raw(address, &self.generation.osreldate().to_ne_bytes());
        }
    }
}

/// An address in the kernel's data, for symbols that only need one.
pub(crate) fn first_address() -> u64 {
    imports::datum("ticks")
}

/// Sets an `int` variable, e.g. `dumping`.
pub fn set_int(name: &str, value: i32) {
    mem::write(imports::datum(name), value);
}

/// The value of an `int` variable.
pub fn int(name: &str) -> i32 {
    mem::read(imports::datum(name))
}

pub fn data() -> &'static [Datum] {
    const INT: usize = 4;
    const POINTER: usize = 8;
    fn zero(_: u64) {}
    &[
        Datum {
            name: "ticks",
            size: INT,
            init: |at| mem::write(at, TICKS_AT_BOOT),
        },
        Datum {
            name: "hz",
            size: INT,
            init: |at| mem::write(at, HZ as i32),
        },
        Datum {
            name: "tick",
            size: INT,
            init: |at| mem::write(at, (TICK / 1000) as i32),
        },
        Datum {
            name: "tick_sbt",
            size: 8,
            init: |at| mem::write(at, (1u64 << 32) / HZ),
        },
        Datum {
            name: "sbt_timethreshold",
            size: 8,
            init: zero,
        },
        Datum {
            name: "sbt_tickthreshold",
            size: 8,
            init: zero,
        },
        Datum {
            name: "tc_precexp",
            size: INT,
            init: |at| mem::write(at, 5i32),
        },
        Datum {
            name: "cold",
            size: INT,
            init: zero,
        },
        Datum {
            name: "rebooting",
            size: INT,
            init: zero,
        },
        Datum {
            name: "dumping",
            size: INT,
            init: zero,
        },
        Datum {
            name: "kdb_active",
            size: INT,
            init: zero,
        },
        Datum {
            name: "scheduler_stopped",
            size: 1,
            init: zero,
        },
        Datum {
            name: "panicstr",
            size: POINTER,
            init: zero,
        },
        Datum {
            name: "panicked",
            size: 1,
            init: zero,
        },
        Datum {
            name: "bootverbose",
            size: INT,
            init: zero,
        },
        Datum {
            name: "mp_ncpus",
            size: INT,
            init: |at| mem::write(at, with(|k| k.config.cpus as i32)),
        },
        Datum {
            name: "mp_maxid",
            size: INT,
            init: |at| mem::write(at, with(|k| k.config.cpus as i32 - 1)),
        },
        Datum {
            name: "osreldate",
            size: INT,
            init: |at| mem::write(at, with(|k| k.generation.osreldate())),
        },
        Datum {
            name: "__stack_chk_guard",
            size: 64,
            init: stack_guard,
        },
    ]
}

/// A canary with a NUL byte, as string functions must not copy it.
fn stack_guard(at: u64) {
    for word in 0..8 {
        mem::write(at + 8 * word, 0x00ba_dcaf_e0dd_ba11_u64 ^ word << 56);
    }
}

fn stack_smashed(_: &crate::args::Args) -> u64 {
    crate::check::fatal(crate::check::Kind::Memory, "stack smashing detected")
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[("__stack_chk_fail", stack_smashed)]
}
