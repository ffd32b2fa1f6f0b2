// SPDX-License-Identifier: BSD-2-Clause
//! Why the BMC wants attention, and what else the driver asks it between pats. Pure, as all of the
//! state is.

use super::{Purpose, State};
use crate::time::{Instant, MS, SEC};
use crate::wire::{completion, device, DriverReply, Message};

/// Pause between two questions why the BMC wants attention, where nobody waits for the answer,
const ATTENTION: u64 = 5 * SEC;
/// where a descriptor wants events,
const ATTENTION_EVENTS: u64 = SEC;
/// and where a reply from the bus is awaited; so often the interface is looked at then, too.
const ATTENTION_BUS: u64 = 10 * MS;

impl State {
    /// What the driver wants to ask beside, where it may.
    pub(super) fn question(&self, now: Instant) -> Option<(Purpose, Message)> {
        let may = |purpose| self.questions.may(purpose, now);
        if self.pretimeout_seen && may(Purpose::ClearPretimeout) {
            let clear = device::clear_flags(device::PRETIMEOUT);
            return Some((Purpose::ClearPretimeout, clear));
        }
        if self.attention && now >= self.attention_at() && may(Purpose::Flags) {
            return Some((Purpose::Flags, device::message_flags()));
        }
        let switch = self.enables.command().filter(|_| may(Purpose::Enables));
        if let Some(message) = switch {
            return Some((Purpose::Enables, message));
        }
        let record = self.record.filter(|_| may(Purpose::Record))?;
        Some((Purpose::Record, record))
    }

    /// When to look at the idle interface next.
    pub(super) fn glance_at(&self) -> Instant {
        match self.clients.is_on_bus() {
            true => self.link.glanced_at().plus(ATTENTION_BUS),
            false => self.link.glance_at(),
        }
    }

    /// When the BMC that wants attention may be asked why.
    fn attention_at(&self) -> Instant {
        self.attention_asked.plus(if self.clients.is_on_bus() {
            ATTENTION_BUS
        } else if self.clients.want_events() {
            ATTENTION_EVENTS
        } else {
            ATTENTION
        })
    }

    /// Why the BMC wants attention. Its pre-timeout is the driver's; the rest is descriptors'.
    pub(super) fn flags(&mut self, reply: &DriverReply, now: Instant) {
        self.attention_asked = now;
        let flags = reply.data().first().copied().unwrap_or(0);
        let code = reply.completion();
        self.holds_flags = code == completion::NODE_BUSY || (code == completion::OK && flags != 0);
        if code != completion::OK {
            return;
        }
        self.mail.told(flags, self.clients.want_events());
        if flags & device::PRETIMEOUT != 0 {
            self.pretimeout(now);
        }
    }
}
