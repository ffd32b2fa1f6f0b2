// SPDX-License-Identifier: BSD-2-Clause
//! The command set: which function answers which command. It must not know of register models nor
//! of faults, save those that spoil what a command stores.

mod app;
mod channel;
mod chassis;
mod fru;
mod messaging;
mod sel;
mod sensor;
mod transport;

pub(crate) use channel::Management;
pub(crate) use chassis::{Chassis, RESTART_CHASSIS_CONTROL, RESTART_WATCHDOG};
pub(crate) use fru::Fru;
pub(crate) use messaging::Messaging;
pub(crate) use sel::Sel;
pub use sel::{SelEntry, SelEvent};
pub(crate) use sensor::Sensors;

use crate::message::{netfn, Answer, CompletionCode, Request};
use crate::Bmc;

/// Runs a command now and gives its answer; C1h for one that nobody knows.
pub(crate) fn dispatch(bmc: &mut Bmc, request: &Request) -> Answer {
    let (cmd, data) = (request.cmd, request.data.as_slice());
    let answer = match request.netfn {
        netfn::CHASSIS => chassis::run(bmc, cmd, data),
        netfn::SENSOR_EVENT => sensor::run(bmc, cmd, data),
        netfn::APP => app::run(bmc, cmd, data),
        netfn::STORAGE => fru::run(&mut bmc.fru, cmd, data)
            .or_else(|| sensor::run_repository(&mut bmc.sensors, cmd, data))
            .or_else(|| sel::run(bmc, cmd, data)),
        netfn::TRANSPORT => transport::run(bmc, cmd, data),
        _ => None,
    };
    answer.unwrap_or(Err(CompletionCode::INVALID_COMMAND))
}
