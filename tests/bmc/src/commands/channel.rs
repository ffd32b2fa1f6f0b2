// SPDX-License-Identifier: BSD-2-Clause
//! Channels, users, sessions and system info parameters (IPMI 2.0, section 22): as much as
//! management tools ask for in passing. It must not grant anybody anything.

use std::collections::BTreeMap;

use super::app::GUID;
use crate::interface::Kind;
use crate::message::{exactly, Answer, CompletionCode};
use crate::Bmc;

const IPMB: u8 = 0x00;
const LAN: u8 = 0x01;
/// "The channel this came in on".
const PRESENT: u8 = 0x0e;
const SYSTEM_INTERFACE: u8 = 0x0f;

/// Get System Info Parameters: no such parameter.
const UNSUPPORTED_PARAMETER: CompletionCode = CompletionCode(0x80);
/// Close Session: no such session.
const NO_SUCH_SESSION: CompletionCode = CompletionCode(0x87);

const MAX_USERS: u8 = 10;

/// What is stored and given back; it survives a reset of the BMC.
#[derive(Clone, Debug, Default)]
pub(crate) struct Management {
    user_names: BTreeMap<u8, [u8; 16]>,
    user_access: BTreeMap<u8, u8>,
    /// By parameter and block.
    system_info: BTreeMap<(u8, u8), Vec<u8>>,
    pub(super) lan: BTreeMap<u8, Vec<u8>>,
    pub(super) boot_options: BTreeMap<u8, Vec<u8>>,
}

pub(super) fn run(bmc: &mut Bmc, cmd: u8, data: &[u8]) -> Option<Answer> {
    let (kind, max_request) = (bmc.kind, bmc.config.max_request);
    let management = &mut bmc.management;
    Some(match cmd {
        0x38 => auth_capabilities(data),
        0x3c => Err(NO_SUCH_SESSION),
        0x3d => session_info(data),
        0x40 => exactly(data).and_then(|[channel, _, _]: [u8; 3]| lan_channel(channel)),
        0x41 => channel_access(data),
        0x42 => channel_info(data, kind),
        0x43 => set_user_access(management, data),
        0x44 => user_access(management, data),
        0x45 => set_user_name(management, data),
        0x46 => user_name(management, data),
        0x47 => set_password(data),
        0x58 => set_system_info(management, data),
        0x59 => system_info(management, data),
        0x36 if kind == Kind::Bt => bt_capabilities(data, max_request),
        0x57 => interface_capabilities(data, kind, max_request),
        // Get System GUID.
        0x37 => exactly::<0>(data).map(|_| GUID.to_vec()),
        _ => return None,
    })
}

fn channel_info(data: &[u8], kind: Kind) -> Answer {
    let [channel] = exactly::<1>(data)?;
    let protocol = match kind {
        Kind::Ssif => 0x04,
        Kind::Kcs => 0x05,
        Kind::Smic => 0x06,
        Kind::Bt => 0x08,
    };
    let (number, medium, protocol, session) = match channel & 0x0f {
        IPMB => (IPMB, 0x01, 0x01, 0x00),
        LAN => (LAN, 0x04, 0x01, 0x80),
        PRESENT | SYSTEM_INTERFACE => (SYSTEM_INTERFACE, 0x0c, protocol, 0x00),
        _ => return Err(CompletionCode::INVALID_DATA),
    };
    // Vendor 7154 (the IPMI forum), then: interrupts for messages and events unspecified.
    Ok(vec![
        number, medium, protocol, session, 0xf2, 0x1b, 0x00, 0xff, 0xff,
    ])
}

/// Get BT Interface Capabilities (22.10): one request at a time; sizes count the length byte;
/// answers within 5 s; two retries.
fn bt_capabilities(data: &[u8], max_request: usize) -> Answer {
    exactly::<0>(data)?;
    let size = max_request.min(0xff) as u8;
    Ok(vec![1, size, 0xff, 5, 2])
}

