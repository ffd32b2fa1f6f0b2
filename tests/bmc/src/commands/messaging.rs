// SPDX-License-Identifier: BSD-2-Clause
//! Message flags, global enables, the receive message queue, the event message buffer, and
//! messages to the IPMB (IPMI 2.0, section 22). It must not know how SMS_ATN reaches the host.

use std::collections::VecDeque;

use crate::ipmb::Message;
use crate::message::{exactly, flag, Answer, CompletionCode};
use crate::Bmc;

const FLAG_MESSAGE: u8 = 0x01;
const FLAG_EVENT_BUFFER: u8 = 0x02;
const FLAG_PRETIMEOUT: u8 = 0x08;

/// Global enables (22.1).
const ENABLE_EVENT_BUFFER: u8 = 0x04;
const ENABLE_SEL: u8 = 0x08;
const ENABLE_RESERVED: u8 = 0x10;

/// Nothing in the queue (Get Message) or the buffer (Read Event Message Buffer).
const EMPTY: CompletionCode = CompletionCode(0x80);
/// Send Message: the slave address did not acknowledge.
const NAK_ON_WRITE: CompletionCode = CompletionCode(0x83);

/// The LUN whose messages go to the host's receive message queue.
const SMS_LUN: u8 = 2;
/// Messages beyond this many are dropped.
const QUEUE_LIMIT: usize = 16;

#[derive(Clone, Debug)]
pub(crate) struct Messaging {
    enables: u8,
    pub(crate) oem_flags: u8,
    pretimeout: bool,
    event: Option<[u8; 16]>,
    queue: VecDeque<Vec<u8>>,
    /// Replies still on the bus, and when they arrive.
    on_the_bus: Vec<(u64, Vec<u8>)>,
    /// The event flag cannot be cleared; whether there is an event to be read.
    pub(crate) stuck_event_flag: Option<bool>,
}

impl Messaging {
    pub(crate) fn new() -> Messaging {
        Messaging {
            enables: ENABLE_SEL,
            oem_flags: 0,
            pretimeout: false,
            event: None,
            queue: VecDeque::new(),
            on_the_bus: Vec::new(),
            stuck_event_flag: None,
        }
    }

    /// Whether the event message buffer is full.
    pub(crate) fn holds_event(&self) -> bool {
        self.event.is_some() || self.stuck_event_flag.is_some()
    }

    pub(crate) fn flags(&self) -> u8 {
        self.oem_flags
            | flag(!self.queue.is_empty(), FLAG_MESSAGE)
            | flag(self.holds_event(), FLAG_EVENT_BUFFER)
            | flag(self.pretimeout, FLAG_PRETIMEOUT)
    }

    pub(crate) fn enables(&self) -> u8 {
        self.enables
    }

    /// Whether the interface may pull its interrupt line.
    pub(crate) fn interrupts(&self) -> bool {
        self.enables & 0x03 != 0
    }

    /// Whether events go to the SEL.
    pub(crate) fn logs_events(&self) -> bool {
        self.enables & ENABLE_SEL != 0
    }

    pub(crate) fn pretimeout(&mut self) {
        self.pretimeout = true;
    }

    pub(crate) fn clear_pretimeout(&mut self) {
        self.pretimeout = false;
    }

    /// Keeps an event for the host if it wants events and has read the last one.
    pub(crate) fn offer_event(&mut self, event: [u8; 16]) {
        if self.enables & ENABLE_EVENT_BUFFER != 0 {
            self.event.get_or_insert(event);
        }
    }

    /// A message for the host: channel, then the bytes as Get Message gives them.
    pub(crate) fn enqueue(&mut self, message: Vec<u8>) {
        if self.queue.len() < QUEUE_LIMIT {
            self.queue.push_back(message);
        }
    }

    pub(crate) fn next_event(&self) -> Option<u64> {
        self.on_the_bus.iter().map(|(at, _)| *at).min()
    }

    /// Takes in the replies that have arrived, in the order of their arrival.
    pub(crate) fn run(&mut self, now: u64) {
        self.on_the_bus.sort_by_key(|(at, _)| *at);
        let arrived = self.on_the_bus.partition_point(|(at, _)| *at <= now);
        for (_, message) in self.on_the_bus.drain(..arrived).collect::<Vec<_>>() {
            self.enqueue(message);
        }
    }

    fn clear(&mut self, flags: u8) {
        self.oem_flags &= !flags;
        if flags & FLAG_MESSAGE != 0 {
            self.queue.clear();
        }
        if flags & FLAG_EVENT_BUFFER != 0 {
            self.event = None;
        }
        if flags & FLAG_PRETIMEOUT != 0 {
            self.pretimeout = false;
        }
    }
}

pub(super) fn run(bmc: &mut Bmc, cmd: u8, data: &[u8]) -> Option<Answer> {
    let messaging = &mut bmc.messaging;
    Some(match cmd {
        0x2e => set_enables(messaging, data),
        0x2f => exactly::<0>(data).map(|_| vec![messaging.enables]),
        0x30 => exactly(data).map(|[flags]: [u8; 1]| {
            messaging.clear(flags);
            Vec::new()
        }),
        0x31 => exactly::<0>(data).map(|_| vec![messaging.flags()]),
        0x33 => exactly::<0>(data).and_then(|_| messaging.queue.pop_front().ok_or(EMPTY)),
        0x34 => send(bmc, data),
        0x35 => read_event(messaging, data),
        _ => return super::channel::run(bmc, cmd, data),
    })
}

fn set_enables(messaging: &mut Messaging, data: &[u8]) -> Answer {
    let [enables] = exactly::<1>(data)?;
    if enables & ENABLE_RESERVED != 0 {
        return Err(CompletionCode::INVALID_DATA);
    }
    messaging.enables = enables;
    Ok(Vec::new())
}

fn read_event(messaging: &mut Messaging, data: &[u8]) -> Answer {
    exactly::<0>(data)?;
    match (messaging.event.take(), messaging.stuck_event_flag) {
        (Some(event), _) => Ok(event.to_vec()),
        (None, Some(true)) => Ok(vec![0; 16]),
        (None, _) => Err(EMPTY),
    }
}

/// Send Message (22.7). The answer says only that the message went out; the reply comes by way
/// of the queue if it is addressed to the SMS LUN or tracked.
fn send(bmc: &mut Bmc, data: &[u8]) -> Answer {
    let (channel, bytes) = data.split_first().ok_or(CompletionCode::LENGTH_INVALID)?;
    if channel & 0x0f != 0 {
        return Err(CompletionCode::INVALID_DATA);
    }
    let message = Message::parse(bytes).ok_or(CompletionCode::LENGTH_INVALID)?;
    let satellite = bmc
        .config
        .satellites
        .iter()
        .find(|satellite| satellite.address == message.responder)
        .ok_or(NAK_ON_WRITE)?;
    let tracked = channel >> 6 == 1;
    if let (Some(reply), true) = (
        satellite.reply(&message),
        tracked || message.requester_lun == SMS_LUN,
    ) {
        let at = bmc.now.saturating_add(satellite.reply_after);
        let mut queued = vec![channel & 0x0f];
        queued.extend(reply);
        bmc.messaging.on_the_bus.push((at, queued));
    }
    Ok(Vec::new())
}
