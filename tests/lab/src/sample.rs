// SPDX-License-Identifier: BSD-2-Clause
//! Records made up by hand, for the tests of the judge, the report and the picture.

use crate::judge::{failures, Bound};
use crate::record::{BmcState, Note, Outcome, Passage, Pat, Record, Request, Timer, Way};
use crate::report::{Identity, Run};
use crate::span::{Ns, MS, S};

/// Timeout and pretimeout of the sample's watchdogd.
const TIMEOUT: Ns = 128 * S;
const PRETIMEOUT: Ns = 30 * S;

/// The BMC of both samples: slow from 60 s, dead from 120 s, up again at 750 s.
fn outage() -> Vec<(Ns, BmcState)> {
    vec![
        (0, BmcState::Healthy),
        (60 * S, BmcState::Slow),
        (120 * S, BmcState::Dead),
        (720 * S, BmcState::Rebooting),
        (750 * S, BmcState::Healthy),
    ]
}

fn pat(at: Ns, took: Ns, error: i32) -> Pat {
    Pat {
        at,
        timeout: TIMEOUT,
        margin: 0,
        pretimeout: PRETIMEOUT,
        returned: Some((at + took, error)),
    }
}

fn requests(end: Ns) -> Vec<Request> {
    let one = |i: u64| {
        let sent = 10 * S + i * 400 * MS;
        let outcome = match sent / S {
            0..60 => Outcome::Answered(0),
            60..75 => Outcome::GaveUp,
            75..750 => Outcome::Failed(5),
            _ => Outcome::Answered(0),
        };
        let took = if outcome == Outcome::GaveUp {
            15 * S
        } else {
            1 + i % 9 * 300 * MS
        };
        Request {
            client: i as usize % 4,
            sent,
            what: (0x06, 0x01),
            outcome: Some((sent + took, outcome)),
        }
    };
    (0..2300)
        .map(one)
        .filter(|r| r.sent + 20 * S < end)
        .collect()
}

/// A driver that keeps its promises through the outage.
pub fn survived() -> Record {
    let end = 1000 * S;
    let healthy = |at: Ns| !(60 * S..=750 * S).contains(&at);
    let pats = (1..100).map(|i| i * 10 * S);
    let confirmed: Vec<Ns> = pats
        .clone()
        .filter(|&at| healthy(at))
        .map(|at| at + 3 * MS)
        .collect();
    let mut confirmed_or_back = confirmed.clone();
    confirmed_or_back.push(750 * S + 400 * MS);
    confirmed_or_back.sort();
    let mut timer: Vec<(Ns, Timer)> = confirmed_or_back
        .iter()
        .map(|&at| (at, Timer::Running(TIMEOUT)))
        .collect();
    timer.extend([(120 * S, Timer::Frozen(58 * S)), (720 * S, Timer::Stopped)]);
    timer.sort_by_key(|&(at, _)| at);
    Record {
        end,
        pats: pats
            .map(|at| {
                if healthy(at) {
                    pat(at, 4 * MS, 0)
                } else {
                    pat(at, 250 * MS, 5)
                }
            })
            .collect(),
        requests: requests(end),
        asked: vec![(10 * S, true)],
        bmc: outage(),
        timer,
        confirmed: confirmed_or_back,
        worker: (0..1000).map(|i| (i * S, i * S / 1000)).collect(),
        console: vec![
            Note {
                at: S,
                text: "ipmi0: <IPMI System Interface> port 0xca2,0xca3 on isa0".into(),
            },
            Note {
                at: 75 * S,
                text: "ipmi0: BMC unresponsive".into(),
            },
            Note {
                at: 750 * S,
                text: "ipmi0: BMC answers again after 675 s".into(),
            },
        ],
        nmis_are_claimed: true,
        io_accesses: 123_456,
        passages: vec![Passage {
            way: Way::Load,
            from: 0,
            to: Some(20 * MS),
        }],
        ..Record::default()
    }
}

/// A driver that lets the pat starve behind application requests.
pub fn starved() -> Record {
    let mut record = survived();
    let fired = 60 * S + 4 * MS + TIMEOUT - PRETIMEOUT;
    record.end = fired + S;
    record.pats.retain(|p| p.at <= 60 * S);
    record.pats.push(Pat {
        at: 70 * S,
        timeout: TIMEOUT,
        margin: 0,
        pretimeout: PRETIMEOUT,
        returned: None,
    });
    record.requests.retain(|r| r.sent < record.end);
    record.bmc.retain(|b| b.0 < record.end);
    record.timer.retain(|t| t.0 < record.end);
    record.confirmed.retain(|&c| c < record.end);
    record.console.truncate(2);
    record.pretimeouts = vec![fired];
    record
}

/// The bounds that the samples are held against.
pub const BOUNDS: &[Bound] = &[
    Bound::PatWithin(260 * MS),
    Bound::PatsAreHonest,
    Bound::HostStaysUp,
    Bound::GuardedWithin(S),
    Bound::RecoversWithin(S),
    Bound::WorkerBelow(0.5),
    Bound::ConsoleLinesAnHour(10),
];

/// A record as a judged run.
pub fn run(record: Record) -> Run {
    let identity = Identity {
        scenario: "out-to-lunch".into(),
        transport: "kcs".into(),
        seed: 7,
        ko: "build/ipmi.ko".into(),
        ko_sha256: "0123456789abcdef".repeat(4),
    };
    let failures = failures(&record, BOUNDS);
    Run {
        identity,
        record,
        telling: Vec::new(),
        pat_limit: 260 * MS,
        failures,
    }
}
