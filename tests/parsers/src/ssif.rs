// SPDX-License-Identifier: BSD-2-Clause
//! SSIF: the BMC's side of IPMI 2.0 section 12, on a bus that does as the bytes say.

use ipmi::time::{Instant, MS, SEC};
use ipmi::transport::ssif::{Action, Block, Ssif, Transfer, BLOCK, REQUEST_MAX};
use ipmi::transport::Exchange;
use ipmi::wire::{Reply, REPLY_MAX};

use crate::input::Input;
use crate::registers::{ATTEMPTS, LIMITS};
use crate::Target;

pub const TARGET: Target = Target {
    name: "ssif",
    check,
    samples: &[
        &[4, 0, 2, 3, 0],
        &[70, 0, 2, 60, 0, 0, 0, 0, 1, 0, 5],
        &[0, 1, 2, 200, 0, 0, 0, 0, 0, 0, 0, 9, 1],
    ],
};

#[derive(Default)]
struct Bmc {
    taken: Vec<u8>,
    /// The last request that was sent whole.
    request: Option<Vec<u8>>,
    answer: Vec<u8>,
    /// How far the answer is read, and the number of its next part.
    at: usize,
    part: u8,
}

impl Bmc {
    fn write(&mut self, command: u8, block: &[u8]) {
        assert!((1..=BLOCK).contains(&block.len()));
        assert!(command != 0x06 || block.len() == BLOCK);
        if matches!(command, 0x02 | 0x06) {
            self.taken.clear();
        }
        self.taken.extend(block);
        // A middle part that is not full is the last for a BMC that knows no other.
        if matches!(command, 0x02 | 0x08) || command == 0x07 && block.len() < BLOCK {
            self.request = Some(self.taken.clone());
            (self.at, self.part) = (0, 0);
        }
    }

    fn read(&mut self, command: u8) -> Vec<u8> {
        let answer = &self.answer;
        if command == 0x03 {
            (self.at, self.part) = (0, 0);
            if answer.len() <= BLOCK {
                return answer.clone();
            }
            self.at = BLOCK - 2;
            return [&[0, 1], &answer[..self.at]].concat();
        }
        let left = answer.get(self.at..).unwrap_or(&[]);
        let number = match left.len() < BLOCK {
            true => 0xff,
            false => self.part,
        };
        let piece = &left[..left.len().min(BLOCK - 1)];
        (self.at, self.part) = (self.at + piece.len(), self.part.wrapping_add(1));
        [&[number], piece].concat()
    }
}

/// What the bus makes of a transfer: a zero leaves it as it is. The BMC has its part in it unless
/// it was refused, or nothing travelled.
fn on_the_bus(input: &mut Input<'_>, part: impl FnOnce() -> Vec<u8>) -> Transfer {
    let choice = input.u8();
    match choice {
        1 => return Transfer::Refused,
        2 => return Transfer::Busy,
        3 => return Transfer::Unusable,
        4 => return Transfer::Broken,
        _ => {}
    }
    let mut carried = part();
    match choice {
        5 => Transfer::Broken,
        6 => Transfer::Done(Block::EMPTY),
        7 => {
            let length = usize::from(input.u8());
            Transfer::Done(Block::of(input.take(length)))
        }
        _ => {
            let place = usize::from(choice) % carried.len().max(1);
            if let (Some(byte), 8..) = (carried.get_mut(place), choice) {
                *byte ^= input.u8();
            }
            Transfer::Done(Block::of(&carried))
        }
    }
}

fn check(bytes: &[u8]) {
    let mut input = Input(bytes);
    let length = usize::from(input.u16()) % (REQUEST_MAX + 3);
    let attempts = input.u8() % 3 + 1;
    let request: Vec<u8> = (0..length).map(|at| at as u8 ^ 0x18).collect();
    let mut answer = vec![0x1c, 0x19, 0];
    answer.extend((0..usize::from(input.u16()) % 250).map(|at| at as u8));
    let mut bmc = Bmc {
        answer,
        ..Bmc::default()
    };
    let mut ssif = Ssif::new();
    let mut now = Instant::at(SEC);
    for _ in 0..attempts {
        attempt(&mut ssif, &mut bmc, &mut now, &request, &mut input);
    }
    input = Input(&[]);
    let well = (0..ATTEMPTS).any(|_| {
        let reply = attempt(&mut ssif, &mut bmc, &mut now, &request, &mut input);
        reply.is_some_and(|reply| reply == bmc.answer[2..])
    });
    assert_eq!(well, (2..=REQUEST_MAX).contains(&length));
}

/// The body of the reply, if one came.
fn attempt(
    ssif: &mut Ssif,
    bmc: &mut Bmc,
    now: &mut Instant,
    request: &[u8],
    input: &mut Input<'_>,
) -> Option<Vec<u8>> {
    let mut reply = Reply::<REPLY_MAX>::EMPTY;
    let mut exchange = Exchange {
        request,
        reply: reply.arrival(),
    };
    ssif.begin(*now, LIMITS);
    bmc.request = None;
    let (mut ended, mut told) = (None, vec![]);
    for _ in 0..3 * SEC / MS {
        *now = now.plus(MS);
        ended = match ssif.step(*now, ended, &mut exchange) {
            Action::Send(command, block) => Some(on_the_bus(input, || {
                bmc.write(command, block.as_bytes());
                vec![]
            })),
            Action::Fetch(command) => {
                assert!(ssif.delivered());
                let ended = on_the_bus(input, || bmc.read(command));
                if let Transfer::Done(block) = ended {
                    told.push(block.as_bytes().to_vec());
                }
                Some(ended)
            }
            Action::Pause(ns) => {
                assert!((MS..=20 * MS).contains(&ns));
                *now = now.plus(ns);
                None
            }
            Action::Done => {
                assert!(exchange.reply.answers(request));
                assert_eq!(reply.body(), &joined(&told)[2..], "another reply");
                return Some(reply.body().to_vec());
            }
            Action::Failed(_) => return None,
        };
        if let (true, Some(whole)) = (ssif.delivered(), &bmc.request) {
            assert_eq!(whole, request, "another request");
        }
    }
    panic!("an attempt does not end");
}

/// The reply that blocks carry, if they are in order; nothing at all is what comes before.
fn joined(told: &[Vec<u8>]) -> Vec<u8> {
    let mut blocks = told.iter().skip_while(|block| block.is_empty());
    let first = blocks.next().expect("a block");
    let [0, 1, body @ ..] = &first[..] else {
        return first.clone();
    };
    let (mut reply, mut expected) = (body.to_vec(), None);
    for block in blocks {
        assert_ne!(expected, Some(0xff), "a part behind the last");
        let number = block[0];
        let counts = expected.map_or(number <= 1, |expected| number == expected);
        assert!(number == 0xff || counts && block.len() == BLOCK);
        expected = Some(number.saturating_add(1));
        reply.extend(&block[1..]);
    }
    reply
}
