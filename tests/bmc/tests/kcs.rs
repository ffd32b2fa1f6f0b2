// SPDX-License-Identifier: BSD-2-Clause
//! Conformance of the KCS register model to IPMI 2.0, section 9, seen through a reference host. It
//! must not look at anything but registers, except where it asks what the BMC has seen.

mod host;

use host::{Host, Trouble};
use ipmi_bmc::{Bmc, Cause, Config, Effect, Executes, Fault, Interface, Kcs, When, MS, NEVER, SEC};

/// States, bits 7:6 of the status register.
const IDLE: u8 = 0;
const READ: u8 = 1;
const WRITE: u8 = 2;
const ERROR: u8 = 3;

const DEVICE_ID: [u8; 2] = [0x18, 0x01];
const LIFETIME: u64 = 3600 * SEC;

fn host() -> Host {
    Host::new(Kcs::new(Bmc::new(Config::default())), 0)
}

#[test]
fn a_healthy_bmc_is_idle_and_empty() {
    let mut host = host();
    assert_eq!(host.status(), 0);
}

#[test]
fn a_transfer_carries_request_and_reply() {
    for executes in [Executes::BehindIbf, Executes::BehindObf] {
        let mut host = host();
        host.kcs.set_executes(executes);
        let reply = host.transfer(&DEVICE_ID).unwrap();
        assert_eq!(reply[..4], [0x1c, 0x01, 0x00, 0x20]);
        assert_eq!(reply.len(), 18);
        assert_eq!(host.state(), IDLE);
        assert_eq!(host.kcs.accesses().violations, 0);
    }
}

#[test]
fn a_healthy_transfer_takes_about_a_millisecond_and_a_half() {
    let mut host = host();
    host.transfer(&DEVICE_ID).unwrap();
    assert!(host.now > MS / 2 && host.now < 3 * MS, "{} ns", host.now);
}

#[test]
fn ibf_is_set_until_the_byte_is_taken_and_the_state_follows_it() {
    let mut host = host();
    host.command(0x61);
    assert_eq!(host.status() & 0xca, 0x0a, "IDLE, C/D, IBF");
    host.wait_ibf().unwrap();
    assert_eq!(host.status() & 0xca, 0x88, "WRITE, C/D");
    host.clear_obf();
    host.put(0x18);
    assert_eq!(host.status() & 0xca, 0x82, "WRITE, data, IBF");
}

#[test]
fn reading_the_status_changes_nothing_and_reading_data_clears_obf() {
    let mut host = host();
    host.command(0x61);
    host.wait_obf().unwrap();
    let status = host.status();
    assert_eq!(host.status(), status);
    host.data();
    assert_eq!(host.status(), status & !1);
}

#[test]
fn the_dummy_byte_comes_in_idle_state() {
    let mut host = host();
    host.transfer(&DEVICE_ID).unwrap();
    host.command(0x61);
    host.wait_ibf().unwrap();
    host.clear_obf();
    host.put(0x18);
    host.wait_ibf().unwrap();
    host.clear_obf();
    host.command(0x62);
    host.wait_ibf().unwrap();
    host.clear_obf();
    host.put(0x25);
    host.wait_ibf().unwrap();
    let mut states = vec![host.state()];
    while host.state() == READ {
        host.wait_obf().unwrap();
        host.data();
        host.put(0x68);
        host.wait_ibf().unwrap();
        states.push(host.state());
    }
    // netFn, command, completion code, eight bytes of watchdog; the last READ meets IDLE.
    assert_eq!(states.len(), 12);
    assert_eq!(host.state(), IDLE);
    host.wait_obf().unwrap();
}

#[test]
fn a_bmc_may_be_without_the_last_dummy() {
    let mut host = host();
    host.kcs.omit_last_dummy();
    assert_eq!(host.transfer(&DEVICE_ID), Err(Trouble::TimedOut));
    assert_eq!(host.status() & 0xc3, 0, "IDLE, nothing to read");
    assert_eq!(host.kcs.bmc().commands_run(), 1);
}

