// SPDX-License-Identifier: BSD-2-Clause
//! A scenario as plain values: the machine, the BMC and what goes wrong with it, who uses it,
//! what is done to the host and when, and what must be true then. Must not know how it is run.

use ipmi_bmc::{Bmc, Executes, Fault, Request, When};
use ipmi_kernel::{AcpiDevice, PciDevice, Preempt};

use super::outages::GET;
use crate::board::Registers;
use crate::dice::Dice;
use crate::firmware::{Smbios, Wire};
use crate::judge::Bound;
use crate::mc_watchdog::TENTH;
use crate::record::{BmcState, Way};
use crate::span::{Ns, MS, S, US};
use crate::transport::Transport;

/// A named recipe for plans.
pub struct Scenario {
    pub name: &'static str,
    /// One line for `lab list`.
    pub about: &'static str,
    pub plan: fn(&mut Dice) -> Plan,
}

/// Everything that one run is made of.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How long the run lasts unless the host ends it before.
    pub lasts: Ns,
    pub transport: Transport,
    /// What the BIOS tells of the BMC.
    pub smbios: Option<Smbios>,
    /// What firmware has left in memory besides, as (address, bytes).
    pub memory: Vec<(u64, Vec<u8>)>,
    /// Which tables EFI knows, as (GUID in memory, address).
    pub efi: Vec<([u8; 16], u64)>,
    /// What ACPI tells of it.
    pub acpi: Vec<AcpiDevice>,
    /// What the PCI bus tells of it.
    pub pci: Vec<PciDevice>,
    /// How many SMBuses with nobody on them come before the BMC's.
    pub empty_smbuses: i32,
    /// From one register to the next, in bytes: 1, 2 or 4.
    pub spacing: u16,
    /// Where the registers are, if not where the transport has them.
    pub registers: Option<Registers>,
    pub bmc: ipmi_bmc::Config,
    pub executes: Executes,
    pub preempt: Preempt,
    /// `hw.ipmi.wd_margin`: how much longer the BMC counts than it is asked to.
    pub margin: Ns,
    /// Set in kenv before the module is loaded, hints aside.
    pub tunables: Vec<(&'static str, String)>,
    pub faults: Vec<(When, Fault)>,
    /// What the faults make of the BMC as the host sees it, in order of time.
    pub course: Vec<(Ns, BmcState)>,
    /// When kldload is called.
    pub load_at: Ns,
    /// A watchdog timer that firmware has left running.
    pub firmware: Option<Firmware>,
    /// The kernel asks the list `watchdog_pretimeout` before its pretimeout acts.
    pub pretimeout_list: bool,
    pub watchdogd: Option<Watchdogd>,
    pub clients: Vec<Client>,
    /// When the doctor is asked besides now and then, in order of time.
    pub telling: Vec<Ns>,
    /// What is done to the host, in order of time.
    pub acts: Vec<(Ns, Act)>,
    pub bounds: Vec<Bound>,
}

/// watchdogd(8) with its options.
#[derive(Clone, Copy, Debug)]
pub struct Watchdogd {
    pub starts: Ns,
    /// When and how it ceases to pat.
    pub ends: Option<(Ns, End)>,
    /// `-t`
    pub timeout: Ns,
    /// `-s`
    pub every: Ns,
    /// `--pretimeout`, 0 for none.
    pub pretimeout: Ns,
    /// `--pretimeout-action`, `WD_SOFT_*`.
    pub action: u32,
}

/// The watchdog timer as firmware set and started it before the kernel came.
#[derive(Clone, Copy, Debug)]
pub struct Firmware {
    /// 1 BIOS FRB2, 2 BIOS/POST, 3 OS Load.
    pub timer_use: u8,
    /// 0 none, 1 hard reset, 2 power down, 3 power cycle.
    pub action: u8,
    /// Counted from boot, in whole seconds.
    pub countdown: Ns,
    /// How long before its end what interrupt comes, 0 for none; in whole seconds.
    pub pretimeout: Ns,
    /// 0 none, 1 SMI, 2 NMI, 3 messaging.
    pub interrupt: u8,
}

impl Firmware {
    /// Does at time 0 what firmware does.
    pub fn arm(&self, bmc: &mut Bmc) {
        let [low, high] = ((self.countdown / TENTH) as u16).to_le_bytes();
        let actions = self.interrupt << 4 | self.action;
        let pretimeout = (self.pretimeout / S) as u8;
        let set = vec![self.timer_use, actions, pretimeout, 0, low, high];
        for (cmd, data) in [(0x24, set), (0x22, Vec::new())] {
            let request = Request {
                netfn: 0x06,
                lun: 0,
                cmd,
                data,
            };
            bmc.execute(&request, 0);
        }
    }
}

/// How watchdogd ceases to pat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Without a word, with all userland.
    Hangs,
    /// On SIGTERM: it disarms and goes.
    Exits,
}

