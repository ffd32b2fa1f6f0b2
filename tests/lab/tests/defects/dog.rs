// SPDX-License-Identifier: BSD-2-Clause
//! D13, D15, D16: the watchdog under failures, odd countdowns and crowds.

use ipmi_bmc::{Fault, TimerAction};
use ipmi_lab::abi::ETIMEDOUT;
use ipmi_lab::record::Timer;
use ipmi_lab::span::{Ns, MS, S};

use crate::bench::{attached, Bench};

/// Whether the BMC's timer ran all the time since `from`.
fn ran_since(bench: &Bench, from: Ns) -> bool {
    let seen = bench.board(|board| board.seen().timer.clone());
    let before = seen.iter().rev().find(|(at, _)| *at <= from);
    let after = seen.iter().filter(|(at, _)| *at > from);
    let mut all = before.into_iter().chain(after);
    all.all(|(_, timer)| matches!(timer, Timer::Running(_)))
}

#[test]
fn d13_a_failed_pat_never_disarms() {
    let completion = |cmd, code| Fault::Completion {
        netfn: 6,
        cmd,
        code,
    };
    let failures = [
        vec![completion(0x22, 0xc3), completion(0x24, 0xc3)],
        vec![completion(0x22, 0xff), completion(0x24, 0xc0)],
        vec![Fault::IbfStuck],
        vec![Fault::ReadsFf],
        vec![Fault::GarbageReply],
        vec![Fault::ShortReply { keep: 2 }],
    ];
    for faults in failures {
        attached("d13", |bench| {
            assert_eq!(bench.pat(128 * S), 0);
            let armed = bench.now();
            for fault in &faults {
                bench.fault(30 * S, fault.clone());
            }
            for _ in 0..3 {
                bench.pat(128 * S);
                bench.rest(8 * S);
            }
            assert!(ran_since(bench, armed), "{faults:?}");
            bench.rest(10 * S);
            assert_eq!(bench.pat(128 * S), 0, "after {faults:?}");
            bench.rest(MS);
            let view = bench.timer();
            assert!(
                view.counting && view.remaining > 127 * S,
                "{faults:?}: {view:?}"
            );
            assert!(ran_since(bench, armed), "{faults:?}");
        });
    }
}

#[test]
fn d13_a_pat_that_nobody_took_is_no_reason_for_the_software_watchdog() {
    for fault in [Fault::IbfStuck, Fault::ReadsFf, Fault::ObfNever] {
        attached("d13-nobody", |bench| {
            bench.fault(10 * S, fault.clone());
            // EOPNOTSUPP from everybody would attach it for good.
            assert_eq!(bench.pat(128 * S), ETIMEDOUT, "{fault:?}");
            bench.rest(11 * S);
            assert_eq!(bench.pat(128 * S), 0, "after {fault:?}");
        });
    }
}

#[test]
fn d13_a_bmc_that_forgot_its_timer_is_armed_again() {
    attached("d13-forgot", |bench| {
        assert_eq!(bench.pat(128 * S), 0);
        bench.fault(S, Fault::ForgetWatchdog);
        bench.rest(5 * S);
        assert_eq!(bench.pat(128 * S), 0);
        bench.rest(MS);
        assert!(bench.timer().counting);
    });
}

#[test]
fn d15_countdowns_are_exact() {
    attached("d15", |bench| {
        for seconds in [2, 69, 100, 128, 137, 1000, 4399, 4400, 6553] {
            assert_eq!(bench.pat(seconds * S), 0, "{seconds} s");
            let view = bench.timer();
            assert!(view.counting, "{seconds} s");
            assert_eq!(view.initial, seconds * S);
            assert_eq!(view.action, TimerAction::PowerCycle);
        }
        let odd = 12_300 * MS;
        assert_eq!(bench.pat(odd), 0);
        assert_eq!(bench.timer().initial, odd);
    });
}

#[test]
fn d15_what_the_bmc_cannot_count_becomes_the_most_it_can() {
    attached("d15-most", |bench| {
        for seconds in [6554, 8192, 86_400] {
            assert_eq!(bench.pat(seconds * S), 0, "{seconds} s");
            let view = bench.timer();
            assert!(
                view.counting && view.initial >= 6553 * S,
                "{seconds} s: {view:?}"
            );
        }
    });
}

/// Pats, and how many Set Watchdog Timer commands that took.
fn sets(bench: &mut Bench, timeout: Ns) -> usize {
    let from = bench.now();
    assert_eq!(bench.pat(timeout), 0);
    bench.board(|board| {
        let records = board.interface().bmc().records();
        records
            .filter(|r| r.at >= from && (r.netfn, r.cmd) == (0x06, 0x24))
            .count()
    })
}

#[test]
fn d15_a_new_countdown_is_set_and_an_old_one_reset() {
    attached("d15-reset", |bench| {
        assert_eq!(sets(bench, 100 * S), 1);
        bench.rest(10 * S);
        assert_eq!(sets(bench, 100 * S), 0, "the same countdown again");
        bench.rest(10 * S);
        assert_eq!(sets(bench, 101 * S), 1, "another countdown");
    });
}

#[test]
fn d16_the_last_of_a_crowd_has_its_way() {
    attached("d16", |bench| {
        for round in 0..10 {
            for _ in 0..bench.dice.between(2, 6) {
                let timeout = bench.dice.pick(&[0, 60 * S, 90 * S, 300 * S]);
                bench.stage.pat(timeout);
            }
            let slack = bench.dice.between(S, 2 * S);
            bench.rest(slack);
            let last = bench.dice.pick(&[0, 77 * S]);
            assert_eq!(bench.pat(last), 0, "round {round}");
            let view = bench.timer();
            assert_eq!(view.counting, last != 0, "round {round}: {view:?}");
            if view.counting {
                assert_eq!(view.initial, last, "round {round}");
            }
        }
        assert_eq!(bench.pat(0), 0);
    });
}
