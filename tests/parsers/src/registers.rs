// SPDX-License-Identifier: BSD-2-Clause
//! A transport's machine against a BMC that is as good as the bytes let it be: a zero leaves what it
//! says as it is, anything else changes it, and when the bytes are used up it is healthy. Must not
//! know any interface.

use ipmi::time::{Instant, MS, SEC, US};
use ipmi::transport::{Action, Exchange, Limits, Transport};
use ipmi::wire::{Reply, REPLY_MAX, REQUEST_MAX};

use crate::input::Input;

/// Short, so that an attempt runs into them before the bytes are used up: each takes a millisecond.
pub const LIMITS: Limits = Limits {
    ready: 100 * MS,
    taken: 200 * MS,
    answer: 300 * MS,
    total: 2 * SEC,
    eager: false,
};
/// More steps than any attempt may take: those that the bytes spoil, and some for each byte carried.
const STEPS: u64 = 2 * SEC / MS + 8 * (REQUEST_MAX + REPLY_MAX) as u64;
/// A healthy BMC has answered by then, whatever state it was left in.
pub const ATTEMPTS: usize = 3;

/// The BMC's side of an interface, healthy.
pub trait Registers {
    /// How many there are.
    const COUNT: u8;
    fn read(&mut self, register: u8) -> u8;
    /// The host has read `value` there, which may be another than [`Registers::read`] said.
    fn was_read(&mut self, register: u8, value: u8);
    fn write(&mut self, register: u8, value: u8);
    /// The last request that was handed over whole, as the BMC understood it.
    fn request(&self) -> Option<&[u8]>;
    /// What the host has been told since then, as the interface frames it.
    fn told(&self) -> Vec<u8>;
    /// An attempt begins: nothing is handed over yet.
    fn begin(&mut self);
    /// What the BMC answers to whatever it is asked.
    fn answer(&mut self, reply: &[u8]);
}

/// How an attempt ended.
#[derive(PartialEq)]
enum Ended {
    Done,
    Failed,
    Abandoned,
}

/// Attempts with what the bytes do to them, then some without.
pub fn play<T: Transport, R: Registers>(mut machine: T, mut registers: R, bytes: &[u8]) {
    let mut input = Input(bytes);
    let (length, attempts) = (usize::from(input.u16()), input.u8() % 3 + 1);
    let request = requested(length, input.u8());
    let abandon = u64::from(input.u16());
    let answer = answered(&request, usize::from(input.u16()));
    registers.answer(&answer);
    let mut play = Play {
        now: Instant::at(SEC),
        input,
        abandon: Some(abandon).filter(|steps| *steps > 0),
    };
    for _ in 0..attempts {
        play.attempt(&mut machine, &mut registers, &request);
    }
    (play.input, play.abandon) = (Input(&[]), None);
    // One that no interface carries is refused without being begun.
    if !(2..=254).contains(&request.len()) {
        return;
    }
    let well = (0..ATTEMPTS).any(|_| {
        let (ended, reply) = play.attempt(&mut machine, &mut registers, &request);
        ended == Ended::Done && reply == answer
    });
    assert!(well, "a healthy BMC is not reached");
}

fn requested(length: usize, fill: u8) -> Vec<u8> {
    // Short ones are most of them, and the longest are as likely as others.
    let length = match length {
        0..=0xefff => 2 + length % 30,
        _ => length % (REQUEST_MAX + 2),
    };
    (0..length)
        .map(|at| fill.wrapping_mul(at as u8) & 0xfb)
        .collect()
}

fn answered(request: &[u8], length: usize) -> Vec<u8> {
    let length = match length {
        0..=0xefff => length % 30,
        _ => length % 250,
    };
    let head = [
        request.first().copied().unwrap_or(0).wrapping_add(4),
        request.get(1).copied().unwrap_or(0),
        0,
    ];
    let data = (0..length).map(|at| at as u8 ^ 0x5a);
    head.into_iter().chain(data).collect()
}

struct Play<'a> {
    now: Instant,
    input: Input<'a>,
    /// Attempts are given up after so many steps.
    abandon: Option<u64>,
}

impl Play<'_> {
    fn attempt<T: Transport, R: Registers>(
        &mut self,
        machine: &mut T,
        registers: &mut R,
        request: &[u8],
    ) -> (Ended, Vec<u8>) {
        let mut reply = Reply::<REPLY_MAX>::EMPTY;
        let mut exchange = Exchange {
            request,
            reply: reply.arrival(),
        };
        machine.begin(self.now, LIMITS);
        registers.begin();
        let mut value = 0;
        let mut steps = 0;
        let ended = loop {
            steps += 1;
            assert!(steps <= STEPS, "an attempt does not end");
            if self.abandon.is_some_and(|most| steps > most) {
                break Ended::Abandoned;
            }
            self.now = self.now.plus(match self.input.0 {
                // A healthy BMC takes its time, but not all that there is.
                [] => US,
                _ => MS,
            });
            match machine.step(self.now, value, &mut exchange) {
                Action::Read(register) => {
                    assert!(register < R::COUNT);
                    value = registers.read(register) ^ self.input.u8();
                    registers.was_read(register, value);
                }
                Action::Write(register, byte) => {
                    assert!(register < R::COUNT);
                    registers.write(register, byte);
                }
                Action::Wait => self.now = self.now.plus(20 * MS),
                Action::Done => break Ended::Done,
                Action::Failed(_) => break Ended::Failed,
            }
        };
        assert!(machine.progressed() <= self.now);
        assert_eq!(machine.delivered(), registers.request().is_some());
        if machine.delivered() {
            assert_eq!(registers.request(), Some(request), "another request");
        }
        if ended != Ended::Done {
            return (ended, vec![]);
        }
        assert!(exchange.reply.answers(request) && machine.delivered());
        let told = registers.told();
        assert_eq!(reply.body(), &told[2..], "another reply");
        (ended, told)
    }
}
