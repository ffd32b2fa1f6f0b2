// SPDX-License-Identifier: BSD-2-Clause
//! The KCS machine against the software BMC's registers, on virtual time.

use std::cell::{Cell, RefCell};

use ipmi_bmc::{Bmc, Config, Fault, Interface, When};
use proptest::prelude::*;

use super::*;
use crate::attempt::{self, Pace, Wire};
use crate::time::SEC;
use crate::wire::{device, DriverReply, Message, NetFn};

struct Board {
    registers: RefCell<ipmi_bmc::Kcs>,
    now: Cell<u64>,
    accesses: Cell<u32>,
}

impl Board {
    fn new() -> Board {
        Board {
            registers: RefCell::new(ipmi_bmc::Kcs::new(Bmc::new(Config::default()))),
            now: Cell::new(SEC),
            accesses: Cell::new(0),
        }
    }

    fn with(fault: Fault) -> Board {
        let board = Board::new();
        board.add(When::Always, fault);
        board
    }

    fn add(&self, when: When, fault: Fault) {
        let mut registers = self.registers.borrow_mut();
        registers.faults_mut().add(when, fault);
    }

    fn spend(&self, ns: u64) {
        self.now.set(self.now.get() + ns);
    }

    /// Sends Get Device ID; the reply if one came.
    fn try_once(&self, kcs: &mut Kcs) -> Result<DriverReply, Failure> {
        self.send(kcs, &device::device_id(), Limits::PATIENT)
    }

    fn send(
        &self,
        kcs: &mut Kcs,
        message: &Message,
        limits: Limits,
    ) -> Result<DriverReply, Failure> {
        let mut reply = DriverReply::EMPTY;
        let mut exchange = Exchange {
            request: message.as_bytes(),
            reply: reply.arrival(),
        };
        attempt::run(self, kcs, limits, &mut exchange).map(|()| reply)
    }
}

impl Wire for Board {
    fn now(&self) -> Instant {
        Instant::at(self.now.get())
    }

    fn read(&self, register: u8) -> u8 {
        self.spend(1000);
        self.accesses.set(self.accesses.get() + 1);
        self.registers.borrow_mut().read(register, self.now.get())
    }

    fn write(&self, register: u8, value: u8) {
        self.spend(1000);
        self.accesses.set(self.accesses.get() + 1);
        self.registers
            .borrow_mut()
            .write(register, value, self.now.get());
    }

    fn wait(&self, pace: Pace, _: Instant) -> Result<(), Failure> {
        self.spend(match pace {
            Pace::Spin(us) => u64::from(us) * 1000,
            Pace::Sleep(ns) => ns,
        });
        Ok(())
    }

    fn permitted(&self) -> Result<(), Failure> {
        Ok(())
    }
}

#[test]
fn a_healthy_bmc_answers_in_one_attempt_without_an_abort() {
    let board = Board::new();
    let reply = board.try_once(&mut Kcs::new()).unwrap();
    assert_eq!(reply.completion(), 0);
    assert!(reply.data().len() >= 11);
    let began = board.now.get();
    assert!(began < SEC + 10 * MS, "{began}");
}

#[test]
fn each_dead_register_ends_within_its_limit_and_says_why() {
    for (fault, failure, limit) in [
        (Fault::IbfStuck, Failure::Stalled, 2 * SEC),
        (Fault::ObfNever, Failure::Stalled, 6 * SEC),
        (Fault::ReadsFf, Failure::Absent, SEC),
        (Fault::WrongState { state: 3 }, Failure::WrongState, 6 * SEC),
        (Fault::LongReply { total: 300 }, Failure::TooLong, 6 * SEC),
        (Fault::ShortReply { keep: 2 }, Failure::Mismatch, SEC),
        (Fault::WrongNetFn, Failure::Mismatch, SEC),
        (Fault::WrongCommand, Failure::Mismatch, SEC),
    ] {
        let board = Board::with(fault.clone());
        let start = board.now.get();
        let outcome = board.try_once(&mut Kcs::new());
        assert_eq!(outcome.err(), Some(failure), "{fault:?}");
        let took = board.now.get() - start;
        assert!(took < limit, "{fault:?} took {took} ns");
    }
}

#[test]
fn an_attempt_broken_off_at_any_byte_is_cleaned_up_by_the_next() {
    for byte in 0..20 {
        let board = Board::new();
        let when = When::AtByte {
            transaction: 0,
            byte,
            lasts: 8 * SEC,
        };
        board.add(when, Fault::IbfStuck);
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
        let board = Board::new();
        {
            let mut kcs = Kcs::new();
            let message = device::device_id();
            let mut reply = DriverReply::EMPTY;
            let mut exchange = Exchange {
                request: message.as_bytes(),
                reply: reply.arrival(),
            };
            kcs.begin(board.now(), Limits::PATIENT);
            let mut value = 0;
            while board.accesses.get() < accesses {
                match kcs.step(board.now(), value, &mut exchange) {
                    Action::Read(register) => value = board.read(register),
                    Action::Write(register, byte) => board.write(register, byte),
                    Action::Wait => board.spend(50_000),
                    Action::Done | Action::Failed(_) => break,
                }
            }
        }
        board.spend(10 * MS);
        let outcome = board.try_once(&mut Kcs::new());
        assert!(outcome.is_ok(), "{accesses}: {:?}", outcome.err());
    }
}

#[test]
fn a_bmc_in_error_state_is_brought_back() {
    let board = Board::new();
    let when = When::AtByte {
        transaction: 0,
        byte: 2,
        lasts: 1,
    };
    board.add(when, Fault::ErrorState);
    let mut kcs = Kcs::new();
    assert!(board.try_once(&mut kcs).is_err());
    assert_eq!(kcs.seen(board.read(STATUS)), Sight::Changed);
    assert!(board.try_once(&mut kcs).is_ok());
    assert_eq!(kcs.seen(board.read(STATUS)), Sight::Ready);
}

#[test]
fn a_slow_bmc_is_given_its_time() {
    let board = Board::with(Fault::SlowHandshake { ns: 2 * SEC });
    assert!(board.try_once(&mut Kcs::new()).is_ok());
}

#[test]
fn a_message_of_any_length_arrives_whole() {
    for length in 0..18usize {
        let board = Board::new();
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

proptest! {
    /// Whatever the registers read, an attempt ends, in bounded steps and time.
    #[test]
    fn no_register_contents_keep_an_attempt_from_ending(values in proptest::collection::vec(any::<u8>(), 1..64)) {
        let message = device::device_id();
        let mut reply = DriverReply::EMPTY;
        let mut exchange = Exchange { request: message.as_bytes(), reply: reply.arrival() };
        let mut kcs = Kcs::new();
        let mut now = Instant::at(0);
        kcs.begin(now, Limits::PATIENT);
        let mut feed = values.iter().cycle();
        let mut value = 0;
        let mut steps = 0u32;
        loop {
            steps += 1;
            prop_assert!(steps <= STEPS + 1);
            now = now.plus(1000);
            match kcs.step(now, value, &mut exchange) {
                Action::Read(_) => value = *feed.next().unwrap(),
                Action::Write(..) => {}
                Action::Wait => now = now.plus(100_000),
                Action::Done | Action::Failed(_) => break,
            }
        }
        prop_assert!(now <= Instant::at(61 * SEC));
    }
}
