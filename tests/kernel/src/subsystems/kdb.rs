// SPDX-License-Identifier: BSD-2-Clause
//! The kernel debugger: everything else stands still while its commands run; must not know the
//! handlers that the commands reach.

use crate::args::{Args, Import};
use crate::globals;
use crate::machine::{Machine, Stop};
use crate::mem;
use crate::sched;
use crate::subsystems::{errno, eventhandler, printf, shutdown};
use crate::with;

/// What is typed at the prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `watchdog N`: the plain list's handlers get a power of two of nanoseconds, 0 to stop.
    Watchdog(u32),
    /// Nothing, for so many nanoseconds.
    Think(u64),
    /// `dump`
    Dump,
    /// `panic`
    Panic,
    /// `reset`
    Reset,
}

#[derive(Default)]
pub struct Kdb {
    /// What will be typed when something else enters the debugger.
    script: Vec<Command>,
    /// When the debugger was entered, in nanoseconds since boot, and why.
    entered: Vec<(u64, String)>,
}

/// kdb_enter(9) with the script of the machine; leaves the debugger at its end.
pub fn enter(why: &str) {
    let script = with(|k| k.sub.kdb.script.clone());
    session(why, &script);
}

fn session(why: &str, commands: &[Command]) {
    if globals::int("kdb_active") != 0 {
        return;
    }
    printf::console(&format!("KDB: enter: {why}\n"));
    let now = sched::now();
    let (was_stopped, why) = (sched::scheduler_stopped(), why.to_string());
    with(|k| k.sub.kdb.entered.push((now, why)));
    sched::stop_scheduler();
    globals::set_int("kdb_active", 1);
    for command in commands {
        run(command);
    }
    globals::set_int("kdb_active", 0);
    if !was_stopped {
        sched::resume_scheduler();
    }
}

fn run(command: &Command) {
    match command {
        Command::Watchdog(pow2) => watchdog(*pow2),
        Command::Think(ns) => sched::spend(*ns),
        Command::Dump => shutdown::dump(),
        Command::Panic => shutdown::panic("from debugger"),
        Command::Reset => shutdown::reboot(shutdown::RB_NOSYNC),
    }
}

/// db_watchdog(): past watchdog(9), straight to the handlers.
fn watchdog(pow2: u32) {
    let answer = mem::kalloc(16, "watchdog answer");
    mem::write(answer, errno::EOPNOTSUPP);
    eventhandler::invoke("watchdog_list", &[u64::from(pow2), answer]);
    let error: i32 = mem::read(answer);
    mem::kfree(answer);
    printf::console(&format!("watchdog {pow2}: {error}\n"));
}

fn kdb_enter(args: &Args) -> u64 {
    enter(&args.str(1));
    0
}

fn kdb_backtrace(_args: &Args) -> u64 {
    printf::console("KDB: stack backtrace:\n");
    0
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[("kdb_enter", kdb_enter), ("kdb_backtrace", kdb_backtrace)]
}

impl Machine {
    /// Enters the debugger, types `commands` and continues.
    pub fn kdb(&mut self, commands: &[Command]) -> Result<(), Stop> {
        let commands = commands.to_vec();
        self.execute("kdb", move || {
            session("manual escape to debugger", &commands)
        })
    }

    /// What will be typed whenever the kernel enters the debugger by itself.
    pub fn set_kdb_script(&mut self, commands: &[Command]) {
        self.with(|k| k.sub.kdb.script = commands.to_vec());
    }

    /// When and why the debugger was entered, in nanoseconds since boot.
    pub fn kdb_entered(&mut self) -> Vec<(u64, String)> {
        self.with(|k| k.sub.kdb.entered.clone())
    }
}
