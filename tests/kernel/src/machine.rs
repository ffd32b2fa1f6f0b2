// SPDX-License-Identifier: BSD-2-Clause
//! A machine as a test sees it: configuration, hardware, running, results; must not know how
//! threads are switched or what subsystems do.

use std::any::Any;
use std::cell::Cell;
use std::panic;
use std::rc::Rc;

use crate::check::Violation;
use crate::globals::Globals;
use crate::imports;
use crate::kernel::{with, Entered, Kernel};
use crate::sched::{self, Bell, Role, Tid};
use crate::subsystems::newbus::{acpi::AcpiDevice, pci::PciDevice};

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
    /// What firmware has left in physical memory, as (address, bytes); the rest reads as zero.
    fn firmware(&self) -> Vec<(u64, Vec<u8>)> {
        vec![]
    }
    /// The tables that EFI knows, as (GUID in memory, address).
    fn efi(&self) -> Vec<([u8; 16], u64)> {
        vec![]
    }
    /// The devices in ACPI's namespace.
    fn acpi(&self) -> Vec<AcpiDevice> {
        vec![]
    }
    /// The devices on the PCI bus.
    fn pci(&self) -> Vec<PciDevice> {
        vec![]
    }
    /// The SMBus, if there is one.
    fn smbus(&mut self) -> Option<&mut dyn Smbus> {
        None
    }
    /// How many SMBuses with nobody on them are found before it.
    fn empty_smbuses(&self) -> i32 {
        0
    }
}

/// An SMBus. An address has eight bits, the lowest clear.
pub trait Smbus {
    /// Block Write of up to 32 bytes.
    fn write(&mut self, address: u8, command: u8, block: &[u8], now: u64) -> Transfer<()>;
    /// Block Read.
    fn read(&mut self, address: u8, command: u8, now: u64) -> Transfer<Vec<u8>>;
}

/// How a transfer on the SMBus ended, and for how many nanoseconds it lasted.
pub struct Transfer<T> {
    pub outcome: Result<T, SmbusError>,
    pub took: u64,
}

/// Why a transfer on the SMBus failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmbusError {
    /// Nobody acknowledged.
    Nak,
    /// Somebody else holds the bus.
    Busy,
    /// The clock was held for too long.
    Timeout,
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
        let preempt = Preempt::default();
        Config {
            seed: 0,
            clock: Clock::Virtual,
            kenv: vec![],
            preempt,
            cpus: 4,
        }
    }
}

/// Why [`Machine::run_until`] came back.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    /// The time asked for has come, the thread waited for has ended or the bell has rung.
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

/// What a thread has cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadUsage {
    pub tid: Tid,
    pub name: String,
    /// Made by the module.
    pub of_module: bool,
    /// Nanoseconds on a processor: delays, register accesses and context switches.
    pub busy_ns: u64,
}

/// What a run has cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    pub threads: Vec<ThreadUsage>,
    pub register_reads: u64,
    pub register_writes: u64,
    /// Time-outs that waits on condition variables and callouts have armed, which costs a real
    /// kernel more than a whole wait without.
    pub timeouts: u64,
    /// Reads of a clock that is hardware.
    pub clock_reads: u64,
    /// The deepest module stack of a thread that has ended, in bytes.
    pub deepest_stack: usize,
    /// A digest of every scheduling decision: equal for equal runs.
    pub trace: u64,
}

/// Virtual time after which a thread that [`Machine::execute`] waits for counts as stuck.
const PATIENCE: u64 = 3_600_000_000_000;

/// One machine. Belongs to the host thread that made it.
pub struct Machine {
    kernel: *mut Kernel,
}

impl Machine {
    /// Boots a machine. Its clock starts at one second, as if the boot had taken that long.
    pub fn new(config: Config, hardware: Box<dyn Hardware>) -> Machine {
        let machine = Machine {
            kernel: Box::into_raw(Kernel::new(config, hardware)),
        };
        let _entered = machine.enter();
        let data = imports::data();
        with(|k| k.globals = Globals::place(&data));
        for datum in &data {
            (datum.init)(imports::datum(datum.name));
        }
        with(|k| {
            k.update_ticks();
            k.start_system_threads();
            k.refresh_hardware();
        });
        machine
    }

