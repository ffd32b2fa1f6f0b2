// SPDX-License-Identifier: BSD-2-Clause
//! What Get Watchdog Timer says of what was set.

use super::*;

#[test]
fn a_bmc_that_clamps_is_told_of_once_set_again_once_and_taken_at_its_word() {
    let mut bench = Bench::armed(128);
    bench.told();
    bench.watchdog.suspect(bench.now);
    bench.read_back(0x44, 3, 600);
    assert_eq!(bench.told(), [Event::Granted(1280, 600)]);
    assert!(matches!(bench.answer(0), Command::Set(_)));
    assert_eq!(bench.answer(0), Command::Reset);
    bench.read_back(0x44, 3, 600);
    assert_eq!(bench.told(), []);
    assert_eq!(bench.plan(), None);
    bench.advance(61 * SEC);
    assert_eq!(bench.watchdog.verdict(bench.now), Err(Errno::TimedOut));
}

#[test]
fn a_bmc_that_forgets_is_set_again_without_the_host() {
    let mut bench = Bench::armed(128);
    bench.told();
    bench.advance(61 * SEC);
    bench.tick();
    bench.advance(60 * SEC);
    bench.read_back(0x04, 3, 1280);
    assert_eq!(bench.told(), [Event::Lost]);
    assert!(matches!(bench.answer(0), Command::Set(_)));
    assert_eq!(bench.answer(0), Command::Reset);
    assert_eq!(bench.watchdog.record.gaps, 1);
}

#[test]
fn a_bmc_that_ignores_set_is_not_asked_more_than_once_a_second() {
    let mut bench = Bench::armed(128);
    bench.watchdog.suspect(bench.now);
    let mut commands = 0;
    let start = bench.now;
    while bench.now.since(start) < 60 * SEC {
        match bench.plan() {
            Some(Command::Get) => bench.read_back(0x04, 3, 1280),
            Some(_) => {
                bench.answer(0);
            }
            None => bench.now = bench.watchdog.next(bench.now).unwrap(),
        }
        commands += 1;
    }
    assert!(commands < 6 * 60, "{commands}");
}

#[test]
fn past_the_pre_timeout_of_what_was_granted_only_set_will_do() {
    let mut bench = Bench::new();
    bench.pat(128);
    bench.answer(0);
    bench.answer(0);
    bench.read_back(0x44, 3, 600);
    bench.answer(0);
    bench.answer(0);
    bench.read_back(0x44, 3, 600);
    bench.advance(27 * SEC);
    bench.pat(128);
    assert_eq!(bench.answer(0), Command::Reset);
    bench.advance(29 * SEC);
    bench.pat(128);
    assert_eq!(countdown(bench.answer(0)), 1280);
}

#[test]
fn a_timer_whose_action_is_none_guards_nobody() {
    let mut bench = Bench::new();
    bench.pat(128);
    bench.answer(0);
    bench.answer(0);
    bench.read_back(0x44, 0, 1280);
    assert_eq!(bench.watchdog.verdict(bench.now), Err(Errno::TimedOut));
    bench.settings.actions = 0;
    bench.pat(128);
    bench.answer(0);
    bench.answer(0);
    assert_eq!(bench.watchdog.verdict(bench.now), Ok(()));
}

#[test]
fn a_busy_bmc_is_read_back_again_soon() {
    let mut bench = Bench::armed(128);
    bench.tick();
    bench.advance(60 * SEC);
    assert_eq!(bench.answer(0xc0), Command::Get);
    assert_eq!(bench.plan(), None);
    bench.advance(500 * MS);
    assert_eq!(bench.plan(), Some(Command::Get));
}

#[test]
fn a_bmc_that_falls_mute_is_set_once_where_no_reset_would_show() {
    let mut bench = Bench::armed(128);
    bench.watchdog.verification = Verification::new(true);
    for _ in 0..2 {
        bench.watchdog.verification.soon(bench.now);
        assert_eq!(bench.answer(0xc0), Command::Get);
        assert!(matches!(bench.answer(0), Command::Set(_)));
        assert_eq!(bench.answer(0), Command::Reset);
        assert_eq!(bench.answer(0xc0), Command::Get);
        assert_eq!(bench.plan(), None, "once");
        bench.advance(500 * MS);
        bench.read_back(0x44, 3, 1280);
        assert_eq!(bench.plan(), None);
    }
}

#[test]
fn a_reading_from_before_the_set_says_nothing_of_it() {
    let mut bench = Bench::new();
    bench.adopt([0x42, 0, 0, 0, 0x58, 2, 0x58, 2], Adopt::Leave);
    bench.advance(SEC);
    bench.pat(128);
    bench.answer(0);
    bench.answer(0);
    assert_eq!(bench.watchdog.verdict(bench.now), Ok(()));
}

#[test]
fn a_loss_is_seen_though_a_pat_waits_and_counts_from_the_last_sign_of_counting() {
    let mut bench = Bench::armed(128);
    bench.told();
    bench.advance(10 * SEC);
    bench.pat(128);
    bench.fail();
    let now = bench.now;
    bench.watchdog.suspect(now);
    let plan = bench.watchdog.inquiry(now).expect("asks first");
    assert_eq!(plan.command, Command::Get);
    bench.read(plan, 4, 3, 1280);
    assert_eq!(bench.told(), [Event::Lost]);
    assert_eq!(bench.watchdog.inquiry(bench.now), None);
    bench.answer(0);
    bench.answer(0);
    let told = bench.told();
    assert!(
        matches!(told[..], [Event::Rearmed(ns)] if ns / SEC == 15),
        "{told:?}"
    );
    assert_eq!(bench.watchdog.record.rearmed, 1);
}

