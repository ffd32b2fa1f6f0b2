// SPDX-License-Identifier: BSD-2-Clause
//! The watchdog timer on the wire, there and back.

use ipmi::wire::watchdog::{renew, Reading, Timer};

use crate::input::Input;
use crate::Target;

pub const TARGET: Target = Target {
    name: "watchdog",
    check,
    samples: &[
        &[0x44, 3, 32, 0x10, 0, 5, 0xf0, 4],
        &[0x04, 0, 0, 0, 0xff, 0xff, 0, 0],
    ],
};

fn check(bytes: &[u8]) {
    let reading = Reading::parse(bytes);
    let Some(told) = bytes.first_chunk::<8>() else {
        assert_eq!(reading, None);
        return set(&mut Input(bytes));
    };
    let reading = reading.expect("it is long enough");
    let ([a, b], [c, d]) = (reading.initial.to_le_bytes(), reading.present.to_le_bytes());
    let Reading {
        use_,
        actions,
        pretimeout,
        expired,
        ..
    } = reading;
    assert_eq!([use_, actions, pretimeout, expired, a, b, c, d], *told);
    assert_eq!(reading.running(), told[0] >> 6 & 1 == 1);
    assert_eq!(Reading::parse(told), Some(reading), "the rest is no matter");
    let payload = [told[0], told[1], told[2], told[3], told[4], told[5]];
    assert_eq!(renew(&payload).as_bytes()[2..], payload);
    set(&mut Input(bytes));
}

/// What is set is what a BMC that does as it is told reads back.
fn set(input: &mut Input<'_>) {
    let timer = Timer {
        actions: input.u8(),
        pretimeout: input.u8(),
        countdown: input.u16(),
    };
    let granted = input.u16();
    let message = timer.set();
    let [0x18, 0x24, payload @ ..] = message.as_bytes() else {
        panic!("no Set Watchdog Timer: {message:x?}");
    };
    let mut told = payload.to_vec();
    told.extend(&payload[4..]);
    let reading = Reading::parse(&told).expect("a whole reading");
    assert!(reading.running(), "it is not to be stopped");
    assert_eq!((reading.use_ & 7, reading.expired), (4, 0));
    assert_eq!(
        (reading.actions, reading.pretimeout),
        (timer.actions, timer.pretimeout)
    );
    assert_eq!(
        (reading.initial, reading.present),
        (timer.countdown, timer.countdown)
    );
    assert!(timer.to_pretimeout_ns(timer.countdown) <= timer.countdown_ns());
    let whole = u64::from(granted) * 100_000_000;
    let before = u64::from(timer.pretimeout) * 1_000_000_000;
    assert_eq!(
        timer.to_pretimeout_ns(granted),
        whole.saturating_sub(before)
    );
}
