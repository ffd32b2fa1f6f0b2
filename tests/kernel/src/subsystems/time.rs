// SPDX-License-Identifier: BSD-2-Clause
//! Conversions between the kernel's `sbintime_t` (seconds in 32.32 fixed point) and other units,
//! rounding as <sys/time.h> does; must not read a clock.

/// One second.
pub const SBT_1S: i64 = 1 << 32;
pub const NS_PER_S: u64 = 1_000_000_000;

/// sbttons(): down.
pub fn sbt_to_ns(sbt: i64) -> i64 {
    scale_down(sbt, NS_PER_S as i64)
}

/// nstosbt(): up, so that a wait is never too short.
pub fn ns_to_sbt(ns: i64) -> i64 {
    scale_up(ns, NS_PER_S as i64)
}

pub fn sbt_to_us(sbt: i64) -> i64 {
    scale_down(sbt, 1_000_000)
}

pub fn us_to_sbt(us: i64) -> i64 {
    scale_up(us, 1_000_000)
}

pub fn sbt_to_ms(sbt: i64) -> i64 {
    scale_down(sbt, 1_000)
}

pub fn ms_to_sbt(ms: i64) -> i64 {
    scale_up(ms, 1_000)
}

fn scale_down(sbt: i64, units: i64) -> i64 {
    ((i128::from(sbt) * i128::from(units)) >> 32) as i64
}

fn scale_up(value: i64, units: i64) -> i64 {
    let whole = i128::from(value) << 32;
    (whole + i128::from(units) - 1).div_euclid(i128::from(units)) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_seconds_convert_without_loss() {
        for seconds in [0, 1, 128, 6553, -3] {
            let sbt = seconds * SBT_1S;
            assert_eq!(sbt_to_ns(sbt), seconds * NS_PER_S as i64);
            assert_eq!(ns_to_sbt(seconds * NS_PER_S as i64), sbt);
            assert_eq!(ms_to_sbt(seconds * 1000), sbt);
        }
    }

    #[test]
    fn a_time_survives_the_way_to_sbintime_and_back() {
        for ns in [1, 999, 1_000_001, 137_438_953_472] {
            assert_eq!(sbt_to_ns(ns_to_sbt(ns)), ns);
        }
    }
}
