// SPDX-License-Identifier: BSD-2-Clause
//! D19, D22, D26: the life of the device, and what it says and counts meanwhile.

use ipmi_bmc::{Fault, When};
use ipmi_kernel::subsystems::sysctl::api::Value;
use ipmi_lab::abi::EBUSY;
use ipmi_lab::client::{watch_for_node, Device};
use ipmi_lab::dice::Dice;
use ipmi_lab::scenario::Plan;
use ipmi_lab::span::{MS, S, US};

use crate::bench::{attached, each_seed, Bench};

#[test]
fn d19_a_bmc_that_answers_late_is_attached_then() {
    let faults = [
        Fault::IbfStuck,
        Fault::ReadsFf,
        Fault::ObfNever,
        Fault::Deaf { counting: true },
    ];
    for fault in faults {
        each_seed(
            "d19",
            1..=20,
            |plan, dice| {
                let to = dice.between(5 * S, 400 * S);
                plan.faults
                    .push((When::Window { from: 0, to }, fault.clone()));
            },
            |bench| {
                let from = bench.now();
                bench.load();
                let took = bench.now() - from;
                assert!(took <= 10 * MS, "kldload took {took} ns");
                bench.run(watch_for_node);
                assert_eq!(bench.pat(128 * S), 0, "{fault:?}");
                assert!(bench.timer().counting);
            },
        );
    }
}

#[test]
fn d19_who_wants_to_wait_for_a_late_bmc_waits_as_long_as_asked() {
    for (patience, expected) in [("60", 20 * S), ("5", 5 * S)] {
        each_seed(
            "d19-wait",
            1..=5,
            |plan, _| {
                let late = When::Window {
                    from: 0,
                    to: 20 * S,
                };
                plan.faults.push((late, Fault::IbfStuck));
                plan.tunables.push(("hw.ipmi.attach_wait", patience.into()));
            },
            |bench| {
                let from = bench.now();
                bench.load();
                let took = bench.now() - from;
                assert!(took.abs_diff(expected) <= S, "kldload took {took} ns");
                let opens = bench.run(|process| Device::open(process).is_ok());
                assert_eq!(opens, patience == "60");
                bench.run(watch_for_node);
            },
        );
    }
}

#[test]
fn d22_the_node_works_from_its_first_moment() {
    each_seed(
        "d22",
        1..=60,
        |_, _| {},
        |bench| {
            for _ in 0..4 {
                bench.stage.process("eager", |process, _| {
                    let device = loop {
                        match Device::open(process) {
                            Ok(device) => break device,
                            Err(_) => process.sleep(MS / 10).expect("no signal comes"),
                        }
                    };
                    device.send(1, 0x06, 0x01, &[]).expect("is taken");
                    assert!(device.wait(15 * S), "no completion within 15 s");
                    device.receive().expect("a reply");
                });
            }
            bench.load();
            bench.rest(20 * S);
        },
    );
}

#[test]
fn d22_load_and_unload_leave_nothing_behind() {
    attached("d22-cycles", |bench| {
        for _ in 0..10 {
            if bench.dice.chance(50) {
                assert_eq!(bench.pat(128 * S), 0);
            }
            assert_eq!(bench.stage.unload().expect("it is loaded"), 0);
            assert!(
                !bench.timer().counting,
                "the timer counts on without a driver"
            );
            bench.load();
            bench.run(watch_for_node);
        }
    });
}

#[test]
fn d22_nobody_detaches_a_device_that_is_open() {
    attached("d22-open", |bench| {
        bench.stage.process("holder", |process, _| {
            let device = Device::open(process).expect("opens");
            process.sleep(5 * S).expect("no signal comes");
            device.send(1, 0x06, 0x01, &[]).expect("is taken");
            assert!(device.wait(15 * S), "no completion within 15 s");
            device.receive().expect("a reply");
        });
        bench.rest(S);
        assert_eq!(bench.stage.unload().expect("it is loaded"), EBUSY);
        assert_eq!(bench.pat(128 * S), 0, "and goes on as before");
        bench.rest(20 * S);
    });
}

