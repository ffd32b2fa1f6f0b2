// SPDX-License-Identifier: BSD-2-Clause
//! Message flags, global enables and channels (IPMI 2.0, section 22).

use crate::message::{exactly, Answer, CompletionCode};
use crate::Bmc;

const FLAG_EVENT_BUFFER: u8 = 0x02;
const FLAG_PRETIMEOUT: u8 = 0x08;

/// Global enables a BMC comes up with: system event logging.
const DEFAULT_ENABLES: u8 = 0x08;

/// A command's own "nothing there" (Get Message, Read Event Message Buffer).
const EMPTY: CompletionCode = CompletionCode(0x80);

#[derive(Clone, Debug)]
pub(crate) struct Messaging {
    enables: u8,
    oem_flags: u8,
    pretimeout: bool,
    event: Option<[u8; 16]>,
    /// The event flag cannot be cleared; whether there is an event to be read.
    pub(crate) stuck_event_flag: Option<bool>,
}

impl Messaging {
    pub(crate) fn new() -> Messaging {
        Messaging {
            enables: DEFAULT_ENABLES,
            oem_flags: 0,
            pretimeout: false,
            event: None,
            stuck_event_flag: None,
        }
    }

    pub(crate) fn flags(&self) -> u8 {
        let event = self.event.is_some() || self.stuck_event_flag.is_some();
        self.oem_flags
            | u8::from(self.pretimeout) * FLAG_PRETIMEOUT
            | u8::from(event) * FLAG_EVENT_BUFFER
    }

    /// Whether the interface may pull its interrupt line.
    pub(crate) fn interrupts(&self) -> bool {
        self.enables & 0x03 != 0
    }

    pub(crate) fn pretimeout(&mut self) {
        self.pretimeout = true;
    }

    pub(crate) fn clear_pretimeout(&mut self) {
        self.pretimeout = false;
    }

    pub(crate) fn next_event(&self) -> Option<u64> {
        None
    }

    pub(crate) fn run(&mut self, _now: u64) {}

    fn clear(&mut self, flags: u8) {
        self.oem_flags &= !flags;
        if flags & FLAG_PRETIMEOUT != 0 {
            self.pretimeout = false;
        }
        if flags & FLAG_EVENT_BUFFER != 0 {
            self.event = None;
        }
    }
}

pub(super) fn run(bmc: &mut Bmc, cmd: u8, data: &[u8]) -> Option<Answer> {
    let messaging = &mut bmc.messaging;
    Some(match cmd {
        0x2e => exactly(data).map(|[enables]: [u8; 1]| {
            messaging.enables = enables & 0xef;
            Vec::new()
        }),
        0x2f => exactly::<0>(data).map(|_| vec![messaging.enables]),
        0x30 => exactly(data).map(|[flags]: [u8; 1]| {
            messaging.clear(flags);
            Vec::new()
        }),
        0x31 => exactly::<0>(data).map(|_| vec![messaging.flags()]),
        0x33 => Err(EMPTY),
        0x35 => read_event(messaging, data),
        0x42 => channel_info(data),
        _ => return None,
    })
}

fn read_event(messaging: &mut Messaging, data: &[u8]) -> Answer {
    exactly::<0>(data)?;
    let event = messaging.event.take();
    match (event, messaging.stuck_event_flag) {
        (Some(event), _) => Ok(event.to_vec()),
        (None, Some(true)) => Ok(vec![0; 16]),
        (None, _) => Err(EMPTY),
    }
}

/// Get Channel Info (22.24): IPMB on 0, the system interface on Fh, and Eh means "this one".
fn channel_info(data: &[u8]) -> Answer {
    let [channel] = exactly::<1>(data)?;
    let (number, medium, protocol) = match channel & 0x0f {
        0x00 => (0x00, 0x01, 0x01),
        0x0e | 0x0f => (0x0f, 0x0c, 0x05),
        _ => return Err(CompletionCode::INVALID_DATA),
    };
    Ok(vec![
        number, medium, protocol, 0x00, 0xf2, 0x1b, 0x00, 0xff, 0xff,
    ])
}
