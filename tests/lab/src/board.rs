// SPDX-License-Identifier: BSD-2-Clause
//! The board: puts a software BMC's registers where a machine looks for them, and keeps the
//! notes that only somebody at the registers can take. Must not know scenarios.

use ipmi_bmc::{Cause, Effect, Interface, Kind, PreTimeoutKind, SSIF_ADDRESS};
use ipmi_kernel::{AcpiDevice, Hardware, HwEvent, PciDevice, Smbus, SmbusError, Transfer};

use crate::firmware::{Cut, Described, Wire};
use crate::mc_watchdog::McWatchdog;
use crate::record::{Begin, Begun, Timer};
use crate::span::{Ns, US};

/// Where the registers are: base and distance, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registers {
    Ports {
        base: u16,
        spacing: u16,
    },
    Memory {
        base: u64,
        spacing: u64,
    },
    /// There are none: the BMC is on the SMBus.
    Smbus,
}

impl Registers {
    fn of_port(&self, port: u16) -> Option<u8> {
        match *self {
            Registers::Ports { base, spacing } => {
                register(port.checked_sub(base)?.into(), spacing.into())
            }
            Registers::Memory { .. } | Registers::Smbus => None,
        }
    }

    fn of_address(&self, address: u64) -> Option<u8> {
        match *self {
            Registers::Memory { base, spacing } => register(address.checked_sub(base)?, spacing),
            Registers::Ports { .. } | Registers::Smbus => None,
        }
    }
}

fn register(offset: u64, spacing: u64) -> Option<u8> {
    offset
        .is_multiple_of(spacing)
        .then(|| u8::try_from(offset / spacing).ok())
        .flatten()
}

/// What was seen at the registers in a run.
#[derive(Clone, Debug, Default)]
pub struct Sightings {
    pub begun: Vec<Begun>,
    pub timer: Vec<(Ns, Timer)>,
    pub confirmed: Vec<Ns>,
    /// What Get Watchdog Timer was answered with, whoever asked.
    pub readings: Vec<(Ns, McWatchdog)>,
    /// When the BMC said that its timer does not run.
    pub told_stopped: Vec<Ns>,
    /// The watchdog commands that the BMC ran, whoever sent them.
    pub dog: Vec<(Ns, u8)>,
    /// When the BMC sent an NMI.
    pub nmis: Vec<Ns>,
    pub accesses: u64,
}

/// A BMC on a bus.
pub struct Board {
    registers: Registers,
    interface: Box<dyn Interface>,
    described: Described,
    wire: Option<Wire>,
    seen: Sightings,
    opening: Opening,
    /// What was written to the SMBus last and has had no answer.
    unanswered: Option<Vec<u8>>,
    commands: u64,
    /// Another BMC of the same host.
    neighbour: Option<Box<Board>>,
}

/// The first bytes of a KCS transaction, until they tell its command.
#[derive(Clone, Copy, Debug, Default)]
struct Opening {
    at: Option<Ns>,
    net_fn: Option<u8>,
}

/// Completion code of Reset Watchdog Timer without a Set before.
const NOT_INITIALISED: u8 = 0x80;
/// KCS control codes.
const GET_STATUS_ABORT: u8 = 0x60;
const WRITE_START: u8 = 0x61;

/// SSIF commands that begin a request.
const SSIF_WRITE_SINGLE: u8 = 0x02;
const SSIF_WRITE_START: u8 = 0x06;

impl Board {
    /// What the BMC has run before is nobody's but its own.
    pub fn new(registers: Registers, interface: Box<dyn Interface>, described: Described) -> Board {
        let mut board = Board {
            registers,
            commands: interface.bmc().commands_run(),
            interface,
            described,
            wire: None,
            seen: Sightings::default(),
            opening: Opening::default(),
            unanswered: None,
            neighbour: None,
        };
        board.observe(0);
        board
    }

    /// Changes what firmware has left in memory.
    pub fn set_memory(&mut self, memory: Vec<(u64, Vec<u8>)>) {
        self.described.memory = memory;
    }

    /// Puts another board beside this one, where its registers are.
    pub fn put_beside(&mut self, other: Board) {
        self.neighbour = Some(Box::new(other));
    }

    /// The other board.
    pub fn neighbour(&mut self) -> Option<&mut Board> {
        self.neighbour.as_deref_mut()
    }

    /// Connects the BMC's interrupt.
    pub fn wire(&mut self, wire: Option<Wire>) {
        self.wire = wire;
    }

    pub fn seen(&self) -> &Sightings {
        &self.seen
    }

    pub fn interface(&self) -> &dyn Interface {
        &*self.interface
    }

    pub fn interface_mut(&mut self) -> &mut dyn Interface {
        &mut *self.interface
    }

