// SPDX-License-Identifier: BSD-2-Clause
//! What a module has left behind when it is unloaded, as far as threads, memory and locks go;
//! must not know subsystems.

use std::collections::BTreeMap;

use crate::check::{violation, Kind};
use crate::kernel::{with, Kernel};
use crate::sched::{Role, State};

/// Reports everything that image `id` made and did not undo. To be called before it is unmapped.
pub fn check(id: u32) {
    for text in with(|k| k.left_behind(id)) {
        violation(Kind::Leak, text);
    }
}

impl Kernel {
    fn left_behind(&self, id: u32) -> Vec<String> {
        let Some(image) = self.images.iter().find(|image| image.id == id) else {
            return vec![];
        };
        let mut left = vec![];
        for thread in &self.sched.threads {
            // One that has not run yet may be anybody's.
            let own = thread.entered.first().is_none_or(|at| image.contains(*at));
            let gone = thread.exiting || thread.state == State::Dead;
            if thread.role == Role::Module && !gone && own {
                left.push(format!("thread {} still exists", thread.name));
            }
        }
        let mut memory: BTreeMap<(&str, u64), (usize, usize)> = BTreeMap::new();
        for block in self
            .malloc
            .owned()
            .filter(|block| image.contains(block.site))
        {
            let entry = memory
                .entry((block.kind, block.site - image.region.base()))
                .or_default();
            *entry = (entry.0 + 1, entry.1 + block.len);
        }
        for ((kind, offset), (count, bytes)) in memory {
            let site = self.symbol(image.region.base() + offset);
            left.push(format!(
                "{count} allocations of type {kind}, {bytes} bytes, made at {site}"
            ));
        }
        left.extend(
            self.locks
                .made_in(image)
                .into_iter()
                .map(|name| format!("lock {name} not destroyed")),
        );
        for (name, site) in self.condvars.values() {
            if image.contains(*site) {
                left.push(format!("condition variable {name} not destroyed"));
            }
        }
        let callouts = self.callouts.calling(image);
        if callouts > 0 {
            left.push(format!("{callouts} callouts still scheduled"));
        }
        left
    }
}
