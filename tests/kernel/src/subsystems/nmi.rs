// SPDX-License-Identifier: BSD-2-Clause
//! Non-maskable interrupts: handlers may claim one, and one that nobody claims is a panic; must
//! not know what causes them.

use crate::args::{Args, Import};
use crate::call;
use crate::check::{fatal, Kind};
use crate::layout::Generation;
use crate::machine::{HwEvent, Machine};
use crate::mem;
use crate::sched;
use crate::subsystems::{printf, shutdown};
use crate::with;

/// sizeof(struct trapframe) and more; handlers are only shown where it is.
const FRAME_LEN: usize = 256;
/// How often removal looks whether the handler has returned.
const SPIN_NS: u64 = 1_000;

/// Who wants to hear of them.
#[derive(Default)]
pub struct Nmi {
    pub handlers: Vec<u64>,
    /// The handler that runs.
    running: Option<u64>,
}

impl Nmi {
    /// Does a handler run?
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Marks `handler` as running, if it is still there.
    fn begin(&mut self, handler: u64) -> bool {
        self.running = self.handlers.contains(&handler).then_some(handler);
        self.running.is_some()
    }
}

/// The hardware sent one; runs on the interrupt thread. Every handler hears of it.
pub fn arrived() {
    let frame = mem::kalloc(FRAME_LEN, "struct trapframe");
    let mut claimed = false;
    for handler in with(|k| k.sub.nmi.handlers.clone()) {
        if with(|k| k.sub.nmi.begin(handler)) {
            claimed |= call::module(handler, &[frame]) as i32 != 0;
            with(|k| k.sub.nmi.running = None);
        }
    }
    mem::kfree(frame);
    if !claimed {
        printf::console("NMI ISA 0, EISA 0\n");
        shutdown::panic("NMI");
    }
}

fn nmi_register_handler(args: &Args) -> u64 {
    let handler = args.u64(0);
    with(|k| k.sub.nmi.handlers.push(handler));
    0
}

fn nmi_remove_handler(args: &Args) -> u64 {
    let handler = args.u64(0);
    let known = with(|k| {
        let known = k.sub.nmi.handlers.contains(&handler);
        k.sub.nmi.handlers.retain(|h| *h != handler);
        known
    });
    if !known {
        fatal(
            Kind::Misuse,
            "nmi_remove_handler: attempting to remove an unregistered NMI handler",
        );
    }
    while with(|k| k.sub.nmi.running == Some(handler)) {
        sched::spend(SPIN_NS);
    }
    0
}

impl Machine {
    /// An NMI from somewhere else than the hardware that was handed in.
    pub fn nmi(&mut self) {
        self.with(|k| k.post_interrupt(HwEvent::Nmi));
    }

    /// Whether drivers may have handlers on this kernel: from FreeBSD 15 on.
    pub fn claims_nmis(&mut self) -> bool {
        self.with(|k| k.generation) >= Generation::Fifteen
    }
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("nmi_register_handler", nmi_register_handler),
        ("nmi_remove_handler", nmi_remove_handler),
    ]
}
