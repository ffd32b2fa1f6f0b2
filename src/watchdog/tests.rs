// SPDX-License-Identifier: BSD-2-Clause
//! The watchdog's decisions, command by command, on a clock of the test's own.

use super::*;
use crate::wire::watchdog::COUNTDOWN_MAX;

struct Bench {
    watchdog: Watchdog,
    events: Events,
    now: Instant,
}

impl Bench {
    fn new() -> Bench {
        Bench {
            watchdog: Watchdog::new(),
            events: Events::new(),
            now: Instant::at(100 * SEC),
        }
    }

    fn pat(&mut self, seconds: u64) -> u64 {
        self.watchdog.ask(self.now, seconds * SEC, 3, 120)
    }

    fn advance(&mut self, ns: u64) {
        self.now = self.now.plus(ns);
    }

    fn plan(&self) -> Option<Command> {
        self.watchdog.plan(self.now).map(|plan| plan.command)
    }

    /// Answers the next command with `code`, 10 ms later.
    fn answer(&mut self, code: u8) -> Command {
        let plan = self.watchdog.plan(self.now).expect("nothing to send");
        let started = self.now;
        self.advance(10 * MS);
        let mut reply = DriverReply::EMPTY;
        for byte in [0x1c, 0x22, code] {
            reply.arrival().push(byte);
        }
        self.watchdog
            .answered(plan, &reply, started, self.now, &mut self.events);
        plan.command
    }

    fn fail(&mut self) {
        let plan = self.watchdog.plan(self.now).expect("nothing to send");
        self.advance(5 * SEC);
        self.watchdog.failed(plan);
    }

    fn armed(seconds: u64) -> Bench {
        let mut bench = Bench::new();
        bench.pat(seconds);
        bench.answer(0);
        bench.answer(0);
        assert_eq!(bench.watchdog.verdict(bench.now), Ok(()));
        bench
    }

    fn told(&mut self) -> Vec<Event> {
        let now = self.now;
        std::iter::from_fn(|| self.events.pop(now).map(|(event, _)| event)).collect()
    }
}

fn countdown(command: Command) -> u16 {
    match command {
        Command::Set(timer) => timer.countdown,
        other => panic!("{other:?} is no Set"),
    }
}

#[test]
fn the_first_pat_is_set_and_reset_the_next_a_reset_alone() {
    let mut bench = Bench::new();
    bench.pat(128);
    assert_eq!(countdown(bench.answer(0)), 1280);
    assert_eq!(bench.watchdog.verdict(bench.now), Err(Errno::TimedOut));
    assert_eq!(bench.answer(0), Command::Reset);
    assert_eq!(bench.watchdog.verdict(bench.now), Ok(()));
    assert_eq!(bench.plan(), None);
    bench.advance(10 * SEC);
    bench.pat(128);
    assert_eq!(bench.answer(0), Command::Reset);
    assert_eq!(bench.plan(), None);
}

#[test]
fn countdowns_are_exact_to_100_ms_and_end_at_6553_s() {
    assert_eq!(timer(69 * SEC, 3, 120).countdown, 690);
    assert_eq!(timer(SEC + 1, 3, 120).countdown, 11);
    assert_eq!(timer(4399 * SEC, 3, 120).countdown, 43990);
    assert_eq!(timer(6553 * SEC, 3, 120).countdown, COUNTDOWN_MAX);
    assert_eq!(timer(u64::MAX, 3, 120).countdown, COUNTDOWN_MAX);
    assert_eq!(timer(1, 3, 120).countdown, 1);
}

#[test]
fn the_pretimeout_is_that_of_the_c_driver() {
    for (seconds, tunable, expected) in [
        (128, 120, 32),
        (128, 10, 10),
        (4000, 120, 120),
        (6553, 999, 255),
        (128, -5, 0),
        (1, 120, 0),
    ] {
        assert_eq!(timer(seconds * SEC, 3, tunable).pretimeout, expected);
    }
}

#[test]
fn a_changed_timeout_is_a_set() {
    let mut bench = Bench::armed(128);
    bench.advance(10 * SEC);
    bench.pat(64);
    assert_eq!(countdown(bench.answer(0)), 640);
}

#[test]
fn a_failure_never_disarms_and_is_tried_again() {
    let mut bench = Bench::armed(128);
    bench.advance(10 * SEC);
    let serial = bench.pat(128);
    bench.fail();
    assert!(!bench.watchdog.settled(serial));
    assert!(bench.watchdog.wanted());
    // The BMC still counts from the last confirmed reset.
    assert_eq!(bench.watchdog.verdict(bench.now), Ok(()));
    assert!(bench.plan().is_some());
    bench.advance(120 * SEC);
    assert_eq!(bench.watchdog.verdict(bench.now), Err(Errno::TimedOut));
}

