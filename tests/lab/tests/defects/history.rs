// SPDX-License-Identifier: BSD-2-Clause
//! What sysctl(8) keeps for diagnosis: identity, histograms and the flight recorder are true. Must
//! not know how they are counted.

use ipmi_bmc::Fault;
use ipmi_kernel::subsystems::sysctl::api::Value;
use ipmi_lab::client::{watch_for_node, Device};
use ipmi_lab::span::{Ns, MS, S, US};

use crate::bench::{attached, each_seed, Bench};

/// Bounds of the buckets in microseconds.
fn bounds() -> impl Iterator<Item = u64> {
    (0..21).map(|doubled| 16 << doubled)
}

fn get(bench: &mut Bench, leaf: &str) -> Value {
    let name = format!("dev.ipmi.0.{leaf}");
    match bench.stage.machine.sysctl_get(&name) {
        Ok(Ok(value)) => value,
        other => panic!("{name}: {other:?}"),
    }
}

fn number(bench: &mut Bench, leaf: &str) -> u64 {
    match get(bench, leaf) {
        Value::Uint(number) => number,
        other => panic!("{leaf}: {other:?}"),
    }
}

fn text(bench: &mut Bench, leaf: &str) -> String {
    match get(bench, leaf) {
        Value::Text(text) => text,
        other => panic!("{leaf}: {other:?}"),
    }
}

/// How many of a class took at most each bound, and all of them; looked at for what must hold.
fn histogram(bench: &mut Bench, class: &str) -> (Vec<u64>, u64) {
    let node = format!("latency_us.{class}");
    let within: Vec<u64> = bounds()
        .map(|bound| number(bench, &format!("{node}.bucket.{bound}")))
        .collect();
    let count = number(bench, &format!("{node}.count"));
    let max = number(bench, &format!("{node}.max"));
    assert!(within.is_sorted(), "{class}: {within:?}");
    assert_eq!(number(bench, &format!("{node}.bucket.+Inf")), count);
    for (bound, &within) in bounds().zip(&within) {
        assert!(within <= count, "{class}: {bound} us");
        assert!(
            (within == count) == (max <= bound) || max == bound,
            "{class}: {bound} us, {max}"
        );
    }
    assert!(number(bench, &format!("{node}.sum")) >= max);
    (within, count)
}

/// Requests for the device id, one after the other; how long the longest took.
fn ask(bench: &mut Bench, count: usize) -> Ns {
    bench.run(move |process| {
        let device = Device::open(process).expect("opens");
        let took = |msgid: usize| {
            let begun = process.now();
            device
                .send(msgid as i64, 0x06, 0x01, &[])
                .expect("is taken");
            assert!(device.wait(10 * S), "is answered");
            device.receive().expect("is there");
            process.now() - begun
        };
        (0..count).map(took).max().unwrap_or(0)
    })
}

#[test]
fn the_bmc_is_told_as_it_tells_itself() {
    attached("identity", |bench| {
        let reply = bench.run(|process| {
            let device = Device::open(process).expect("opens");
            device.send(1, 0x06, 0x01, &[]).expect("is taken");
            assert!(device.wait(S), "is answered");
            device.receive().expect("is there").data
        });
        let told = [
            ("device_id", u64::from(reply[1])),
            ("device_revision", u64::from(reply[2] & 15)),
            ("device_support", u64::from(reply[6])),
            (
                "manufacturer_id",
                u64::from(reply[7]) | u64::from(reply[8]) << 8 | u64::from(reply[9] & 15) << 16,
            ),
            (
                "product_id",
                u64::from(reply[10]) | u64::from(reply[11]) << 8,
            ),
        ];
        for (leaf, expected) in told {
            assert_eq!(number(bench, &format!("bmc.{leaf}")), expected, "{leaf}");
        }
        let firmware = format!("{}.{:02x}", reply[3] & 0x7f, reply[4]);
        assert_eq!(text(bench, "bmc.firmware"), firmware);
        assert_eq!(text(bench, "bmc.ipmi_version"), "2.0");
        assert_eq!(text(bench, "interface.type"), "KCS");
        assert_eq!(number(bench, "interface.address"), 0xca2);
    });
}

