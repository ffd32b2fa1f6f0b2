// SPDX-License-Identifier: BSD-2-Clause
//! Chassis commands (IPMI 2.0, section 28): power, identify, boot options, hours. It must not
//! carry power changes out itself.

use crate::message::{exactly, Answer, CompletionCode};
use crate::watchdog::TimerAction;
use crate::{Bmc, Cause, Effect, SEC};

/// Get or Set System Boot Options: no such parameter.
const UNSUPPORTED_PARAMETER: CompletionCode = CompletionCode(0x80);

/// Restart causes (28.11).
pub(crate) const RESTART_CHASSIS_CONTROL: u8 = 0x01;
pub(crate) const RESTART_WATCHDOG: u8 = 0x04;

#[derive(Clone, Debug)]
pub(crate) struct Chassis {
    pub(crate) power_on: bool,
    pub(crate) restart_cause: u8,
    restore_policy: u8,
    cycle_interval_s: u8,
    identify: bool,
}

impl Chassis {
    pub(crate) fn new() -> Chassis {
        Chassis {
            power_on: true,
            // Power-up by the button.
            restart_cause: 0x03,
            restore_policy: 2,
            cycle_interval_s: 5,
            identify: false,
        }
    }

    fn status(&self) -> Vec<u8> {
        let power = u8::from(self.power_on) | self.restore_policy << 5;
        // Identify is supported; its state in bits 5:4.
        let misc = 0x40 | u8::from(self.identify) << 4;
        vec![power, 0x00, misc]
    }
}

pub(super) fn run(bmc: &mut Bmc, cmd: u8, data: &[u8]) -> Option<Answer> {
    let chassis = &mut bmc.chassis;
    Some(match cmd {
        // No intrusion sensor or panel lockout; FRU, SDR, SEL and SM all at the BMC.
        0x00 => exactly::<0>(data).map(|_| vec![0x00, 0x20, 0x20, 0x20, 0x20]),
        0x01 => exactly::<0>(data).map(|_| chassis.status()),
        0x02 => control(bmc, data),
        0x04 => identify(chassis, data),
        0x06 => restore_policy(chassis, data),
        0x07 => exactly::<0>(data).map(|_| vec![chassis.restart_cause, 0x00]),
        0x08 => set_boot_options(bmc, data),
        0x09 => boot_options(bmc, data),
        0x0b => exactly(data).map(|[seconds]: [u8; 1]| {
            chassis.cycle_interval_s = seconds;
            Vec::new()
        }),
        0x0f => exactly::<0>(data).map(|_| power_on_hours(bmc.now)),
        _ => return None,
    })
}

/// Chassis Control (28.3).
fn control(bmc: &mut Bmc, data: &[u8]) -> Answer {
    let [what] = exactly::<1>(data)?;
    let (at, cause) = (bmc.now, Cause::ChassisControl);
    match what & 0x0f {
        0 => bmc.act(at, TimerAction::PowerDown, cause),
        1 if bmc.chassis.power_on => {}
        1 => {
            bmc.chassis.power_on = true;
            bmc.effect(Effect::PowerOn { at });
        }
        2 => bmc.act(at, TimerAction::PowerCycle, cause),
        3 => bmc.act(at, TimerAction::HardReset, cause),
        4 => bmc.effect(Effect::DiagnosticInterrupt { at }),
        5 => bmc.effect(Effect::SoftShutdown { at }),
        _ => return Err(CompletionCode::INVALID_DATA),
    }
    Ok(Vec::new())
}

/// Chassis Identify (28.5): seconds, then "for good"; with neither, 15 s.
fn identify(chassis: &mut Chassis, data: &[u8]) -> Answer {
    chassis.identify = match data {
        [] => true,
        [seconds] => *seconds != 0,
        [seconds, force] => *seconds != 0 || force & 1 != 0,
        _ => return Err(CompletionCode::LENGTH_INVALID),
    };
    Ok(Vec::new())
}

fn restore_policy(chassis: &mut Chassis, data: &[u8]) -> Answer {
    let [policy] = exactly::<1>(data)?;
    match policy & 0x07 {
        policy @ 0..=2 => chassis.restore_policy = policy,
        3 => {}
        _ => return Err(CompletionCode::INVALID_DATA),
    }
    // All three policies are supported.
    Ok(vec![0x07])
}

fn set_boot_options(bmc: &mut Bmc, data: &[u8]) -> Answer {
    let (selector, rest) = data.split_first().ok_or(CompletionCode::LENGTH_INVALID)?;
    match selector & 0x7f {
        parameter @ 0..=7 => {
            // Without data only the "locked" bit is meant.
            if !rest.is_empty() {
                bmc.management.boot_options.insert(parameter, rest.to_vec());
            }
            Ok(Vec::new())
        }
        _ => Err(UNSUPPORTED_PARAMETER),
    }
}

fn boot_options(bmc: &Bmc, data: &[u8]) -> Answer {
    let [selector, _, _] = exactly::<3>(data)?;
    let parameter = selector & 0x7f;
    let length = match parameter {
        0..=3 => 1,
        4 => 2,
        5 => 5,
        6 => 9,
        7 => 17,
        _ => return Err(UNSUPPORTED_PARAMETER),
    };
    let stored = bmc.management.boot_options.get(&parameter).cloned();
    let value = stored.unwrap_or_else(|| vec![0; length]);
    Ok([vec![0x01, parameter], value].concat())
}

/// Get POH Counter (28.14), an hour a count.
fn power_on_hours(now: u64) -> Vec<u8> {
    let hours = (now / SEC / 3600) as u32;
    [vec![60], hours.to_le_bytes().to_vec()].concat()
}
