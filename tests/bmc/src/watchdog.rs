// SPDX-License-Identifier: BSD-2-Clause
//! The watchdog timer of IPMI 2.0, section 27: settings, countdown, pre-timeout, expiration. It
//! must not know how commands arrive nor what its actions do to a host.

use crate::message::{exactly, Answer, CompletionCode};
use crate::{PreTimeoutKind, MS, SEC};

/// The unit of the countdown.
const TICK: u64 = 100 * MS;

/// Reset Watchdog Timer before any Set since power-up, reset or the BMC's own reset.
const UNINITIALISED: CompletionCode = CompletionCode(0x80);

/// What expiration does to the host (table 27-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerAction {
    None,
    HardReset,
    PowerDown,
    PowerCycle,
}

/// The timer as it truly is, whatever its commands would say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchdogView {
    /// Time runs down towards the action. False while the firmware stands still.
    pub counting: bool,
    /// What Get Watchdog Timer says, or would if it were answered.
    pub running: bool,
    /// Reset Watchdog Timer would not be answered with 80h.
    pub initialised: bool,
    /// 1 BIOS FRB2, 2 BIOS/POST, 3 OS load, 4 SMS/OS, 5 OEM; 0 when never set.
    pub timer_use: u8,
    pub action: TimerAction,
    pub interrupt: Option<PreTimeoutKind>,
    /// In ns.
    pub pretimeout: u64,
    /// The countdown last set, in ns.
    pub initial: u64,
    /// What is left of it, in ns; the whole of it while stopped after a Set.
    pub remaining: u64,
    /// When it will expire if nobody does anything.
    pub expires_at: Option<u64>,
    /// The pre-timeout has been reached in this countdown: only Set restarts it.
    pub pretimeout_reached: bool,
    /// Timer use expiration flags, bit n for timer use n.
    pub expired: u8,
}

/// Why the timer began or ceased to count, or what it counts towards changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Reset Watchdog Timer started it.
    Started,
    /// Set Watchdog Timer stopped it, or changed its use or action while it counts on.
    Set,
    Expired,
    /// The firmware stands still.
    Frozen,
    /// The firmware goes on, and the timer with it.
    Thawed,
    /// Lost in a reset of the BMC, or forgotten without one.
    Lost,
    /// The host was reset or powered down.
    HostReset,
}

/// One entry of the counting log: what has been true since `at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountingChange {
    pub at: u64,
    pub counting: bool,
    pub timer_use: u8,
    pub action: TimerAction,
    pub why: Why,
}

