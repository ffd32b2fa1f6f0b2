// SPDX-License-Identifier: BSD-2-Clause
//! Programs that ask the BMC things: ipmitool's and FreeIPMI's habits, an agent that queues
//! many requests, and the crowd that floods the queue. Must not know what goes wrong.

use std::collections::VecDeque;

use ipmi_kernel::Process;

use super::{Device, Log, Reply};
use crate::dice::Dice;
use crate::record::{Outcome, Passage, Request, Way};
use crate::scenario::{Client, ClientKind};
use crate::span::{Ns, MS, S};

/// How long ipmitool waits for a reply.
const IPMITOOL_WAITS: Ns = 15 * S;
/// How long FreeIPMI does.
const FREEIPMI_WAITS: Ns = 60 * S;
/// Closes that are quicker are not noted.
const NOTED_CLOSE: Ns = 10 * MS;
/// What the driver takes on one descriptor.
const PER_OPEN: u64 = 100;

/// What programs ask, as they do: network function, command, data.
const QUESTIONS: &[(u8, u8, &[u8])] = &[
    (0x06, 0x01, &[]),                    // Get Device ID
    (0x06, 0x04, &[]),                    // Get Self Test Results
    (0x06, 0x25, &[]),                    // Get Watchdog Timer
    (0x00, 0x01, &[]),                    // Get Chassis Status
    (0x0a, 0x20, &[]),                    // Get SDR Repository Info
    (0x0a, 0x40, &[]),                    // Get SEL Info
    (0x0a, 0x43, &[0, 0, 0, 0, 0, 0xff]), // Get SEL Entry, the first
    (0x0a, 0x23, &[0, 0, 0, 0, 0, 0x10]), // Get SDR, the first 16 bytes
    (0x0a, 0x11, &[0, 0, 0, 0x10]),       // Read FRU Data
    (0x04, 0x2d, &[1]),                   // Get Sensor Reading
    (0x0c, 0x02, &[1, 3, 0, 0]),          // Get LAN Configuration Parameters
];

/// A program's life: sessions with pauses between them.
pub fn use_bmc(process: &Process, who: usize, client: &Client, log: &Log) {
    let mut dice = Dice::new(client.seed, "questions");
    rest(process, client.starts.saturating_sub(process.now()));
    let mut msgid = 0;
    while process.now() < client.stops {
        if let Ok(device) = Device::open(process) {
            let mut session = Session {
                process,
                device: &device,
                who,
                log,
                sent: VecDeque::new(),
            };
            match client.kind {
                ClientKind::Agent { queued } => {
                    session.agent(client, queued, &mut msgid, &mut dice)
                }
                _ => session.one_by_one(client, &mut msgid, &mut dice),
            }
            close(process, device, log);
        }
        rest(process, client.pause);
    }
}

fn close(process: &Process, device: Device, log: &Log) {
    let from = process.now();
    device.close();
    let to = process.now();
    if to - from >= NOTED_CLOSE {
        log.borrow_mut().passages.push(Passage {
            way: Way::Close,
            from,
            to: Some(to),
        });
    }
}

struct Session<'s> {
    process: &'s Process,
    device: &'s Device<'s>,
    who: usize,
    log: &'s Log,
    /// Requests without an outcome: index in the log, msgid, network function, command.
    sent: VecDeque<(usize, i64, u8, u8)>,
}

