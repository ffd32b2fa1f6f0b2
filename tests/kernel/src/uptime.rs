// SPDX-License-Identifier: BSD-2-Clause
//! The clocks that modules read: uptime and time of day in every shape; must not move time.

use crate::args::{Args, Import};
use crate::globals::HZ;
use crate::machine::Machine;
use crate::mem;
use crate::sched;
use crate::with;

const NS: u64 = 1_000_000_000;
/// The time of day at boot: 2026-01-01 00:00:00 UTC.
const BOOT_TIME: u64 = 1_767_225_600;

/// The variants with `get` are as old as the last tick.
fn tick(ns: u64) -> u64 {
    ns - ns % (NS / HZ)
}

fn put_bintime(at: u64, ns: u64) {
    mem::write(at, ns / NS);
    mem::write(
        at + 8,
        ((u128::from(ns % NS) << 64) / u128::from(NS)) as u64,
    );
}

fn put_pair(at: u64, ns: u64, unit: u64) {
    mem::write(at, ns / NS);
    mem::write(at + 8, ns % NS / unit);
}

fn of_day(ns: u64) -> u64 {
    let stepped = with(|k| k.day_stepped);
    (BOOT_TIME * NS + ns).saturating_add_signed(stepped)
}

impl Machine {
    /// settimeofday(2): the time of day jumps by so many nanoseconds; uptime does not.
    pub fn step_time_of_day(&mut self, by: i64) {
        self.with(|k| k.day_stepped = k.day_stepped.saturating_add(by));
    }
}

macro_rules! clocks {
    ($($name:literal $put:expr;)*) => {
        pub fn table() -> &'static [(&'static str, Import)] {
            &[$(($name, |args: &Args| {
                let put: fn(u64, u64) = $put;
                with(|k| k.sched.clock_reads += u64::from(!$name.starts_with("get")));
                put(args.u64(0), sched::now());
                0
            })),*]
        }
    };
}

clocks! {
    "binuptime" put_bintime;
    "getbinuptime" |at, ns| put_bintime(at, tick(ns));
    "nanouptime" |at, ns| put_pair(at, ns, 1);
    "getnanouptime" |at, ns| put_pair(at, tick(ns), 1);
    "microuptime" |at, ns| put_pair(at, ns, 1000);
    "getmicrouptime" |at, ns| put_pair(at, tick(ns), 1000);
    "bintime" |at, ns| put_bintime(at, of_day(ns));
    "getbintime" |at, ns| put_bintime(at, of_day(tick(ns)));
    "nanotime" |at, ns| put_pair(at, of_day(ns), 1);
    "getnanotime" |at, ns| put_pair(at, of_day(tick(ns)), 1);
    "microtime" |at, ns| put_pair(at, of_day(ns), 1000);
    "getmicrotime" |at, ns| put_pair(at, of_day(tick(ns)), 1000);
}