    /// Makes this the machine that [`with`] means, until the value is dropped.
    pub(crate) fn enter(&self) -> Entered {
        // SAFETY: the kernel lives as long as `self`, and references to it exist in `with` only.
        unsafe { Entered::new(self.kernel) }
    }

    /// Runs until the clock shows `t` or the machine ends.
    pub fn run_until(&mut self, t: u64) -> Stop {
        self.run(t, None)
    }

    /// What ends a run of a machine on the real clock from outside.
    pub fn bell(&self) -> Bell {
        self.with(|k| k.sched.clock.bell.clone())
    }

    /// Runs until nothing will ever happen again or the machine ends.
    pub fn run_to_idle(&mut self) -> Stop {
        self.run(u64::MAX, None)
    }

    fn run(&mut self, limit: u64, awaited: Option<Tid>) -> Stop {
        let _entered = self.enter();
        let stop = sched::run(limit, awaited);
        if let Some(payload) = with(|k| k.sched.panic.take()) {
            panic::resume_unwind(payload);
        }
        stop
    }

    /// Runs `body` as a kernel thread called `name` and the machine until it has ended. `Err`
    /// tells why it could not end.
    pub fn execute<R: 'static>(
        &mut self,
        name: &str,
        body: impl FnOnce() -> R + 'static,
    ) -> Result<R, Stop> {
        let result = Rc::new(Cell::new(None));
        let slot = Rc::clone(&result);
        let tid = self.spawn_thread(name, move || slot.set(Some(body())));
        let limit = self.now().saturating_add(PATIENCE);
        let stop = self.run(limit, Some(tid));
        result.take().ok_or(stop)
    }

    /// Makes a kernel thread; it starts with the next run.
    pub fn spawn_thread(&mut self, name: &str, body: impl FnOnce() + 'static) -> Tid {
        self.with(|k| k.spawn(name, Role::Kernel, Box::new(body)))
    }

    /// Borrows the kernel from outside, between runs.
    pub fn with<R>(&self, f: impl FnOnce(&mut Kernel) -> R) -> R {
        let _entered = self.enter();
        with(f)
    }

    /// Nanoseconds since boot.
    pub fn now(&self) -> u64 {
        self.with(|k| k.sched.clock.now())
    }

    /// Rules broken so far.
    pub fn violations(&self) -> Vec<Violation> {
        self.with(|k| k.violations.clone())
    }

    /// What the run has cost so far.
    pub fn usage(&self) -> Usage {
        self.with(|k| {
            let threads = k.sched.threads.iter().skip(1).map(|thread| ThreadUsage {
                tid: thread.tid,
                name: thread.name.clone(),
                of_module: thread.role == Role::Module,
                busy_ns: thread.busy,
            });
            Usage {
                threads: threads.collect(),
                register_reads: k.registers.reads,
                register_writes: k.registers.writes,
                timeouts: k.sched.timeouts,
                clock_reads: k.sched.clock_reads,
                deepest_stack: k.sched.deepest,
                trace: k.sched.trace,
            }
        })
    }

    /// Borrows the hardware as what it was when it was handed in. Panics if it was something else.
    pub fn hardware<T: Hardware, R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        self.with(|k| k.hardware_as(f))
    }
}

impl Kernel {
    /// See [`Machine::hardware`]; for threads of the machine itself.
    pub fn hardware_as<T: Hardware, R>(&mut self, f: impl FnOnce(&mut T) -> R) -> R {
        let hardware: &mut dyn Any = &mut *self.hardware;
        let result = f(hardware
            .downcast_mut()
            .expect("the hardware is of another type"));
        // The caller may have changed when it speaks next.
        self.refresh_hardware();
        result
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let entered = self.enter();
        sched::kill_all();
        drop(entered);
        // SAFETY: made by Box::into_raw; no thread is left that could refer to it.
        drop(unsafe { Box::from_raw(self.kernel) });
    }
}
