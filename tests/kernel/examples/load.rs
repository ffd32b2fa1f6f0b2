// SPDX-License-Identifier: BSD-2-Clause
//! Loads a module file into the software kernel with a healthy BMC at the KCS port, pats for a
//! minute, unloads, and tells what was seen: `load FILE [SEED]`. For looking at any `ipmi.ko`.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

use ipmi_bmc::{Bmc, Effect, Interface, Kcs};
use ipmi_kernel::{Config, Hardware, HwEvent, Machine};

const BASE: u16 = 0xca2;
const SECOND: u64 = 1_000_000_000;

struct Board(Kcs);

impl Hardware for Board {
    fn port_read(&mut self, port: u16, now: u64) -> u8 {
        match port.checked_sub(BASE) {
            Some(register @ 0..=1) => self.0.read(register as u8, now),
            _ => 0xff,
        }
    }
    fn port_write(&mut self, port: u16, value: u8, now: u64) {
        if let Some(register @ 0..=1) = port.checked_sub(BASE) {
            self.0.write(register as u8, value, now);
        }
    }
    fn mem_read(&mut self, _: u64, _: u64) -> u8 {
        0xff
    }
    fn mem_write(&mut self, _: u64, _: u8, _: u64) {}
    fn next_event(&self) -> Option<u64> {
        Interface::next_event(&self.0)
    }
    fn advance(&mut self, now: u64) -> Vec<HwEvent> {
        let effects = Interface::advance(&mut self.0, now);
        let reset = |e: &Effect| matches!(e, Effect::HostReset { .. });
        let resets = effects.iter().filter(|e| reset(e));
        resets
            .map(|e| HwEvent::HostReset(format!("{e:?}")))
            .collect()
    }
}

/// GET DEVICE ID through /dev/ipmi0: the reply's data.
fn device_id(process: &ipmi_kernel::Process) -> Result<Vec<u8>, i32> {
    const SEND: u64 = 0x8028_690d;
    const RECEIVE: u64 = 0xc030_690c;
    let fd = process.open("/dev/ipmi0")?;
    let address = process.alloc(40);
    process.write(
        address,
        &[&12u32.to_le_bytes()[..], &15u16.to_le_bytes(), &[0, 0]].concat(),
    );
    let mut request = vec![];
    for word in [address, 8, 7] {
        request.extend(word.to_le_bytes());
    }
    request.extend([6, 1, 0, 0, 0, 0, 0, 0]);
    request.extend(0u64.to_le_bytes());
    let request = process.alloc_with(&request);
    process.ioctl(fd, SEND, request)?;
    process.poll(&[(fd, 1)], None)?;
    let reply = process.alloc(64);
    let mut receive = vec![0; 48];
    receive[8..16].copy_from_slice(&address.to_le_bytes());
    receive[16..20].copy_from_slice(&8u32.to_le_bytes());
    receive[34..36].copy_from_slice(&64u16.to_le_bytes());
    receive[40..48].copy_from_slice(&reply.to_le_bytes());
    let receive = process.alloc_with(&receive);
    process.ioctl(fd, RECEIVE, receive)?;
    process.close(fd)?;
    Ok(process.read(reply, 16))
}

fn main() {
    let mut args = std::env::args().skip(1);
    let path = PathBuf::from(args.next().expect("usage: load FILE [SEED]"));
    let seed = args
        .next()
        .map_or(0, |seed| seed.parse().expect("a number"));
    let hints = [("hint.ipmi.0.at", "isa"), ("hint.ipmi.0.mode", "KCS")];
    let kenv = hints
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .to_vec();
    let config = Config {
        seed,
        kenv,
        ..Config::default()
    };
    let started = Instant::now();
    let board = Board(Kcs::new(Bmc::new(ipmi_bmc::Config::default())));
    let mut machine = Machine::new(config, Box::new(board));
    let loaded = machine.kldload(&path);
    println!("kldload: {loaded:?}");
    if let Ok(Ok(kld)) = loaded {
        machine.run_until(machine.now() + SECOND);
        let seen = Rc::new(RefCell::new(vec![]));
        let log = Rc::clone(&seen);
        machine.spawn("client", move |process| {
            log.borrow_mut()
                .push(format!("device id: {:02x?}", device_id(process)));
            match process.open("/dev/fido") {
                Ok(fido) => (0..6).for_each(|_| {
                    let before = process.now();
                    let result = process.pat(fido, 128 * SECOND);
                    let us = (process.now() - before) / 1000;
                    log.borrow_mut()
                        .push(format!("pat: {result:?} after {us} us"));
                    let _ = process.sleep(10 * SECOND);
                }),
                Err(error) => log.borrow_mut().push(format!("fido: errno {error}")),
            }
        });
        println!("run: {:?}", machine.run_until(machine.now() + 70 * SECOND));
        seen.borrow().iter().for_each(|line| println!("{line}"));
        println!("kldunload: {:?}", machine.kldunload(kld));
    }
    for line in machine.console() {
        println!("{:>12.6} {}", line.at as f64 / 1e9, line.text);
    }
    machine.violations().iter().for_each(|v| println!("{v:?}"));
    println!("{:#?}", machine.usage());
    println!("{:?} of real time", started.elapsed());
}
