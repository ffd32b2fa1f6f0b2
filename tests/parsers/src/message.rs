// SPDX-License-Identifier: BSD-2-Clause
//! The driver's own requests, and replies as they arrive.

use ipmi::wire::message::DRIVER_MAX;
use ipmi::wire::{sel, DriverReply, Message, NetFn, Reply, REPLY_MAX};

use crate::input::Input;
use crate::Target;

pub const TARGET: Target = Target {
    name: "message",
    check,
    samples: &[
        &[0x06, 0x01, 0x1c, 0x01, 0x00, 0x20, 0x81, 0x02, 0x51, 0x02],
        &[0x0a, 0x44, 0x2c, 0x44, 0x00, 0x01, 0x00],
    ],
};

fn check(bytes: &[u8]) {
    let mut input = Input(bytes);
    let (netfn, command) = (input.u8(), input.u8());
    let arriving = input.0;
    let request = Message::new(NetFn::new(netfn), command, arriving);
    let mut expected = vec![netfn << 2, command];
    expected.extend(arriving.iter().take(DRIVER_MAX - 2));
    assert_eq!(request.as_bytes(), expected);
    arrives::<64>(DriverReply::EMPTY, arriving, &request);
    arrives::<REPLY_MAX>(Reply::EMPTY, arriving, &request);
    text(command, arriving);
}

/// A reply is what arrived, no more than there is room for, whatever was there before.
fn arrives<const N: usize>(mut reply: Reply<N>, arriving: &[u8], request: &Message) {
    for &byte in arriving.iter().rev() {
        reply.arrival().push(byte);
    }
    reply.arrival().clear();
    assert!(reply.body().is_empty() && !reply.arrival().answers(request.as_bytes()));
    let mut taken = 0;
    for (at, &byte) in arriving.iter().enumerate() {
        let fits = reply.arrival().push(byte);
        assert_eq!(fits, at < N);
        taken += usize::from(fits);
    }
    let kept = &arriving[..taken];
    let from = |start: usize| kept.get(start..).unwrap_or(&[]);
    assert_eq!((reply.body(), reply.data()), (from(2), from(3)));
    assert_eq!(reply.completion(), kept.get(2).copied().unwrap_or(0xff));
    assert_eq!(reply.event().is_some(), kept.len() >= 18);
    let sent = request.as_bytes();
    let answers =
        kept.len() >= 3 && kept[0] == (sent[0] & 0xfc).wrapping_add(4) && kept[1] == sent[1];
    assert_eq!(reply.arrival().answers(sent), answers);
}

/// A record of text is sixteen bytes, what is not text is zero, and nothing of it is lost.
fn text(number: u8, text: &[u8]) {
    let entry = sel::os_text(number, text);
    let record = &entry.as_bytes()[2..];
    assert_eq!(record.len(), 16);
    let (head, room) = record.split_at(5);
    assert_eq!((head[2], head[4], room.len()), (0xf0, number, sel::PIECE));
    let kept = text.len().min(sel::PIECE);
    assert_eq!(room[..kept], text[..kept]);
    assert!(room[kept..].iter().all(|&byte| byte == 0));
}
