// SPDX-License-Identifier: BSD-2-Clause
//! What a trap of module code means: a register access goes to the hardware, everything else is
//! a violation in words; must not know devices.

use crate::arch::spin;
use crate::arch::trap::{Frame, RSP};
use crate::check::{fatal, Kind};
use crate::imports;
use crate::kernel::{with, Kernel};
use crate::registers;

/// The first pages are never mapped: a null pointer with an offset.
const NULL_PAGES: u64 = 0x1_0000;

/// Handles a trap on the host stack of the thread. Returns to let the module go on with the
/// registers in the frame.
pub fn handle(frame: &mut Frame) {
    if frame.signal == libc::SIGSEGV as u64 && registers::access(frame) {
        return;
    }
    let (kind, text) = with(|k| k.explain(frame));
    fatal(kind, text)
}

/// What is at `address`, in words.
pub fn describe(address: u64) -> String {
    with(|k| k.describe(address))
}

impl Kernel {
    fn explain(&self, frame: &Frame) -> (Kind, String) {
        let place = self.symbol(frame.rip);
        match frame.signal as libc::c_int {
            libc::SIGILL => (Kind::Trap, format!("undefined instruction at {place}")),
            libc::SIGFPE => (Kind::Trap, format!("division fault at {place}")),
            spin::SIGNAL => (
                Kind::Livelock,
                format!("code that loops for ever at {place}"),
            ),
            libc::SIGTRAP => (Kind::Trap, format!("breakpoint at {place}")),
            _ => self.explain_access(frame, place),
        }
    }

    fn explain_access(&self, frame: &Frame, place: String) -> (Kind, String) {
        let stacks = self.thread(self.sched.current).stacks.as_ref();
        let overflow = |at| stacks.is_some_and(|s| s.in_module_guard(at));
        // A large frame may reach over the guard page.
        let gone = stacks.is_some_and(|s| s.below_module(frame.regs[RSP]));
        if overflow(frame.address) || gone {
            return (
                Kind::StackOverflow,
                format!("kernel stack overflow at {place}"),
            );
        }
        let verb = match frame.error {
            e if e & 16 != 0 => "jump to",
            e if e & 2 != 0 => "write to",
            _ => "read of",
        };
        let what = self.describe(frame.address);
        (Kind::Memory, format!("{verb} {what} at {place}"))
    }

    /// See [`describe`]; usable while the kernel is borrowed.
    pub(crate) fn describe(&self, address: u64) -> String {
        let what = if address < NULL_PAGES {
            Some("a null pointer".to_string())
        } else if self.user.contains(address) {
            Some("user memory, without copyin or copyout".to_string())
        } else if let Some(text) = self.malloc.describe(address) {
            Some(text)
        } else if self.image_at(address).is_some() {
            Some(self.symbol(address))
        } else {
            let variable = self.globals.name_at(address);
            variable
                .or_else(|| imports::function_at(address))
                .map(|name| format!("the kernel's {name}"))
        };
        match what {
            Some(what) => format!("{what} ({address:#x})"),
            None => format!("wild address {address:#x}"),
        }
    }
}
