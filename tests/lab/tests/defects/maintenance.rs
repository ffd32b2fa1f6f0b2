// SPDX-License-Identifier: BSD-2-Clause
//! What administrators do to a BMC through the driver. A reset that they asked for is no outage for
//! half a minute: requests wait for its end, nothing is shouted, and the watchdog is armed again. A
//! transfer of firmware does not wait for the driver's sleep. Must not know how it tells them apart.

use ipmi_bmc::Fault;
use ipmi_kernel::subsystems::sysctl::api::Value;
use ipmi_kernel::Process;
use ipmi_lab::client::{watch_for_node, Device};
use ipmi_lab::span::{Ns, MS, S};

use crate::bench::{attached, each_seed, Bench};

/// Cold Reset and Warm Reset.
const RESETS: [u8; 2] = [0x02, 0x03];

/// `dev.ipmi.0.stats.resetting` or `firmware`.
fn shown(bench: &mut Bench, leaf: &str) -> bool {
    let shown = bench
        .stage
        .machine
        .sysctl_get(&format!("dev.ipmi.0.stats.{leaf}"));
    match shown {
        Ok(Ok(Value::Uint(value))) => value != 0,
        other => panic!("{other:?}"),
    }
}

/// When the console first told of an outage.
fn shouted(bench: &Bench, since: Ns) -> Option<Ns> {
    let lines = bench.stage.console();
    let mut fresh = lines.iter().filter(|line| line.at >= since);
    let line = fresh.find(|line| line.text.contains("does not answer"))?;
    Some(line.at)
}

fn reset(bench: &mut Bench, command: u8) {
    bench.run(move |process| {
        let device = Device::open(process).expect("opens");
        device.send(1, 0x06, command, &[]).expect("is taken");
        assert!(device.wait(S), "it is answered at once");
        assert_eq!(device.receive().map(|reply| reply.data), Ok(vec![0]));
    });
}

#[test]
fn a_reset_that_was_asked_for_is_waited_for_quietly() {
    attached("maintenance", |bench| {
        assert_eq!(bench.pat(128 * S), 0);
        for command in RESETS {
            let from = bench.now();
            assert!(!shown(bench, "resetting"));
            reset(bench, command);
            bench.rest(S);
            assert!(shown(bench, "resetting"));
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
            assert!(!shown(bench, "resetting"));
            assert!(bench.timer().counting, "armed again");
            assert_eq!(shouted(bench, from), None);
        }
    });
}

#[test]
fn a_reset_that_takes_longer_than_half_a_minute_is_an_outage() {
    each_seed(
        "maintenance-long",
        1..=10,
        |plan, _| plan.bmc.cold_reset = 60 * S,
        |bench| {
            bench.load();
            bench.run(watch_for_node);
            let from = bench.now();
            reset(bench, RESETS[0]);
            bench.rest(29 * S);
            assert!(shown(bench, "resetting"));
            assert_eq!(shouted(bench, from), None);
            bench.rest(2 * S);
            assert!(!shown(bench, "resetting"));
            assert!(shouted(bench, from).is_some(), "nobody was told");
            bench.rest(35 * S);
            let answer = bench.run(|process| ask(process, 0x06));
            assert!(answer < S, "it is back, and took {answer} ns");
        },
    );
}

/// How long a request of that network function takes, which the BMC does not know.
fn ask(process: &Process, net_fn: u8) -> Ns {
    let device = Device::open(process).expect("opens");
    let from = process.now();
    device.send(1, net_fn, 0xf0, &[0x55; 8]).expect("is taken");
    assert!(device.wait(60 * S), "no completion within a minute");
    assert_eq!(device.receive().map(|reply| reply.data), Ok(vec![0xc1]));
    process.now() - from
}

#[test]
fn a_transfer_of_firmware_does_not_wait_for_the_sleeper() {
    const FIRMWARE: u8 = 0x08;
    const STORAGE: u8 = 0x0a;
    attached("firmware", |bench| {
        // Slept for, unless it matters.
        bench.fault(3600 * S, Fault::SlowHandshake { ns: 17 * MS });
        let ask = |bench: &mut Bench, net_fn| {
            let took = bench.run(move |process| ask(process, net_fn));
            (took, shown(bench, "firmware"))
        };
        let (plain, before) = ask(bench, STORAGE);
        let (first, during) = ask(bench, FIRMWARE);
        let (within, still) = ask(bench, STORAGE);
        bench.rest(2 * S);
        let (after, over) = ask(bench, STORAGE);
        assert_eq!([before, during, still, over], [false, true, true, false]);
        let gains = [plain, after].map(|slow| slow.saturating_sub(first.max(within)));
        assert!(gains > [5 * MS; 2], "{plain} {first} {within} {after} ns");
    });
}
