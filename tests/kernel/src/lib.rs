// SPDX-License-Identifier: BSD-2-Clause
//! A FreeBSD kernel made of software: maps an `ipmi.ko` file into this process and runs it; it
//! must not know anything of the driver but what the driver imports.
//!
//! # How it is laid out
//!
//! The infrastructure knows nothing of drivers:
//!
//! * [`machine`] is what a test sees: configuration, hardware, running, results.
//! * [`kernel`] holds the state of one machine; [`kernel::with`] borrows it for a moment.
//! * [`loader`] maps a file below 2 GiB and links it; [`image`] is what is mapped; `rewrite` turns
//!   register accesses that would trap into calls; [`leaks`] looks back at unload.
//! * [`args`], [`imports`] and [`call`] are the two directions across the border to module code;
//!   `arch` is the border: two stacks for each thread, switches, traps.
//! * [`sched`] runs kernel threads as fibers, one at a time, in an order drawn from the seed, on
//!   virtual time; [`locks`] with `mutex` and `sx`, [`sleepqueue`], `condvar`, `callout` and
//!   `kthread` are built on it.
//! * [`mem`], `malloc`, [`user`] and `copyio` are memory; [`registers`] are the hardware's.
//! * [`check`] is where broken rules are reported, [`fault`] where a trap is told from a rule.
//!
//! Everything that FreeBSD would call a subsystem (newbus, devfs, sysctl, watchdog(9), the linker's
//! SYSINITs, `Process` and the `impl Machine` blocks that expose them) stands in files of its own
//! on top of that, listed in [`subsystems`]: its state is a field of `Subsystems`, its functions
//! and variables are in its tables there.
//!
//! # How a kernel function is written
//!
//! A file offers `pub fn table() -> &'static [(&'static str, Import)]`, merged in [`imports`], and
//! for variables that modules import `pub fn data() -> &'static [Datum]`. An import is a plain
//! function on the calling thread's *host* stack, so it may block:
//!
//! ```ignore
//! fn device_get_unit(args: &Args) -> u64 {
//!     with(|k| k.sub.newbus.unit(args.u64(0)))          // short borrow
//! }
//! fn device_attach(args: &Args) -> u64 {
//!     let method = with(|k| k.sub.newbus.method(args.u64(0)));
//!     call::module(method, &[args.u64(0)])              // nothing is borrowed here
//! }
//! ```
//!
//! Rules: never call [`call::module`], [`sched::block_on`], [`sched::preempt_point`] or anything
//! that may switch threads inside [`kernel::with`]. Touch module memory only with [`mem::read`],
//! [`mem::write`], [`mem::bytes`], [`mem::cstr`]: they turn a bad address into a violation.
//! Iterate only over ordered containers, so that a seed replays. Do not let an address influence
//! an order: addresses differ between runs.
//!
//! A thread that is killed when its machine ends is unwound: every blocking call may panic with a
//! private payload; let it pass.

mod arch;
pub mod args;
pub mod call;
mod callout;
pub mod check;
mod condvar;
mod copyio;
pub mod fault;
pub mod globals;
mod heap;
pub mod image;
pub mod imports;
pub mod kernel;
mod kthread;
pub mod layout;
pub mod leaks;
pub mod loader;
pub mod locks;
mod low;
pub mod machine;
mod malloc;
pub mod mem;
pub mod mutex;
pub mod registers;
mod rewrite;
pub mod sched;
pub mod sleepqueue;
mod string;
pub mod subsystems;
mod sx;
mod uptime;
pub mod user;

pub use args::{Args, Import};
pub use kernel::with;
pub use machine::{Clock, Config, Hardware, HwEvent, Machine, Preempt, Stop};
pub use machine::{Smbus, SmbusError, Transfer};
pub use sched::Bell;
pub use subsystems::kld::api::Kld;
pub use subsystems::newbus::{acpi::AcpiDevice, pci::PciDevice, rman::Range};
pub use subsystems::process::Process;