/// Get may be the one command that a BMC never answers.
#[test]
fn a_question_that_nobody_answers_holds_up_no_pat_for_long() {
    let mut bench = Bench::armed(128);
    bench.advance(10 * SEC);
    bench.pat(128);
    let now = bench.now;
    bench.watchdog.suspect(now);
    let plan = bench.watchdog.inquiry(now).expect("asks first");
    bench.watchdog.failed(plan, now, now);
    bench.watchdog.suspect(now);
    assert_eq!(bench.watchdog.inquiry(now), None);
    assert_eq!(bench.answer(0), Command::Reset);
    bench.watchdog.suspect(now);
    assert!(bench.watchdog.inquiry(now).is_some(), "it may answer now");
}

#[test]
fn a_bmc_that_may_have_been_reset_and_does_not_say_is_set_anew() {
    let mut bench = Bench::armed(128);
    bench.advance(10 * SEC);
    let now = bench.now;
    bench.watchdog.suspect(now);
    let plan = bench.watchdog.inquiry(now).expect("asks first");
    let mut reply = DriverReply::EMPTY;
    for byte in [0x1c, 0x25, 0xc0] {
        reply.arrival().push(byte);
    }
    let events = &mut bench.events;
    bench.watchdog.answered(plan, &reply, now, now, events);
    assert_eq!(countdown(bench.answer(0)), 1180);
    assert_eq!(bench.answer(0), Command::Reset);
}

/// A pat is good for its timeout and at most three times ten seconds, whatever the BMC says.
#[test]
fn a_bmc_that_never_says_that_it_counts_does_not_keep_a_hung_host_up() {
    let mut bench = Bench::new();
    bench.pat(128);
    let begin = bench.now;
    let mut acts = None;
    for _ in 0..4000 {
        bench.tick();
        match bench.plan() {
            Some(Command::Get) => bench.read_back(4, 3, 1280),
            Some(command) => {
                bench.answer(0);
                if command == Command::Reset {
                    let left = bench.watchdog.guard.map(|guard| guard.end());
                    acts = left.or(acts);
                }
            }
            None => {}
        }
        if acts.is_some_and(|at| bench.now >= at) {
            let after = bench.now.since(begin) / SEC;
            assert!((128..=165).contains(&after), "{after} s");
            return;
        }
        bench.advance(100 * MS);
    }
    panic!("it never acts");
}

#[test]
fn an_expired_timer_is_given_time_to_act() {
    let mut bench = Bench::armed(128);
    bench.advance(129 * SEC);
    let now = bench.now;
    bench.watchdog.suspect(now);
    let plan = bench.watchdog.inquiry(now).expect("asks first");
    let mut reply = DriverReply::EMPTY;
    for byte in [0x1c, 0x25, 0, 4, 3, 32, 0x10, 0, 5, 0, 0] {
        reply.arrival().push(byte);
    }
    let events = &mut bench.events;
    bench.watchdog.answered(plan, &reply, now, now, events);
    bench.advance(9 * SEC);
    assert_eq!(bench.plan(), None);
    bench.advance(SEC);
    assert_eq!(countdown(bench.answer(0)), 100);
}

/// An interface may look reset at each attempt, also at that of the question.
#[test]
fn a_question_that_was_answered_is_not_asked_again_for_the_doubt_that_came_with_it() {
    let mut bench = Bench::armed(128);
    bench.advance(10 * SEC);
    bench.pat(128);
    let now = bench.now;
    for _ in 0..3 {
        bench.watchdog.suspect(now);
        let plan = bench.watchdog.inquiry(now).expect("asks first");
        bench.watchdog.suspect(now);
        bench.read(plan, 0x44, 3, 1280);
        assert_eq!(bench.watchdog.inquiry(now), None);
        assert!(matches!(bench.plan(), Some(Command::Reset)));
    }
}

#[test]
fn a_longer_pre_timeout_is_another_timer() {
    let mut bench = Bench::new();
    bench.settings.pretimeout = 10;
    bench.pat(128);
    bench.answer(0);
    bench.answer(0);
    bench.read_back(0x44, 3, 1280);
    assert_eq!(
        bench.told(),
        [Event::Armed(timer(128 * SEC, 3, 10)), Event::Altered]
    );
    assert_eq!(countdown(bench.answer(0)), 1280);
}

#[test]
fn a_gap_does_not_begin_before_the_host_asked() {
    let mut bench = Bench::new();
    bench.pat(128);
    bench.answer(0);
    bench.answer(0x80);
    bench.advance(SEC);
    bench.answer(0);
    bench.answer(0);
    assert!(bench.watchdog.record.gap_longest < 2 * SEC);
    assert_eq!(bench.watchdog.record.gaps, 1);
}

#[test]
fn a_refusal_where_nothing_guards_is_tried_again_within_a_second() {
    let mut bench = Bench::new();
    bench.pat(128);
    bench.answer(0xff);
    bench.advance(SEC);
    assert_eq!(countdown(bench.answer(0)), 1270);
}

#[test]
fn a_host_that_comes_back_does_not_wait_for_the_timer_that_expired() {
    let mut bench = Bench::armed(128);
    bench.advance(129 * SEC);
    bench.watchdog.hold = bench.now.plus(10 * SEC);
    bench.pat(128);
    assert_eq!(countdown(bench.answer(0)), 1280);
}
