// SPDX-License-Identifier: BSD-2-Clause
//! What firmware and buses tell of a BMC: an SMBIOS in memory, a device in ACPI's namespace, a function
//! on the PCI bus. Must not know who reads it.

pub mod aml;

use ipmi_bmc::SSIF_ADDRESS;
use ipmi_kernel::{AcpiDevice, PciDevice, Range};

use crate::board::Registers;
use crate::transport::Transport;

/// Where the entry point is, in the region that is searched.
const ENTRY: u64 = 0xf_0040;

/// An SMBIOS.
#[derive(Clone, Copy, Debug)]
pub struct Smbios {
    /// The version of the entry point: 3, or 2, which has room for 32 bits of address.
    pub version: u8,
    /// Where the table is.
    pub table: u64,
    /// The interrupt that it names.
    pub interrupt: Option<Wire>,
}

/// An interrupt line from the BMC to the processor.
#[derive(Clone, Copy, Debug)]
pub struct Wire {
    /// The ISA interrupt.
    pub number: u8,
    /// Triggered by level, not by edge.
    pub level: bool,
    pub fault: Option<Cut>,
}

impl Wire {
    /// A whole one that is triggered by level, as most are.
    pub const LEVEL: Wire = Wire {
        number: 5,
        level: true,
        fault: None,
    };
}

/// What is wrong with a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Nothing comes through.
    Open,
    /// Once high it stays so.
    Short,
}

impl Default for Smbios {
    fn default() -> Smbios {
        Smbios {
            version: 3,
            table: 0xf_1000,
            interrupt: None,
        }
    }
}

impl Smbios {
    /// (address, bytes) of entry point and table, which describe such a BMC with registers side by side.
    pub fn bytes(self, transport: Transport) -> Vec<(u64, Vec<u8>)> {
        self.holding(structures(transport, self.interrupt))
    }

    /// The same for a table that may hold anything.
    pub fn holding(self, table: Vec<u8>) -> Vec<(u64, Vec<u8>)> {
        let entry = match self.version {
            3 => self.entry_3(table.len()),
            _ => self.entry_2(table.len()),
        };
        vec![(ENTRY, entry), (self.table, table)]
    }

    fn entry_3(self, length: usize) -> Vec<u8> {
        let mut entry = b"_SM3_\0\x18\x03\x00\x00\x01\x00".to_vec();
        entry.extend((length as u32).to_le_bytes());
        entry.extend(self.table.to_le_bytes());
        seal(&mut entry, 5);
        entry
    }

    fn entry_2(self, length: usize) -> Vec<u8> {
        let mut inner = b"_DMI_\0".to_vec();
        inner.extend((length as u16).to_le_bytes());
        inner.extend((self.table as u32).to_le_bytes());
        inner.extend([2, 0, 0x28]);
        seal(&mut inner, 5);
        let mut entry = b"_SM_\0\x1f\x02\x08\x40\0\0\0\0\0\0\0".to_vec();
        entry.extend(inner);
        seal(&mut entry, 4);
        entry
    }
}

/// Makes the sum of all bytes zero by the one at `at`.
fn seal(bytes: &mut [u8], at: usize) {
    bytes[at] = bytes.iter().fold(0u8, |sum, byte| sum.wrapping_sub(*byte));
}

/// All that a machine tells of its BMCs.
#[derive(Clone, Debug, Default)]
pub struct Described {
    /// What is in memory, as (address, bytes).
    pub memory: Vec<(u64, Vec<u8>)>,
    /// Which tables EFI knows, as (GUID in memory, address).
    pub efi: Vec<([u8; 16], u64)>,
    pub acpi: Vec<AcpiDevice>,
    pub pci: Vec<PciDevice>,
    /// How many SMBuses with nobody on them come before the BMC's.
    pub empty_smbuses: i32,
}

/// Interface types of SMBIOS and `_IFT`.
fn interface_type(transport: Transport) -> u8 {
    match transport {
        Transport::Kcs | Transport::KcsIrq | Transport::KcsMem => 1,
        Transport::Smic => 2,
        Transport::Bt | Transport::BtIrq => 3,
        Transport::Ssif => 4,
    }
}

