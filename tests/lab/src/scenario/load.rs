// SPDX-License-Identifier: BSD-2-Clause
//! Who uses the machine in a scenario: watchdogd and the programs that ask the BMC things.
//! Must not know what goes wrong.

use super::plan::{Client, ClientKind, Watchdogd};
use crate::abi::WD_SOFT_PANIC;
use crate::dice::Dice;
use crate::span::{Ns, S};

/// When the machine is up: programs start from here on.
pub const UP: Ns = 3 * S;

/// The watchdogd of the appliance: 128 s, a pat every 10 s, a panic 30 s before the end.
pub fn watchdogd(dice: &mut Dice) -> Watchdogd {
    Watchdogd {
        starts: UP + dice.between(0, 10 * S),
        ends: None,
        timeout: 128 * S,
        every: 10 * S,
        pretimeout: 30 * S,
        action: WD_SOFT_PANIC,
    }
}

/// A few programs of an ordinary day, none of them in a hurry.
pub fn ordinary(dice: &mut Dice, stops: Ns) -> Vec<Client> {
    let count = dice.between(1, 4);
    (0..count)
        .map(|_| Client {
            kind: dice.pick(&[
                ClientKind::Ipmitool,
                ClientKind::FreeIpmi,
                ClientKind::Agent { queued: 4 },
            ]),
            starts: UP + dice.between(0, 10 * S),
            stops,
            pause: dice.between(2 * S, 15 * S),
            requests: dice.between(1, 12),
            seed: dice.seed(),
        })
        .collect()
}

/// Monitoring gone mad: several agents that queue hundreds of requests between them.
pub fn crowd(dice: &mut Dice, stops: Ns) -> Vec<Client> {
    let count = dice.between(4, 7);
    let agents = (0..count).map(|_| Client {
        kind: ClientKind::Agent {
            queued: dice.between(50, 95),
        },
        starts: UP + dice.between(0, 10 * S),
        stops,
        pause: dice.between(8 * S, 20 * S),
        requests: 0,
        seed: dice.seed(),
    });
    let mut clients: Vec<Client> = agents.collect();
    clients.extend(ordinary(dice, stops));
    clients
}