#[test]
fn a_bmc_that_has_not_answered_is_not_given_an_identity() {
    each_seed(
        "unidentified",
        1..=2,
        |_, _| {},
        |bench| {
            bench.fault(10 * S, Fault::ReadsFf);
            bench.load();
            bench.rest(S);
            for leaf in ["bmc.firmware", "bmc.ipmi_version"] {
                assert_eq!(text(bench, leaf), "", "{leaf}");
            }
            assert_eq!(number(bench, "bmc.manufacturer_id"), 0);
            bench.run(watch_for_node);
            assert_ne!(text(bench, "bmc.firmware"), "");
        },
    );
}

#[test]
fn requests_and_attempts_are_counted_by_how_long_they_took() {
    attached("latency", |bench| {
        let (_, none) = histogram(bench, "request");
        assert_eq!(none, 0);
        let (_, before) = histogram(bench, "attempt");
        let longest = ask(bench, 20);
        let (_, requests) = histogram(bench, "request");
        assert_eq!(requests, 20);
        let (_, attempts) = histogram(bench, "attempt");
        assert!(attempts >= before + 20, "{before} {attempts}");
        let max = number(bench, "latency_us.request.max") * US;
        assert!(max <= longest && max > longest / 2, "{max} of {longest} ns");
        let (sum, least) = (number(bench, "latency_us.request.sum"), 20 * 300);
        assert!(sum >= least, "each waits 300 us for its execution: {sum}");
    });
}

#[test]
fn pats_show_that_none_waits_for_long() {
    attached("pats", |bench| {
        bench.pat(128 * S);
        bench.fault(60 * S, Fault::Deaf { counting: true });
        for _ in 0..10 {
            bench.pat(128 * S);
            bench.rest(5 * S);
        }
        let (within, count) = histogram(bench, "pat");
        assert_eq!(count, 11);
        let bound = bounds().position(|us| us * US > 250 * MS).expect("one");
        assert_eq!(within[bound], 11, "{within:?}");
        assert!(within[bound - 4] < 11, "the first of the outage waits");
    });
}

#[test]
fn the_recorder_tells_what_led_to_an_outage() {
    attached("recorder", |bench| {
        bench.pat(128 * S);
        ask(bench, 3);
        bench.fault(60 * S, Fault::ObfNever);
        bench.pat(128 * S);
        bench.rest(40 * S);
        let recorded = text(bench, "recorder");
        let lines: Vec<&str> = recorded.lines().collect();
        assert!(lines.len() <= 64, "{}", lines.len());
        let at = |words: &str| {
            lines
                .iter()
                .position(|line| line.contains(words))
                .unwrap_or_else(|| panic!("{words}:\n{recorded}"))
        };
        let armed = at("driver netfn 0x06 cmd 0x22 completion 0x00 after ");
        let asked = at("application netfn 0x06 cmd 0x01 completion 0x00 after ");
        let failed = at("driver netfn 0x06 cmd 0x22 stalled after ");
        assert!(armed < asked && asked < failed && failed < at("event BMC unresponsive"));
        let seconds = |line: &&str| line.split(' ').next().and_then(|at| at.parse::<f64>().ok());
        let told: Vec<f64> = lines.iter().filter_map(seconds).collect();
        assert_eq!(told.len(), lines.len(), "{recorded}");
        assert!(told.is_sorted(), "{recorded}");
        let now = bench.now() as f64 / 1e9;
        assert!(told.iter().all(|&at| at <= now));
    });
}

#[test]
fn a_recorder_that_is_full_fits_where_it_is_read_to() {
    attached("full", |bench| {
        ask(bench, 200);
        let recorded = text(bench, "recorder");
        assert_eq!(recorded.lines().count(), 64, "{recorded}");
        assert!(recorded.lines().all(|line| line.ends_with(" us")));
    });
}
