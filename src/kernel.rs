// SPDX-License-Identifier: BSD-2-Clause
//! The kernel as the core sees it. `kpi` implements it over FreeBSD's KPI, the unit tests
//! over a script; nothing else stands between the core and its host.

use crate::atomic::Ordering::Release;
use crate::atomic::{AtomicBool, AtomicU32, AtomicU64};
use crate::handover::Handover;
use crate::interrupt::Interrupt;
use crate::latch::Latch;
use crate::line::Line;
use crate::state::State;
use crate::time::Instant;
use crate::transport::ssif::{Block, Transfer};
use crate::wire::interface::Kind;

/// What the caller of a driver entry may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// Sleep: the request is deferred to the worker.
    MaySleep,
    /// The scheduler runs but this thread must not sleep: leave a note and go.
    NoSleep,
    /// A dump while the scheduler runs: take the hardware over and poll, but others may hold
    /// the lock and let go of it.
    Dumping,
    /// Panic or kdb: nobody else moves, so the caller takes the hardware over and polls.
    Stopped,
}

/// Who sleeps on a condition variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// The worker, for something to do.
    Worker,
    /// Watchdog handlers and detach, for an answer.
    Answer,
}

/// What a closure under the lock says to [`Kernel::wait`].
pub enum Step<R> {
    /// The wait is over.
    Ready(R),
    /// Sleep until woken, or until the instant.
    Sleep(Option<Instant>),
}

/// The errors that the driver reports, by their errno(2) names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errno {
    /// EAGAIN: nothing waits.
    Again,
    /// EFAULT: an address that is not the caller's.
    BadAddress,
    /// EBUSY: too many requests or descriptors.
    Busy,
    /// EINVAL: a value that no BMC can take.
    Invalid,
    /// EIO: the BMC failed to answer.
    Io,
    /// EMSGSIZE: a message longer than the interface or the caller's room.
    MessageSize,
    /// ENXIO: the device is going away.
    Gone,
    /// ETIMEDOUT: the BMC counts as unresponsive, or did not confirm in time.
    TimedOut,
}

/// What becomes of a watchdog timer that firmware left running (`hw.ipmi.wd_adopt`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adopt {
    /// Keep it from expiring until the first pat.
    Keep,
    /// Stop it.
    Stop,
    /// Leave it alone.
    Leave,
}

/// Who calls: the process behind the calling thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// Process id.
    pub pid: u32,
    /// Its command name, ended by a zero byte.
    pub name: [u8; 20],
}

/// The tunables, read afresh at each use; units as in ipmi(4).
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// `hw.ipmi.on`.
    pub on: bool,
    /// `hw.ipmi.wd_timer_actions`, its pre-timeout interrupt replaced by
    /// `hw.ipmi.wd_pretimeout_int` where that is set; bits as in Set Watchdog Timer (section 27.6).
    pub actions: u8,
    /// `hw.ipmi.wd_pretimeout_countdown`, seconds.
    pub pretimeout: i32,
    /// `hw.ipmi.wd_startup_countdown`, seconds.
    pub startup_countdown: i32,
    /// `hw.ipmi.wd_shutdown_countdown`, seconds.
    pub shutdown_countdown: i32,
    /// `hw.ipmi.wd_panic_countdown`, seconds.
    pub panic_countdown: i32,
    /// `hw.ipmi.panic_sel`.
    pub panic_sel: bool,
    /// `hw.ipmi.wd_min_timeout`, in nanoseconds.
    pub min_timeout: u64,
    /// `hw.ipmi.wd_margin`, in nanoseconds.
    pub margin: u64,
    /// `hw.ipmi.wd_verify_interval`, in nanoseconds; 0 for never.
    pub verify_interval: u64,
    /// `hw.ipmi.wd_adopt`.
    pub adopt: Adopt,
    /// `hw.ipmi.wd_pat_wait_ms`, in nanoseconds.
    pub pat_wait: u64,
    /// `hw.ipmi.max_requests_per_open`.
    pub max_requests: u32,
    /// `hw.ipmi.max_opens`.
    pub max_opens: u32,
}

