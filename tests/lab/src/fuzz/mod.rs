// SPDX-License-Identifier: BSD-2-Clause
//! Processes that do to /dev/ipmi0 whatever can be done to it, on a BMC that misbehaves now and then;
//! the software kernel's checkers are the judge. Must not know what an operation ought to answer.

mod operations;

use std::rc::Rc;

use anyhow::Result;
use clap::ValueEnum;
use ipmi_bmc::{Fault, When};

use crate::dice::Dice;
use crate::firmware::{Cut, Smbios};
use crate::ko::Ko;
use crate::scenario::Plan;
use crate::span::{Ns, MS, S};
use crate::stage::Stage;
use crate::transport::Transport;

use operations::{Game, Player};

/// Processes that play at a time.
const PLAYERS: u64 = 4;
/// A machine on which nothing gets on for so long hangs.
const STUCK: Ns = 3600 * S;

/// What a run came to.
pub struct Outcome {
    /// System calls made.
    pub operations: u64,
    /// Of these, ioctls that came to an open descriptor.
    pub ioctls: u64,
    /// What the checkers say, in words; none is a pass.
    pub complaints: Vec<String>,
}

/// Plays `operations` operations with `seed` on the module.
pub fn play(ko: &Ko, seed: u64, operations: u64) -> Result<Outcome> {
    let mut dice = Dice::new(seed, "fuzz");
    let mut plan = Plan::new(&mut dice, 0);
    plan.go_over(dice.pick(Transport::value_variants()));
    if let Some(Smbios {
        interrupt: Some(wire),
        ..
    }) = &mut plan.smbios
    {
        wire.level = dice.chance(50);
        wire.fault = dice.pick(&[None, None, Some(Cut::Open), Some(Cut::Short)]);
    }
    plan.tunables = vec![("hw.ipmi.max_opens", dice.between(3, 64).to_string())];
    plan.faults = faults(&mut dice);
    let mut stage = Stage::new(&plan, dice.seed());
    stage.run_until(plan.load_at);
    stage.load(ko)?;
    stage.watch_for_node(0);
    stage.run_until(plan.load_at + S);

    let game = Rc::new(Game::default());
    for number in 0..PLAYERS {
        let mut player = Player::new(dice.seed(), &game);
        let share = operations / PLAYERS;
        stage.process(&format!("player {number}"), move |process, _| {
            player.play(process, share);
        });
    }
    let mut before = (0, stage.machine.now());
    while game.players.get() > 0 && stage.ended.is_none() {
        let soon = stage.machine.now() + 10 * S;
        stage.run_until(soon);
        if game.done.get() > before.0 {
            before = (game.done.get(), stage.machine.now());
        } else if stage.machine.now() - before.1 > STUCK {
            break;
        }
    }
    // Who has left the game may still be closing its descriptors.
    let soon = stage.machine.now() + S;
    stage.run_until(soon);
    Ok(Outcome {
        operations: game.done.get(),
        ioctls: game.ioctls.get(),
        complaints: complaints(&mut stage, game.players.get())?,
    })
}

fn complaints(stage: &mut Stage, playing: u64) -> Result<Vec<String>> {
    if let Some(stop) = &stage.ended {
        let mut complaints = vec![format!("the machine ended by itself: {stop:?}")];
        complaints.extend(stage.violations().into_iter().map(|v| v.text));
        return Ok(complaints);
    }
    if playing > 0 {
        return Ok(vec![format!("{playing} processes hang")]);
    }
    let error = stage.unload()?;
    if error != 0 {
        return Ok(vec![format!("kldunload failed with errno {error}")]);
    }
    Ok(stage.violations().into_iter().map(|v| v.text).collect())
}

/// Windows in which the BMC misbehaves.
fn faults(dice: &mut Dice) -> Vec<(When, Fault)> {
    let mut faults = vec![];
    let mut at = 3 * S;
    for _ in 0..dice.between(0, 40) {
        let from = at + dice.magnitude(MS, 20 * S);
        let to = from + dice.magnitude(MS, 5 * S);
        faults.push((When::Window { from, to }, fault(dice)));
        at = to;
    }
    faults
}

fn fault(dice: &mut Dice) -> Fault {
    match dice.between(0, 9) {
        0 => Fault::IbfStuck,
        1 => Fault::ObfNever,
        2 => Fault::ReadsFf,
        3 => Fault::ErrorState,
        4 => Fault::SmsAtnStuck,
        5 => Fault::GarbageReply,
        6 => Fault::WrongNetFn,
        7 => Fault::ShortReply {
            keep: dice.between(0, 8) as usize,
        },
        8 => Fault::LongReply {
            total: dice.magnitude(1, 4000) as usize,
        },
        _ => Fault::SlowHandshake {
            ns: dice.magnitude(MS, 300 * MS),
        },
    }
}
