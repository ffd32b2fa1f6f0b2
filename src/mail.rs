// SPDX-License-Identifier: BSD-2-Clause
//! What the BMC has for system software: its receive message queue and its event message buffer,
//! emptied at the applications' priority by a request of the driver's own. Pure.

use crate::memory::{Blank, Box};
use crate::queue::{ClientId, Request};
use crate::time::{Instant, SEC};
use crate::wire::{device, ipmb, Message};

/// Fetches in a row that bring nothing anybody waits for; then others have their turn, or a pause
/// passes, as a flag that never clears must starve nobody.
const ROW: u8 = 10;
/// The pause.
const REST: u64 = SEC;

/// Which of the two a fetch is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// Get Message.
    Message,
    /// Read Event Message Buffer.
    Event,
}

/// What is known to wait in the BMC.
pub struct Mail {
    carrier: Option<Box<Request>>,
    fetching: Fetch,
    messages: bool,
    events: bool,
    row: u8,
    rest: Instant,
    /// Messages that nobody waited for.
    pub strays: u64,
    /// Events that a descriptor did not fetch in time.
    pub dropped: u64,
}

impl Mail {
    /// Nothing waits.
    pub fn new() -> Mail {
        Mail {
            carrier: Some(Request::boxed()),
            fetching: Fetch::Message,
            messages: false,
            events: false,
            row: 0,
            rest: Instant::BOOT,
            strays: 0,
            dropped: 0,
        }
    }

    /// The BMC's message flags; events are left to it while nobody wants them.
    pub fn told(&mut self, flags: u8, want_events: bool) {
        self.messages = flags & device::MESSAGE != 0;
        self.events = want_events && flags & device::EVENT != 0;
    }

    /// The next fetch, if anything waits.
    pub fn next(&mut self, now: Instant) -> Option<Box<Request>> {
        if !(self.messages || self.events) || now < self.rest {
            return None;
        }
        if self.row >= ROW {
            self.row = 0;
            self.rest = now.plus(REST);
            return None;
        }
        let mut carrier = self.carrier.take()?;
        self.row = self.row.saturating_add(1);
        self.fetching = match self.messages {
            true => Fetch::Message,
            false => Fetch::Event,
        };
        let message: Message = match self.fetching {
            Fetch::Message => ipmb::get_message(),
            Fetch::Event => ipmb::read_event(),
        };
        if let [netfn, command, ..] = *message.as_bytes() {
            let _ = carrier.compose(netfn, command, 0, |_| Ok(()));
        }
        carrier.client = ClientId::NOBODY;
        Some(carrier)
    }

    /// When the next fetch is due that is not yet.
    pub fn next_event(&self, now: Instant) -> Option<Instant> {
        ((self.messages || self.events) && now < self.rest).then_some(self.rest)
    }

    /// An application has had its turn, or a fetch brought what somebody waited for.
    pub fn relieved(&mut self) {
        self.row = 0;
    }

    /// Is `request` a fetch?
    pub fn carries(&self, request: &Request) -> bool {
        request.client == ClientId::NOBODY
    }

    /// A fetch is over: what it was for if it brought something, as long as there may be more.
    pub fn fetched(&mut self, brought: bool) -> Option<Fetch> {
        if brought {
            return Some(self.fetching);
        }
        match self.fetching {
            Fetch::Message => self.messages = false,
            Fetch::Event => self.events = false,
        }
        None
    }

    /// Takes back what the fetch travelled in.
    pub fn put_back(&mut self, carrier: Box<Request>) {
        self.carrier = Some(carrier);
    }
}

impl Default for Mail {
    fn default() -> Mail {
        Mail::new()
    }
}