impl Session<'_> {
    /// As ipmitool and FreeIPMI: a request, its reply, the next. An error ends the session.
    fn one_by_one(&mut self, client: &Client, msgid: &mut i64, dice: &mut Dice) {
        let patience = match client.kind {
            ClientKind::FreeIpmi => FREEIPMI_WAITS,
            _ => IPMITOOL_WAITS,
        };
        for _ in 0..client.requests {
            if client.kind == ClientKind::Ipmitool {
                *msgid += 1;
            }
            let asked = self.ask(*msgid, dice) && self.hear_until(self.process.now() + patience);
            if !asked || self.process.now() >= client.stops {
                return;
            }
        }
    }

    /// As a monitoring agent: a round of requests queued at once and heard out, a rest, the next
    /// round, with the descriptor left open. A silent BMC ends the session.
    fn agent(&mut self, client: &Client, queued: u64, msgid: &mut i64, dice: &mut Dice) {
        while self.process.now() < client.stops {
            for _ in 0..queued {
                *msgid += 1;
                self.ask(*msgid, dice);
            }
            while let Some(&(last, ..)) = self.sent.back() {
                self.hear_until(self.process.now() + FREEIPMI_WAITS);
                let ended = self.log.borrow().requests[last].outcome;
                if matches!(ended, Some((_, Outcome::GaveUp))) {
                    return;
                }
            }
            let left = client.stops.saturating_sub(self.process.now());
            rest(self.process, client.pause.min(left));
        }
    }

    fn ask(&mut self, msgid: i64, dice: &mut Dice) -> bool {
        let (net_fn, cmd, data) = dice.pick(QUESTIONS);
        let sent = self.process.now();
        let index = {
            let mut log = self.log.borrow_mut();
            log.requests.push(Request {
                client: self.who,
                sent,
                what: (net_fn, cmd),
                outcome: None,
            });
            log.requests.len() - 1
        };
        match self.device.send(msgid, net_fn, cmd, data) {
            Ok(()) => self.sent.push_back((index, msgid, net_fn, cmd)),
            Err(error) => self.end(index, Outcome::Failed(error)),
        }
        self.sent.back().is_some_and(|last| last.0 == index)
    }

    /// Takes one completion; false if it was a failure, or if none came in time: then nobody
    /// waits for the others either.
    fn hear_until(&mut self, until: Ns) -> bool {
        if !self.device.wait(until.saturating_sub(self.process.now())) {
            for (index, ..) in std::mem::take(&mut self.sent) {
                self.end(index, Outcome::GaveUp);
            }
            return false;
        }
        let outcome = self.device.receive();
        // Completions on one descriptor come in the order of their requests.
        match (outcome, self.sent.pop_front()) {
            (Ok(reply), Some((index, msgid, net_fn, cmd))) => {
                if !answers(&reply, msgid, net_fn, cmd) {
                    self.log.borrow_mut().strays += 1;
                }
                self.end(
                    index,
                    Outcome::Answered(reply.data.first().copied().unwrap_or(0xff)),
                );
                true
            }
            (Err(error), Some((index, ..))) => {
                self.end(index, Outcome::Failed(error));
                false
            }
            (_, None) => {
                self.log.borrow_mut().strays += 1;
                false
            }
        }
    }

    fn end(&self, index: usize, outcome: Outcome) {
        let at = self.process.now();
        self.log.borrow_mut().requests[index].outcome = Some((at, outcome));
    }
}

/// Whether it is the reply to that request, as clients check.
fn answers(reply: &Reply, msgid: i64, net_fn: u8, cmd: u8) -> bool {
    (reply.msgid, reply.net_fn, reply.cmd) == (msgid, net_fn | 1, cmd) && !reply.data.is_empty()
}

/// Queues `count` requests on as many descriptors as that takes, says when all are queued, and
/// hears them out.
pub fn flood(
    process: &Process,
    who: usize,
    count: u64,
    seed: u64,
    log: &Log,
    queued: impl FnOnce(),
) {
    let mut dice = Dice::new(seed, "flood");
    let devices: Vec<Device> = (0..count.div_ceil(PER_OPEN))
        .filter_map(|_| Device::open(process).ok())
        .collect();
    let mut sessions: Vec<Session> = devices
        .iter()
        .map(|device| Session {
            process,
            device,
            who,
            log,
            sent: VecDeque::new(),
        })
        .collect();
    let mut failed = 0;
    for i in 0..count {
        let session = &mut sessions[(i / PER_OPEN) as usize];
        failed += u64::from(!session.ask(i as i64, &mut dice));
    }
    if failed > 0 {
        let words =
            format!("{failed} of {count} requests were refused before any could be answered");
        log.borrow_mut().disappointments.push(words);
    }
    queued();
    for session in &mut sessions {
        while !session.sent.is_empty() && session.hear_until(process.now() + IPMITOOL_WAITS) {}
    }
}

/// Sleeps; nobody sends signals here.
pub fn rest(process: &Process, for_ns: Ns) {
    let _ = process.sleep(for_ns);
}

/// Waits until /dev/ipmi0 is there, looking every few milliseconds.
pub fn watch_for_node(process: &Process) {
    watch_for(process, "/dev/ipmi0");
}

/// Waits until that device node is there.
pub fn watch_for(process: &Process, node: &str) {
    loop {
        match process.open(node) {
            Ok(fd) => {
                let _ = process.close(fd);
                return;
            }
            Err(_) => rest(process, 20 * MS),
        }
    }
}
