// SPDX-License-Identifier: BSD-2-Clause
//! Conformance of the SMIC register model to IPMI 2.0, section 10, seen through a reference host
//! that looks at registers only.

use ipmi_bmc::{Bmc, Config, Effect, Fault, Interface, Smic, When, MS, NEVER, SEC};

const DATA: u8 = 0;
const CONTROL: u8 = 1;
const FLAGS: u8 = 2;

const BUSY: u8 = 0x01;
const TX_DATA_RDY: u8 = 0x40;
const RX_DATA_RDY: u8 = 0x80;

const WR_START: u8 = 0x41;
const WR_NEXT: u8 = 0x42;
const WR_END: u8 = 0x43;
const RD_START: u8 = 0x44;
const RD_NEXT: u8 = 0x45;
const RD_END: u8 = 0x46;

const SC_RDY: u8 = 0xc0;
const SC_RD_END: u8 = 0xc6;

struct Host {
    smic: Smic,
    now: u64,
}

#[derive(Debug, PartialEq)]
enum Trouble {
    TimedOut,
    /// The status code, and the error code in the data register.
    Refused(u8, u8),
}

impl Host {
    fn new() -> Host {
        Host {
            smic: Smic::new(Bmc::new(Config::default())),
            now: 0,
        }
    }

    fn read(&mut self, register: u8) -> u8 {
        self.now += 1_000;
        self.smic.read(register, self.now)
    }

    fn write(&mut self, register: u8, byte: u8) {
        self.now += 1_000;
        self.smic.write(register, byte, self.now);
    }

    /// Waits two seconds, as the specification has it.
    fn wait(&mut self, mask: u8, want: u8) -> Result<(), Trouble> {
        let start = self.now;
        while self.now < start + 2 * SEC {
            if self.read(FLAGS) & mask == want {
                return Ok(());
            }
            self.now += (self.now - start) / 16;
        }
        Err(Trouble::TimedOut)
    }

    /// One control code with its byte; the status and data that come back.
    fn turn(&mut self, control: u8, byte: Option<u8>) -> Result<(u8, u8), Trouble> {
        self.wait(BUSY, 0)?;
        self.write(CONTROL, control);
        if let Some(byte) = byte {
            self.write(DATA, byte);
        }
        let flags = self.read(FLAGS);
        self.write(FLAGS, flags | BUSY);
        self.wait(BUSY, 0)?;
        Ok((self.read(CONTROL), self.read(DATA)))
    }

    fn put(&mut self, control: u8, byte: u8) -> Result<(), Trouble> {
        if control != WR_START {
            self.wait(TX_DATA_RDY, TX_DATA_RDY)?;
        }
        match self.turn(control, Some(byte))? {
            (status, _) if status == control | 0x80 => Ok(()),
            (status, error) => Err(Trouble::Refused(status, error)),
        }
    }

    fn transfer(&mut self, request: &[u8]) -> Result<Vec<u8>, Trouble> {
        let (last, rest) = request.split_last().expect("a request has bytes");
        for (i, byte) in rest.iter().enumerate() {
            self.put(if i == 0 { WR_START } else { WR_NEXT }, *byte)?;
        }
        self.put(WR_END, *last)?;
        let mut reply = Vec::new();
        let mut control = RD_START;
        loop {
            self.wait(RX_DATA_RDY, RX_DATA_RDY)?;
            let (status, byte) = self.turn(control, None)?;
            if status != control | 0x80 && status != SC_RD_END {
                return Err(Trouble::Refused(status, byte));
            }
            reply.push(byte);
            if status == SC_RD_END {
                break;
            }
            control = RD_NEXT;
        }
        match self.turn(RD_END, None)? {
            (SC_RDY, _) => Ok(reply),
            (status, error) => Err(Trouble::Refused(status, error)),
        }
    }
}

