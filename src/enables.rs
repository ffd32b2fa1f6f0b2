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
    /// What is being sent is no longer what is wanted, or no longer what is known.
    overtaken: bool,
}

impl Enables {
    /// Nobody wants anything, and the BMC is left as it is.
    pub const fn new() -> Enables {
        Enables {
            wanted: 0,
            dropped: 0,
            known: Known::Settled,
            overtaken: false,
        }
    }

    fn ask(&mut self) {
        self.overtaken = self.known != Known::Settled;
        self.known = Known::Unknown;
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
            self.ask();
        }
    }

    /// The BMC may have been reset, which clears them (section 22.1).
    pub fn doubt(&mut self) {
        if self.wanted != 0 {
            self.ask();
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
        if core::mem::take(&mut self.overtaken) {
            self.known = Known::Unknown;
            return;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(enables: &mut Enables, body: &[u8]) {
        let mut reply = DriverReply::EMPTY;
        for &byte in [0x1c, 0].iter().chain(body) {
            reply.arrival().push(byte);
        }
        enables.answered(&reply);
    }

    #[test]
    fn what_is_wanted_no_more_while_it_is_being_set_is_taken_back() {
        let mut enables = Enables::new();
        enables.want(device::INTERRUPTS, true);
        answer(&mut enables, &[0, 0x08]);
        assert_eq!(enables.command(), Some(device::enable(0x0b)));
        enables.want(device::INTERRUPTS, false);
        answer(&mut enables, &[0]);
        assert_eq!(enables.command(), Some(device::global_enables()));
        answer(&mut enables, &[0, 0x0b]);
        assert_eq!(enables.command(), Some(device::enable(0x08)));
        answer(&mut enables, &[0]);
        assert!(enables.are_settled());
    }
}
