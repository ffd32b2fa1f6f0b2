// SPDX-License-Identifier: BSD-2-Clause
//! The watchdog timer of IPMI 2.0, section 27, command by command. It must not go through any
//! register model: what counts here is what Set, Reset and Get mean.

use ipmi_bmc::{
    netfn, Bmc, Cause, Config, Effect, Fault, PreTimeoutKind, Request, SelEvent, TimerAction, When,
    Why, MS, SEC,
};

const RESET: u8 = 0x22;
const SET: u8 = 0x24;
const GET: u8 = 0x25;

const SMS_OS: u8 = 0x04;
const DONT_STOP: u8 = 0x40;
const DONT_LOG: u8 = 0x80;

const NONE: u8 = 0;
const HARD_RESET: u8 = 1;
const POWER_DOWN: u8 = 2;
const POWER_CYCLE: u8 = 3;
const NMI: u8 = 0x20;
const MESSAGING: u8 = 0x30;

fn bmc() -> Bmc {
    Bmc::new(Config::default())
}

/// Completion code and data.
fn app(bmc: &mut Bmc, at: u64, cmd: u8, data: &[u8]) -> (u8, Vec<u8>) {
    let request = Request {
        netfn: netfn::APP,
        lun: 0,
        cmd,
        data: data.to_vec(),
    };
    let reply = bmc.execute(&request, at);
    assert_eq!(reply[..2], [0x1c, cmd]);
    (reply[2], reply[3..].to_vec())
}

/// Set Watchdog Timer with a countdown in seconds.
fn set(bmc: &mut Bmc, at: u64, first: u8, actions: u8, pretimeout: u8, seconds: u16) {
    let [low, high] = (seconds * 10).to_le_bytes();
    let data = [first, actions, pretimeout, 0x3e, low, high];
    assert_eq!(app(bmc, at, SET, &data), (0, vec![]));
}

fn reset(bmc: &mut Bmc, at: u64) {
    assert_eq!(app(bmc, at, RESET, &[]), (0, vec![]));
}

fn watchdog_by(timer_use: u8) -> Cause {
    Cause::Watchdog { timer_use }
}

#[test]
fn reset_before_set_is_80h() {
    let mut bmc = bmc();
    assert_eq!(app(&mut bmc, 0, RESET, &[]).0, 0x80);
    set(&mut bmc, 0, SMS_OS, NONE, 0, 10);
    assert_eq!(app(&mut bmc, 0, RESET, &[]).0, 0x00);
}

#[test]
fn every_action_comes_at_the_countdown_exactly() {
    let cause = watchdog_by(4);
    let at = 12 * SEC;
    let table = [
        (NONE, None),
        (HARD_RESET, Some(Effect::HostReset { at, cause })),
        (POWER_DOWN, Some(Effect::PowerOff { at, cause })),
        (POWER_CYCLE, Some(Effect::PowerCycle { at, cause })),
    ];
    for (action, effect) in table {
        let mut bmc = bmc();
        set(&mut bmc, SEC, SMS_OS, action, 0, 10);
        reset(&mut bmc, 2 * SEC);
        assert_eq!(bmc.next_event(), Some(at));
        assert_eq!(bmc.advance(at - 1), []);
        assert_eq!(
            bmc.advance(at + SEC),
            effect.into_iter().collect::<Vec<_>>()
        );
        let view = bmc.watchdog(at);
        assert!(!view.counting && !view.running);
        assert_eq!(view.expired, 1 << SMS_OS);
        // A host that was reset or lost power has to set the timer again.
        assert_eq!(view.initialised, action == NONE);
    }
}