/// How many registers it has.
fn count(transport: Transport) -> u16 {
    match transport {
        Transport::Kcs | Transport::KcsIrq | Transport::KcsMem => 2,
        Transport::Smic | Transport::Bt | Transport::BtIrq => 3,
        Transport::Ssif => 0,
    }
}

/// The ranges of such a BMC's registers: one of all of them if they are side by side, else one for
/// each, which is how ACPI tells that they are not.
fn ranges(transport: Transport, spacing: u16) -> Vec<Range> {
    let (ranges, each) = match spacing {
        1 => (1, count(transport)),
        _ => (count(transport), 1),
    };
    let range = |n: u16| match transport.registers(spacing) {
        Registers::Ports { base, spacing } => Some(Range::ports(base + n * spacing, each)),
        Registers::Memory { base, spacing } => {
            Some(Range::memory(base + u64::from(n) * spacing, each.into()))
        }
        Registers::Smbus => None,
    };
    (0..ranges).filter_map(range).collect()
}

/// Where the device is in ACPI's namespace.
pub const ACPI_PATH: &str = r"\_SB_.PCI0.SBRG.SPMI";

/// A device IPI0001 with the registers of such a BMC, as QEMU has one.
pub fn acpi(transport: Transport, spacing: u16) -> AcpiDevice {
    let mut device = AcpiDevice {
        path: ACPI_PATH.into(),
        hid: "IPI0001".into(),
        objects: vec![],
        resources: ranges(transport, spacing),
    };
    device.object("_IFT", Some(interface_type(transport).into()));
    device.object("_SRV", Some(0x0200));
    device.object("_UID", Some(0));
    if transport == Transport::Ssif {
        device.object("_ADR", Some(SSIF_ADDRESS.into()));
    }
    device
}

/// Where the function is on the PCI bus.
pub const PCI_LOCATION: &str = "pci0:0:4:0";

/// A function of class serial bus, IPMI, with the registers of such a BMC, `spacing` apart, behind
/// its first base address register.
pub fn pci(transport: Transport, spacing: u16) -> PciDevice {
    let span = (count(transport) * spacing).next_power_of_two();
    let bar = match transport.registers(spacing) {
        Registers::Ports { base, .. } => Range::ports(base, span),
        Registers::Memory { base, .. } => Range::memory(base, span.into()),
        Registers::Smbus => Range::ports(0, 0),
    };
    PciDevice {
        slot: 4,
        function: 0,
        vendor: 0x1af4,
        device: 0x1100,
        class: 0x0c,
        subclass: 0x07,
        progif: match transport {
            Transport::Smic => 0,
            Transport::Kcs | Transport::KcsIrq | Transport::KcsMem => 1,
            Transport::Bt | Transport::BtIrq => 2,
            Transport::Ssif => 0xff,
        },
        bars: vec![bar],
        irq: None,
    }
}

/// The PCI function of a Dell PE2650, of which only SMBIOS tells what it is.
pub fn dell(transport: Transport, spacing: u16) -> PciDevice {
    PciDevice {
        function: 2,
        vendor: 0x1028,
        device: 0x000d,
        class: 0xff,
        subclass: 0,
        progif: 0,
        ..pci(transport, spacing)
    }
}

/// Type 38, 18 bytes, IPMI 2.0; then the end of the table.
fn structures(transport: Transport, interrupt: Option<Wire>) -> Vec<u8> {
    let interface = interface_type(transport);
    let slave = match transport {
        Transport::Ssif => SSIF_ADDRESS,
        _ => 0x20,
    };
    // The lowest bit tells ports from memory; the address's own is in the modifier.
    let (base, modifier) = match transport.registers(1) {
        Registers::Ports { base, .. } => (u64::from(base) | 1, (base as u8 & 1) << 4),
        Registers::Memory { base, .. } => (base & !1, (base as u8 & 1) << 4),
        Registers::Smbus => (u64::from(SSIF_ADDRESS), 0),
    };
    let mut table = vec![38, 18, 0, 0, interface, 0x20, slave, 0];
    table.extend(base.to_le_bytes());
    // Specified, active high.
    let line = interrupt.map_or(0, |wire| 0x0a | u8::from(wire.level));
    let number = interrupt.map_or(0, |wire| wire.number);
    table.extend([modifier | line, number, 0, 0, 127, 4, 1, 0, 0, 0]);
    table
}
