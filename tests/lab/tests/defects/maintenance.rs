// SPDX-License-Identifier: BSD-2-Clause
//! A reset of the BMC that an administrator asked for is no outage: requests wait for its end, nothing
//! is shouted, and the watchdog is armed again. Must not know how the driver tells it apart.

use ipmi_kernel::subsystems::sysctl::api::Value;
use ipmi_lab::client::Device;
use ipmi_lab::span::{MS, S};

use crate::bench::{attached, Bench};

fn resetting(bench: &mut Bench) -> bool {
    let shown = bench.stage.machine.sysctl_get("dev.ipmi.0.stats.resetting");
    match shown {
        Ok(Ok(Value::Uint(value))) => value != 0,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_reset_that_was_asked_for_is_waited_for_quietly() {
    attached("maintenance", |bench| {
        assert_eq!(bench.pat(128 * S), 0);
        let lines = bench.stage.console().len();
        bench.run(|process| {
            let device = Device::open(process).expect("opens");
            device
                .send(1, 0x06, 0x02, &[])
                .expect("Cold Reset is taken");
            assert!(device.wait(S), "Cold Reset is answered at once");
            assert_eq!(device.receive().map(|reply| reply.data), Ok(vec![0]));
        });
        bench.rest(S);
        assert!(resetting(bench));
        assert!(!bench.timer().counting, "this BMC loses its timer");
        bench.run(|process| {
            let device = Device::open(process).expect("opens");
            device
                .send(2, 0x06, 0x01, &[])
                .expect("is queued, not refused");
            assert!(device.wait(15 * S), "answered when the BMC is back");
            assert_eq!(device.receive().map(|reply| reply.data[0]), Ok(0));
        });
        bench.rest(500 * MS);
        assert!(!resetting(bench));
        assert!(bench.timer().counting, "armed again");
        let said = bench.stage.console().split_off(lines);
        let shouted = said
            .iter()
            .find(|line| line.text.contains("does not answer"));
        assert_eq!(shouted.map(|line| &line.text), None);
    });
}
