// SPDX-License-Identifier: BSD-2-Clause
//! What all register models have in common: the trait a board holds them by, and the plumbing that
//! lets the firmware serve registers in the order of time. It must not know any single interface.

use crate::bmc::Bus;
use crate::{Accesses, Bmc, Effect, Fault, Faults};

/// A system interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Registers: 0 data, 1 command and status.
    Kcs,
    /// Registers: 0 data, 1 control and status, 2 flags.
    Smic,
    /// Registers: 0 control, 1 buffer, 2 interrupt mask.
    Bt,
    /// No registers: block transfers on an SMBus.
    Ssif,
}

impl Kind {
    /// How many registers it has.
    pub fn registers(self) -> u8 {
        match self {
            Kind::Kcs => 2,
            Kind::Smic | Kind::Bt => 3,
            Kind::Ssif => 0,
        }
    }
}

/// Why a transfer on the SMBus failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmbusError {
    /// Nobody acknowledged the address, or the device refused a byte.
    Nak,
    /// The bus is held by somebody else.
    Busy,
    /// The BMC held the clock for too long, and the bus gave up; what was written may be taken.
    Timeout,
}

/// A block read from the SMBus: up to 32 bytes, and the PEC if the device sends one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    pub bytes: Vec<u8>,
    pub pec: Option<u8>,
}

/// A transfer on the SMBus: how it ended, and for how many ns it held the bus, clock stretching
/// included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer<T> {
    pub outcome: Result<T, SmbusError>,
    pub took: u64,
}

/// A BMC behind a system interface, as a board holds it. `now` is in ns as everywhere.
pub trait Interface: Send {
    fn kind(&self) -> Kind;

    /// The host reads a register; ff where there is none.
    fn read(&mut self, register: u8, now: u64) -> u8;

    /// The host writes a register; nothing happens where there is none.
    fn write(&mut self, register: u8, byte: u8, now: u64);

    /// SMBus Block Write to the BMC: command, up to 32 bytes, PEC if the host uses it.
    fn smbus_write(&mut self, command: u8, block: &[u8], pec: Option<u8>, now: u64)
        -> Transfer<()>;

    /// SMBus Block Read from the BMC.
    fn smbus_read(&mut self, command: u8, now: u64) -> Transfer<Block>;

    /// Lets time pass up to `now` and hands out what happened meanwhile, in order.
    fn advance(&mut self, now: u64) -> Vec<Effect>;

    /// When `advance` will next have something to do if the host does nothing.
    fn next_event(&self) -> Option<u64>;

    fn accesses(&self) -> Accesses;

    fn bmc(&self) -> &Bmc;

    fn bmc_mut(&mut self) -> &mut Bmc;

    fn faults_mut(&mut self) -> &mut Faults {
        self.bmc_mut().faults_mut()
    }
}

/// The part of a register model that is its own. All calls come with the BMC brought up to the
/// present, and only while somebody is there to see or serve the registers.
pub trait Model: Default + Send {
    const KIND: Kind;

    /// When the firmware will next touch the registers.
    fn due(&self) -> Option<u64>;

    /// Does the one thing that is due first.
    fn serve(&mut self, bmc: &mut Bmc);

    /// The BMC has come up again.
    fn restart(&mut self, bmc: &mut Bmc);

    /// [`Fault::ErrorState`].
    fn fail(&mut self, bmc: &mut Bmc);

    fn read(&mut self, register: u8, bmc: &mut Bmc) -> u8;

    /// Says whether the write kept to the protocol.
    fn write(&mut self, register: u8, byte: u8, bmc: &mut Bmc) -> bool;

    /// What a register reads as while the BMC boots and lets nobody in.
    fn busy(register: u8) -> u8;

    /// The level of the interrupt line (SMBAlert# on SSIF), if the global enables allow any.
    fn interrupt(&mut self, bmc: &Bmc) -> bool;

    /// A block written in a transfer that ends at `end`.
    fn smbus_write(
        &mut self,
        _command: u8,
        _block: &[u8],
        _pec: Option<u8>,
        _end: u64,
        _bmc: &mut Bmc,
    ) -> bool {
        false
    }

    fn smbus_read(&mut self, _command: u8, _bmc: &mut Bmc) -> Option<Block> {
        None
    }
}

/// A register model with the BMC behind it.
#[derive(Clone, Debug)]
pub struct Wired<M> {
    pub(crate) model: M,
    bmc: Bmc,
    boots: u32,
    interrupt: bool,
    /// The interrupt line has changed, and nobody has been told.
    pulled: bool,
    /// SMS_ATN as the line last took it into account.
    attention: bool,
    accesses: Accesses,
}

/// An SMBus at 100 kHz: nine bits a byte.
const BYTE_ON_SMBUS: u64 = 90_000;
/// For longer nobody's bus lets the clock be held.
pub const SMBUS_TIMEOUT: u64 = 300_000_000;

impl<M: Model> Wired<M> {
    pub fn new(mut bmc: Bmc) -> Wired<M> {
        bmc.kind = M::KIND;
        Wired {
            model: M::default(),
            boots: bmc.boots(),
            bmc,
            interrupt: false,
            pulled: false,
            attention: false,
            accesses: Accesses::default(),
        }
    }

