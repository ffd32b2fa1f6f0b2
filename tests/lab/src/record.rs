// SPDX-License-Identifier: BSD-2-Clause
//! What happened in one run, as plain data in virtual time: the judge, the report and the
//! picture read this and nothing else. Must not know how it was observed.

use crate::span::{Ns, Span, Spans};

/// What a panic says that is part of a scenario.
pub const PANIC_OF_SCENARIO: &str = "for the sake of the scenario";

/// Everything observed in one run of one scenario with one seed on one module.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// When the run ended.
    pub end: Ns,
    /// [`Transport::late`](crate::transport::Transport::late) of the way to the BMC.
    pub late: Ns,
    /// The calls of the watchdog, in the order in which they were made.
    pub pats: Vec<Pat>,
    /// What clients of /dev/ipmi0 sent, in the order in which they sent it.
    pub requests: Vec<Request>,
    /// Replies that no client was waiting for: a completion delivered twice, or to another.
    pub strays: u64,
    /// When the host began (true) or ceased (false) to want the BMC to guard it.
    pub asked: Vec<(Ns, bool)>,
    /// The states of the BMC, each from its instant to the next one's.
    pub bmc: Vec<(Ns, BmcState)>,
    /// The BMC's watchdog timer: each entry holds from its instant to the next one's.
    pub timer: Vec<(Ns, Timer)>,
    /// When the BMC accepted a Set or a Reset Watchdog Timer that left its timer running.
    pub confirmed: Vec<Ns>,
    /// What the host began at the registers, in order of time, whether or not the BMC took part.
    pub begun: Vec<Begun>,
    /// When watchdog(9)'s pretimeout callout fired.
    pub pretimeouts: Vec<Ns>,
    /// Resets and power cycles of the host, with who ordered them.
    pub host_resets: Vec<Note>,
    /// When the BMC sent an NMI.
    pub nmis: Vec<Ns>,
    /// The kernel lets drivers claim one; others panic.
    pub nmis_are_claimed: bool,
    /// The BMC's event log has a timer interrupt of its watchdog sensor.
    pub missing_pats_logged: bool,
    /// When the kernel panicked, and what it said.
    pub panicked: Option<Note>,
    /// Lines on the console.
    pub console: Vec<Note>,
    /// Notifications of devctl(4): subsystem and type.
    pub notifications: Vec<Note>,
    /// What an administrator saw, looking now and then.
    pub looks: Vec<Look>,
    /// When the BMC said that its timer does not run.
    pub told_stopped: Vec<Ns>,
    /// The watchdog commands that the BMC ran.
    pub dog: Vec<(Ns, u8)>,
    /// Processor time of the module's own threads since the start, sampled now and then.
    pub worker: Vec<(Ns, Ns)>,
    /// Accesses to the registers of the interface.
    pub io_accesses: u64,
    /// Ways through the driver whose duration is bounded, in the order in which they began.
    pub passages: Vec<Passage>,
    /// What the software kernel's checkers found.
    pub violations: Vec<Note>,
    /// Expectations particular to the scenario that did not come true, in words.
    pub disappointments: Vec<String>,
}

/// One call of the watchdog by userland.
#[derive(Clone, Copy, Debug)]
pub struct Pat {
    pub at: Ns,
    /// The countdown asked for; 0 disarms.
    pub timeout: Ns,
    /// How much longer than that the BMC is to count.
    pub margin: Ns,
    /// How long before the countdown's end the pretimeout is to fire; 0 for never.
    pub pretimeout: Ns,
    /// When it returned and with which errno, 0 for success; none if it never did.
    pub returned: Option<(Ns, i32)>,
}

impl Pat {
    /// How long the caller was held; up to the end of the run if it never returned.
    pub fn latency(&self, end: Ns) -> Ns {
        self.returned
            .map_or(end, |(at, _)| at)
            .saturating_sub(self.at)
    }
}

/// One application request through /dev/ipmi0.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    pub client: usize,
    pub sent: Ns,
    /// Network function and command.
    pub what: (u8, u8),
    pub outcome: Option<(Ns, Outcome)>,
}

/// How a request ended for the client that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A reply with this completion code.
    Answered(u8),
    /// The driver refused it or could not carry it out; the errno.
    Failed(i32),
    /// The client waited as long as such clients wait and went away.
    GaveUp,
}

/// How the BMC behaves towards the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BmcState {
    Healthy,
    /// It answers, but takes so long that clients notice.
    Slow,
    /// It does not answer.
    Dead,
    /// Its firmware starts again.
    Rebooting,
}

/// The BMC's watchdog timer with the time it has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    Stopped,
    Running(Ns),
    /// Armed, but standing still with all the BMC's software.
    Frozen(Ns),
}

/// What the host began at the register interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    pub at: Ns,
    pub what: Begin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// A transaction, with its network function and command if it came so far.
    Transaction(Option<(u8, u8)>),
    /// An abort of what was under way.
    Abort,
}

impl Begun {
    /// Whether this is Set or Reset Watchdog Timer, as a pat sends.
    pub fn is_pat(&self) -> bool {
        matches!(self.what, Begin::Transaction(Some((0x06, 0x22 | 0x24))))
    }
}

/// A line of text with its instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub at: Ns,
    pub text: String,
}

/// One look at `dev.ipmi.0.watchdog` and at the BMC behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    pub at: Ns,
    /// `dev.ipmi.0.watchdog.doctor`
    pub doctor: String,
    /// `timeout_asked_ms`
    pub asked: Ns,
    pub counters: Counters,
    /// What is shown and is not so, in words; nothing if all agrees with the BMC.
    pub lie: Option<String>,
}

