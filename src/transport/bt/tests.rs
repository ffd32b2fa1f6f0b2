// SPDX-License-Identifier: BSD-2-Clause
//! The BT machine against the software BMC's registers, on virtual time.

use ipmi_bmc::{Fault, Interface};
use proptest::prelude::*;

use super::*;
use crate::attempt::Wire;
use crate::time::{MS, SEC};
use crate::transport::board::{feed, Board};
use crate::transport::course::STEPS;
use crate::wire::device;

fn board() -> Board<ipmi_bmc::Bt> {
    Board::new(ipmi_bmc::Bt::new)
}

fn bt() -> Bt {
    Bt::new(0)
}

#[test]
fn a_healthy_bmc_answers_and_no_rule_is_broken() {
    let board = board();
    let mut bt = bt();
    for _ in 0..300 {
        let reply = board.try_once(&mut bt).unwrap();
        assert_eq!(reply.completion(), 0);
        assert!(reply.data().len() >= 11);
    }
    assert_eq!(board.registers.borrow().accesses().violations, 0);
    assert_eq!(bt.seen(board.read(CONTROL)), Sight::Silent);
    let took = board.now.get() - SEC;
    assert!(took < 300 * MS, "{took}");
}

#[test]
fn each_dead_register_ends_within_its_limit_and_says_why() {
    let table = [
        (Fault::IbfStuck, Failure::Stalled, 2 * SEC),
        (Fault::ObfNever, Failure::Stalled, 6 * SEC),
        (Fault::ReadsFf, Failure::Absent, SEC),
        (Fault::Deaf { counting: true }, Failure::Stalled, 6 * SEC),
        (Fault::LongReply { total: 300 }, Failure::TooLong, SEC),
        (Fault::ShortReply { keep: 0 }, Failure::Mismatch, 6 * SEC),
        (Fault::ShortReply { keep: 2 }, Failure::Mismatch, SEC),
    ];
    Board::judge(ipmi_bmc::Bt::new, bt, &table);
}

#[test]
fn d23_a_reply_with_another_sequence_netfn_or_command_is_refused() {
    let table = [
        (Fault::WrongSequence, Failure::Mismatch, 6 * SEC),
        (Fault::WrongNetFn, Failure::Mismatch, SEC),
        (Fault::WrongCommand, Failure::Mismatch, SEC),
    ];
    Board::judge(ipmi_bmc::Bt::new, bt, &table);
}

#[test]
fn d23_a_reply_that_comes_after_its_time_out_is_dropped_and_the_next_one_taken() {
    for late in [6 * SEC, 11 * SEC] {
        let board = board();
        let mut bt = bt();
        // The first answer, to a Get Watchdog Timer, is held back until the second is asked for.
        board.add_at(1, late, Fault::ObfNever);
        let first = board.send(&mut bt, &crate::wire::watchdog::get(), Limits::PATIENT);
        assert_eq!(first.err(), Some(Failure::Stalled));
        if late < 10 * SEC {
            board.spend(2 * SEC);
            assert_eq!(bt.seen(board.read(CONTROL)), Sight::Changed);
        }
        let reply = board.try_once(&mut bt);
        let reply = reply.or_else(|_| {
            board.spend(SEC);
            board.try_once(&mut bt)
        });
        assert!(reply.unwrap().data().len() >= 11);
    }
}

#[test]
fn a_stale_reply_to_the_same_command_is_told_by_its_number() {
    let stale = [4, 0x1c, 0x82, 0x01, 0xc0];
    let ours = [5, 0x1c, 0x01, 0x01, 0x00, 0x77];
    let mut offered = stale.iter().chain(&ours);
    let mut bt = bt();
    let mut reply = crate::wire::DriverReply::EMPTY;
    let message = device::device_id();
    let mut exchange = Exchange {
        request: message.as_bytes(),
        reply: reply.arrival(),
    };
    bt.begin(Instant::BOOT, Limits::PATIENT);
    let mut value = 0;
    let ended = loop {
        match bt.step(Instant::BOOT, value, &mut exchange) {
            Action::Read(BUFFER) => value = *offered.next().unwrap(),
            Action::Read(_) => value = if bt.delivered() { B2H_ATN } else { 0 },
            Action::Write(..) => {}
            ended => break ended,
        }
    };
    assert_eq!(ended, Action::Done);
    assert_eq!(reply.body(), [0x00, 0x77]);
}

#[test]
fn an_attempt_broken_off_at_any_byte_is_cleaned_up_by_the_next() {
    for byte in 0..3 {
        let board = board();
        board.add_at(byte, 8 * SEC, Fault::IbfStuck);
        let mut bt = bt();
        assert!(board.try_once(&mut bt).is_err() || byte == 2);
        board.spend(8 * SEC);
        let second = board.try_once(&mut bt);
        assert!(second.is_ok(), "byte {byte}: {:?}", second.err());
    }
}

#[test]
fn a_new_machine_recovers_what_another_left_behind() {
    for accesses in 1..60 {
        let board = board();
        board.break_off(&mut Bt::new(0x80), accesses);
        let outcome = board.try_once(&mut bt());
        assert!(outcome.is_ok(), "{accesses}: {:?}", outcome.err());
        assert_eq!(board.read(CONTROL), 0, "{accesses}");
    }
}

#[test]
fn h_busy_that_cannot_be_cleared_and_replies_without_end_are_given_up() {
    for control in [H_BUSY, B2H_ATN, B2H_ATN | H_BUSY] {
        let mut bt = bt();
        let took = feed(&mut bt, &[control], STEPS).unwrap();
        assert!(took < SEC, "{control:#x}: {took}");
        assert!(!bt.delivered());
    }
}

#[test]
fn a_message_of_any_length_arrives_whole() {
    for length in [5, 6, 20, 253, REQUEST_MAX] {
        board().carry(&mut bt(), length);
    }
}

#[test]
fn a_request_that_the_length_byte_cannot_count_is_never_cut() {
    for length in [0, 1, REQUEST_MAX + 1, 300] {
        let request = vec![0x18; length];
        let mut reply = crate::wire::DriverReply::EMPTY;
        let mut exchange = Exchange {
            request: &request,
            reply: reply.arrival(),
        };
        let board = board();
        let outcome = crate::attempt::drive(&board, &mut bt(), Limits::PATIENT, &mut exchange);
        assert_eq!(outcome, Err(Failure::Mismatch));
        assert_eq!(board.registers.borrow().bmc().records().count(), 0);
    }
}

#[test]
fn attention_stays_until_the_bmc_is_asked_for_its_reason() {
    let board = board();
    let mut bt = bt();
    board.try_once(&mut bt).unwrap();
    {
        let mut registers = board.registers.borrow_mut();
        registers.bmc_mut().queue_message(&[0], board.now.get());
    }
    board.try_once(&mut bt).unwrap();
    assert_eq!(bt.seen(board.read(CONTROL)), Sight::Attention);
    let flags = board.send(&mut bt, &device::message_flags(), Limits::PATIENT);
    assert_eq!(flags.unwrap().data(), [0x01]);
    assert_eq!(bt.seen(board.read(CONTROL)), Sight::Silent);
}

proptest! {
    /// Whatever the registers read, an attempt ends, in bounded steps and time.
    #[test]
    fn no_register_contents_keep_an_attempt_from_ending(values in proptest::collection::vec(any::<u8>(), 1..64)) {
        let took = feed(&mut bt(), &values, STEPS);
        prop_assert!(took.is_some_and(|ns| ns <= 61 * SEC));
    }
}
