// SPDX-License-Identifier: BSD-2-Clause
//! The application class: requests of open descriptors, served in turn. Pure: no locks, no clock.
//!
//! The driver class needs no queue: what the driver wants next follows from its state
//! (`State::driver_command`), so it holds no request that could be lost or duplicated.

mod client;
mod fifo;
mod request;

pub use client::{Client, ClientId};
pub use request::{Request, Route, EVENT_BYTES};

use crate::kernel::Errno;
use crate::memory::{Blank, Box};
use crate::time::{earlier, Instant};
use crate::wire::ipmb::Incoming;

/// Descriptors that can be open at a time, whatever the tunable says.
pub const CLIENTS: usize = 64;
/// The slots of the open descriptors, apart because of their size.
struct Slots([Option<Box<Client>>; CLIENTS]);

impl Blank for Slots {
    const BLANK: Slots = Slots([const { None }; CLIENTS]);
}

/// All open descriptors of a device.
pub struct Clients {
    slots: Box<Slots>,
    serial: u32,
    turn: usize,
    /// Slots past this one have never been used.
    width: usize,
    open: u32,
    queued: u32,
    /// Requests whose reply from the bus is awaited.
    on_bus: u32,
    /// The sequence number given out last.
    sequence: u8,
}

impl Clients {
    /// No descriptor is open.
    pub fn new() -> Clients {
        Clients {
            slots: Slots::boxed(),
            serial: 0,
            turn: 0,
            width: 0,
            open: 0,
            queued: 0,
            on_bus: 0,
            sequence: 0,
        }
    }

    /// How many are open or about to be.
    pub fn open_count(&self) -> u32 {
        self.open
    }

    /// Requests that wait for the worker.
    pub fn queued(&self) -> u32 {
        self.queued
    }

    /// Is a reply from the bus awaited?
    pub fn is_on_bus(&self) -> bool {
        self.on_bus > 0
    }

    /// Does a descriptor want events?
    pub fn want_events(&self) -> bool {
        self.slots
            .0
            .iter()
            .flatten()
            .any(|client| client.gets_events)
    }

    /// Takes a place for a descriptor, for which nothing is allocated yet: EBUSY past `limit`.
    pub fn reserve(&mut self, limit: u32) -> Result<(), Errno> {
        if self.open >= limit.min(CLIENTS as u32) {
            return Err(Errno::Busy);
        }
        self.open = self.open.saturating_add(1);
        Ok(())
    }

    /// Admits `client`, whose pollers are woken through `cookie`, to a place that was reserved for
    /// it; EBUSY if none was.
    pub fn open(&mut self, mut client: Box<Client>, cookie: usize) -> Result<ClientId, Errno> {
        let mut slots = self.slots.0.iter_mut().enumerate();
        let free = slots.find(|(_, slot)| slot.is_none());
        let (slot, place) = free.ok_or(Errno::Busy)?;
        self.serial = self.serial.wrapping_add(1);
        client.serial = self.serial;
        client.cookie = cookie;
        *place = Some(client);
        self.width = self.width.max(slot.saturating_add(1));
        Ok(ClientId {
            slot: slot as u16,
            serial: self.serial,
        })
    }

    /// Takes the descriptor out, with all that it owns but a request that the worker has.
    pub fn close(&mut self, id: ClientId) -> Option<Box<Client>> {
        self.find(id)?;
        let client = self.slots.0.get_mut(usize::from(id.slot))?.take()?;
        self.open = self.open.saturating_sub(1);
        self.recount();
        Some(client)
    }

    /// The descriptor `id`, if it is still open.
    pub fn find(&mut self, id: ClientId) -> Option<&mut Client> {
        let client = self.slots.0.get_mut(usize::from(id.slot))?.as_mut()?;
        (client.serial == id.serial).then_some(client)
    }

    /// Queues `request` for its client; EAGAIN past `limit` outstanding ones, ENXIO once closed.
    pub fn submit(&mut self, request: Box<Request>, limit: u32) -> Result<(), Errno> {
        let client = self.find(request.client).ok_or(Errno::Gone)?;
        if client.outstanding >= limit {
            return Err(Errno::Again);
        }
        client.outstanding = client.outstanding.saturating_add(1);
        client.queued.push(request);
        self.queued = self.queued.saturating_add(1);
        Ok(())
    }

    /// The next request to try: the descriptors take turns, each in its own order.
    pub fn pop(&mut self) -> Option<Box<Request>> {
        if self.queued == 0 {
            return None;
        }
        for _ in 0..self.width {
            self.turn = self.turn.saturating_add(1);
            if self.turn >= self.width {
                self.turn = 0;
            }
            let request = self
                .slots
                .0
                .get_mut(self.turn)
                .and_then(|slot| slot.as_mut())
                .filter(|client| client.bus.is_none())
                .and_then(|client| client.queued.pop());
            if let Some(mut request) = request {
                self.queued = self.queued.saturating_sub(1);
                if let Route::Bus(_) = request.route {
                    self.sequence = self.free_sequence();
                    request.number(self.sequence);
                }
                return Some(request);
            }
        }
        None
    }

    /// The next sequence number that no awaited reply bears; there are as many as descriptors.
    fn free_sequence(&self) -> u8 {
        let used = |sequence: u8| {
            let mut awaited = self.slots.0.iter().flatten().flat_map(|c| c.bus.as_ref());
            awaited.any(|request| request.uses(sequence))
        };
        (1..=64)
            .map(|ahead| self.sequence.wrapping_add(ahead) & 0x3f)
            .find(|&sequence| !used(sequence))
            .unwrap_or(0)
    }

