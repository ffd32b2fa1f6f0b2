// SPDX-License-Identifier: BSD-2-Clause
//! Everything under a device's lock, and the decision what the worker does next. Pure: it is
//! told the time and what happened, and touches nothing.

mod applications;
mod attention;
mod questions;

use self::questions::Questions;
use crate::enables::Enables;
use crate::event::{Event, Events};
use crate::health::{Attempt, Counters, Gate, History, Link};
use crate::interrupt::{Use, Verdict};
use crate::kernel::{Errno, Settings, Step, Who};
use crate::mail::Mail;
use crate::maintenance::Maintenance;
use crate::memory::{Blank, Box};
use crate::polled::Budget;
use crate::queue::{Clients, Request};
use crate::startup::Startup;
use crate::time::{earlier, Instant, SEC};
use crate::transport::{Failure, Patience, Sight};
use crate::watchdog::{Plan, Watchdog};
use crate::wire::interface::Kind;
use crate::wire::{device, DriverReply, Message};

/// First pause after a BMC answered but would not identify itself; doubled up to the last.
const IDENTIFY_PAUSE: u64 = SEC;
const IDENTIFY_PAUSE_MAX: u64 = 30 * SEC;

/// What a driver command is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To bring the watchdog where the host wants it.
    Watchdog(Plan),
    /// To get to know the BMC.
    Startup,
    /// To learn why the BMC wants attention.
    Flags,
    /// To tell it that its pre-timeout was noticed.
    ClearPretimeout,
    /// To switch the event message buffer.
    Enables,
    /// To write an event into the SEL.
    Record,
    /// To see whether the BMC answers.
    Probe,
}

/// What the worker does next.
pub enum Job {
    /// End.
    Exit,
    /// Make the device node and register the handlers; the flags are: watchdog, power cycle.
    Announce(bool, bool),
    /// Install the interrupt's handler, or take it away.
    Rewire(bool),
    /// Tell people, on the console as well if the flag says so.
    Tell(Event, bool),
    /// Read the status register.
    Look,
    /// Send a command of the driver's own.
    Driver(Purpose, Message, Patience),
    /// Send an application's request.
    Application(Box<Request>, Patience),
    /// Give up on an application's request: the BMC is unresponsive.
    Reject(Box<Request>),
    /// Hand an application's request back to it, which is answered.
    Deliver(Box<Request>),
}

/// Everything that the lock protects.
pub struct State {
    /// The open descriptors and their requests.
    pub clients: Clients,
    /// The watchdog.
    pub watchdog: Watchdog,
    /// What is known of the BMC.
    pub startup: Startup,
    /// What it has for system software.
    pub mail: Mail,
    /// Its global enables.
    pub enables: Enables,
    /// Whether its interrupt is of use.
    pub interrupt: Use,
    /// What administrators do to it.
    pub maintenance: Maintenance,
    /// Whether it answers.
    pub link: Link,
    /// Counters since attach.
    pub counters: Counters,
    /// What is kept for diagnosis.
    pub history: Box<History>,
    /// What people are to be told.
    pub events: Events,
    /// The device goes away: no new descriptors.
    pub detaching: bool,
    /// Until when the host is taken to shut down: pats no longer count, except while dumping.
    pub in_shutdown: Option<Instant>,
    /// The timer was armed when the shutdown began, which may have stopped it.
    pub was_armed: bool,
    /// It has panicked, and that was dealt with.
    pub panicked: bool,
    /// What the polled path may spend on a failing BMC.
    pub polled: Budget,
    /// Ends the worker.
    pub exiting: bool,
    /// An event for the SEL.
    pub record: Option<Message>,
    questions: Questions,
    suspicious: bool,
    attention: bool,
    attention_asked: Instant,
    /// The BMC's message flags, when last asked for, were not all clear, or did not come.
    holds_flags: bool,
    pretimeout_seen: bool,
    identify_at: Instant,
    identify_pause: u64,
    waiting_told: bool,
}