#[test]
fn an_abort_in_a_transfer_gives_status_01_and_idle_gives_00() {
    let mut host = host();
    assert_eq!(host.recover(), Ok(0x00));
    host.command(0x61);
    host.wait_ibf().unwrap();
    host.clear_obf();
    host.put(0x18);
    assert_eq!(host.recover(), Ok(0x01));
    assert_eq!(host.recover(), Ok(0x00));
    assert!(host.transfer(&DEVICE_ID).is_ok());
}

#[test]
fn an_illegal_control_code_gives_status_02() {
    let mut host = host();
    host.command(0x42);
    host.wait_ibf().unwrap();
    assert_eq!(host.state(), ERROR);
    assert_eq!(host.recover(), Ok(0x02));
    // WRITE_END where nothing was written is one, too.
    host.command(0x62);
    host.wait_ibf().unwrap();
    assert_eq!(host.state(), ERROR);
    assert_eq!(host.recover(), Ok(0x02));
}

#[test]
fn data_in_idle_state_is_a_violation() {
    let mut host = host();
    host.put(0x18);
    host.wait_ibf().unwrap();
    assert_eq!(host.state(), ERROR);
    assert_eq!(host.recover(), Ok(0x02));
}

#[test]
fn too_long_and_too_short_give_status_06() {
    let mut host = host();
    let long = vec![0x18; 300];
    assert_eq!(host.transfer(&long), Err(Trouble::State(ERROR)));
    assert_eq!(host.recover(), Ok(0x06));
    assert_eq!(host.transfer(&[0x18]), Err(Trouble::State(ERROR)));
    assert_eq!(host.recover(), Ok(0x06));
}

#[test]
fn the_error_state_can_be_left_by_a_new_transfer() {
    let mut host = host();
    host.command(0x42);
    host.wait_ibf().unwrap();
    assert_eq!(host.state(), ERROR);
    assert!(host.transfer(&DEVICE_ID).is_ok());
}

#[test]
fn write_start_begins_anew_in_any_state() {
    let mut host = host();
    host.command(0x61);
    host.wait_ibf().unwrap();
    host.put(0xff);
    host.wait_ibf().unwrap();
    assert_eq!(host.state(), WRITE);
    assert_eq!(host.transfer(&DEVICE_ID).unwrap()[..3], [0x1c, 1, 0]);
}

#[test]
fn unknown_commands_wrong_lengths_wrong_luns() {
    let mut host = host();
    assert_eq!(host.transfer(&[0x18, 0xee]), Ok(vec![0x1c, 0xee, 0xc1]));
    assert_eq!(host.transfer(&[0xb0, 0x01]), Ok(vec![0xb4, 0x01, 0xc1]));
    assert_eq!(host.transfer(&[0x18, 0x01, 0]), Ok(vec![0x1c, 0x01, 0xc7]));
    assert_eq!(host.transfer(&[0x19, 0x01]), Ok(vec![0x1d, 0x01, 0xc2]));
    // An odd netFn is a reply, which nobody asked for.
    assert_eq!(host.transfer(&[0x1c, 0x01]), Ok(vec![0x1c, 0x01, 0xc1]));
}

#[test]
fn a_write_while_ibf_is_set_is_counted_as_a_violation() {
    let mut host = host();
    host.command(0x61);
    host.put(0x18);
    assert_eq!(host.kcs.accesses().violations, 1);
}

#[test]
fn ibf_stuck_ends_with_its_window() {
    let mut host = host();
    host.kcs.faults_mut().during(0, 20 * SEC, Fault::IbfStuck);
    assert_eq!(host.status() & 2, 2, "even with nothing written");
    assert_eq!(host.transfer(&DEVICE_ID), Err(Trouble::TimedOut));
    host.now = 20 * SEC;
    assert!(host.transfer(&DEVICE_ID).is_ok());
}

