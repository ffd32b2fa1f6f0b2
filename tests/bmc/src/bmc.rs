// SPDX-License-Identifier: BSD-2-Clause
//! The BMC itself: its life, its timer, its time. It runs commands and lets time pass; it must not
//! know through which registers the host talks to it.

use crate::commands::{
    self, Chassis, Fru, Management, Messaging, Sel, Sensors, RESTART_CHASSIS_CONTROL,
    RESTART_WATCHDOG,
};
use crate::faults::{Fault, Faults};
use crate::interface::Kind;
use crate::message::{Answer, CompletionCode, Request};
use crate::outage::{Outage, Phase};
use crate::record::{Cause, Effect, Record, Records};
use crate::rng::Rng;
use crate::watchdog::{CountingChange, Fired, TimerAction, Watchdog, WatchdogView};
use crate::{Config, MS, NEVER};

/// From the reply to Cold or Warm Reset to the reset itself.
const RESET_DELAY: u64 = 50 * MS;

/// The offset of the watchdog sensor for the pre-timeout interrupt (table 42-3).
const PRETIMEOUT_OFFSET: u8 = 8;

/// How the interface's registers look from the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bus {
    /// The firmware serves them.
    Live,
    /// They are there and hold what they hold; nobody serves them.
    Still,
    /// They are there and say busy; what is written is lost.
    Busy,
    /// Reads are ff, writes are lost.
    Gone,
}

/// A command whose reply nobody waits for any more.
#[derive(Clone, Debug)]
pub(crate) struct Orphan {
    request: Request,
    at: u64,
    runs: bool,
}

/// A BMC. `Bmc::new` is a healthy one that has been up for a while.
#[derive(Clone, Debug)]
pub struct Bmc {
    pub(crate) config: Config,
    pub(crate) faults: Faults,
    pub(crate) now: u64,
    pub(crate) rng: Rng,
    pub(crate) watchdog: Watchdog,
    pub(crate) messaging: Messaging,
    pub(crate) sel: Sel,
    pub(crate) sensors: Sensors,
    pub(crate) fru: Fru,
    pub(crate) chassis: Chassis,
    pub(crate) management: Management,
    /// The system interface it is behind; the register model sets it.
    pub(crate) kind: Kind,
    pub(crate) phase: Phase,
    pub(crate) outage: Option<Outage>,
    pub(crate) reset_at: Option<(u64, u64)>,
    pub(crate) boots: u32,
    pub(crate) orphan: Option<Orphan>,
    pub(crate) interface_error: bool,
    attention: bool,
    effects: Vec<Effect>,
    records: Records,
}

impl Bmc {
    pub fn new(config: Config) -> Bmc {
        Bmc {
            faults: Faults::default(),
            now: 0,
            rng: Rng::new(config.seed),
            watchdog: Watchdog::new(config.lenient_reset),
            messaging: Messaging::new(),
            sel: Sel::new(),
            sensors: Sensors::new(),
            fru: Fru::new(),
            chassis: Chassis::new(),
            management: Management::default(),
            kind: Kind::Kcs,
            phase: Phase::Up,
            outage: None,
            reset_at: None,
            boots: 0,
            orphan: None,
            interface_error: false,
            attention: false,
            effects: Vec::new(),
            records: Records::new(config.records),
            config,
        }
    }

    /// Lets time pass up to `now` and hands out what happened to the host meanwhile, in order.
    pub fn advance(&mut self, now: u64) -> Vec<Effect> {
        self.run_to(now);
        std::mem::take(&mut self.effects)
    }

    /// When `advance` will next have something to do if the host does nothing.
    pub fn next_event(&self) -> Option<u64> {
        let mut next = NEVER;
        let mut consider = |at: Option<u64>| next = next.min(at.unwrap_or(NEVER));
        consider(self.watchdog.next_event());
        consider(self.faults.next_edge(self.now));
        consider(self.outage.map(|outage| outage.ends(self.phase)));
        if !self.still() {
            consider(self.reset_at.map(|(at, _)| at));
            consider(self.orphan.as_ref().map(|orphan| orphan.at));
            consider(self.messaging.next_event());
        }
        (next != NEVER).then_some(next)
    }

