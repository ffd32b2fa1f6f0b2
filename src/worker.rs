// SPDX-License-Identifier: BSD-2-Clause
//! The worker thread: the only one that touches registers while the scheduler runs.

use core::cell::Cell;

use crate::atomic::Ordering::{Acquire, Relaxed};
use crate::attempt::{self, Pace, Wire};
use crate::event::Event;
use crate::handover::Ticket;
use crate::interrupt::{self, Verdict};
use crate::kernel::{Channel, Kernel, Step};
use crate::line::Line;
use crate::memory::Box;
use crate::queue::Request;
use crate::state::{Job, Purpose, State};
use crate::time::{Instant, MS, SEC};
use crate::transport::ssif::{Block, Transfer};
use crate::transport::{Exchange, Failure, Interface, Patience};
use crate::wire::{DriverReply, Message};

/// While a pat waits, an attempt for anything else may stand still for so long,
const YIELD_STALLED: u64 = SEC;
/// and in all go on for so long.
const YIELD_ANYWAY: u64 = 1500 * MS;
/// Pause after the hardware was taken over, before it is tried again.
const SEIZED: u64 = 10 * MS;

/// An application's request whose attempt is over.
struct Finished {
    request: Box<Request>,
    outcome: Result<(), Failure>,
    started: Instant,
    delivered: bool,
    surprised: bool,
}

/// Runs until the device goes away.
pub fn run<K: Kernel>(kernel: &K, interface: &mut Interface) {
    let mut finished = None;
    loop {
        let (job, now) = kernel.wait(Channel::Worker, |state, now| {
            // One taking of the lock and one look at the clock end a request and find the next.
            if let Some(finished) = finished.take() {
                finish(kernel, state, finished, now);
            }
            next(kernel, state, now)
        });
        match job {
            Job::Exit => {
                if kernel.shared().interrupt.is_wired() {
                    rewire(kernel, false);
                }
                return;
            }
            Job::Announce(watchdog, power_cycle) => announce(kernel, watchdog, power_cycle),
            Job::Tell(event, print) => tell(kernel, &event, print),
            Job::Rewire(installed) => rewire(kernel, installed),
            Job::Look => look(kernel, interface),
            Job::Driver(purpose, message, patience) => {
                driver(kernel, interface, purpose, &message, patience, now);
            }
            Job::Application(request, patience) => {
                finished = Some(application(kernel, interface, request, patience, now));
            }
            Job::Reject(request) => {
                drop(kernel.locked(|state| {
                    state.reject(request, now, |cookie| kernel.wake_client(cookie))
                }))
            }
            Job::Deliver(request) => {
                drop(kernel.locked(|state| {
                    state.deliver(request, now, |cookie| kernel.wake_client(cookie))
                }))
            }
        }
    }
}

fn next<K: Kernel>(kernel: &K, state: &mut State, now: Instant) -> Step<(Job, Instant)> {
    // Once the device is known the tunable no longer matters.
    let watchdog = state.startup.is_announced() || kernel.watchdog_enabled();
    let interrupt = &kernel.shared().interrupt;
    interrupt.awake();
    match state.next_job(now, watchdog) {
        Step::Ready(job) => {
            if matches!(job, Job::Driver(..) | Job::Application(..)) {
                // Either this is what waited, or nothing did.
                kernel.shared().driver_waits.store(0, Relaxed);
            }
            Step::Ready((job, now))
        }
        Step::Sleep(until) if interrupt.may_rest() || !state.link.answering() => Step::Sleep(until),
        Step::Sleep(_) => Step::Ready((Job::Look, now)),
    }
}

fn announce<K: Kernel>(kernel: &K, watchdog: bool, power_cycle: bool) {
    let mut line = Line::new();
    kernel.locked(|state| state.startup.describe(&mut line));
    kernel.log(&line);
    kernel.announce(watchdog, power_cycle);
    let (settings, who, now) = (kernel.settings(), kernel.who(), kernel.now());
    kernel.locked(|state| {
        state.startup.announced();
        if !state.detaching {
            crate::watchdog::entry::at_startup(state, &settings, who, now);
            state.watchdog.publish(kernel.shared());
        }
    });
    kernel.wake(Channel::Answer);
}

