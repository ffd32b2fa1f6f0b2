// SPDX-License-Identifier: BSD-2-Clause
//! The SMIC machine against the software BMC's registers, on virtual time.

use ipmi_bmc::{Fault, Interface};
use proptest::prelude::*;

use super::*;
use crate::attempt::Wire;
use crate::time::{MS, SEC};
use crate::transport::board::{feed, Board};
use crate::transport::course::STEPS;
use crate::wire::REQUEST_MAX;

fn board() -> Board<ipmi_bmc::Smic> {
    Board::new(ipmi_bmc::Smic::new)
}

#[test]
fn a_healthy_bmc_answers_and_no_rule_is_broken() {
    let board = board();
    let mut smic = Smic::new();
    for _ in 0..3 {
        let reply = board.try_once(&mut smic).unwrap();
        assert_eq!(reply.completion(), 0);
        assert!(reply.data().len() >= 11);
    }
    assert_eq!(board.registers.borrow().accesses().violations, 0);
    let took = board.now.get() - SEC;
    assert!(took < 10 * MS, "{took}");
}

#[test]
fn d11_each_dead_register_ends_within_its_limit_and_says_why() {
    let table = [
        (Fault::IbfStuck, Failure::Stalled, 2 * SEC),
        (Fault::ObfNever, Failure::Stalled, 6 * SEC),
        (Fault::ReadsFf, Failure::Absent, SEC),
        (Fault::Deaf { counting: true }, Failure::Stalled, 6 * SEC),
        (Fault::LongReply { total: 300 }, Failure::TooLong, 6 * SEC),
        (Fault::ShortReply { keep: 2 }, Failure::Mismatch, SEC),
        (Fault::WrongNetFn, Failure::Mismatch, SEC),
        (Fault::WrongCommand, Failure::Mismatch, SEC),
    ];
    Board::judge(ipmi_bmc::Smic::new, Smic::new, &table);
}

#[test]
fn an_attempt_broken_off_at_any_byte_is_cleaned_up_by_the_next() {
    for byte in 0..20 {
        let board = board();
        board.add_at(byte, 8 * SEC, Fault::IbfStuck);
        let mut smic = Smic::new();
        if board.try_once(&mut smic).is_err() {
            board.spend(8 * SEC);
        }
        let second = board.try_once(&mut smic);
        assert!(second.is_ok(), "byte {byte}: {:?}", second.err());
    }
}

#[test]
fn a_machine_recovers_what_it_or_another_left_behind() {
    for accesses in 1..60 {
        for same in [true, false] {
            let board = board();
            let mut smic = Smic::new();
            board.break_off(&mut smic, accesses);
            let mut other = Smic::new();
            let next = if same { &mut smic } else { &mut other };
            let outcome = board.try_once(next);
            assert!(outcome.is_ok(), "{accesses}, {same}: {:?}", outcome.err());
        }
    }
}

#[test]
fn a_machine_that_thinks_the_interface_idle_recovers_it_too() {
    for accesses in 1..60 {
        let board = board();
        let mut smic = Smic::new();
        board.try_once(&mut smic).unwrap();
        board.accesses.set(0);
        board.break_off(&mut Smic::new(), accesses);
        assert!(board.try_once(&mut smic).is_ok(), "{accesses}");
    }
}

#[test]
fn a_transfer_that_the_bmc_breaks_off_is_the_only_one_lost() {
    for byte in 1..8 {
        let board = board();
        board.add_at(byte, 1, Fault::ErrorState);
        let mut smic = Smic::new();
        assert!(board.try_once(&mut smic).is_err(), "{byte}");
        assert!(board.try_once(&mut smic).is_ok(), "{byte}");
        assert_eq!(smic.seen(board.read(FLAGS)), Sight::Ready);
    }
}

#[test]
fn what_is_delivered_is_said_when_the_last_byte_is_handed_over() {
    let board = board();
    board.add_at(0, 8 * SEC, Fault::IbfStuck);
    let mut smic = Smic::new();
    assert!(board.try_once(&mut smic).is_err());
    assert!(!smic.delivered());
    let board = Board::with(ipmi_bmc::Smic::new, Fault::ObfNever);
    assert!(board.try_once(&mut smic).is_err());
    assert!(smic.delivered());
}

#[test]
fn a_slow_bmc_is_given_its_time() {
    let board = Board::with(ipmi_bmc::Smic::new, Fault::SlowHandshake { ns: 2 * SEC });
    assert!(board.try_once(&mut Smic::new()).is_ok());
}

#[test]
fn a_message_of_any_length_arrives_whole() {
    for length in [5, 6, 20, 254, 255] {
        board().carry(&mut Smic::new(), length);
    }
    const { assert!(REQUEST_MAX >= 255) };
}

proptest! {
    /// Whatever the registers read, an attempt ends, in bounded steps and time.
    #[test]
    fn no_register_contents_keep_an_attempt_from_ending(values in proptest::collection::vec(any::<u8>(), 1..64)) {
        let took = feed(&mut Smic::new(), &values, STEPS);
        prop_assert!(took.is_some_and(|ns| ns <= 61 * SEC));
    }
}
