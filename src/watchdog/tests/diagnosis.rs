// SPDX-License-Identifier: BSD-2-Clause
//! What the doctor says, and what is counted.

use super::doctor::Circumstances;
use super::*;
use crate::line::{Line, LENGTH};

const AROUND: Circumstances = Circumstances {
    on: true,
    enabled: true,
    known: true,
    timer: true,
    answering: true,
    others: 0,
};

fn say(bench: &Bench, around: &Circumstances) -> String {
    let mut line = Line::new();
    bench.watchdog.diagnose(bench.now, around, &mut line);
    String::from_utf8(line.as_bytes().to_vec()).unwrap()
}

#[test]
fn the_doctor_says_who_guards_the_host_and_what_is_wrong() {
    assert!(say(&Bench::new(), &AROUND).starts_with("unguarded: nobody has armed"));
    let mut bench = Bench::armed(128);
    bench.advance(10 * SEC);
    assert_eq!(
        say(&bench, &AROUND),
        "guarded by the BMC watchdog: power cycle in 117.9 s unless patted; \
         last pat 10.0 s ago by [0], confirmed"
    );
    let others = Circumstances {
        others: 1,
        ..AROUND
    };
    assert!(say(&bench, &others).ends_with("; 1 other watchdog handler answers pats"));
    let now = bench.now;
    bench.watchdog.suspect(now);
    bench.read_back(0x44, 0, 1280);
    assert!(say(&bench, &AROUND).starts_with("unguarded: the timer's action is none"));
    bench.advance(200 * SEC);
    assert!(say(&bench, &others).starts_with("unguarded: the BMC has not confirmed"));
    assert!(say(&bench, &others).contains("overdue"));
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
    use crate::watchdog::doctor::Figure::{Failed, Unconfirmed};
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
    assert_eq!(
        say(&bench, &AROUND),
        "unguarded: nobody has armed the watchdog; is watchdogd running?; \
         but a timer runs (use BIOS/POST): hard reset in 50.0 s"
    );
    bench.advance(51 * SEC);
    assert!(!say(&bench, &AROUND).contains("timer runs"));
}

#[test]
fn the_longest_diagnosis_is_told_whole() {
    let mut bench = Bench::new();
    let settings = Settings {
        actions: 1,
        ..bench.settings
    };
    let who = Who {
        pid: 99999,
        name: [b'w'; 20],
    };
    let (now, events) = (bench.now, &mut bench.events);
    let asked = bench.watchdog.ask(now, 6553 * SEC, who, &settings, events);
    asked.unwrap();
    bench.answer(0);
    bench.answer(0);
    for _ in 0..2 {
        bench.read_back(0x44, 1, 65_000);
        if bench.plan().is_some() {
            bench.answer(0);
            bench.answer(0);
        }
    }
    bench.advance(5000 * SEC);
    let _ = bench
        .watchdog
        .ask(bench.now, 6553 * SEC, who, &settings, &mut bench.events);
    bench.advance(1400 * SEC);
    let worst = Circumstances {
        answering: false,
        others: 12,
        ..AROUND
    };
    let said = say(&bench, &worst);
    assert!(said.contains("grants 6500.0 s of 6553.0 s"), "{said}");
    assert!(
        said.ends_with("; 12 other watchdog handlers answer pats"),
        "{said}"
    );
    assert!(said.len() < LENGTH, "{}", said.len());
}
