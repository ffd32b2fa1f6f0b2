// SPDX-License-Identifier: BSD-2-Clause
//! Carries a plan out: starts its processes, does to the host what it says when it says so, and
//! has the record judged. Must not know machines' insides.

use anyhow::Result;

use crate::acts;
use crate::client::{look_after, rest, use_bmc, Dog};
use crate::dice::Dice;
use crate::judge;
use crate::ko::Ko;
use crate::record::BmcState;
use crate::report::{Identity, Run};
use crate::scenario::{Plan, Scenario};
use crate::span::Ns;
use crate::stage::Stage;
use crate::transport::Transport;

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
        telling: plan.telling,
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
            acts::perform(stage, plan, act, dice)?;
        }
    }
    stage.run_until(plan.lasts);
    Ok(())
}

/// When the BMC answers, `now` or later.
pub fn answers_from(plan: &Plan, now: Ns) -> Ns {
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
    let telling = plan.telling.clone();
    stage.process("administrator", move |process, log| {
        look_after(process, &telling, log);
    });
    for (who, &client) in plan.clients.iter().enumerate() {
        stage.process(&format!("client{who}"), move |process, log| {
            use_bmc(process, who, &client, log);
        });
    }
}
