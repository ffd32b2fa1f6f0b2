// SPDX-License-Identifier: BSD-2-Clause
//! LAN configuration (IPMI 2.0, section 23), for tools that print it. There is no LAN behind it.

use crate::message::{exactly, Answer, CompletionCode};
use crate::Bmc;

const LAN: u8 = 0x01;
const REVISION: u8 = 0x11;
const UNSUPPORTED_PARAMETER: CompletionCode = CompletionCode(0x80);

/// Parameters and what they hold unless set, from table 23-4.
const DEFAULTS: [(u8, &[u8]); 18] = [
    (0, &[0]),
    (1, &[0x15]),
    (2, &[0x15, 0x15, 0x15, 0x15, 0x15]),
    (3, &[192, 0, 2, 1]),
    (4, &[0x01]),
    (5, &[0x02, 0x00, 0x5e, 0x10, 0x00, 0x01]),
    (6, &[255, 255, 255, 0]),
    (7, &[0x40, 0x40, 0x10]),
    (10, &[0x02]),
    (11, &[0x02]),
    (12, &[0, 0, 0, 0]),
    (13, &[0; 6]),
    (14, &[0; 4]),
    (15, &[0; 6]),
    (16, b"public\0\0\0\0\0\0\0\0\0\0\0\0"),
    (17, &[0]),
    (20, &[0, 0]),
    (21, &[0]),
];

pub(super) fn run(bmc: &mut Bmc, cmd: u8, data: &[u8]) -> Option<Answer> {
    Some(match cmd {
        0x01 => set(bmc, data),
        0x02 => get(bmc, data),
        _ => return None,
    })
}

fn default(parameter: u8) -> Result<&'static [u8], CompletionCode> {
    DEFAULTS
        .iter()
        .find(|(known, _)| *known == parameter)
        .map(|(_, value)| *value)
        .ok_or(UNSUPPORTED_PARAMETER)
}

fn channel(byte: u8) -> Result<(), CompletionCode> {
    match byte & 0x0f {
        LAN => Ok(()),
        _ => Err(CompletionCode::INVALID_DATA),
    }
}

fn set(bmc: &mut Bmc, data: &[u8]) -> Answer {
    let [number, parameter, value @ ..] = data else {
        return Err(CompletionCode::LENGTH_INVALID);
    };
    channel(*number)?;
    if value.len() != default(*parameter)?.len() {
        return Err(CompletionCode::LENGTH_INVALID);
    }
    bmc.management.lan.insert(*parameter, value.to_vec());
    Ok(Vec::new())
}

fn get(bmc: &Bmc, data: &[u8]) -> Answer {
    let [number, parameter, _, _] = exactly::<4>(data)?;
    channel(number)?;
    if number & 0x80 != 0 {
        return Ok(vec![REVISION]);
    }
    let default = default(parameter)?;
    let value = bmc.management.lan.get(&parameter);
    let value = value.map_or(default, Vec::as_slice);
    Ok([&[REVISION], value].concat())
}