    fn read(&mut self, register: Option<u8>, now: Ns) -> u8 {
        self.seen.accesses += 1;
        let value = register.map_or(0xff, |register| self.interface.read(register, now));
        self.observe(now);
        value
    }

    fn write(&mut self, register: Option<u8>, value: u8, now: Ns) {
        self.seen.accesses += 1;
        let Some(register) = register else { return };
        if self.interface.kind() == Kind::Kcs {
            self.eavesdrop(register, value, now);
        }
        self.interface.write(register, value, now);
        self.observe(now);
    }

    /// Notes which transaction begins from the bytes on their way to the BMC.
    fn eavesdrop(&mut self, register: u8, value: u8, now: Ns) {
        match (register, self.opening) {
            (1, _) if matches!(value, GET_STATUS_ABORT | WRITE_START) => {
                self.opened(None);
                match value {
                    WRITE_START => self.opening.at = Some(now),
                    _ => self.seen.begun.push(Begun {
                        at: now,
                        what: Begin::Abort,
                    }),
                }
            }
            (
                0,
                Opening {
                    at: Some(_),
                    net_fn: None,
                },
            ) => self.opening.net_fn = Some(value >> 2),
            (
                0,
                Opening {
                    at: Some(_),
                    net_fn: Some(net_fn),
                },
            ) => self.opened(Some((net_fn, value))),
            _ => {}
        }
    }

    /// Notes which transaction begins with a block on its way to the BMC. The same block again, without
    /// an answer in between, is the same one tried again; but for a pat, as there may be two of them.
    fn overhear(&mut self, command: u8, block: &[u8], now: Ns) {
        let (SSIF_WRITE_SINGLE | SSIF_WRITE_START, &[net_fn, cmd, ..]) = (command, block) else {
            return;
        };
        let begun = Begun {
            at: now,
            what: Begin::Transaction(Some((net_fn >> 2, cmd))),
        };
        let again = self.unanswered.as_deref() == Some(block);
        if !again || begun.is_pat() {
            self.seen.begun.push(begun);
        }
        self.unanswered = Some(block.to_vec());
    }

    /// The transaction under way, if its opening is still being heard, is this one.
    fn opened(&mut self, command: Option<(u8, u8)>) {
        if let Opening { at: Some(at), .. } = std::mem::take(&mut self.opening) {
            self.seen.begun.push(Begun {
                at,
                what: Begin::Transaction(command),
            });
        }
    }

    /// Notes what changed in the BMC's watchdog timer and which pats it took.
    fn observe(&mut self, now: Ns) {
        let bmc = self.interface.bmc();
        let fresh = (bmc.commands_run() - self.commands) as usize;
        if fresh > 0 {
            self.commands = bmc.commands_run();
            let counting = bmc.watchdog(now).counting;
            let kept = bmc.records().count();
            let run = bmc.records().skip(kept.saturating_sub(fresh));
            for r in run.filter(|r| r.netfn == 0x06 && matches!(r.cmd, 0x22 | 0x24 | 0x25)) {
                self.seen.dog.push((r.at, r.cmd));
                let reading = McWatchdog::decode(&r.reply);
                if r.completion == NOT_INITIALISED || reading.is_some_and(|r| !r.running) {
                    self.seen.told_stopped.push(r.at);
                }
                match reading {
                    Some(reading) => self.seen.readings.push((r.at, reading)),
                    None if r.completion == 0 && !r.cancelled && counting => {
                        self.seen.confirmed.push(r.at);
                    }
                    None => {}
                }
            }
        }
        let timer = self.timer(now);
        let same = |a: (Ns, Timer), b: (Ns, Timer)| match (a.1, b.1) {
            (Timer::Running(x), Timer::Running(y)) => a.0 + x == b.0 + y,
            (x, y) => x == y,
        };
        match self.seen.timer.last() {
            Some(&last) if same(last, (now, timer)) => {}
            _ => self.seen.timer.push((now, timer)),
        }
    }

    fn timer(&self, now: Ns) -> Timer {
        let view = self.interface.bmc().watchdog(now);
        match (view.counting, view.running) {
            (true, _) => Timer::Running(view.remaining),
            (false, true) => Timer::Frozen(view.remaining),
            (false, false) => Timer::Stopped,
        }
    }
}

impl Hardware for Board {
    fn port_read(&mut self, port: u16, now: Ns) -> u8 {
        let register = self.registers.of_port(port);
        match &mut self.neighbour {
            Some(other) if register.is_none() => other.port_read(port, now),
            _ => self.read(register, now),
        }
    }

    fn port_write(&mut self, port: u16, value: u8, now: Ns) {
        let register = self.registers.of_port(port);
        match &mut self.neighbour {
            Some(other) if register.is_none() => other.port_write(port, value, now),
            _ => self.write(register, value, now),
        }
    }

