// SPDX-License-Identifier: BSD-2-Clause
//! Add SEL Entry (section 31.6) for what this driver has to report: that the system stopped, and why.

use super::{Message, NetFn};

/// Bytes of text that one record takes.
pub const PIECE: usize = 11;
/// Bytes of text that are recorded at most: six records.
pub const TEXT: usize = 6 * PIECE;

const ADD_SEL_ENTRY: u8 = 0x44;
/// System event record (section 32.1); the BMC fills in id and time.
const SYSTEM_EVENT: u8 = 0x02;
/// OEM record without time (section 32.3).
const OEM: u8 = 0xf0;
/// System software, id 0, as event generator (table 5-4).
const SOFTWARE: u8 = 0x41;
/// Sensor type OS stop (table 42-3), of which offset 1 is a stop at run time.
const OS_STOP: u8 = 0x20;
const RUN_TIME_STOP: u8 = 0x01;

/// Sensor type watchdog 2, of which offset 8 is the timer interrupt.
const WATCHDOG: u8 = 0x23;
const TIMER_INTERRUPT: u8 = 0x08;
/// Sensor-specific event, asserted (section 29.7), in event message format 4 (section 32.1).
const SENSOR_SPECIFIC: u8 = 0x6f;
const FORMAT: u8 = 4;

fn system_event(sensor: u8, offset: u8) -> Message {
    let mut record = [0; 16];
    let [_, _, kind, _, _, _, _, generator, _, format, of, _, class, data @ ..] = &mut record;
    *kind = SYSTEM_EVENT;
    *generator = SOFTWARE;
    *format = FORMAT;
    *of = sensor;
    *class = SENSOR_SPECIFIC;
    *data = [offset, 0xff, 0xff];
    Message::new(NetFn::STORAGE, ADD_SEL_ENTRY, &record)
}

/// The operating system stopped at run time: a panic.
pub fn os_stop() -> Message {
    system_event(OS_STOP, RUN_TIME_STOP)
}

/// The host has not patted its watchdog in time.
pub fn watchdog_interrupt() -> Message {
    system_event(WATCHDOG, TIMER_INTERRUPT)
}

/// Piece `number` of the panic message, at most [`PIECE`] bytes of it.
pub fn os_text(number: u8, text: &[u8]) -> Message {
    let mut record = [0; 16];
    let [_, _, kind, generator, sequence, room @ ..] = &mut record;
    *kind = OEM;
    *generator = SOFTWARE;
    *sequence = number;
    for (slot, &byte) in room.iter_mut().zip(text) {
        *slot = byte;
    }
    Message::new(NetFn::STORAGE, ADD_SEL_ENTRY, &record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_sixteen_bytes_and_text_is_cut_to_its_room() {
        let stop = [
            0x28, 0x44, 0, 0, 2, 0, 0, 0, 0, 0x41, 0, 4, 0x20, 0, 0x6f, 1, 0xff, 0xff,
        ];
        assert_eq!(os_stop().as_bytes(), stop);
        let piece = os_text(3, b"page fault while");
        let bytes = piece.as_bytes();
        assert_eq!(bytes.len(), 18);
        assert_eq!(&bytes[..7], [0x28, 0x44, 0, 0, 0xf0, 0x41, 3]);
        assert_eq!(&bytes[7..], b"page fault ");
    }
}