impl State {
    /// A device with this interface, whose BMC nobody has spoken to.
    pub fn new(interface: Kind) -> State {
        State {
            clients: Clients::new(),
            watchdog: Watchdog::new(!interface.shows_resets()),
            startup: Startup::new(interface),
            mail: Mail::new(),
            enables: Enables::new(),
            interrupt: Use::new(),
            maintenance: Maintenance::new(),
            link: Link::new(),
            counters: Counters::default(),
            history: History::boxed(),
            events: Events::new(),
            detaching: false,
            in_shutdown: None,
            was_armed: false,
            panicked: false,
            polled: Budget::new(),
            exiting: false,
            record: None,
            questions: Questions::new(),
            suspicious: false,
            attention: false,
            attention_asked: Instant::BOOT,
            holds_flags: false,
            pretimeout_seen: false,
            identify_at: Instant::BOOT,
            identify_pause: IDENTIFY_PAUSE,
            waiting_told: false,
        }
    }

    /// The host pats for `timeout` nanoseconds or disarms with 0: the serial to wait for. ENXIO if
    /// it shuts down, when that counts no longer; EINVAL below `hw.ipmi.wd_min_timeout`. A host that
    /// goes on patting long after is not shutting down after all.
    pub fn ask(
        &mut self,
        now: Instant,
        timeout: u64,
        who: Who,
        settings: &Settings,
    ) -> Result<u64, Errno> {
        if self.in_shutdown.is_some_and(|until| now < until) {
            return Err(Errno::Gone);
        }
        if self.in_shutdown.take().is_some() {
            self.watchdog.actions_override = None;
            self.was_armed = false;
        }
        let events = &mut self.events;
        self.watchdog.ask(now, timeout, who, settings, events)
    }

    /// The host begins to shut down: a panic in the middle of it still deserves a timer.
    pub fn begins_shutdown(&mut self) {
        self.was_armed |= self.watchdog.wanted();
    }

    /// The worker's next job, or until when it may sleep.
    pub fn next_job(&mut self, now: Instant, watchdog_enabled: bool) -> Step<Job> {
        if self.exiting {
            return Step::Ready(Job::Exit);
        }
        if let Some(installed) = self.interrupt.rewire() {
            return Step::Ready(Job::Rewire(installed));
        }
        if let Some((event, print)) = self.events.pop(now) {
            self.history.recorder.told(now, event.notification());
            let hidden = u64::from(!print);
            self.counters.suppressed = self.counters.suppressed.saturating_add(hidden);
            return Step::Ready(Job::Tell(event, print));
        }
        if self.startup.complete(watchdog_enabled) && !self.detaching {
            let watchdog = self.startup.timer.is_some();
            return Step::Ready(Job::Announce(watchdog, self.startup.id.is_chassis()));
        }
        if self.maintenance.ends(self.link.answering(), now) {
            self.outage();
        }
        let job = match self.link.gate(now) {
            Gate::Look => Some(Job::Look),
            Gate::Closed(until) if self.link.answering() || self.maintenance.is_quiet(now) => {
                return Step::Sleep(Some(until))
            }
            Gate::Closed(until) => match self.clients.pop().or_else(|| self.clients.overdue(now)) {
                Some(request) => Some(Job::Reject(request)),
                None => return Step::Sleep(Some(until)),
            },
            Gate::Try => {
                let (purpose, message) = self
                    .driver_command(now, watchdog_enabled)
                    .unwrap_or((Purpose::Probe, device::device_id()));
                Some(Job::Driver(purpose, message, self.patience()))
            }
            Gate::Open => self.next_open(now, watchdog_enabled),
        };
        match job {
            Some(job) => Step::Ready(job),
            None => Step::Sleep(self.next_event(now)),
        }
    }

    /// The next job while the BMC answers: the driver's class goes first.
    fn next_open(&mut self, now: Instant, watchdog_enabled: bool) -> Option<Job> {
        let patience = self.patience();
        if !self.is_at_rest(now) {
            if let Some((purpose, message)) = self.driver_command(now, watchdog_enabled) {
                if !self.questions.yields_turn(purpose) {
                    return Some(Job::Driver(purpose, message, patience));
                }
            }
        }
        // Before the applications, which may never leave the interface idle.
        if now >= self.glance_at() {
            return Some(Job::Look);
        }
        self.next_application(now, patience)
    }

