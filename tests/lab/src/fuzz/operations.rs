// SPDX-License-Identifier: BSD-2-Clause
//! One process that plays: what it does next, by chance. Must not know what comes of it.

use std::cell::Cell;
use std::rc::Rc;

use ipmi_kernel::Process;

use crate::abi::{self, Msg, Recv, Req};
use crate::dice::Dice;
use crate::span::{MS, S, US};

/// Descriptors that a process keeps.
const DESCRIPTORS: usize = 6;
/// Bytes of memory that it plays with.
const ARENA: usize = 70_000;

/// The ioctls that there are.
const IOCTLS: [u64; 13] = [
    abi::RECEIVE_MSG_TRUNC,
    abi::RECEIVE_MSG,
    abi::SEND_COMMAND,
    abi::REGISTER_FOR_CMD,
    abi::UNREGISTER_FOR_CMD,
    abi::SET_GETS_EVENTS,
    abi::SET_MY_ADDRESS,
    abi::GET_MY_ADDRESS,
    abi::SET_MY_LUN,
    abi::GET_MY_LUN,
    // Of 32-bit processes.
    0xc018_690b,
    0xc018_690c,
    0x8014_690d,
];

/// Commands that end the host, or arm what would: they are another test's.
const DEADLY: [(u8, u8); 6] = [
    (0x00, 0x02),
    (0x00, 0x03),
    (0x00, 0x04),
    (0x06, 0x22),
    (0x06, 0x24),
    (0x06, 0x06),
];

/// What the players have done, and how many there are.
#[derive(Default)]
pub struct Game {
    pub done: Cell<u64>,
    /// Of these, ioctls that came to an open descriptor.
    pub ioctls: Cell<u64>,
    pub players: Cell<u64>,
}

/// A process and its chances, in the game until dropped.
pub struct Player {
    dice: Dice,
    game: Rc<Game>,
    fds: Vec<i32>,
    arena: u64,
}

impl Drop for Player {
    /// A process that is killed unwinds, too.
    fn drop(&mut self) {
        self.game.players.set(self.game.players.get() - 1);
    }
}

impl Player {
    pub fn new(seed: u64, game: &Rc<Game>) -> Player {
        game.players.set(game.players.get() + 1);
        Player {
            dice: Dice::new(seed, "player"),
            game: game.clone(),
            fds: vec![],
            arena: 0,
        }
    }

    /// Does so many operations. What they answer is no matter.
    pub fn play(&mut self, process: &Process, operations: u64) {
        self.arena = process.alloc(ARENA);
        for _ in 0..operations {
            self.operate(process);
            self.game.done.set(self.game.done.get() + 1);
        }
    }

    fn operate(&mut self, process: &Process) {
        match self.dice.between(0, 99) {
            0..=4 => self.open(process),
            5..=7 => self.close(process),
            8..=39 => self.send(process),
            40..=69 => self.receive(process),
            70..=79 => self.wait(process),
            80..=89 => self.raw(process),
            90..=92 => self.share(process),
            93 => drop(process.sleep(self.dice.magnitude(US, S))),
            _ => self.set(process),
        }
    }

    fn fd(&mut self) -> i32 {
        match self.fds.len() {
            0 => -1,
            n => self.fds[self.dice.between(0, n as u64 - 1) as usize],
        }
    }

    fn open(&mut self, process: &Process) {
        if self.fds.len() < DESCRIPTORS {
            self.fds.extend(process.open("/dev/ipmi0"));
        }
    }

    fn close(&mut self, process: &Process) {
        if !self.fds.is_empty() {
            let last = self.fds.len() as u64 - 1;
            let index = self.dice.between(0, last) as usize;
            // It may be closed already, by a thread.
            let _ = process.close(self.fds.swap_remove(index));
        }
    }

    /// An address: most often in memory that there is.
    fn address(&mut self) -> u64 {
        match self.dice.between(0, 19) {
            0 => 0,
            1 => u64::MAX - self.dice.between(0, 64),
            2 => 0xffff_8000_0000_0000,
            3 => self.arena + ARENA as u64 - self.dice.between(0, 48),
            _ => self.arena + self.dice.between(0, 4096),
        }
    }

    fn length(&mut self) -> u16 {
        match self.dice.between(0, 9) {
            0 => self.dice.between(0, 0xffff) as u16,
            1 => self.dice.between(250, 280) as u16,
            _ => self.dice.between(0, 24) as u16,
        }
    }

    fn ioctl(&mut self, process: &Process, command: u64, bytes: &[u8]) {
        let argument = self.arena + 8192;
        process.write(argument, bytes);
        let came = process.ioctl(self.fd(), command, argument) != Err(abi::EBADF);
        self.game
            .ioctls
            .set(self.game.ioctls.get() + u64::from(came));
    }

