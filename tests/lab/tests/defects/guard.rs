// SPDX-License-Identifier: BSD-2-Clause
//! D14, D18 and requests that no watchdog should take at their word: disarms that fail, timers of
//! firmware's, timeouts too short and too long, suspend.

use ipmi_bmc::{Fault, TimerAction, When};
use ipmi_kernel::subsystems::watchdog::fido;
use ipmi_lab::abi::{EBUSY, EINVAL};
use ipmi_lab::client::watch_for_node;
use ipmi_lab::scenario::Firmware;
use ipmi_lab::span::{Ns, MS, S};

use crate::bench::{attached, each_seed, Bench};

/// Longer than the driver rests after a refusal, and than a detected outage takes to be over.
const RETRIED: Ns = 12 * S;

#[test]
fn d14_a_failed_disarm_is_retried_until_confirmed() {
    let completion = |code| Fault::Completion {
        netfn: 6,
        cmd: 0x24,
        code,
    };
    let faults = [
        completion(0xc0),
        completion(0xc3),
        completion(0xff),
        Fault::IbfStuck,
        Fault::ReadsFf,
        Fault::ObfNever,
        Fault::GarbageReply,
        Fault::ShortReply { keep: 2 },
    ];
    for fault in faults {
        attached("d14", |bench| {
            assert_eq!(bench.pat(128 * S), 0);
            let lasts = bench.dice.between(5 * S, 60 * S);
            let to = bench.now() + lasts;
            bench.fault(lasts, fault.clone());
            for call in 0..3 {
                let error = bench.pat(0);
                let counting = bench.timer().counting;
                assert!(
                    error != 0 || !counting,
                    "{fault:?}: disarm {call} reported success, and the BMC counts"
                );
                let pause = bench.dice.magnitude(MS, S);
                bench.rest(pause);
            }
            let left = to.saturating_sub(bench.now());
            bench.rest(left + RETRIED);
            assert!(!bench.timer().counting, "{fault:?}: nobody tried again");
            assert_eq!(bench.figure("state"), 1, "{fault:?}");
            assert_eq!(bench.pat(0), 0, "{fault:?}");
        });
    }
}

#[test]
fn d18_the_flags_to_clear_are_named_and_nothing_else() {
    attached("d18-flags", |bench| {
        let cleared: Vec<Vec<u8>> = bench.board(|board| {
            let records = board.interface().bmc().records();
            let clears = records.filter(|r| (r.netfn, r.cmd) == (0x06, 0x30));
            clears.map(|r| r.data.clone()).collect()
        });
        // Message queue, event buffer, pre-timeout.
        assert_eq!(cleared, [[0x0b]]);
    });
}

#[test]
fn d18_a_short_device_id_is_asked_for_again() {
    each_seed(
        "d18-short",
        1..=60,
        |plan, dice| {
            let keep = dice.between(2, 8) as usize;
            let when = When::Command {
                netfn: 6,
                cmd: 0x01,
                from: 0,
                to: 20 * S,
            };
            plan.faults.push((when, Fault::ShortReply { keep }));
        },
        |bench| {
            bench.load();
            bench.rest(15 * S);
            let open = bench.run(|process| process.open("/dev/ipmi0").is_ok());
            assert!(!open, "nobody knows yet what this is");
            bench.run(watch_for_node);
            assert_eq!(bench.pat(128 * S), 0);
        },
    );
}

#[test]
fn d18_a_bmc_that_is_busy_has_a_watchdog_timer_all_the_same() {
    each_seed(
        "d18-busy",
        1..=20,
        |plan, dice| {
            let when = When::Command {
                netfn: 6,
                cmd: 0x25,
                from: 0,
                to: 20 * S,
            };
            let (netfn, cmd) = (6, 0x25);
            let busy = |code| Fault::Completion { netfn, cmd, code };
            let faults = [
                busy(0xc0),
                busy(0xc3),
                busy(0xd2),
                Fault::ShortReply { keep: 6 },
            ];
            let fault = faults[dice.turn(4) as usize].clone();
            plan.faults.push((when, fault));
        },
        |bench| {
            bench.load();
            bench.rest(20 * S);
            bench.run(watch_for_node);
            assert_eq!(bench.pat(128 * S), 0);
            assert!(bench.timer().counting);
        },
    );
}

/// A machine whose firmware left a timer of 40 s running, with that `hw.ipmi.wd_adopt`.
fn armed_by_firmware(name: &str, how: &'static str, test: impl Fn(&mut Bench)) {
    each_seed(
        name,
        1..=20,
        |plan, dice| {
            plan.tunables.push(("hw.ipmi.wd_adopt", how.into()));
            plan.firmware = Some(Firmware {
                timer_use: dice.between(1, 3) as u8,
                action: 1,
                countdown: 40 * S,
                pretimeout: 0,
                interrupt: 0,
            });
        },
        |bench| {
            bench.load();
            bench.run(watch_for_node);
            bench.rest(S);
            test(bench);
        },
    );
}

#[test]
fn d18_a_timer_of_firmware_is_kept_until_the_first_pat() {
    armed_by_firmware("d18-keep", "keep", |bench| {
        bench.rest(200 * S);
        let view = bench.timer();
        assert!(view.counting && view.initial == 40 * S, "{view:?}");
        assert_eq!(view.action, TimerAction::HardReset);
        assert_eq!(bench.pat(128 * S), 0);
        let view = bench.timer();
        assert!(view.counting && view.initial == 128 * S, "{view:?}");
        assert_eq!((view.timer_use, view.action), (4, TimerAction::PowerCycle));
    });
}

