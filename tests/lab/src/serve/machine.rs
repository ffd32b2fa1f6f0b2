// SPDX-License-Identifier: BSD-2-Clause
//! What a live machine is made of: the modules and the BMC that answers. Must not know clients.

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;
use ipmi_bmc::{Bmc, Config, Executes};

use super::house::Plan;
use crate::board::Board;
use crate::ko;
use crate::transport::Transport;

/// Registers are a byte apart.
const SPACING: u16 = 1;

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
}

impl Peer {
    fn transport(self) -> Transport {
        match self {
            Peer::Own => Transport::Kcs,
            Peer::OwnBt => Transport::Bt,
        }
    }
}

/// A machine with these modules and that BMC.
pub fn plan(modules: &Modules, peer: Peer) -> Result<Plan> {
    let transport = peer.transport();
    let interface = transport.interface(Bmc::new(Config::default()), Executes::default());
    let board = Board::new(transport.registers(SPACING), interface);
    Ok(Plan {
        modules: vec![modules.ko.clone(), modules.linux_ko.clone()],
        kenv: transport.hints(SPACING),
        hardware: Box::new(board),
    })
}