    fn mem_read(&mut self, address: u64, now: Ns) -> u8 {
        let register = self.registers.of_address(address);
        match &mut self.neighbour {
            Some(other) if register.is_none() => other.mem_read(address, now),
            _ => self.read(register, now),
        }
    }

    fn mem_write(&mut self, address: u64, value: u8, now: Ns) {
        let register = self.registers.of_address(address);
        match &mut self.neighbour {
            Some(other) if register.is_none() => other.mem_write(address, value, now),
            _ => self.write(register, value, now),
        }
    }

    fn next_event(&self) -> Option<Ns> {
        let other = self.neighbour.as_ref().and_then(|other| other.next_event());
        self.interface.next_event().into_iter().chain(other).min()
    }

    fn advance(&mut self, now: Ns) -> Vec<HwEvent> {
        let effects = self.interface.advance(now);
        self.observe(now);
        let events: Vec<HwEvent> = effects.iter().filter_map(|e| event(e, self.wire)).collect();
        let nmis = events.iter().filter(|e| matches!(e, HwEvent::Nmi));
        self.seen.nmis.extend(nmis.map(|_| now));
        let others = self.neighbour.as_mut().map(|other| other.advance(now));
        events
            .into_iter()
            .chain(others.unwrap_or_default())
            .collect()
    }

    fn firmware(&self) -> Vec<(u64, Vec<u8>)> {
        self.described.memory.clone()
    }

    fn efi(&self) -> Vec<([u8; 16], u64)> {
        self.described.efi.clone()
    }

    fn acpi(&self) -> Vec<AcpiDevice> {
        self.described.acpi.clone()
    }

    fn pci(&self) -> Vec<PciDevice> {
        self.described.pci.clone()
    }

    fn empty_smbuses(&self) -> i32 {
        self.described.empty_smbuses
    }

    fn smbus(&mut self) -> Option<&mut dyn Smbus> {
        if self.registers == Registers::Smbus {
            return Some(self);
        }
        self.neighbour.as_mut()?.smbus()
    }
}

/// The BMC is alone on it.
impl Smbus for Board {
    fn write(&mut self, address: u8, command: u8, block: &[u8], now: Ns) -> Transfer<()> {
        self.seen.accesses += 1;
        if address != SSIF_ADDRESS {
            return nobody();
        }
        self.overhear(command, block, now);
        let transfer = self.interface.smbus_write(command, block, None, now);
        self.observe(now);
        ended(transfer, |()| ())
    }

    fn read(&mut self, address: u8, command: u8, now: Ns) -> Transfer<Vec<u8>> {
        self.seen.accesses += 1;
        if address != SSIF_ADDRESS {
            return nobody();
        }
        let transfer = self.interface.smbus_read(command, now);
        if transfer.outcome.is_ok() {
            self.unanswered = None;
        }
        self.observe(now);
        ended(transfer, |block| block.bytes)
    }
}

/// No transfer at all takes less.
fn nobody<T>() -> Transfer<T> {
    Transfer {
        outcome: Err(SmbusError::Nak),
        took: 90 * US,
    }
}

fn ended<A, B>(transfer: ipmi_bmc::Transfer<A>, f: impl FnOnce(A) -> B) -> Transfer<B> {
    let outcome = transfer.outcome.map(f).map_err(|error| match error {
        ipmi_bmc::SmbusError::Nak => SmbusError::Nak,
        ipmi_bmc::SmbusError::Busy => SmbusError::Busy,
        ipmi_bmc::SmbusError::Timeout => SmbusError::Timeout,
    });
    Transfer {
        outcome,
        took: transfer.took,
    }
}

/// What the host notices of an effect.
fn event(effect: &Effect, wire: Option<Wire>) -> Option<HwEvent> {
    match effect {
        Effect::Interrupt(high) => {
            let wire = wire?;
            let stays = wire.fault == Some(Cut::Short) && !high;
            let comes = wire.fault != Some(Cut::Open) && !stays;
            comes.then_some(HwEvent::Irq(wire.number.into(), *high))
        }
        Effect::HostReset { cause, .. } => Some(HwEvent::HostReset(words(cause).into())),
        Effect::PowerCycle { .. } => Some(HwEvent::PowerCycle),
        Effect::PowerOff { .. } => Some(HwEvent::PowerOff),
        Effect::DiagnosticInterrupt { .. }
        | Effect::PreTimeout {
            kind: PreTimeoutKind::Nmi,
            ..
        } => Some(HwEvent::Nmi),
        _ => None,
    }
}

fn words(cause: &Cause) -> &'static str {
    match cause {
        Cause::Watchdog { .. } => "by the BMC's watchdog timer",
        Cause::ChassisControl => "by Chassis Control",
    }
}
