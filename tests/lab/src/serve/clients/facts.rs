// SPDX-License-Identifier: BSD-2-Clause
//! What each BMC holds, as ipmitool and FreeIPMI put it. Must not know how they get it.

use super::case::Case;
use super::timer;
use crate::serve::machine::SATELLITE;
use crate::serve::Peer;

pub const FREEIPMI: &str = "--driver-type=OPENIPMI";
/// Programs that read the sensors' records remember them.
const CACHED: &str = "--driver-type=OPENIPMI --sdr-cache-directory=CACHE";

const SELFTEST: &str = "ipmitool mc selftest";
const FRU: &str = "ipmitool fru print";

/// What Get Device ID says.
struct Device {
    id: u8,
    firmware: &'static str,
    manufacturer: u32,
    product: u16,
    raw: &'static str,
}

fn device(peer: Peer) -> Device {
    match peer {
        Peer::Own | Peer::OwnBt => Device {
            id: 32,
            firmware: "2.45",
            manufacturer: 7154,
            product: 4097,
            raw: "20 81 02 45 02 bf f2 1b 00 01 10 00 00 00 01",
        },
        Peer::QemuKcs | Peer::QemuBt | Peer::QemuPciKcs | Peer::QemuPciBt | Peer::QemuSmbus => {
            Device {
                id: 32,
                firmware: "3.14",
                manufacturer: 7154,
                product: 4098,
                raw: "20 00 03 14 02",
            }
        }
        Peer::IpmiSim => Device {
            id: 0,
            firmware: "9.08",
            manufacturer: 4753,
            product: 3842,
            raw: "00 03 09 08 02",
        },
    }
}

/// Every call that leaves the BMC as it was.
pub fn cases(peer: Peer) -> Vec<Case> {
    let mut cases = identity(&device(peer));
    if peer.is_known() {
        cases.extend(timer::untouched());
        return cases;
    }
    cases.push(match peer {
        Peer::Own | Peer::OwnBt => Case::new(SELFTEST, &["Selftest: passed"]),
        _ => Case::refused(SELFTEST, &["Invalid command"]),
    });
    cases.extend(timer::cases(peer));
    cases.extend(match peer.is_own() {
        true => own(),
        false => foreign(peer),
    });
    cases
}

fn identity(device: &Device) -> Vec<Case> {
    let of = |name: &str, value: &dyn std::fmt::Display| format!("{name} : {value}");
    let info = [
        of("Device ID", &device.id),
        of("Firmware Revision", &device.firmware),
        of("Manufacturer ID", &device.manufacturer),
        format!("Product ID : {} (0x{0:04x})", device.product),
        of("IPMI Version", &"2.0"),
    ];
    let freeipmi = [
        info[0].clone(),
        info[1].clone(),
        of("Product ID", &device.product),
    ];
    vec![
        Case::new("ipmitool mc info", &info.each_ref().map(String::as_str)),
        Case::new("ipmitool raw 0x06 0x01", &[device.raw]),
        Case::new(
            &format!("bmc-info {FREEIPMI} --get-device-id"),
            &freeipmi.each_ref().map(String::as_str),
        ),
    ]
}

fn own() -> Vec<Case> {
    let freeipmi = |program: &str, says: &[&str]| Case::new(&format!("{program} {CACHED}"), says);
    vec![
        Case::new(
            "ipmitool sdr list",
            &[
                "CPU Temp | 45 degrees C | ok",
                "Ambient Temp | 23 degrees C | ok",
                "Fan 1 | 6200 RPM | ok",
                "P12V | 12.06 Volts | ok",
            ],
        ),
        Case::new(
            "ipmitool sensor list",
            &[
                "CPU Temp | 45.000 | degrees C | ok | na | na | na | 85.000 | 95.000 | 105.000",
                "Fan 1 | 6200.000 | RPM | ok | 500.000 | 1000.000 | 1500.000",
            ],
        ),
        Case::new(
            "ipmitool sel list",
            &[
                "1 | 01/01/26 |",
                "2 | 01/01/26 |",
                "Temperature #0x01 | Upper",
            ],
        ),
        Case::new(
            FRU,
            &[
                "Board Mfg : Soft Works",
                "Product Name : Test Server",
                "Product Serial : PRD0123456",
            ],
        ),
        Case::new(
            "ipmitool chassis status",
            &["System Power : on", "Power Restore Policy : always-on"],
        ),
        Case::new(
            &format!("ipmitool -t {SATELLITE:#x} mc info"),
            &[
                "Device ID : 64",
                "Firmware Revision : 1.20",
                "Product ID : 64",
            ],
        ),
        Case::new(
            &format!("bmc-info {FREEIPMI}"),
            &[
                "Firmware Revision : 2.45",
                "Device GUID : 001f2d5c-6ab7-4e11-fedc-ba9876543210",
                "Medium Type : 802.3 LAN",
                "Session Support : multi-session",
            ],
        ),
        freeipmi(
            "ipmi-sensors",
            &[
                "CPU Temp | Temperature | 45.00 | C",
                "P12V | Voltage | 12.06 | V",
            ],
        ),
        freeipmi("ipmi-sel", &["1 | Jan-01-2026 |", "2 | Jan-01-2026 |"]),
        Case::new(
            &format!("ipmi-chassis --get-status {FREEIPMI}"),
            &["System Power : on", "Power restore policy : Always on"],
        ),
    ]
}

fn foreign(peer: Peer) -> Vec<Case> {
    let sim = peer == Peer::IpmiSim;
    let says = |of_sim: &[&'static str], of_qemu: &[&'static str]| match sim {
        true => of_sim.to_vec(),
        false => of_qemu.to_vec(),
    };
    let sensors = says(&[], &["Watchdog | 0x0 | discrete |"]);
    let freeipmi = says(&[], &["| Watchdog | Watchdog 2 | N/A"]);
    // QEMU plays a controller at every address of its IPMB; ipmi_sim has the one it was given.
    let satellite = says(
        &["Firmware Revision : 1.05", "Product ID : 3843 (0x0f03)"],
        &["Device ID : 0", "IPMI Version : 1.5"],
    );
    vec![
        Case::new(
            "ipmitool sdr list all",
            &says(&["MC @ 20h | ok"], &["Watchdog | 0x00 | ok"]),
        ),
        Case::new("ipmitool sensor list", &sensors),
        Case::new("ipmitool sel list", &["SEL has no entries"]),
        match sim {
            true => Case::refused(FRU, &["Device not present"]),
            // It is empty, and then ipmitool ends with what was in its memory.
            false => Case::of_any_end(FRU, &["Builtin FRU Device (ID 0)"]),
        },
        Case::new("ipmitool chassis status", &["System Power : on"]),
        Case::new(&format!("ipmitool -t {SATELLITE:#x} mc info"), &satellite),
        Case::new(&format!("ipmi-sensors {CACHED}"), &freeipmi),
        Case::new(&format!("ipmi-sel {CACHED}"), &[]),
        Case::new(
            &format!("ipmi-chassis --get-status {FREEIPMI}"),
            &["System Power : on"],
        ),
    ]
}
