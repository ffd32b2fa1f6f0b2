// SPDX-License-Identifier: BSD-2-Clause
//! The console: lines with the time at which each began; must not know who prints.

use crate::machine::Machine;

/// One line, without its newline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleLine {
    /// Nanoseconds since boot.
    pub at: u64,
    pub text: String,
}

/// Everything printed so far.
#[derive(Default)]
pub struct Console {
    lines: Vec<ConsoleLine>,
    /// The line that has no newline yet, and when it began.
    partial: Vec<u8>,
    began: u64,
}

impl Console {
    pub fn print(&mut self, now: u64, text: &[u8]) {
        for &byte in text {
            if byte == b'\n' {
                self.end_line(now);
                continue;
            }
            if self.partial.is_empty() {
                self.began = now;
            }
            self.partial.push(byte);
        }
    }

    fn end_line(&mut self, now: u64) {
        let at = if self.partial.is_empty() {
            now
        } else {
            self.began
        };
        let text = String::from_utf8_lossy(&self.partial).into_owned();
        self.partial.clear();
        self.lines.push(ConsoleLine { at, text });
    }

    /// The complete lines.
    pub fn lines(&self) -> &[ConsoleLine] {
        &self.lines
    }
}

impl Machine {
    /// Everything printed so far, complete lines only.
    pub fn console(&self) -> Vec<ConsoleLine> {
        self.with(|k| k.sub.console.lines().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_carries_the_time_of_its_first_byte() {
        let mut console = Console::default();
        console.print(5, b"ipmi0: ");
        console.print(9, b"<KCS>\nnext");
        let first = ConsoleLine {
            at: 5,
            text: "ipmi0: <KCS>".into(),
        };
        assert_eq!(console.lines(), [first]);
        console.print(10, b"\n\n");
        let times: Vec<u64> = console.lines().iter().map(|l| l.at).collect();
        assert_eq!(times, [5, 9, 10]);
    }
}
