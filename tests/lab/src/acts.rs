// SPDX-License-Identifier: BSD-2-Clause
//! What is done to a host in the middle of its run: each act of a plan, carried out on a stage.
//! Must not know why nor what ought to come of it.

use std::rc::Rc;

use anyhow::Result;
use ipmi_kernel::subsystems::kdb::Command;
use ipmi_kernel::{mem, sched, Stop};

use crate::client::{flood, rest, Dog};
use crate::dice::Dice;
use crate::record::{Passage, Way, PANIC_OF_SCENARIO};
use crate::run::answers_from;
use crate::scenario::{Act, Plan};
use crate::span::{seconds, Ns, MS, S};
use crate::stage::Stage;

/// How long a panicking machine is watched, if its plan is over before.
const PANIC_WATCHED: Ns = 5 * S;
/// The device that acts are about.
const DEVICE: &str = "ipmi0";
/// Between two pats of a thread in a storm.
const STORMY: Ns = 10 * MS;
/// The timeout of all who do not say another.
const USUAL: Ns = 128 * S;

pub fn perform(stage: &mut Stage, plan: &Plan, act: Act, dice: &mut Dice) -> Result<()> {
    match act {
        Act::Panic => panic(stage, plan, Way::Panic, (0, 0)),
        Act::Dump { parts, each } => panic(stage, plan, Way::Dump, (parts, each)),
        Act::HungDump { parts, each } => {
            hang(stage, "shutdown_final", i32::MIN);
            panic(stage, plan, Way::Dump, (parts, each));
        }
        Act::Kdb => debug(stage, dice),
        Act::Unload => unload(stage)?,
        Act::Detach => detach(stage),
        Act::Attach => attach(stage, plan),
        Act::Crowd { disarmed } => crowd(stage, disarmed, dice),
        Act::Pat { timeout } => stage.pat(timeout),
        Act::Race { gap, disarm_first } => race(stage, gap, disarm_first),
        Act::Storm {
            threads,
            lasts,
            odd,
        } => storm(stage, threads, lasts, odd),
        Act::Rival => rival(stage),
        Act::ClockStep { by } => stage.machine.step_time_of_day(by),
        Act::ForeignNmi => stage.machine.nmi(),
        Act::HungShutdown { howto } => hung_shutdown(stage, plan, howto),
        Act::Flood { count } => {
            let seed = dice.seed();
            stage.process("flood", move |process, log| {
                flood(process, 0, count, seed, log, || {
                    if let Ok(dog) = Dog::open(process, log) {
                        dog.pat(USUAL);
                    }
                });
            });
        }
    }
    Ok(())
}

fn unload(stage: &mut Stage) -> Result<()> {
    let from = stage.machine.now();
    let error = stage.unload()?;
    expect_success(stage, "kldunload", error);
    stage.log.borrow_mut().asked.push((from, false));
    Ok(())
}

fn detach(stage: &mut Stage) {
    let from = stage.machine.now();
    let done = stage.machine.device_detach(DEVICE);
    let error = stage.outcome(Way::Detach, from, done);
    expect_success(stage, "devctl detach", error);
}

fn attach(stage: &mut Stage, plan: &Plan) {
    let from = stage.machine.now();
    let done = stage.machine.device_attach(DEVICE);
    let error = done.unwrap_or_else(|stop| {
        stage.note(stop);
        0
    });
    expect_success(stage, "devctl attach", error);
    stage.watch_for_node(answers_from(plan, from));
}

fn expect_success(stage: &Stage, what: &str, error: i32) {
    if error != 0 {
        let at = seconds(stage.machine.now());
        let words = format!("{what} at {at:.3} s failed: errno {error}");
        stage.log.borrow_mut().disappointments.push(words);
    }
}

/// panic(9) and all that follows, with a dump in so many parts.
fn panic(stage: &mut Stage, plan: &Plan, way: Way, (parts, each): (u32, Ns)) {
    stage.machine.set_dump(parts, each);
    let from = stage.machine.now();
    let until = plan.lasts.max(from + PANIC_WATCHED);
    let stop = stage.machine.panic(PANIC_OF_SCENARIO, until);
    let from = stage.machine.panicked().map_or(from, |(at, _)| at);
    let to = matches!(stop, Stop::Halted(_)).then(|| stage.machine.now());
    let passage = Passage { way, from, to };
    stage.log.borrow_mut().passages.push(passage);
    stage.ended = Some(stop);
}

/// A step of the shutdown that never ends, whether or not others still run.
fn hang(stage: &mut Stage, list: &str, priority: i32) {
    let hang = |_: &[u64]| loop {
        match sched::scheduler_stopped() {
            true => sched::spend(S),
            false => {
                sched::block_on(sched::fresh_chan(), sched::Wait::default());
            }
        }
    };
    stage.machine.on_event(list, priority, Rc::new(hang));
    stage.run_until(stage.machine.now() + MS);
}

/// reboot(2) that comes as far as the step after the sync, and no further.
fn hung_shutdown(stage: &mut Stage, plan: &Plan, howto: u32) {
    hang(stage, "shutdown_post_sync", i32::MAX);
    let from = stage.machine.now();
    let passage = Passage {
        way: Way::Shutdown,
        from,
        to: None,
    };
    stage.log.borrow_mut().passages.push(passage);
    let stop = stage.machine.reboot(howto, plan.lasts);
    stage.note(stop);
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
    let mut timeout = || match dice.chance(30) {
        true => 0,
        false => dice.between(60, 600) * S,
    };
    let calls: Vec<_> = (0..6).map(|_| (timeout(), timeout())).collect();
    for &(first, again) in &calls[..dice.between(2, 6) as usize] {
        let pause = dice.between(0, 2 * MS);
        stage.process("crowd", move |process, log| {
            let Ok(dog) = Dog::open(process, log) else {
                return;
            };
            dog.pat(first);
            rest(process, pause);
            dog.pat(again);
        });
    }
    stage.run_until(stage.machine.now() + S);
    stage.pat(if disarmed { 0 } else { USUAL });
}

fn race(stage: &mut Stage, gap: Ns, disarm_first: bool) {
    let timeouts = match disarm_first {
        true => [0, USUAL],
        false => [USUAL, 0],
    };
    for (timeout, after) in timeouts.into_iter().zip([0, gap]) {
        stage.process("racer", move |process, log| {
            if let Ok(dog) = Dog::open(process, log) {
                rest(process, after);
                dog.pat(timeout);
            }
        });
    }
}

fn storm(stage: &mut Stage, threads: u64, lasts: Ns, odd: Ns) {
    for thread in 0..threads {
        let timeout = if thread % 2 == 1 { odd } else { USUAL };
        stage.process("storm", move |process, log| {
            let Ok(dog) = Dog::open(process, log) else {
                return;
            };
            let until = process.now() + lasts;
            while process.now() < until {
                dog.pat(timeout);
                rest(process, STORMY);
            }
        });
    }
}

/// What ichwd or the software watchdog would do: take every pat, and say that all is well.
fn rival(stage: &mut Stage) {
    let answer = |arguments: &[u64]| mem::write(arguments[1], 0i32);
    stage.machine.on_event("watchdog_list", 0, Rc::new(answer));
}
