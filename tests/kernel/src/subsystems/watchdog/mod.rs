// SPDX-License-Identifier: BSD-2-Clause
//! watchdog(9) of both kinds: pats handed to the handlers, the pretimeout re-armed after they
//! returned, and a record of every pat; must not know what hardware the handlers have.

pub mod api;
pub mod fido;
pub mod pretimeout;
pub mod software;

use crate::args::{Args, Import};
use crate::call;
use crate::imports::Datum;
use crate::layout::Generation;
use crate::mem;
use crate::sched::{self, Timer};
use crate::subsystems::time::{ns_to_sbt, sbt_to_ns, NS_PER_S, SBT_1S};
use crate::subsystems::{errno, eventhandler};
use crate::with;

/// Use the timeout of the last pat.
pub const WD_LASTVAL: u32 = 0x0200_0000;
/// Bits that hold the timeout, a power of two of nanoseconds.
pub const WD_INTERVAL: u32 = 0x0000_00ff;
/// Actions of a pretimeout, `WD_SOFT_*`.
pub const SOFT_PANIC: u32 = 1;
pub const SOFT_DDB: u32 = 2;
pub const SOFT_LOG: u32 = 4;
pub const SOFT_PRINTF: u32 = 8;

/// One pat as it was handed to the handlers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pat {
    /// When it began, in nanoseconds since boot.
    pub at: u64,
    /// The timeout asked for in nanoseconds, 0 to switch off.
    pub timeout_ns: u64,
    /// Until the last handler returned.
    pub latency_ns: u64,
    /// What the handlers made of it; 0 is success.
    pub error: i32,
}

/// The state of watchdog(9).
pub struct Watchdog {
    /// The last timeout: as a power of two, and in 15 exactly.
    last_pow2: u32,
    last_sbt: i64,
    /// How long before the timeout the callout fires; 0 for never.
    pretimeout: i64,
    pretimeout_action: u32,
    /// WDIOC_SETSOFT: a callout of the kernel instead of the handlers.
    use_soft: bool,
    /// No pat has come yet.
    first: bool,
    /// Uptime in seconds of the last good pat.
    last_pat: Option<u64>,
    pretimeout_timer: Option<Timer>,
    soft_timer: Option<Timer>,
    software: software::Software,
    /// Whether this kernel lets handlers veto a pretimeout.
    has_pretimeout_list: bool,
    pats: Vec<Pat>,
    fired: Vec<u64>,
    /// The values behind `hw.watchdog`, in kernel memory.
    shown: u64,
}

impl Default for Watchdog {
    fn default() -> Watchdog {
        Watchdog {
            last_pow2: 0,
            last_sbt: 0,
            pretimeout: 0,
            pretimeout_action: SOFT_LOG,
            use_soft: false,
            first: true,
            last_pat: None,
            pretimeout_timer: None,
            soft_timer: None,
            software: software::Software::default(),
            has_pretimeout_list: false,
            pats: vec![],
            fired: vec![],
            shown: 0,
        }
    }
}

fn state<R>(f: impl FnOnce(&mut Watchdog) -> R) -> R {
    with(|k| f(&mut k.sub.watchdog))
}

/// Whether timeouts are exact; before 15 they are powers of two.
fn is_exact() -> bool {
    with(|k| k.generation) >= Generation::Fifteen
}

/// wdog_kern_pat(9).
pub fn pat(utim: u32) -> i32 {
    if utim & WD_LASTVAL != 0 && utim & WD_INTERVAL > 0 {
        return errno::EINVAL;
    }
    let again = utim & WD_LASTVAL != 0;
    match (is_exact(), again) {
        (false, _) => pat_pow2(utim & WD_INTERVAL, again),
        // wdog_control() loses the handlers' answer.
        (true, true) => {
            pat_sbt(state(|w| w.last_sbt));
            0
        }
        (true, false) => pat_sbt(shifted(utim & WD_INTERVAL)),
    }
}

/// What 15 makes of a power of two: `nstosbt(1 << utim)` in 32 bits, as the processor shifts.
fn shifted(utim: u32) -> i64 {
    match utim {
        0 => 0,
        _ => ns_to_sbt(i64::from(1i32.wrapping_shl(utim))),
    }
}

/// Through the handlers as before 15. `again` repeats the last timeout.
fn pat_pow2(pow2: u32, again: bool) -> i32 {
    let pow2 = state(|w| {
        if !again {
            w.last_pow2 = pow2;
        }
        w.last_pow2
    });
    show(if pow2 == 0 {
        0
    } else {
        (1u64 << pow2.min(63)) / NS_PER_S
    });
    let timeout = match pow2 {
        0 => 0,
        _ => 1u64.wrapping_shl(pow2),
    };
    run(timeout, pow2, None)
}

