// SPDX-License-Identifier: BSD-2-Clause
//! The BMC's pre-timeout as a non-maskable interrupt. Touches no lock and no state behind one.

use super::published::Published;
use crate::atomic::Ordering::SeqCst;
use crate::kernel::Kernel;
use crate::polled::Seized;
use crate::time::{MS, SEC};
use crate::transport::Failure;
use crate::wire::interface::Kind;
use crate::wire::{completion, device, DriverReply};

/// The pre-timeout interrupt that is an NMI, in bits 6:4 of the timer actions (section 27.6).
const PRETIMEOUT_NMI: u8 = 2;
/// What asking the BMC about it may cost.
const ASKING: u64 = 50 * MS;
/// So much sooner than by the host's clock the BMC may reach its pre-timeout.
const EARLY: u64 = SEC;
/// All processors have had their NMI so soon after the first.
const SPREAD: u64 = SEC;

/// The BMC's pre-timeout as an NMI: is this one its, and is the host in trouble? It is taken to be
/// its if it says so, or if it cannot be asked and the pre-timeout is due. Takes no lock: an NMI
/// may have interrupted its holder.
pub fn nmi<K: Kernel>(kernel: &K) -> Nmi {
    let (shared, now) = (kernel.shared(), kernel.now().nanos().max(1));
    let published = Published::read(&shared.watchdog);
    let ahead = now.saturating_add(EARLY) < published.pretimeout_from;
    if published.interrupt & 7 != PRETIMEOUT_NMI || ahead {
        return Nmi::Foreign;
    }
    // It comes on every processor: one of them asks for all, for as long as it may take.
    let last = shared.nmi_at.load(SeqCst);
    let asked = last != 0 && now.saturating_sub(last) < SPREAD;
    if asked
        || shared
            .nmi_at
            .compare_exchange(last, now, SeqCst, SeqCst)
            .is_err()
    {
        return Nmi::Healthy;
    }
    if !is_pretimeout(kernel) {
        shared.nmi_at.store(0, SeqCst);
        return Nmi::Foreign;
    }
    shared.nmi_untold.store(true, SeqCst);
    match now < published.healthy_until {
        true => Nmi::Healthy,
        false => Nmi::Trouble,
    }
}

/// Does the BMC say that it reached its pre-timeout, or can it not be asked?
fn is_pretimeout<K: Kernel>(kernel: &K) -> bool {
    let mut reply = DriverReply::EMPTY;
    let asked = match kernel.interface() {
        // Its bus sleeps.
        Kind::Ssif => Err(Failure::Unusable),
        _ => Seized::in_nmi(kernel).transact(&device::message_flags(), &mut reply, ASKING),
    };
    match asked {
        Ok(()) if reply.completion() == completion::OK => {
            let flags = reply.data().first().copied().unwrap_or(0);
            flags & device::PRETIMEOUT != 0
        }
        _ => true,
    }
}

/// What an NMI was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nmi {
    /// Somebody else's.
    Foreign,
    /// The BMC's pre-timeout, on a host that pats: the BMC is slow.
    Healthy,
    /// The BMC's pre-timeout, on a host that does not pat.
    Trouble,
}