    fn patience(&self) -> Patience {
        self.link.patience(self.startup.terms.answer)
    }

    /// Is there certainly no command of the driver's? As it is nearly always, this is asked first.
    fn is_at_rest(&self, now: Instant) -> bool {
        let flags = self.pretimeout_seen || self.attention || self.suspicious;
        !flags
            && self.record.is_none()
            && self.startup.is_announced()
            && self.enables.are_settled()
            && self.watchdog.is_at_rest(now)
    }

    fn driver_command(&self, now: Instant, watchdog_enabled: bool) -> Option<(Purpose, Message)> {
        let inquiry = self.watchdog.inquiry(now);
        if let Some(plan) = inquiry.or_else(|| self.watchdog.plan(now)) {
            return Some((Purpose::Watchdog(plan), plan.command.message()));
        }
        if let Some(message) = self.startup.command(watchdog_enabled) {
            return (now >= self.identify_at).then_some((Purpose::Startup, message));
        }
        // Whether the BMC answers at all comes before what it may leave unanswered.
        if self.suspicious {
            return Some((Purpose::Probe, device::device_id()));
        }
        self.question(now)
    }

    /// Until when there is nothing to do. Glances twice a second wait for the tick: a timeout for
    /// them would be armed and stopped for each request.
    fn next_event(&self, now: Instant) -> Option<Instant> {
        let identify = (now < self.identify_at).then_some(self.identify_at);
        let own = earlier(self.watchdog.next(now), identify);
        let applications = earlier(self.clients.next_overdue(), self.mail.next_event(now));
        let bus = self.clients.is_on_bus().then(|| self.glance_at());
        earlier(earlier(own, applications), bus)
    }

    /// What a look at the idle interface showed.
    pub fn looked(&mut self, now: Instant, sight: Sight) {
        if !self.link.answering() {
            self.link.looked(now, sight != Sight::Dead);
            self.tell_waiting(sight == Sight::Dead);
            return;
        }
        self.link.glanced(now);
        self.attention = match sight {
            // Where nothing shows that the BMC has something to say, it is asked now and then.
            Sight::Attention | Sight::Hidden => true,
            Sight::Silent => self.holds_flags,
            Sight::Ready | Sight::Changed | Sight::Dead => false,
        };
        if matches!(sight, Sight::Dead | Sight::Changed) {
            self.suspect(now);
        }
    }

    fn tell_waiting(&mut self, dead: bool) {
        let unknown = !self.startup.is_announced();
        if dead && unknown && !core::mem::replace(&mut self.waiting_told, true) {
            self.events.push(Event::Waiting);
        }
    }

    /// An attempt is over, at a message of the driver's own or of an application's that began with
    /// `head`. It began at `started` and brought a completion code or none.
    pub fn attempted(
        &mut self,
        own: bool,
        head: (u8, u8),
        outcome: Result<u8, Failure>,
        started: Instant,
        now: Instant,
    ) {
        let took = now.since(started);
        if !outcome.is_err_and(was_ended) {
            self.history.attempts.note(took);
        }
        let attempt = Attempt { own, head, outcome };
        self.history.recorder.attempted(started, took, attempt);
    }

    /// Ends a driver command that was answered, in an attempt that began at `started`.
    pub fn driver_answered(
        &mut self,
        purpose: Purpose,
        reply: &DriverReply,
        started: Instant,
        now: Instant,
    ) {
        self.answered(now);
        self.questions.answered(purpose);
        match purpose {
            Purpose::Watchdog(plan) => {
                self.watchdog
                    .answered(plan, reply, started, now, &mut self.events);
            }
            Purpose::Startup if !self.startup.answered(reply) => {
                self.identify_at = now.plus(self.identify_pause);
                let doubled = self.identify_pause.saturating_mul(2);
                self.identify_pause = doubled.min(IDENTIFY_PAUSE_MAX);
            }
            Purpose::Flags => self.flags(reply, now),
            Purpose::ClearPretimeout => self.pretimeout_seen = false,
            Purpose::Enables => self.enables.answered(reply),
            // Accepted or not: a SEL may be full, and nobody waits for this.
            Purpose::Record => self.record = None,
            Purpose::Startup | Purpose::Probe => {}
        }
    }

