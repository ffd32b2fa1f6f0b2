// SPDX-License-Identifier: BSD-2-Clause
//! Interrupts of the hardware, delivered on a thread of their own that must not sleep; must not
//! know who handles them.

use std::collections::VecDeque;

use super::{block_unchecked, Role, Wait};
use crate::kernel::{with, Kernel};
use crate::machine::HwEvent;
use crate::subsystems;

#[derive(Default)]
pub struct Interrupts {
    posted: VecDeque<HwEvent>,
    chan: u64,
}

impl Kernel {
    pub(super) fn start_interrupts(&mut self) {
        self.sched.interrupts.chan = self.fresh_chan();
        self.spawn("intr", Role::Interrupt, Box::new(serve));
    }

    /// A stopped kernel runs with interrupts disabled: they are lost on it.
    pub(crate) fn post_interrupt(&mut self, event: HwEvent) {
        if self.sched.is_stopped() {
            return;
        }
        self.sched.interrupts.posted.push_back(event);
        self.look_at_interrupts();
    }

    /// Makes the interrupt thread look whether there is something to do.
    pub(crate) fn look_at_interrupts(&mut self) {
        let chan = self.sched.interrupts.chan;
        self.wake_at_once(chan);
    }
}

fn serve() {
    let chan = with(|k| k.sched.interrupts.chan);
    loop {
        match with(|k| k.sched.interrupts.posted.pop_front()) {
            Some(HwEvent::Irq(line, level)) => subsystems::interrupt(line, level),
            Some(HwEvent::Nmi) => subsystems::nmi(),
            Some(_) => {}
            None if subsystems::held_interrupts() => {}
            None => {
                block_unchecked(
                    chan,
                    Wait {
                        wmesg: "-",
                        ..Wait::default()
                    },
                );
            }
        }
    }
}
