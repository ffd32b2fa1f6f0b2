// SPDX-License-Identifier: BSD-2-Clause
//! What the judge must see in records made up by hand; knows no real run.

use super::*;
use crate::record::{BmcState, Note, Passage, Pat, Timer, PANIC_OF_SCENARIO};
use crate::sample::{starved, survived, BOUNDS};
use crate::span::MS;

fn said(record: &Record, bounds: &[Bound]) -> String {
    failures(record, bounds).join("\n")
}

#[test]
fn a_run_that_keeps_all_bounds_passes() {
    assert_eq!(said(&survived(), BOUNDS), "");
}

#[test]
fn a_starved_pat_and_its_pretimeout_are_told_in_clear_words() {
    let text = said(&starved(), BOUNDS);
    assert!(
        text.contains("1 pat over 260 ms: the one at 70.000 s had not returned"),
        "{text}"
    );
    assert!(
        text.contains("pretimeout fired at 158.0 s on a healthy host: the pat made at 70.0 s"),
        "{text}"
    );
}

#[test]
fn a_pat_that_a_panic_cut_off_was_held_until_then() {
    let mut record = starved();
    record.pretimeouts.clear();
    let panic = |from| Passage {
        way: Way::Dump,
        from,
        to: None,
    };
    record.passages = vec![panic(70 * S + 200 * MS)];
    assert!(!said(&record, BOUNDS).contains("1 pat over"));
    record.passages = vec![panic(71 * S)];
    assert!(said(&record, BOUNDS).contains("1 pat over"));
}

#[test]
fn success_that_the_bmc_never_confirmed_is_a_lie() {
    let mut record = survived();
    let dead = record.pats.iter_mut().find(|p| p.at == 400 * S).unwrap();
    dead.returned = Some((dead.at + MS, 0));
    let text = said(&record, BOUNDS);
    assert!(
        text.contains("1 pat reported success unconfirmed by the BMC, the last at 400.000 s"),
        "{text}"
    );
}

#[test]
fn failure_on_a_healthy_bmc_is_one_too() {
    let mut record = survived();
    record.pats[1].returned = Some((record.pats[1].at + MS, 5));
    let text = said(&record, BOUNDS);
    assert!(
        text.contains("1 pat failed although the BMC answered"),
        "{text}"
    );
}

#[test]
fn a_gap_counts_only_where_the_bmc_answers() {
    let mut record = survived();
    record.timer.push((850 * S, Timer::Stopped));
    record.timer.retain(|t| t.0 <= 850 * S || t.0 >= 855 * S);
    record.timer.sort_by_key(|t| t.0);
    let text = said(&record, BOUNDS);
    assert!(
        text.contains(
            "1 gap in the protection while the BMC answered: not counting from 850.000 s"
        ),
        "{text}"
    );
}

#[test]
fn recovery_is_measured_from_the_answer_to_the_next_confirmed_pat() {
    let mut record = survived();
    record
        .confirmed
        .retain(|&c| !(750 * S..751 * S).contains(&c));
    assert!(said(&record, BOUNDS)
        .contains("answered again at 750.000 s but a confirmed pat took 10.003 s"));
}

#[test]
fn an_outage_that_left_nothing_undone_needs_no_recovery() {
    let mut record = survived();
    record.bmc = vec![
        (0, BmcState::Healthy),
        (31 * S, BmcState::Dead),
        (35 * S, BmcState::Healthy),
    ];
    assert!(record.recoveries().is_empty());
}

#[test]
fn a_busy_worker_and_a_chatty_console_are_bounded() {
    let mut record = survived();
    record.worker = vec![(0, 0), (1000 * S, 100 * S)];
    record.console = (0..11)
        .map(|i| Note {
            at: (100 + i) * S,
            text: "x".into(),
        })
        .collect();
    let text = said(&record, BOUNDS);
    assert!(
        text.contains("10.00 % of a processor") && text.contains("11 lines"),
        "{text}"
    );
}

