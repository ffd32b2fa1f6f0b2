// SPDX-License-Identifier: BSD-2-Clause
//! A machine with a board, a module and processes, and what they leave behind as a record. Must
//! not know plans' bounds nor what ought to be true.

use std::cell::RefCell;
use std::rc::Rc;

use anyhow::{anyhow, bail, Result};
use ipmi_bmc::{Bmc, SelEntry, SelEvent};
use ipmi_kernel::subsystems::kld::api::Kld;
use ipmi_kernel::{Config, HwEvent, Machine, Process, Stop};

use crate::board::Board;
use crate::client::{self, Dog, Log, Notes};
use crate::firmware::Described;
use crate::ko::Ko;
use crate::record::{Note, Passage, Pat, Record, Way};
use crate::scenario::Plan;
use crate::span::{Ns, MS, S};

/// How often the processor time of the module's threads is looked at.
const SAMPLE: Ns = 250 * MS;

/// A running machine. Its clock starts at one second.
pub struct Stage {
    pub machine: Machine,
    pub log: Log,
    kld: Option<Kld>,
    /// Set when the machine has ended.
    pub ended: Option<Stop>,
    worker: Vec<(Ns, Ns)>,
}

impl Stage {
    /// A booted machine of that plan, without the module.
    pub fn new(plan: &Plan, seed: u64) -> Stage {
        let config = Config {
            seed,
            kenv: kenv(plan),
            preempt: plan.preempt,
            ..Config::default()
        };
        let mut machine = Machine::new(config, Box::new(board(plan)));
        if plan.pretimeout_list {
            machine.offer_pretimeout_list();
        }
        Stage {
            machine,
            log: Rc::new(RefCell::new(Notes::default())),
            kld: None,
            ended: None,
            worker: Vec::new(),
        }
    }

    /// Runs until that time, or to the machine's end.
    pub fn run_until(&mut self, until: Ns) {
        while self.ended.is_none() && self.machine.now() < until {
            let stop = self
                .machine
                .run_until(until.min(self.machine.now() + SAMPLE));
            self.sample();
            self.note(stop);
            self.note_panic();
        }
    }

    /// A panic that nobody asked for ends the run: what follows is another story.
    fn note_panic(&mut self) {
        if let Some((_, text)) = self.machine.panicked() {
            self.ended.get_or_insert(Stop::Halted(text));
        }
    }

    /// Keeps in mind that the machine has ended, if it has.
    pub fn note(&mut self, stop: Stop) {
        match stop {
            Stop::Time | Stop::Idle => {}
            end => self.ended = Some(end),
        }
    }

    fn sample(&mut self) {
        let usage = self.machine.usage();
        let busy = usage
            .threads
            .iter()
            .filter(|t| t.of_module)
            .map(|t| t.busy_ns)
            .sum();
        self.worker.push((self.machine.now(), busy));
    }

    /// kldload(8). An error means that the file is no module for such a kernel.
    pub fn load(&mut self, ko: &Ko) -> Result<()> {
        let from = self.machine.now();
        let loaded = self.machine.kldload(&ko.path);
        match loaded {
            Ok(Ok(kld)) => self.kld = Some(kld),
            Ok(Err(error)) => return Err(anyhow!("{}: {error}", ko.path.display())),
            Err(stop) => self.note(stop),
        }
        self.passed(Way::Load, from);
        Ok(())
    }

    pub fn is_loaded(&self) -> bool {
        self.kld.is_some()
    }

    /// kldunload(8); an errno, 0 for success.
    pub fn unload(&mut self) -> Result<i32> {
        let Some(kld) = self.kld else {
            bail!("nothing is loaded")
        };
        let from = self.machine.now();
        let done = self.machine.kldunload(kld);
        let error = self.outcome(Way::Unload, from, done);
        if error == 0 {
            self.kld = None;
        }
        Ok(error)
    }

    /// The errno of something that has been done, 0 if the machine ended in it.
    pub fn outcome(&mut self, way: Way, from: Ns, done: Result<i32, Stop>) -> i32 {
        let error = done.unwrap_or_else(|stop| {
            self.note(stop);
            0
        });
        self.passed(way, from);
        error
    }

    /// Writes down that a passage which began at `from` has ended, unless the machine has.
    pub fn passed(&mut self, way: Way, from: Ns) {
        let to = self.ended.is_none().then(|| self.machine.now());
        self.log
            .borrow_mut()
            .passages
            .push(Passage { way, from, to });
    }

    /// Starts a process.
    pub fn process(&mut self, name: &str, body: impl FnOnce(&Process, &Log) + 'static) {
        let log = self.log.clone();
        self.machine.spawn(name, move |process| body(process, &log));
    }

    /// Starts a process that patiently pats once, or disarms with 0.
    pub fn pat(&mut self, timeout: Ns) {
        self.process("pat", move |process, log| {
            if let Ok(dog) = Dog::open(process, log) {
                dog.pat(timeout);
            }
        });
    }

    /// Notes as a passage how long it takes from `from`, or from now if that is later, until
    /// the device node is there.
    pub fn watch_for_node(&mut self, from: Ns) {
        self.process("watch", move |process, log| {
            let from = from.max(process.now());
            let index = {
                let passages = &mut log.borrow_mut().passages;
                passages.push(Passage {
                    way: Way::Attach,
                    from,
                    to: None,
                });
                passages.len() - 1
            };
            client::watch_for_node(process);
            log.borrow_mut().passages[index].to = Some(process.now().max(from));
        });
    }