#[test]
fn d22_a_stop_that_fails_at_detach_is_not_ignored() {
    attached("d22-stop", |bench| {
        assert_eq!(bench.pat(128 * S), 0);
        let code = bench.dice.pick(&[0xc0, 0xc3, 0xff]);
        let fault = Fault::Completion {
            netfn: 6,
            cmd: 0x24,
            code,
        };
        bench.fault(100 * MS, fault);
        let lines = bench.stage.console().len();
        assert_eq!(bench.stage.unload().expect("it is loaded"), 0);
        let said = bench.stage.console().split_off(lines);
        let told = said.iter().any(|line| line.text.contains("watchdog"));
        assert!(
            told || !bench.timer().counting,
            "it counts on and nobody was told"
        );
    });
}

/// Asks so many things, one a second.
fn ask(bench: &mut Bench, count: i64) {
    bench.run(move |process| {
        let device = Device::open(process).expect("opens");
        for msgid in 0..count {
            if device.send(msgid, 0x06, 0x01, &[]).is_ok() && device.wait(15 * S) {
                // Most of them fail.
                let _ = device.receive();
            }
            process.sleep(S).expect("no signal comes");
        }
    });
}

/// What a counter of the device shows.
fn counter(bench: &mut Bench, name: &str) -> u64 {
    let name = format!("dev.ipmi.0.stats.{name}");
    match bench.stage.machine.sysctl_get(&name) {
        Ok(Ok(Value::Uint(value))) => value,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn d26_bad_replies_are_counted_and_not_shouted() {
    let faults = [
        Fault::GarbageReply,
        Fault::ShortReply { keep: 2 },
        Fault::WrongNetFn,
    ];
    for fault in faults {
        attached("d26", |bench| {
            let lines = bench.stage.console().len();
            bench.fault(120 * S, fault.clone());
            ask(bench, 60);
            let said = bench.stage.console().len() - lines;
            assert!(said <= 10, "{said} lines for {fault:?}");
            assert!(counter(bench, "bad_replies") > 0, "{fault:?}");
            assert!(counter(bench, "attempts") > 0);
        });
    }
}

#[test]
fn d26_an_outage_costs_no_processor_time() {
    for fault in [Fault::IbfStuck, Fault::ReadsFf, Fault::ObfNever] {
        attached("d26-idle", |bench| {
            bench.fault(700 * S, fault.clone());
            let (from, before) = (bench.now(), busy(bench));
            ask(bench, 600);
            let percent = 100.0 * (busy(bench) - before) as f64 / (bench.now() - from) as f64;
            assert!(percent < 0.5, "{percent:.2} % with {fault:?}");
        });
    }
}

/// What virtual time does not charge: on a real kernel a time-out costs a fifth of a request.
#[test]
fn a_quick_request_arms_no_timeout_and_hardly_reads_the_clock() {
    const REQUESTS: u64 = 200;
    let quick = |plan: &mut Plan, _: &mut Dice| {
        plan.bmc.handshake = US;
        plan.bmc.execute = US;
    };
    each_seed("costs", 1..=20, quick, |bench| {
        bench.load();
        bench.run(watch_for_node);
        bench.rest(5 * S);
        let (from, before) = (bench.now(), bench.stage.machine.usage());
        bench.run(|process| {
            let device = Device::open(process).expect("opens");
            for msgid in 0..REQUESTS as i64 {
                device.send(msgid, 6, 1, &[]).expect("is taken");
                assert!(device.wait(S) && device.receive().is_ok());
            }
        });
        let after = bench.stage.machine.usage();
        let ticks = (bench.now() - from) / (S / 2) + 1;
        let timeouts = after.timeouts - before.timeouts;
        let reads = after.clock_reads - before.clock_reads;
        assert!(timeouts <= ticks, "{timeouts} time-outs in {ticks} ticks");
        // The request's limit, the attempt's start and its end.
        assert!(
            reads <= 3 * REQUESTS + 4 * ticks,
            "{reads} reads of the clock"
        );
    });
}

/// Processor time of the module's threads, in ns.
fn busy(bench: &Bench) -> u64 {
    let usage = bench.stage.machine.usage();
    let threads = usage.threads.iter().filter(|t| t.of_module);
    threads.map(|t| t.busy_ns).sum()
}
