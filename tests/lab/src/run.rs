// SPDX-License-Identifier: BSD-2-Clause
//! Carries a plan out: starts its processes, does to the host what it says when it says so, and
//! has the record judged. Must not know machines' insides.

use anyhow::Result;
use ipmi_kernel::subsystems::kdb::Command;
use ipmi_kernel::Stop;

use crate::client::{flood, rest, use_bmc, Dog};
use crate::dice::Dice;
use crate::judge;
use crate::ko::Ko;
use crate::record::{BmcState, Passage, Way};
use crate::report::{Identity, Run};
use crate::scenario::{Act, Plan, Scenario};
use crate::span::{Ns, MS, S};
use crate::stage::Stage;
use crate::transport::Transport;

/// How long a panicking machine is watched.
const PANIC_WATCHED: Ns = 5 * S;
/// A dump in so many parts, each as quick as a disk is.
const DUMP: (u32, Ns) = (8, MS);
/// The device that acts are about.
const DEVICE: &str = "ipmi0";

/// Runs a scenario with a seed on a module over KCS and judges it. An error means that the run
/// could not be made at all, as when the file is no module.
pub fn run(scenario: &Scenario, seed: u64, ko: &Ko) -> Result<Run> {
    run_over(Transport::Kcs, scenario, seed, ko)
}

/// [`run`] over any transport.
pub fn run_over(transport: Transport, scenario: &Scenario, seed: u64, ko: &Ko) -> Result<Run> {
    let mut dice = Dice::new(seed, scenario.name);
    let mut plan = (scenario.plan)(&mut dice);
    plan.go_over(transport);
    let identity = Identity {
        scenario: scenario.name.into(),
        transport: transport.name().into(),
        seed,
        ko: ko.path.display().to_string(),
        ko_sha256: ko.sha256.clone(),
    };
    let mut stage = Stage::new(&plan, dice.seed());
    perform(&mut stage, &plan, ko, &mut dice)?;
    let record = stage.record(&plan);
    let failures = judge::failures(&record, &plan.bounds);
    Ok(Run {
        identity,
        record,
        pat_limit: plan.pat_limit(),
        failures,
    })
}

fn perform(stage: &mut Stage, plan: &Plan, ko: &Ko, dice: &mut Dice) -> Result<()> {
    start(stage, plan);
    stage.run_until(plan.load_at);
    stage.load(ko)?;
    stage.watch_for_node(answers_from(plan, stage.machine.now()));
    for &(at, act) in &plan.acts {
        stage.run_until(at);
        if stage.ended.is_none() {
            perform_act(stage, plan, act, dice)?;
        }
    }
    stage.run_until(plan.lasts);
    Ok(())
}

/// When the BMC answers, `now` or later.
fn answers_from(plan: &Plan, now: Ns) -> Ns {
    let before = plan.course.iter().rev().find(|(at, _)| *at <= now);
    let later = plan
        .course
        .iter()
        .find(|(at, state)| *at > now && *state == BmcState::Healthy);
    match before {
        None | Some((_, BmcState::Healthy)) => now,
        Some(_) => later.map_or(now, |(at, _)| *at),
    }
}

fn start(stage: &mut Stage, plan: &Plan) {
    if let Some(options) = plan.watchdogd {
        stage.process("watchdogd", move |process, log| {
            rest(process, options.starts.saturating_sub(process.now()));
            if let Ok(mut dog) = Dog::open(process, log) {
                dog.guard(&options);
            }
        });
    }
    for (who, &client) in plan.clients.iter().enumerate() {
        stage.process(&format!("client{who}"), move |process, log| {
            use_bmc(process, who, &client, log);
        });
    }
}

fn perform_act(stage: &mut Stage, plan: &Plan, act: Act, dice: &mut Dice) -> Result<()> {
    let from = stage.machine.now();
    match act {
        Act::Panic => panic(stage, Way::Panic, (0, 0)),
        Act::Dump => panic(stage, Way::Dump, DUMP),
        Act::Kdb => debug(stage, dice),
        Act::Unload => {
            let error = stage.unload()?;
            expect_success(stage, "kldunload", error);
            stage.log.borrow_mut().asked.push((from, false));
        }
        Act::Detach => {
            let done = stage.machine.device_detach(DEVICE);
            let error = stage.outcome(Way::Detach, from, done);
            expect_success(stage, "devctl detach", error);
        }
        Act::Attach => {
            let done = stage.machine.device_attach(DEVICE);
            let error = done.unwrap_or_else(|stop| {
                stage.note(stop);
                0
            });
            expect_success(stage, "devctl attach", error);
            stage.watch_for_node(answers_from(plan, from));
        }
        Act::Crowd { disarmed } => crowd(stage, disarmed, dice),
        Act::Flood { count } => {
            let seed = dice.seed();
            stage.process("flood", move |process, log| {
                flood(process, 0, count, seed, log, || {
                    if let Ok(dog) = Dog::open(process, log) {
                        dog.pat(128 * S);
                    }
                });
            });
        }
    }
    Ok(())
}

fn expect_success(stage: &Stage, what: &str, error: i32) {
    if error != 0 {
        let words = format!(
            "{what} at {:.3} s failed: errno {error}",
            crate::span::seconds(stage.machine.now())
        );
        stage.log.borrow_mut().disappointments.push(words);
    }
}

/// panic(9) and all that follows, with a dump in so many parts.
fn panic(stage: &mut Stage, way: Way, (parts, each): (u32, Ns)) {
    stage.machine.set_dump(parts, each);
    let from = stage.machine.now();
    let stop = stage
        .machine
        .panic("for the sake of the scenario", from + PANIC_WATCHED);
    let from = stage.machine.panicked().map_or(from, |(at, _)| at);
    let to = matches!(stop, Stop::Halted(_)).then(|| stage.machine.now());
    stage
        .log
        .borrow_mut()
        .passages
        .push(Passage { way, from, to });
    stage.ended = Some(stop);
}

/// The debugger with its watchdog command: a pat, or a disarm and a pat.
fn debug(stage: &mut Stage, dice: &mut Dice) {
    let pat = Command::Watchdog(dice.pick(&[34, 37, 40]) as u32);
    let commands = match dice.chance(50) {
        true => vec![pat],
        false => vec![
            Command::Watchdog(0),
            Command::Think(dice.between(0, 10 * MS)),
            pat,
        ],
    };
    let from = stage.machine.now();
    let done = stage.machine.kdb(&commands).map(|()| 0);
    stage.outcome(Way::Kdb, from, done);
}

/// Several threads pat and disarm at once; when they have gone, one has the last word.
fn crowd(stage: &mut Stage, disarmed: bool, dice: &mut Dice) {
    for _ in 0..dice.between(2, 6) {
        let timeout = if dice.chance(30) {
            0
        } else {
            dice.between(60, 600) * S
        };
        let again = if dice.chance(30) {
            0
        } else {
            dice.between(60, 600) * S
        };
        let pause = dice.between(0, 2 * MS);
        stage.process("crowd", move |process, log| {
            let Ok(dog) = Dog::open(process, log) else {
                return;
            };
            dog.pat(timeout);
            rest(process, pause);
            dog.pat(again);
        });
    }
    stage.run_until(stage.machine.now() + S);
    stage.pat(if disarmed { 0 } else { 128 * S });
}