    /// The BMC has passed `request` on, or will not before `patience` is over: its reply is awaited
    /// until then. Comes back if its client has closed.
    pub fn park(
        &mut self,
        mut request: Box<Request>,
        now: Instant,
        patience: u64,
    ) -> Option<Box<Request>> {
        let Some(client) = self.find(request.client) else {
            return Some(request);
        };
        if let Route::Bus(bus) = &mut request.route {
            bus.until = now.plus(patience);
        }
        client.bus = Some(request);
        self.on_bus = self.on_bus.saturating_add(1);
        None
    }

    /// Takes the request that `incoming` answers.
    pub fn arrived(&mut self, incoming: &Incoming<'_>) -> Option<Box<Request>> {
        self.take_parked(|request| request.awaits(incoming))
    }

    /// Takes a request whose reply has not come in time.
    pub fn overdue(&mut self, now: Instant) -> Option<Box<Request>> {
        self.take_parked(|request| matches!(request.route, Route::Bus(bus) if bus.until <= now))
    }

    fn take_parked(&mut self, which: impl Fn(&Request) -> bool) -> Option<Box<Request>> {
        if self.on_bus == 0 {
            return None;
        }
        let mut parked = self.slots.0.iter_mut().flatten();
        let client = parked.find(|client| client.bus.as_deref().is_some_and(&which))?;
        self.on_bus = self.on_bus.saturating_sub(1);
        client.bus.take()
    }

    /// When the first of the awaited replies is overdue.
    pub fn next_overdue(&self) -> Option<Instant> {
        if self.on_bus == 0 {
            return None;
        }
        let until = |request: &Request| match request.route {
            Route::Bus(bus) => Some(bus.until),
            _ => None,
        };
        let parked = self.slots.0.iter().flatten().flat_map(|c| c.bus.as_deref());
        parked.fold(None, |first, request| earlier(first, until(request)))
    }

    /// Keeps an event for each descriptor that wants one, whose cookie `wake` is given. Returns how
    /// many older events were dropped for it.
    pub fn push_event(&mut self, event: &[u8; EVENT_BYTES], mut wake: impl FnMut(usize)) -> u64 {
        let mut dropped = 0u64;
        for client in self.slots.0.iter_mut().flatten() {
            if client.gets_events {
                dropped = dropped.saturating_add(u64::from(client.push_event(event)));
                wake(client.cookie);
            }
        }
        dropped
    }

    /// Gives an untried request back to the head of its client's queue. One whose client has
    /// closed comes back to the caller, to be freed.
    pub fn put_back(&mut self, request: Box<Request>) -> Option<Box<Request>> {
        match self.find(request.client) {
            Some(client) => {
                client.queued.push_front(request);
                self.queued = self.queued.saturating_add(1);
                None
            }
            None => Some(request),
        }
    }

    /// Hands a finished request to its client: the cookie to wake, or, when the client has
    /// closed, the request to free.
    pub fn complete(&mut self, request: Box<Request>) -> Result<usize, Box<Request>> {
        match self.find(request.client) {
            Some(client) => {
                client.done.push(request);
                Ok(client.cookie)
            }
            None => Err(request),
        }
    }

    /// Takes the oldest completion that `accept` agrees to: EAGAIN if there is none, and what
    /// `accept` says if it refuses, in which case the completion stays.
    pub fn receive(
        &mut self,
        id: ClientId,
        accept: impl FnOnce(&Request) -> Result<(), Errno>,
    ) -> Result<Box<Request>, Errno> {
        let client = self.find(id).ok_or(Errno::Gone)?;
        accept(client.done.front().ok_or(Errno::Again)?)?;
        let request = client.done.pop().ok_or(Errno::Again)?;
        client.outstanding = client.outstanding.saturating_sub(1);
        Ok(request)
    }

    /// Undoes a [`Clients::receive`] whose caller could not take the message. Who began to wait
    /// meanwhile is woken through `wake`.
    pub fn unreceive(
        &mut self,
        request: Box<Request>,
        wake: impl FnOnce(usize),
    ) -> Option<Box<Request>> {
        let Some(client) = self.find(request.client) else {
            return Some(request);
        };
        let left = if request.route == Route::Event {
            let event = request.reply.event().unwrap_or([0; EVENT_BYTES]);
            client.unpop_event(&event);
            Some(request)
        } else {
            client.outstanding = client.outstanding.saturating_add(1);
            client.done.push_front(request);
            None
        };
        if client.is_ready() {
            wake(client.cookie);
        }
        left
    }

    fn recount(&mut self) {
        let waiting = |client: &Client| {
            let mut count = 0u32;
            for list in [&client.queued.oldest, &client.queued.newest] {
                let mut at = list.as_ref();
                while let Some(request) = at {
                    count = count.saturating_add(1);
                    at = request.next.as_ref();
                }
            }
            count
        };
        self.queued = self
            .slots
            .0
            .iter()
            .flatten()
            .fold(0, |sum, client| sum.saturating_add(waiting(client)));
        let parked = self.slots.0.iter().flatten().filter(|c| c.bus.is_some());
        self.on_bus = parked.fold(0, |sum, _| sum.saturating_add(1));
    }
}

impl Default for Clients {
    fn default() -> Clients {
        Clients::new()
    }
}

#[cfg(test)]
mod tests;
