// SPDX-License-Identifier: BSD-2-Clause
//! What a BMC says of itself: its device id, and what its interface carries.

use ipmi::transport::Terms;
use ipmi::wire::device::DeviceId;
use ipmi::wire::interface::{BtCapabilities, Parts, SsifCapabilities};
use ipmi::wire::REQUEST_MAX;

use crate::Target;

pub const DEVICE_ID: Target = Target {
    name: "device_id",
    check: device_id,
    samples: &[&[
        0x20, 0x81, 0x02, 0x51, 0x02, 0xbf, 0x57, 0x01, 0x00, 0x34, 0x12, 0, 0, 0, 0,
    ]],
};

pub const CAPABILITIES: Target = Target {
    name: "capabilities",
    check: capabilities,
    samples: &[&[1, 64, 64, 5, 2], &[0, 0x40, 255], &[0, 0x80, 0]],
};

fn device_id(bytes: &[u8]) {
    let parsed = DeviceId::parse(bytes);
    let Some(head) = bytes.first_chunk::<6>() else {
        return assert_eq!(parsed, None);
    };
    let id = parsed.expect("it is long enough");
    assert_eq!(
        [id.revision, id.firmware_major],
        [head[1] & 0x0f, head[2] & 0x7f]
    );
    assert_eq!([id.firmware_minor, id.version, id.support], head[3..]);
    assert_eq!(id.is_chassis(), head[5] >> 7 == 1);
    let told = match bytes.get(6..11) {
        Some(rest) => {
            let [a, b, c, ..] = id.manufacturer.to_le_bytes();
            let [d, e] = id.product.to_le_bytes();
            assert_eq!(
                [a, b, c, d, e],
                [rest[0], rest[1], rest[2] & 0x0f, rest[3], rest[4]]
            );
            11
        }
        None => {
            assert_eq!(
                (id.manufacturer, id.product),
                (0, 0),
                "half of them is none"
            );
            6
        }
    };
    assert_eq!(
        DeviceId::parse(&bytes[..told]),
        parsed,
        "the rest is no matter"
    );
}

fn capabilities(bytes: &[u8]) {
    let told = BtCapabilities::parse(bytes);
    assert_eq!(told.is_some(), bytes.len() >= 5);
    if let Some(told) = told {
        assert_eq!(
            [told.input, told.response, told.retries],
            [bytes[1], bytes[3], bytes[4]]
        );
        let terms = Terms::of_bt(told);
        // One byte of the buffer is the length, one the sequence number; 64 is the least.
        let buffer = usize::from(told.input.max(64));
        assert_eq!(terms.longest_request, (buffer - 1).min(254));
        bounded(terms);
    }
    let told = SsifCapabilities::parse(bytes);
    assert_eq!(told.is_some(), bytes.len() >= 3 && bytes[1] >> 6 != 3);
    if let Some(told) = told {
        let terms = Terms::of_ssif(told);
        let most = match told.parts {
            Parts::One => 32,
            Parts::Two => 64,
            Parts::Many => 255,
        };
        assert!((32..=most).contains(&terms.longest_request));
        bounded(terms);
    }
}

/// Whatever a BMC says, a request is bounded in length, time and attempts.
fn bounded(terms: Terms) {
    assert!(terms.longest_request <= REQUEST_MAX);
    assert!((5_000_000_000..=30_000_000_000).contains(&terms.answer));
    assert!((2..=5).contains(&terms.attempts));
}
