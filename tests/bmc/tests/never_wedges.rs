// SPDX-License-Identifier: BSD-2-Clause
//! Whatever a host does to the registers and whatever goes wrong in between: nothing panics, time
//! does not stand still, and once all is well again the documented way of recovery works.
//!
//! Proptest prints the failing case; PROPTEST_RNG_SEED replays a whole run.

mod host;

use host::Host;
use ipmi_bmc::{
    netfn, Bmc, Bt, Config, Effect, Executes, Fault, Interface, Kcs, Kind, Request, Smic, Ssif,
    When, MS, SEC,
};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Read(u8),
    Write(u8, u8),
    BlockWrite(u8, Vec<u8>),
    BlockRead(u8),
    Pass(u64),
    Advance,
}

/// Bytes that mean something to one interface or another, more often than chance has them.
fn byte() -> impl Strategy<Value = u8> {
    let known = vec![
        0x00, 0x01, 0x02, 0x04, 0x08, 0x18, 0x22, 0x24, 0x25, 0x34, 0x40, 0x41, 0x42, 0x43, 0x44,
        0x45, 0x46, 0x60, 0x61, 0x62, 0x68, 0xff,
    ];
    prop_oneof![3 => proptest::sample::select(known), 1 => any::<u8>()]
}

fn step() -> impl Strategy<Value = Step> {
    let block = proptest::collection::vec(byte(), 0..40);
    prop_oneof![
        4 => (0u8..4).prop_map(Step::Read),
        6 => (0u8..4, byte()).prop_map(|(register, byte)| Step::Write(register, byte)),
        1 => (0u8..11, block).prop_map(|(command, block)| Step::BlockWrite(command, block)),
        1 => (0u8..11).prop_map(Step::BlockRead),
        4 => (0u64..200_000).prop_map(Step::Pass),
        1 => (0u64..20 * SEC).prop_map(Step::Pass),
        1 => Just(Step::Advance),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::IbfStuck),
        Just(Fault::ObfNever),
        Just(Fault::ReadsFf),
        Just(Fault::ErrorState),
        Just(Fault::SmsAtnStuck),
        Just(Fault::ForgetWatchdog),
        Just(Fault::IgnoreWatchdogSet),
        Just(Fault::GarbageReply),
        Just(Fault::WrongNetFn),
        Just(Fault::WrongCommand),
        Just(Fault::WrongSequence),
        Just(Fault::WrongPec),
        Just(Fault::SmbusBusy),
        any::<bool>().prop_map(|counting| Fault::Deaf { counting }),
        any::<bool>().prop_map(|readable| Fault::EventFlagStuck { readable }),
        (0u8..4).prop_map(|state| Fault::WrongState { state }),
        (0..10 * SEC).prop_map(|ns| Fault::SlowHandshake { ns }),
        (0usize..5).prop_map(|keep| Fault::ShortReply { keep }),
        (0usize..400).prop_map(|total| Fault::LongReply { total }),
        (0..10 * SEC, any::<bool>())
            .prop_map(|(lasts, runs)| Fault::NodeBusyAfterAbort { lasts, runs }),
        (0..5 * SEC, any::<bool>()).prop_map(|(reboot_for, timer_survives)| Fault::Reset {
            reboot_for,
            timer_survives
        }),
        (0..9 * SEC, 0..9 * SEC, 0..9 * SEC).prop_map(|(slow_for, dead_for, reboot_for)| {
            Fault::OutOfMemory {
                slow_for,
                dead_for,
                reboot_for,
                timer_survives: false,
            }
        }),
    ]
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        Just(When::Always),
        (0..20 * SEC, 0..20 * SEC).prop_map(|(from, lasts)| When::Window {
            from,
            to: from + lasts
        }),
        (0u64..4, 0u32..8, 0..20 * SEC).prop_map(|(transaction, byte, lasts)| When::AtByte {
            transaction,
            byte,
            lasts
        }),
        (0u64..4).prop_map(|first| When::Transactions {
            first,
            last: first + 1
        }),
        Just(When::Command {
            netfn: netfn::APP,
            cmd: 0x24,
            from: 0,
            to: 20 * SEC
        }),
    ]
}

fn faults() -> impl Strategy<Value = Vec<(When, Fault)>> {
    proptest::collection::vec((when(), fault()), 0..4)
}

/// Goes through the steps and gives the time at the end. All effects must be in the past.
fn go(interface: &mut dyn Interface, steps: &[Step]) -> u64 {
    let mut now = 0;
    for step in steps {
        match step {
            Step::Read(register) => {
                interface.read(*register, now);
            }
            Step::Write(register, byte) => interface.write(*register, *byte, now),
            Step::BlockWrite(command, block) => {
                now += interface.smbus_write(*command, block, None, now).took;
            }
            Step::BlockRead(command) => now += interface.smbus_read(*command, now).took,
            Step::Pass(ns) => now += ns,
            Step::Advance => {
                let effects = interface.advance(now);
                assert!(effects.iter().all(|effect| at(effect) <= now));
                assert!(interface.next_event().is_none_or(|next| next > now));
            }
        }
    }
    now
}

