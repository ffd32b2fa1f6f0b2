// SPDX-License-Identifier: BSD-2-Clause
//! The watchdog's decisions, command by command, on a clock of the test's own.

mod adoption;
mod diagnosis;
mod readback;
mod stopped;

use super::*;
use crate::event::Untaken;
use crate::kernel::Settings;
use crate::wire::watchdog::COUNTDOWN_MAX;
use crate::wire::DriverReply;

struct Bench {
    watchdog: Watchdog,
    events: Events,
    settings: Settings,
    now: Instant,
}

/// The defaults of the tunables.
pub(crate) fn settings() -> Settings {
    Settings {
        on: true,
        actions: 3,
        pretimeout: 120,
        startup_countdown: 0,
        shutdown_countdown: 0,
        panic_countdown: 255,
        panic_sel: true,
        min_timeout: 2 * SEC,
        margin: 0,
        verify_interval: 60 * SEC,
        adopt: Adopt::Keep,
        pat_wait: 250 * MS,
        max_requests: 100,
        max_opens: 64,
    }
}

impl Bench {
    fn new() -> Bench {
        Bench {
            watchdog: Watchdog::new(false),
            events: Events::new(),
            settings: settings(),
            now: Instant::at(100 * SEC),
        }
    }

    fn pat(&mut self, seconds: u64) -> u64 {
        self.ask(seconds * SEC).unwrap()
    }

    fn ask(&mut self, timeout: u64) -> Result<u64, Errno> {
        let who = Who::default();
        let events = &mut self.events;
        self.watchdog
            .ask(self.now, timeout, who, &self.settings, events)
    }

    fn tick(&mut self) -> Option<Event> {
        let (now, margin) = (self.now, self.settings.margin);
        self.watchdog
            .schedule(now, self.settings.verify_interval, 500 * MS);
        self.watchdog.tick(now, margin, &mut self.events)
    }

    /// Answers Get Watchdog Timer with these data.
    fn read_back(&mut self, use_: u8, actions: u8, initial: u16) {
        let plan = self.watchdog.plan(self.now).expect("nothing to send");
        assert_eq!(plan.command, Command::Get);
        self.read(plan, use_, actions, initial);
    }

    fn read(&mut self, plan: Plan, use_: u8, actions: u8, initial: u16) {
        let [low, high] = initial.to_le_bytes();
        let mut reply = DriverReply::EMPTY;
        for byte in [0x1c, 0x25, 0, use_, actions, 32, 0, low, high, low, high] {
            reply.arrival().push(byte);
        }
        let (now, events) = (self.now, &mut self.events);
        self.watchdog.answered(plan, &reply, now, now, events);
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
        let started = self.now;
        self.advance(5 * SEC);
        self.watchdog.failed(plan, started, self.now);
    }

    fn armed(seconds: u64) -> Bench {
        let mut bench = Bench::new();
        bench.pat(seconds);
        bench.answer(0);
        bench.answer(0);
        assert_eq!(bench.watchdog.verdict(bench.now), Ok(()));
        bench.read_back(
            0x44,
            3,
            bench.watchdog.ask.unwrap().timer.unwrap().countdown,
        );
        assert_eq!(bench.plan(), None);
        bench
    }

