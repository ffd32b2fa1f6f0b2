// SPDX-License-Identifier: BSD-2-Clause
//! Broken kernel rules: where they are reported and kept; must not know how they are found.

use std::panic;

use crate::kernel::{with, Kernel};
use crate::machine::Stop;
use crate::sched::{Killed, HOST};

/// Which rule was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Sleeping with a mutex held, or in a context that must not sleep.
    Sleep,
    /// Two locks taken in both orders.
    LockOrder,
    /// A lock taken again by its owner, or released by somebody else.
    LockUse,
    /// An object used before it was initialised or after it was destroyed.
    Lifetime,
    /// Memory touched outside its bounds or after it was freed, or freed twice.
    Memory,
    /// The 16 KiB kernel stack was not enough.
    StackOverflow,
    /// Something outlived the module or the device that made it.
    Leak,
    /// A callout, taskqueue or thread ran after it was drained.
    AfterDrain,
    /// An interface called in a way its manual page forbids.
    Misuse,
    /// The module executed an undefined instruction, divided by zero or called `panic`.
    Trap,
    /// A thread that runs for ever while time stands still.
    Livelock,
}

/// One broken rule.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Virtual nanoseconds since boot.
    pub at: u64,
    pub kind: Kind,
    /// In words, with the module's functions symbolised.
    pub text: String,
}

/// After so many the rest is noise.
const MOST: usize = 100;

impl Kernel {
    fn report(&mut self, kind: Kind, text: String) {
        if self.violations.len() < MOST {
            let thread = self.current_mut().name.clone();
            let place = self.backtrace();
            let at = self.sched.clock.last();
            let text = format!("{text} [thread {thread}{place}]");
            self.violations.push(Violation { at, kind, text });
        }
    }

    /// How the running thread came here: `, in f+0x10 < g+0x20`, empty outside module code.
    fn backtrace(&self) -> String {
        let places: Vec<_> = self.callers().iter().map(|pc| self.symbol(*pc)).collect();
        match places.is_empty() {
            true => String::new(),
            false => format!(", in {}", places.join(" < ")),
        }
    }

    /// The module addresses to which the running thread will return, innermost first.
    fn callers(&self) -> Vec<u64> {
        const DEEPEST: usize = 8;
        let mut callers = vec![];
        let crossing = self.pcpu.crossing;
        let (mut pc, mut bp) = (crossing.caller, crossing.module_bp);
        let stacks = self.thread(self.sched.current).stacks.as_ref();
        while self.image_at(pc).is_some() && callers.len() < DEEPEST {
            callers.push(pc);
            if !stacks.is_some_and(|s| s.in_module(bp) && s.in_module(bp + 8)) {
                break;
            }
            // SAFETY: both words are in the running thread's module stack.
            unsafe {
                pc = *((bp + 8) as *const u64);
                bp = *(bp as *const u64);
            }
        }
        callers
    }

    /// The module address on whose behalf the kernel works, to tell whose something new is. A
    /// tail call leaves no return address; then it is the function that was entered.
    pub(crate) fn site(&self) -> u64 {
        let entered = self
            .thread(self.sched.current)
            .entered
            .iter()
            .rev()
            .copied();
        let mut all = self.callers().into_iter().chain(entered);
        all.find(|pc| self.image_at(*pc).is_some()).unwrap_or(0)
    }
}

/// Reports a broken rule after which the kernel can go on.
pub fn violation(kind: Kind, text: impl Into<String>) {
    let text = text.into();
    with(|k| k.report(kind, text));
}

/// Reports a broken rule after which nothing can be trusted: the run ends here.
pub fn fatal(kind: Kind, text: impl Into<String>) -> ! {
    let text = text.into();
    let current = with(|k| {
        k.report(kind, text.clone());
        k.end(Stop::Violation);
        k.sched.current
    });
    assert_ne!(current, HOST, "{kind:?} on the host: {text}");
    panic::resume_unwind(Box::new(Killed))
}

/// `function+offset` of a module address, for messages.
pub fn symbol(address: u64) -> String {
    with(|k| k.symbol(address))
}