    fn send(&mut self, process: &Process) {
        let address = self.arena + 16384;
        let mut bytes = abi::system_interface(self.dice.between(0, 255) as u8);
        if self.dice.chance(25) {
            let slave = self.dice.pick(&[0x72, 0x20, 0x00, 0xff]);
            bytes[..8].copy_from_slice(&[1, 0, 0, 0, self.dice.between(0, 15) as u8, 0, slave, 0]);
        } else if self.dice.chance(3) {
            bytes[0] = self.dice.between(0, 255) as u8;
        }
        process.write(address, &bytes);
        let (net_fn, cmd) = self.command();
        let req = Req {
            addr: match self.dice.chance(95) {
                true => address,
                false => self.address(),
            },
            addr_len: self.dice.pick(&[8, 40, 40, 40, 0, 7, u32::MAX]),
            msgid: self.dice.seed() as i64,
            msg: Msg {
                net_fn,
                cmd,
                data_len: self.length(),
                data: self.address(),
            },
        };
        self.ioctl(process, abi::SEND_COMMAND, &req.bytes());
    }

    fn command(&mut self) -> (u8, u8) {
        let known = [
            (0x06, 0x01),
            (0x06, 0x25),
            (0x06, 0x04),
            (0x06, 0x33),
            (0x06, 0x35),
            (0x08, 0x10),
            (0x0a, 0x20),
            (0x04, 0x2d),
            (0x2c, 0x00),
        ];
        let any = (
            self.dice.between(0, 255) as u8,
            self.dice.between(0, 255) as u8,
        );
        let command = match self.dice.chance(80) {
            true => self.dice.pick(&known),
            false => any,
        };
        // Six bits of the network function travel.
        match DEADLY.contains(&(command.0 & 0x3f, command.1)) {
            true => known[0],
            false => command,
        }
    }

    fn receive(&mut self, process: &Process) {
        let recv = Recv {
            addr: self.address(),
            addr_len: self.dice.pick(&[40, 40, 8, 0, 3, u32::MAX]),
            msg: Msg {
                data_len: self.dice.pick(&[1024, 1024, 1024, 0, 1, 16, 0xffff]),
                data: self.address(),
                ..Msg::default()
            },
            ..Recv::default()
        };
        let command = self.dice.pick(&[abi::RECEIVE_MSG, abi::RECEIVE_MSG_TRUNC]);
        self.ioctl(process, command, &recv.bytes());
    }

    fn wait(&mut self, process: &Process) {
        let timeout = Some(self.dice.magnitude(US, 2 * S));
        let fd = self.fd();
        if self.dice.chance(30) {
            let _ = process.kevent_read(fd, timeout);
        } else {
            let events = self.dice.between(0, 0xff) as i16;
            let _ = process.poll(&[(fd, events), (self.fd(), abi::POLLIN)], timeout);
        }
    }

    /// Any bytes to any ioctl, most often one that there is.
    fn raw(&mut self, process: &Process) {
        let command = match self.dice.between(0, 9) {
            0 => self.dice.seed() & 0xffff_ffff,
            1 => self.dice.pick(&IOCTLS) ^ (1 << self.dice.between(0, 31)),
            _ => self.dice.pick(&IOCTLS),
        };
        let mut bytes = [0u8; 64];
        for word in bytes.chunks_mut(8) {
            let value = match self.dice.chance(50) {
                true => self.address(),
                false => self.dice.magnitude(1, u64::MAX / 2),
            };
            word.copy_from_slice(&value.to_le_bytes());
        }
        // Netfn and command of SEND_COMMAND, native and of 32 bits, must not end the host.
        (bytes[24], bytes[16]) = (0x06, 0x06);
        (bytes[25], bytes[17]) = (0x01, 0x01);
        self.ioctl(process, command, &bytes);
    }

    /// Another thread or a child uses the same open files for a while, and may be killed at it.
    fn share(&mut self, process: &Process) {
        let mut other = Player::new(self.dice.seed(), &self.game);
        other.fds = self.fds.clone();
        let operations = self.dice.between(1, 20);
        let body = move |process: &Process| {
            other.play(process, operations);
        };
        // A kill takes all threads of a process, so only a child is killed.
        if self.dice.chance(50) {
            let thread = process.thread("thread", body);
            if self.dice.chance(50) {
                process.interrupt(thread);
            }
        } else {
            let child = process.fork("child", body);
            if self.dice.chance(50) {
                process.kill(child);
            }
        }
        let _ = process.sleep(self.dice.magnitude(US, 10 * MS));
    }

    fn set(&mut self, process: &Process) {
        let command = self.dice.pick(&[
            abi::SET_GETS_EVENTS,
            abi::SET_MY_ADDRESS,
            abi::SET_MY_LUN,
            abi::GET_MY_ADDRESS,
            abi::GET_MY_LUN,
        ]);
        let value = self.dice.seed().to_le_bytes();
        self.ioctl(process, command, &value[..4]);
    }
}
