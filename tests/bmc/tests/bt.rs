// SPDX-License-Identifier: BSD-2-Clause
//! Conformance of the BT register model to IPMI 2.0, section 11, seen through a reference host that
//! looks at registers only.

use ipmi_bmc::{Bmc, Bt, Config, Effect, Fault, Interface, When, NEVER, SEC};

const CONTROL: u8 = 0;
const BUFFER: u8 = 1;
const MASK: u8 = 2;

const CLR_WR_PTR: u8 = 0x01;
const CLR_RD_PTR: u8 = 0x02;
const H2B_ATN: u8 = 0x04;
const B2H_ATN: u8 = 0x08;
const SMS_ATN: u8 = 0x10;
const H_BUSY: u8 = 0x40;
const B_BUSY: u8 = 0x80;

struct Host {
    bt: Bt,
    now: u64,
}

#[derive(Debug, PartialEq)]
struct TimedOut;

impl Host {
    fn new() -> Host {
        Host {
            bt: Bt::new(Bmc::new(Config::default())),
            now: 0,
        }
    }

    fn read(&mut self, register: u8) -> u8 {
        self.now += 1_000;
        self.bt.read(register, self.now)
    }

    fn write(&mut self, register: u8, byte: u8) {
        self.now += 1_000;
        self.bt.write(register, byte, self.now);
    }

    fn wait(&mut self, mask: u8, want: u8) -> Result<(), TimedOut> {
        let start = self.now;
        while self.now < start + 5 * SEC {
            if self.read(CONTROL) & mask == want {
                return Ok(());
            }
            self.now += (self.now - start) / 16;
        }
        Err(TimedOut)
    }

    /// Figure 11-4: a frame with its length byte goes out.
    fn send(&mut self, frame: &[u8]) -> Result<(), TimedOut> {
        self.wait(B_BUSY | H2B_ATN, 0)?;
        self.write(CONTROL, CLR_WR_PTR);
        self.write(BUFFER, frame.len() as u8);
        for byte in frame {
            self.write(BUFFER, *byte);
        }
        self.write(CONTROL, H2B_ATN);
        self.wait(B_BUSY | H2B_ATN, 0)
    }

    fn receive(&mut self) -> Result<Vec<u8>, TimedOut> {
        self.wait(B2H_ATN, B2H_ATN)?;
        self.write(CONTROL, H_BUSY);
        self.write(CONTROL, B2H_ATN);
        self.write(CONTROL, CLR_RD_PTR);
        let length = self.read(BUFFER);
        let frame = (0..length).map(|_| self.read(BUFFER)).collect();
        self.write(CONTROL, H_BUSY);
        Ok(frame)
    }

    fn transfer(&mut self, frame: &[u8]) -> Result<Vec<u8>, TimedOut> {
        self.send(frame)?;
        self.receive()
    }
}

#[test]
fn a_transfer_carries_sequence_and_command_back() {
    let mut host = Host::new();
    for sequence in [1, 2, 0xff, 0] {
        let reply = host.transfer(&[0x18, sequence, 0x01]).unwrap();
        assert_eq!(reply[..4], [0x1c, sequence, 0x01, 0x00]);
        assert_eq!(reply.len(), 19);
    }
    assert_eq!(host.bt.accesses().violations, 0);
    assert_eq!(host.read(CONTROL), 0);
}

#[test]
fn capabilities_are_told() {
    let mut host = Host::new();
    let reply = host.transfer(&[0x18, 1, 0x36]).unwrap();
    assert_eq!(reply[3..], [0x00, 1, 0xff, 0xff, 5, 2]);
    assert_eq!(host.transfer(&[0x18, 1, 0x42, 0x0e]).unwrap()[6], 0x08);
}

#[test]
fn h2b_atn_and_b_busy_cover_the_taking_of_the_message() {
    let mut host = Host::new();
    host.write(BUFFER, 3);
    for byte in [0x18, 7, 0x01] {
        host.write(BUFFER, byte);
    }
    host.write(CONTROL, H2B_ATN);
    let mut seen = vec![host.read(CONTROL)];
    while seen.last() != Some(&B2H_ATN) {
        let control = host.read(CONTROL);
        if seen.last() != Some(&control) {
            seen.push(control);
        }
    }
    assert_eq!(seen, [H2B_ATN, H2B_ATN | B_BUSY, 0, B2H_ATN]);
}

#[test]
fn h_busy_toggles_and_the_read_pointer_rewinds() {
    let mut host = Host::new();
    host.write(CONTROL, H_BUSY);
    assert_eq!(host.read(CONTROL), H_BUSY);
    host.write(CONTROL, H_BUSY);
    assert_eq!(host.read(CONTROL), 0);
    host.send(&[0x18, 1, 0x31]).unwrap();
    host.wait(B2H_ATN, B2H_ATN).unwrap();
    let first: Vec<u8> = (0..3).map(|_| host.read(BUFFER)).collect();
    host.write(CONTROL, CLR_RD_PTR);
    let again: Vec<u8> = (0..3).map(|_| host.read(BUFFER)).collect();
    assert_eq!(first, again);
}