#[test]
fn set_stops_the_timer_unless_told_not_to() {
    let table = [
        // (running before, don't stop, running after)
        (false, 0, false),
        (false, DONT_STOP, false),
        (true, 0, false),
        (true, DONT_STOP, true),
    ];
    for (before, flag, after) in table {
        let mut bmc = bmc();
        set(&mut bmc, 0, SMS_OS, HARD_RESET, 0, 10);
        if before {
            reset(&mut bmc, 0);
        }
        set(&mut bmc, 5 * SEC, SMS_OS | flag, HARD_RESET, 0, 20);
        let view = bmc.watchdog(5 * SEC);
        assert_eq!(view.counting, after, "before {before}, flag {flag:#x}");
        assert_eq!(view.expires_at, after.then_some(25 * SEC));
        assert_eq!(view.remaining, 20 * SEC);
    }
}

#[test]
fn present_countdown_runs_down_in_tenths() {
    let mut bmc = bmc();
    set(&mut bmc, 0, SMS_OS, HARD_RESET, 3, 10);
    assert_eq!(
        app(&mut bmc, SEC, GET, &[]).1,
        [0x04, 0x01, 3, 0, 100, 0, 100, 0]
    );
    reset(&mut bmc, SEC);
    assert_eq!(
        app(&mut bmc, SEC, GET, &[]).1,
        [0x44, 0x01, 3, 0, 100, 0, 100, 0]
    );
    let present = |bmc: &mut Bmc, at| app(bmc, at, GET, &[]).1[6];
    assert_eq!(present(&mut bmc, SEC + 100 * MS), 99);
    assert_eq!(present(&mut bmc, 2 * SEC), 90);
    assert_eq!(present(&mut bmc, 11 * SEC - 1), 1);
    assert_eq!(app(&mut bmc, 11 * SEC, GET, &[]).1[6..], [0, 0]);
}

#[test]
fn the_pretimeout_comes_that_many_seconds_before_the_end() {
    let table = [
        (0x10, PreTimeoutKind::Smi),
        (NMI, PreTimeoutKind::Nmi),
        (MESSAGING, PreTimeoutKind::Messaging),
    ];
    for (bits, kind) in table {
        let mut bmc = bmc();
        set(&mut bmc, 0, SMS_OS, HARD_RESET | bits, 4, 10);
        reset(&mut bmc, 0);
        let at = 6 * SEC;
        let expected = [Effect::PreTimeout { at, kind }, Effect::Attention(true)];
        assert_eq!(bmc.advance(9 * SEC), expected);
        assert_eq!(app(&mut bmc, 9 * SEC, 0x31, &[]).1, [0x08], "message flag");
        assert!(bmc.watchdog(9 * SEC).pretimeout_reached);
    }
}

#[test]
fn no_interrupt_no_pretimeout() {
    let mut bmc = bmc();
    set(&mut bmc, 0, SMS_OS, HARD_RESET, 4, 10);
    reset(&mut bmc, 0);
    assert_eq!(bmc.advance(9 * SEC), []);
    reset(&mut bmc, 9 * SEC);
    assert_eq!(bmc.watchdog(9 * SEC).expires_at, Some(19 * SEC));
}

#[test]
fn a_pretimeout_of_zero_comes_with_the_end() {
    let mut bmc = bmc();
    set(&mut bmc, 0, SMS_OS, HARD_RESET | NMI, 0, 10);
    reset(&mut bmc, 0);
    let at = 10 * SEC;
    let effects = bmc.advance(at);
    let kind = PreTimeoutKind::Nmi;
    assert_eq!(effects[0], Effect::PreTimeout { at, kind });
    assert!(effects.contains(&Effect::HostReset {
        at,
        cause: watchdog_by(4)
    }));
}

#[test]
fn a_pretimeout_longer_than_the_countdown_comes_at_once() {
    let mut bmc = bmc();
    set(&mut bmc, 0, SMS_OS, HARD_RESET | NMI, 30, 10);
    reset(&mut bmc, SEC);
    let kind = PreTimeoutKind::Nmi;
    assert!(bmc
        .advance(SEC)
        .contains(&Effect::PreTimeout { at: SEC, kind }));
}

