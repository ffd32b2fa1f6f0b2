// SPDX-License-Identifier: BSD-2-Clause
//! Faults on demand: what goes wrong, and when. A schedule of plain values that can be written
//! down in a scenario; it must not know how a register model or a command carries a fault out.

use serde::{Deserialize, Serialize};

use crate::NEVER;

/// When a fault holds. Times in ns; a window is half open: `from` is in it, `to` is not.
///
/// Transactions are counted from 0: the first WRITE_START taken (or its like on other interfaces)
/// opens transaction 0. The bytes of a transaction are all bytes the host hands over in it, the
/// WRITE_START being byte 0, each READ one more. SMIC counts control codes likewise. On BT byte 0
/// is H2B_ATN seen, 1 the message taken, 2 the reply offered. SSIF counts block transfers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum When {
    Always,
    Window {
        from: u64,
        to: u64,
    },
    /// From the moment byte `byte` of transaction `transaction` is taken, for `lasts` ns.
    AtByte {
        transaction: u64,
        byte: u32,
        lasts: u64,
    },
    /// In transactions `first..=last`.
    Transactions {
        first: u64,
        last: u64,
    },
    /// In transactions that carry this command, within a window.
    Command {
        netfn: u8,
        cmd: u8,
        from: u64,
        to: u64,
    },
}

/// What goes wrong. Those marked *once* happen when their `When` first holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Fault {
    /// IBF reads as set and nothing the host writes is taken. BT: B_BUSY; SMIC: BUSY; SSIF: NAK.
    IbfStuck,
    /// Nothing ever comes out: OBF stays clear. BT: no B2H_ATN; SMIC: no RX_DATA_RDY; SSIF: NAK
    /// on every read.
    ObfNever,
    /// Nobody on the bus: all reads ff, all writes lost. SSIF: NAK.
    ReadsFf,
    /// Each handshake takes this long on top.
    SlowHandshake { ns: u64 },
    /// KCS: state bits read as `state` (0 idle, 1 read, 2 write, 3 error).
    WrongState { state: u8 },
    /// Once. What is under way is lost. KCS falls into ERROR_STATE with status code ff, SMIC says
    /// so in its status; BT and SSIF just forget.
    ErrorState,
    /// SMS_ATN reads as set whatever the flags say.
    SmsAtnStuck,
    /// The registers are dead as with a hung BMC. Its watchdog timer counts on if `counting`, or
    /// stands still like all else.
    Deaf { counting: bool },

    /// The reply ends after this many bytes, netFn and command counted.
    ShortReply { keep: usize },
    /// The reply goes on to this many bytes.
    LongReply { total: usize },
    /// The reply is random bytes of its usual length.
    GarbageReply,
    /// The reply carries another network function.
    WrongNetFn,
    /// The reply carries another command.
    WrongCommand,
    /// BT: the reply carries another sequence number. SSIF: another block number.
    WrongSequence,
    /// SSIF: what is read carries a wrong PEC.
    WrongPec,
    /// SSIF: another master holds the bus.
    SmbusBusy,

    /// The command is not run and answered with this completion code.
    Completion { netfn: u8, cmd: u8, code: u8 },
    /// Set Watchdog Timer programs at most this countdown (100 ms units) and reports success.
    ClampCountdown { longest: u16 },
    /// Set Watchdog Timer changes nothing and reports success.
    IgnoreWatchdogSet,
    /// Once. The timer stops and is uninitialised, without any reset.
    ForgetWatchdog,
    /// After an abort during execution all is answered C0h for `lasts` ns; then the cancelled
    /// command is run all the same if `runs`.
    NodeBusyAfterAbort { lasts: u64, runs: bool },
    /// The event-buffer-full flag never clears. Read Event Message Buffer gives an event each time
    /// if `readable`, or 80h.
    EventFlagStuck { readable: bool },

    /// Once. The BMC resets itself: flags, enables, queues and sessions are lost; so is the
    /// watchdog timer unless `timer_survives`, in which case it stands still while the BMC boots
    /// and goes on from there.
    Reset {
        reboot_for: u64,
        timer_survives: bool,
    },
    /// Once. Memory runs out: handshakes grow exponentially slower for `slow_for`, then nothing
    /// moves for `dead_for` (IBF stays set, the watchdog timer stands still), then the BMC's own
    /// hardware watchdog resets it as [`Fault::Reset`] does.
    OutOfMemory {
        slow_for: u64,
        dead_for: u64,
        reboot_for: u64,
        timer_survives: bool,
    },
}