fn at(effect: &Effect) -> u64 {
    match *effect {
        Effect::HostReset { at, .. }
        | Effect::PowerCycle { at, .. }
        | Effect::PowerOff { at, .. }
        | Effect::PowerOn { at }
        | Effect::DiagnosticInterrupt { at }
        | Effect::SoftShutdown { at }
        | Effect::PreTimeout { at, .. }
        | Effect::Rebooted { at } => at,
        Effect::Attention(_) | Effect::Interrupt(_) => 0,
    }
}

/// Ends all faults and lets what is under way come to its end.
fn heal(interface: &mut dyn Interface, now: u64) -> u64 {
    interface.faults_mut().clear();
    let now = now + 600 * SEC;
    interface.advance(now);
    now
}

fn with_faults<I: Interface>(mut interface: I, faults: &[(When, Fault)]) -> I {
    for (when, fault) in faults {
        interface.faults_mut().add(when.clone(), fault.clone());
    }
    interface
}

fn bmc(seed: u64) -> Bmc {
    Bmc::new(Config {
        seed,
        ..Config::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn kcs_recovers_by_get_status_abort(
        seed in any::<u64>(),
        behind_obf in any::<bool>(),
        faults in faults(),
        steps in proptest::collection::vec(step(), 0..200),
    ) {
        let mut kcs = with_faults(Kcs::new(bmc(seed)), &faults);
        if behind_obf {
            kcs.set_executes(Executes::BehindObf);
        }
        let now = go(&mut kcs, &steps);
        let now = heal(&mut kcs, now);
        let mut host = Host::new(kcs, now);
        prop_assert!(host.recover().is_ok());
        let reply = host.transfer(&[0x18, 0x01]);
        prop_assert_eq!(&reply.unwrap()[..3], &[0x1c, 0x01, 0x00]);
    }

    #[test]
    fn smic_recovers_by_write_start(
        seed in any::<u64>(),
        faults in faults(),
        steps in proptest::collection::vec(step(), 0..200),
    ) {
        let mut smic = with_faults(Smic::new(bmc(seed)), &faults);
        let now = go(&mut smic, &steps);
        let now = heal(&mut smic, now);
        for (i, (control, byte)) in [(0x41, 0x18), (0x43, 0x01)].into_iter().enumerate() {
            let now = now + i as u64 * SEC;
            smic.write(1, control, now);
            smic.write(0, byte, now);
            smic.write(2, 0x01, now);
            prop_assert_eq!(smic.read(1, now + MS), control | 0x80);
        }
        prop_assert_eq!(smic.read(2, now + 2 * SEC) & 0x81, 0x80);
    }

    #[test]
    fn bt_recovers_by_clearing_pointers_and_draining(
        seed in any::<u64>(),
        faults in faults(),
        steps in proptest::collection::vec(step(), 0..200),
    ) {
        let mut bt = with_faults(Bt::new(bmc(seed)), &faults);
        let now = go(&mut bt, &steps);
        let mut now = heal(&mut bt, now);
        let control = bt.read(0, now);
        prop_assert_eq!(control & 0x84, 0, "B_BUSY and H2B_ATN end by themselves");
        bt.write(2, 0x80, now);
        bt.write(0, control & 0x40 | 0x0b, now);
        bt.write(2, 0x80, now);
        bt.write(0, 0x09, now);
        for byte in [3, 0x18, 0x77, 0x01] {
            bt.write(1, byte, now);
        }
        bt.write(0, 0x04, now);
        now += SEC;
        prop_assert_eq!(bt.read(0, now) & 0xcc, 0x08);
        bt.write(0, 0x02, now);
        let reply: Vec<u8> = (0..5).map(|_| bt.read(1, now)).collect();
        prop_assert_eq!(reply, [19, 0x1c, 0x77, 0x01, 0x00]);
    }

    #[test]
    fn ssif_recovers_by_a_new_write(
        seed in any::<u64>(),
        faults in faults(),
        steps in proptest::collection::vec(step(), 0..200),
    ) {
        let mut ssif = with_faults(Ssif::new(bmc(seed)), &faults);
        let now = go(&mut ssif, &steps);
        let now = heal(&mut ssif, now);
        prop_assert!(ssif.smbus_write(0x02, &[0x18, 0x01], None, now).outcome.is_ok());
        let read = ssif.smbus_read(0x03, now + SEC).outcome.unwrap();
        prop_assert_eq!(&read.bytes[..3], &[0x1c, 0x01, 0x00]);
    }

    #[test]
    fn any_command_gets_a_reply_with_its_own_header(
        netfn in 0u8..64,
        cmd in any::<u8>(),
        data in proptest::collection::vec(any::<u8>(), 0..64),
        kind in 0u8..4,
    ) {
        let request = Request { netfn, lun: 0, cmd, data };
        let mut interface: Box<dyn Interface> = match kind {
            0 => Box::new(Kcs::new(bmc(1))),
            1 => Box::new(Smic::new(bmc(1))),
            2 => Box::new(Bt::new(bmc(1))),
            _ => Box::new(Ssif::new(bmc(1))),
        };
        let reply = interface.bmc_mut().execute(&request, 0);
        prop_assert_eq!(&reply[..2], &[(netfn | 1) << 2, cmd]);
        prop_assert!(reply.len() == 3 || reply[2] == 0);
        prop_assert!(interface.kind() != Kind::Ssif || kind == 3);
    }

    #[test]
    fn a_schedule_survives_being_written_down(faults in faults()) {
        let text = serde_json::to_string(&faults).unwrap();
        let back: Vec<(When, Fault)> = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(back, faults);
    }
}
