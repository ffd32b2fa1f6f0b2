// SPDX-License-Identifier: BSD-2-Clause
//! The SSIF machine against the software BMC's SMBus side, on virtual time.

use ipmi_bmc::{Fault, Interface};
use proptest::prelude::*;

use super::*;
use crate::time::SEC;
use crate::transport::board::Board;
use crate::transport::course::STEPS;
use crate::wire::{device, DriverReply, Reply, REPLY_MAX};

fn board() -> Board<ipmi_bmc::Ssif> {
    Board::new(ipmi_bmc::Ssif::new)
}

/// Read FRU Data, so many bytes of it: what came, or why nothing did.
fn read_fru(board: &Board<ipmi_bmc::Ssif>, count: u8) -> Result<Vec<u8>, Failure> {
    let mut reply = Reply::<REPLY_MAX>::EMPTY;
    let mut exchange = Exchange {
        request: &[0x28, 0x11, 0, 0, 0, count],
        reply: reply.arrival(),
    };
    crate::attempt::drive_blocks(board, &mut Ssif::new(), Limits::PATIENT, &mut exchange)?;
    Ok(reply.data().to_vec())
}

#[test]
fn a_healthy_bmc_answers_with_one_block_each_way() {
    let board = board();
    let mut ssif = Ssif::new();
    for _ in 0..3 {
        let reply = board.try_once(&mut ssif).unwrap();
        assert_eq!(reply.completion(), 0);
        assert!(reply.data().len() >= 11);
    }
    assert_eq!(board.accesses.get(), 6);
    assert_eq!(board.registers.borrow().accesses().violations, 0);
    let took = board.now.get() - SEC;
    assert!(took < 100 * MS, "{took}");
}

#[test]
fn d11_each_dead_or_busy_bus_ends_within_its_limit_and_says_why() {
    let table = [
        (Fault::IbfStuck, Failure::Absent, 2 * SEC),
        (Fault::ReadsFf, Failure::Absent, 2 * SEC),
        (Fault::Deaf { counting: true }, Failure::Absent, 2 * SEC),
        (Fault::SmbusBusy, Failure::Stalled, 2 * SEC),
        (Fault::ObfNever, Failure::Stalled, 6 * SEC),
        (Fault::LongReply { total: 300 }, Failure::TooLong, SEC),
        (Fault::ShortReply { keep: 2 }, Failure::Mismatch, SEC),
        (Fault::ShortReply { keep: 0 }, Failure::Stalled, 6 * SEC),
        (Fault::WrongNetFn, Failure::Mismatch, SEC),
        (Fault::WrongCommand, Failure::Mismatch, SEC),
    ];
    Board::judge(ipmi_bmc::Ssif::new, Ssif::new, &table);
}

#[test]
fn d05_a_request_of_any_length_arrives_whole() {
    for length in 5..=REQUEST_MAX {
        board().carry(&mut Ssif::new(), length);
    }
}

#[test]
fn d05_a_request_that_is_longer_is_never_cut() {
    for length in [0, REQUEST_MAX + 1, 300] {
        let request = vec![0x18; length];
        let mut reply = DriverReply::EMPTY;
        let mut exchange = Exchange {
            request: &request,
            reply: reply.arrival(),
        };
        let mut ssif = Ssif::new();
        ssif.begin(Instant::BOOT, Limits::PATIENT);
        let action = ssif.step(Instant::BOOT, None, &mut exchange);
        assert_eq!(action, Action::Failed(Failure::Mismatch));
    }
}

#[test]
fn replies_of_any_length_arrive_whole() {
    for count in 1..=250 {
        let data = read_fru(&board(), count).unwrap();
        assert_eq!(data.len(), usize::from(count) + 1);
        assert_eq!(data[0], count);
    }
}

