// SPDX-License-Identifier: BSD-2-Clause
//! Instants on the uptime clock, in nanoseconds; saturating, so that no caller can overflow.

/// A millisecond in nanoseconds.
pub const MS: u64 = 1_000_000;
/// A microsecond in nanoseconds.
pub const US: u64 = 1_000;
/// A second in nanoseconds.
pub const SEC: u64 = 1_000_000_000;

/// Nanoseconds since boot (`sbinuptime(9)`), or counted delays where clocks stand still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(u64);

impl Instant {
    /// The instant of boot.
    pub const BOOT: Instant = Instant(0);

    /// The instant `ns` nanoseconds after boot.
    pub const fn at(ns: u64) -> Instant {
        Instant(ns)
    }

    /// Nanoseconds since boot.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// The instant `ns` nanoseconds later.
    pub const fn plus(self, ns: u64) -> Instant {
        Instant(self.0.saturating_add(ns))
    }

    /// The nanoseconds from `earlier` to here; 0 if `earlier` is later.
    pub const fn since(self, earlier: Instant) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The earlier of two deadlines, where `None` means never.
pub fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