    /// Lets the firmware do all it does up to `now`, in order.
    fn sync(&mut self, now: u64) {
        let now = now.max(self.bmc.now);
        while let Some(due) = self.model.due().filter(|&due| due <= now) {
            self.run_to(due);
            match self.bmc.stalled_until() {
                Some(until) if until > now => break,
                Some(until) => self.run_to(until),
                // The run may have brought a reset, after which nothing is due.
                None if self.model.due().is_some_and(|due| due <= self.bmc.now) => {
                    self.model.serve(&mut self.bmc);
                }
                None => {}
            }
        }
        self.run_to(now);
        self.pull_interrupt();
    }

    /// Lets the BMC run and takes over what happened to it behind the interface's back.
    fn run_to(&mut self, now: u64) {
        self.bmc.run_to(now);
        if self.boots != self.bmc.boots() {
            self.boots = self.bmc.boots();
            self.model.restart(&mut self.bmc);
        }
        if self.bmc.take_interface_error() {
            self.model.fail(&mut self.bmc);
        }
    }

    fn pull_interrupt(&mut self) {
        self.attention = self.bmc.attention();
        let level = self.model.interrupt(&self.bmc) && self.bmc.messaging.interrupts();
        if level != self.interrupt {
            self.interrupt = level;
            self.pulled = true;
            self.bmc.effect(Effect::Interrupt(level));
        }
    }

    /// A transfer of `bytes` bytes begins: how long it will take, and whether the bus will last it.
    fn transfer(&mut self, bytes: usize, now: u64) -> Transfer<()> {
        self.sync(now);
        let at_once = |error| Transfer {
            outcome: Err(error),
            took: BYTE_ON_SMBUS,
        };
        if self.bmc.fault_holds(&Fault::SmbusBusy) {
            return at_once(SmbusError::Busy);
        }
        if self.bmc.bus() != Bus::Live {
            return at_once(SmbusError::Nak);
        }
        let held = self.bmc.handshake();
        Transfer {
            outcome: match held <= SMBUS_TIMEOUT {
                true => Ok(()),
                false => Err(SmbusError::Timeout),
            },
            took: bytes as u64 * BYTE_ON_SMBUS + held.min(SMBUS_TIMEOUT),
        }
    }
}

impl<M: Model> Interface for Wired<M> {
    fn kind(&self) -> Kind {
        M::KIND
    }

    fn read(&mut self, register: u8, now: u64) -> u8 {
        self.sync(now);
        self.accesses.reads += 1;
        let value = match self.bmc.bus() {
            _ if register >= M::KIND.registers() => 0xff,
            Bus::Gone => 0xff,
            Bus::Busy => M::busy(register),
            Bus::Live | Bus::Still => self.model.read(register, &mut self.bmc),
        };
        self.pull_interrupt();
        value
    }

    fn write(&mut self, register: u8, byte: u8, now: u64) {
        self.sync(now);
        self.accesses.writes += 1;
        let bus = self.bmc.bus();
        if register >= M::KIND.registers() || matches!(bus, Bus::Gone | Bus::Busy) {
            return;
        }
        let proper = self.model.write(register, byte, &mut self.bmc);
        if !proper && bus == Bus::Live {
            self.accesses.violations += 1;
        }
        self.pull_interrupt();
    }

    fn smbus_write(
        &mut self,
        command: u8,
        block: &[u8],
        pec: Option<u8>,
        now: u64,
    ) -> Transfer<()> {
        self.accesses.writes += 1;
        // Address, command, count, bytes, PEC.
        let length = 3 + block.len() + usize::from(pec.is_some());
        let mut transfer = self.transfer(length, now);
        // One that the bus gave up on may have come to the BMC's notice, or not.
        let heard = match transfer.outcome {
            Err(SmbusError::Timeout) => self.bmc.rng.below(2) == 0,
            outcome => outcome.is_ok(),
        };
        if heard {
            let (end, bmc) = (self.bmc.now + transfer.took, &mut self.bmc);
            let taken = self.model.smbus_write(command, block, pec, end, bmc);
            if !taken && transfer.outcome.is_ok() {
                transfer.outcome = Err(SmbusError::Nak);
            }
            self.pull_interrupt();
        }
        transfer
    }

    fn smbus_read(&mut self, command: u8, now: u64) -> Transfer<Block> {
        self.accesses.reads += 1;
        // Address, command, address again, count.
        let Transfer { outcome, took } = self.transfer(4, now);
        if let Err(error) = outcome {
            return Transfer {
                outcome: Err(error),
                took,
            };
        }
        let block = self.model.smbus_read(command, &mut self.bmc);
        self.pull_interrupt();
        let bytes = block.as_ref().map_or(0, |block| block.bytes.len());
        Transfer {
            took: took + bytes as u64 * BYTE_ON_SMBUS,
            outcome: block.ok_or(SmbusError::Nak),
        }
    }

    fn advance(&mut self, now: u64) -> Vec<Effect> {
        self.sync(now);
        self.pulled = false;
        self.bmc.advance(now)
    }

    fn next_event(&self) -> Option<u64> {
        // What was done to the BMC directly shows in its attention first.
        let unseen = self.bmc.attention() != self.attention && self.bmc.messaging.interrupts();
        if self.pulled || unseen {
            return Some(self.bmc.now);
        }
        let served = match self.bmc.stalled_until() {
            Some(_) => None,
            None => self.model.due(),
        };
        match (served, self.bmc.next_event()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    fn accesses(&self) -> Accesses {
        self.accesses
    }

    fn bmc(&self) -> &Bmc {
        &self.bmc
    }

    fn bmc_mut(&mut self) -> &mut Bmc {
        &mut self.bmc
    }
}
