// SPDX-License-Identifier: BSD-2-Clause
//! D10, D11, D12: ways through the driver that must end whatever the BMC does.

use ipmi_bmc::{Fault, When, NEVER};
use ipmi_kernel::subsystems::kdb::Command;
use ipmi_kernel::subsystems::shutdown::RB_POWEROFF;
use ipmi_kernel::Stop;
use ipmi_lab::client::{watch_for_node, Device};
use ipmi_lab::dice::Dice;
use ipmi_lab::scenario::Plan;
use ipmi_lab::span::{Ns, MS, S};

use crate::bench::{attached, each_seed, Bench};

/// The transactions among which the BMC dies.
const FATAL: std::ops::RangeInclusive<u64> = 30..=60;

/// The BMC dies for ever, or for so long, at some byte of some transaction.
fn dies(plan: &mut Plan, dice: &mut Dice, lasts: Ns) {
    let faults = [
        Fault::IbfStuck,
        Fault::ObfNever,
        Fault::ReadsFf,
        Fault::WrongState {
            state: dice.between(0, 3) as u8,
        },
        Fault::Deaf { counting: true },
    ];
    let fault = faults[dice.between(0, 4) as usize].clone();
    let transaction = dice.between(*FATAL.start(), *FATAL.end());
    let byte = dice.between(0, 8) as u32;
    let when = When::AtByte {
        transaction,
        byte,
        lasts,
    };
    plan.faults.push((when, fault));
}

/// Attaches, arms, and lets two processes ask until the BMC has died among them.
fn dead(bench: &mut Bench) {
    bench.load();
    bench.run(watch_for_node);
    assert_eq!(bench.pat(128 * S), 0);
    for name in ["asker", "other"] {
        bench.stage.process(name, |process, _| {
            let device = Device::open(process).expect("opens");
            while device.send(1, 0x06, 0x01, &[]).is_ok() && device.wait(15 * S) {
                if device.receive().is_err() {
                    return;
                }
            }
        });
    }
    // Two askers need far less for so many transactions.
    let more = bench.dice.between(2 * S, 4 * S);
    bench.rest(more);
}

#[test]
fn d10_a_panic_with_a_dead_bmc_ends() {
    each_seed(
        "d10",
        1..=60,
        |plan, dice| dies(plan, dice, NEVER),
        |bench| {
            dead(bench);
            bench.stage.machine.set_dump(8, MS);
            let from = bench.now();
            let stop = bench.stage.machine.panic("d10", from + 60 * S);
            assert!(matches!(stop, Stop::Halted(_)), "{stop:?}");
            let took = bench.now() - from;
            assert!(took <= S, "{took} ns");
            bench.stage.note(stop);
        },
    );
}

/// shutdown_pre_sync has stopped the timer; a dump that hangs deserves one all the same.
#[test]
fn a_panic_in_the_middle_of_a_shutdown_arms_the_timer_again() {
    for (armed, expected) in [(true, true), (false, false)] {
        attached("panic-in-shutdown", |bench| {
            assert_eq!(bench.pat(128 * S), 0);
            if !armed {
                assert_eq!(bench.pat(0), 0);
            }
            // The power goes 5 s later.
            let until = bench.now() + 2 * S;
            let stop = bench.stage.machine.reboot(RB_POWEROFF, until);
            bench.stage.note(stop);
            assert!(!bench.timer().counting, "the shutdown stops it");
            bench.stage.machine.set_dump(8, 100 * S);
            let from = bench.now();
            let stop = bench.stage.machine.panic("in a shutdown", from + 50 * S);
            bench.stage.note(stop);
            let view = bench.timer();
            assert_eq!(view.counting, expected, "{view:?}");
            assert!(!expected || view.initial == 255 * S, "{view:?}");
        });
    }
}

#[test]
fn d11_close_and_unload_with_a_dead_bmc_end() {
    each_seed(
        "d11",
        1..=60,
        |plan, dice| dies(plan, dice, NEVER),
        |bench| {
            dead(bench);
            let took = bench.run(|process| {
                let device = Device::open(process).expect("opens");
                for msgid in 0..50 {
                    // Refused or taken: what counts is the way out.
                    let _ = device.send(msgid, 0x06, 0x01, &[]);
                }
                let from = process.now();
                device.close();
                process.now() - from
            });
            assert!(took <= 10 * MS, "close took {took} ns");
            // The askers give up and go.
            bench.rest(20 * S);
            let from = bench.now();
            assert_eq!(bench.stage.unload().expect("it is loaded"), 0);
            let took = bench.now() - from;
            assert!(took <= 2 * S, "kldunload took {took} ns");
        },
    );
}

#[test]
fn d11_a_killed_process_goes_at_once() {
    each_seed(
        "d11-kill",
        1..=20,
        |plan, dice| dies(plan, dice, NEVER),
        |bench| {
            dead(bench);
            let victim = bench.stage.machine.spawn("victim", |process| {
                let device = Device::open(process).expect("opens");
                let _ = device.send(1, 0x06, 0x01, &[]);
                let _ = process.sleep(3600 * S);
            });
            bench.rest(S);
            bench.stage.machine.kill(victim);
            bench.rest(20 * S);
            let error = bench.stage.unload().expect("it is loaded");
            assert_eq!(error, 0, "nothing is open any more");
        },
    );
}

#[test]
fn d12_kdb_pats_while_nothing_else_runs() {
    attached("d12-pats", |bench| {
        assert_eq!(bench.pat(128 * S), 0);
        let done = bench.stage.machine.kdb(&[Command::Watchdog(38)]);
        done.expect("the machine goes on");
        // No thread has run since: what counts now was set from within. 2^38 ns, rounded up.
        let view = bench.timer();
        assert!(view.counting, "{view:?}");
        assert_eq!(view.initial, 274_900 * MS);
    });
}

#[test]
fn d12_kdb_leaves_nothing_behind() {
    let lasts = 30 * S;
    each_seed(
        "d12",
        1..=60,
        |plan, dice| dies(plan, dice, lasts),
        |bench| {
            dead(bench);
            for commands in [vec![38], vec![0, 37], vec![37]] {
                let from = bench.now();
                let typed: Vec<Command> = commands.into_iter().map(Command::Watchdog).collect();
                let done = bench.stage.machine.kdb(&typed);
                done.expect("the machine goes on");
                let took = bench.now() - from;
                assert!(took <= S, "{typed:?} took {took} ns");
                let pause = bench.dice.between(0, 3 * S);
                bench.rest(pause);
            }
            bench.rest(lasts);
            assert_eq!(bench.pat(128 * S), 0);
            let view = bench.timer();
            assert!(view.counting && view.initial == 128 * S, "{view:?}");
            let reply = bench.run(|process| {
                let device = Device::open(process).expect("opens");
                device.send(1, 0x06, 0x01, &[]).expect("is taken");
                assert!(device.wait(15 * S), "no completion within 15 s");
                device.receive()
            });
            assert_eq!(reply.map(|r| r.data[0]), Ok(0));
        },
    );
}
