// SPDX-License-Identifier: BSD-2-Clause
//! watchdogd(8) and others that pat through /dev/fido. Must not know who answers.

use ipmi_kernel::Process;

use super::{rest, Log};
use crate::record::Pat;
use crate::scenario::{End, Watchdogd};
use crate::span::{Ns, S};

/// An open /dev/fido.
pub struct Dog<'p> {
    process: &'p Process,
    fd: i32,
    log: Log,
    pretimeout: Ns,
}

impl<'p> Dog<'p> {
    pub fn open(process: &'p Process, log: &Log) -> Result<Dog<'p>, i32> {
        let fd = process.open("/dev/fido")?;
        let log = log.clone();
        Ok(Dog {
            process,
            fd,
            log,
            pretimeout: 0,
        })
    }

    /// watchdogd's life from its start to its end.
    pub fn guard(&mut self, options: &Watchdogd) {
        self.pat(options.timeout);
        if options.pretimeout > 0 {
            self.set_pretimeout(options);
        }
        self.pat(options.timeout);
        let (ends, how) = options.ends.unwrap_or((Ns::MAX, End::Hangs));
        loop {
            let left = ends.saturating_sub(self.process.now());
            rest(self.process, options.every.min(left));
            if left <= options.every {
                break;
            }
            self.pat(options.timeout);
        }
        if how == End::Exits {
            self.pat(0);
        }
    }

    /// Pats for that countdown, or disarms with 0. The errno that userland sees, 0
    /// for success.
    pub fn pat(&self, timeout: Ns) -> i32 {
        let at = self.process.now();
        let index = {
            let mut log = self.log.borrow_mut();
            log.asked.push((at, timeout > 0));
            log.pats.push(Pat {
                at,
                timeout,
                margin: 0,
                pretimeout: self.pretimeout,
                returned: None,
            });
            log.pats.len() - 1
        };
        let result = self.process.pat(self.fd, timeout);
        let error = result.err().unwrap_or(0);
        self.log.borrow_mut().pats[index].returned = Some((self.process.now(), error));
        error
    }

    fn set_pretimeout(&mut self, options: &Watchdogd) {
        let seconds = (options.pretimeout / S) as u32;
        match self
            .process
            .set_pretimeout(self.fd, seconds, options.action)
        {
            Ok(()) => self.pretimeout = options.pretimeout,
            Err(error) => {
                let words = format!("watchdogd could not set the pretimeout: errno {error}");
                self.log.borrow_mut().disappointments.push(words);
            }
        }
    }
}