    /// The BMC's timer was found with this reading.
    fn adopt(&mut self, data: [u8; 8], how: Adopt) {
        let reading = Reading::parse(&data).unwrap();
        let events = &mut self.events;
        self.watchdog.adopt(reading, self.now, how, events);
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
    bench.read_back(0x44, 3, 1280);
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
    assert_eq!(bench.watchdog.record.rearmed, 1);
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
    bench.watchdog.forget();
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
    assert_eq!(bench.plan(), Some(Command::Get));
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
    assert!(!bench.watchdog.settled(again), "it may count on");
    bench.read_back(4, 3, 1280);
    assert!(bench.watchdog.settled(serial) && bench.watchdog.settled(again));
    assert_eq!(bench.watchdog.verdict(bench.now), Ok(()));
}

#[test]
fn a_stop_that_a_deaf_bmc_does_not_take_is_told_of_with_the_seconds_left() {
    let mut bench = Bench::armed(128);
    bench.told();
    bench.advance(10 * SEC);
    bench.pat(0);
    assert_eq!(bench.tick(), None, "it may be merely slow");
    bench.fail();
    let told = bench.tick();
    assert!(
        matches!(told, Some(Event::NotTaken(Untaken::Stop, ns)) if ns < 118 * SEC),
        "{told:?}"
    );
    bench.fail();
    assert_eq!(bench.tick(), None);
    bench.advance(100 * SEC);
    let told = bench.tick();
    assert!(
        matches!(told, Some(Event::NotTaken(Untaken::Stop, ns)) if ns < 10 * SEC),
        "{told:?}"
    );
    bench.advance(10 * SEC);
    assert_eq!(bench.tick(), None, "nothing is left to count");
    assert_eq!(bench.told(), []);
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
    assert_eq!(bench.plan(), Some(Command::Get));
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
    let mut watchdog = Watchdog::new(false);
    assert!(!watchdog.is_echo(false, false), "a kernel without the list");
    assert!(!watchdog.is_echo(true, false));
    assert!(watchdog.is_echo(false, false));
    assert!(watchdog.is_echo(false, false));
    assert!(!watchdog.is_echo(false, true), "kdb's watchdog command");
    assert!(!watchdog.is_echo(true, true), "a dump from kdb");
    assert!(watchdog.is_echo(false, true));
}

#[test]
fn a_timeout_below_the_least_is_refused_and_the_running_timer_left_alone() {
    let mut bench = Bench::armed(128);
    bench.told();
    bench.advance(10 * SEC);
    assert_eq!(bench.ask(32), Err(Errno::Invalid));
    assert_eq!(bench.ask(2 * SEC - 1), Err(Errno::Invalid));
    assert_eq!(bench.told(), [Event::TooShort(32)]);
    assert_eq!(bench.plan(), None);
    assert_eq!(bench.watchdog.left(bench.now), Some(118 * SEC - 10 * MS));
}

#[test]
fn a_missing_pat_is_told_of_once_and_a_slow_bmc_is_not_blamed_on_the_host() {
    let mut bench = Bench::armed(128);
    bench.told();
    bench.advance(95 * SEC);
    assert_eq!(bench.tick(), None);
    bench.advance(2 * SEC);
    assert!(matches!(bench.tick(), Some(Event::NoPat(_, ns)) if ns / SEC == 97));
    assert_eq!(bench.tick(), None);

    let mut bench = Bench::armed(128);
    bench.told();
    let mut told = vec![];
    for _ in 0..12 {
        bench.advance(10 * SEC);
        bench.pat(128);
        told.extend(bench.tick());
    }
    assert!(
        matches!(told[..], [Event::NotTaken(_, a), Event::NotTaken(_, b)]
        if a > b && b <= 10 * SEC),
        "{told:?}"
    );
}

#[test]
fn with_a_margin_the_bmc_counts_longer_and_a_missing_pat_still_ends_in_time() {
    let mut bench = Bench::new();
    bench.settings.margin = 900 * SEC;
    bench.pat(128);
    assert_eq!(countdown(bench.answer(0)), 10280);
    assert_eq!(bench.answer(0), Command::Reset);
    bench.read_back(0x44, 3, 10280);
    bench.advance(95 * SEC);
    assert_eq!(bench.tick(), None, "a margin shortens nothing for the host");
    bench.advance(32 * SEC);
    bench.tick();
    assert!(!matches!(bench.plan(), Some(Command::Set(_))));
    bench.advance(SEC);
    bench.tick();
    assert_eq!(countdown(bench.answer(0)), 1);
    assert_eq!(bench.answer(0), Command::Reset);
    // Once is enough: another Reset would only put it off.
    bench.tick();
    assert!(!matches!(
        bench.plan(),
        Some(Command::Set(_) | Command::Reset)
    ));
}

#[test]
fn with_a_margin_a_bmc_that_rounds_the_last_moment_up_is_not_given_the_margin() {
    let mut bench = Bench::new();
    bench.settings.margin = 900 * SEC;
    bench.pat(128);
    bench.answer(0);
    bench.answer(0);
    bench.read_back(0x44, 3, 10280);
    bench.advance(128 * SEC);
    bench.tick();
    for _ in 0..2 {
        assert_eq!(countdown(bench.answer(0)), 1);
        assert_eq!(bench.answer(0), Command::Reset);
        bench.read_back(0x44, 3, 10);
    }
    assert_eq!(bench.plan(), None, "this is what it can do");
}

#[test]
fn after_any_pretimeout_the_next_pat_is_a_set() {
    let mut bench = Bench::armed(128);
    bench.advance(10 * SEC);
    assert!(bench.watchdog.pretimeout(bench.now), "the host pats");
    bench.pat(128);
    assert!(matches!(bench.answer(0), Command::Set(_)));
    assert_eq!(bench.answer(0), Command::Reset);
}

/// A BMC that is deaf and counts resets the host by what it last confirmed, whatever was sent since.
#[test]
fn what_failed_in_an_outage_takes_nothing_from_what_was_confirmed() {
    let mut bench = Bench::armed(128);
    bench.told();
    bench.advance(90 * SEC);
    bench.pat(128);
    bench.fail();
    bench.fail();
    assert_eq!(bench.watchdog.verdict(bench.now), Ok(()));
    bench.pat(128);
    let told = bench.tick();
    assert!(
        matches!(told, Some(Event::NotTaken(Untaken::Pat, ns)) if ns < 30 * SEC),
        "{told:?}"
    );
    bench.advance(29 * SEC);
    assert!(bench.watchdog.verdict(bench.now).is_err());
}

#[test]
fn a_stop_that_may_have_been_carried_out_takes_all() {
    let mut bench = Bench::armed(128);
    bench.pat(0);
    bench.fail();
    assert!(bench.watchdog.armed());
    bench.pat(128);
    bench.fail();
    assert!(bench.watchdog.verdict(bench.now).is_err());
    bench.pat(0);
    bench.answer(0);
    assert!(!bench.watchdog.armed());
}

/// Set with don't-stop takes effect at once, answered or not.
#[test]
fn a_shorter_set_shortens_what_is_known_to_be_left() {
    for answered in [true, false] {
        let mut bench = Bench::armed(600);
        bench.pat(10);
        match answered {
            true => assert_eq!(countdown(bench.answer(0)), 100),
            false => bench.fail(),
        }
        bench.fail();
        bench.advance(10 * SEC);
        assert!(bench.watchdog.verdict(bench.now).is_err(), "{answered}");
    }
}

#[test]
fn a_reset_that_failed_after_its_set_is_no_reason_to_begin_anew() {
    let mut bench = Bench::new();
    bench.pat(128);
    bench.answer(0);
    bench.fail();
    bench.advance(60 * SEC);
    assert!(countdown(bench.answer(0)) < 700);
}