#[test]
fn a_byte_held_back_is_taken_the_moment_the_fault_ends() {
    let mut host = host();
    host.kcs.faults_mut().during(0, SEC, Fault::IbfStuck);
    host.kcs.write(1, 0x61, 0);
    assert_eq!(host.kcs.read(1, SEC - 1) & 0xc2, 0x02);
    assert_eq!(host.kcs.read(1, SEC) & 0xc2, 0x80);
}

#[test]
fn ibf_stuck_at_a_byte_holds_the_transaction_there() {
    let mut host = host();
    let when = When::AtByte {
        transaction: 1,
        byte: 3,
        lasts: 30 * SEC,
    };
    host.kcs.faults_mut().add(when, Fault::IbfStuck);
    assert!(host.transfer(&DEVICE_ID).is_ok());
    assert_eq!(host.transfer(&DEVICE_ID), Err(Trouble::TimedOut));
    host.now += 30 * SEC;
    assert_eq!(host.recover(), Ok(0x01));
    assert!(host.transfer(&DEVICE_ID).is_ok());
}

#[test]
fn obf_never_comes() {
    let mut host = host();
    host.kcs.faults_mut().during(0, LIFETIME, Fault::ObfNever);
    assert_eq!(host.transfer(&DEVICE_ID), Err(Trouble::TimedOut));
    assert_eq!(host.state(), READ);
    assert_eq!(host.status() & 1, 0);
}

#[test]
fn nobody_there_reads_ff_and_loses_writes() {
    let mut host = host();
    host.kcs.faults_mut().during(0, SEC, Fault::ReadsFf);
    assert_eq!((host.status(), host.data()), (0xff, 0xff));
    host.command(0x61);
    host.now = SEC;
    assert_eq!(host.status(), 0);
}

#[test]
fn slow_handshakes_add_up() {
    let mut host = host();
    let slow = Fault::SlowHandshake { ns: 100 * MS };
    host.kcs.faults_mut().during(0, NEVER, slow);
    host.transfer(&DEVICE_ID).unwrap();
    // 4 bytes out, 18 READs.
    assert!(host.now > 2200 * MS, "{} ns", host.now);
}

#[test]
fn a_wrong_state_is_seen_while_it_lasts() {
    let mut host = host();
    let wrong = Fault::WrongState { state: WRITE };
    host.kcs.faults_mut().during(0, SEC, wrong);
    assert_eq!(host.state(), WRITE);
    host.now = SEC;
    assert_eq!(host.state(), IDLE);
}

#[test]
fn the_error_state_comes_on_demand_and_goes_with_recovery() {
    let mut host = host();
    let when = When::AtByte {
        transaction: 0,
        byte: 2,
        lasts: NEVER,
    };
    host.kcs.faults_mut().add(when, Fault::ErrorState);
    assert_eq!(host.transfer(&DEVICE_ID), Err(Trouble::State(ERROR)));
    assert_eq!(host.recover(), Ok(0xff));
    assert!(host.transfer(&DEVICE_ID).is_ok());
}

#[test]
fn replies_are_cut_padded_and_spoilt() {
    let reply_under = |fault: Fault| {
        let mut host = host();
        host.kcs.faults_mut().add(When::Always, fault);
        host.transfer(&DEVICE_ID).unwrap()
    };
    assert_eq!(reply_under(Fault::ShortReply { keep: 2 }), [0x1c, 0x01]);
    assert_eq!(reply_under(Fault::ShortReply { keep: 0 }), []);
    assert_eq!(reply_under(Fault::LongReply { total: 300 }).len(), 300);
    assert_eq!(reply_under(Fault::WrongNetFn)[0], 0x14);
    assert_eq!(reply_under(Fault::WrongCommand)[1], 0x00);
    let garbage = reply_under(Fault::GarbageReply);
    assert_eq!(garbage.len(), 18);
    assert_ne!(garbage[..2], [0x1c, 0x01]);
}

#[test]
fn a_forced_completion_code_does_not_run_the_command() {
    let mut host = host();
    let busy = Fault::Completion {
        netfn: 6,
        cmd: 0x22,
        code: 0xc0,
    };
    host.kcs.faults_mut().add(When::Always, busy);
    assert_eq!(host.transfer(&[0x18, 0x22]), Ok(vec![0x1c, 0x22, 0xc0]));
    assert!(host.transfer(&DEVICE_ID).is_ok());
}

