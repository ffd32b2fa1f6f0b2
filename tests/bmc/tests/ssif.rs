// SPDX-License-Identifier: BSD-2-Clause
//! Conformance of SSIF to IPMI 2.0, section 12, seen through a reference host that knows nothing
//! but block transfers.

use ipmi_bmc::{
    pec, Block, Bmc, Config, Effect, Fault, Interface, SmbusError, Ssif, When, MS, SEC,
    SSIF_ADDRESS,
};

struct Host {
    ssif: Ssif,
    now: u64,
    use_pec: bool,
    /// The SMBus command that ends a request in parts.
    last_part: u8,
}

impl Host {
    fn new() -> Host {
        Host {
            ssif: Ssif::new(Bmc::new(Config::default())),
            now: 0,
            use_pec: false,
            last_part: 0x08,
        }
    }

    fn write(&mut self, command: u8, block: &[u8]) -> Result<(), SmbusError> {
        let head = [SSIF_ADDRESS, command, block.len() as u8];
        let pec = self.use_pec.then(|| pec(&[&head, block].concat()));
        let transfer = self.ssif.smbus_write(command, block, pec, self.now);
        self.now += transfer.took;
        transfer.outcome
    }

    fn read(&mut self, command: u8) -> Result<Vec<u8>, SmbusError> {
        let transfer = self.ssif.smbus_read(command, self.now);
        self.now += transfer.took;
        let Block { bytes, pec: sent } = transfer.outcome?;
        assert!(bytes.len() <= 32);
        let head = [SSIF_ADDRESS, command, SSIF_ADDRESS | 1, bytes.len() as u8];
        let expected = self
            .use_pec
            .then(|| pec(&[&head, bytes.as_slice()].concat()));
        assert_eq!(sent, expected);
        Ok(bytes)
    }

    fn send(&mut self, request: &[u8]) -> Result<(), SmbusError> {
        if request.len() <= 32 {
            return self.write(0x02, request);
        }
        let parts: Vec<&[u8]> = request.chunks(32).collect();
        let (last, rest) = parts.split_last().expect("more than one part");
        for (i, part) in rest.iter().enumerate() {
            self.write(if i == 0 { 0x06 } else { 0x07 }, part)?;
        }
        self.write(self.last_part, last)
    }

    fn receive(&mut self) -> Result<Vec<u8>, SmbusError> {
        let deadline = self.now + 5 * SEC;
        let first = loop {
            match self.read(0x03) {
                Err(SmbusError::Nak) if self.now < deadline => self.now += 10 * MS,
                other => break other?,
            }
        };
        let [0x00, 0x01, start @ ..] = first.as_slice() else {
            return Ok(first);
        };
        let mut reply = start.to_vec();
        for expected in 0.. {
            let part = self.read(0x09)?;
            reply.extend_from_slice(&part[1..]);
            if part[0] == 0xff {
                break;
            }
            assert_eq!((part[0], part.len()), (expected, 32));
        }
        Ok(reply)
    }

    fn transfer(&mut self, request: &[u8]) -> Result<Vec<u8>, SmbusError> {
        self.send(request)?;
        self.receive()
    }
}

/// Write FRU Data with this many bytes of request in all.
fn request_of(length: usize) -> Vec<u8> {
    let mut request = vec![0x28, 0x12, 0, 0, 1];
    request.resize(length, 0x5a);
    request
}

#[test]
fn short_messages_take_one_block_each_way() {
    let mut host = Host::new();
    let reply = host.transfer(&[0x18, 0x01]).unwrap();
    assert_eq!((&reply[..3], reply.len()), (&[0x1c, 0x01, 0x00][..], 18));
    assert_eq!(host.ssif.accesses().writes, 1);
}

#[test]
fn capabilities_are_told() {
    let mut host = Host::new();
    assert_eq!(
        host.transfer(&[0x18, 0x57, 0x00]).unwrap()[3..],
        [0x00, 0x88, 0xff, 0xff]
    );
    assert_eq!(host.transfer(&[0x18, 0x57, 0x01]).unwrap()[2], 0xcc);
    assert_eq!(host.transfer(&[0x18, 0x36]).unwrap()[2], 0xc1);
}

#[test]
fn requests_of_every_length_arrive_whole() {
    for length in 6..=255 {
        let mut host = Host::new();
        let reply = host.transfer(&request_of(length)).unwrap();
        assert_eq!(reply, [0x2c, 0x12, 0x00, (length - 5) as u8], "{length}");
    }
}

#[test]
fn a_short_middle_part_ends_a_request_too() {
    for length in [33, 63, 65, 100] {
        let mut host = Host::new();
        host.last_part = 0x07;
        let reply = host.transfer(&request_of(length)).unwrap();
        assert_eq!(reply[3], (length - 5) as u8);
    }
    // But not a full one: the BMC waits for more.
    let mut host = Host::new();
    host.last_part = 0x07;
    assert_eq!(host.transfer(&request_of(64)), Err(SmbusError::Nak));
}

#[test]
fn replies_of_every_length_arrive_whole() {
    let mut host = Host::new();
    for count in 1..=250u8 {
        let reply = host.transfer(&[0x28, 0x11, 0, 0, 0, count]).unwrap();
        assert_eq!(reply.len(), 4 + usize::from(count));
        assert_eq!(reply[3], count);
    }
}

#[test]
fn a_part_can_be_read_again() {
    let mut host = Host::new();
    host.send(&[0x28, 0x11, 0, 0, 0, 100]).unwrap();
    host.now += SEC;
    host.read(0x03).unwrap();
    let zero = host.read(0x09).unwrap();
    let one = host.read(0x09).unwrap();
    assert_ne!(zero, one);
    host.write(0x0a, &[0]).unwrap();
    assert_eq!(host.read(0x09).unwrap(), zero);
    assert_eq!(host.read(0x03).unwrap()[..2], [0, 1], "and from the start");
    assert_eq!(host.read(0x09).unwrap(), zero);
}