impl Fault {
    fn once(&self) -> bool {
        matches!(
            self,
            Fault::ErrorState
                | Fault::ForgetWatchdog
                | Fault::Reset { .. }
                | Fault::OutOfMemory { .. }
        )
    }
}

#[derive(Clone, Debug)]
struct Entry {
    when: When,
    fault: Fault,
    /// For `AtByte`: when its byte was taken.
    began: Option<u64>,
    /// For faults that happen once: they have.
    happened: bool,
}

/// The schedule, and where in the host's transactions the interface is.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    entries: Vec<Entry>,
    /// Transactions begun so far; the present one is one less.
    transactions: u64,
    bytes: u32,
    command: Option<(u8, u8)>,
}

impl Faults {
    pub fn add(&mut self, when: When, fault: Fault) -> &mut Faults {
        self.entries.push(Entry {
            when,
            fault,
            began: None,
            happened: false,
        });
        self
    }

    /// A fault that holds from `from` until `to`.
    pub fn during(&mut self, from: u64, to: u64, fault: Fault) -> &mut Faults {
        self.add(When::Window { from, to }, fault)
    }

    /// A fault that happens at `at`, or holds from then on.
    pub fn at(&mut self, at: u64, fault: Fault) -> &mut Faults {
        self.during(at, NEVER, fault)
    }

    /// Nothing goes wrong any more; what has happened has happened.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// How many transactions the host has begun.
    pub fn transactions(&self) -> u64 {
        self.transactions
    }

    pub(crate) fn transaction_begins(&mut self, now: u64) {
        self.transactions += 1;
        self.bytes = 0;
        self.command = None;
        self.byte_taken(now);
    }

    /// One more byte of the present transaction was taken.
    pub(crate) fn byte_taken(&mut self, now: u64) {
        let here = (self.transactions.checked_sub(1), self.bytes);
        self.bytes = self.bytes.saturating_add(1);
        for entry in &mut self.entries {
            if let When::AtByte {
                transaction, byte, ..
            } = entry.when
            {
                if here == (Some(transaction), byte) {
                    entry.began = Some(now);
                }
            }
        }
    }

    /// The command of the present transaction is known.
    pub(crate) fn command_is(&mut self, netfn: u8, cmd: u8) {
        self.command = Some((netfn, cmd));
    }

    /// The faults that hold now, in the order they were added.
    pub(crate) fn active(&self, now: u64) -> impl Iterator<Item = &Fault> {
        self.entries
            .iter()
            .filter(move |entry| !entry.fault.once() && self.end(entry, now).is_some())
            .map(|entry| &entry.fault)
    }

    /// Whether this fault is among those that hold now.
    pub(crate) fn holds(&self, now: u64, fault: &Fault) -> bool {
        let mut entries = self.entries.iter();
        !fault.once() && entries.any(|e| e.fault == *fault && self.end(e, now).is_some())
    }

    /// The latest end of the active faults that `which` picks; nothing if none is active.
    pub(crate) fn until(&self, now: u64, which: impl Fn(&Fault) -> bool) -> Option<u64> {
        self.entries
            .iter()
            .filter(|entry| which(&entry.fault))
            .filter_map(|entry| self.end(entry, now))
            .max()
    }