    /// The BMC has reached its pre-timeout, and is to be told that this was noticed.
    pub fn pretimeout(&mut self, now: Instant) {
        self.pretimeout_seen = true;
        let healthy = self.watchdog.pretimeout(now);
        if self.watchdog.wanted() {
            self.events.push(Event::PreTimeout(healthy));
        }
    }

    /// The BMC may have been reset and have lost its timer.
    pub fn suspect(&mut self, now: Instant) {
        self.suspicious = true;
        self.doubt(now);
    }

    fn doubt(&mut self, now: Instant) {
        self.enables.doubt();
        if self.has_timer() {
            self.watchdog.suspect(now);
        }
    }

    /// A descriptor wants events, or none does any more.
    pub fn wants_events(&mut self) {
        let wanted = self.clients.want_events();
        self.enables.want(device::EVENT_BUFFER, wanted);
    }

    /// The BMC is to interrupt from here on, or never again.
    pub fn uses_interrupt(&mut self, wanted: bool) {
        self.interrupt.want(wanted);
        self.enables.want(device::INTERRUPTS, wanted);
    }

    /// Twice a second: what has become of the interrupt.
    pub fn tick_interrupt(&mut self, slept: u32, seen: u32) {
        let settled =
            self.link.answering() && self.startup.is_announced() && self.enables.are_settled();
        let attempts = self.counters.attempts;
        match self.interrupt.tick(settled, attempts, slept, seen) {
            None => {}
            Some(Verdict::Begin) => self.uses_interrupt(!self.detaching),
            Some(Verdict::End) => {
                self.interrupt.offer();
                self.enables.want(device::INTERRUPTS, false);
            }
            Some(Verdict::Check) => self.enables.doubt(),
            Some(verdict) => self.gives_up_interrupt(verdict),
        }
    }

    /// The interrupt is of no use.
    pub fn gives_up_interrupt(&mut self, verdict: Verdict) {
        if self.interrupt.is_wanted() {
            self.uses_interrupt(false);
            self.events.push(Event::Polling(verdict == Verdict::Storm));
        }
    }

    /// Is it known that the BMC has a watchdog timer?
    pub fn has_timer(&self) -> bool {
        self.startup.is_announced() && self.startup.timer.is_some()
    }

    /// Ends a driver command that brought no answer, in an attempt that began at `started`.
    pub fn driver_failed(
        &mut self,
        purpose: Purpose,
        failure: Failure,
        started: Instant,
        now: Instant,
    ) {
        if let Purpose::Watchdog(plan) = purpose {
            self.watchdog.failed(plan, started, now);
        }
        if purpose == Purpose::Flags {
            self.holds_flags = true;
        }
        self.questions.failed(purpose, was_ended(failure), now);
        self.attempt_failed(failure, now);
        self.tell_waiting(true);
    }

    fn answered(&mut self, now: Instant) {
        self.counters.attempts = self.counters.attempts.saturating_add(1);
        if let Some(outage) = self.link.succeeded(now) {
            self.events.push(Event::Recovered(outage));
            self.watchdog.recovered();
            self.questions.recovered(now);
            self.doubt(now);
        }
        self.suspicious = false;
    }

    fn attempt_failed(&mut self, failure: Failure, now: Instant) {
        self.counters.attempts = self.counters.attempts.saturating_add(1);
        self.counters.failed(failure);
        if was_ended(failure) {
            return;
        }
        self.suspect(now);
        if self.link.failed(now) {
            self.outage();
        }
    }

    fn outage(&mut self) {
        self.counters.outages = self.counters.outages.saturating_add(1);
        self.events.push(Event::Unresponsive);
    }

    /// May an application's request wait its turn? While the BMC is away that would not be soon.
    pub fn takes_requests(&self, now: Instant) -> bool {
        self.link.answering() || self.maintenance.is_quiet(now)
    }
}

/// Was the attempt ended by the host, and says nothing of the BMC?
fn was_ended(failure: Failure) -> bool {
    matches!(failure, Failure::Aborted | Failure::Seized | Failure::Taken)
}