/// What is read without the lock, between two bytes and where nobody may wait for a lock.
pub struct Shared {
    /// The driver goes away: the attempt in flight ends.
    pub exiting: AtomicBool,
    /// When the oldest waiting driver request came, in nanoseconds since boot; 0 for none.
    pub driver_waits: AtomicU64,
    /// Whose the hardware is.
    pub handover: Handover,
    /// What an NMI, a veto and a pat that finds the lock held need to know of the watchdog.
    pub watchdog: Latch<4>,
    /// Watchdog handlers that wait for the BMC just now.
    pub handlers: AtomicU32,
    /// When an NMI was last taken for the BMC's pre-timeout, in nanoseconds since boot; 0 for never.
    pub nmi_at: AtomicU64,
    /// It was, and the state does not know yet.
    pub nmi_untold: AtomicBool,
    /// Pats without the lock that failed in a row.
    pub blind_failures: AtomicU32,
    /// What the interrupt filter shares with who touches registers.
    pub interrupt: Interrupt,
}

impl Shared {
    /// Nothing has happened yet.
    pub fn new() -> Shared {
        Shared {
            exiting: AtomicBool::new(false),
            driver_waits: AtomicU64::new(0),
            handover: Handover::new(),
            watchdog: Latch::new(),
            handlers: AtomicU32::new(0),
            nmi_at: AtomicU64::new(0),
            nmi_untold: AtomicBool::new(false),
            blind_failures: AtomicU32::new(0),
            interrupt: Interrupt::new(),
        }
    }

    /// The driver goes away: ends the attempt in flight and those that would begin.
    pub fn exit(&self) {
        self.exiting.store(true, Release);
        self.handover.revoke();
    }
}

impl Default for Shared {
    fn default() -> Shared {
        Shared::new()
    }
}

/// The services of the kernel to one device.
pub trait Kernel {
    /// Time since boot; stands still or goes round once the scheduler has stopped.
    fn now(&self) -> Instant;
    /// What the calling thread may do.
    fn context(&self) -> Context;
    /// Whose thread is calling.
    fn who(&self) -> Who;
    /// The tunables as they are now.
    fn settings(&self) -> Settings;
    /// Of these, `hw.ipmi.wd_init_enable`, which the worker looks at for each job.
    fn watchdog_enabled(&self) -> bool;
    /// What is read without the lock.
    fn shared(&self) -> &Shared;
    /// Runs `f` under the device's lock. `f` neither sleeps nor touches a register.
    fn locked<R>(&self, f: impl FnOnce(&mut State) -> R) -> R;
    /// The same if the lock is free, else `None`; for [`Context::Stopped`], where its holder may
    /// never run again.
    fn try_locked<R>(&self, f: impl FnOnce(&mut State) -> R) -> Option<R>;
    /// Runs `f` under the lock until it is ready, sleeping in between.
    fn wait<R>(&self, channel: Channel, f: impl FnMut(&mut State, Instant) -> Step<R>) -> R;
    /// Wakes everybody who sleeps on `channel`.
    fn wake(&self, channel: Channel);
    /// Busy-waits for so many microseconds, whatever the state of the machine.
    fn delay(&self, us: u32);
    /// Sleeps for so many nanoseconds.
    fn pause(&self, ns: u64);
    /// The same, if `f` agrees under the lock, and ended early by the interrupt's handler.
    fn doze(&self, ns: u64, f: impl FnOnce() -> bool);
    /// Runs `f` while the interrupt's filter does not run on another processor nor on this one.
    fn exclusive<R>(&self, f: impl FnOnce() -> R) -> R;
    /// Installs the interrupt's handler, or takes it away and waits until it has ended; false if it
    /// cannot be installed.
    fn rewire(&self, installed: bool) -> bool;
    /// Which system interface the device has.
    fn interface(&self) -> Kind;
    /// Reads a register of it, counted from 0 (IPMI 2.0, sections 9 to 11). Where there is an
    /// interrupt, [`crate::interrupt::read`] tells what the machines are to see.
    fn read(&self, register: u8) -> u8;
    /// Writes one.
    fn write(&self, register: u8, value: u8);
    /// Writes a block of the system interface on the SMBus; may sleep.
    fn send(&self, command: u8, block: &Block) -> Transfer;
    /// Reads one; may sleep.
    fn fetch(&self, command: u8) -> Transfer;
    /// Wakes those who poll the descriptor of `cookie`; called with the lock held.
    fn wake_client(&self, cookie: usize);
    /// Prints a line under the device's name.
    fn log(&self, line: &Line);
    /// Sends a devctl(4) notification `system=IPMI subsystem=… type=…`.
    fn notify(&self, subsystem: &'static core::ffi::CStr, kind: &'static core::ffi::CStr);
    /// The message of the panic that stopped the machine, cut to the room given; its length.
    fn panic_message(&self, room: &mut [u8]) -> usize;
    /// Makes the device node and registers the event handlers; the BMC is known.
    fn announce(&self, watchdog: bool, power_cycle: bool);
}
