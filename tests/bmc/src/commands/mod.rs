// SPDX-License-Identifier: BSD-2-Clause
//! The command set: which function answers which command. It must not know of register models nor
//! of faults, save those that spoil what a command stores.

mod app;
mod messaging;

pub(crate) use messaging::Messaging;

use crate::message::{netfn, Answer, CompletionCode, Request};
use crate::Bmc;

/// Runs a command now and gives its answer; C1h for one that nobody knows.
pub(crate) fn dispatch(bmc: &mut Bmc, request: &Request) -> Answer {
    let (cmd, data) = (request.cmd, request.data.as_slice());
    let answer = match request.netfn {
        netfn::APP => app::run(bmc, cmd, data),
        _ => None,
    };
    answer.unwrap_or(Err(CompletionCode::INVALID_COMMAND))
}