#[test]
fn a_part_out_of_order_ends_the_attempt() {
    let board = Board::with(ipmi_bmc::Ssif::new, Fault::WrongSequence);
    assert_eq!(read_fru(&board, 120), Err(Failure::Mismatch));
    let mut ssif = Ssif::new();
    let mut reply = DriverReply::EMPTY;
    let mut exchange = Exchange {
        request: &[0x28, 0x11],
        reply: reply.arrival(),
    };
    // Some count from 1.
    ssif.phase = Phase::Part(None);
    let first = ssif.on_block(Instant::BOOT, &[1; BLOCK], &mut exchange);
    assert_eq!(first, Action::Fetch(READ_MIDDLE));
    ssif.phase = Phase::Part(Some(1));
    for number in [0, 2, 0xfe] {
        let action = ssif.on_block(Instant::BOOT, &[number; BLOCK], &mut exchange);
        assert_eq!(action, Action::Failed(Failure::Mismatch), "{number}");
    }
    let short = ssif.on_block(Instant::BOOT, &[1; BLOCK - 1], &mut exchange);
    assert_eq!(short, Action::Failed(Failure::Mismatch));
}

#[test]
fn a_bmc_without_write_end_is_given_a_short_middle_part_the_next_time() {
    let request = [0x18; 40];
    let mut reply = DriverReply::EMPTY;
    let mut exchange = Exchange {
        request: &request,
        reply: reply.arrival(),
    };
    let mut ssif = Ssif::new();
    let done = Some(Transfer::Done(Block::EMPTY));
    for last in [WRITE_END, WRITE_MIDDLE, WRITE_END] {
        ssif.begin(Instant::BOOT, Limits::PATIENT);
        let start = ssif.step(Instant::BOOT, None, &mut exchange);
        assert!(matches!(start, Action::Send(WRITE_START, _)));
        let end = ssif.step(Instant::BOOT, done, &mut exchange);
        assert!(matches!(end, Action::Send(command, _) if command == last));
        let ended = ssif.step(Instant::BOOT, Some(Transfer::Refused), &mut exchange);
        assert_eq!(ended, Action::Failed(Failure::WrongState));
        assert!(!ssif.delivered());
    }
}

#[test]
fn what_the_bus_may_have_delivered_is_not_sent_again() {
    let message = device::device_id();
    let mut reply = DriverReply::EMPTY;
    let mut exchange = Exchange {
        request: message.as_bytes(),
        reply: reply.arrival(),
    };
    let mut ssif = Ssif::new();
    ssif.begin(Instant::BOOT, Limits::PATIENT);
    ssif.step(Instant::BOOT, None, &mut exchange);
    let ended = ssif.step(Instant::BOOT, Some(Transfer::Broken), &mut exchange);
    assert_eq!(ended, Action::Failed(Failure::Stalled));
    assert!(ssif.delivered());
    ssif.begin(Instant::BOOT, Limits::PATIENT);
    ssif.step(Instant::BOOT, None, &mut exchange);
    let ended = ssif.step(Instant::BOOT, Some(Transfer::Unusable), &mut exchange);
    assert_eq!(ended, Action::Failed(Failure::Unusable));
}

#[test]
fn an_attempt_broken_off_at_any_block_is_cleaned_up_by_the_next() {
    for block in 0..6 {
        let board = board();
        board.add_at(block, 8 * SEC, Fault::IbfStuck);
        let first = read_fru(&board, 100);
        assert!(first.is_err() || block > 3);
        board.spend(8 * SEC);
        assert!(read_fru(&board, 100).is_ok(), "block {block}");
    }
}

#[test]
fn a_bmc_that_stretches_the_clock_is_given_its_time() {
    let board = Board::with(ipmi_bmc::Ssif::new, Fault::SlowHandshake { ns: 299 * MS });
    assert!(board.try_once(&mut Ssif::new()).is_ok());
    assert_eq!(read_fru(&board, 100).map(|data| data.len()), Ok(101));
}

/// Asks a BMC that is reset as soon as it has been asked: what came, and after how long.
fn ask_the_forgetful(request: &[u8], reboot_for: u64) -> (Result<(), Failure>, u64) {
    let board = board();
    let reset = Fault::Reset {
        reboot_for,
        timer_survives: false,
    };
    board.add_at(0, SEC, reset);
    let mut reply = Reply::<REPLY_MAX>::EMPTY;
    let mut exchange = Exchange {
        request,
        reply: reply.arrival(),
    };
    let begun = board.now.get();
    let outcome =
        crate::attempt::drive_blocks(&board, &mut Ssif::new(), Limits::PATIENT, &mut exchange);
    (outcome, board.now.get() - begun)
}