#[test]
fn a_hung_host_must_be_told_and_reset_in_time() {
    let hung = [Bound::PretimeoutFires(100 * MS), Bound::BmcResetsHost(S)];
    let mut record = survived();
    record.pats.truncate(5);
    record.confirmed.truncate(5);
    assert_eq!(failures(&record, &hung).len(), 2);
    record.pretimeouts = vec![50 * S + 4 * MS + 98 * S];
    record.host_resets = vec![Note {
        at: 50 * S + 3 * MS + 128 * S,
        text: "watchdog".into(),
    }];
    assert_eq!(said(&record, &hung), "");
    record.host_resets[0].at -= 5 * S;
    assert!(said(&record, &hung).contains("came at 173.003 s instead of 178.003 s"));
}

#[test]
fn a_driver_that_pats_for_a_hung_host_is_told() {
    let hung = [Bound::BmcResetsHost(S)];
    let mut record = survived();
    let last = record.pats.last().unwrap().at;
    let ends = |record: &mut Record, own: Ns, reset: Ns| {
        record.confirmed.retain(|&c| c <= last + S);
        record.confirmed.push(own);
        record.host_resets = vec![Note {
            at: reset,
            text: "watchdog".into(),
        }];
    };
    // A read-back that is set right belongs to the pat.
    ends(&mut record, last + 900 * MS, last + 900 * MS + 128 * S);
    assert_eq!(said(&record, &hung), "");
    ends(&mut record, last + 40 * S, last + 168 * S);
    for bound in [hung[0], Bound::ResetsHostAfter(128 * S, S)] {
        assert!(said(&record, &[bound]).contains("patted by itself at 1030.000 s"));
    }
    // After an outage the host is given what was left of its pat, and ten seconds at least.
    record.bmc.push((last + 20 * S, BmcState::Dead));
    record
        .bmc
        .push((last + 39 * S + 500 * MS, BmcState::Healthy));
    record.end = last + 300 * S;
    assert!(said(&record, &hung).contains("came at 1158.000 s instead of 1118.000 s"));
    ends(&mut record, last + 40 * S, last + 128 * S);
    assert_eq!(said(&record, &hung), "");
    record.bmc.last_mut().unwrap().0 = last + 125 * S;
    ends(&mut record, last + 125 * S + 400 * MS, last + 135 * S);
    assert_eq!(said(&record, &hung), "");
    ends(&mut record, last + 127 * S, last + 135 * S);
    assert!(said(&record, &hung).contains("patted by itself"));
}

#[test]
fn a_passage_is_bounded_and_must_happen() {
    let bound = [Bound::PassesWithin(Way::Unload, 2 * S)];
    let mut record = survived();
    assert!(said(&record, &bound).contains("never came to kldunload"));
    record.passages.push(Passage {
        way: Way::Unload,
        from: 10 * S,
        to: None,
    });
    assert!(said(&record, &bound).contains("had not ended"));
}

#[test]
fn complaints_of_the_kernel_fail_any_run() {
    let mut record = survived();
    record.violations.push(Note {
        at: S,
        text: "lock order".into(),
    });
    assert_eq!(failures(&record, &[]), ["at 1.000000 s: lock order"]);
}

fn disarmed_at(record: &mut Record, at: Ns, error: i32) {
    record.pats.retain(|p| p.at < at);
    record.pats.push(Pat {
        at,
        timeout: 0,
        margin: 0,
        pretimeout: 0,
        returned: Some((at + MS, error)),
    });
}

#[test]
fn a_disarm_that_did_not_disarm_is_a_lie_and_goes_unheeded() {
    let mut record = survived();
    disarmed_at(&mut record, 905 * S, 0);
    let text = said(&record, &[Bound::PatsAreHonest, Bound::LastWordHolds(S)]);
    assert!(text.contains("1 disarm reported success while the BMC counted"));
    assert!(
        text.contains("the disarm at 905.000 s was the last"),
        "{text}"
    );
    record.timer.retain(|t| t.0 < 905 * S);
    record.timer.push((905 * S, Timer::Stopped));
    assert_eq!(
        said(&record, &[Bound::PatsAreHonest, Bound::LastWordHolds(S)]),
        ""
    );
}