#[test]
fn completion_80h_sets_again_at_once() {
    let mut bench = Bench::armed(128);
    bench.told();
    bench.advance(10 * SEC);
    bench.pat(128);
    assert_eq!(bench.answer(0x80), Command::Reset);
    assert_eq!(bench.told(), [Event::Lost]);
    assert_eq!(bench.watchdog.verdict(bench.now), Err(Errno::TimedOut));
    assert_eq!(countdown(bench.answer(0)), 1280);
    assert_eq!(bench.answer(0), Command::Reset);
    assert_eq!(bench.watchdog.verdict(bench.now), Ok(()));
    assert_eq!(bench.watchdog.rearmed, 1);
}

#[test]
fn after_the_pretimeout_only_set_will_do() {
    let mut bench = Bench::armed(128);
    bench.advance(97 * SEC);
    bench.pat(128);
    assert!(matches!(bench.plan(), Some(Command::Set(_))));
}

#[test]
fn a_late_pat_ends_when_the_host_asked_it_to() {
    let mut bench = Bench::new();
    bench.pat(128);
    bench.advance(30 * SEC);
    assert_eq!(countdown(bench.answer(0)), 980);
    assert_eq!(bench.answer(0), Command::Reset);
    bench.advance(SEC);
    bench.pat(128);
    assert_eq!(countdown(bench.answer(0)), 1280);
}

#[test]
fn a_host_that_stopped_patting_is_given_ten_seconds_once_the_bmc_is_back() {
    let mut bench = Bench::armed(128);
    bench.advance(10 * SEC);
    bench.pat(128);
    bench.fail();
    bench.watchdog.doubt();
    bench.advance(600 * SEC);
    assert_eq!(countdown(bench.answer(0)), 100);
}

#[test]
fn a_storm_of_pats_is_ten_resets_a_second_at_most() {
    let mut bench = Bench::armed(128);
    let mut resets = 0;
    for _ in 0..1000 {
        bench.advance(MS);
        bench.pat(128);
        if bench.plan().is_some() {
            assert_eq!(bench.answer(0), Command::Reset);
            resets += 1;
        }
    }
    assert!((8..=11).contains(&resets), "{resets}");
}

#[test]
fn a_storm_cannot_keep_set_from_being_followed_by_reset() {
    let mut bench = Bench::new();
    bench.pat(128);
    assert!(matches!(bench.answer(0), Command::Set(_)));
    bench.pat(128);
    assert_eq!(bench.answer(0), Command::Reset);
    assert_eq!(bench.plan(), None);
}

#[test]
fn a_disarm_is_tried_until_it_is_confirmed() {
    let mut bench = Bench::armed(128);
    let serial = bench.pat(0);
    bench.fail();
    assert_eq!(bench.watchdog.verdict(bench.now), Err(Errno::TimedOut));
    assert_eq!(bench.plan(), Some(Command::Stop));
    let again = bench.pat(0);
    assert_eq!(bench.watchdog.verdict(bench.now), Err(Errno::TimedOut));
    assert_eq!(bench.answer(0), Command::Stop);
    assert!(bench.watchdog.settled(serial) && bench.watchdog.settled(again));
    assert_eq!(bench.watchdog.verdict(bench.now), Ok(()));
}

#[test]
fn the_later_of_a_pat_and_a_disarm_wins() {
    let mut bench = Bench::armed(128);
    bench.advance(10 * SEC);
    bench.pat(128);
    let plan = bench.watchdog.plan(bench.now).unwrap();
    bench.pat(0);
    let mut reply = DriverReply::EMPTY;
    for byte in [0x1c, 0x22, 0] {
        reply.arrival().push(byte);
    }
    bench
        .watchdog
        .answered(plan, &reply, bench.now, bench.now, &mut bench.events);
    assert_eq!(bench.plan(), Some(Command::Stop));
    bench.answer(0);
    assert_eq!(bench.plan(), None);
    assert!(!bench.watchdog.wanted());
}

#[test]
fn a_refusal_is_told_once_and_tried_again_later() {
    let mut bench = Bench::new();
    let serial = bench.pat(128);
    bench.answer(0xcc);
    assert_eq!(bench.told(), [Event::Refused(0xcc)]);
    assert!(bench.watchdog.settled(serial));
    assert_eq!(bench.watchdog.verdict(bench.now), Err(Errno::TimedOut));
    assert_eq!(bench.plan(), None);
    let again = bench.watchdog.next(bench.now).unwrap();
    bench.now = again;
    bench.answer(0xcc);
    assert_eq!(bench.told(), []);
}

#[test]
fn an_echo_on_the_plain_list_is_no_pat_and_kdbs_own_call_is() {
    let mut watchdog = Watchdog::new();
    assert!(!watchdog.is_echo(false, false), "a kernel without the list");
    assert!(!watchdog.is_echo(true, false));
    assert!(watchdog.is_echo(false, false));
    assert!(watchdog.is_echo(false, false));
    assert!(!watchdog.is_echo(false, true), "kdb's watchdog command");
    assert!(!watchdog.is_echo(true, true), "a dump from kdb");
    assert!(watchdog.is_echo(false, true));
}
