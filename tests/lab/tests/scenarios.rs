// SPDX-License-Identifier: BSD-2-Clause
//! Every scenario, two hundred seeds each, on the built `ipmi.ko`. `IPMI_KO` names another file,
//! `SEEDS=A..B` other seeds; a failing seed prints the command that replays it. `RENEW=1` writes the
//! table of results per transport, `transports.txt`, anew.

use clap::ValueEnum;
use ipmi_lab::fleet;
use ipmi_lab::ko::Ko;
use ipmi_lab::report::Report;
use ipmi_lab::run;
use ipmi_lab::scenario::{self, Scenario};
use ipmi_lab::table;
use ipmi_lab::transport::Transport;

fn seeds() -> Vec<u64> {
    let range = std::env::var("SEEDS").unwrap_or_else(|_| "1..200".into());
    let (first, last) = range.split_once("..").expect("SEEDS=A..B");
    let number = |text: &str| text.parse().expect("SEEDS=A..B");
    (number(first)..=number(last)).collect()
}

fn under_test() -> Ko {
    Ko::under_test().unwrap_or_else(|error| panic!("{error:#}"))
}

fn holds(name: &str) {
    let scenario = scenario::by_name(name).expect("no such scenario");
    holds_over(Transport::Kcs, scenario, &seeds(), &under_test());
}

/// The reports of runs that all pass.
fn holds_over(transport: Transport, scenario: &Scenario, seeds: &[u64], ko: &Ko) -> Vec<Report> {
    let work = |&seed: &u64| Ok(run::run_over(transport, scenario, seed, ko)?.report());
    let reports = fleet::each(seeds, work, || {}).unwrap_or_else(|error| panic!("{error:#}"));
    let failures = table::failures(&reports);
    assert!(failures.is_empty(), "\n{failures}");
    reports
}

/// Enough for each variant of a scenario to have its turn.
const TURNS: usize = 4;

#[test]
fn every_scenario_on_freebsd_14() {
    let ko = Ko::of_14_under_test().unwrap_or_else(|error| panic!("{error:#}"));
    let seeds = seeds();
    for scenario in scenario::all() {
        holds_over(
            Transport::Kcs,
            scenario,
            &seeds[..seeds.len().min(TURNS)],
            &ko,
        );
    }
}

/// What the first seed's runs came to, to be compared with what they came to before.
const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transports.txt");

#[test]
fn every_scenario_over_every_transport() {
    let seeds = seeds();
    let some = &seeds[..seeds.len().min(TURNS)];
    let mut table = Vec::new();
    for &transport in Transport::value_variants() {
        // The others run over KCS.
        let those = match transport {
            Transport::Kcs => &some[..1],
            // Nor need the same machines try every variant again.
            Transport::KcsIrq | Transport::BtIrq => &some[..some.len().min(2)],
            _ => some,
        };
        for scenario in scenario::all() {
            let reports = holds_over(transport, scenario, those, &under_test());
            table.extend(reports.into_iter().take(1));
        }
    }
    if seeds[0] == 1 {
        agrees(&table::snapshot(&table));
    }
}

fn agrees(now: &str) {
    if std::env::var_os("RENEW").is_some() {
        std::fs::write(SNAPSHOT, now).expect("it can be written");
    }
    let before = std::fs::read_to_string(SNAPSHOT).expect("RENEW=1 writes it");
    let only = |of: &str, mark, other: &str| -> String {
        let other: Vec<&str> = other.lines().collect();
        let lines = of.lines().filter(|line| !other.contains(line));
        lines.map(|line| format!("{mark} {line}\n")).collect()
    };
    let changed = only(&before, '-', now) + &only(now, '+', &before);
    assert!(
        changed.is_empty(),
        "{SNAPSHOT} is not what came out; RENEW=1 writes it anew if that is as it should be\n{changed}"
    );
}

macro_rules! scenarios {
    ($($test:ident $name:literal)*) => {
        $(
            #[test]
            fn $test() {
                holds($name);
            }
        )*

        #[test]
        fn no_scenario_is_left_out() {
            let tested = [$($name),*];
            for scenario in scenario::all() {
                assert!(tested.contains(&scenario.name), "{}", scenario.name);
            }
        }
    };
}

scenarios! {
    healthy "healthy"
    out_to_lunch "out-to-lunch"
    ibf_stuck "ibf-stuck"
    obf_never "obf-never"
    reads_ff "reads-ff"
    slow_handshake "slow-handshake"
    bmc_reset "bmc-reset"
    hung_host "hung-host"
    one_behind_thousand "one-behind-thousand"
    panic_dead_bmc "panic-dead-bmc"
    dump "dump"
    kdb "kdb"
    unload_dead_bmc "unload-dead-bmc"
    late_bmc "late-bmc"
    re_attach "re-attach"
    crowded_dog "crowded-dog"
    bmc_clamps "bmc-clamps"
    bmc_forgets "bmc-forgets"
    firmware_armed "firmware-armed"
    disarm_dead_bmc "disarm-dead-bmc"
    pat_disarm_race "pat-disarm-race"
    second_watchdog "second-watchdog"
    deaf_but_counting "deaf-but-counting"
    clock_step "clock-step"
    pat_storm "pat-storm"
    pretimeout_nmi "pretimeout-nmi"
    pretimeout_msg "pretimeout-msg"
    late_pat_after_pretimeout "late-pat-after-pretimeout"
    watchdogd_dead "watchdogd-dead"
    action_none "action-none"
    shutdown_hang "shutdown-hang"
    panic_dump "panic-dump"
    panic_hung_dump "panic-hung-dump"
    veto_kernel "veto-kernel"
}