#[test]
fn a_reset_leaves_the_error_state_and_an_uninitialised_watchdog() {
    let mut host = host();
    let set = [0x18, 0x24, 0x44, 0x01, 0, 0x3e, 100, 0];
    assert_eq!(host.transfer(&set), Ok(vec![0x1c, 0x24, 0x00]));
    assert_eq!(host.transfer(&[0x18, 0x22]), Ok(vec![0x1c, 0x22, 0x00]));
    host.transfer(&[0x18, 0x2e, 0x0f]).unwrap();
    host.kcs.bmc_mut().reset(SEC, 4 * SEC);
    host.now = 2 * SEC;
    assert_eq!(host.status(), 0xff, "off the bus at first");
    host.now = 4 * SEC;
    assert_eq!(host.status(), 0x02, "then busy");
    host.now = 5 * SEC;
    assert_eq!(host.state(), ERROR);
    assert_eq!(host.recover(), Ok(0xff));
    assert_eq!(host.transfer(&[0x18, 0x22]), Ok(vec![0x1c, 0x22, 0x80]));
    assert_eq!(host.transfer(&[0x18, 0x2f]), Ok(vec![0x1c, 0x2f, 0, 0x08]));
}

#[test]
fn a_cancelled_command_may_keep_the_node_busy_and_run_after_all() {
    let mut host = host();
    let busy = Fault::NodeBusyAfterAbort {
        lasts: SEC,
        runs: true,
    };
    host.kcs.faults_mut().add(When::Always, busy);
    host.patience = 100_000;
    let set = [0x18, 0x24, 0x44, 0x01, 0, 0, 100, 0];
    assert_eq!(host.transfer(&set), Err(Trouble::TimedOut));
    host.command(0x60);
    host.patience = SEC;
    assert_eq!(host.recover(), Ok(0x01));
    assert_eq!(host.transfer(&DEVICE_ID), Ok(vec![0x1c, 0x01, 0xc0]));
    assert!(!host.kcs.bmc().watchdog(host.now).initialised);
    host.now += SEC;
    assert!(host.transfer(&DEVICE_ID).unwrap()[2] == 0);
    assert!(host.kcs.bmc().watchdog(host.now).initialised);
    assert!(host.kcs.bmc().records().any(|record| record.cancelled));
}

#[test]
fn a_reset_ends_node_busy_and_the_cancelled_command_with_it() {
    let mut host = host();
    let busy = Fault::NodeBusyAfterAbort {
        lasts: 100 * SEC,
        runs: true,
    };
    host.kcs.faults_mut().add(When::Always, busy);
    host.patience = 100_000;
    let set = [0x18, 0x24, 0x44, 0x01, 0, 0, 100, 0];
    assert_eq!(host.transfer(&set), Err(Trouble::TimedOut));
    host.command(0x60);
    host.patience = SEC;
    assert_eq!(host.recover(), Ok(0x01));
    host.kcs.bmc_mut().reset(SEC, SEC);
    host.now = 2 * SEC;
    assert_eq!(host.transfer(&DEVICE_ID).unwrap()[2], 0x00);
    host.now = 200 * SEC;
    assert_eq!(host.transfer(&[0x18, 0x22]), Ok(vec![0x1c, 0x22, 0x80]));
}

