// SPDX-License-Identifier: BSD-2-Clause
//! D17: shutdowns and panics that hang, and shutdowns that do not happen.

use std::rc::Rc;

use ipmi_bmc::TimerAction;
use ipmi_kernel::subsystems::eventhandler;
use ipmi_kernel::subsystems::shutdown::{RB_AUTOBOOT, RB_HALT};
use ipmi_kernel::{sched, HwEvent, Stop};
use ipmi_lab::abi::ENXIO;
use ipmi_lab::client::{watch_for_node, Device};
use ipmi_lab::span::{Ns, S};

use crate::bench::{attached, each_seed, Bench};

/// After so long a host that pats is taken not to be shutting down.
const SHUTDOWN_OVER: Ns = 301 * S;

/// [`attached`], with that `hw.ipmi.wd_shutdown_countdown`.
fn with_countdown(name: &str, seconds: i64, test: impl Fn(&mut Bench)) {
    each_seed(
        name,
        1..=20,
        |plan, _| {
            let name = "hw.ipmi.wd_shutdown_countdown";
            plan.tunables.push((name, seconds.to_string()));
        },
        |bench| {
            bench.load();
            bench.run(watch_for_node);
            test(bench);
        },
    );
}

/// The first step of reboot(2), and no more of it.
fn begin_shutdown(bench: &mut Bench, howto: u32) {
    let begin = move || eventhandler::invoke("shutdown_pre_sync", &[u64::from(howto)]);
    let done = bench.stage.machine.execute("init", begin);
    done.expect("the machine goes on");
}

/// Somewhere in that list something never returns.
fn hang_in(bench: &mut Bench, list: &str, priority: i32) {
    let hang = |_: &[u64]| loop {
        sched::spend(S);
    };
    let machine = &mut bench.stage.machine;
    machine.on_event(list, priority, Rc::new(hang));
    bench.rest(1);
}

#[test]
fn d17_a_hang_in_the_sync_is_ended_by_the_bmc() {
    with_countdown("d17-sync", 60, |bench| {
        assert_eq!(bench.pat(128 * S), 0);
        hang_in(bench, "shutdown_post_sync", i32::MAX);
        let from = bench.now();
        let stop = bench.stage.machine.reboot(RB_AUTOBOOT, from + 300 * S);
        assert_eq!(stop, Stop::Host(HwEvent::PowerCycle));
        let took = bench.now() - from;
        assert!(took.abs_diff(60 * S) <= S, "{took} ns");
        bench.stage.note(stop);
    });
}

#[test]
fn d17_a_hung_dump_is_ended_by_the_bmc_and_the_sel_says_why() {
    attached("d17-dump", |bench| {
        assert_eq!(bench.pat(128 * S), 0);
        hang_in(bench, "shutdown_final", i32::MIN);
        let from = bench.now();
        let stop = bench.stage.machine.panic("d17", from + 600 * S);
        assert_eq!(stop, Stop::Host(HwEvent::PowerCycle));
        // The dump is eight parts of a quarter second, each of which pats.
        let took = bench.now() - from;
        assert!((255 * S..=259 * S).contains(&took), "{took} ns");
        let written: Vec<Vec<u8>> = bench.board(|board| {
            let records = board.interface().bmc().records();
            let adds = records.filter(|r| (r.netfn, r.cmd) == (0x0a, 0x44));
            adds.map(|r| r.data.clone()).collect()
        });
        assert!(!written.is_empty(), "nothing was written into the SEL");
        let text: Vec<u8> = written.concat();
        assert!(text.windows(3).any(|w| w == b"d17"), "{written:?}");
        bench.stage.note(stop);
    });
}

#[test]
fn d17_a_panic_leaves_a_timer_that_nobody_armed_alone() {
    attached("d17-unarmed", |bench| {
        let from = bench.now();
        let stop = bench.stage.machine.panic("d17", from + 60 * S);
        assert!(matches!(stop, Stop::Halted(_)), "{stop:?}");
        assert!(!bench.timer().counting);
        bench.stage.note(stop);
    });
}