#[test]
fn pec_is_spoken_to_those_who_speak_it() {
    let mut host = Host::new();
    host.use_pec = true;
    assert!(host.transfer(&request_of(70)).is_ok());
    host.use_pec = false;
    assert!(host.transfer(&[0x18, 0x01]).is_ok());
    let wrong = host
        .ssif
        .smbus_write(0x02, &[0x18, 0x01], Some(0), host.now);
    assert_eq!(wrong.outcome, Err(SmbusError::Nak));
    // A known value, so that both sides cannot be wrong together.
    assert_eq!(pec(b"123456789"), 0xf4);
}

#[test]
fn what_is_not_there_is_not_acknowledged() {
    let mut host = Host::new();
    assert_eq!(host.read(0x03), Err(SmbusError::Nak), "no reply yet");
    assert_eq!(host.write(0x55, &[1]), Err(SmbusError::Nak));
    assert_eq!(
        host.write(0x07, &[1]),
        Err(SmbusError::Nak),
        "middle without start"
    );
    assert_eq!(
        host.write(0x06, &[1; 31]),
        Err(SmbusError::Nak),
        "a start that is not full"
    );
    assert_eq!(host.write(0x02, &[0x18]), Err(SmbusError::Nak));
    assert_eq!(host.write(0x02, &[]), Err(SmbusError::Nak));
    host.write(0x02, &[0x18, 0x01]).unwrap();
    let at_once = host.ssif.smbus_write(0x02, &[0x18, 0x01], None, host.now);
    assert!(at_once.outcome == Err(SmbusError::Nak) || host.ssif.bmc().commands_run() == 1);
    assert_eq!(host.ssif.read(0, host.now), 0xff, "no registers");
}

#[test]
fn a_block_takes_its_time_on_the_bus() {
    let mut host = Host::new();
    host.send(&[0x18, 0x01]).unwrap();
    assert!(host.now > 400_000 && host.now < 700_000, "{} ns", host.now);
    host.now = SEC;
    let stretch = Fault::SlowHandshake { ns: 299 * MS };
    host.ssif.faults_mut().during(SEC, 2 * SEC, stretch);
    host.read(0x03).unwrap();
    assert!(host.now > 1299 * MS && host.now < 1310 * MS);
}

#[test]
fn a_clock_that_is_held_for_too_long_ends_the_transfer_and_maybe_not_the_command() {
    let mut host = Host::new();
    let held = Fault::SlowHandshake { ns: SEC };
    host.ssif.faults_mut().during(0, 100 * SEC, held);
    assert_eq!(host.read(0x03), Err(SmbusError::Timeout));
    assert!(host.now >= 300 * MS && host.now < 302 * MS);
    for at in 1..=20 {
        host.now = at * 5 * SEC - SEC;
        assert_eq!(host.send(&[0x18, 0x01]), Err(SmbusError::Timeout));
    }
    host.now = 100 * SEC;
    host.ssif.advance(host.now);
    let run = host.ssif.bmc().commands_run();
    assert!((1..20).contains(&run), "{run} of 20");
    assert!(host.transfer(&[0x18, 0x01]).is_ok());
}

#[test]
fn the_bus_may_be_busy_or_empty() {
    let table = [
        (Fault::SmbusBusy, SmbusError::Busy),
        (Fault::IbfStuck, SmbusError::Nak),
        (Fault::ReadsFf, SmbusError::Nak),
        (Fault::ObfNever, SmbusError::Nak),
        (Fault::Deaf { counting: false }, SmbusError::Nak),
    ];
    for (fault, error) in table {
        let mut host = Host::new();
        host.ssif.faults_mut().during(0, 30 * SEC, fault);
        assert_eq!(host.transfer(&[0x18, 0x01]), Err(error));
        host.now = 30 * SEC;
        assert!(host.transfer(&[0x18, 0x01]).is_ok());
    }
}

#[test]
fn parts_can_be_misnumbered_and_pecs_wrong() {
    let mut host = Host::new();
    host.ssif
        .faults_mut()
        .add(When::Always, Fault::WrongSequence);
    host.send(&[0x28, 0x11, 0, 0, 0, 100]).unwrap();
    host.now += SEC;
    host.read(0x03).unwrap();
    assert_eq!(host.read(0x09).unwrap()[0], 1);
    host.ssif.faults_mut().add(When::Always, Fault::WrongPec);
    let block = [0x18, 0x01];
    let good = pec(&[SSIF_ADDRESS, 0x02, 2, 0x18, 0x01]);
    host.ssif.smbus_write(0x02, &block, Some(good), host.now);
    host.now += SEC;
    let read = host.ssif.smbus_read(0x03, host.now).outcome.unwrap();
    let head = [SSIF_ADDRESS, 0x03, SSIF_ADDRESS | 1, 18];
    assert_ne!(
        read.pec,
        Some(pec(&[&head, read.bytes.as_slice()].concat()))
    );
}

#[test]
fn an_alert_says_that_the_reply_is_there() {
    let mut host = Host::new();
    host.transfer(&[0x18, 0x2e, 0x0f]).unwrap();
    host.ssif.advance(host.now);
    host.send(&[0x18, 0x01]).unwrap();
    host.now += SEC;
    assert_eq!(host.ssif.advance(host.now), [Effect::Interrupt(true)]);
    host.receive().unwrap();
    assert_eq!(host.ssif.advance(host.now), [Effect::Interrupt(false)]);
}
