// SPDX-License-Identifier: BSD-2-Clause
//! ratecheck(9) and ppsratecheck(9); must not know what is limited.

use crate::args::{Args, Import};
use crate::globals::{self, HZ};
use crate::mem;
use crate::sched;

const NS_PER_US: u64 = 1_000;
const US_PER_S: i64 = 1_000_000;

/// A `struct timeval` in microseconds.
fn timeval(at: u64) -> i64 {
    mem::read::<i64>(at) * US_PER_S + mem::read::<i64>(at + 8)
}

/// Whether at least the interval has passed since the last time it had, or this is the first.
fn ratecheck(args: &Args) -> u64 {
    let (last, interval) = (args.u64(0), timeval(args.u64(1)));
    let now = (sched::now() / NS_PER_US) as i64;
    let before = timeval(last);
    if before != 0 && now - before < interval {
        return 0;
    }
    mem::write(last, now / US_PER_S);
    mem::write(last + 8, now % US_PER_S);
    1
}

/// Whether this is one of the first `args[2]` calls in a second. The second is counted in ticks,
/// which are kept in the timeval's seconds.
fn ppsratecheck(args: &Args) -> u64 {
    let (last, count, most) = (args.u64(0), args.u64(1), args.i32(2));
    let now = globals::int("ticks");
    let began: i64 = mem::read(last);
    if began == 0 || now.wrapping_sub(began as i32) as u32 >= HZ as u32 {
        mem::write(last, i64::from(now));
        mem::write(count, 1i32);
        return u64::from(most != 0);
    }
    let so_far = mem::read::<i32>(count) + 1;
    mem::write(count, so_far);
    u64::from(most < 0 || so_far <= most)
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[("ratecheck", ratecheck), ("ppsratecheck", ppsratecheck)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subsystems::testing::{kernel, on_machine};

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn once_an_interval() {
        let passed = on_machine(|| {
            let (last, interval) = (mem::kalloc(16, "last"), mem::kalloc(16, "interval"));
            mem::write(interval, 2i64);
            let check = |_| {
                sched::spend(SECOND);
                kernel("ratecheck", &[last, interval]) as i32
            };
            (0..6).map(check).collect::<Vec<i32>>()
        });
        assert_eq!(passed, [1, 0, 1, 0, 1, 0]);
    }

    #[test]
    fn so_many_a_second() {
        let passed = on_machine(|| {
            let (last, count) = (mem::kalloc(16, "last"), mem::kalloc(8, "count"));
            let check = |_| {
                sched::spend(SECOND / 4);
                kernel("ppsratecheck", &[last, count, 2]) as i32
            };
            (0..8).map(check).collect::<Vec<i32>>()
        });
        assert_eq!(passed, [1, 1, 0, 0, 1, 1, 0, 0]);
    }
}