/// Something the timer did by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fired {
    PreTimeout(PreTimeoutKind),
    Expired(TimerAction),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Settings {
    timer_use: u8,
    dont_log: bool,
    action: TimerAction,
    interrupt: Option<PreTimeoutKind>,
    pretimeout_s: u8,
    countdown: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Stopped {
        left: u64,
    },
    /// `pretimeout_at` is gone once reached, and never there without an interrupt.
    Counting {
        expires_at: u64,
        pretimeout_at: Option<u64>,
    },
    /// Was counting when the firmware stopped; what was left then.
    Frozen {
        left: u64,
        pretimeout_left: Option<u64>,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Watchdog {
    settings: Settings,
    initialised: bool,
    state: State,
    expired: u8,
    lenient_reset: bool,
    log: Vec<CountingChange>,
}

/// What the faults of the moment make of Set Watchdog Timer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spoil {
    pub(crate) clamp: Option<u16>,
    pub(crate) ignore: bool,
}

impl Watchdog {
    pub(crate) fn new(lenient_reset: bool) -> Watchdog {
        Watchdog {
            settings: Settings {
                timer_use: 0,
                dont_log: false,
                action: TimerAction::None,
                interrupt: None,
                pretimeout_s: 0,
                countdown: 0,
            },
            initialised: false,
            state: State::Stopped { left: 0 },
            expired: 0,
            lenient_reset,
            log: Vec::new(),
        }
    }

    /// Set Watchdog Timer, 24h. Says whether it was carried out: if so, the pre-timeout message
    /// flag goes (27.6).
    pub(crate) fn set(
        &mut self,
        data: &[u8],
        spoil: Spoil,
        now: u64,
    ) -> Result<bool, CompletionCode> {
        let [first, actions, pretimeout_s, clear, low, high] = exactly::<6>(data)?;
        let dont_stop = first & 0x40 != 0;
        let mut settings = Settings {
            timer_use: timer_use(first)?,
            dont_log: first & 0x80 != 0,
            action: action(actions)?,
            interrupt: interrupt(actions)?,
            pretimeout_s,
            countdown: u16::from_le_bytes([low, high]),
        };
        if spoil.ignore {
            return Ok(false);
        }
        if let Some(longest) = spoil.clamp {
            settings.countdown = settings.countdown.min(longest);
        }
        self.settings = settings;
        self.initialised = true;
        self.expired &= !(clear & 0x3e);
        if dont_stop && self.counting() {
            self.start(now);
        } else {
            self.state = State::Stopped {
                left: self.initial(),
            };
        }
        self.note(now, Why::Set);
        Ok(true)
    }

    /// Reset Watchdog Timer, 22h.
    pub(crate) fn reset(&mut self, data: &[u8], now: u64) -> Answer {
        exactly::<0>(data)?;
        if !self.initialised {
            return Err(UNINITIALISED);
        }
        if self.lenient_reset || !self.pretimeout_reached() {
            self.start(now);
            self.note(now, Why::Started);
        }
        Ok(Vec::new())
    }

    /// Get Watchdog Timer, 25h.
    pub(crate) fn get(&self, data: &[u8], now: u64) -> Answer {
        exactly::<0>(data)?;
        let view = self.view(now);
        let present = view.remaining.div_ceil(TICK).min(0xffff) as u16;
        let mut answer = vec![
            u8::from(self.settings.dont_log) << 7 | u8::from(view.running) << 6 | view.timer_use,
            interrupt_code(view.interrupt) << 4 | view.action as u8,
            self.settings.pretimeout_s,
            self.expired,
        ];
        answer.extend_from_slice(&self.settings.countdown.to_le_bytes());
        answer.extend_from_slice(&present.to_le_bytes());
        Ok(answer)
    }

    pub(crate) fn view(&self, now: u64) -> WatchdogView {
        let (remaining, expires_at) = match self.state {
            State::Stopped { left } | State::Frozen { left, .. } => (left, None),
            State::Counting { expires_at, .. } => {
                (expires_at.saturating_sub(now), Some(expires_at))
            }
        };
        WatchdogView {
            counting: self.counting(),
            running: !matches!(self.state, State::Stopped { .. }),
            initialised: self.initialised,
            timer_use: self.settings.timer_use,
            action: self.settings.action,
            interrupt: self.settings.interrupt,
            pretimeout: u64::from(self.settings.pretimeout_s) * SEC,
            initial: self.initial(),
            remaining,
            expires_at,
            pretimeout_reached: self.pretimeout_reached(),
            expired: self.expired,
        }
    }

    pub(crate) fn log(&self) -> &[CountingChange] {
        &self.log
    }

    pub(crate) fn next_event(&self) -> Option<u64> {
        match self.state {
            State::Counting {
                expires_at,
                pretimeout_at,
            } => Some(pretimeout_at.map_or(expires_at, |at| at.min(expires_at))),
            _ => None,
        }
    }

    /// What an event in the SEL tells of the settings (table 42-3, event data 2); nothing while
    /// "don't log" is set.
    pub(crate) fn event_detail(&self) -> Option<u8> {
        let interrupt = interrupt_code(self.settings.interrupt);
        (!self.settings.dont_log).then_some(interrupt << 4 | self.settings.timer_use)
    }

    /// What fires at or before `now`; called until it has nothing more to say.
    pub(crate) fn run(&mut self, now: u64) -> Option<(u64, Fired)> {
        let State::Counting {
            expires_at,
            pretimeout_at,
        } = self.state
        else {
            return None;
        };
        if let (Some(at), Some(kind)) = (pretimeout_at, self.settings.interrupt) {
            if at <= now {
                self.state = State::Counting {
                    expires_at,
                    pretimeout_at: None,
                };
                return Some((at, Fired::PreTimeout(kind)));
            }
        }
        (expires_at <= now).then(|| {
            self.expired |= 1 << self.settings.timer_use;
            self.state = State::Stopped { left: 0 };
            self.note(expires_at, Why::Expired);
            (expires_at, Fired::Expired(self.settings.action))
        })
    }

    /// Logging comes back by itself after an expiration (27.6, byte 1).
    pub(crate) fn log_again(&mut self) {
        self.settings.dont_log = false;
    }

    /// The host was reset or lost power: the timer stops and wants a Set.
    pub(crate) fn host_reset(&mut self, now: u64) {
        self.stop(now, Why::HostReset);
    }

    /// All is gone as after a reset of the BMC.
    pub(crate) fn lose(&mut self, now: u64) {
        let fresh = Watchdog::new(self.lenient_reset);
        self.settings = fresh.settings;
        self.expired = 0;
        self.stop(now, Why::Lost);
    }

    pub(crate) fn freeze(&mut self, now: u64) {
        if let State::Counting {
            expires_at,
            pretimeout_at,
        } = self.state
        {
            self.state = State::Frozen {
                left: expires_at.saturating_sub(now),
                pretimeout_left: pretimeout_at.map(|at| at.saturating_sub(now)),
            };
            self.note(now, Why::Frozen);
        }
    }

    pub(crate) fn thaw(&mut self, now: u64) {
        if let State::Frozen {
            left,
            pretimeout_left,
        } = self.state
        {
            self.state = State::Counting {
                expires_at: now.saturating_add(left),
                pretimeout_at: pretimeout_left.map(|left| now.saturating_add(left)),
            };
            self.note(now, Why::Thawed);
        }
    }

    fn stop(&mut self, now: u64, why: Why) {
        self.initialised = false;
        self.state = State::Stopped { left: 0 };
        self.note(now, why);
    }

    fn start(&mut self, now: u64) {
        let expires_at = now.saturating_add(self.initial());
        let pretimeout = u64::from(self.settings.pretimeout_s) * SEC;
        self.state = State::Counting {
            expires_at,
            pretimeout_at: self
                .settings
                .interrupt
                .map(|_| expires_at.saturating_sub(pretimeout).max(now)),
        };
    }

    fn initial(&self) -> u64 {
        u64::from(self.settings.countdown) * TICK
    }

    fn counting(&self) -> bool {
        matches!(self.state, State::Counting { .. })
    }

    fn pretimeout_reached(&self) -> bool {
        let pending = match self.state {
            State::Stopped { .. } => return false,
            State::Counting { pretimeout_at, .. } => pretimeout_at,
            State::Frozen {
                pretimeout_left, ..
            } => pretimeout_left,
        };
        self.settings.interrupt.is_some() && pending.is_none()
    }

    fn note(&mut self, at: u64, why: Why) {
        let change = CountingChange {
            at,
            counting: self.counting(),
            timer_use: self.settings.timer_use,
            action: self.settings.action,
            why,
        };
        let same = |last: &CountingChange| {
            (last.counting, last.timer_use, last.action)
                == (change.counting, change.timer_use, change.action)
        };
        let worth_noting = match self.log.last() {
            None => change.counting,
            Some(last) => !same(last) && (last.counting || change.counting),
        };
        if worth_noting {
            self.log.push(change);
        }
    }
}

fn interrupt_code(interrupt: Option<PreTimeoutKind>) -> u8 {
    match interrupt {
        None => 0,
        Some(PreTimeoutKind::Smi) => 1,
        Some(PreTimeoutKind::Nmi) => 2,
        Some(PreTimeoutKind::Messaging) => 3,
    }
}

fn timer_use(byte: u8) -> Result<u8, CompletionCode> {
    match byte & 0x3f {
        use_ @ 1..=5 => Ok(use_),
        _ => Err(CompletionCode::INVALID_DATA),
    }
}

fn action(byte: u8) -> Result<TimerAction, CompletionCode> {
    match byte & 0x0f {
        0 => Ok(TimerAction::None),
        1 => Ok(TimerAction::HardReset),
        2 => Ok(TimerAction::PowerDown),
        3 => Ok(TimerAction::PowerCycle),
        _ => Err(CompletionCode::INVALID_DATA),
    }
}

fn interrupt(byte: u8) -> Result<Option<PreTimeoutKind>, CompletionCode> {
    match byte >> 4 {
        0 => Ok(None),
        1 => Ok(Some(PreTimeoutKind::Smi)),
        2 => Ok(Some(PreTimeoutKind::Nmi)),
        3 => Ok(Some(PreTimeoutKind::Messaging)),
        _ => Err(CompletionCode::INVALID_DATA),
    }
}