#[test]
fn out_of_memory_is_slow_then_dead_then_reboots() {
    let mut host = host();
    host.patience = 60 * SEC;
    let story = Fault::OutOfMemory {
        slow_for: 60 * SEC,
        dead_for: 600 * SEC,
        reboot_for: 20 * SEC,
        timer_survives: false,
    };
    host.kcs.faults_mut().at(10 * SEC, story);
    host.transfer(&[0x18, 0x24, 0x44, 1, 0, 0, 0xe8, 0x03])
        .unwrap();
    host.transfer(&[0x18, 0x22]).unwrap();
    let mut last = 0;
    for start in [9, 25, 45] {
        host.now = start * SEC;
        host.transfer(&DEVICE_ID).unwrap();
        let took = host.now - start * SEC;
        assert!(took > last, "slower at {start} s: {took} ns");
        last = took;
    }
    host.now = 80 * SEC;
    host.command(0x61);
    host.now = 600 * SEC;
    assert_eq!(host.status() & 2, 2);
    assert!(!host.kcs.bmc().watchdog(host.now).counting);
    assert_eq!(host.kcs.bmc().watchdog(host.now).remaining / SEC, 30);
    host.now = 671 * SEC;
    assert_eq!(host.status(), 0xff);
    host.now = 690 * SEC;
    assert_eq!(host.state(), ERROR);
    assert_eq!(host.recover(), Ok(0xff));
    assert_eq!(host.transfer(&[0x18, 0x22]), Ok(vec![0x1c, 0x22, 0x80]));
    let counting: Vec<(u64, bool)> = host
        .kcs
        .bmc()
        .counting_log()
        .iter()
        .map(|change| (change.at / SEC, change.counting))
        .collect();
    assert_eq!(counting, [(0, true), (70, false)]);
}

#[test]
fn sms_atn_is_the_level_of_the_message_flags() {
    let mut host = host();
    host.kcs.bmc_mut().queue_message(&[0, 1, 2], 0);
    assert_eq!(host.status() & 4, 4);
    host.transfer(&[0x18, 0x33]).unwrap();
    assert_eq!(host.status() & 4, 0);
    host.kcs
        .faults_mut()
        .during(SEC, 2 * SEC, Fault::SmsAtnStuck);
    host.now = SEC;
    assert_eq!(host.status() & 4, 4);
    assert_eq!(host.transfer(&[0x18, 0x31]), Ok(vec![0x1c, 0x31, 0, 0]));
    host.now = 2 * SEC;
    assert_eq!(host.status() & 4, 0);
}

#[test]
fn the_interrupt_follows_obf_and_the_rise_of_sms_atn_once_enabled() {
    let mut host = host();
    host.transfer(&DEVICE_ID).unwrap();
    assert_eq!(host.kcs.advance(host.now), []);
    host.transfer(&[0x18, 0x2e, 0x0f]).unwrap();
    host.kcs.advance(host.now);
    host.kcs.bmc_mut().queue_message(&[0, 1, 2], host.now);
    let effects = host.kcs.advance(host.now);
    assert_eq!(effects, [Effect::Attention(true), Effect::Interrupt(true)]);
    host.status();
    assert_eq!(host.kcs.advance(host.now), [Effect::Interrupt(false)]);
    host.command(0x61);
    host.wait_obf().unwrap();
    assert_eq!(host.kcs.advance(host.now), [Effect::Interrupt(true)]);
    host.data();
    assert_eq!(host.kcs.advance(host.now), [Effect::Interrupt(false)]);
}

#[test]
fn whoever_sleeps_until_the_next_event_misses_nothing() {
    let mut host = host();
    host.transfer(&[0x18, 0x24, 0x44, 0x01, 0, 0, 100, 0])
        .unwrap();
    host.transfer(&[0x18, 0x22]).unwrap();
    let started = host.kcs.bmc().counting_log()[0].at;
    let mut effects = Vec::new();
    while let Some(next) = host.kcs.next_event() {
        assert!(next > host.now);
        host.now = next;
        effects.extend(host.kcs.advance(next));
    }
    let cause = Cause::Watchdog { timer_use: 4 };
    let at = started + 10 * SEC;
    assert_eq!(effects, [Effect::HostReset { at, cause }]);
    assert_eq!(host.now, at);
}

#[test]
fn a_seed_says_all() {
    let run = |seed| {
        let config = Config {
            seed,
            ..Config::default()
        };
        let mut host = Host::new(Kcs::new(Bmc::new(config)), 0);
        host.kcs.faults_mut().add(When::Always, Fault::GarbageReply);
        (host.transfer(&DEVICE_ID), host.now)
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}