#[test]
fn a_lie_that_lasts_while_the_bmc_answers_is_told() {
    let bound = [Bound::ShownAsItIs(S)];
    let look = |at: Ns, lie: bool| crate::record::Look {
        at,
        doctor: "guarded".into(),
        asked: 128 * S,
        counters: Default::default(),
        lie: lie.then(|| "state 1 is shown".into()),
    };
    let mut record = survived();
    assert_eq!(said(&record, &bound), "");
    record.passages.push(Passage {
        way: Way::Attach,
        from: 20 * MS,
        to: Some(30 * MS),
    });
    record.looks = (1..=4).map(|i| look(i * 15 * S, false)).collect();
    let unseen = "from 755.000 s for 245.000 s the module shows no watchdog state";
    assert_eq!(said(&record, &bound), unseen);
    record.passages.pop();
    record.looks = vec![
        look(20 * S, true),
        look(20 * S + 900 * MS, true),
        look(21 * S, false),
    ];
    record.looks.push(look(700 * S, true));
    let text = said(&record, &bound);
    assert!(
        text.contains("at 700.000 s the BMC had not answered for long"),
        "{text}"
    );
    assert!(!text.contains("state 1"), "{text}");
    record.looks = vec![look(20 * S, true), look(22 * S, true)];
    assert_eq!(
        said(&record, &bound),
        "from 20.000 s for 2.000 s at least, state 1 is shown"
    );
}

#[test]
fn the_timeout_shown_is_the_newest_pats() {
    let bound = [Bound::ShownAsItIs(S)];
    let mut record = survived();
    let look = |at: Ns, asked: Ns| crate::record::Look {
        at,
        doctor: "guarded".into(),
        asked,
        counters: Default::default(),
        lie: None,
    };
    record.looks = vec![look(20 * S + MS, 0), look(25 * S, 128 * S)];
    assert_eq!(said(&record, &bound), "");
    record.looks.push(look(35 * S, 0));
    assert_eq!(
        said(&record, &bound),
        "at 35.000 s a timeout of 0.000 s is shown as asked for, and it was 128.000 s"
    );
}

#[test]
fn what_must_be_said_is_looked_for() {
    let mut record = survived();
    let bounds = [
        Bound::DoctorSays(30 * S, "overdue"),
        Bound::Notified("WATCHDOG gap"),
        Bound::Says("host in trouble"),
        Bound::Panics("NMI"),
        Bound::NmiComes,
        Bound::LogsMissingPat,
    ];
    assert_eq!(failures(&record, &bounds).len(), 6);
    record.nmis.push(40 * S);
    record.missing_pats_logged = true;
    let note = |text: &str| Note {
        at: 40 * S,
        text: text.into(),
    };
    record.looks = vec![crate::record::Look {
        at: 31 * S,
        doctor: "last pat 99 s ago, overdue".into(),
        asked: 128 * S,
        counters: Default::default(),
        lie: None,
    }];
    record.notifications = vec![note("WATCHDOG gap")];
    record.console.push(note("ipmi0: host in trouble"));
    record.panicked = Some(note("NMI"));
    assert_eq!(said(&record, &bounds), "");
    assert!(said(&record, &[Bound::NotNotified("WATCHDOG gap")]).contains("at 40.000 s"));
}

#[test]
fn resets_are_due_by_the_clock_they_are_promised_by() {
    let mut record = survived();
    let last = *record.confirmed.last().unwrap();
    let reset = |record: &mut Record, at: Ns| {
        record.host_resets = vec![Note {
            at,
            text: "watchdog".into(),
        }];
    };
    reset(&mut record, last + 255 * S);
    assert_eq!(said(&record, &[Bound::ResetsHostAfter(255 * S, S)]), "");
    assert!(said(&record, &[Bound::ResetsHostAt(60 * S, S)]).contains("instead of 60.000 s"));
    let pat = record.pats.last().unwrap().at;
    reset(&mut record, pat + 129 * S + MS);
    let after_pat = [Bound::ResetsHostAfterLastPat(S)];
    assert!(said(&record, &after_pat).contains("came at"));
}