/// What `dev.ipmi.0.watchdog` counts, since attach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub pats: u64,
    pub unconfirmed: u64,
    pub failures: u64,
    pub rearmed: u64,
    pub gaps: u64,
    pub gap_longest: Ns,
    pub gap_total: Ns,
}

/// A way through the driver, from its entry to its return.
#[derive(Clone, Copy, Debug)]
pub struct Passage {
    pub way: Way,
    pub from: Ns,
    /// None if it never returned.
    pub to: Option<Ns>,
}

/// Which way it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Load,
    Attach,
    Close,
    Detach,
    Unload,
    Panic,
    Dump,
    Kdb,
    Shutdown,
}

impl Way {
    pub fn name(self) -> &'static str {
        match self {
            Way::Load => "kldload",
            Way::Attach => "attach",
            Way::Close => "close",
            Way::Detach => "detach",
            Way::Unload => "kldunload",
            Way::Panic => "panic",
            Way::Dump => "dump",
            Way::Kdb => "kdb",
            Way::Shutdown => "shutdown",
        }
    }
}

impl Record {
    /// When the BMC was in any of those states.
    pub fn bmc_in(&self, states: &[BmcState]) -> Spans {
        let changes: Vec<(Ns, bool)> = self
            .bmc
            .iter()
            .map(|&(at, state)| (at, states.contains(&state)))
            .collect();
        Spans::of_changes(&changes, self.end)
    }

    /// When the BMC answered as it should.
    pub fn answering(&self) -> Spans {
        self.bmc_in(&[BmcState::Healthy])
    }

    /// When it did not.
    pub fn outages(&self) -> Spans {
        self.bmc_in(&[BmcState::Slow, BmcState::Dead, BmcState::Rebooting])
    }

    /// When the BMC's watchdog timer ran.
    pub fn counting(&self) -> Spans {
        let changes: Vec<(Ns, bool)> = self
            .timer
            .iter()
            .map(|&(at, t)| (at, matches!(t, Timer::Running(_))))
            .collect();
        Spans::of_changes(&changes, self.end)
    }

    /// When the host wanted to be guarded and the BMC was not counting.
    ///
    /// The moment between a pat's entry and its arrival at the BMC is no gap: gaps begin
    /// no earlier than the first pat's return.
    pub fn gaps(&self) -> Spans {
        let asked = Spans::of_changes(&self.asked, self.end);
        let first = self.pats.iter().find(|p| p.timeout > 0);
        let arming = first.and_then(|p| Span::new(p.at, p.at + p.latency(self.end)));
        asked.minus(&self.counting()).minus(&Spans::of(arming))
    }

    /// From each time the BMC answered again to the next confirmed pat; up to the end of the
    /// run if none came. Only where the host wanted to be guarded and the outage left it
    /// with a pat unconfirmed or with a timer that did not run.
    pub fn recoveries(&self) -> Vec<Span> {
        let asked = Spans::of_changes(&self.asked, self.end);
        let counting = self.counting();
        let needed = |outage: &Span| {
            let unconfirmed = self.pats.iter().any(|p| {
                p.timeout > 0
                    && outage.contains(p.at)
                    && !self.confirmed.iter().any(|&c| p.at <= c && c < outage.to)
            });
            asked.contains(outage.to) && (unconfirmed || !counting.contains(outage.to))
        };
        let recovery = |outage: &Span| {
            let next = self.confirmed.iter().copied().find(|&c| c >= outage.to);
            Span {
                from: outage.to,
                to: next.unwrap_or(self.end),
            }
        };
        let outages = self.outages();
        outages
            .iter()
            .filter(|o| o.to < self.end && needed(o))
            .map(recovery)
            .collect()
    }

    /// Processor time of the module's threads within the spans, in percent of the spans.
    pub fn worker_percent(&self, spans: &Spans) -> f64 {
        let busy: f64 = spans
            .iter()
            .map(|s| self.worker_busy(s.to) - self.worker_busy(s.from))
            .sum();
        match spans.total() {
            0 => 0.0,
            total => 100.0 * busy / total as f64,
        }
    }

    /// The processor time up to an instant, between samples in proportion.
    fn worker_busy(&self, at: Ns) -> f64 {
        let after = self.worker.partition_point(|&(t, _)| t < at);
        let before = after.checked_sub(1).map_or((0, 0), |i| self.worker[i]);
        match self.worker.get(after) {
            None => before.1 as f64,
            Some(&(t, busy)) if t == before.0 => busy as f64,
            Some(&(t, busy)) => {
                let part = (at - before.0) as f64 / (t - before.0) as f64;
                before.1 as f64 + part * (busy - before.1) as f64
            }
        }
    }

    /// For how long the driver held the caller. Who has not returned when the host panics never runs
    /// again, whatever the driver does.
    pub fn held(&self, pat: &Pat) -> Ns {
        let mut panics = self.passages.iter();
        let panic = panics.find(|p| matches!(p.way, Way::Panic | Way::Dump) && p.from >= pat.at);
        pat.latency(panic.map_or(self.end, |panic| panic.from))
    }

    /// The longest-held caller of the watchdog.
    pub fn worst_pat(&self) -> Option<&Pat> {
        self.pats.iter().max_by_key(|p| self.held(p))
    }

    /// The doctor's line at or after an instant, or else the last one.
    pub fn doctor_at(&self, at: Ns) -> Option<&Look> {
        let after = self.looks.iter().find(|look| look.at >= at);
        after.or(self.looks.last())
    }

    /// The lines on the console within the spans.
    pub fn console_in(&self, spans: &Spans) -> usize {
        self.console
            .iter()
            .filter(|line| spans.contains(line.at))
            .count()
    }
}
