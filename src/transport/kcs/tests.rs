// SPDX-License-Identifier: BSD-2-Clause
//! The KCS machine against the software BMC's registers, on virtual time.

use ipmi_bmc::{Fault, Interface};
use proptest::prelude::*;

use super::*;
use crate::attempt::Wire;
use crate::time::SEC;
use crate::transport::board::{feed, Board};
use crate::wire::{device, DriverReply};
use crate::wire::{Message, NetFn};

fn board() -> Board<ipmi_bmc::Kcs> {
    Board::new(ipmi_bmc::Kcs::new)
}

#[test]
fn a_healthy_bmc_answers_in_one_attempt_without_an_abort() {
    let board = board();
    let reply = board.try_once(&mut Kcs::new()).unwrap();
    assert_eq!(reply.completion(), 0);
    assert!(reply.data().len() >= 11);
    let began = board.now.get();
    assert!(began < SEC + 10 * MS, "{began}");
}

#[test]
fn each_dead_register_ends_within_its_limit_and_says_why() {
    let table = [
        (Fault::IbfStuck, Failure::Stalled, 2 * SEC),
        (Fault::ObfNever, Failure::Stalled, 6 * SEC),
        (Fault::ReadsFf, Failure::Absent, SEC),
        (Fault::WrongState { state: 3 }, Failure::WrongState, 6 * SEC),
        (Fault::LongReply { total: 300 }, Failure::TooLong, 6 * SEC),
        (Fault::ShortReply { keep: 2 }, Failure::Mismatch, SEC),
        (Fault::WrongNetFn, Failure::Mismatch, SEC),
        (Fault::WrongCommand, Failure::Mismatch, SEC),
    ];
    Board::judge(ipmi_bmc::Kcs::new, Kcs::new, &table);
}

#[test]
fn an_attempt_broken_off_at_any_byte_is_cleaned_up_by_the_next() {
    for byte in 0..20 {
        let board = board();
        board.add_at(byte, 8 * SEC, Fault::IbfStuck);
        let mut kcs = Kcs::new();
        let first = board.try_once(&mut kcs);
        if first.is_err() {
            board.spend(8 * SEC);
        }
        let second = board.try_once(&mut kcs);
        assert!(second.is_ok(), "byte {byte}: {:?}", second.err());
    }
}

#[test]
fn a_new_machine_recovers_what_another_left_behind() {
    for accesses in 1..60 {
        let board = board();
        board.break_off(&mut Kcs::new(), accesses);
        let outcome = board.try_once(&mut Kcs::new());
        assert!(outcome.is_ok(), "{accesses}: {:?}", outcome.err());
    }
}

#[test]
fn a_bmc_in_error_state_is_brought_back() {
    let board = board();
    board.add_at(2, 1, Fault::ErrorState);
    let mut kcs = Kcs::new();
    assert!(board.try_once(&mut kcs).is_err());
    assert_eq!(kcs.seen(board.read(STATUS)), Sight::Changed);
    assert!(board.try_once(&mut kcs).is_ok());
    assert_eq!(kcs.seen(board.read(STATUS)), Sight::Ready);
}

#[test]
fn a_slow_bmc_is_given_its_time() {
    let board = Board::with(ipmi_bmc::Kcs::new, Fault::SlowHandshake { ns: 2 * SEC });
    assert!(board.try_once(&mut Kcs::new()).is_ok());
}

#[test]
fn a_message_of_any_length_arrives_whole() {
    for length in 0..18usize {
        let board = board();
        let data: Vec<u8> = (0..length as u8).collect();
        let message = Message::new(NetFn::APP, 0x01, &data);
        board
            .send(&mut Kcs::new(), &message, Limits::PATIENT)
            .unwrap();
        let registers = board.registers.borrow();
        let seen = registers.bmc().records().last().unwrap();
        assert_eq!(seen.data, data);
    }
}

#[test]
fn a_late_dummy_byte_is_not_taken_for_the_reply() {
    let message = device::device_id();
    let mut reply = DriverReply::EMPTY;
    let mut exchange = Exchange {
        request: message.as_bytes(),
        reply: reply.arrival(),
    };
    let mut kcs = Kcs::new();
    kcs.begin(Instant::at(0), Limits::PATIENT);
    // Status and data as they are read, from WRITE_START on; 41h 00h is the late dummy.
    let reads = [
        0x00, 0x88, 0x80, 0x88, 0x41, 0x00, 0x42, 0x41, 0x1c, 0x41, 0x01, 0x41, 0x00, 0x01, 0x00,
    ];
    let mut reads = reads.iter();
    let mut value = 0;
    let ended = loop {
        match kcs.step(Instant::at(0), value, &mut exchange) {
            Action::Read(_) => value = *reads.next().unwrap(),
            Action::Write(..) | Action::Wait => {}
            ended => break ended,
        }
    };
    assert_eq!(ended, Action::Done);
    assert_eq!(reply.body(), [0]);
}

/// Steps an attempt whose registers freeze after so many accesses; false if it does not end.
fn ends_though_frozen(accesses: u32, status: u8, data: u8) -> bool {
    let board = board();
    let mut kcs = Kcs::new();
    let message = device::device_id();
    let mut reply = DriverReply::EMPTY;
    let mut exchange = Exchange {
        request: message.as_bytes(),
        reply: reply.arrival(),
    };
    kcs.begin(board.now(), Limits::PATIENT);
    let mut value = 0;
    for _ in 0..4 * STEPS {
        let frozen = board.accesses.get() >= accesses;
        match kcs.step(board.now(), value, &mut exchange) {
            Action::Read(STATUS) if frozen => value = status,
            Action::Read(_) if frozen => value = data,
            Action::Read(register) => value = board.read(register),
            Action::Write(..) if frozen => {}
            Action::Write(register, byte) => board.write(register, byte),
            Action::Wait => board.spend(if frozen { 50 * MS } else { 50_000 }),
            Action::Done | Action::Failed(_) => return true,
        }
    }
    false
}

#[test]
fn an_interface_that_freezes_at_any_access_does_not_keep_an_attempt_from_ending() {
    for accesses in 0..60 {
        for state in 0..4 {
            for (flags, data) in [(0, 0), (OBF, 0), (OBF, 0x1c), (IBF, 0), (IBF | OBF, 0)] {
                let status = state << 6 | flags;
                let ended = ends_though_frozen(accesses, status, data);
                assert!(ended, "{accesses} accesses, then {status:#x} {data:#x}");
            }
        }
    }
}

proptest! {
    /// Whatever the registers read, an attempt ends, in bounded steps and time.
    #[test]
    fn no_register_contents_keep_an_attempt_from_ending(values in proptest::collection::vec(any::<u8>(), 1..64)) {
        // One that is counted brings at most three that are not, nor is a byte's own.
        let took = feed(&mut Kcs::new(), &values, 4 * STEPS);
        prop_assert!(took.is_some_and(|ns| ns <= 61 * SEC));
    }
}
