// SPDX-License-Identifier: BSD-2-Clause
//! The command set as drivers and management tools use it: what is read back is what was put in,
//! and what makes no sense gets the completion code that the specification wants.

use ipmi_bmc::{Bmc, Cause, Config, Effect, Fault, Request, Satellite, SelEvent, When, MS, SEC};

const CHASSIS: u8 = 0x00;
const SENSOR: u8 = 0x04;
const APP: u8 = 0x06;
const STORAGE: u8 = 0x0a;
const TRANSPORT: u8 = 0x0c;

struct Wire {
    bmc: Bmc,
    now: u64,
}

impl Wire {
    fn new() -> Wire {
        Wire {
            bmc: Bmc::new(Config::default()),
            now: 0,
        }
    }

    /// Completion code and data.
    fn ask(&mut self, netfn: u8, cmd: u8, data: &[u8]) -> (u8, Vec<u8>) {
        let request = Request {
            netfn,
            lun: 0,
            cmd,
            data: data.to_vec(),
        };
        let reply = self.bmc.execute(&request, self.now);
        assert_eq!(reply[..2], [(netfn | 1) << 2, cmd]);
        (reply[2], reply[3..].to_vec())
    }

    /// The data of a command that must succeed.
    fn get(&mut self, netfn: u8, cmd: u8, data: &[u8]) -> Vec<u8> {
        let (code, data) = self.ask(netfn, cmd, data);
        assert_eq!(code, 0, "netFn {netfn:#x}, command {cmd:#x}");
        data
    }
}

fn checksum(bytes: &[u8]) -> u8 {
    bytes
        .iter()
        .fold(0u8, |sum, b| sum.wrapping_add(*b))
        .wrapping_neg()
}

/// Send Message's data for a request to a satellite.
fn to_satellite(address: u8, sequence: u8, cmd: u8) -> Vec<u8> {
    let mut message = vec![address, 0x18];
    message.push(checksum(&message));
    let tail = [0x20, sequence << 2 | 2, cmd];
    message.extend(tail);
    message.push(checksum(&tail));
    [vec![0x00], message].concat()
}

#[test]
fn wrong_lengths_and_unknown_commands() {
    let mut wire = Wire::new();
    for (netfn, cmd) in [(APP, 0x01), (APP, 0x31), (CHASSIS, 0x01), (STORAGE, 0x40)] {
        assert_eq!(wire.ask(netfn, cmd, &[0]).0, 0xc7);
    }
    for (netfn, cmd) in [
        (APP, 0xfe),
        (CHASSIS, 0x77),
        (STORAGE, 0x99),
        (0x2c, 0x01),
        (0x2e, 0),
    ] {
        assert_eq!(wire.ask(netfn, cmd, &[]).0, 0xc1);
    }
}

#[test]
fn enables_are_kept_until_the_bmc_resets() {
    let mut wire = Wire::new();
    assert_eq!(wire.get(APP, 0x2f, &[]), [0x08]);
    wire.get(APP, 0x2e, &[0x0f]);
    assert_eq!(wire.get(APP, 0x2f, &[]), [0x0f]);
    assert_eq!(wire.ask(APP, 0x2e, &[0x10]).0, 0xcc);
    wire.get(APP, 0x02, &[]);
    wire.now = 60 * SEC;
    assert_eq!(wire.get(APP, 0x2f, &[]), [0x08]);
    assert_eq!(wire.bmc.boots(), 1);
}

#[test]
fn a_satellite_answers_by_way_of_the_queue() {
    let mut wire = Wire::new();
    wire.get(APP, 0x34, &to_satellite(0x72, 0x15, 0x01));
    assert_eq!(wire.get(APP, 0x31, &[]), [0], "still on the bus");
    assert_eq!(wire.ask(APP, 0x33, &[]).0, 0x80);
    wire.now = 5 * MS;
    assert_eq!(wire.bmc.advance(wire.now), [Effect::Attention(true)]);
    assert_eq!(wire.get(APP, 0x31, &[]), [1]);
    let message = wire.get(APP, 0x33, &[]);
    assert_eq!(message[..2], [0x00, 0x1e]);
    assert_eq!(message[3..7], [0x72, 0x15 << 2, 0x01, 0x00]);
    assert_eq!(checksum(&[&[0x20], &message[1..3]].concat()), 0);
    assert_eq!(checksum(&message[3..]), 0);
    assert_eq!(wire.get(APP, 0x31, &[]), [0]);
    assert!(!wire.bmc.attention());
}