fn rewire<K: Kernel>(kernel: &K, installed: bool) {
    let interrupt = &kernel.shared().interrupt;
    match installed {
        true => interrupt.wire(true),
        false => interrupt::mask(kernel, false),
    }
    let done = kernel.rewire(installed);
    if !done || !installed {
        interrupt.wire(false);
    }
    kernel.locked(|state| {
        state.interrupt.rewired(installed && done);
        if installed && !done {
            state.uses_interrupt(false);
        }
    });
}

fn look<K: Kernel>(kernel: &K, interface: &Interface) {
    let value = interface
        .glance()
        .map_or(0, |register| interrupt::read(kernel, register, false));
    let now = kernel.now();
    kernel.locked(|state| state.looked(now, interface.seen(value)));
}

fn driver<K: Kernel>(
    kernel: &K,
    interface: &mut Interface,
    purpose: Purpose,
    message: &Message,
    patience: Patience,
    started: Instant,
) {
    let mut reply = DriverReply::EMPTY;
    let mut exchange = Exchange {
        request: message.as_bytes(),
        reply: reply.arrival(),
    };
    // A pat need not wait for the driver's other questions, which are asked again.
    let yields = !matches!(
        purpose,
        Purpose::Watchdog(_) | Purpose::Startup | Purpose::Record
    );
    let outcome = guarded(kernel, interface, patience, &mut exchange, yields, started);
    let now = kernel.now();
    let interrupts = kernel.locked(|state| {
        // First, as the answer may be that to the very doubt.
        if interface.surprised() {
            state.suspect(now);
        }
        let code = outcome.map(|()| reply.completion());
        state.attempted(true, message.head(), code, started, now);
        match outcome {
            Ok(()) => state.driver_answered(purpose, &reply, started, now),
            Err(failure) => state.driver_failed(purpose, failure, started, now),
        }
        state.watchdog.publish(kernel.shared());
        state.interrupt.is_wanted()
    });
    if purpose == Purpose::Enables {
        interrupt::mask(kernel, interrupts);
    }
    kernel.wake(Channel::Answer);
}

fn application<K: Kernel>(
    kernel: &K,
    interface: &mut Interface,
    mut request: Box<Request>,
    patience: Patience,
    now: Instant,
) -> Finished {
    let outcome = guarded(
        kernel,
        interface,
        patience,
        &mut request.exchange(),
        true,
        now,
    );
    Finished {
        request,
        outcome,
        started: now,
        // Of an attempt that did not begin, the interface knows nothing.
        delivered: outcome != Err(Failure::Taken) && interface.delivered(),
        surprised: interface.surprised(),
    }
}

fn finish<K: Kernel>(kernel: &K, state: &mut State, finished: Finished, now: Instant) {
    let Finished {
        request,
        outcome,
        started,
        delivered,
        surprised,
    } = finished;
    // The lock is held: it keeps a descriptor open until its pollers are woken.
    let wake = |cookie| kernel.wake_client(cookie);
    if surprised {
        state.suspect(now);
    }
    let code = outcome.map(|()| request.reply.completion());
    state.attempted(false, request.head(), code, started, now);
    drop(state.application_ended(request, outcome, delivered, now, wake));
}

/// One attempt on the worker's own wire, if nobody has or takes the hardware.
fn guarded<K: Kernel>(
    kernel: &K,
    interface: &mut Interface,
    patience: Patience,
    exchange: &mut Exchange<'_>,
    yields: bool,
    started: Instant,
) -> Result<(), Failure> {
    let shared = kernel.shared();
    let outcome = match shared.handover.begin() {
        Some(ticket) => {
            // Looked at after `begin`: the device that goes away later revokes the ticket.
            let outcome = match shared.exiting.load(Acquire) {
                true => Err(Failure::Aborted),
                false if shared.interrupt.is_wired() => {
                    WorkerWire::<K, true>::new(kernel, ticket, yields, started)
                        .run(interface, patience, exchange)
                }
                false => WorkerWire::<K, false>::new(kernel, ticket, yields, started)
                    .run(interface, patience, exchange),
            };
            match shared.handover.end(ticket) {
                true => outcome,
                false => Err(Failure::Seized),
            }
        }
        None => Err(Failure::Taken),
    };
    if !matches!(outcome, Err(Failure::Seized | Failure::Taken)) {
        return outcome;
    }
    if shared.exiting.load(Acquire) {
        return Err(Failure::Aborted);
    }
    kernel.pause(SEIZED);
    outcome
}

