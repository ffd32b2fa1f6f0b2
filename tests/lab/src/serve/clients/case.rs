// SPDX-License-Identifier: BSD-2-Clause
//! One call of a program and what it must print. Must not know which BMC answers.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::serve::preload;

/// A program that takes longer hangs, in seconds.
const HANGS: &str = "120";

/// A call and the lines that must be among its output, with their spaces squeezed.
#[derive(Clone, Debug)]
pub struct Case {
    pub command: String,
    pub says: Vec<String>,
    /// The program must end well, or, as the BMC cannot do it, must not; `None` where how it ends is
    /// chance.
    pub succeeds: Option<bool>,
    /// To wait before.
    pub after: Duration,
}

/// What came of a call.
#[derive(Clone, Debug)]
pub struct Answer {
    pub took: Duration,
    pub succeeded: bool,
    /// Standard output, then standard error, spaces squeezed.
    pub lines: Vec<String>,
}

impl Case {
    pub fn new(command: &str, says: &[&str]) -> Case {
        Case {
            command: command.into(),
            says: says.iter().map(|line| line.to_string()).collect(),
            succeeds: Some(true),
            after: Duration::ZERO,
        }
    }

    /// A call that the BMC refuses in these words.
    pub fn refused(command: &str, says: &[&str]) -> Case {
        Case {
            succeeds: Some(false),
            ..Case::new(command, says)
        }
    }

    /// A call whose words alone count.
    pub fn of_any_end(command: &str, says: &[&str]) -> Case {
        Case {
            succeeds: None,
            ..Case::new(command, says)
        }
    }

    /// Why the answer is wrong, if it is.
    pub fn judge(&self, answer: &Answer) -> Option<String> {
        let missing = self
            .says
            .iter()
            .find(|words| !answer.lines.iter().any(|line| line.contains(*words)));
        let ends = self.succeeds.is_none_or(|well| answer.succeeded == well);
        match (ends, missing) {
            (false, _) => Some(format!("ends wrongly: {}", answer.lines.join(" / "))),
            (true, Some(words)) => Some(format!(
                "does not say {words:?} but: {}",
                answer.lines.join(" / ")
            )),
            (true, None) => None,
        }
    }
}

/// Where programs find the device and keep what they remember.
pub struct Room<'r> {
    pub socket: &'r Path,
    /// FreeIPMI keeps its copy of the sensors there, what `CACHE` in a command line stands for.
    pub cache: &'r Path,
}

impl Room<'_> {
    /// Runs a case when its time has come.
    pub fn try_out(&self, case: &Case) -> Result<Answer> {
        std::thread::sleep(case.after);
        self.run(&case.command)
    }

    /// Runs a command line, words between blanks.
    pub fn run(&self, line: &str) -> Result<Answer> {
        let mut command = Command::new("timeout");
        let line = line.replace("CACHE", &self.cache.display().to_string());
        command.arg(HANGS).args(line.split_whitespace());
        command.env("TZ", "UTC");
        preload::lead(&mut command, self.socket)?;
        let started = Instant::now();
        let output = command
            .output()
            .with_context(|| format!("cannot run {line}"))?;
        Ok(Answer {
            took: started.elapsed(),
            succeeded: output.status.success(),
            lines: lines(&output),
        })
    }
}

fn lines(output: &Output) -> Vec<String> {
    let squeeze = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    [&output.stdout, &output.stderr]
        .into_iter()
        .flat_map(|bytes| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            text.lines().map(squeeze).collect::<Vec<_>>()
        })
        .filter(|line| !line.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(succeeded: bool, lines: &[&str]) -> Answer {
        Answer {
            took: Duration::ZERO,
            succeeded,
            lines: lines.iter().map(|line| line.to_string()).collect(),
        }
    }

    #[test]
    fn every_line_and_success_are_asked_for() {
        let case = Case::new("true", &["Device ID : 32", "IPMI Version : 2.0"]);
        let all = ["Device ID : 32", "IPMI Version : 2.0"];
        assert_eq!(case.judge(&answer(true, &all)), None);
        assert!(case.judge(&answer(false, &all)).is_some());
        let wrong = case
            .judge(&answer(true, &all[..1]))
            .expect("a line is missing");
        assert!(wrong.contains("IPMI Version"), "{wrong}");
    }
}
