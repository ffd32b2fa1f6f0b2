// SPDX-License-Identifier: BSD-2-Clause
//! The system event log and its clock (IPMI 2.0, section 31, records as in section 32). It must
//! not know where events come from.

use crate::message::{exactly, Answer, CompletionCode};
use crate::{Bmc, SEC};

const CAPACITY: usize = 512;
const RECORD_SIZE: usize = 16;
/// Record IDs that mean "the first" and "the last".
const FIRST: u16 = 0x0000;
const LAST: u16 = 0xffff;

/// Generator of what the BMC itself logs.
const BMC: [u8; 2] = [0x20, 0x00];
/// The sensor number of the watchdog, which has an SDR too.
pub(crate) const WATCHDOG_SENSOR: u8 = 0x60;
/// Sensor types (table 42-3).
const OS_STOP: u8 = 0x20;
const WATCHDOG_2: u8 = 0x23;

/// A record of the SEL, 16 bytes as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelEntry(pub [u8; RECORD_SIZE]);

/// What a record says, as far as tests of a watchdog driver care.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SelEvent {
    /// OS stop or shutdown, sensor type 20h; offset 1 is a panic.
    OsStop {
        offset: u8,
        data: [u8; 2],
    },
    /// Watchdog 2, sensor type 23h: offset 0 expired, 1 hard reset, 2 power down, 3 power cycle,
    /// 8 pre-timeout interrupt; `detail` is event data 2.
    Watchdog {
        offset: u8,
        detail: u8,
    },
    /// An OEM record without time stamp, as panic strings are written: its 13 bytes.
    Text([u8; 13]),
    Other,
}

impl SelEntry {
    pub fn id(&self) -> u16 {
        u16::from_le_bytes([self.0[0], self.0[1]])
    }

