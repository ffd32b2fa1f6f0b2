// SPDX-License-Identifier: BSD-2-Clause
//! Requests of applications, to the BMC and to satellites, and the messages that come back.

use ipmi::kernel::Errno;
use ipmi::memory::Blank;
use ipmi::queue::Request;
use ipmi::wire::ipmb::{Address, Incoming, Origin, HEAD, TAIL};
use ipmi::wire::{NetFn, REPLY_MAX, REQUEST_MAX};

use crate::input::Input;
use crate::Target;

pub const REQUEST: Target = Target {
    name: "request",
    check: request,
    samples: &[
        &[0, 0x52, 0, 0x20, 2, 0x06, 0x01, 5, 2, 0, 1, 2],
        &[7, 0x72, 3, 0x82, 3, 0x2c, 0x00, 0x3f, 0, 1],
        &[0, 0x20, 0, 0x20, 2, 0x0a, 0x11, 1, 0x0e, 1],
    ],
};

pub const INCOMING: Target = Target {
    name: "incoming",
    check: incoming,
    samples: &[
        &[0x00, 0x1e, 0xc2, 0x52, 0x14, 0x01, 0x00, 0x20, 0x99],
        &[0x07, 0xb6, 0x12, 0x72, 0xfd, 0x00, 0xc1, 0x00],
    ],
};

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

/// What is composed can be taken apart again, and only the satellite's own reply is awaited.
fn request(bytes: &[u8]) {
    let mut input = Input(bytes);
    let to = Address {
        channel: input.u8(),
        slave: input.u8(),
        lun: input.u8() & 3,
    };
    let from = Origin {
        address: input.u8(),
        lun: input.u8(),
    };
    let (netfn, command, sequence) = (input.u8(), input.u8(), input.u8());
    let length = usize::from(input.u16()) % 300;
    let data = input.0;
    let fill = |room: &mut [u8]| {
        assert_eq!(room.len(), length);
        for (place, byte) in room
            .iter_mut()
            .zip(data.iter().chain(std::iter::repeat(&0)))
        {
            *place = *byte;
        }
        Ok(())
    };
    let mut request = Request::boxed();
    let composed = request.compose(netfn, command, length, fill);
    if length + 2 > REQUEST_MAX {
        assert_eq!(composed, Err(Errno::MessageSize));
    } else {
        let sent = request.as_bytes();
        assert_eq!((sent.len(), sent[0], sent[1]), (length + 2, netfn, command));
    }
    let composed = request.compose_bus((to, from), (NetFn::new(netfn), command), length, fill);
    if HEAD + length + TAIL > REQUEST_MAX {
        assert_eq!(composed, Err(Errno::MessageSize));
        return;
    }
    request.number(sequence);
    let once = request.as_bytes().to_vec();
    request.renumber();
    assert_eq!(request.as_bytes(), once, "sent again, it is the same");
    let [0x18, 0x34, channel, message @ ..] = &once[..] else {
        panic!("no Send Message: {once:x?}");
    };
    let (head, rest) = message.split_at(3);
    assert_eq!(
        (*channel, head[0], head[1]),
        (to.channel, to.slave, netfn << 2 | to.lun)
    );
    assert_eq!((sum(head), sum(rest)), (0, 0), "{once:x?}");
    assert_eq!(
        rest[..3],
        [from.address, sequence << 2 | from.lun & 3, command]
    );
    let carried = &rest[3..rest.len() - 1];
    assert_eq!(carried.len(), length);
    assert!(carried.iter().zip(data).all(|(a, b)| a == b));
    answered(&mut request, to, NetFn::new(netfn), command, sequence);
}

/// The reply to it, and what differs from it in any place.
fn answered(request: &mut Request, to: Address, netfn: NetFn, command: u8, sequence: u8) {
    // A reply's network function is odd; an application that sends one gets no answer.
    let reply = netfn.with_lun(0) >> 2 | 1;
    let message = [
        to.channel & 0x0f,
        reply << 2 | 2,
        0,
        to.slave,
        sequence << 2 | to.lun,
        command,
        0xc1,
        0,
    ];
    let incoming = Incoming::parse(&message).expect("a whole reply");
    assert!(request.awaits(&incoming));
    assert!(request.uses(sequence & 0x3f));
    for (place, bit) in [(0, 1), (1, 0x08), (3, 1), (4, 4), (4, 1), (5, 0x80)] {
        let mut other = message;
        other[place] ^= bit;
        let parsed = Incoming::parse(&other).expect("it is as whole");
        assert!(!request.awaits(&parsed), "byte {place} differs");
    }
    request.answer(incoming.body);
    assert_eq!(request.reply.body(), [0xc1]);
}

/// A message is a reply or it is none; what it carries is within it.
fn incoming(bytes: &[u8]) {
    let parsed = Incoming::parse(bytes);
    let is_reply = bytes.len() >= 8 && bytes[1] & 0x04 != 0;
    assert_eq!(parsed.is_some(), is_reply);
    let Some(parsed) = parsed else { return };
    assert_eq!(parsed.body, &bytes[6..bytes.len() - 1]);
    let again = [
        parsed.from.channel | bytes[0] & 0xf0,
        parsed.netfn << 2 | bytes[1] & 3,
        bytes[2],
        parsed.from.slave,
        parsed.sequence << 2 | parsed.from.lun,
        parsed.command,
    ];
    assert_eq!(again, bytes[..6]);
    let mut request = Request::boxed();
    request.answer(parsed.body);
    let kept = parsed.body.len().min(REPLY_MAX - 2);
    assert_eq!(request.reply.body(), &parsed.body[..kept]);
}