#[test]
fn after_the_pretimeout_only_set_restarts_the_countdown() {
    let mut bmc = bmc();
    set(&mut bmc, 0, SMS_OS, HARD_RESET | NMI, 4, 10);
    reset(&mut bmc, 0);
    reset(&mut bmc, 7 * SEC);
    assert_eq!(
        bmc.watchdog(7 * SEC).expires_at,
        Some(10 * SEC),
        "too late for Reset"
    );
    set(
        &mut bmc,
        8 * SEC,
        SMS_OS | DONT_STOP,
        HARD_RESET | NMI,
        4,
        10,
    );
    let view = bmc.watchdog(8 * SEC);
    assert_eq!(
        (view.expires_at, view.pretimeout_reached),
        (Some(18 * SEC), false)
    );
    assert_eq!(
        app(&mut bmc, 8 * SEC, 0x31, &[]).1,
        [0],
        "Set clears the message flag"
    );
    reset(&mut bmc, 9 * SEC);
    assert_eq!(bmc.watchdog(9 * SEC).expires_at, Some(19 * SEC));
}

#[test]
fn a_lenient_bmc_lets_reset_restart_it() {
    let mut bmc = Bmc::new(Config {
        lenient_reset: true,
        ..Config::default()
    });
    set(&mut bmc, 0, SMS_OS, HARD_RESET | NMI, 4, 10);
    reset(&mut bmc, 0);
    reset(&mut bmc, 7 * SEC);
    assert_eq!(bmc.watchdog(7 * SEC).expires_at, Some(17 * SEC));
}

#[test]
fn countdown_zero_fires_at_once() {
    let mut bmc = bmc();
    set(&mut bmc, 0, SMS_OS, HARD_RESET, 0, 0);
    assert_eq!(bmc.advance(SEC), []);
    reset(&mut bmc, 2 * SEC);
    let cause = watchdog_by(4);
    assert_eq!(
        bmc.advance(2 * SEC),
        [Effect::HostReset { at: 2 * SEC, cause }]
    );
    // With don't-stop the Set itself is enough.
    set(&mut bmc, 3 * SEC, SMS_OS, HARD_RESET, 0, 10);
    reset(&mut bmc, 3 * SEC);
    set(&mut bmc, 4 * SEC, SMS_OS | DONT_STOP, HARD_RESET, 0, 0);
    assert_eq!(
        bmc.advance(4 * SEC),
        [Effect::HostReset { at: 4 * SEC, cause }]
    );
}

#[test]
fn the_longest_countdown_is_6553_seconds() {
    let mut bmc = bmc();
    let data = [SMS_OS, HARD_RESET, 0, 0, 0xff, 0xff];
    assert_eq!(app(&mut bmc, 0, SET, &data).0, 0);
    reset(&mut bmc, 0);
    assert_eq!(bmc.next_event(), Some(6_553_500 * MS));
}

#[test]
fn settings_that_make_no_sense_are_refused_and_change_nothing() {
    let mut bmc = bmc();
    set(&mut bmc, 0, SMS_OS, HARD_RESET, 0, 10);
    reset(&mut bmc, 0);
    let before = bmc.watchdog(0);
    let table: [(&[u8], u8); 9] = [
        (&[0x00, 1, 0, 0, 1, 0], 0xcc),
        (&[0x06, 1, 0, 0, 1, 0], 0xcc),
        (&[0x0c, 1, 0, 0, 1, 0], 0xcc),
        (&[0x04, 4, 0, 0, 1, 0], 0xcc),
        (&[0x04, 0x09, 0, 0, 1, 0], 0xcc),
        (&[0x04, 0x41, 0, 0, 1, 0], 0xcc),
        (&[0x04, 0x81, 0, 0, 1, 0], 0xcc),
        (&[0x04, 1, 0, 0, 1], 0xc7),
        (&[0x04, 1, 0, 0, 1, 0, 0], 0xc7),
    ];
    for (data, code) in table {
        assert_eq!(app(&mut bmc, 0, SET, data).0, code, "{data:02x?}");
        assert_eq!(bmc.watchdog(0), before);
    }
    assert_eq!(app(&mut bmc, 0, RESET, &[0]).0, 0xc7);
    assert_eq!(app(&mut bmc, 0, GET, &[0]).0, 0xc7);
}

