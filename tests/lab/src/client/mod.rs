// SPDX-License-Identifier: BSD-2-Clause
//! The processes of a run: what they do through /dev/ipmi0 and /dev/fido, and the log they keep.
//! Must not know what goes wrong nor what ought to be true.

mod administrator;
mod device;
mod sessions;
mod watchdogd;

pub use administrator::look_after;
pub use device::{Device, Reply};
pub use sessions::{flood, rest, use_bmc, watch_for, watch_for_node};
pub use watchdogd::Dog;

use std::cell::RefCell;
use std::rc::Rc;

use crate::record::{Look, Passage, Pat, Request};

/// What processes saw. Shared by all processes of one machine, which run one at a time.
#[derive(Debug, Default)]
pub struct Notes {
    pub pats: Vec<Pat>,
    pub requests: Vec<Request>,
    pub strays: u64,
    pub asked: Vec<(u64, bool)>,
    pub passages: Vec<Passage>,
    pub looks: Vec<Look>,
    pub disappointments: Vec<String>,
}

/// The shared notes. Borrowed for a moment only, never across a call into the kernel.
pub type Log = Rc<RefCell<Notes>>;
