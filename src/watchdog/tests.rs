// SPDX-License-Identifier: BSD-2-Clause
//! The watchdog's decisions, command by command, on a clock of the test's own.

use super::*;
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
            watchdog: Watchdog::new(),
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
        matches!(told[..], [Event::NotTaken(a), Event::NotTaken(b)]
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
fn after_any_pretimeout_the_next_pat_is_a_set() {
    let mut bench = Bench::armed(128);
    bench.advance(10 * SEC);
    assert!(bench.watchdog.pretimeout(bench.now), "the host pats");
    bench.pat(128);
    assert!(matches!(bench.answer(0), Command::Set(_)));
    assert_eq!(bench.answer(0), Command::Reset);
}

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
fn the_doctor_says_who_guards_the_host_and_what_is_wrong() {
    let around = doctor::Circumstances {
        on: true,
        enabled: true,
        known: true,
        timer: true,
        answering: true,
        others: 0,
    };
    let say = |bench: &Bench, around: &doctor::Circumstances| {
        let mut line = crate::line::Line::new();
        bench.watchdog.diagnose(bench.now, around, &mut line);
        String::from_utf8(line.as_bytes().to_vec()).unwrap()
    };
    assert!(say(&Bench::new(), &around).starts_with("unguarded: nobody has armed"));
    let mut bench = Bench::armed(128);
    bench.advance(10 * SEC);
    assert_eq!(
        say(&bench, &around),
        "guarded by the BMC watchdog: power cycle in 117.9 s unless patted; \
         last pat 10.0 s ago by [0], confirmed"
    );
    let others = doctor::Circumstances {
        others: 1,
        ..around
    };
    assert!(say(&bench, &others).ends_with("; 1 other watchdog handler answers pats as well"));
    let now = bench.now;
    bench.watchdog.suspect(now);
    bench.read_back(0x44, 0, 1280);
    assert!(say(&bench, &around).starts_with("unguarded: the timer's action is none"));
    bench.advance(200 * SEC);
    assert!(say(&bench, &others).starts_with("unguarded: the BMC has not confirmed"));
    assert!(say(&bench, &others).contains("overdue"));
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
    bench.read_back(0x44, 3, 2550);
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
fn a_margin_that_does_not_fit_is_told_of() {
    let mut bench = Bench::new();
    bench.settings.margin = 900 * SEC;
    bench.pat(5653);
    assert_eq!(bench.told(), []);
    bench.pat(5654);
    assert_eq!(bench.told(), [Event::TooLong(6554 * SEC)]);
}

#[test]
fn a_gap_is_told_of_when_it_opens_and_when_it_closes() {
    let mut bench = Bench::armed(128);
    bench.told();
    bench.advance(120 * SEC);
    let serial = bench.pat(128);
    bench.advance(9 * SEC);
    let verdict = bench.watchdog.verdict(bench.now);
    let (now, events) = (bench.now, &mut bench.events);
    bench.watchdog.returned(serial, verdict, now, events);
    bench.watchdog.returned(serial, verdict, now, events);
    assert_eq!(bench.told(), [Event::Unguarded]);
    bench.answer(0);
    bench.answer(0);
    assert!(matches!(bench.told()[..], [Event::Rearmed(_)]));
}

#[test]
fn a_pat_may_be_unconfirmed_and_yet_no_failure() {
    use doctor::Figure::{Failed, Unconfirmed};
    let mut bench = Bench::armed(128);
    bench.advance(SEC);
    let serial = bench.pat(128);
    let verdict = bench.watchdog.verdict(bench.now);
    assert_eq!(verdict, Ok(()));
    let (now, events) = (bench.now, &mut bench.events);
    bench.watchdog.returned(serial, verdict, now, events);
    let figure = |which| bench.watchdog.figure(which, now);
    assert_eq!((figure(Unconfirmed), figure(Failed)), (1, 0));
}

#[test]
fn the_doctor_sees_a_timer_of_firmwares_that_was_left_alone() {
    let mut bench = Bench::new();
    bench.adopt([0x42, 1, 0, 0, 0x58, 2, 0x58, 2], Adopt::Leave);
    bench.advance(10 * SEC);
    let around = doctor::Circumstances {
        on: true,
        enabled: true,
        known: true,
        timer: true,
        answering: true,
        others: 0,
    };
    let diagnosis = |bench: &Bench| {
        let mut line = crate::line::Line::new();
        bench.watchdog.diagnose(bench.now, &around, &mut line);
        String::from_utf8(line.as_bytes().to_vec()).unwrap()
    };
    assert_eq!(
        diagnosis(&bench),
        "unguarded: nobody has armed the watchdog; is watchdogd running?; \
         a timer of firmware's runs: hard reset in 50.0 s"
    );
    bench.advance(51 * SEC);
    assert!(!diagnosis(&bench).contains("firmware"));
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
        matches!(told, Some(Event::NotTaken(ns)) if ns < 30 * SEC),
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

#[test]
fn a_timer_that_is_kept_from_expiring_may_run() {
    let mut bench = Bench::new();
    bench.adopt([0x42, 1, 0, 0, 0x58, 2, 0x58, 2], Adopt::Keep);
    assert!(bench.watchdog.armed());
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

#[test]
fn a_busy_bmc_is_read_back_again_soon() {
    let mut bench = Bench::armed(128);
    bench.watchdog.suspect(bench.now);
    assert_eq!(bench.answer(0xc0), Command::Get);
    assert_eq!(bench.plan(), None);
    bench.advance(500 * MS);
    assert_eq!(bench.plan(), Some(Command::Get));
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
    bench.watchdog.publish(&shared);
    assert_eq!(shared.interrupt.load(Relaxed), 2);
    assert_eq!(shared.healthy_until.load(Relaxed), u64::MAX);
    bench.answer(0);
    bench.watchdog.publish(&shared);
    assert_eq!(shared.interrupt.load(Relaxed), 0);
}
