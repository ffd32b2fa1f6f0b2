// SPDX-License-Identifier: BSD-2-Clause
//! What the judge must see in records made up by hand; knows no real run.

use super::*;
use crate::record::{BmcState, Note, Passage, Timer};
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
