// SPDX-License-Identifier: BSD-2-Clause
//! The flight recorder: what was done last, for whoever asks afterwards. Must not know why.

use core::ffi::CStr;

use crate::line::Line;
use crate::time::Instant;
use crate::transport::Failure;

/// Entries kept; a power of two.
const KEPT: usize = 64;

/// An attempt at a transaction.
#[derive(Clone, Copy)]
pub struct Attempt {
    /// For the driver itself, or for an application.
    pub own: bool,
    /// Network function with LUN, and command.
    pub head: (u8, u8),
    /// The completion code, or why there is none.
    pub outcome: Result<u8, Failure>,
}

#[derive(Clone, Copy)]
enum Entry {
    Nothing,
    Attempt { attempt: Attempt, ns: u64 },
    Event(&'static CStr, &'static CStr),
}

/// The last things that happened, oldest first.
pub struct Recorder {
    entries: [(Instant, Entry); KEPT],
    /// How many there were since attach.
    written: u64,
}

impl Recorder {
    /// Nothing has happened.
    pub const EMPTY: Recorder = Recorder {
        entries: [(Instant::BOOT, Entry::Nothing); KEPT],
        written: 0,
    };

    fn write(&mut self, at: Instant, entry: Entry) {
        let slot = (self.written as usize) % KEPT;
        if let Some(place) = self.entries.get_mut(slot) {
            *place = (at, entry);
        }
        self.written = self.written.wrapping_add(1);
    }

    /// An attempt that began at `started` took so many nanoseconds.
    pub fn attempted(&mut self, started: Instant, ns: u64, attempt: Attempt) {
        self.write(started, Entry::Attempt { attempt, ns });
    }

    /// People are told of an event, under these names of devctl(4).
    pub fn told(&mut self, now: Instant, (subsystem, kind): (&'static CStr, &'static CStr)) {
        self.write(now, Entry::Event(subsystem, kind));
    }

    /// Writes entry `number` (counted since attach), or the oldest that is left, into `line`: the
    /// number of the next; `None` if there is none.
    pub fn read(&self, number: u64, line: &mut Line) -> Option<u64> {
        let oldest = self.written.saturating_sub(KEPT as u64);
        let number = number.max(oldest);
        if number >= self.written {
            return None;
        }
        let (at, entry) = self.entries.get((number as usize) % KEPT)?;
        line.micros(at.nanos()).text(" ");
        match *entry {
            Entry::Attempt { attempt, ns } => describe(&attempt, ns, line),
            Entry::Event(subsystem, kind) => {
                line.text("event ").name(subsystem.to_bytes()).text(" ");
                line.name(kind.to_bytes());
            }
            Entry::Nothing => {}
        }
        Some(number.saturating_add(1))
    }
}

fn describe(attempt: &Attempt, ns: u64, line: &mut Line) {
    let (netfn, command) = attempt.head;
    line.text(if attempt.own {
        "driver "
    } else {
        "application "
    });
    line.text("netfn ").hex(netfn >> 2);
    line.text(" cmd ").hex(command).text(" ");
    match attempt.outcome {
        Ok(code) => line.text("completion ").hex(code),
        Err(failure) => line.text(name(failure)),
    };
    line.text(" after ").dec(ns / 1000).text(" us");
}

fn name(failure: Failure) -> &'static str {
    match failure {
        Failure::Stalled => "stalled",
        Failure::Deadline => "timed out",
        Failure::Absent => "absent",
        Failure::WrongState => "wrong state",
        Failure::TooLong => "reply too long",
        Failure::Mismatch => "bad reply",
        Failure::Aborted => "ended for the driver",
        Failure::Seized | Failure::Taken => "taken over by polling",
        Failure::Unusable => "bus in use",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{MS, SEC};

    fn all(recorder: &Recorder) -> Vec<String> {
        let (mut number, mut lines) = (0, vec![]);
        loop {
            let mut line = Line::new();
            match recorder.read(number, &mut line) {
                Some(next) => number = next,
                None => return lines,
            }
            lines.push(String::from_utf8(line.as_bytes().to_vec()).unwrap());
        }
    }

    #[test]
    fn entries_are_read_as_they_were_written() {
        let mut recorder = Recorder::EMPTY;
        let attempt = |own, outcome| Attempt {
            own,
            head: (0x18, 0x22),
            outcome,
        };
        let begun = Instant::at(3 * SEC + 7 * MS);
        recorder.attempted(begun, 12 * MS, attempt(true, Ok(0x80)));
        recorder.attempted(begun, 5 * SEC, attempt(false, Err(Failure::Stalled)));
        recorder.told(Instant::at(4 * SEC), (c"BMC", c"unresponsive"));
        assert_eq!(
            all(&recorder),
            [
                "3.007000 driver netfn 0x06 cmd 0x22 completion 0x80 after 12000 us",
                "3.007000 application netfn 0x06 cmd 0x22 stalled after 5000000 us",
                "4.000000 event BMC unresponsive",
            ]
        );
    }

    #[test]
    fn the_last_ones_are_kept_oldest_first() {
        let mut recorder = Recorder::EMPTY;
        for second in 0..1000 {
            recorder.told(Instant::at(second * SEC), (c"BMC", c"waiting"));
        }
        let lines = all(&recorder);
        assert_eq!(lines.len(), KEPT);
        assert!(lines[0].starts_with("936.000000 "), "{}", lines[0]);
        assert!(lines[KEPT - 1].starts_with("999.000000 "));
    }
}
