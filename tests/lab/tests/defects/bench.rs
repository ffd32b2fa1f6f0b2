// SPDX-License-Identifier: BSD-2-Clause
//! What the tests stand on: machines with a quiet healthy BMC, on which a test does one thing
//! after the other. Must not know any defect.

use std::cell::RefCell;
use std::ops::RangeInclusive;
use std::rc::Rc;

use ipmi_bmc::{Fault, WatchdogView, When};
use ipmi_kernel::subsystems::sysctl::api::Value;
use ipmi_kernel::Process;
use ipmi_lab::board::Board;
use ipmi_lab::client::watch_for_node;
use ipmi_lab::dice::Dice;
use ipmi_lab::ko::Ko;
use ipmi_lab::scenario::Plan;
use ipmi_lab::span::{Ns, S};
use ipmi_lab::stage::Stage;

/// A thing that takes longer is stuck.
const PATIENCE: Ns = 3600 * S;

/// A machine with the module loaded.
pub struct Bench {
    pub stage: Stage,
    pub dice: Dice,
    pub ko: Ko,
}

/// Does `test` on a machine of its own for each seed, after `setup` has changed its plan.
pub fn each_seed(
    name: &str,
    seeds: RangeInclusive<u64>,
    setup: impl Fn(&mut Plan, &mut Dice),
    test: impl Fn(&mut Bench),
) {
    let only = std::env::var("LAB_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    for seed in only.map_or(seeds, |seed| seed..=seed) {
        println!("seed {seed}");
        let mut dice = Dice::new(seed, name);
        let mut plan = Plan::new(&mut dice, 0);
        setup(&mut plan, &mut dice);
        let mut bench = Bench {
            stage: Stage::new(&plan, dice.seed()),
            dice,
            ko: Ko::under_test().unwrap_or_else(|error| panic!("{error:#}")),
        };
        bench.stage.run_until(plan.load_at);
        test(&mut bench);
        bench.unload();
        assert_eq!(bench.stage.violations(), [], "seed {seed}");
    }
}

/// [`each_seed`] with twenty seeds on a plan as it is, loaded and attached.
pub fn attached(name: &str, test: impl Fn(&mut Bench)) {
    each_seed(
        name,
        1..=20,
        |_, _| {},
        |bench| {
            bench.load();
            bench.run(watch_for_node);
            test(bench);
        },
    );
}

impl Bench {
    pub fn now(&self) -> Ns {
        self.stage.machine.now()
    }

    pub fn load(&mut self) {
        self.stage
            .load(&self.ko)
            .unwrap_or_else(|error| panic!("{error:#}"));
    }

    /// Unloads, if the machine still lives and the module is there.
    fn unload(&mut self) {
        if self.stage.ended.is_none() && self.stage.is_loaded() {
            let error = self.stage.unload().expect("it is loaded");
            assert_eq!(error, 0, "kldunload");
        }
    }

    /// Lets time pass.
    pub fn rest(&mut self, time: Ns) {
        let until = self.now() + time;
        self.stage.run_until(until);
    }

    /// Runs a process to its end and gives what it found out.
    pub fn run<R: 'static>(&mut self, body: impl FnOnce(&Process) -> R + 'static) -> R {
        let result = Rc::new(RefCell::new(None));
        let slot = result.clone();
        self.stage.process("test", move |process, _| {
            let found = body(process);
            *slot.borrow_mut() = Some(found);
        });
        let until = self.now() + PATIENCE;
        while result.borrow().is_none() {
            let said = self.stage.violations();
            assert_eq!(self.stage.ended, None, "the machine ended: {said:?}");
            assert!(self.now() < until, "the process is stuck");
            let soon = self.now() + S / 10;
            self.stage.run_until(soon);
        }
        result.take().expect("looked at just now")
    }

    /// The BMC misbehaves from now on, for so long.
    pub fn fault(&mut self, lasts: Ns, fault: Fault) {
        let from = self.now();
        let to = from.saturating_add(lasts);
        self.board(move |board| {
            let faults = board.interface_mut().faults_mut();
            faults.add(When::Window { from, to }, fault);
        });
    }

    pub fn board<R>(&self, f: impl FnOnce(&mut Board) -> R) -> R {
        self.stage.machine.hardware(f)
    }

    /// The BMC's watchdog timer as it truly is.
    pub fn timer(&self) -> WatchdogView {
        let now = self.now();
        self.board(|board| board.interface().bmc().watchdog(now))
    }

    /// A number under `dev.ipmi.0.watchdog`.
    pub fn figure(&mut self, leaf: &str) -> u64 {
        let name = format!("dev.ipmi.0.watchdog.{leaf}");
        match self.stage.machine.sysctl_get(&name) {
            Ok(Ok(Value::Uint(value))) => value,
            other => panic!("{name}: {other:?}"),
        }
    }

    /// A process pats for that countdown, or disarms with 0; the errno that userland sees.
    pub fn pat(&mut self, timeout: Ns) -> i32 {
        self.run(move |process| {
            let fido = process.open("/dev/fido").expect("/dev/fido opens");
            let result = process.pat(fido, timeout);
            process.close(fido).expect("it was open");
            result.err().unwrap_or(0)
        })
    }
}