#[test]
fn send_message_has_its_own_refusals() {
    let mut wire = Wire::new();
    assert_eq!(wire.ask(APP, 0x34, &to_satellite(0x74, 0, 1)).0, 0x83);
    assert_eq!(wire.ask(APP, 0x34, &[]).0, 0xc7);
    assert_eq!(wire.ask(APP, 0x34, &[0, 0x72, 0x18]).0, 0xc7);
    let mut elsewhere = to_satellite(0x72, 0, 1);
    elsewhere[0] = 0x07;
    assert_eq!(wire.ask(APP, 0x34, &elsewhere).0, 0xcc);
}

#[test]
fn a_mute_satellite_and_a_reply_to_nobody() {
    let mut wire = Wire::new();
    wire.bmc = Bmc::new(Config {
        satellites: vec![
            Satellite::default(),
            Satellite {
                address: 0x40,
                mute: true,
                ..Satellite::default()
            },
        ],
        ..Config::default()
    });
    wire.get(APP, 0x34, &to_satellite(0x40, 1, 1));
    let mut lun0 = to_satellite(0x72, 1, 1);
    lun0[5] &= !3;
    let last = lun0.len() - 1;
    lun0[last] = checksum(&lun0[4..last]);
    wire.get(APP, 0x34, &lun0);
    wire.now = SEC;
    assert_eq!(wire.ask(APP, 0x33, &[]).0, 0x80);
}

#[test]
fn stray_messages_can_be_put_in_the_queue() {
    let mut wire = Wire::new();
    wire.bmc.queue_message(&[0x00, 0x1e], 0);
    assert!(wire.bmc.attention());
    assert_eq!(wire.get(APP, 0x33, &[]), [0x00, 0x1e]);
}

#[test]
fn events_reach_the_buffer_once_it_is_enabled_and_the_flag_follows() {
    let mut wire = Wire::new();
    let event = [0x04, 0x01, 0x01, 0x01, 0x57, 0x60, 0x55];
    wire.bmc.platform_event(event, 0);
    assert_eq!(wire.ask(APP, 0x35, &[]).0, 0x80);
    wire.get(APP, 0x2e, &[0x0c]);
    wire.bmc.platform_event(event, 0);
    assert_eq!(wire.get(APP, 0x31, &[]), [2]);
    let record = wire.get(APP, 0x35, &[]);
    assert_eq!(record.len(), 16);
    assert_eq!(record[9..], event);
    assert_eq!(wire.get(APP, 0x31, &[]), [0]);
    assert_eq!(wire.bmc.sel().len(), 2);
}

#[test]
fn an_event_flag_that_never_clears() {
    for (readable, code) in [(true, 0x00), (false, 0x80)] {
        let mut wire = Wire::new();
        let stuck = Fault::EventFlagStuck { readable };
        wire.bmc.faults_mut().add(When::Always, stuck);
        for _ in 0..20 {
            assert_eq!(wire.get(APP, 0x31, &[]), [2]);
            assert_eq!(wire.ask(APP, 0x35, &[]).0, code);
            wire.get(APP, 0x30, &[0xff]);
        }
        assert!(wire.bmc.attention());
    }
}

#[test]
fn channels_are_what_they_are() {
    let mut wire = Wire::new();
    assert_eq!(wire.get(APP, 0x42, &[0x00])[..3], [0x00, 0x01, 0x01]);
    assert_eq!(wire.get(APP, 0x42, &[0x0e])[..2], [0x0f, 0x0c]);
    for absent in 2..=7 {
        assert_eq!(wire.ask(APP, 0x42, &[absent]).0, 0xcc);
    }
}

