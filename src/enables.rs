// SPDX-License-Identifier: BSD-2-Clause
//! The BMC's global enables, of which the driver needs the event message buffer while a descriptor
//! wants events, and the interrupts where it has one. Pure.

use crate::wire::{completion, device, DriverReply, Message};

/// What is known of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// Nothing since the BMC may have been reset.
    Unknown,
    /// They are these.
    Read(u8),
    /// They are as was wanted, or the BMC will not have it.
    Settled,
}

/// The enables that the driver has a use for; the others stay as they are.
pub struct Enables {
    wanted: u8,
    /// Were wanted once, and are no more.
    dropped: u8,
    known: Known,
}

impl Enables {
    /// Nobody wants anything, and the BMC is left as it is.
    pub const fn new() -> Enables {
        Enables {
            wanted: 0,
            dropped: 0,
            known: Known::Settled,
        }
    }

    /// Somebody wants these from here on, or nobody any more.
    pub fn want(&mut self, enables: u8, wanted: bool) {
        let before = self.wanted;
        if wanted {
            self.wanted |= enables;
        } else {
            self.wanted &= !enables;
        }
        self.dropped = (self.dropped | before) & !self.wanted;
        if self.wanted != before {
            self.known = Known::Unknown;
        }
    }

    /// The BMC may have been reset, which clears them (section 22.1).
    pub fn doubt(&mut self) {
        if self.wanted != 0 {
            self.known = Known::Unknown;
        }
    }

    fn as_wanted(&self, enables: u8) -> u8 {
        (enables | self.wanted) & !self.dropped
    }

    /// Is there nothing to send?
    pub fn are_settled(&self) -> bool {
        self.known == Known::Settled
    }

    /// The next command, if they are not as wanted.
    pub fn command(&self) -> Option<Message> {
        match self.known {
            Known::Unknown => Some(device::global_enables()),
            Known::Read(enables) => Some(device::enable(self.as_wanted(enables))),
            Known::Settled => None,
        }
    }

    /// Takes the answer to it. What the BMC refuses is not asked for again.
    pub fn answered(&mut self, reply: &DriverReply) {
        let enables = reply.data().first().copied();
        self.known = match (self.known, enables) {
            (Known::Unknown, Some(enables))
                if reply.completion() == completion::OK && self.as_wanted(enables) != enables =>
            {
                Known::Read(enables)
            }
            _ => Known::Settled,
        };
    }
}

impl Default for Enables {
    fn default() -> Enables {
        Enables::new()
    }
}