    /// All that was seen.
    pub fn record(mut self, plan: &Plan) -> Record {
        self.sample();
        let end = self.machine.now();
        let seen = self
            .machine
            .hardware(|board: &mut Board| board.seen().clone());
        let mut pats = self.pats(plan);
        pats.sort_by_key(|pat| pat.at);
        let notes = self.log.take();
        let mut record = Record {
            end,
            late: plan.transport.late(),
            pats,
            requests: notes.requests,
            strays: notes.strays,
            asked: notes.asked,
            bmc: plan.course.clone(),
            timer: seen.timer,
            confirmed: seen.confirmed,
            begun: seen.begun,
            pretimeouts: self.machine.pretimeouts(),
            host_resets: Vec::new(),
            nmis: seen.nmis,
            nmis_are_claimed: self.machine.claims_nmis(),
            missing_pats_logged: self.missing_pats_logged(),
            panicked: self.machine.panicked().map(|(at, text)| Note { at, text }),
            console: self.console(),
            notifications: self.notifications(),
            looks: notes.looks,
            told_stopped: seen.told_stopped,
            dog: seen.dog,
            worker: std::mem::take(&mut self.worker),
            io_accesses: seen.accesses,
            passages: notes.passages,
            violations: self.violations(),
            disappointments: notes.disappointments,
        };
        self.end_of(&mut record);
        record.asked.sort_by_key(|&(at, _)| at);
        record
    }

    /// What the kernel noted of each pat, and those that have not returned.
    fn pats(&mut self, plan: &Plan) -> Vec<Pat> {
        let stopped = self.machine.panicked().map_or(Ns::MAX, |(at, _)| at);
        let asked = plan.watchdogd.map_or(0, |options| options.pretimeout);
        let kept = |timeout| if timeout > asked { asked } else { 0 };
        let done = self.machine.pats();
        let done = done.iter().filter(|pat| pat.at < stopped).map(|pat| Pat {
            at: pat.at,
            timeout: pat.timeout_ns,
            margin: plan.margin,
            pretimeout: kept(pat.timeout_ns),
            returned: Some((pat.at + pat.latency_ns, pat.error)),
        });
        let log = self.log.borrow();
        let held = log
            .pats
            .iter()
            .filter(|pat| pat.returned.is_none())
            .copied();
        done.chain(held).collect()
    }

    /// The lines that drivers of IPMI wrote.
    pub fn console(&self) -> Vec<Note> {
        let console = self.machine.console();
        let ours = console
            .iter()
            .filter(|line| line.text.to_ascii_lowercase().contains("ipmi"));
        ours.map(|line| Note {
            at: line.at,
            text: line.text.clone(),
        })
        .collect()
    }

    /// What devd(8) would have heard of IPMI: subsystem and type.
    fn notifications(&self) -> Vec<Note> {
        let all = self.machine.devctl();
        let ours = all.iter().filter(|n| n.system == "IPMI");
        ours.map(|n| Note {
            at: n.at,
            text: format!("{} {}", n.subsystem, n.kind),
        })
        .collect()
    }

    /// Whether the BMC's event log has a timer interrupt of its watchdog sensor.
    fn missing_pats_logged(&self) -> bool {
        const TIMER_INTERRUPT: u8 = 8;
        let interrupt = |entry: &SelEntry| matches!(entry.event(), SelEvent::Watchdog { offset, .. } if offset == TIMER_INTERRUPT);
        self.machine
            .hardware(|board: &mut Board| board.interface().bmc().sel().iter().any(interrupt))
    }

    /// What the kernel's checkers found.
    pub fn violations(&self) -> Vec<Note> {
        let violations = self.machine.violations();
        let note = |v: &ipmi_kernel::check::Violation| Note {
            at: v.at,
            text: format!("the kernel complains ({:?}): {}", v.kind, v.text),
        };
        violations.iter().map(note).collect()
    }

    /// How the machine ended, if it did.
    fn end_of(&self, record: &mut Record) {
        let text = match &self.ended {
            Some(Stop::Host(HwEvent::HostReset(why))) => format!("reset {why}"),
            Some(Stop::Host(HwEvent::PowerCycle)) => "power cycled by the BMC".into(),
            Some(Stop::Host(HwEvent::PowerOff)) => "powered off by the BMC".into(),
            _ => return,
        };
        record.host_resets.push(Note {
            at: record.end,
            text,
        });
    }
}

/// Hints and tunables.
fn kenv(plan: &Plan) -> Vec<(String, String)> {
    let mut kenv = match plan.is_hinted() {
        true => plan.transport.hints(plan.spacing),
        false => vec![],
    };
    kenv.push(("hw.ipmi.wd_margin".into(), (plan.margin / S).to_string()));
    let tunables = plan.tunables.iter();
    kenv.extend(tunables.map(|(name, value)| (name.to_string(), value.clone())));
    kenv
}

fn board(plan: &Plan) -> Board {
    let bmc = Bmc::new(plan.bmc.clone());
    let mut interface = plan.transport.interface(bmc, plan.executes);
    if let Some(firmware) = plan.firmware {
        firmware.arm(interface.bmc_mut());
    }
    for (when, fault) in &plan.faults {
        interface.faults_mut().add(when.clone(), fault.clone());
    }
    let mut memory = plan.memory.clone();
    if let Some(smbios) = plan.smbios {
        memory.extend(smbios.bytes(plan.transport));
    }
    let described = Described {
        memory,
        efi: plan.efi.clone(),
        acpi: plan.acpi.clone(),
        pci: plan.pci.clone(),
        empty_smbuses: plan.empty_smbuses,
    };
    let usual = plan.transport.registers(plan.spacing);
    let registers = plan.registers.unwrap_or(usual);
    let mut board = Board::new(registers, interface, described);
    board.wire(plan.smbios.and_then(|smbios| smbios.interrupt));
    board
}