#[test]
fn a_bmc_that_was_reset_in_between_is_asked_again() {
    for reboot_for in [50 * MS, 300 * MS, SEC, 3 * SEC] {
        let (outcome, took) = ask_the_forgetful(&[0x18, 0x01], reboot_for);
        assert_eq!(outcome, Ok(()), "{reboot_for}");
        assert!(took < reboot_for + 300 * MS, "{took} for {reboot_for}");
    }
}

#[test]
fn what_may_not_be_carried_out_twice_is_asked_once() {
    // Chassis Control, a write to a satellite controller, and one of the above in two blocks.
    let long = [&[0x18, 0x01][..], &[0; BLOCK]].concat();
    for request in [&[0x00, 0x02, 0x01][..], &[0x18, 0x34, 0x00], &long] {
        assert!(!repeatable(request));
    }
    let (outcome, took) = ask_the_forgetful(&[0x00, 0x0f], 50 * MS);
    assert_eq!(outcome, Err(Failure::Stalled));
    assert!(took >= 5 * SEC);
}

#[test]
fn a_slow_bmc_that_begins_anew_with_each_request_is_given_its_time() {
    let request = [0x18, 0x01];
    let mut reply = DriverReply::EMPTY;
    let mut exchange = Exchange {
        request: &request,
        reply: reply.arrival(),
    };
    let mut ssif = Ssif::new();
    let (mut now, mut ended) = (Instant::BOOT, None);
    let (mut asked, mut times) = (now, 0);
    ssif.begin(now, Limits::PATIENT);
    loop {
        ended = match ssif.step(now, ended, &mut exchange) {
            Action::Send(..) => {
                (asked, times) = (now, times + 1);
                Some(Transfer::Done(Block::EMPTY))
            }
            Action::Fetch(_) if now.since(asked) < 900 * MS => Some(Transfer::Refused),
            Action::Fetch(_) => Some(Transfer::Done(Block::of(&[0x1c, 0x01, 0]))),
            Action::Pause(ns) => {
                now = now.plus(ns);
                None
            }
            end => break assert_eq!(end, Action::Done),
        };
    }
    assert_eq!(times, 3);
}

fn transfer() -> impl Strategy<Value = Transfer> {
    prop_oneof![
        6 => proptest::collection::vec(any::<u8>(), 0..=BLOCK)
            .prop_map(|bytes| Transfer::Done(Block::of(&bytes))),
        1 => proptest::collection::vec(any::<u8>(), 30)
            .prop_map(|bytes| Transfer::Done(Block::of(&[&IN_PARTS[..], &bytes].concat()))),
        1 => Just(Transfer::Refused),
        1 => Just(Transfer::Busy),
        1 => Just(Transfer::Broken),
    ]
}

proptest! {
    /// Whatever comes from the bus, an attempt ends, in bounded steps and time.
    #[test]
    fn no_transfers_keep_an_attempt_from_ending(
        transfers in proptest::collection::vec(transfer(), 1..32),
        length in 0usize..300,
    ) {
        let request = vec![0x18; length];
        let mut reply = DriverReply::EMPTY;
        let mut exchange = Exchange { request: &request, reply: reply.arrival() };
        let mut ssif = Ssif::new();
        let mut now = Instant::at(0);
        ssif.begin(now, Limits::PATIENT);
        let mut feed = transfers.iter().cycle();
        let mut ended = None;
        let mut steps = 0;
        loop {
            steps += 1;
            prop_assert!(steps <= STEPS);
            now = now.plus(MS);
            ended = match ssif.step(now, ended, &mut exchange) {
                Action::Send(..) | Action::Fetch(_) => feed.next().copied(),
                Action::Pause(ns) => {
                    now = now.plus(ns);
                    None
                }
                Action::Done | Action::Failed(_) => break,
            };
        }
        prop_assert!(now <= Instant::at(61 * SEC));
    }
}
