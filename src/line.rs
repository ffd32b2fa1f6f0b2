// SPDX-License-Identifier: BSD-2-Clause
//! A line of text of bounded length, built without `core::fmt` (which can panic).

/// The longest line in bytes; what does not fit is cut.
pub const LENGTH: usize = 240;

/// One line of text without a newline: ASCII, at most [`LENGTH`] bytes.
pub struct Line {
    bytes: [u8; LENGTH],
    length: usize,
}

impl Line {
    /// An empty line.
    pub const fn new() -> Line {
        Line {
            bytes: [0; LENGTH],
            length: 0,
        }
    }

    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(self.length) {
            *slot = byte;
            self.length = self.length.saturating_add(1);
        }
    }

    /// Appends `text`.
    pub fn text(&mut self, text: &str) -> &mut Line {
        self.add(text.as_bytes());
        self
    }

    /// Appends bytes; one that is not printable ASCII becomes a question mark.
    pub fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.push(if matches!(byte, b' '..=b'~') {
                byte
            } else {
                b'?'
            });
        }
    }

    /// Appends `bytes` up to the first zero byte, made printable.
    pub fn name(&mut self, bytes: &[u8]) -> &mut Line {
        let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
        self.add(bytes.get(..end).unwrap_or(&[]));
        self
    }

    /// Appends a decimal number.
    pub fn dec(&mut self, number: u64) -> &mut Line {
        let mut digits = [0u8; 20];
        let mut rest = number;
        let mut used = 0usize;
        for slot in digits.iter_mut().rev() {
            *slot = b'0'.wrapping_add((rest % 10) as u8);
            rest /= 10;
            used = used.saturating_add(1);
            if rest == 0 {
                break;
            }
        }
        let start = digits.len().saturating_sub(used);
        self.add(digits.get(start..).unwrap_or(&[]));
        self
    }

    /// Appends nanoseconds as seconds with one decimal.
    pub fn seconds(&mut self, ns: u64) -> &mut Line {
        let tenths = ns / 100_000_000;
        self.dec(tenths / 10).text(".").dec(tenths % 10)
    }

    /// Appends nanoseconds as seconds with six decimals.
    pub fn micros(&mut self, ns: u64) -> &mut Line {
        let us = ns / 1000;
        let fraction = us % 1_000_000;
        self.dec(us / 1_000_000).text(".");
        let mut unit = 100_000;
        while fraction < unit && unit > 1 {
            self.push(b'0');
            unit /= 10;
        }
        self.dec(fraction)
    }

    /// Appends a byte as two hexadecimal digits after `0x`.
    pub fn hex(&mut self, byte: u8) -> &mut Line {
        self.add(b"0x");
        for nibble in [byte >> 4, byte & 15] {
            self.push(match nibble {
                0..=9 => b'0'.wrapping_add(nibble),
                _ => b'a'.wrapping_add(nibble.wrapping_sub(10)),
            });
        }
        self
    }

    /// What was written so far.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&[])
    }
}

impl Default for Line {
    fn default() -> Line {
        Line::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &Line) -> String {
        String::from_utf8(line.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(read(Line::new().dec(0)), "0");
        assert_eq!(read(Line::new().dec(u64::MAX)), "18446744073709551615");
        assert_eq!(read(Line::new().seconds(128_049_000_000)), "128.0");
        assert_eq!(read(Line::new().micros(7_000_123_999)), "7.000123");
        assert_eq!(read(Line::new().micros(0)), "0.000000");
        assert_eq!(read(Line::new().micros(999_999_000)), "0.999999");
        assert_eq!(read(Line::new().hex(0xc0).text(" ").hex(9)), "0xc0 0x09");
    }

    #[test]
    fn text_is_cut_at_the_length_and_made_printable() {
        let long = "x".repeat(LENGTH + 9);
        assert_eq!(Line::new().text(&long).as_bytes().len(), LENGTH);
        assert_eq!(read(Line::new().name(b"watch\x07dogd\0rest")), "watch?dogd");
    }
}