/// Get System Interface Capabilities (22.9), for the interface that is there.
fn interface_capabilities(data: &[u8], kind: Kind, max_request: usize) -> Answer {
    let size = max_request.min(0xff) as u8;
    match (exactly::<1>(data)?[0] & 0x0f, kind) {
        // Start, middle and end transactions; PEC.
        (0, Kind::Ssif) => Ok(vec![0x00, 0x88, size, 0xff]),
        (1, Kind::Kcs) | (2, Kind::Smic) => Ok(vec![0x00, 0x00, size]),
        _ => Err(CompletionCode::INVALID_DATA),
    }
}

fn lan_channel(channel: u8) -> Answer {
    match channel & 0x0f {
        LAN => Ok(Vec::new()),
        _ => Err(CompletionCode::INVALID_DATA),
    }
}

fn channel_access(data: &[u8]) -> Answer {
    let [channel, _] = exactly::<2>(data)?;
    // Always available, administrator at most.
    lan_channel(channel).map(|_| vec![0x02, 0x04])
}

fn auth_capabilities(data: &[u8]) -> Answer {
    let [channel, _] = exactly::<2>(data)?;
    let channel = match channel & 0x0f {
        PRESENT | SYSTEM_INTERFACE => SYSTEM_INTERFACE,
        LAN => LAN,
        _ => return Err(CompletionCode::INVALID_DATA),
    };
    Ok(vec![channel, 0x80, 0x04, 0x02, 0, 0, 0, 0])
}

fn session_info(data: &[u8]) -> Answer {
    if data.is_empty() {
        return Err(CompletionCode::LENGTH_INVALID);
    }
    Ok(vec![0, 4, 0])
}

fn user(byte: u8) -> Result<u8, CompletionCode> {
    match byte & 0x3f {
        user @ 1..=MAX_USERS => Ok(user),
        _ => Err(CompletionCode::INVALID_DATA),
    }
}

fn set_user_access(management: &mut Management, data: &[u8]) -> Answer {
    let [_, id, limits, ..] = data else {
        return Err(CompletionCode::LENGTH_INVALID);
    };
    management.user_access.insert(user(*id)?, limits & 0x0f);
    Ok(Vec::new())
}

fn user_access(management: &Management, data: &[u8]) -> Answer {
    let [_, id] = exactly::<2>(data)?;
    let id = user(id)?;
    let access = management.user_access.get(&id).copied().unwrap_or(0x0f);
    Ok(vec![MAX_USERS, 0x01, 0x01, access])
}

fn set_user_name(management: &mut Management, data: &[u8]) -> Answer {
    let [id, name @ ..] = exactly::<17>(data)?;
    management.user_names.insert(user(id)?, name);
    Ok(Vec::new())
}

fn user_name(management: &Management, data: &[u8]) -> Answer {
    let [id] = exactly::<1>(data)?;
    let name = management.user_names.get(&user(id)?);
    Ok(name.copied().unwrap_or_default().to_vec())
}

fn set_password(data: &[u8]) -> Answer {
    match data {
        [id, _, ..] => user(*id).map(|_| Vec::new()),
        _ => Err(CompletionCode::LENGTH_INVALID),
    }
}

fn set_system_info(management: &mut Management, data: &[u8]) -> Answer {
    let (parameter, rest) = data.split_first().ok_or(CompletionCode::LENGTH_INVALID)?;
    match (parameter, rest) {
        (0, [_]) => Ok(Vec::new()),
        (1..=5, [block, text @ ..]) if !text.is_empty() => {
            let stored = [&[*block], text].concat();
            management.system_info.insert((*parameter, *block), stored);
            Ok(Vec::new())
        }
        (0..=5, _) => Err(CompletionCode::LENGTH_INVALID),
        _ => Err(UNSUPPORTED_PARAMETER),
    }
}

fn system_info(management: &Management, data: &[u8]) -> Answer {
    let [revision_only, parameter, set, _] = exactly::<4>(data)?;
    let revision = 0x11;
    if revision_only & 0x80 != 0 {
        return Ok(vec![revision]);
    }
    match parameter {
        0 => Ok(vec![revision, 0]),
        1..=5 => {
            // An unset name: block number, ASCII, no characters.
            let unset = std::iter::once(set).chain([0; 16]).collect();
            let stored = management.system_info.get(&(parameter, set));
            let block = stored.cloned().unwrap_or(unset);
            Ok([vec![revision], block].concat())
        }
        _ => Err(UNSUPPORTED_PARAMETER),
    }
}