    pub fn event(&self) -> SelEvent {
        let raw = &self.0;
        match (raw[2], raw[10]) {
            (0x02, OS_STOP) => SelEvent::OsStop {
                offset: raw[13] & 0x0f,
                data: [raw[14], raw[15]],
            },
            (0x02, WATCHDOG_2) => SelEvent::Watchdog {
                offset: raw[13] & 0x0f,
                detail: raw[14],
            },
            (0xe0..=0xff, _) => {
                let mut text = [0; 13];
                text.copy_from_slice(&raw[3..]);
                SelEvent::Text(text)
            }
            _ => SelEvent::Other,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Sel {
    pub(crate) entries: Vec<SelEntry>,
    last_id: u16,
    reservation: u16,
    reserved: bool,
    added_at: u32,
    erased_at: u32,
    overflow: bool,
    /// Seconds by which Set SEL Time moved the clock.
    clock_offset: u32,
}

impl Sel {
    pub(crate) fn new() -> Sel {
        Sel {
            entries: Vec::new(),
            last_id: 0,
            reservation: 0,
            reserved: false,
            added_at: 0xffff_ffff,
            erased_at: 0xffff_ffff,
            overflow: false,
            clock_offset: 0,
        }
    }

    /// A reset of the BMC cancels reservations.
    pub(crate) fn restart(&mut self) {
        self.reserved = false;
    }

    /// Adds a record; the BMC gives the record ID and, where the type has one, the time stamp.
    pub(crate) fn add(
        &mut self,
        mut raw: [u8; RECORD_SIZE],
        clock: u32,
    ) -> Result<u16, CompletionCode> {
        if self.entries.len() >= CAPACITY {
            self.overflow = true;
            return Err(CompletionCode::OUT_OF_SPACE);
        }
        self.last_id = match self.last_id.wrapping_add(1) {
            FIRST | LAST => 1,
            id => id,
        };
        raw[..2].copy_from_slice(&self.last_id.to_le_bytes());
        if raw[2] < 0xe0 {
            raw[3..7].copy_from_slice(&clock.to_le_bytes());
        }
        self.added_at = clock;
        self.entries.push(SelEntry(raw));
        Ok(self.last_id)
    }

    fn find(&self, id: u16) -> Result<usize, CompletionCode> {
        let found = match id {
            FIRST => (!self.entries.is_empty()).then_some(0),
            LAST => self.entries.len().checked_sub(1),
            _ => self.entries.iter().position(|entry| entry.id() == id),
        };
        found.ok_or(CompletionCode::NOT_PRESENT)
    }

    fn check(&self, reservation: [u8; 2]) -> Result<(), CompletionCode> {
        if self.reserved && u16::from_le_bytes(reservation) == self.reservation {
            Ok(())
        } else {
            Err(CompletionCode::RESERVATION_CANCELED)
        }
    }

    fn reserve(&mut self) -> Vec<u8> {
        self.reservation = self.reservation.wrapping_add(1).max(1);
        self.reserved = true;
        self.reservation.to_le_bytes().to_vec()
    }

    fn info(&self) -> Vec<u8> {
        let free = (CAPACITY - self.entries.len()) * RECORD_SIZE;
        let mut info = vec![0x51];
        info.extend((self.entries.len() as u16).to_le_bytes());
        info.extend((free as u16).to_le_bytes());
        info.extend(self.added_at.to_le_bytes());
        info.extend(self.erased_at.to_le_bytes());
        // Delete, reserve and allocation info are there; partial add is not.
        info.push(0x0b | u8::from(self.overflow) << 7);
        info
    }

    fn allocation(&self) -> Vec<u8> {
        let free = (CAPACITY - self.entries.len()) as u16;
        let words = [CAPACITY as u16, RECORD_SIZE as u16, free, free];
        let mut info: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        info.push(1);
        info
    }

    fn entry(&self, data: &[u8]) -> Answer {
        let [r0, r1, id0, id1, offset, count] = exactly::<6>(data)?;
        if offset != 0 {
            self.check([r0, r1])?;
        }
        let at = self.find(u16::from_le_bytes([id0, id1]))?;
        let next = self.entries.get(at + 1).map_or(LAST, SelEntry::id);
        let part = part(&self.entries[at].0, offset, count)?;
        Ok([&next.to_le_bytes(), part].concat())
    }

    fn delete(&mut self, data: &[u8], clock: u32) -> Answer {
        let [r0, r1, id0, id1] = exactly::<4>(data)?;
        self.check([r0, r1])?;
        let at = self.find(u16::from_le_bytes([id0, id1]))?;
        let gone = self.entries.remove(at);
        self.erased(clock);
        Ok(gone.id().to_le_bytes().to_vec())
    }

    fn clear(&mut self, data: &[u8], clock: u32) -> Answer {
        let [r0, r1, c, l, r, action] = exactly::<6>(data)?;
        if [c, l, r] != *b"CLR" {
            return Err(CompletionCode::INVALID_DATA);
        }
        match action {
            0x00 => {}
            0xaa => {
                self.check([r0, r1])?;
                self.entries.clear();
                self.erased(clock);
            }
            _ => return Err(CompletionCode::INVALID_DATA),
        }
        // Erasure completed.
        Ok(vec![0x01])
    }

    fn erased(&mut self, clock: u32) {
        self.erased_at = clock;
        self.overflow = false;
        self.reserved = false;
    }
}

/// Part of a record: `count` bytes from `offset`, ffh meaning the rest.
pub(super) fn part(record: &[u8], offset: u8, count: u8) -> Result<&[u8], CompletionCode> {
    let rest = record
        .get(usize::from(offset)..)
        .filter(|rest| !rest.is_empty())
        .ok_or(CompletionCode::OUT_OF_RANGE)?;
    match count {
        0xff => Ok(rest),
        _ => rest
            .get(..usize::from(count))
            .ok_or(CompletionCode::CANNOT_RETURN_LENGTH),
    }
}

pub(super) fn run(bmc: &mut Bmc, cmd: u8, data: &[u8]) -> Option<Answer> {
    let clock = bmc.clock();
    let sel = &mut bmc.sel;
    Some(match cmd {
        0x40 => exactly::<0>(data).map(|_| sel.info()),
        0x41 => exactly::<0>(data).map(|_| sel.allocation()),
        0x42 => exactly::<0>(data).map(|_| sel.reserve()),
        0x43 => sel.entry(data),
        0x44 => exactly(data)
            .and_then(|raw| sel.add(raw, clock))
            .map(|id| id.to_le_bytes().to_vec()),
        0x46 => sel.delete(data, clock),
        0x47 => sel.clear(data, clock),
        // The SDR repository's clock is the same one.
        0x48 | 0x28 => exactly::<0>(data).map(|_| clock.to_le_bytes().to_vec()),
        0x49 | 0x29 => exactly(data).map(|bytes: [u8; 4]| {
            let moved = u32::from_le_bytes(bytes).wrapping_sub(clock);
            sel.clock_offset = sel.clock_offset.wrapping_add(moved);
            Vec::new()
        }),
        // UTC offset: not specified.
        0x5c => exactly::<0>(data).map(|_| vec![0xff, 0x07]),
        0x5d => exactly::<2>(data).map(|_| Vec::new()),
        _ => return None,
    })
}

impl Bmc {
    /// The BMC's clock, in seconds since 1970.
    pub(crate) fn clock(&self) -> u32 {
        self.config
            .epoch
            .wrapping_add((self.now / SEC) as u32)
            .wrapping_add(self.sel.clock_offset)
    }

    /// The records of the SEL, oldest first.
    pub fn sel(&self) -> &[SelEntry] {
        &self.sel.entries
    }

    /// An event of the BMC's own or from a platform: into the SEL and the event message buffer,
    /// as far as the global enables let it.
    pub(crate) fn log_event(&mut self, generator: [u8; 2], event: [u8; 7]) {
        let clock = self.clock();
        let mut raw = [0; RECORD_SIZE];
        raw[2] = 0x02;
        raw[3..7].copy_from_slice(&clock.to_le_bytes());
        raw[7..9].copy_from_slice(&generator);
        raw[9..].copy_from_slice(&event);
        if self.messaging.logs_events() {
            // A full log drops the event and says so in its info.
            let _ = self.sel.add(raw, clock);
        }
        self.messaging.offer_event(raw);
    }

    /// The watchdog did something: offset 0 to 3 by action, 8 for the pre-timeout interrupt.
    pub(crate) fn log_watchdog(&mut self, offset: u8, detail: u8) {
        let event = [
            0x04,
            WATCHDOG_2,
            WATCHDOG_SENSOR,
            0x6f,
            0xc0 | offset,
            detail,
            0xff,
        ];
        self.log_event(BMC, event);
    }
}