#[test]
fn expiration_flags_stay_until_cleared_one_by_one() {
    let mut bmc = bmc();
    let set_keeping = |bmc: &mut Bmc, at, timer_use, clear| {
        app(bmc, at, SET, &[timer_use, HARD_RESET, 0, clear, 10, 0]);
    };
    for (at, timer_use) in [(0, 1), (10 * SEC, 4)] {
        set_keeping(&mut bmc, at, timer_use, 0);
        reset(&mut bmc, at);
        bmc.advance(at + 5 * SEC);
    }
    let now = 20 * SEC;
    assert_eq!(app(&mut bmc, now, GET, &[]).1[3], 0x12);
    set_keeping(&mut bmc, now, SMS_OS, 0x02);
    assert_eq!(app(&mut bmc, now, GET, &[]).1[3], 0x10);
    set_keeping(&mut bmc, now, SMS_OS, 0x10);
    assert_eq!(app(&mut bmc, now, GET, &[]).1[3], 0);
}

#[test]
fn expirations_are_logged_unless_told_not_to() {
    let mut bmc = bmc();
    set(&mut bmc, 0, SMS_OS | DONT_LOG, NONE | NMI, 1, 2);
    reset(&mut bmc, 0);
    bmc.advance(3 * SEC);
    assert_eq!(bmc.sel(), []);
    // Logging comes back by itself after an expiration.
    reset(&mut bmc, 3 * SEC);
    bmc.advance(6 * SEC);
    let events: Vec<SelEvent> = bmc.sel().iter().map(|entry| entry.event()).collect();
    let watchdog = |offset| SelEvent::Watchdog {
        offset,
        detail: 0x24,
    };
    assert_eq!(events, [watchdog(8), watchdog(0)]);
}

#[test]
fn a_reset_of_the_bmc_loses_the_timer_or_not() {
    for timer_survives in [false, true] {
        let mut bmc = bmc();
        let fault = Fault::Reset {
            reboot_for: 5 * SEC,
            timer_survives,
        };
        bmc.faults_mut().at(3 * SEC, fault);
        set(&mut bmc, 0, SMS_OS, HARD_RESET, 0, 10);
        reset(&mut bmc, 0);
        assert_eq!(bmc.advance(8 * SEC), [Effect::Rebooted { at: 8 * SEC }]);
        let view = bmc.watchdog(8 * SEC);
        assert_eq!(
            (view.counting, view.initialised),
            (timer_survives, timer_survives)
        );
        assert_eq!(view.expires_at, timer_survives.then_some(15 * SEC));
        let log: Vec<(u64, bool)> = bmc
            .counting_log()
            .iter()
            .map(|c| (c.at, c.counting))
            .collect();
        let mut expected = vec![(0, true), (3 * SEC, false)];
        expected.extend(timer_survives.then_some((8 * SEC, true)));
        assert_eq!(log, expected);
    }
}

#[test]
fn a_pretimeout_that_stood_still_comes_later() {
    let mut bmc = bmc();
    bmc.faults_mut()
        .during(2 * SEC, 100 * SEC, Fault::Deaf { counting: false });
    set(&mut bmc, 0, SMS_OS, HARD_RESET | NMI, 4, 10);
    reset(&mut bmc, 0);
    let kind = PreTimeoutKind::Nmi;
    let at = 104 * SEC;
    assert_eq!(bmc.advance(105 * SEC)[0], Effect::PreTimeout { at, kind });
    assert_eq!(bmc.watchdog(at).expires_at, Some(108 * SEC));
}

