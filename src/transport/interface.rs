// SPDX-License-Identifier: BSD-2-Clause
//! The system interface that a device has, chosen when it attaches, and what it carries. Knows
//! the machines, and no protocol.

use super::bt::{self, Bt};
use super::kcs::Kcs;
use super::smic::Smic;
use super::ssif::{self, Ssif};
use super::{Limits, Sight, Transport};
use crate::time::SEC;
use crate::wire::interface::{BtCapabilities, Kind, Parts, SsifCapabilities};
use crate::wire::REQUEST_MAX;

/// Attempts at a request that the BMC has not been given whole.
const ATTEMPTS: u8 = 5;
/// What a BMC may ask for at most to answer a request.
const ANSWER_MAX: u64 = 30 * SEC;
/// The least that a BMC's buffer can hold.
const BT_BUFFER_MIN: u8 = 64;

/// On what terms messages travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The longest request in bytes, network function and command included.
    pub longest_request: usize,
    /// How long a healthy BMC may take to answer; nanoseconds.
    pub answer: u64,
    /// Attempts at a request that the BMC has not been given whole.
    pub attempts: u8,
}

impl Terms {
    /// Those of an interface whose BMC has not been asked.
    pub const fn of(kind: Kind) -> Terms {
        Terms {
            longest_request: match kind {
                Kind::Kcs | Kind::Smic => REQUEST_MAX,
                Kind::Bt => bt::REQUEST_MAX,
                Kind::Ssif => ssif::REQUEST_MAX,
            },
            answer: Limits::PATIENT.answer,
            attempts: ATTEMPTS,
        }
    }

    /// Those that a BMC asks for, where they can be meant: one that claims to be faster than it
    /// is must not be given up early.
    pub fn of_bt(told: BtCapabilities) -> Terms {
        let usual = Terms::of(Kind::Bt);
        let buffer = usize::from(told.input.max(BT_BUFFER_MIN));
        Terms {
            longest_request: buffer.saturating_sub(1).min(usual.longest_request),
            answer: u64::from(told.response)
                .saturating_mul(SEC)
                .clamp(usual.answer, ANSWER_MAX),
            attempts: told.retries.saturating_add(1).clamp(2, usual.attempts),
        }
    }

    /// Those of a BMC that takes messages in so many parts.
    pub fn of_ssif(told: SsifCapabilities) -> Terms {
        let (least, most) = match told.parts {
            Parts::One => (ssif::BLOCK, ssif::BLOCK),
            Parts::Two => (ssif::BLOCK, 2 * ssif::BLOCK),
            Parts::Many => (2 * ssif::BLOCK, ssif::REQUEST_MAX),
        };
        Terms {
            longest_request: usize::from(told.input).clamp(least, most),
            ..Terms::of(Kind::Ssif)
        }
    }
}

/// The machine of a device.
pub enum Interface {
    /// See [`Kcs`].
    Kcs(Kcs),
    /// See [`Smic`].
    Smic(Smic),
    /// See [`Bt`].
    Bt(Bt),
    /// See [`Ssif`].
    Ssif(Ssif),
}

impl Interface {
    /// The first sequence number of the worker's machine,
    pub const WORKER: u8 = 0;
    /// and of the polled path's: bit 7 tells the two apart.
    pub const POLLED: u8 = 0x80;

    /// A machine that knows nothing of the interface's state, and numbers its attempts from
    /// `sequence` on where the interface has numbers.
    pub const fn new(kind: Kind, sequence: u8) -> Interface {
        match kind {
            Kind::Kcs => Interface::Kcs(Kcs::new()),
            Kind::Smic => Interface::Smic(Smic::new()),
            Kind::Bt => Interface::Bt(Bt::new(sequence)),
            Kind::Ssif => Interface::Ssif(Ssif::new()),
        }
    }

    /// See [`super::Transport::delivered`].
    pub fn delivered(&self) -> bool {
        match self {
            Interface::Kcs(kcs) => kcs.delivered(),
            Interface::Smic(smic) => smic.delivered(),
            Interface::Bt(bt) => bt.delivered(),
            Interface::Ssif(ssif) => ssif.delivered(),
        }
    }

    /// See [`super::Transport::surprised`].
    pub fn surprised(&self) -> bool {
        match self {
            Interface::Kcs(kcs) => kcs.surprised(),
            Interface::Smic(smic) => smic.surprised(),
            Interface::Bt(bt) => bt.surprised(),
            Interface::Ssif(_) => false,
        }
    }

    /// See [`super::Transport::glance`]; `None` if there is no such register.
    pub fn glance(&self) -> Option<u8> {
        match self {
            Interface::Kcs(kcs) => Some(kcs.glance()),
            Interface::Smic(smic) => Some(smic.glance()),
            Interface::Bt(bt) => Some(bt.glance()),
            Interface::Ssif(_) => None,
        }
    }

    /// See [`super::Transport::seen`].
    pub fn seen(&self, value: u8) -> Sight {
        match self {
            Interface::Kcs(kcs) => kcs.seen(value),
            Interface::Smic(smic) => smic.seen(value),
            Interface::Bt(bt) => bt.seen(value),
            Interface::Ssif(_) => Sight::Hidden,
        }
    }
}