/// Through the handlers as of 15: first the exact list, then the other.
pub fn pat_sbt(sbt: i64) -> i32 {
    let pow2 = match sbt {
        0 => 0,
        _ => 64 - sbt_to_ns(sbt).leading_zeros(),
    };
    let changed = state(|w| {
        let changed = w.last_sbt != sbt;
        if changed {
            (w.last_pow2, w.last_sbt) = (pow2, sbt);
        }
        changed
    });
    if changed {
        show((sbt / SBT_1S) as u64);
    }
    run(sbt_to_ns(sbt).max(0) as u64, pow2, Some(sbt))
}

/// One pat, recorded.
fn run(timeout_ns: u64, pow2: u32, sbt: Option<i64>) -> i32 {
    let at = sched::now();
    let mut error = if pow2 == 0 { 0 } else { errno::EOPNOTSUPP };
    if state(|w| w.use_soft) {
        pretimeout::arm_soft(timeout_ns);
        error = 0;
    } else {
        error = ask_handlers(error, pow2, sbt);
    }
    let first = state(|w| std::mem::replace(&mut w.first, false));
    if error == errno::EOPNOTSUPP && first && software::attach() {
        error = ask_handlers(error, pow2, sbt);
    }
    let now = sched::now();
    let pat = Pat {
        at,
        timeout_ns,
        latency_ns: now - at,
        error,
    };
    state(|w| w.pats.push(pat));
    pretimeout::rearm();
    if error == 0 {
        state(|w| w.last_pat = Some(now / NS_PER_S));
    }
    error
}

fn ask_handlers(error: i32, pow2: u32, sbt: Option<i64>) -> i32 {
    let answer = mem::kalloc(16, "watchdog answer");
    let real = answer + 8;
    mem::write(answer, error);
    if let Some(sbt) = sbt {
        eventhandler::invoke("watchdog_sbt_list", &[sbt as u64, real, answer]);
    }
    eventhandler::invoke("watchdog_list", &[u64::from(pow2), answer]);
    let error = mem::read(answer);
    mem::kfree(answer);
    error
}

/// Updates what `hw.watchdog` shows.
fn show(seconds: u64) {
    let (shown, pow2, sbt) = state(|w| (w.shown, w.last_pow2, w.last_sbt));
    if shown != 0 {
        mem::write(shown, pow2);
        mem::write(shown + 4, seconds as u32);
        mem::write(shown + 8, sbt);
    }
}

fn wdog_kern_pat(args: &Args) -> u64 {
    pat(args.u32(0)) as u64
}

fn wdog_kern_pat_sbt(args: &Args) -> u64 {
    pat_sbt(args.i64(0)) as u64
}

fn wdog_kern_last_timeout(_args: &Args) -> u64 {
    u64::from(state(|w| w.last_pow2))
}

fn wdog_kern_last_timeout_sbt(_args: &Args) -> u64 {
    state(|w| w.last_sbt) as u64
}

pub fn tables() -> Vec<&'static [(&'static str, Import)]> {
    const OWN: &[(&str, Import)] = &[
        ("wdog_kern_pat", wdog_kern_pat),
        ("wdog_kern_pat_sbt", wdog_kern_pat_sbt),
        ("wdog_kern_last_timeout", wdog_kern_last_timeout),
        ("wdog_kern_last_timeout_sbt", wdog_kern_last_timeout_sbt),
    ];
    vec![OWN, fido::table()]
}

pub fn data() -> &'static [Datum] {
    &[Datum {
        name: "wdog_software_attach",
        size: 8,
        init: |at| mem::write(at, 0u64),
    }]
}

/// Makes /dev/fido and `hw.watchdog`.
pub fn boot() {
    fido::boot();
}

/// Calls the hook that a module may have left to attach a software watchdog.
fn module_software_attach() -> bool {
    let hook: u64 = mem::read(crate::imports::datum("wdog_software_attach"));
    if hook != 0 {
        call::module(hook, &[]);
    }
    hook != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_pat_of_two_seconds_or_more_arrives_wrong_in_15() {
        assert_eq!(shifted(30), ns_to_sbt(1 << 30));
        assert!(shifted(31) < 0);
        assert_eq!(shifted(37), ns_to_sbt(1 << 5));
    }
}
