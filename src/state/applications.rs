// SPDX-License-Identifier: BSD-2-Clause
//! The applications' turn: what the worker does for them next, and how it ends. Pure, as all of the
//! state is.

use super::{Job, State};
use crate::kernel::Errno;
use crate::mail::Fetch;
use crate::memory::Box;
use crate::queue::{Request, Route};
use crate::time::{Instant, MS, SEC};
use crate::transport::{Failure, Patience};
use crate::wire::completion;
use crate::wire::ipmb::Incoming;

/// How long a reply from the bus is awaited before the request is sent again,
const BUS_REPLY: u64 = 2 * SEC;
/// the same if the BMC could not pass it on,
const BUS_BUSY: u64 = 200 * MS;
/// and how often it is sent in all.
const BUS_SENDS: u8 = 5;

/// A BMC that resets itself is left alone for so long.
const RESETTING: u64 = 2 * SEC;

/// Completion codes of Send Message after which it may be tried again (section 22.7): lost
/// arbitration, bus error, not acknowledged.
const BUS_ERRORS: [u8; 3] = [0x81, 0x82, 0x83];

impl State {
    /// The applications' next job.
    pub(super) fn next_application(&mut self, now: Instant, patience: Patience) -> Option<Job> {
        if let Some(carrier) = self.mail.next(now) {
            return Some(Job::Application(carrier, patience));
        }
        if let Some(request) = self.clients.overdue(now) {
            return Some(again(request, patience));
        }
        self.questions.turn_taken();
        let request = self.clients.pop()?;
        self.mail.relieved();
        let eager = self.maintenance.sending(request.as_bytes(), now);
        Some(Job::Application(request, Patience { eager, ..patience }))
    }

    /// Ends an attempt at an application's request. The clients who can receive something are woken
    /// through `wake`; what is left to be freed is returned.
    pub fn application_ended(
        &mut self,
        mut request: Box<Request>,
        outcome: Result<(), Failure>,
        delivered: bool,
        now: Instant,
        wake: impl FnMut(usize),
    ) -> Option<Box<Request>> {
        let counts = !matches!(outcome, Err(Failure::Seized | Failure::Taken));
        request.attempts = request.attempts.saturating_add(u8::from(counts));
        match outcome {
            Ok(()) => self.answered(now),
            Err(failure) => self.attempt_failed(failure, now),
        }
        let did = match outcome {
            Ok(()) => request.reply.completion() == completion::OK,
            Err(_) => delivered,
        };
        if did && self.has_timer() {
            self.watchdog.done_for_others(request.as_bytes(), now);
        }
        if self.mail.carries(&request) {
            return self.fetched(request, outcome.is_ok(), now, wake);
        }
        match outcome {
            Ok(()) if matches!(request.route, Route::Bus(_)) => self.passed_on(request, now, wake),
            Ok(()) => {
                let (sent, code) = (request.as_bytes(), request.reply.completion());
                if self.maintenance.answered(sent, code, now) {
                    self.link.rest(now, RESETTING);
                }
                self.deliver(request, now, wake)
            }
            // The BMC may be executing what it was given whole: only the rest is safe to repeat.
            Err(_) if !delivered && request.attempts < self.startup.terms.attempts => {
                self.clients.put_back(request)
            }
            Err(_) => self.reject(request, now, wake),
        }
    }

    /// Completes an application's request with EIO.
    pub fn reject(
        &mut self,
        mut request: Box<Request>,
        now: Instant,
        wake: impl FnMut(usize),
    ) -> Option<Box<Request>> {
        request.error = Some(Errno::Io);
        self.counters.request_errors = self.counters.request_errors.saturating_add(1);
        self.complete(request, now, wake)
    }

    /// Completes one that is answered.
    pub fn deliver(
        &mut self,
        request: Box<Request>,
        now: Instant,
        wake: impl FnMut(usize),
    ) -> Option<Box<Request>> {
        self.counters.requests = self.counters.requests.saturating_add(1);
        self.complete(request, now, wake)
    }

    fn complete(
        &mut self,
        request: Box<Request>,
        now: Instant,
        mut wake: impl FnMut(usize),
    ) -> Option<Box<Request>> {
        self.history.requests.note(now.since(request.sent));
        match self.clients.complete(request) {
            Ok(cookie) => {
                wake(cookie);
                None
            }
            Err(orphan) => Some(orphan),
        }
    }

    /// The BMC answered Send Message: the reply is awaited, or the request is over.
    fn passed_on(
        &mut self,
        mut request: Box<Request>,
        now: Instant,
        wake: impl FnMut(usize),
    ) -> Option<Box<Request>> {
        match request.reply.completion() {
            completion::OK => self.clients.park(request, now, BUS_REPLY),
            code if code == completion::NODE_BUSY || BUS_ERRORS.contains(&code) => {
                self.clients.park(request, now, BUS_BUSY)
            }
            code => {
                request.answer(&[code]);
                self.deliver(request, now, wake)
            }
        }
    }

    /// A fetch is over: what it brought goes to whom it is for.
    fn fetched(
        &mut self,
        carrier: Box<Request>,
        answered: bool,
        now: Instant,
        wake: impl FnMut(usize),
    ) -> Option<Box<Request>> {
        let brought = answered && carrier.reply.completion() == completion::OK;
        let orphan = match self.mail.fetched(brought) {
            Some(Fetch::Message) => self.arrived(carrier.reply.data(), now, wake),
            Some(Fetch::Event) => {
                if let Some(event) = carrier.reply.data().first_chunk() {
                    let dropped = self.clients.push_event(event, wake);
                    self.mail.dropped = self.mail.dropped.saturating_add(dropped);
                }
                None
            }
            None => None,
        };
        self.mail.put_back(carrier);
        orphan
    }

    /// A message came out of the receive queue.
    fn arrived(
        &mut self,
        data: &[u8],
        now: Instant,
        wake: impl FnMut(usize),
    ) -> Option<Box<Request>> {
        let incoming = Incoming::parse(data);
        let found = incoming.and_then(|incoming| {
            let mut request = self.clients.arrived(&incoming)?;
            request.answer(incoming.body);
            Some(request)
        });
        let Some(request) = found else {
            self.mail.strays = self.mail.strays.saturating_add(1);
            return None;
        };
        self.mail.relieved();
        self.deliver(request, now, wake)
    }
}

/// A request whose reply is overdue: sent once more, or answered with what is known.
fn again(mut request: Box<Request>, patience: Patience) -> Job {
    let Route::Bus(bus) = request.route else {
        return Job::Deliver(request);
    };
    if bus.sends < BUS_SENDS {
        request.renumber();
        return Job::Application(request, patience);
    }
    match request.reply.completion() {
        completion::OK => request.answer(&[completion::TIMEOUT]),
        code => request.answer(&[code]),
    }
    Job::Deliver(request)
}