#[test]
fn d18_a_timer_of_firmware_is_stopped_where_asked() {
    armed_by_firmware("d18-stop", "stop", |bench| {
        assert!(!bench.timer().counting);
        assert_eq!(bench.figure("state"), 1);
        bench.rest(60 * S);
        assert_eq!(bench.pat(128 * S), 0);
    });
}

#[test]
fn d18_a_timer_of_firmware_is_left_alone_where_asked() {
    armed_by_firmware("d18-leave", "leave", |bench| {
        let before = bench.timer().expires_at;
        assert_eq!(before, Some(40 * S));
        bench.rest(20 * S);
        assert_eq!(bench.timer().expires_at, before);
        assert_eq!(bench.pat(128 * S), 0);
        assert_eq!(bench.timer().initial, 128 * S);
    });
}

#[test]
fn a_timeout_below_the_least_is_refused_and_the_running_timer_left_alone() {
    attached("absurd-short", |bench| {
        assert_eq!(bench.pat(128 * S), 0);
        let expires = bench.timer().expires_at;
        let lines = bench.stage.console().len();
        for timeout in [32, MS, S, 2 * S - 1] {
            assert_eq!(bench.pat(timeout), EINVAL, "{timeout} ns");
        }
        bench.rest(5 * S);
        assert_eq!(bench.timer().expires_at, expires);
        let said = bench.stage.console().split_off(lines);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].text.contains("hw.ipmi.wd_min_timeout"), "{said:?}");
        assert_eq!(bench.pat(2 * S), 0, "the least itself is taken");
    });
}

#[test]
fn a_timeout_below_the_least_arms_nothing() {
    attached("absurd-nothing", |bench| {
        assert_eq!(bench.pat(32), EINVAL);
        bench.rest(5 * S);
        assert!(!bench.timer().counting);
    });
}

#[test]
fn an_old_pat_of_128_s_does_not_become_32_ns() {
    attached("absurd-old", |bench| {
        assert_eq!(bench.pat(60 * S), 0);
        let expires = bench.timer().expires_at;
        // WD_ACTIVE, two to the power of 37 ns; 15 makes 32 ns of it.
        let error = bench.run(|process| {
            let fido = process.open("/dev/fido").expect("/dev/fido opens");
            let argument = process.alloc_with(&(0x0800_0000u32 | 37).to_le_bytes());
            process.ioctl(fido, fido::old::PATPAT, argument).err()
        });
        assert_eq!(error, Some(EINVAL));
        assert_eq!(bench.timer().expires_at, expires);
    });
}

#[test]
fn a_timeout_above_the_most_is_clamped_and_shown() {
    attached("absurd-long", |bench| {
        let lines = bench.stage.console().len();
        for _ in 0..3 {
            assert_eq!(bench.pat(86_400 * S), 0);
        }
        bench.rest(S);
        assert_eq!(bench.timer().initial, 6553 * S);
        assert_eq!(bench.figure("timeout_asked_ms"), 86_400_000);
        assert_eq!(bench.figure("timeout_confirmed_ms"), 6_553_000);
        let said = bench.stage.console().split_off(lines);
        let cut = said.iter().filter(|l| l.text.contains("cut to 6553 s"));
        assert_eq!(cut.count(), 1, "{said:?}");
        let told = bench.stage.machine.devctl();
        assert!(told.iter().any(|n| n.kind == "range"), "{told:?}");
    });
}

#[test]
fn an_armed_host_does_not_suspend() {
    attached("suspend", |bench| {
        assert_eq!(bench.pat(128 * S), 0);
        for whole_machine in [false, true] {
            let lines = bench.stage.console().len();
            let refused = match whole_machine {
                false => bench.stage.machine.device_suspend("ipmi0"),
                true => bench.stage.machine.suspend(600 * S),
            };
            assert_eq!(refused, Ok(EBUSY));
            let said = bench.stage.console().split_off(lines);
            assert_eq!(said.len(), 1, "{said:?}");
            assert!(said[0].text.contains("not suspending: watchdog is armed"));
            assert!(bench.timer().counting);
            assert_eq!(bench.pat(128 * S), 0, "after the refusal");
        }
        assert_eq!(bench.pat(0), 0);
        assert_eq!(bench.stage.machine.device_suspend("ipmi0"), Ok(0));
        assert_eq!(bench.stage.machine.device_resume("ipmi0"), Ok(0));
        assert_eq!(bench.pat(128 * S), 0, "after the device's resume");
        assert!(bench.timer().counting);
        assert_eq!(bench.pat(0), 0);
        assert_eq!(bench.stage.machine.suspend(600 * S), Ok(0));
        assert_eq!(bench.pat(128 * S), 0, "after the machine's resume");
        assert!(bench.timer().counting);
    });
}

#[test]
fn a_startup_countdown_guards_the_host_before_anybody_pats() {
    each_seed(
        "startup-countdown",
        1..=5,
        |plan, _| {
            plan.tunables
                .push(("hw.ipmi.wd_startup_countdown", "600".into()));
        },
        |bench| {
            bench.load();
            bench.run(watch_for_node);
            bench.rest(S);
            let view = bench.timer();
            assert!(view.counting && view.initial == 600 * S, "{view:?}");
            assert_eq!(bench.pat(128 * S), 0);
            assert_eq!(bench.timer().initial, 128 * S);
        },
    );
}