#[test]
fn a_busy_host_gets_its_reply_when_it_is_done() {
    let mut host = Host::new();
    host.write(CONTROL, H_BUSY);
    host.send(&[0x18, 1, 0x01]).unwrap();
    host.now += SEC;
    assert_eq!(host.read(CONTROL) & B2H_ATN, 0);
    host.write(CONTROL, H_BUSY);
    assert_eq!(host.read(CONTROL) & B2H_ATN, B2H_ATN);
}

#[test]
fn a_reply_nobody_fetched_comes_before_the_next_one() {
    let mut host = Host::new();
    host.send(&[0x18, 1, 0x01]).unwrap();
    host.now += SEC;
    host.send(&[0x18, 2, 0x01]).unwrap();
    assert_eq!(host.receive().unwrap()[1], 1, "stale");
    assert_eq!(host.receive().unwrap()[1], 2);
}

#[test]
fn a_frame_that_is_no_message_is_not_answered() {
    for frame in [&[][..], &[0x18], &[0x18, 1]] {
        let mut host = Host::new();
        host.send(frame).unwrap();
        assert_eq!(host.receive(), Err(TimedOut));
        assert!(host.transfer(&[0x18, 2, 0x01]).is_ok());
    }
}

#[test]
fn attention_and_its_interrupt() {
    let mut host = Host::new();
    host.write(MASK, 0x01);
    host.transfer(&[0x18, 1, 0x2e, 0x0f]).unwrap();
    host.write(MASK, 0x03);
    host.bt.advance(host.now);
    host.bt.bmc_mut().queue_message(&[0], host.now);
    let effects = host.bt.advance(host.now);
    assert_eq!(effects, [Effect::Attention(true), Effect::Interrupt(true)]);
    assert_eq!(host.read(CONTROL), SMS_ATN);
    host.write(CONTROL, SMS_ATN);
    assert_eq!(host.read(CONTROL), 0);
    assert_eq!(host.read(MASK), 0x03);
    host.write(MASK, 0x03);
    assert!(host
        .bt
        .advance(host.now)
        .contains(&Effect::Interrupt(false)));
}

#[test]
fn faults_end_and_the_host_goes_on() {
    let faults = [
        Fault::IbfStuck,
        Fault::ObfNever,
        Fault::Deaf { counting: true },
        Fault::ReadsFf,
        Fault::SlowHandshake { ns: 6 * SEC },
    ];
    for fault in faults {
        let mut host = Host::new();
        host.bt.faults_mut().during(0, 30 * SEC, fault.clone());
        let silent = host.transfer(&[0x18, 1, 0x01]) == Err(TimedOut);
        // Nobody on the bus looks like a reply of ffh bytes.
        assert!(silent || fault == Fault::ReadsFf, "{fault:?}");
        host.now = 40 * SEC;
        if host.read(CONTROL) & B2H_ATN != 0 {
            assert_eq!(host.receive().unwrap()[1], 1, "stale, {fault:?}");
        }
        assert_eq!(host.transfer(&[0x18, 2, 0x01]).unwrap()[1], 2, "{fault:?}");
    }
}

#[test]
fn spoilt_replies() {
    let reply_under = |fault: Fault| {
        let mut host = Host::new();
        host.bt.faults_mut().add(When::Always, fault);
        host.transfer(&[0x18, 9, 0x01]).unwrap()
    };
    assert_eq!(reply_under(Fault::WrongSequence)[..3], [0x1c, 10, 0x01]);
    assert_eq!(reply_under(Fault::WrongCommand)[..3], [0x1c, 9, 0x00]);
    assert_eq!(reply_under(Fault::WrongNetFn)[..3], [0x14, 9, 0x01]);
    assert_eq!(reply_under(Fault::ShortReply { keep: 0 }), [9]);
    assert_eq!(reply_under(Fault::ShortReply { keep: 1 }), [0x1c, 9]);
    assert_eq!(reply_under(Fault::LongReply { total: 400 }).len(), 255);
}

#[test]
fn a_fault_between_taking_and_answering() {
    let mut host = Host::new();
    let when = When::AtByte {
        transaction: 0,
        byte: 1,
        lasts: NEVER,
    };
    host.bt.faults_mut().add(when, Fault::ErrorState);
    host.send(&[0x18, 1, 0x01]).unwrap();
    assert_eq!(host.receive(), Err(TimedOut));
    assert!(host.transfer(&[0x18, 2, 0x01]).is_ok());
}
