// SPDX-License-Identifier: BSD-2-Clause
//! What a BIOS does for a PCI device: it is found in configuration space and gets its ports. Must not
//! know what the device is for.

use anyhow::{ensure, Result};
use ipmi_kernel::{PciDevice, Range};

use super::Qemu;

/// Where the device is put on bus 0.
pub const SLOT: u8 = 4;
/// The ports that its first base address register gets.
const PORTS: u16 = 0xc000;

/// The pair of ports behind which configuration space is.
const ADDRESS: u16 = 0xcf8;
const DATA: u16 = 0xcfc;
const ENABLED: u32 = 1 << 31;

/// Offsets in it.
const VENDOR: u8 = 0x00;
const COMMAND: u8 = 0x04;
const CLASS: u8 = 0x08;
const BAR: u8 = 0x10;

/// Command bit: answers on its ports.
const ANSWERS_ON_PORTS: u32 = 1;

impl Qemu {
    fn select(&mut self, register: u8) -> Result<()> {
        let address = ENABLED | u32::from(SLOT) << 11 | u32::from(register);
        self.ask(&format!("outl {ADDRESS:#x} {address:#x}\n"))?;
        Ok(())
    }

    fn config(&mut self, register: u8) -> Result<u32> {
        self.select(register)?;
        Ok(self.number(&format!("inl {DATA:#x}\n"))? as u32)
    }

    fn set_config(&mut self, register: u8, value: u32) -> Result<()> {
        self.select(register)?;
        self.ask(&format!("outl {DATA:#x} {value:#x}\n"))?;
        Ok(())
    }

    /// Gives the device its ports and tells what it is.
    pub(super) fn set_up_pci(&mut self) -> Result<PciDevice> {
        let [device, vendor] = halves(self.config(VENDOR)?);
        ensure!(vendor != 0xffff, "QEMU has no PCI device {SLOT}");
        let class = self.config(CLASS)?.to_be_bytes();
        self.set_config(BAR, u32::MAX)?;
        // The bits of the address that cannot be set are those within the range.
        let size = (!(self.config(BAR)? & !3)).wrapping_add(1) as u16;
        self.set_config(BAR, PORTS.into())?;
        ensure!(self.config(BAR)? & 1 == 1, "the registers are no ports");
        self.set_config(COMMAND, ANSWERS_ON_PORTS)?;
        Ok(PciDevice {
            slot: SLOT,
            function: 0,
            vendor,
            device,
            class: class[0],
            subclass: class[1],
            progif: class[2],
            bars: vec![Range::ports(PORTS, size)],
            irq: None,
        })
    }
}

/// The upper and the lower half.
fn halves(word: u32) -> [u16; 2] {
    [(word >> 16) as u16, word as u16]
}