/// The worker's own wire. `WIRED`: the interrupt's filter touches registers as well; nobody but the
/// worker installs it, so an attempt that begins without it need not ask again at every access.
struct WorkerWire<'k, K, const WIRED: bool> {
    kernel: &'k K,
    started: Instant,
    ticket: Ticket,
    yields: bool,
    slept: Cell<bool>,
}

impl<'k, K: Kernel, const WIRED: bool> WorkerWire<'k, K, WIRED> {
    fn new(kernel: &'k K, ticket: Ticket, yields: bool, started: Instant) -> Self {
        WorkerWire {
            kernel,
            started,
            ticket,
            yields,
            slept: Cell::new(false),
        }
    }

    /// One attempt.
    fn run(
        self,
        interface: &mut Interface,
        patience: Patience,
        exchange: &mut Exchange<'_>,
    ) -> Result<(), Failure> {
        let outcome = attempt::run(&self, interface, patience.limits(), exchange);
        if self.slept.get() {
            self.kernel.shared().interrupt.sleeps();
        }
        outcome
    }

    /// Has a driver request waited long enough to end this application attempt?
    fn must_yield(&self, progressed: Instant) -> bool {
        let since = self.kernel.shared().driver_waits.load(Relaxed);
        if !self.yields || since == 0 {
            return false;
        }
        let now = self.now();
        now.since(progressed) >= YIELD_STALLED || now.since(Instant::at(since)) >= YIELD_ANYWAY
    }
}

impl<K: Kernel, const WIRED: bool> Wire for WorkerWire<'_, K, WIRED> {
    fn now(&self) -> Instant {
        self.kernel.now()
    }

    fn started(&self) -> Instant {
        self.started
    }

    fn read(&self, register: u8) -> u8 {
        match WIRED {
            true => interrupt::read(self.kernel, register, false),
            false => self.kernel.read(register),
        }
    }

    fn write(&self, register: u8, value: u8) {
        match WIRED {
            true => interrupt::write(self.kernel, register, value, false),
            false => self.kernel.write(register, value),
        }
    }

    fn send(&self, command: u8, block: &Block) -> Transfer {
        self.kernel.send(command, block)
    }

    fn fetch(&self, command: u8) -> Transfer {
        self.kernel.fetch(command)
    }

    fn wait(&self, pace: Pace, progressed: Instant) -> Result<(), Failure> {
        if self.must_yield(progressed) {
            return Err(Failure::Aborted);
        }
        match pace {
            Pace::Spin(us) => self.kernel.delay(us),
            Pace::Sleep(ns) => {
                self.slept.set(true);
                let interrupt = &self.kernel.shared().interrupt;
                if interrupt.is_storm() && interrupt.is_wired() {
                    // A processor does nothing else meanwhile. Whoever is first gives it up.
                    self.kernel
                        .locked(|state| state.gives_up_interrupt(Verdict::Storm));
                    rewire(self.kernel, false);
                }
                interrupt::pause(self.kernel, ns);
            }
        }
        Ok(())
    }

    fn permitted(&self) -> Result<(), Failure> {
        let handover = &self.kernel.shared().handover;
        handover
            .holds(self.ticket)
            .then_some(())
            .ok_or(Failure::Seized)
    }
}

/// Tells of an event: a line on the console if `print`, and devd(8).
pub fn tell<K: Kernel>(kernel: &K, event: &Event, print: bool) {
    if print {
        say(kernel, event);
    }
    let (subsystem, kind) = event.notification();
    kernel.notify(subsystem, kind);
}

/// Prints an event.
pub fn say<K: Kernel>(kernel: &K, event: &Event) {
    let mut line = Line::new();
    event.describe(&mut line);
    kernel.log(&line);
}