/// A program that uses /dev/ipmi0.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    pub kind: ClientKind,
    pub starts: Ns,
    /// No new session from here on, and no new round of one that stays.
    pub stops: Ns,
    /// Between one session, or one round of a program that stays, and the next.
    pub pause: Ns,
    /// Requests in a session of those that ask one by one.
    pub requests: u64,
    /// Seeds its choice of requests.
    pub seed: u64,
}

/// Whose habits it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// Opens, asks one thing after the other with ever new ids, waits 15 s, closes.
    Ipmitool,
    /// As ipmitool, but all ids are 0 and it waits 60 s.
    FreeIpmi,
    /// Stays open and queues that many requests at once, again and again.
    Agent { queued: u64 },
}

/// What is done to the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// panic(9), up to the end of the shutdown handlers that run without a scheduler.
    Panic,
    /// A panic with a dump that pats the watchdog before each of its parts, which take so long.
    Dump { parts: u32, each: Ns },
    /// The same, and what comes after the dump never ends.
    HungDump { parts: u32, each: Ns },
    /// kdb is entered and its `watchdog` command used, then left.
    Kdb,
    /// kldunload, with everybody gone.
    Unload,
    /// devctl detach.
    Detach,
    /// devctl attach.
    Attach,
    /// Several threads pat and disarm at once; the last word is a pat, or a disarm.
    Crowd { disarmed: bool },
    /// Somebody pats once, or disarms with 0.
    Pat { timeout: Ns },
    /// Two threads call the watchdog `gap` apart, one of them to disarm.
    Race { gap: Ns, disarm_first: bool },
    /// So many threads pat, each a hundred times a second, for so long; those of odd number ask
    /// for `odd`, the others for 128 s.
    Storm { threads: u64, lasts: Ns, odd: Ns },
    /// Another driver comes onto the watchdog lists and answers every pat.
    Rival,
    /// The time of day jumps by so many nanoseconds.
    ClockStep { by: i64 },
    /// An NMI that is not the BMC's.
    ForeignNmi,
    /// reboot(2), with a step after the sync that never ends.
    HungShutdown { howto: u32 },
    /// `count` requests are queued at once, one descriptor for every hundred, then a pat made.
    Flood { count: u64 },
}

impl Act {
    /// What it is to the record and how long it takes at least, if the driver must not sleep in it.
    fn without_sleep(self) -> Option<(Way, Ns)> {
        match self {
            Act::Panic => Some((Way::Panic, 0)),
            Act::Dump { parts, each } => Some((Way::Dump, Ns::from(parts) * each)),
            Act::HungDump { .. } => Some((Way::Dump, Ns::MAX)),
            Act::Kdb => Some((Way::Kdb, 0)),
            _ => None,
        }
    }
}

impl Plan {
    /// Whether hints tell of the BMC, because nothing else does.
    pub fn is_hinted(&self) -> bool {
        let bios = self.smbios.is_some() || !self.memory.is_empty();
        !bios && self.acpi.is_empty() && self.pci.is_empty()
    }

    /// A healthy machine and BMC whose speeds and registers the dice vary, with ipmi.ko loaded
    /// in the first second, and the promises that hold whatever happens.
    pub fn new(dice: &mut Dice, lasts: Ns) -> Plan {
        let executes = dice.pick(&[Executes::BehindIbf, Executes::BehindObf]);
        Plan {
            lasts,
            transport: Transport::Kcs,
            smbios: None,
            memory: Vec::new(),
            efi: Vec::new(),
            acpi: Vec::new(),
            pci: Vec::new(),
            empty_smbuses: 0,
            spacing: dice.pick(&[1, 2, 4]),
            registers: None,
            bmc: ipmi_bmc::Config {
                seed: dice.seed(),
                handshake: dice.magnitude(5 * US, 100 * US),
                execute: dice.magnitude(100 * US, 2 * MS),
                records: 64,
                ..ipmi_bmc::Config::default()
            },
            executes,
            preempt: Preempt {
                switch_per_1024: dice.magnitude(1, 512) as u32,
                stall_per_million: dice.between(0, 400) as u32,
                stall_max_ns: dice.between(0, 2 * MS),
            },
            margin: 0,
            tunables: Vec::new(),
            faults: Vec::new(),
            course: vec![(0, BmcState::Healthy)],
            load_at: dice.between(0, S),
            firmware: None,
            pretimeout_list: false,
            watchdogd: None,
            clients: Vec::new(),
            telling: Vec::new(),
            acts: Vec::new(),
            bounds: PROMISES.to_vec(),
        }
    }

