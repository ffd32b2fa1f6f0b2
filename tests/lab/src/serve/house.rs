// SPDX-License-Identifier: BSD-2-Clause
//! A software kernel on the real clock with the module in it, on a host thread of its own that
//! does errands for others. Must not know who comes nor what is asked of the device.

use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use anyhow::{anyhow, bail, Context, Result};
use ipmi_kernel::{Bell, Clock, Config, Hardware, Machine, Preempt, Stop};

use super::visitor::Visitors;
use crate::span::S;

/// What the house is made of.
pub struct Plan {
    /// Modules in the order in which they are loaded.
    pub modules: Vec<PathBuf>,
    /// Hints and tunables.
    pub kenv: Vec<(String, String)>,
    pub hardware: Box<dyn Hardware>,
}

/// The machine and who is in it.
pub struct House {
    pub machine: Machine,
    pub visitors: Visitors,
    closing: bool,
}

/// Something to be done on the house's thread, between two runs of the machine.
type Errand = Box<dyn FnOnce(&mut House) + Send>;

/// How other threads reach the house.
#[derive(Clone)]
pub struct Door {
    errands: Sender<Errand>,
    bell: Bell,
}

/// What is left when the house is closed.
pub struct Remains {
    /// What the kernel's checkers found.
    pub violations: Vec<String>,
    /// Why the machine ended by itself, if it did.
    pub ended: Option<Stop>,
}

/// A run is so long unless somebody rings.
const RUN: u64 = 3600 * S;
/// How long the node may take to appear: a BMC that does not say whether it has a watchdog timer is
/// asked for half a minute.
const ATTACH: u64 = 45 * S;

impl Door {
    /// Has something done, some time soon. Nobody hears it once the house is closed.
    pub fn send(&self, errand: impl FnOnce(&mut House) + Send + 'static) {
        let _ = self.errands.send(Box::new(errand));
        self.bell.ring();
    }

    /// Has something done and waits for what comes of it.
    pub fn ask<R: Send + 'static>(
        &self,
        errand: impl FnOnce(&mut House) -> R + Send + 'static,
    ) -> Result<R> {
        let (answer, heard) = mpsc::channel();
        self.send(move |house| {
            let _ = answer.send(errand(house));
        });
        heard.recv().context("the machine has ended")
    }

    /// Ends the machine after what was asked before.
    pub fn close(&self) {
        self.send(|house| house.closing = true);
    }
}

/// Boots a machine and loads the modules; it runs until it ends or is closed.
pub fn open(plan: Plan) -> Result<(Door, JoinHandle<Remains>)> {
    let (ready, boot) = mpsc::channel();
    let keeper = thread::spawn(move || match boot_up(plan) {
        Ok((house, door, errands)) => {
            let _ = ready.send(Ok(door));
            house.live(&errands)
        }
        Err(error) => {
            let _ = ready.send(Err(error));
            Remains {
                violations: Vec::new(),
                ended: None,
            }
        }
    });
    let door = boot.recv().context("the machine died in its boot")??;
    Ok((door, keeper))
}

fn boot_up(plan: Plan) -> Result<(House, Door, Receiver<Errand>)> {
    let config = Config {
        clock: Clock::Real,
        kenv: plan.kenv,
        preempt: Preempt {
            stall_per_million: 0,
            ..Preempt::default()
        },
        ..Config::default()
    };
    let mut machine = Machine::new(config, plan.hardware);
    for path in &plan.modules {
        let name = path.display();
        machine
            .kldload(path)
            .map_err(|stop| anyhow!("{name}: {stop:?}"))?
            .map_err(|error| anyhow!("{name}: {error}"))?;
    }
    wait_for_node(&mut machine)?;
    let (send, errands) = mpsc::channel();
    let door = Door {
        errands: send,
        bell: machine.bell(),
    };
    let house = House {
        machine,
        visitors: Visitors::default(),
        closing: false,
    };
    Ok((house, door, errands))
}

fn wait_for_node(machine: &mut Machine) -> Result<()> {
    let limit = machine.now() + ATTACH;
    let there = std::rc::Rc::new(std::cell::Cell::new(false));
    let seen = there.clone();
    machine.spawn("watch", move |process| {
        crate::client::watch_for_node(process);
        seen.set(true);
    });
    while !there.get() && machine.now() < limit {
        machine.run_until(machine.now() + S / 50);
    }
    if !there.get() {
        bail!("there is no /dev/ipmi0 after {} s", ATTACH / S);
    }
    Ok(())
}

impl House {
    fn live(mut self, errands: &Receiver<Errand>) -> Remains {
        let mut ended = None;
        while !self.closing && ended.is_none() {
            match self.machine.run_until(self.machine.now() + RUN) {
                Stop::Time | Stop::Idle => {}
                stop => ended = Some(stop),
            }
            for errand in errands.try_iter() {
                errand(&mut self);
            }
        }
        let violations = self.machine.violations();
        Remains {
            violations: violations.iter().map(|v| v.text.clone()).collect(),
            ended,
        }
    }
}
