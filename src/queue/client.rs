// SPDX-License-Identifier: BSD-2-Clause
//! One open descriptor: its requests wherever they are, its events, its own address.

use super::fifo::Fifo;
use super::request::{Request, EVENT_BYTES};
use crate::memory::{Blank, Box};
use crate::wire::ipmb::Origin;

/// Events kept for a descriptor that asked for them.
pub const EVENTS: usize = 25;

/// Names one open descriptor; never names another, even in the same slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientId {
    pub(super) slot: u16,
    pub(super) serial: u32,
}

impl ClientId {
    /// No descriptor has this name.
    pub const NOBODY: ClientId = ClientId {
        slot: u16::MAX,
        serial: 0,
    };

    /// The id as a number for C to keep.
    pub fn to_bits(self) -> u64 {
        (u64::from(self.serial) << 16) | u64::from(self.slot)
    }

    /// The id that [`ClientId::to_bits`] made.
    pub fn from_bits(bits: u64) -> ClientId {
        ClientId {
            slot: bits as u16,
            serial: (bits >> 16) as u32,
        }
    }
}

/// The newest events, oldest first.
struct Events {
    kept: [[u8; EVENT_BYTES]; EVENTS],
    count: usize,
}

/// One open descriptor.
pub struct Client {
    pub(super) serial: u32,
    pub(super) cookie: usize,
    pub(super) queued: Fifo,
    pub(super) done: Fifo,
    pub(super) outstanding: u32,
    /// The request whose reply from the bus is awaited: those behind it wait too, so that replies
    /// stay in order.
    pub(super) bus: Option<Box<Request>>,
    events: Events,
    /// `IPMICTL_SET_GETS_EVENTS_CMD`.
    pub gets_events: bool,
    /// `IPMICTL_SET_MY_ADDRESS_CMD` and `IPMICTL_SET_MY_LUN_CMD`.
    pub origin: Origin,
}

impl Blank for Client {
    const BLANK: Client = Client {
        serial: 0,
        cookie: 0,
        queued: Fifo::EMPTY,
        done: Fifo::EMPTY,
        outstanding: 0,
        bus: None,
        events: Events {
            kept: [[0; EVENT_BYTES]; EVENTS],
            count: 0,
        },
        gets_events: false,
        origin: Origin {
            address: 0x20,
            lun: 2,
        },
    };
}

impl Client {
    /// Requests sent and not yet received, wherever they are.
    pub fn outstanding(&self) -> u32 {
        self.outstanding
    }

    /// Would a receive find something?
    pub fn is_ready(&self) -> bool {
        !self.done.is_empty() || self.events.count > 0
    }

    /// May something come that is not there yet?
    pub fn expects(&self) -> bool {
        self.outstanding > 0 || self.gets_events
    }

    /// Keeps an event. True if the oldest one was dropped for it.
    pub fn push_event(&mut self, event: &[u8; EVENT_BYTES]) -> bool {
        let full = self.events.count == EVENTS;
        if full {
            self.pop_event();
        }
        if let Some(place) = self.events.kept.get_mut(self.events.count) {
            *place = *event;
            self.events.count = self.events.count.saturating_add(1);
        }
        full
    }

    /// Puts one back as the oldest; with as many kept as can be it is dropped.
    pub fn unpop_event(&mut self, event: &[u8; EVENT_BYTES]) {
        if self.gets_events && self.events.count < EVENTS {
            self.events.kept.rotate_right(1);
            if let Some(first) = self.events.kept.first_mut() {
                *first = *event;
            }
            self.events.count = self.events.count.saturating_add(1);
        }
    }

    /// Takes the oldest event, if there is no reply to be received before it.
    pub fn pop_event(&mut self) -> Option<[u8; EVENT_BYTES]> {
        if self.events.count == 0 {
            return None;
        }
        let oldest = *self.events.kept.first()?;
        self.events.kept.rotate_left(1);
        self.events.count = self.events.count.saturating_sub(1);
        Some(oldest)
    }

    /// Is an event next, as no reply waits?
    pub fn has_event_next(&self) -> bool {
        self.done.is_empty() && self.events.count > 0
    }

    /// Takes another view of events; those kept are forgotten when it wants none.
    pub fn want_events(&mut self, wanted: bool) {
        self.gets_events = wanted;
        if !wanted {
            self.events.count = 0;
        }
    }
}
