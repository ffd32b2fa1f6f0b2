// SPDX-License-Identifier: BSD-2-Clause
//! A board for the machines' tests: the software BMC behind an interface, on virtual time.

use std::cell::{Cell, RefCell};

use ipmi_bmc::{Bmc, Config, Fault, Interface, SmbusError, When};

use super::ssif::{Block, Ssif, Transfer};
use super::{Action, Exchange, Failure, Limits, Transport};
use crate::attempt::{self, Pace, Wire};
use crate::time::{Instant, MS, SEC};
use crate::wire::{device, DriverReply, Message};

/// What can carry out an attempt: a machine with registers, or one with blocks.
pub(crate) trait Machine {
    fn attempt<W: Wire>(
        &mut self,
        wire: &W,
        limits: Limits,
        exchange: &mut Exchange<'_>,
    ) -> Result<(), Failure>;
}

impl<T: Transport> Machine for T {
    fn attempt<W: Wire>(
        &mut self,
        wire: &W,
        limits: Limits,
        exchange: &mut Exchange<'_>,
    ) -> Result<(), Failure> {
        attempt::drive(wire, self, limits, exchange)
    }
}

impl Machine for Ssif {
    fn attempt<W: Wire>(
        &mut self,
        wire: &W,
        limits: Limits,
        exchange: &mut Exchange<'_>,
    ) -> Result<(), Failure> {
        attempt::drive_blocks(wire, self, limits, exchange)
    }
}

pub(crate) struct Board<I> {
    pub(crate) registers: RefCell<I>,
    pub(crate) now: Cell<u64>,
    pub(crate) accesses: Cell<u32>,
}

impl<I: Interface> Board<I> {
    pub(crate) fn new(interface: impl FnOnce(Bmc) -> I) -> Board<I> {
        Board {
            registers: RefCell::new(interface(Bmc::new(Config::default()))),
            now: Cell::new(SEC),
            accesses: Cell::new(0),
        }
    }

    pub(crate) fn with(interface: impl FnOnce(Bmc) -> I, fault: Fault) -> Board<I> {
        let board = Board::new(interface);
        board.add(When::Always, fault);
        board
    }

    pub(crate) fn add(&self, when: When, fault: Fault) {
        let mut registers = self.registers.borrow_mut();
        registers.faults_mut().add(when, fault);
    }

    /// From byte `byte` of the first transaction on, for so many nanoseconds.
    pub(crate) fn add_at(&self, byte: u32, lasts: u64, fault: Fault) {
        let when = When::AtByte {
            transaction: 0,
            byte,
            lasts,
        };
        self.add(when, fault);
    }

    pub(crate) fn spend(&self, ns: u64) {
        self.now.set(self.now.get() + ns);
    }

    /// Sends Get Device ID; the reply if one came.
    pub(crate) fn try_once<T: Machine>(&self, machine: &mut T) -> Result<DriverReply, Failure> {
        self.send(machine, &device::device_id(), Limits::PATIENT)
    }

    pub(crate) fn send<T: Machine>(
        &self,
        machine: &mut T,
        message: &Message,
        limits: Limits,
    ) -> Result<DriverReply, Failure> {
        let mut reply = DriverReply::EMPTY;
        let mut exchange = Exchange {
            request: message.as_bytes(),
            reply: reply.arrival(),
        };
        machine.attempt(self, limits, &mut exchange).map(|()| reply)
    }

    /// Sends a request of `length` bytes, to write FRU data, and sees that it arrives whole.
    pub(crate) fn carry<T: Machine>(&self, machine: &mut T, length: usize) {
        let mut request = vec![0x28, 0x12, 0, 0, 1];
        request.extend((5..length).map(|i| i as u8));
        let mut reply = DriverReply::EMPTY;
        let mut exchange = Exchange {
            request: &request,
            reply: reply.arrival(),
        };
        machine
            .attempt(self, Limits::PATIENT, &mut exchange)
            .unwrap();
        let registers = self.registers.borrow();
        let seen = registers.bmc().records().last().unwrap();
        assert_eq!(seen.data, request[2..]);
    }

    /// Begins to send Get Device ID, and stops after so many accesses. Then lets 10 ms pass.
    pub(crate) fn break_off<T: Transport>(&self, machine: &mut T, accesses: u32) {
        let message = device::device_id();
        let mut reply = DriverReply::EMPTY;
        let mut exchange = Exchange {
            request: message.as_bytes(),
            reply: reply.arrival(),
        };
        machine.begin(self.now(), Limits::PATIENT);
        let mut value = 0;
        while self.accesses.get() < accesses {
            match machine.step(self.now(), value, &mut exchange) {
                Action::Read(register) => value = self.read(register),
                Action::Write(register, byte) => self.write(register, byte),
                Action::Wait => self.spend(50_000),
                Action::Done | Action::Failed(_) => break,
            }
        }
        self.spend(10 * MS);
    }

    fn transfer(
        &self,
        carry_out: impl FnOnce(&mut I, u64) -> (Result<Block, SmbusError>, u64),
    ) -> Transfer {
        self.accesses.set(self.accesses.get() + 1);
        let (outcome, took) = carry_out(&mut self.registers.borrow_mut(), self.now.get());
        self.spend(took);
        match outcome {
            Ok(block) => Transfer::Done(block),
            Err(SmbusError::Nak) => Transfer::Refused,
            Err(SmbusError::Busy) => Transfer::Busy,
            Err(SmbusError::Timeout) => Transfer::Broken,
        }
    }

    /// Each fault ends within so many nanoseconds and says why.
    pub(crate) fn judge<T: Machine>(
        interface: impl Fn(Bmc) -> I,
        machine: impl Fn() -> T,
        table: &[(Fault, Failure, u64)],
    ) {
        for (fault, failure, limit) in table {
            let board = Board::with(&interface, fault.clone());
            let start = board.now.get();
            let outcome = board.try_once(&mut machine());
            assert_eq!(outcome.err(), Some(*failure), "{fault:?}");
            let took = board.now.get() - start;
            assert!(took < *limit, "{fault:?} took {took} ns");
        }
    }
}

impl<I: Interface> Wire for Board<I> {
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

    fn send(&self, command: u8, block: &Block) -> Transfer {
        self.transfer(|interface, now| {
            let transfer = interface.smbus_write(command, block.as_bytes(), None, now);
            (transfer.outcome.map(|()| Block::EMPTY), transfer.took)
        })
    }

    fn fetch(&self, command: u8) -> Transfer {
        self.transfer(|interface, now| {
            let transfer = interface.smbus_read(command, now);
            let block = transfer.outcome.map(|read| Block::of(&read.bytes));
            (block, transfer.took)
        })
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

/// Steps an attempt whose registers read these values, over and over, to its end: how many
/// nanoseconds it took, or `None` if it took more than so many steps.
pub(crate) fn feed<T: Transport>(machine: &mut T, values: &[u8], steps: u32) -> Option<u64> {
    let message = device::device_id();
    let mut reply = DriverReply::EMPTY;
    let mut exchange = Exchange {
        request: message.as_bytes(),
        reply: reply.arrival(),
    };
    let mut now = Instant::at(0);
    machine.begin(now, Limits::PATIENT);
    let mut feed = values.iter().cycle();
    let mut value = 0;
    for _ in 0..=steps {
        now = now.plus(1000);
        match machine.step(now, value, &mut exchange) {
            Action::Read(_) => value = *feed.next().unwrap(),
            Action::Write(..) => {}
            Action::Wait => now = now.plus(100_000),
            Action::Done | Action::Failed(_) => return Some(now.nanos()),
        }
    }
    None
}
