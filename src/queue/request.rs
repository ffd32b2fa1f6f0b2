// SPDX-License-Identifier: BSD-2-Clause
//! A request of an application's: its bytes on the way, and what came back.

use super::ClientId;
use crate::kernel::Errno;
use crate::memory::{Blank, Box};
use crate::time::Instant;
use crate::transport::Exchange;
use crate::wire::ipmb::{self, Address, Origin};
use crate::wire::{NetFn, Reply, REPLY_MAX, REQUEST_MAX};

/// Network function and LUN, and command, of an event as it is delivered: a Platform Event Message
/// (section 29.3).
const EVENT: [u8; 2] = [NetFn::SENSOR.with_lun(0), 0x02];

/// Bytes of an event (section 22.8).
pub const EVENT_BYTES: usize = 16;

/// A message for a satellite controller, between Send Message and its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bus {
    /// To whom.
    pub to: Address,
    netfn: NetFn,
    command: u8,
    sequence: u8,
    /// How often it was sent.
    pub sends: u8,
    /// Until when the reply is awaited.
    pub until: Instant,
}

/// Which way a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// To the BMC itself.
    System,
    /// Through it to a channel.
    Bus(Bus),
    /// None: an event that came unasked.
    Event,
}

/// An application request, owned by exactly one of: its client's lists, the worker, a receiver.
pub struct Request {
    pub(super) next: Option<Box<Request>>,
    /// Whose it is.
    pub client: ClientId,
    /// Returned as sent.
    pub msgid: i64,
    /// EIO when the attempt failed; `None` when `reply` holds an answer.
    pub error: Option<Errno>,
    /// When it was sent.
    pub sent: Instant,
    /// Attempts made so far.
    pub attempts: u8,
    /// Which way it goes.
    pub route: Route,
    bytes: [u8; REQUEST_MAX],
    length: usize,
    /// What the BMC answered.
    pub reply: Reply<REPLY_MAX>,
}

impl Blank for Request {
    const BLANK: Request = Request {
        next: None,
        client: ClientId::NOBODY,
        msgid: 0,
        error: None,
        sent: Instant::BOOT,
        attempts: 0,
        route: Route::System,
        bytes: [0; REQUEST_MAX],
        length: 0,
        reply: Reply::EMPTY,
    };
}

impl Request {
    /// The bytes as they travel.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&[])
    }

    /// Network function and LUN, and command, as the client gave them.
    pub fn head(&self) -> (u8, u8) {
        let [netfn, command, ..] = self.bytes;
        match self.route {
            Route::System => (netfn, command),
            Route::Bus(bus) => (bus.netfn.with_lun(bus.to.lun), bus.command),
            Route::Event => (EVENT[0], EVENT[1]),
        }
    }

    /// Takes `netfn` (with LUN), `command` and room for `data` bytes, which `fill` writes: EMSGSIZE
    /// if that is more than any interface carries, or what `fill` says.
    pub fn compose(
        &mut self,
        netfn: u8,
        command: u8,
        data: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        self.route = Route::System;
        self.put(&[netfn, command], data, 0, fill)
    }

    /// The same for the controller `to`, in a Send Message.
    pub fn compose_bus(
        &mut self,
        (to, from): (Address, Origin),
        (netfn, command): (NetFn, u8),
        data: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        self.route = Route::Bus(Bus {
            to,
            netfn,
            command,
            sequence: 0,
            sends: 0,
            until: Instant::BOOT,
        });
        let head = ipmb::head(to, from, netfn, command);
        self.put(&head, data, ipmb::TAIL, fill)
    }

    fn put(
        &mut self,
        head: &[u8],
        data: usize,
        tail: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let end = head.len().saturating_add(data);
        let length = end.saturating_add(tail);
        let room = self.bytes.get_mut(..length).ok_or(Errno::MessageSize)?;
        for (place, byte) in room.iter_mut().zip(head) {
            *place = *byte;
        }
        fill(room.get_mut(head.len()..end).ok_or(Errno::MessageSize)?)?;
        self.length = length;
        Ok(())
    }

    /// A message for a satellite goes out, again or for the first time, with this sequence number.
    pub fn number(&mut self, sequence: u8) {
        let Route::Bus(bus) = &mut self.route else {
            return;
        };
        bus.sequence = sequence & 0x3f;
        bus.sends = bus.sends.saturating_add(1);
        ipmb::number(
            self.bytes.get_mut(..self.length).unwrap_or(&mut []),
            sequence,
        );
    }

    /// The same message goes out again, so that the satellite knows it for the same.
    pub fn renumber(&mut self) {
        if let Route::Bus(bus) = self.route {
            self.number(bus.sequence);
        }
    }

    /// Is `incoming` what this request waits for?
    pub fn awaits(&self, incoming: &ipmb::Incoming<'_>) -> bool {
        let Route::Bus(bus) = self.route else {
            return false;
        };
        let channel = bus.to.channel & 0x0f;
        let from = Address {
            channel,
            lun: bus.to.lun & 3,
            ..bus.to
        };
        incoming.from == from
            && incoming.sequence == bus.sequence
            && incoming.command == bus.command
            && incoming.netfn == (bus.netfn.with_lun(0) >> 2) | 1
    }

    /// Does it use this sequence number?
    pub fn uses(&self, sequence: u8) -> bool {
        matches!(self.route, Route::Bus(bus) if bus.sequence == sequence)
    }

    /// Puts `body`, completion code and data, in the place of the reply.
    pub fn answer(&mut self, body: &[u8]) {
        let (netfn, command) = self.head();
        let mut reply = self.reply.arrival();
        reply.clear();
        for byte in [netfn.wrapping_add(4), command].iter().chain(body) {
            reply.push(*byte);
        }
    }

    /// Becomes the delivery of an event.
    pub fn carry_event(&mut self, event: &[u8; EVENT_BYTES]) {
        self.route = Route::Event;
        let mut reply = self.reply.arrival();
        reply.clear();
        for byte in EVENT.iter().chain(event) {
            reply.push(*byte);
        }
    }

    /// Request and reply at once, for an attempt.
    pub fn exchange(&mut self) -> Exchange<'_> {
        Exchange {
            request: self.bytes.get(..self.length).unwrap_or(&[]),
            reply: self.reply.arrival(),
        }
    }
}