    /// Reaches the BMC by that way. What begins there can be told on KCS and SSIF only.
    pub fn go_over(&mut self, transport: Transport) {
        self.transport = transport;
        match transport {
            Transport::Kcs | Transport::KcsMem => {}
            Transport::KcsIrq => self.is_described(Wire::LEVEL),
            Transport::Smic | Transport::Bt | Transport::BtIrq => {
                self.without(|bound| matches!(bound, Bound::PatStartsWithin(_)));
                self.hides_resets();
                if transport == Transport::BtIrq {
                    self.is_described(Wire::LEVEL);
                }
            }
            Transport::Ssif => {
                self.smbios = Some(Smbios::default());
                self.hides_resets();
                self.go_over_smbus();
            }
        }
    }

    /// No state of the interface shows that the BMC was reset. One that is not read back is set anew, so
    /// that nobody ever knows what became of its timer.
    fn hides_resets(&mut self) {
        let unread = |fault: &(When, Fault)| {
            let (_, fault) = fault;
            matches!(fault, Fault::Completion { netfn: 0x06, cmd, .. } if *cmd == GET)
        };
        if self.faults.iter().any(unread) {
            self.without(|bound| matches!(bound, Bound::Notified(_)));
        }
        // Nor is there a state that could be wrong: the worker has its work as ever.
        let state = |fault: &(When, Fault)| matches!(fault.1, Fault::WrongState { .. });
        if self.faults.iter().any(state) {
            self.without(|bound| matches!(bound, Bound::WorkerBelow(_)));
        }
    }

    /// The BIOS tells of the BMC and its interrupt, and of registers side by side.
    pub fn is_described(&mut self, wire: Wire) {
        self.spacing = 1;
        self.smbios = Some(Smbios {
            interrupt: Some(wire),
            ..Smbios::default()
        });
    }

    /// Its driver sleeps, so where nobody can the BMC is not spoken to at all: that is said, once, and
    /// costs nothing; the timer counts on as it was.
    fn go_over_smbus(&mut self) {
        let mut acts = self.acts.iter();
        let Some((way, lasts)) = acts.find_map(|&(_, act)| act.without_sleep()) else {
            return;
        };
        self.without(|bound| matches!(bound, Bound::PassesWithin(w, _) if *w == way));
        self.bounds.push(Bound::SaysOnce("SMBus cannot be used"));
        self.bounds.push(Bound::AsksNothingIn(way));
        if self.watchdogd.is_none_or(|dog| lasts < dog.timeout) {
            self.bounds.push(Bound::PassesWithin(way, lasts + REFUSED));
            return;
        }
        self.without(|bound| matches!(bound, Bound::ResetsHostAfter(..) | Bound::HostStaysUp));
        self.bounds
            .extend([Bound::NoPretimeout, Bound::ResetsHostAfterLastPat(S)]);
    }

    /// A fault from one instant to another, which makes the BMC look so.
    pub fn fault(&mut self, from: Ns, to: Ns, state: BmcState, fault: Fault) {
        self.faults.push((When::Window { from, to }, fault));
        self.state(from, state);
        self.state(to, BmcState::Healthy);
    }

    /// The BMC looks so from here on.
    pub fn state(&mut self, from: Ns, state: BmcState) {
        self.course.push((from, state));
    }

    /// At that moment the doctor says so.
    pub fn doctor(&mut self, at: Ns, words: &'static str) {
        self.telling.push(at);
        self.bounds.push(Bound::DoctorSays(at, words));
    }

    /// Drops a promise that the scenario breaks on purpose.
    pub fn without(&mut self, dropped: impl Fn(&Bound) -> bool) {
        self.bounds.retain(|bound| !dropped(bound));
    }

    /// `hw.ipmi.wd_pat_wait_ms` of this plan.
    pub fn pat_limit(&self) -> Ns {
        let bound = self.bounds.iter().find_map(|bound| match bound {
            Bound::PatWithin(most) => Some(*most),
            _ => None,
        });
        bound.unwrap_or(PAT_LIMIT)
    }
}

/// A call that is refused at once is over by then; kdb's user thinks for half of it.
const REFUSED: Ns = 20 * MS;

/// The default of `hw.ipmi.wd_pat_wait_ms`, and what the way in and out may cost.
pub const PAT_LIMIT: Ns = 260 * MS;

/// What must be true in every run unless its scenario says otherwise.
const PROMISES: &[Bound] = &[
    Bound::PatWithin(PAT_LIMIT),
    Bound::PatsAreHonest,
    Bound::HostStaysUp,
    Bound::GuardedWithin(S),
    Bound::LastWordHolds(S),
    Bound::ShownAsItIs(S),
    Bound::CountsRight,
    Bound::RecoversWithin(S),
    Bound::WorkerBelow(0.5),
    Bound::ConsoleLinesAnHour(10),
    Bound::ClientsAreServed,
    Bound::PassesWithin(Way::Close, 2 * S),
    Bound::PassesWithin(Way::Load, 100 * MS),
];