#[test]
fn the_sel_keeps_and_gives_back() {
    let mut wire = Wire::new();
    assert_eq!(wire.ask(STORAGE, 0x43, &[0, 0, 0, 0, 0, 0xff]).0, 0xcb);
    let mut os_stop = [0u8; 16];
    os_stop[2] = 0x02;
    os_stop[7..].copy_from_slice(&[0x41, 0, 4, 0x20, 0, 0x6f, 0xa1, b'p', b'a']);
    wire.now = 100 * SEC;
    assert_eq!(wire.get(STORAGE, 0x44, &os_stop), [1, 0]);
    let mut text = [0u8; 16];
    text[2] = 0xf0;
    text[3..].copy_from_slice(b"\x20\x00panic: hung");
    assert_eq!(wire.get(STORAGE, 0x44, &text), [2, 0]);

    let info = wire.get(STORAGE, 0x40, &[]);
    assert_eq!(info[..3], [0x51, 2, 0]);
    let clock = wire.get(STORAGE, 0x48, &[]);
    assert_eq!(info[5..9], clock);
    let first = wire.get(STORAGE, 0x43, &[0, 0, 0, 0, 0, 0xff]);
    assert_eq!(first[..2], [2, 0], "the next record");
    assert_eq!(first[5..9], clock, "stamped by the BMC");
    let last = wire.get(STORAGE, 0x43, &[0, 0, 0xff, 0xff, 0, 0xff]);
    assert_eq!(last[..2], [0xff, 0xff]);
    assert_eq!(last[5..], text[3..], "no stamp in an OEM record");

    let events: Vec<SelEvent> = wire.bmc.sel().iter().map(|e| e.event()).collect();
    let data = *b"pa";
    assert_eq!(events[0], SelEvent::OsStop { offset: 1, data });
    assert_eq!(events[1], SelEvent::Text(*b"\x20\x00panic: hung"));
}

#[test]
fn the_sel_wants_reservations_for_what_could_go_wrong() {
    let mut wire = Wire::new();
    for _ in 0..3 {
        wire.get(STORAGE, 0x44, &[2; 16]);
    }
    let partial = [0, 0, 1, 0, 4, 4];
    assert_eq!(wire.ask(STORAGE, 0x43, &partial).0, 0xc5);
    let r = wire.get(STORAGE, 0x42, &[]);
    assert_eq!(wire.get(STORAGE, 0x43, &[r[0], r[1], 1, 0, 4, 4]).len(), 6);
    assert_eq!(wire.ask(STORAGE, 0x43, &[r[0], r[1], 1, 0, 16, 1]).0, 0xc9);
    assert_eq!(wire.ask(STORAGE, 0x43, &[r[0], r[1], 1, 0, 10, 9]).0, 0xca);
    assert_eq!(wire.get(STORAGE, 0x46, &[r[0], r[1], 2, 0]), [2, 0]);
    let clear = |r: &[u8], action| [r[0], r[1], b'C', b'L', b'R', action];
    assert_eq!(
        wire.ask(STORAGE, 0x47, &clear(&r, 0xaa)).0,
        0xc5,
        "cancelled by the delete"
    );
    let r = wire.get(STORAGE, 0x42, &[]);
    assert_eq!(
        wire.ask(STORAGE, 0x47, &[r[0], r[1], b'c', b'l', b'r', 0xaa])
            .0,
        0xcc
    );
    assert_eq!(wire.get(STORAGE, 0x47, &clear(&r, 0xaa)), [1]);
    assert!(wire.bmc.sel().is_empty());
}

#[test]
fn the_clock_can_be_set_and_goes_on() {
    let mut wire = Wire::new();
    wire.get(STORAGE, 0x49, &1_800_000_000u32.to_le_bytes());
    wire.now = 10 * SEC;
    assert_eq!(wire.get(STORAGE, 0x48, &[]), 1_800_000_010u32.to_le_bytes());
}