#[test]
fn a_timer_that_should_run_or_stand_still_is_watched() {
    let record = survived();
    assert!(said(&record, &[Bound::Counts(700 * S, 760 * S)]).contains("did not run at 700"));
    assert_eq!(said(&record, &[Bound::Counts(20 * S, 100 * S)]), "");
    assert!(said(&record, &[Bound::StandsStill(700 * S, 760 * S)]).contains("ran at 750"));
    assert_eq!(said(&record, &[Bound::StandsStill(200 * S, 700 * S)]), "");
}

#[test]
fn a_module_may_panic_only_where_it_is_asked_to() {
    const WORDS: &str = "x: host does not pat";
    let panic = |at: Ns| Note {
        at,
        text: format!("the kernel complains (Trap): the module called panic: {WORDS}"),
    };
    let due = 990 * S + 3 * MS + 96 * S;
    let mut record = survived();
    record.violations = vec![panic(due)];
    record.panicked = Some(Note {
        at: due,
        text: WORDS.into(),
    });
    let asked = [Bound::ModulePanics(WORDS, 96 * S, S)];
    assert_eq!(said(&record, &asked), "");
    let early = said(&record, &[Bound::ModulePanics(WORDS, 90 * S, S)]);
    assert!(early.contains("the module's panic came") && early.contains("called panic"));
    let mut old = record.clone();
    old.nmis_are_claimed = false;
    assert!(said(&old, &asked).contains("panicked without \"NMI\""));
    old.violations.clear();
    old.panicked.as_mut().expect("it panicked").text = "NMI".into();
    assert!(said(&old, &asked).contains("a panic"));
    assert_eq!(
        said(&old, &[asked[0], Bound::NmiComes]),
        "no NMI of the BMC's came"
    );
    let other = said(&record, &[Bound::ModulePanics("y", 96 * S, S)]);
    assert!(other.contains("panicked without \"y\"") && other.contains("called panic"));
    assert!(said(&record, &[]).contains("the module called panic"));
    // Once is enough, and nothing else goes with it.
    record.violations.push(panic(due + MS));
    assert_eq!(failures(&record, &asked).len(), 1);
    record.violations[1].text = "lock order".into();
    assert!(said(&record, &asked).ends_with("lock order"));
}

#[test]
fn a_host_that_pats_is_not_said_to_be_silent() {
    let mut record = survived();
    record.end = 1200 * S;
    let said_at = |at: Ns| {
        vec![Note {
            at,
            text: "WATCHDOG unpatted".into(),
        }]
    };
    record.notifications = said_at(995 * S);
    assert!(said(&record, &[]).contains("at 995.000 s that nobody patted, and somebody did"));
    record.notifications = said_at(990 * S + 96 * S);
    assert_eq!(said(&record, &[]), "");
    disarmed_at(&mut record, 995 * S, 0);
    assert!(said(&record, &[]).contains("nobody patted"));
}

#[test]
fn a_panic_that_is_not_the_scenarios_fails_any_run() {
    let mut record = survived();
    let panic = |text: &str| {
        Some(Note {
            at: 40 * S,
            text: text.into(),
        })
    };
    record.panicked = panic("NMI");
    assert_eq!(said(&record, &[]), "a panic at 40.000 s: NMI");
    assert_eq!(said(&record, &[Bound::Panics("NMI")]), "");
    // The BMC's is one like any other where drivers cannot claim it.
    record.nmis = vec![40 * S];
    assert!(said(&record, &[Bound::NmiComes]).contains("a panic"));
    record.nmis_are_claimed = false;
    assert_eq!(said(&record, &[Bound::NmiComes]), "");
    record.panicked = None;
    assert!(said(&record, &[Bound::NmiComes]).contains("never panicked"));
    record.panicked = panic(PANIC_OF_SCENARIO);
    assert_eq!(said(&record, &[]), "");
}

#[test]
fn the_busiest_second_of_the_bmc_counts() {
    let mut record = survived();
    record.dog = (0..30).map(|i| (10 * S + i * 60 * MS, 0x22)).collect();
    assert_eq!(said(&record, &[Bound::DogCommandsASecond(17)]), "");
    assert!(said(&record, &[Bound::DogCommandsASecond(16)])
        .contains("ran 17 watchdog commands in the second from 10.000 s"));
}
