// SPDX-License-Identifier: BSD-2-Clause
//! watchdogd(8), with the ioctls of its generation. Must not know who answers.

use ipmi_kernel::Process;

use super::Log;
use crate::abi;
use crate::record::Pat;
use crate::scenario::{End, Watchdogd};
use crate::span::{Ns, MS, S};

/// The kernel's watchdog(9) interface: powers of two of nanoseconds up to 14, time since 15.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    PowersOfTwo,
    Time,
}

/// An open /dev/fido.
pub struct Dog<'p> {
    process: &'p Process,
    generation: Generation,
    fd: i32,
    log: Log,
    pretimeout: Ns,
}

impl<'p> Dog<'p> {
    pub fn open(process: &'p Process, generation: Generation, log: &Log) -> Result<Dog<'p>, i32> {
        let fd = process.open("/dev/fido")?;
        Ok(Dog {
            process,
            generation,
            fd,
            log: log.clone(),
            pretimeout: 0,
        })
    }

    /// watchdogd's life from `-t` to SIGTERM.
    pub fn guard(&mut self, options: &Watchdogd) {
        self.set_int(abi::WD_SETSOFT, 0);
        self.pat(options.timeout);
        if options.pretimeout > 0 {
            self.set_pretimeout(options);
        }
        self.pat(options.timeout);
        let (ends, how) = options.ends.unwrap_or((Ns::MAX, End::Hangs));
        loop {
            let next = self.process.now() + options.every;
            self.process
                .sleep(options.every.min(ends.saturating_sub(self.process.now())));
            if next > ends {
                break;
            }
            self.pat(options.timeout);
        }
        if how == End::Exits {
            self.pat(0);
        }
    }

    /// Pats for that countdown, or disarms with 0. The errno that userland sees, 0 for success.
    pub fn pat(&self, timeout: Ns) -> i32 {
        let at = self.process.now();
        let rounded = self.rounded(timeout);
        let index = {
            let mut log = self.log.borrow_mut();
            log.asked.push((at, timeout > 0));
            let pretimeout = if self.pretimeout < rounded {
                self.pretimeout
            } else {
                0
            };
            log.pats.push(Pat {
                at,
                timeout: rounded,
                pretimeout,
                returned: None,
            });
            log.pats.len() - 1
        };
        let error = match self.generation {
            Generation::PowersOfTwo => {
                let active = if timeout > 0 { abi::WD_ACTIVE } else { 0 };
                self.set_int(abi::WD_PATPAT_14, power(timeout) | active)
            }
            Generation::Time => self.set_time(abi::WD_SETTIMEOUT, timeout),
        };
        self.log.borrow_mut().pats[index].returned = Some((self.process.now(), error));
        error
    }

    fn set_pretimeout(&mut self, options: &Watchdogd) {
        self.pretimeout = options.pretimeout;
        let error = match self.generation {
            Generation::PowersOfTwo => {
                self.set_int(abi::WD_SETPRETIMEOUT_14, (options.pretimeout / S) as u32)
            }
            Generation::Time => self.set_time(abi::WD_SETPRETIMEOUT, options.pretimeout),
        };
        if error != 0 {
            let words = format!("watchdogd could not set the pretimeout: errno {error}");
            self.log.borrow_mut().disappointments.push(words);
        }
        self.set_int(abi::WD_SETPRETIMEOUTACT, options.action);
    }

    /// The countdown that this generation makes of a timeout.
    fn rounded(&self, timeout: Ns) -> Ns {
        match self.generation {
            Generation::PowersOfTwo if timeout > 0 => 1 << power(timeout),
            _ => timeout,
        }
    }

    fn set_int(&self, cmd: u64, value: u32) -> i32 {
        self.process.ioctl(self.fd, cmd, &mut value.to_le_bytes())
    }

    fn set_time(&self, cmd: u64, value: Ns) -> i32 {
        self.process
            .ioctl(self.fd, cmd, &mut abi::sbintime(value).to_le_bytes())
    }

    pub fn close(self) {
        self.process.close(self.fd);
    }
}

/// The least power of two of nanoseconds above `timeout`, as watchdogd computes it; 0 for never.
fn power(timeout: Ns) -> u32 {
    match timeout {
        0 => 0,
        _ => 64 - timeout.leading_zeros(),
    }
}

/// One of several threads that pat and disarm at once: arms, then disarms if told so.
pub fn crowd(process: &Process, generation: Generation, log: &Log, timeout: Ns, disarms: bool) {
    let Ok(dog) = Dog::open(process, generation, log) else {
        return;
    };
    dog.pat(timeout);
    process.sleep(MS);
    if disarms {
        dog.pat(0);
    }
    dog.close();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_round_up_to_powers_as_watchdogd_does() {
        assert_eq!(power(128 * S), 37);
        assert_eq!(power(69 * S), 37);
        assert_eq!(power(0), 0);
    }
}
