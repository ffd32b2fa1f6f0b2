// SPDX-License-Identifier: BSD-2-Clause
//! Timers that count though the host wants none: what somebody else armed, and what a BMC does not
//! stop.

use ipmi_bmc::Fault;
use ipmi_kernel::subsystems::sysctl::api::Value;
use ipmi_lab::abi::EBUSY;
use ipmi_lab::client::Device;
use ipmi_lab::span::{MS, S};

use crate::bench::{attached, Bench};

const SET: u8 = 0x24;
const RESET: u8 = 0x22;
/// For SMS/OS, hard reset, 60 s.
const MINUTE: [u8; 6] = [4, 1, 0, 0, 0x58, 2];

/// Sends a watchdog command through the device node.
fn command(bench: &mut Bench, cmd: u8, data: &'static [u8]) {
    let code = bench.run(move |process| {
        let device = Device::open(process).expect("opens");
        device.send(1, 0x06, cmd, data).expect("is taken");
        assert!(device.wait(15 * S), "no completion within 15 s");
        device.receive().map(|reply| reply.data[0])
    });
    assert_eq!(code, Ok(0));
}

fn doctor(bench: &mut Bench) -> String {
    match bench.stage.machine.sysctl_get("dev.ipmi.0.watchdog.doctor") {
        Ok(Ok(Value::Text(line))) => line,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_timer_that_another_client_arms_is_seen_and_left_to_it() {
    attached("unasked", |bench| {
        for asked_before in [false, true] {
            if asked_before {
                assert_eq!(bench.pat(128 * S), 0);
                assert_eq!(bench.pat(0), 0);
            }
            bench.rest(S);
            assert_eq!(bench.stage.machine.device_suspend("ipmi0"), Ok(0));
            let lines = bench.stage.console().len();
            command(bench, SET, &MINUTE);
            command(bench, RESET, &[]);
            bench.rest(S);
            let line = doctor(bench);
            assert!(
                line.contains("but a timer runs (use SMS/OS): hard reset in "),
                "{line}"
            );
            assert_eq!(bench.stage.machine.device_suspend("ipmi0"), Ok(EBUSY));
            bench.rest(30 * S);
            let said = bench.stage.console().split_off(lines);
            let told = said.iter().filter(|l| l.text.contains("nobody asked"));
            assert_eq!(told.count(), 1, "{said:?}");
            assert!(bench.timer().counting, "it is theirs");
            command(bench, SET, &[4, 0, 0, 0x10, 0, 0]);
            bench.rest(S);
            let line = doctor(bench);
            assert!(!line.contains("timer runs"), "{line}");
        }
    });
}

#[test]
fn a_timer_that_another_client_stops_is_armed_again_for_the_host() {
    attached("unasked-stop", |bench| {
        assert_eq!(bench.pat(128 * S), 0);
        bench.rest(S);
        command(bench, SET, &[4, 0, 0, 0x10, 0, 0]);
        bench.rest(S);
        assert!(bench.timer().counting, "nobody pats for the next minute");
        assert_eq!(bench.figure("rearmed"), 1);
        assert_eq!(bench.figure("gaps"), 1);
    });
}

#[test]
fn a_stop_that_a_deaf_bmc_does_not_take_is_told_with_the_seconds_left() {
    attached("unasked-deaf", |bench| {
        assert_eq!(bench.pat(60 * S), 0);
        bench.rest(S);
        bench.fault(300 * S, Fault::Deaf { counting: true });
        let lines = bench.stage.console().len();
        assert_ne!(bench.pat(0), 0);
        bench.rest(5 * S);
        let said = bench.stage.console().split_off(lines);
        let told = |text: &str| said.iter().any(|l| l.text.contains(text));
        assert!(
            told("does not confirm that the watchdog is stopped"),
            "{said:?}"
        );
        assert!(told("and acts in 5"), "{said:?}");
        let line = doctor(bench);
        assert!(line.contains("; it acts in 5"), "{line}");
        let told = bench.stage.machine.devctl();
        assert!(told.iter().any(|n| n.kind == "unconfirmed"), "{told:?}");
        bench.rest(48 * S);
        let said = bench.stage.console().split_off(lines);
        let warned = said.iter().filter(|l| l.text.contains(" and acts in "));
        assert_eq!(warned.count(), 2, "{said:?}");
        bench.rest(100 * MS);
    });
}