    /// The faults that happen once and do so now.
    pub(crate) fn happening(&mut self, now: u64) -> Vec<Fault> {
        if self.entries.iter().all(|e| e.happened || !e.fault.once()) {
            return Vec::new();
        }
        let due: Vec<usize> = (0..self.entries.len())
            .filter(|&i| {
                let entry = &self.entries[i];
                entry.fault.once() && !entry.happened && self.end(entry, now).is_some()
            })
            .collect();
        due.into_iter()
            .map(|i| {
                self.entries[i].happened = true;
                self.entries[i].fault.clone()
            })
            .collect()
    }

    /// The next time after `now` at which a window opens or closes.
    pub(crate) fn next_edge(&self, now: u64) -> Option<u64> {
        let mut next = NEVER;
        for entry in &self.entries {
            let edges = match entry.when {
                When::Window { from, to } | When::Command { from, to, .. } => [from, to],
                When::AtByte { lasts, .. } => [
                    NEVER,
                    entry.began.map_or(NEVER, |at| at.saturating_add(lasts)),
                ],
                When::Always | When::Transactions { .. } => [NEVER, NEVER],
            };
            for edge in edges.into_iter().filter(|&edge| edge > now) {
                next = next.min(edge);
            }
        }
        (next != NEVER).then_some(next)
    }

    /// When this entry ceases to hold, if it holds now.
    fn end(&self, entry: &Entry, now: u64) -> Option<u64> {
        let within = |from: u64, to: u64| (from <= now && now < to).then_some(to);
        match entry.when {
            When::Always => Some(NEVER),
            When::Window { from, to } => within(from, to),
            When::AtByte { lasts, .. } => {
                let began = entry.began?;
                within(began, began.saturating_add(lasts))
            }
            When::Transactions { first, last } => {
                let present = self.transactions.checked_sub(1)?;
                (first..=last).contains(&present).then_some(NEVER)
            }
            When::Command {
                netfn,
                cmd,
                from,
                to,
            } => (self.command == Some((netfn, cmd)))
                .then(|| within(from, to))
                .flatten(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_half_open() {
        let mut faults = Faults::default();
        faults.during(10, 20, Fault::IbfStuck);
        let active = |now| faults.active(now).count();
        assert_eq!(
            [active(9), active(10), active(19), active(20)],
            [0, 1, 1, 0]
        );
        assert_eq!(faults.next_edge(0), Some(10));
        assert_eq!(faults.next_edge(10), Some(20));
        assert_eq!(faults.next_edge(20), None);
        assert_eq!(faults.until(15, |_| true), Some(20));
    }

    #[test]
    fn a_fault_waits_for_its_byte() {
        let mut faults = Faults::default();
        let when = When::AtByte {
            transaction: 1,
            byte: 2,
            lasts: 100,
        };
        faults.add(when, Fault::ObfNever);
        faults.transaction_begins(0);
        faults.byte_taken(1);
        faults.byte_taken(2);
        assert_eq!(faults.active(2).count(), 0);
        faults.transaction_begins(10);
        faults.byte_taken(11);
        assert_eq!(faults.active(11).count(), 0);
        faults.byte_taken(12);
        assert_eq!(faults.active(12).count(), 1);
        assert_eq!(faults.active(112).count(), 0);
    }

    #[test]
    fn what_happens_once_happens_once() {
        let mut faults = Faults::default();
        faults.at(5, Fault::ForgetWatchdog);
        assert!(faults.happening(4).is_empty());
        assert_eq!(faults.happening(5), [Fault::ForgetWatchdog]);
        assert!(faults.happening(6).is_empty());
        assert_eq!(faults.active(6).count(), 0);
    }

    #[test]
    fn a_command_fault_holds_in_its_transaction_only() {
        let mut faults = Faults::default();
        let when = When::Command {
            netfn: 6,
            cmd: 0x22,
            from: 0,
            to: NEVER,
        };
        faults.add(when, Fault::GarbageReply);
        faults.transaction_begins(0);
        faults.command_is(6, 0x22);
        assert_eq!(faults.active(1).count(), 1);
        faults.transaction_begins(2);
        assert_eq!(faults.active(3).count(), 0);
    }
}
