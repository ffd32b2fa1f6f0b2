// SPDX-License-Identifier: BSD-2-Clause
//! A machine as a test sees it: configuration, hardware, running, results; must not know how
//! threads are switched or what subsystems do.

use std::any::Any;

use crate::check::Violation;
use crate::sched::Tid;

/// What the machine's registers are connected to. Times are nanoseconds since boot.
pub trait Hardware: Any + Send {
    fn port_read(&mut self, port: u16, now: u64) -> u8;
    fn port_write(&mut self, port: u16, value: u8, now: u64);
    fn mem_read(&mut self, address: u64, now: u64) -> u8;
    fn mem_write(&mut self, address: u64, value: u8, now: u64);
    /// When [`Hardware::advance`] next has something to say.
    fn next_event(&self) -> Option<u64>;
    /// Everything that happened up to `now`.
    fn advance(&mut self, now: u64) -> Vec<HwEvent>;
}

/// What hardware does to its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HwEvent {
    /// The reason, in words.
    HostReset(String),
    PowerCycle,
    PowerOff,
    Nmi,
    /// Interrupt line and level.
    Irq(u32, bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Jumps to the next event when everybody waits.
    Virtual,
    /// The host's monotonic clock.
    Real,
}

/// How eagerly the seed interferes.
#[derive(Clone, Copy, Debug)]
pub struct Preempt {
    /// Chance in 1024, at every scheduling point, that another ready thread goes first.
    pub switch_per_1024: u32,
    /// Chance in a million, at every scheduling point, that the thread loses its processor...
    pub stall_per_million: u32,
    /// ...for up to this many nanoseconds.
    pub stall_max_ns: u64,
}

impl Default for Preempt {
    fn default() -> Preempt {
        Preempt {
            switch_per_1024: 128,
            stall_per_million: 200,
            stall_max_ns: 2_000_000,
        }
    }
}

/// What a machine is made of.
#[derive(Clone, Debug)]
pub struct Config {
    pub seed: u64,
    pub clock: Clock,
    /// Hints and tunables as kenv(1) shows them.
    pub kenv: Vec<(String, String)>,
    pub preempt: Preempt,
    /// Processors: how many threads may spend time at once.
    pub cpus: usize,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            seed: 0,
            clock: Clock::Virtual,
            kenv: vec![],
            preempt: Preempt::default(),
            cpus: 4,
        }
    }
}

/// Why [`Machine::run_until`] came back.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    /// The time asked for has come.
    Time,
    /// Nothing will ever happen again.
    Idle,
    /// A fatal violation; the machine is dead.
    Violation,
    /// The hardware reset the host or switched it off; the machine is dead.
    Host(HwEvent),
    /// The kernel ended by itself: reboot(2), the end of a panic; the machine is dead.
    Halted(String),
}

/// One machine. Belongs to the host thread that made it.
pub struct Machine {
    _kernel: *mut crate::kernel::Kernel,
}

impl Machine {
    pub fn new(_config: Config, _hardware: Box<dyn Hardware>) -> Machine {
        todo!()
    }

    /// Runs until the clock shows `t` or nothing more can happen before.
    pub fn run_until(&mut self, _t: u64) -> Stop {
        todo!()
    }

    /// Runs `body` as a thread called `name` and the machine until it has ended. `Err` tells why
    /// it could not end.
    pub fn execute<R: 'static>(
        &mut self,
        name: &str,
        body: impl FnOnce() -> R + 'static,
    ) -> Result<R, Stop> {
        let _ = (name, body);
        todo!()
    }

    /// Borrows the kernel from outside, between runs.
    pub fn with<R>(&mut self, f: impl FnOnce(&mut crate::kernel::Kernel) -> R) -> R {
        let _ = f;
        todo!()
    }

    pub fn now(&self) -> u64 {
        todo!()
    }

    pub fn violations(&self) -> &[Violation] {
        todo!()
    }

    /// The hardware, as what it was when it was handed in. Panics if it was something else.
    pub fn hardware<T: Hardware>(&mut self) -> &mut T {
        todo!()
    }

    /// Makes a thread; see [`crate::sched::spawn`].
    pub fn spawn_thread(&mut self, _name: &str, _body: impl FnOnce() + 'static) -> Tid {
        todo!()
    }
}