#[test]
fn every_sdr_can_be_read_whole_and_in_parts() {
    let mut wire = Wire::new();
    let count = usize::from(wire.get(STORAGE, 0x20, &[])[1]);
    let r = wire.get(STORAGE, 0x22, &[]);
    let (mut id, mut seen) = ([0u8, 0], 0);
    while id != [0xff, 0xff] {
        let whole = wire.get(STORAGE, 0x23, &[0, 0, id[0], id[1], 0, 0xff]);
        let record = &whole[2..];
        assert_eq!(record.len(), 5 + usize::from(record[4]));
        let mut pieces = Vec::new();
        while pieces.len() < record.len() {
            let count = (record.len() - pieces.len()).min(16) as u8;
            let at = pieces.len() as u8;
            let part = wire.get(STORAGE, 0x23, &[r[0], r[1], id[0], id[1], at, count]);
            pieces.extend_from_slice(&part[2..]);
        }
        assert_eq!(pieces, record);
        id = [whole[0], whole[1]];
        seen += 1;
    }
    assert_eq!(seen, count);
    assert_eq!(wire.ask(STORAGE, 0x23, &[0, 0, 99, 0, 0, 0xff]).0, 0xcb);
    assert_eq!(wire.ask(STORAGE, 0x23, &[0, 0, 1, 0, 5, 1]).0, 0xc5);
}

#[test]
fn sensors_read_and_thresholds_can_be_moved() {
    let mut wire = Wire::new();
    assert_eq!(wire.get(SENSOR, 0x2d, &[1]), [45, 0xc0, 0xc0]);
    assert_eq!(wire.get(SENSOR, 0x27, &[1]), [0x38, 0, 0, 0, 85, 95, 105]);
    wire.get(SENSOR, 0x26, &[1, 0x08, 0, 0, 0, 40, 0, 0]);
    assert_eq!(wire.get(SENSOR, 0x2d, &[1]), [45, 0xc0, 0xc8]);
    assert_eq!(wire.ask(SENSOR, 0x26, &[1, 0x01, 9, 0, 0, 0, 0, 0]).0, 0xcc);
    wire.get(SENSOR, 0x24, &[1, 0xff, 4, 5]);
    assert_eq!(wire.get(SENSOR, 0x25, &[1, 0xff]), [4, 5]);
    assert_eq!(wire.get(SENSOR, 0x2f, &[3]), [4, 1]);
    assert_eq!(wire.ask(SENSOR, 0x2d, &[9]).0, 0xcb);
    assert_eq!(wire.get(SENSOR, 0x2d, &[0x60]).len(), 4);
    assert_eq!(wire.ask(SENSOR, 0x27, &[0x60]).0, 0xcd);
}

#[test]
fn the_fru_is_read_and_written() {
    let mut wire = Wire::new();
    let info = wire.get(STORAGE, 0x10, &[0]);
    let size = usize::from(info[0]) | usize::from(info[1]) << 8;
    let mut image = Vec::new();
    while image.len() < size {
        let [low, high] = (image.len() as u16).to_le_bytes();
        let part = wire.get(STORAGE, 0x11, &[0, low, high, 20]);
        assert_eq!(usize::from(part[0]), part.len() - 1);
        image.extend_from_slice(&part[1..]);
    }
    assert_eq!(image.len(), size);
    assert_eq!(checksum(&image[..8]), 0);
    let text = String::from_utf8_lossy(&image);
    assert!(text.contains("Test Server") && text.contains("PRD0123456"));
    assert_eq!(wire.get(STORAGE, 0x12, &[0, 0xf0, 1, b'h', b'i']), [2]);
    assert_eq!(wire.get(STORAGE, 0x11, &[0, 0xf0, 1, 2]), [2, b'h', b'i']);
    assert_eq!(wire.ask(STORAGE, 0x11, &[0, 0, 2, 1]).0, 0xc9);
    assert_eq!(wire.ask(STORAGE, 0x12, &[0, 0xff, 1, 1, 2]).0, 0xc9);
    assert_eq!(wire.ask(STORAGE, 0x11, &[7, 0, 0, 1]).0, 0xcb);
}