    /// The watchdog timer as it truly is at `now`, or at the newest time seen if that is later.
    pub fn watchdog(&self, now: u64) -> WatchdogView {
        self.watchdog.view(now.max(self.now))
    }

    /// The data that Get Watchdog Timer would be answered with at `now`, were it asked.
    pub fn watchdog_answer(&self, now: u64) -> Vec<u8> {
        self.watchdog
            .get(&[], now.max(self.now))
            .unwrap_or_default()
    }

    /// Every change of whether, and towards what, the watchdog timer counts; oldest first, empty
    /// while it never counted.
    pub fn counting_log(&self) -> &[CountingChange] {
        self.watchdog.log()
    }

    /// The newest commands run, oldest first.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.iter()
    }

    /// How many commands were run in all.
    pub fn commands_run(&self) -> u64 {
        self.records.total
    }

    /// How often it has come up again since the run began.
    pub fn boots(&self) -> u32 {
        self.boots
    }

    /// The level of SMS_ATN.
    pub fn attention(&self) -> bool {
        self.attention
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    pub fn faults_mut(&mut self) -> &mut Faults {
        &mut self.faults
    }

    /// The host was reset or powered by other means than this BMC: the timer stops.
    pub fn host_was_reset(&mut self, now: u64) {
        self.run_to(now);
        self.host_gone(self.now);
        self.settle();
    }

    /// A message for the host as Get Message will give it: the channel, then the bytes of an IPMB
    /// message from netFn/LUN on. Anything goes, so that stray and broken ones can be tried.
    pub fn queue_message(&mut self, message: &[u8], now: u64) {
        self.run_to(now);
        self.messaging.enqueue(message.to_vec());
        self.settle();
    }

    /// The global enables (section 22.1).
    pub fn enables(&self) -> u8 {
        self.messaging.enables()
    }

    /// An event from a sensor: EvMRev, sensor type, sensor number, direction and type, three bytes
    /// of data. It goes to the SEL and the event message buffer if the global enables say so.
    pub fn platform_event(&mut self, event: [u8; 7], now: u64) {
        self.run_to(now);
        self.log_event([0x20, 0x00], event);
        self.settle();
    }

    /// Sets the OEM message flags (bits 5 to 7).
    pub fn set_oem_flags(&mut self, flags: u8, now: u64) {
        self.run_to(now);
        self.messaging.oem_flags = flags & 0xe0;
        self.settle();
    }

    /// Runs a command as if it had come in over some interface and gives the reply with netFn,
    /// command, completion code, data. Faults of the reply apply.
    pub fn execute(&mut self, request: &Request, now: u64) -> Vec<u8> {
        self.run_to(now);
        self.faults.command_is(request.netfn, request.cmd);
        let answer = match self.refusal(request) {
            Some(code) => Err(code),
            None => commands::dispatch(self, request),
        };
        self.record(request, &answer, false);
        let reply = self.spoil(request.reply(&answer));
        self.settle();
        reply
    }

    pub(crate) fn run_to(&mut self, now: u64) {
        self.settle();
        while let Some(at) = self.next_event().filter(|&at| at <= now) {
            self.now = self.now.max(at);
            self.step();
        }
        self.now = self.now.max(now);
    }

    /// Brings everything that is due up to `self.now`.
    fn step(&mut self) {
        while let Some((at, fired)) = self.watchdog.run(self.now) {
            self.timer_fired(at, fired);
        }
        self.follow_outage();
        if !self.still() {
            self.run_software();
        }
        self.settle();
    }

    fn run_software(&mut self) {
        if let Some((_, reboot_for)) = self.reset_at.take_if(|(at, _)| *at <= self.now) {
            self.begin(Outage::reset(self.now, reboot_for, false));
        }
        if let Some(orphan) = self.orphan.take_if(|orphan| orphan.at <= self.now) {
            self.run_orphan(&orphan);
        }
        self.messaging.run(self.now);
    }

    /// What follows at once from the state and the faults of the moment.
    pub(crate) fn settle(&mut self) {
        for fault in self.faults.happening(self.now) {
            self.happen(&fault);
        }
        if self.still() {
            self.watchdog.freeze(self.now);
        } else {
            self.watchdog.thaw(self.now);
        }
        self.messaging.stuck_event_flag =
            self.faults.active(self.now).find_map(|fault| match fault {
                Fault::EventFlagStuck { readable } => Some(*readable),
                _ => None,
            });
        self.settle_attention();
    }

    /// SMS_ATN follows the flags as long as somebody is there to move it.
    fn settle_attention(&mut self) {
        let deaf = |fault: &Fault| matches!(fault, Fault::Deaf { .. });
        let moved = self.up() && !self.active_faults().any(deaf);
        let flags = if moved {
            self.messaging.flags() != 0
        } else {
            self.attention
        };
        let level = flags || self.fault_holds(&Fault::SmsAtnStuck);
        if level != self.attention {
            self.attention = level;
            self.effects.push(Effect::Attention(level));
        }
    }

    fn timer_fired(&mut self, at: u64, fired: Fired) {
        match fired {
            Fired::PreTimeout(kind) => {
                self.messaging.pretimeout();
                self.log_timer(PRETIMEOUT_OFFSET);
                self.effects.push(Effect::PreTimeout { at, kind });
            }
            Fired::Expired(action) => {
                let timer_use = self.watchdog.view(at).timer_use;
                self.log_timer(action as u8);
                self.watchdog.log_again();
                self.act(at, action, Cause::Watchdog { timer_use });
            }
        }
    }

    /// The timer and its message flag do not outlast the host they were set by (27.6).
    fn host_gone(&mut self, at: u64) {
        self.watchdog.host_reset(at);
        self.messaging.clear_pretimeout();
    }

    fn log_timer(&mut self, offset: u8) {
        if let Some(detail) = self.watchdog.event_detail() {
            self.sensors.watchdog_event(offset);
            self.log_watchdog(offset, detail);
        }
    }

    /// Pulls the host's reset or power line.
    pub(crate) fn act(&mut self, at: u64, action: TimerAction, cause: Cause) {
        let effect = match action {
            TimerAction::None => return,
            TimerAction::HardReset => Effect::HostReset { at, cause },
            TimerAction::PowerDown => Effect::PowerOff { at, cause },
            TimerAction::PowerCycle => Effect::PowerCycle { at, cause },
        };
        self.chassis.power_on = action != TimerAction::PowerDown;
        self.chassis.restart_cause = match cause {
            Cause::Watchdog { .. } => RESTART_WATCHDOG,
            Cause::ChassisControl => RESTART_CHASSIS_CONTROL,
        };
        self.host_gone(at);
        self.effects.push(effect);
    }

    pub(crate) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Cold or Warm Reset was accepted.
    pub(crate) fn reset_soon(&mut self, reboot_for: u64) {
        self.reset_at = Some((self.now + RESET_DELAY, reboot_for));
    }

    fn record(&mut self, request: &Request, answer: &Answer, cancelled: bool) {
        let (completion, reply) = match answer {
            Ok(data) => (CompletionCode::OK, data.clone()),
            Err(code) => (*code, Vec::new()),
        };
        self.records.push(Record {
            at: self.now,
            netfn: request.netfn,
            lun: request.lun,
            cmd: request.cmd,
            data: request.data.clone(),
            completion: completion.0,
            reply,
            cancelled,
        });
    }

    fn run_orphan(&mut self, orphan: &Orphan) {
        if orphan.runs {
            let answer = commands::dispatch(self, &orphan.request);
            self.record(&orphan.request, &answer, true);
        }
    }

    /// The host aborted this command while it was being executed.
    pub(crate) fn cancelled(&mut self, request: Request) {
        let busy = self.active_faults().find_map(|fault| match fault {
            Fault::NodeBusyAfterAbort { lasts, runs } => Some((*lasts, *runs)),
            _ => None,
        });
        if let Some((lasts, runs)) = busy {
            let at = self.now.saturating_add(lasts);
            self.orphan = Some(Orphan { request, at, runs });
        }
    }

    /// Whether the interface has been told to fall into its error state; told once.
    pub(crate) fn take_interface_error(&mut self) -> bool {
        std::mem::take(&mut self.interface_error)
    }
}
