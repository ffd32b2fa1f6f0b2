// SPDX-License-Identifier: BSD-2-Clause
//! What the scheduler knows of one thread; must not know when it runs.

use crate::arch::border;
use crate::arch::pcpu::Crossing;
use crate::arch::stack::Stacks;
use crate::locks::{self, Held};

use super::{Role, Tid, Wake};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Waits for a processor only.
    Ready,
    Running,
    /// Keeps a processor busy until an event.
    Busy,
    /// Has been woken or has lost its processor; becomes ready by an event.
    Pending,
    Blocked,
    Dead,
}

pub type Body = Box<dyn FnOnce()>;

pub struct Thread {
    pub tid: Tid,
    pub name: String,
    pub role: Role,
    /// It is ending, and never comes back to the module that started it.
    pub exiting: bool,
    pub state: State,
    /// `None` once the thread is dead and another one has reused them.
    pub stacks: Option<Stacks>,
    pub sp: u64,
    pub crossing: Crossing,
    pub body: Option<Body>,
    /// Counts state changes, so that an event meant for an earlier state is stale.
    pub epoch: u32,
    pub chan: u64,
    pub wmesg: &'static str,
    pub interruptible: bool,
    /// Why the last wait ended.
    pub wake: Wake,
    pub interrupted: bool,
    /// Reasons why sleeping is forbidden, innermost last.
    pub no_sleep: Vec<&'static str>,
    /// Locks held, in the order in which they were taken.
    pub held: Vec<Held>,
    /// The functions by which module code was entered, outermost first.
    pub entered: Vec<u64>,
    /// Nanoseconds spent on a processor.
    pub busy: u64,
    /// Scheduling points since it last delayed or waited.
    pub steps: u32,
    /// Must unwind as soon as it runs again.
    pub killed: bool,
}

impl Thread {
    pub fn new(
        tid: Tid,
        name: &str,
        role: Role,
        body: Body,
        entry: extern "C" fn() -> !,
    ) -> Thread {
        let stacks = Stacks::new();
        // SAFETY: the stacks are new and ours.
        let sp = unsafe { border::prepare(stacks.host_top(), entry) };
        let crossing = Crossing {
            module_sp: stacks.module_top(),
            ..Crossing::default()
        };
        let mut thread = Thread::bare(tid, name, role);
        thread.stacks = Some(stacks);
        thread.sp = sp;
        thread.crossing = crossing;
        thread.body = Some(body);
        thread
    }

    /// A thread without stacks: the host's own.
    pub fn bare(tid: Tid, name: &str, role: Role) -> Thread {
        Thread {
            tid,
            name: name.to_string(),
            role,
            state: State::Blocked,
            stacks: None,
            sp: 0,
            crossing: Crossing::default(),
            body: None,
            exiting: false,
            epoch: 0,
            chan: 0,
            wmesg: "",
            interruptible: false,
            wake: Wake::Woken,
            interrupted: false,
            no_sleep: vec![],
            held: vec![],
            entered: vec![],
            busy: 0,
            steps: 0,
            killed: false,
        }
    }

    pub fn set(&mut self, state: State) {
        self.state = state;
        self.epoch = self.epoch.wrapping_add(1);
    }

    /// The lock that it waits for.
    pub fn waits_for(&self) -> Option<u64> {
        let blocked = self.state == State::Blocked;
        blocked.then(|| locks::of_chan(self.chan)).flatten()
    }

    pub fn struct_thread(&self) -> u64 {
        self.stacks.as_ref().map_or(0, Stacks::struct_thread)
    }
}