#[test]
fn chassis_control_pulls_the_lines() {
    let cause = Cause::ChassisControl;
    let at = 0;
    let table = [
        (0, Effect::PowerOff { at, cause }),
        (2, Effect::PowerCycle { at, cause }),
        (3, Effect::HostReset { at, cause }),
        (4, Effect::DiagnosticInterrupt { at }),
        (5, Effect::SoftShutdown { at }),
    ];
    for (control, effect) in table {
        let mut wire = Wire::new();
        wire.get(CHASSIS, 0x02, &[control]);
        assert_eq!(wire.bmc.advance(0), [effect]);
        assert_eq!(wire.get(CHASSIS, 0x01, &[])[0] & 1, u8::from(control != 0));
    }
    assert_eq!(Wire::new().ask(CHASSIS, 0x02, &[9]).0, 0xcc);
}

#[test]
fn chassis_odds_and_ends() {
    let mut wire = Wire::new();
    assert_eq!(wire.get(CHASSIS, 0x00, &[]).len(), 5);
    wire.get(CHASSIS, 0x04, &[15]);
    assert_eq!(wire.get(CHASSIS, 0x01, &[])[2] & 0x10, 0x10);
    wire.get(CHASSIS, 0x08, &[5, 0x80, 0x04, 0, 0, 0]);
    assert_eq!(
        wire.get(CHASSIS, 0x09, &[5, 0, 0]),
        [1, 5, 0x80, 0x04, 0, 0, 0]
    );
    assert_eq!(wire.ask(CHASSIS, 0x09, &[0x60, 0, 0]).0, 0x80);
    wire.now = 3 * 3600 * SEC;
    assert_eq!(wire.get(CHASSIS, 0x0f, &[]), [60, 3, 0, 0, 0]);
}

#[test]
fn what_is_asked_in_passing_is_answered() {
    let mut wire = Wire::new();
    assert_eq!(wire.get(APP, 0x04, &[]), [0x55, 0]);
    assert_eq!(wire.get(APP, 0x08, &[]).len(), 16);
    assert_eq!(wire.get(APP, 0x37, &[]).len(), 16);
    assert_eq!(wire.get(APP, 0x38, &[0x0e, 4]).len(), 8);
    assert_eq!(wire.get(APP, 0x44, &[1, 2])[0], 10);
    wire.get(
        APP,
        0x45,
        &[&[2], b"operator\0\0\0\0\0\0\0\0".as_slice()].concat(),
    );
    assert_eq!(&wire.get(APP, 0x46, &[2])[..8], b"operator");
    assert_eq!(wire.ask(APP, 0x46, &[40]).0, 0xcc);
    wire.get(APP, 0x58, &[2, 0, 0, 4, b'h', b'o', b's', b't']);
    assert_eq!(
        wire.get(APP, 0x59, &[0, 2, 0, 0]),
        [0x11, 0, 0, 4, b'h', b'o', b's', b't']
    );
    assert_eq!(wire.ask(APP, 0x59, &[0, 99, 0, 0]).0, 0x80);
    assert_eq!(
        wire.get(TRANSPORT, 0x02, &[1, 3, 0, 0]),
        [0x11, 192, 0, 2, 1]
    );
    assert_eq!(wire.ask(TRANSPORT, 0x02, &[1, 200, 0, 0]).0, 0x80);
    assert_eq!(wire.ask(TRANSPORT, 0x02, &[3, 3, 0, 0]).0, 0xcc);
}

#[test]
fn the_log_is_bounded_and_keeps_the_newest() {
    let mut wire = Wire::new();
    wire.bmc = Bmc::new(Config {
        records: 3,
        ..Config::default()
    });
    for cmd in [0x01, 0x04, 0x08, 0x31, 0xfe] {
        wire.ask(APP, cmd, &[]);
    }
    let kept: Vec<(u8, u8)> = wire.bmc.records().map(|r| (r.cmd, r.completion)).collect();
    assert_eq!(kept, [(0x08, 0), (0x31, 0), (0xfe, 0xc1)]);
    assert_eq!(wire.bmc.commands_run(), 5);
}