#[test]
fn d17_a_halt_stops_the_timer_whatever_the_countdown() {
    with_countdown("d17-halt", 60, |bench| {
        assert_eq!(bench.pat(128 * S), 0);
        begin_shutdown(bench, RB_HALT);
        assert!(!bench.timer().counting);
    });
}

#[test]
fn d17_a_shutdown_that_does_not_happen_is_over_some_time() {
    with_countdown("d17-over", -1, |bench| {
        assert_eq!(bench.pat(6000 * S), 0);
        begin_shutdown(bench, RB_AUTOBOOT);
        assert_eq!(bench.pat(128 * S), ENXIO, "the sync's pats arm nothing");
        assert_eq!(bench.timer().initial, 6000 * S);
        bench.rest(SHUTDOWN_OVER);
        assert_eq!(bench.pat(128 * S), 0);
        let view = bench.timer();
        assert!(view.counting && view.initial == 128 * S, "{view:?}");
    });
}

#[test]
fn d17_the_action_of_a_shutdown_is_over_with_it() {
    each_seed(
        "d17-action",
        1..=20,
        |plan, _| {
            plan.tunables.extend([
                ("hw.ipmi.wd_shutdown_countdown", "1000".into()),
                ("hw.ipmi.wd_timer_actions", "1".into()),
            ]);
        },
        |bench| {
            bench.load();
            bench.run(watch_for_node);
            assert_eq!(bench.pat(128 * S), 0);
            assert_eq!(bench.timer().action, TimerAction::HardReset);
            begin_shutdown(bench, RB_AUTOBOOT);
            let view = bench.timer();
            assert_eq!(view.action, TimerAction::PowerCycle);
            assert_eq!(view.initial, 1000 * S);
            bench.rest(SHUTDOWN_OVER);
            assert_eq!(bench.pat(128 * S), 0);
            assert_eq!(bench.timer().action, TimerAction::HardReset);
        },
    );
}

#[test]
fn d17_the_shutdown_is_the_devices_and_gone_with_it() {
    with_countdown("d17-device", 0, |bench| {
        assert_eq!(bench.pat(128 * S), 0);
        begin_shutdown(bench, RB_AUTOBOOT);
        assert_eq!(bench.pat(128 * S), ENXIO);
        assert_eq!(bench.stage.machine.device_detach("ipmi0"), Ok(0));
        assert_eq!(bench.stage.machine.device_attach("ipmi0"), Ok(0));
        bench.run(watch_for_node);
        assert_eq!(bench.pat(128 * S), 0, "a device attached anew");
        assert!(bench.timer().counting);
    });
}

/// Requests that keep the worker, and so its lock, busy.
fn keep_busy(bench: &mut Bench) {
    for _ in 0..3 {
        bench.stage.process("busy", |process, _| {
            let device = Device::open(process).expect("opens");
            for msgid in 0..100 {
                device.send(msgid, 0x06, 0x01, &[]).expect("is taken");
            }
            while device.wait(S) {
                device.receive().expect("a reply");
            }
        });
    }
    let pause = bench.dice.between(0, 20_000_000);
    bench.rest(pause);
}

#[test]
fn d17_a_shutdown_is_marked_though_the_worker_holds_the_lock() {
    each_seed(
        "d17-marked",
        1..=60,
        |plan, dice| {
            // Whoever holds a lock is likely to lose its processor.
            plan.preempt.switch_per_1024 = 512;
            plan.preempt.stall_per_million = 100_000;
            plan.preempt.stall_max_ns = dice.between(1000, 2_000_000);
        },
        |bench| {
            bench.load();
            bench.run(watch_for_node);
            assert_eq!(bench.pat(128 * S), 0);
            keep_busy(bench);
            begin_shutdown(bench, RB_AUTOBOOT);
            assert_eq!(bench.pat(128 * S), ENXIO);
            bench.rest(30 * S);
            assert!(!bench.timer().counting, "a pat of the sync armed it again");
        },
    );
}
