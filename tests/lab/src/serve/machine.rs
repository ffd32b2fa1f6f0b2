// SPDX-License-Identifier: BSD-2-Clause
//! What a live machine is made of: the modules and the BMC that answers. Must not know clients.

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;
use ipmi_bmc::{Bmc, Config, Executes, Satellite};
use ipmi_kernel::Hardware;

use super::house::Plan;
use super::qemu::{self, Interface, Qemu};
use crate::board::Board;
use crate::firmware::Described;
use crate::ko;
use crate::transport::Transport;

/// Registers are a byte apart.
const SPACING: u16 = 1;
/// Another controller on our BMC's IPMB, where manuals say `ipmitool -t 0x40`.
pub const SATELLITE: u8 = 0x40;

/// QEMU's BMC says that it is this.
const SIM: &str = "fwrev1=3,fwrev2=20,mfg_id=7154,product_id=4098";
/// And ipmi_sim that, with a record of the BMC itself in its SDR repository, and [`SATELLITE`].
const EMU: &str = "mc_setbmc 0x20\n\
                   mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr\n\
                   sel_enable 0x20 1000 0x0a\n\
                   main_sdr_add 0x20 0x00 0x00 0x51 0x12 0x0e 0x20 0x00 0x00 0x9f 0x00 0x00 0x00 \
                   0x06 0x01 0x00 0xc3 0x42 0x4d 0x43\n\
                   mc_enable 0x20\n\
                   mc_add 0x40 0 no-device-sdrs 0x11 1 5 0x81 0x1291 0xf03\n\
                   mc_enable 0x40\n";

/// The files to load.
#[derive(clap::Args, Clone, Debug)]
pub struct Modules {
    /// The module to load
    #[arg(long, value_name = "PATH", default_value = ko::DEFAULT)]
    pub ko: PathBuf,
    /// The module with the ioctls of Linux processes
    #[arg(long, value_name = "PATH", default_value = ko::DEFAULT_LINUX)]
    pub linux_ko: PathBuf,
}

/// Who plays the BMC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Peer {
    /// The lab's own, over KCS
    Own,
    /// The lab's own, over BT
    OwnBt,
    /// QEMU's, over its KCS
    QemuKcs,
    /// QEMU's, over its BT
    QemuBt,
    /// QEMU's, over its KCS on PCI
    QemuPciKcs,
    /// QEMU's, over its BT on PCI
    QemuPciBt,
    /// QEMU's, over its SMBus
    QemuSmbus,
    /// OpenIPMI's ipmi_sim, over QEMU's KCS
    IpmiSim,
}

impl Peer {
    pub fn name(self) -> &'static str {
        match self {
            Peer::Own => "own",
            Peer::OwnBt => "own-bt",
            Peer::QemuKcs => "qemu-kcs",
            Peer::QemuBt => "qemu-bt",
            Peer::QemuPciKcs => "qemu-pci-kcs",
            Peer::QemuPciBt => "qemu-pci-bt",
            Peer::QemuSmbus => "qemu-smbus",
            Peer::IpmiSim => "ipmi-sim",
        }
    }

    /// Whether the BMC is the lab's, which can be looked into and spoilt.
    pub fn is_own(self) -> bool {
        matches!(self, Peer::Own | Peer::OwnBt)
    }

    /// Whether it is known for what it is by another, and only the way there is of interest.
    pub fn is_known(self) -> bool {
        matches!(self, Peer::QemuPciKcs | Peer::QemuPciBt | Peer::QemuSmbus)
    }

    /// Where hints say that the BMC is. What is on PCI or an SMBus is found.
    fn hints(self) -> Vec<(String, String)> {
        match self {
            Peer::Own | Peer::QemuKcs | Peer::IpmiSim => Transport::Kcs.hints(SPACING),
            Peer::OwnBt | Peer::QemuBt => Transport::Bt.hints(SPACING),
            Peer::QemuPciKcs | Peer::QemuPciBt | Peer::QemuSmbus => vec![],
        }
    }

    fn hardware(self) -> Result<Box<dyn Hardware>> {
        let (sim, emu) = (qemu::Bmc::Sim(SIM), qemu::Bmc::Extern(EMU));
        let (interface, bmc) = match self {
            Peer::Own => return Ok(Box::new(own(Transport::Kcs))),
            Peer::OwnBt => return Ok(Box::new(own(Transport::Bt))),
            Peer::QemuKcs => (Interface::Isa("isa-ipmi-kcs"), sim),
            Peer::QemuBt => (Interface::Isa("isa-ipmi-bt"), sim),
            Peer::QemuPciKcs => (Interface::Pci("pci-ipmi-kcs"), sim),
            Peer::QemuPciBt => (Interface::Pci("pci-ipmi-bt"), sim),
            Peer::QemuSmbus => (Interface::Smbus("smbus-ipmi"), sim),
            Peer::IpmiSim => (Interface::Isa("isa-ipmi-kcs"), emu),
        };
        Ok(Box::new(Qemu::start(interface, &bmc)?))
    }
}

fn own(transport: Transport) -> Board {
    let satellite = Satellite {
        address: SATELLITE,
        ..Satellite::default()
    };
    let config = Config {
        satellites: vec![satellite],
        ..Config::default()
    };
    let interface = transport.interface(Bmc::new(config), Executes::default());
    Board::new(
        transport.registers(SPACING),
        interface,
        Described::default(),
    )
}

/// A machine with these modules and that BMC.
pub fn plan(modules: &Modules, peer: Peer) -> Result<Plan> {
    Ok(Plan {
        modules: vec![modules.ko.clone(), modules.linux_ko.clone()],
        kenv: peer.hints(),
        hardware: peer.hardware()?,
    })
}
