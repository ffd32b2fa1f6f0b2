// SPDX-License-Identifier: BSD-2-Clause
//! The ends of a kernel: reboot(2) in its stages, panic(9) and the crash dump; must not know who
//! handles them.

use crate::args::{Args, Import};
use crate::check::{violation, Kind};
use crate::globals;
use crate::imports;
use crate::layout::Generation;
use crate::machine::{Machine, Stop};
use crate::mem;
use crate::sched;
use crate::subsystems::{eventhandler, printf, watchdog};
use crate::with;

/// What a reboot is for, <sys/reboot.h>.
pub const RB_AUTOBOOT: u32 = 0;
pub const RB_NOSYNC: u32 = 0x0000_0004;
pub const RB_HALT: u32 = 0x0000_0008;
pub const RB_DUMP: u32 = 0x0000_0100;
pub const RB_POWEROFF: u32 = 0x0000_4000;
pub const RB_POWERCYCLE: u32 = 0x0040_0000;

/// `kern.shutdown.poweroff_delay`: 5 s before the power goes.
const POWEROFF_DELAY_NS: u64 = 5_000_000_000;

/// How this machine ends.
pub struct Shutdown {
    /// Parts of the crash dump before each of which the watchdog is patted, 0 for no dump device.
    dump_parts: u32,
    /// How long one takes.
    dump_part_ns: u64,
    /// When the last panic began, in nanoseconds since boot, and what it said.
    panicked: Option<(u64, String)>,
    /// When reboot's handlers had all returned.
    final_at: Option<u64>,
}

impl Default for Shutdown {
    fn default() -> Shutdown {
        Shutdown {
            dump_parts: 8,
            dump_part_ns: 250_000_000,
            panicked: None,
            final_at: None,
        }
    }
}

/// kern_reboot(9).
pub fn reboot(howto: u32) -> ! {
    globals::set_int("rebooting", 1);
    // Before 15 a reboot from the debugger counts as outside of it.
    if with(|k| k.generation) < Generation::Fifteen {
        globals::set_int("kdb_active", 0);
    }
    let argument = [u64::from(howto)];
    eventhandler::invoke("shutdown_pre_sync", &argument);
    if howto & RB_NOSYNC == 0 {
        sync_buffers();
    }
    eventhandler::invoke("shutdown_post_sync", &argument);
    if howto & (RB_HALT | RB_DUMP) == RB_DUMP && globals::int("dumping") == 0 {
        dump();
    }
    if howto & (RB_POWEROFF | RB_POWERCYCLE) != 0 {
        sched::spend(POWEROFF_DELAY_NS);
    }
    eventhandler::invoke("shutdown_final", &argument);
    let now = sched::now();
    with(|k| k.sub.shutdown.final_at = Some(now));
    if howto & RB_HALT != 0 {
        printf::console("\nThe operating system has halted.\n");
        watchdog::pat(0);
    }
    let why = match howto {
        _ if howto & RB_HALT != 0 => "halt",
        _ if howto & RB_POWEROFF != 0 => "power off",
        _ => "reboot",
    };
    printf::console("Rebooting...\n");
    with(|k| k.end(Stop::Halted(why.into())));
    sched::exit()
}

/// bufshutdown(): nothing is dirty, so two rounds do.
fn sync_buffers() {
    for _ in 0..2 {
        watchdog::pat(watchdog::WD_LASTVAL);
    }
    printf::console("All buffers synced.\n");
}

/// doadump(): the watchdog is patted as the dump goes along.
pub fn dump() {
    let (parts, part_ns) = with(|k| (k.sub.shutdown.dump_parts, k.sub.shutdown.dump_part_ns));
    globals::set_int("dumping", 1);
    for part in 0..parts {
        watchdog::pat(watchdog::WD_LASTVAL);
        sched::spend(part_ns);
        printf::console(&format!("Dumping part {} of {parts}\n", part + 1));
    }
    globals::set_int("dumping", 0);
}

/// panic(9).
pub fn panic(text: &str) -> ! {
    sched::stop_scheduler();
    let again = mem::read::<u8>(imports::datum("panicked")) != 0;
    if !again {
        mem::write(imports::datum("panicstr"), mem::intern(text));
        mem::write(imports::datum("panicked"), 1u8);
        let now = sched::now();
        with(|k| k.sub.shutdown.panicked = Some((now, text.into())));
    }
    printf::console(&format!("panic: {text}\n"));
    match again {
        // A panic inside the panic: no second dump.
        true => reboot(RB_AUTOBOOT | RB_NOSYNC),
        false => reboot(RB_AUTOBOOT | RB_NOSYNC | RB_DUMP),
    }
}

fn panic_import(args: &Args) -> u64 {
    let text = String::from_utf8_lossy(&printf::expand(args, 0)).into_owned();
    panicked_by_module(&text)
}

fn panicked_by_module(text: &str) -> ! {
    violation(Kind::Trap, format!("the module called panic: {text}"));
    panic(text)
}

fn vpanic(args: &Args) -> u64 {
    let text = String::from_utf8_lossy(&printf::expand_list(args, 0)).into_owned();
    panicked_by_module(&text)
}

fn kern_reboot(args: &Args) -> u64 {
    reboot(args.u32(0))
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("panic", panic_import),
        ("vpanic", vpanic),
        ("kern_reboot", kern_reboot),
    ]
}

impl Machine {
    /// `reboot`, `halt`, `poweroff`: runs the handlers until the machine ends or `until` comes.
    pub fn reboot(&mut self, howto: u32, until: u64) -> Stop {
        self.spawn_thread("init", move || reboot(howto));
        self.run_until(until)
    }

    /// Panics in a thread of the kernel, as a fault anywhere would.
    pub fn panic(&mut self, text: &str, until: u64) -> Stop {
        let text = text.to_string();
        self.spawn_thread("panicking", move || panic(&text));
        self.run_until(until)
    }

    /// How long a crash dump takes: `parts` of `part_ns` each, with a pat before each; 0 parts
    /// stand for a machine without dump device.
    pub fn set_dump(&mut self, parts: u32, part_ns: u64) {
        self.with(|k| {
            k.sub.shutdown.dump_parts = parts;
            k.sub.shutdown.dump_part_ns = part_ns;
        });
    }

    /// When the kernel panicked, in nanoseconds since boot, and what it said.
    pub fn panicked(&mut self) -> Option<(u64, String)> {
        self.with(|k| k.sub.shutdown.panicked.clone())
    }

    /// When the last handler of a shutdown or panic had returned, in nanoseconds since boot.
    pub fn shutdown_finished(&mut self) -> Option<u64> {
        self.with(|k| k.sub.shutdown.final_at)
    }
}
