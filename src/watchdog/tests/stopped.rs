// SPDX-License-Identifier: BSD-2-Clause
//! What a panic, a dump or an NMI finds.

use super::*;

/// After a panic nobody winds the timecounter up: the uptime goes round in what the counter holds.
#[test]
fn pats_of_a_dump_restart_the_countdown_though_the_clock_goes_round() {
    let mut bench = Bench::armed(255);
    let start = bench.now;
    for pat in 1..=600u64 {
        bench.now = start.plus((pat * 1000 % 2100) * MS);
        bench.watchdog.ask_again(bench.now);
        bench.watchdog.distrust_clock();
        assert!(bench.plan().is_some(), "pat {pat} is not sent");
        while bench.plan().is_some_and(|command| command != Command::Get) {
            bench.answer(0);
        }
        assert_eq!(bench.watchdog.verdict(bench.now), Ok(()));
    }
}

#[test]
fn with_a_pre_timeout_ahead_at_a_time_unknown_a_stopped_machine_sets() {
    let mut bench = Bench::armed(128);
    bench.watchdog.ask_again(bench.now);
    bench.watchdog.distrust_clock();
    assert_eq!(countdown(bench.answer(0)), 1280);
    let mut bench = Bench::new();
    bench.settings.pretimeout = 0;
    bench.pat(255);
    bench.answer(0);
    bench.answer(0);
    bench.watchdog.ask_again(bench.now);
    bench.watchdog.distrust_clock();
    assert_eq!(bench.answer(0), Command::Reset);
}

#[test]
fn a_busy_or_refusing_bmc_is_asked_again_though_the_clock_of_a_stopped_machine_stands_still() {
    for code in [0xc0, 0xc3, 0xd2, 0xff] {
        let mut bench = Bench::armed(128);
        bench.pat(255);
        bench.watchdog.distrust_clock();
        let stopped = bench.now;
        bench.answer(code);
        bench.now = stopped;
        assert_eq!(bench.plan(), None, "{code:#x}: not twice in one pat");
        bench.watchdog.ask_again(bench.now);
        bench.watchdog.distrust_clock();
        assert_eq!(countdown(bench.answer(0)), 2550, "{code:#x}");
    }
}

#[test]
fn an_nmi_may_come_until_a_stop_is_confirmed_and_is_no_trouble_then() {
    let mut bench = Bench::new();
    bench.settings.actions = 0x23;
    bench.pat(128);
    bench.answer(0);
    bench.answer(0);
    bench.read_back(0x44, 0x23, 1280);
    let shared = Shared::new();
    bench.pat(0);
    bench.fail();
    let published = |bench: &Bench| {
        bench.watchdog.publish(&shared);
        Published::read(&shared.watchdog)
    };
    let unconfirmed = published(&bench);
    assert_eq!(unconfirmed.interrupt, 2);
    assert_eq!(unconfirmed.healthy_until, u64::MAX);
    assert_eq!(unconfirmed.armed, 0, "no pat is to arm it again");
    bench.answer(0);
    assert_eq!(published(&bench).interrupt, 0);
}