#[test]
fn a_transfer_carries_request_and_reply() {
    let mut host = Host::new();
    for _ in 0..3 {
        let reply = host.transfer(&[0x18, 0x01]).unwrap();
        assert_eq!((&reply[..3], reply.len()), (&[0x1c, 0x01, 0x00][..], 18));
    }
    assert_eq!(
        host.transfer(&[0x18, 0x2e, 0x0f]),
        Ok(vec![0x1c, 0x2e, 0x00])
    );
    assert_eq!(host.smic.accesses().violations, 0);
}

#[test]
fn idle_is_ready_to_be_written() {
    let mut host = Host::new();
    assert_eq!(host.read(FLAGS), TX_DATA_RDY);
    assert_eq!(host.read(CONTROL), SC_RDY);
}

#[test]
fn a_control_code_out_of_turn_is_refused_with_02() {
    for control in [WR_NEXT, WR_END, RD_START, RD_NEXT, RD_END, 0x99] {
        let mut host = Host::new();
        assert_eq!(host.turn(control, Some(0)), Ok((SC_RDY, 0x02)));
        // The error is told once more to whoever asks.
        assert_eq!(host.turn(0x40, None), Ok((SC_RDY, 0x02)));
        assert_eq!(host.turn(0x40, None), Ok((SC_RDY, 0x00)));
        assert!(host.transfer(&[0x18, 0x01]).is_ok());
    }
}

#[test]
fn write_start_begins_anew_at_any_time() {
    let mut host = Host::new();
    host.put(WR_START, 0x18).unwrap();
    host.put(WR_NEXT, 0x24).unwrap();
    assert!(host.transfer(&[0x18, 0x01]).is_ok());
}

#[test]
fn too_long_a_request_is_refused_with_05() {
    let mut host = Host::new();
    let refused = Err(Trouble::Refused(SC_RDY, 0x05));
    assert_eq!(host.transfer(&[0x18; 300]), refused);
    assert!(host.transfer(&[0x18, 0x01]).is_ok());
}

#[test]
fn faults_end_and_the_host_goes_on() {
    let table = [
        (Fault::IbfStuck, Trouble::TimedOut),
        (Fault::ObfNever, Trouble::TimedOut),
        (Fault::Deaf { counting: true }, Trouble::TimedOut),
        (Fault::ReadsFf, Trouble::TimedOut),
        (Fault::SlowHandshake { ns: 3 * SEC }, Trouble::TimedOut),
    ];
    for (fault, trouble) in table {
        let mut host = Host::new();
        host.smic.faults_mut().during(0, 20 * SEC, fault.clone());
        assert_eq!(host.transfer(&[0x18, 0x01]), Err(trouble), "{fault:?}");
        host.now = 20 * SEC;
        host.wait(BUSY, 0).unwrap();
        assert!(host.transfer(&[0x18, 0x01]).is_ok(), "{fault:?}");
    }
}

#[test]
fn an_error_on_demand_and_a_spoilt_reply() {
    let mut host = Host::new();
    let when = When::AtByte {
        transaction: 0,
        byte: 4,
        lasts: NEVER,
    };
    host.smic.faults_mut().add(when, Fault::ErrorState);
    assert_eq!(
        host.transfer(&[0x18, 0x01]),
        Err(Trouble::Refused(SC_RDY, 0x03))
    );
    host.smic
        .faults_mut()
        .add(When::Always, Fault::LongReply { total: 300 });
    assert_eq!(host.transfer(&[0x18, 0x01]).unwrap().len(), 300);
}

#[test]
fn a_reset_leaves_it_idle() {
    let mut host = Host::new();
    host.put(WR_START, 0x18).unwrap();
    host.smic.bmc_mut().reset(SEC, SEC);
    host.now = 1_700 * MS;
    assert_eq!(host.read(FLAGS), BUSY);
    host.now = 2 * SEC;
    assert_eq!(host.read(FLAGS), TX_DATA_RDY);
    assert!(host.transfer(&[0x18, 0x01]).is_ok());
    assert!(host
        .smic
        .advance(host.now)
        .contains(&Effect::Rebooted { at: 2 * SEC }));
}