#[test]
fn clamped_ignored_forgotten() {
    let mut bmc = bmc();
    bmc.faults_mut()
        .during(0, 10 * SEC, Fault::ClampCountdown { longest: 50 });
    bmc.faults_mut()
        .during(20 * SEC, 30 * SEC, Fault::IgnoreWatchdogSet);
    bmc.faults_mut().at(40 * SEC, Fault::ForgetWatchdog);
    set(&mut bmc, 0, SMS_OS, HARD_RESET, 0, 128);
    assert_eq!(bmc.watchdog(0).initial, 5 * SEC);
    set(&mut bmc, 10 * SEC, SMS_OS, HARD_RESET, 0, 128);
    reset(&mut bmc, 10 * SEC);
    assert_eq!(bmc.watchdog(10 * SEC).initial, 128 * SEC);
    set(&mut bmc, 20 * SEC, SMS_OS, POWER_CYCLE, 0, 60);
    let view = bmc.watchdog(20 * SEC);
    assert_eq!(
        (view.initial, view.action),
        (128 * SEC, TimerAction::HardReset)
    );
    assert!(view.counting, "the ignored Set did not stop it either");
    bmc.advance(40 * SEC);
    assert!(!bmc.watchdog(40 * SEC).counting);
    assert_eq!(bmc.counting_log().last().unwrap().why, Why::Lost);
    assert_eq!(app(&mut bmc, 41 * SEC, RESET, &[]).0, 0x80);
}

#[test]
fn deaf_but_counting_and_deaf_and_still() {
    for counting in [true, false] {
        let mut bmc = bmc();
        bmc.faults_mut()
            .during(2 * SEC, 100 * SEC, Fault::Deaf { counting });
        set(&mut bmc, 0, SMS_OS, HARD_RESET, 0, 10);
        reset(&mut bmc, 0);
        bmc.advance(5 * SEC);
        assert_eq!(bmc.watchdog(5 * SEC).counting, counting);
        let reset_at = |effects: Vec<Effect>| match effects[..] {
            [Effect::HostReset { at, .. }] => at,
            _ => panic!("{effects:?}"),
        };
        let expected = if counting { 10 } else { 108 };
        assert_eq!(reset_at(bmc.advance(200 * SEC)), expected * SEC);
    }
}

#[test]
fn a_fault_can_be_aimed_at_a_command() {
    let mut bmc = bmc();
    let when = When::Command {
        netfn: netfn::APP,
        cmd: GET,
        from: 0,
        to: SEC,
    };
    bmc.faults_mut().add(when, Fault::ShortReply { keep: 4 });
    let request = |cmd| Request {
        netfn: netfn::APP,
        lun: 0,
        cmd,
        data: vec![],
    };
    assert_eq!(bmc.execute(&request(GET), 0).len(), 4);
    assert_eq!(bmc.execute(&request(0x01), 0).len(), 18);
    assert_eq!(bmc.execute(&request(GET), SEC).len(), 11);
}

#[test]
fn the_counting_log_says_when_action_or_use_change() {
    let mut bmc = bmc();
    set(&mut bmc, 0, SMS_OS, HARD_RESET, 0, 10);
    reset(&mut bmc, SEC);
    reset(&mut bmc, 2 * SEC);
    set(&mut bmc, 3 * SEC, SMS_OS | DONT_STOP, POWER_CYCLE, 0, 10);
    set(&mut bmc, 4 * SEC, SMS_OS, NONE, 0, 0);
    let log: Vec<(u64, bool, TimerAction, Why)> = bmc
        .counting_log()
        .iter()
        .map(|c| (c.at / SEC, c.counting, c.action, c.why))
        .collect();
    let expected = [
        (1, true, TimerAction::HardReset, Why::Started),
        (3, true, TimerAction::PowerCycle, Why::Set),
        (4, false, TimerAction::None, Why::Set),
    ];
    assert_eq!(log, expected);
}
