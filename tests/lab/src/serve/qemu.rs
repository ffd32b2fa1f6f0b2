// SPDX-License-Identifier: BSD-2-Clause
//! QEMU's IPMI devices as hardware of the software kernel: each port access becomes an `inb` or
//! `outb` of QEMU's qtest protocol. Must not know what the registers mean.
//!
//! QEMU is there for its device models; a guest that only halts runs so that its clocks do.

mod pci;
mod smbus;

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{bail, Context, Result};
use ipmi_bmc::SSIF_ADDRESS;
use ipmi_kernel::{Hardware, HwEvent, PciDevice, Smbus};

use crate::firmware::Smbios;
use crate::transport::Transport;

/// A running QEMU. Ends with the value.
pub struct Qemu {
    link: BufReader<UnixStream>,
    interface: Interface,
    /// What is found on the PCI bus.
    pci: Vec<PciDevice>,
    _company: Company,
}

/// Where the system interface is, and QEMU's name for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    Isa(&'static str),
    Pci(&'static str),
    /// Behind the SMBus controller of the chip set.
    Smbus(&'static str),
}

/// Programs and their files, which end together.
struct Company {
    children: Vec<Child>,
    directory: PathBuf,
}

/// How long programs may take to start.
const PATIENCE: Duration = Duration::from_secs(20);
const PROGRAM: &str = "qemu-system-x86_64";

/// Which BMC stands behind QEMU's registers.
pub enum Bmc {
    /// QEMU's own, with its properties as `-device` takes them.
    Sim(&'static str),
    /// OpenIPMI's ipmi_sim, made by these lines of its command file.
    Extern(&'static str),
}

impl Qemu {
    /// Starts QEMU with a system interface and a BMC.
    pub fn start(interface: Interface, bmc: &Bmc) -> Result<Qemu> {
        let mut company = Company::new()?;
        let socket = company.directory.join("qtest");
        let listener = UnixListener::bind(&socket).context("qtest socket")?;
        let mut qemu = Command::new(PROGRAM);
        qemu.args(["-nodefaults", "-display", "none", "-machine", "pc"])
            .args(["-qtest", &format!("unix:{}", socket.display())])
            .args(["-qtest-log", "/dev/null"])
            .arg("-bios")
            .arg(company.bios()?)
            .args(company.bmc(bmc)?)
            .args(["-device", &interface.device()]);
        company.start(&mut qemu)?;
        let mut qemu = Qemu {
            link: BufReader::new(accept(&listener)?),
            interface,
            pci: Vec::new(),
            _company: company,
        };
        if matches!(interface, Interface::Pci(_)) {
            let found = qemu.set_up_pci()?;
            qemu.pci.push(found);
        }
        Ok(qemu)
    }

    fn inb(&mut self, port: u16) -> io::Result<u8> {
        Ok(self.number(&format!("inb {port:#x}\n"))? as u8)
    }

    fn outb(&mut self, port: u16, value: u8) -> io::Result<()> {
        self.ask(&format!("outb {port:#x} {value:#x}\n")).map(drop)
    }

    /// A command that is answered with a number.
    fn number(&mut self, command: &str) -> io::Result<u64> {
        let answer = self.ask(command)?;
        u64::from_str_radix(answer.trim_start_matches("0x"), 16).map_err(io::Error::other)
    }

    /// One command of the protocol; its answer without the "OK".
    fn ask(&mut self, command: &str) -> io::Result<String> {
        self.link.get_mut().write_all(command.as_bytes())?;
        let mut answer = String::new();
        loop {
            answer.clear();
            if self.link.read_line(&mut answer)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(rest) = answer.strip_prefix("OK") {
                return Ok(rest.trim().to_string());
            }
            // Interrupts may be told at any time.
            if !answer.starts_with("IRQ") {
                return Err(io::Error::other(answer));
            }
        }
    }
}

/// QEMU's connection.
fn accept(listener: &UnixListener) -> Result<UnixStream> {
    listener.set_nonblocking(true)?;
    let started = Instant::now();
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                return Ok(stream);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        if started.elapsed() > PATIENCE {
            bail!("{PROGRAM} does not connect to its qtest socket");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Interface {
    /// As `-device` takes it.
    fn device(self) -> String {
        match self {
            Interface::Isa(name) => format!("{name},bmc=bmc0,irq=0"),
            Interface::Pci(name) => format!("{name},bmc=bmc0,addr={}", pci::SLOT),
            // SMBIOS says this address; QEMU puts the device at 0 by itself.
            Interface::Smbus(name) => format!("{name},bmc=bmc0,address={:#x}", SSIF_ADDRESS >> 1),
        }
    }
}

impl Company {
    fn new() -> Result<Company> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ipmi-lab-qemu-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory)?;
        Ok(Company {
            children: Vec::new(),
            directory,
        })
    }

    fn start(&mut self, command: &mut Command) -> Result<()> {
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.spawn();
        let name = command.get_program().to_string_lossy().into_owned();
        self.children
            .push(child.with_context(|| format!("cannot run {name}"))?);
        Ok(())
    }

    /// A BIOS that does nothing, and is in nobody's way: cli, hlt and again hlt at the last 16 bytes,
    /// where a processor begins.
    fn bios(&self) -> Result<PathBuf> {
        let mut image = vec![0; 0x1_0000];
        image[0xfff0..0xfff4].copy_from_slice(&[0xfa, 0xf4, 0xeb, 0xfd]);
        let file = self.directory.join("bios");
        std::fs::write(&file, image)?;
        Ok(file)
    }

    /// The BMC as arguments of QEMU.
    fn bmc(&mut self, bmc: &Bmc) -> Result<Vec<String>> {
        Ok(match bmc {
            Bmc::Sim(properties) => {
                vec![
                    "-device".into(),
                    format!("ipmi-bmc-sim,id=bmc0,{properties}"),
                ]
            }
            Bmc::Extern(commands) => {
                let port = self.start_ipmi_sim(commands)?;
                // QEMU dies of a connection that is there before its registers are: have it come
                // by way of a later try.
                let chardev = format!("socket,id=ipmi0,host=127.0.0.1,port={port},reconnect=1");
                let device = "ipmi-bmc-extern,id=bmc0,chardev=ipmi0";
                vec!["-chardev".into(), chardev, "-device".into(), device.into()]
            }
        })
    }

    /// OpenIPMI's simulator; it speaks QEMU's protocol on the port.
    fn start_ipmi_sim(&mut self, commands: &str) -> Result<u16> {
        let (lan, port) = (free_port()?, free_port()?);
        let configuration = format!(
            "name \"sim\"\nset_working_mc 0x20\n  startlan 1\n    addr 127.0.0.1 {lan}\n    \
             priv_limit admin\n    allowed_auths_admin none\n    \
             guid a123456789abcdefa123456789abcdef\n  endlan\n  \
             serial 15 127.0.0.1 {port} codec VM\n"
        );
        let file = |name| self.directory.join(name);
        let (lan_conf, sim_emu, state) = (file("lan.conf"), file("sim.emu"), file("state"));
        std::fs::write(&lan_conf, configuration)?;
        std::fs::write(&sim_emu, commands)?;
        let mut simulator = Command::new("ipmi_sim");
        simulator.arg("-c").arg(lan_conf).arg("-f").arg(sim_emu);
        self.start(simulator.arg("-s").arg(state).arg("-n"))?;
        Ok(port)
    }
}

fn free_port() -> Result<u16> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    Ok(listener.local_addr()?.port())
}

impl Drop for Company {
    fn drop(&mut self) {
        for child in &mut self.children {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

impl Hardware for Qemu {
    /// All ones, as an empty bus gives, when QEMU has gone.
    fn port_read(&mut self, port: u16, _now: u64) -> u8 {
        self.inb(port).unwrap_or(0xff)
    }

    fn port_write(&mut self, port: u16, value: u8, _now: u64) {
        // The next read tells if QEMU has gone.
        let _ = self.outb(port, value);
    }

    fn mem_read(&mut self, _address: u64, _now: u64) -> u8 {
        0xff
    }

    fn mem_write(&mut self, _address: u64, _value: u8, _now: u64) {}

    fn next_event(&self) -> Option<u64> {
        None
    }

    fn advance(&mut self, _now: u64) -> Vec<HwEvent> {
        Vec::new()
    }

    fn pci(&self) -> Vec<PciDevice> {
        self.pci.clone()
    }

    fn firmware(&self) -> Vec<(u64, Vec<u8>)> {
        match self.interface {
            Interface::Smbus(_) => Smbios::default().bytes(Transport::Ssif),
            Interface::Isa(_) | Interface::Pci(_) => vec![],
        }
    }

    fn smbus(&mut self) -> Option<&mut dyn Smbus> {
        matches!(self.interface, Interface::Smbus(_)).then_some(self as &mut dyn Smbus)
    }
}
