// SPDX-License-Identifier: BSD-2-Clause
//! A bell at the door of a machine on the real clock: other host threads ring it so that the
//! machine comes back from its run and hears what they want; must not know what that is.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Rings until it is heard. Clones are the same bell.
#[derive(Clone, Default)]
pub struct Bell(Arc<(Mutex<bool>, Condvar)>);

impl Bell {
    /// Ends the machine's run, or its next one.
    pub fn ring(&self) {
        *self.rung() = true;
        self.0 .1.notify_all();
    }

    /// Waits for the bell; whether it rang, in which case it is silent again.
    pub(crate) fn rings_within(&self, patience: Duration) -> bool {
        let waited = self
            .0
             .1
            .wait_timeout_while(self.rung(), patience, |rung| !*rung);
        let (mut rung, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *rung)
    }

    fn rung(&self) -> MutexGuard<'_, bool> {
        self.0 .0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
