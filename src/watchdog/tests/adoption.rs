// SPDX-License-Identifier: BSD-2-Clause
//! Timers that firmware left running, and those that somebody else sets going.

use super::*;

#[test]
fn firmwares_timer_is_kept_stopped_or_left() {
    let reading = Reading {
        use_: 0x42,
        actions: 1,
        pretimeout: 0,
        expired: 0,
        initial: 600,
        present: 100,
    };
    let adopted = |how| {
        let mut bench = Bench::new();
        let (now, events) = (bench.now, &mut bench.events);
        bench.watchdog.adopt(reading, now, how, events);
        assert_eq!(bench.told(), [Event::Firmware(reading, how)]);
        bench
    };
    let mut kept = adopted(Adopt::Keep);
    assert_eq!(kept.answer(0), Command::Reset);
    assert_eq!(kept.plan(), None);
    kept.advance(20 * SEC);
    assert_eq!(kept.answer(0), Command::Reset);
    kept.pat(128);
    assert!(matches!(kept.plan(), Some(Command::Set(_))));
    assert_eq!(adopted(Adopt::Stop).plan(), Some(Command::Stop));
    assert_eq!(adopted(Adopt::Leave).plan(), None);
}

#[test]
fn a_timer_that_is_kept_from_expiring_may_run() {
    let mut bench = Bench::new();
    bench.adopt([0x42, 1, 0, 0, 0x58, 2, 0x58, 2], Adopt::Keep);
    assert!(bench.watchdog.armed());
    bench.pat(0);
    bench.answer(0);
    assert!(!bench.watchdog.armed());
}

/// A bench that keeps a timer of firmware's: 60 s, so much of it left, with this pre-timeout.
fn keeping(left: u16, pretimeout: u8) -> Bench {
    let mut bench = Bench::new();
    let [low, high] = left.to_le_bytes();
    let data = [0x42, 1, pretimeout, 0, 0x58, 2, low, high];
    bench.adopt(data, Adopt::Keep);
    bench
}

#[test]
fn a_busy_bmc_does_not_end_the_keeping_of_a_timer() {
    let mut bench = keeping(300, 0);
    assert_eq!(bench.answer(0xc0), Command::Reset);
    bench.advance(500 * MS);
    assert_eq!(bench.answer(0), Command::Reset);
    bench.advance(20 * SEC);
    bench.fail();
    bench.advance(500 * MS);
    assert_eq!(bench.answer(0x80), Command::Reset);
    bench.advance(60 * SEC);
    assert_eq!(bench.plan(), None);
}

#[test]
fn a_timer_of_firmwares_past_its_pre_timeout_is_set_before_it_is_restarted() {
    let mut bench = keeping(300, 40);
    assert_eq!(bench.answer(0), Command::Renew([0x42, 1, 40, 0, 0x58, 2]));
    assert_eq!(bench.answer(0), Command::Reset);
    // Well before the next pre-timeout.
    bench.advance(7 * SEC);
    assert_eq!(bench.plan(), Some(Command::Reset));
}

/// What Get Watchdog Timer says of a timer of use `use_` with a hard reset in 60 s.
fn found(bench: &mut Bench, use_: u8) {
    bench.read_back(use_, 1, 600);
}

#[test]
fn a_timer_that_somebody_else_arms_is_told_of_once_and_left_to_them() {
    let mut bench = Bench::armed(128);
    bench.pat(0);
    bench.answer(0);
    found(&mut bench, 4);
    bench.told();
    assert!(!bench.watchdog.may_act(bench.now));
    bench.watchdog.done_for_others(&[0x18, 0x25], bench.now);
    assert_eq!(bench.plan(), None, "reading it changes nothing");
    for _ in 0..2 {
        bench
            .watchdog
            .done_for_others(&[0x18, 0x24, 4, 1], bench.now);
        found(&mut bench, 0x44);
    }
    assert!(matches!(bench.told()[..], [Event::Unasked(_)]));
    assert_eq!(bench.plan(), None, "it is theirs");
    assert!(!bench.watchdog.armed() && bench.watchdog.may_act(bench.now));
    bench.advance(61 * SEC);
    assert!(
        !bench.watchdog.may_act(bench.now),
        "it has acted or was stopped"
    );
}

#[test]
fn a_timer_that_somebody_else_sets_is_firmwares_no_longer() {
    let mut bench = keeping(600, 0);
    bench.answer(0);
    bench.told();
    bench.watchdog.done_for_others(&[0x18, 0x24, 4], bench.now);
    found(&mut bench, 0x44);
    assert!(matches!(bench.told()[..], [Event::Unasked(_)]));
    bench.advance(60 * SEC);
    assert_eq!(bench.plan(), None, "a Reset would keep what is theirs");
}

#[test]
fn a_timer_that_somebody_else_restarts_is_kept_all_the_same() {
    let mut bench = keeping(600, 0);
    bench.answer(0);
    bench.watchdog.done_for_others(&[0x18, 0x22], bench.now);
    found(&mut bench, 0x42);
    bench.advance(20 * SEC);
    assert_eq!(bench.answer(0), Command::Reset);
}

#[test]
fn a_bmc_that_confirms_a_stop_and_counts_on_is_stopped_again() {
    let mut bench = Bench::armed(128);
    bench.told();
    bench.pat(0);
    bench.answer(0);
    assert_eq!(bench.told(), [Event::Disarmed]);
    for _ in 0..3 {
        found(&mut bench, 0x44);
        assert!(bench.watchdog.verdict(bench.now).is_err());
        assert_eq!(bench.plan(), None, "not in haste");
        bench.advance(5 * SEC);
        assert_eq!(bench.answer(0), Command::Stop);
    }
    assert!(matches!(bench.told()[..], [Event::Unasked(_)]));
    found(&mut bench, 4);
    assert_eq!(bench.watchdog.verdict(bench.now), Ok(()));
    assert_eq!(bench.plan(), None);
}

#[test]
fn a_kept_timer_that_the_bmc_does_not_restart_is_told_of_before_it_acts() {
    let mut bench = keeping(600, 0);
    bench.answer(0);
    bench.told();
    bench.advance(20 * SEC);
    let mut told = vec![];
    for _ in 0..8 {
        bench.fail();
        told.extend(bench.tick());
        bench.advance(500 * MS);
    }
    assert!(
        matches!(told[..], [Event::NotTaken(Untaken::Renewal, a), Event::NotTaken(_, b)]
        if a <= 30 * SEC && b <= 10 * SEC),
        "{told:?}"
    );
}
