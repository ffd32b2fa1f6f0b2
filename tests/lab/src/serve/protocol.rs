// SPDX-License-Identifier: BSD-2-Clause
//! What the preload library of a Linux program and `lab serve` say to each other on a Unix
//! socket, one connection an open file. Both are built of this file; it must not know either.

use std::io::{self, Read, Write};

/// Where the library finds the socket.
pub const SOCKET_VARIABLE: &str = "IPMI_LAB_SOCKET";

/// The errno of Linux for a conversation that went wrong.
pub const EIO: i32 = 5;

/// Longest message; a request to a BMC and its reply are far shorter.
const LIMIT: usize = 1 << 20;

/// What a program asks. Each is answered by one [`Reply`] but [`Request::Cancel`], which makes
/// the answer to a [`Request::Poll`] come at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// open(2), the first on a connection.
    Open {
        path: String,
    },
    /// ioctl(2): the structure that its argument points to, and the memory that pointers in it do.
    Ioctl {
        command: u32,
        argument: Vec<u8>,
        buffers: Vec<Buffer>,
    },
    /// poll(2) on this file, for ever or so many nanoseconds.
    Poll {
        events: i16,
        timeout: Option<u64>,
    },
    Cancel,
}

/// Memory of the program, and where in the ioctl's structure the pointer to it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buffer {
    pub pointer_at: u32,
    pub bytes: Vec<u8>,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// Of Linux; 0 for success.
    pub errno: i32,
    /// What poll(2) found.
    pub events: i16,
    /// The ioctl's structure and buffers, as the kernel left them.
    pub argument: Vec<u8>,
    pub buffers: Vec<Vec<u8>>,
}

impl Reply {
    pub fn error(errno: i32) -> Reply {
        Reply {
            errno,
            ..Reply::default()
        }
    }
}

const OPEN: u8 = 0;
const IOCTL: u8 = 1;
const POLL: u8 = 2;
const CANCEL: u8 = 3;

impl Request {
    pub fn send(&self, to: &mut impl Write) -> io::Result<()> {
        let mut message = Message::default();
        match self {
            Request::Open { path } => message.byte(OPEN).bytes(path.as_bytes()),
            Request::Ioctl {
                command,
                argument,
                buffers,
            } => {
                message.byte(IOCTL).word(*command).bytes(argument);
                for buffer in buffers {
                    message.word(buffer.pointer_at).bytes(&buffer.bytes);
                }
                &mut message
            }
            Request::Poll { events, timeout } => message
                .byte(POLL)
                .word(*events as u16 as u32)
                .long(timeout.unwrap_or(u64::MAX)),
            Request::Cancel => message.byte(CANCEL),
        };
        message.send(to)
    }

    /// The next request; an error of kind `UnexpectedEof` when the other side has gone.
    pub fn receive(from: &mut impl Read) -> io::Result<Request> {
        let message = receive(from)?;
        let mut cursor = Cursor(&message);
        Ok(match cursor.byte()? {
            OPEN => Request::Open {
                path: String::from_utf8_lossy(cursor.bytes()?).into_owned(),
            },
            IOCTL => Request::Ioctl {
                command: cursor.word()?,
                argument: cursor.bytes()?.to_vec(),
                buffers: cursor.all(|c| {
                    Ok(Buffer {
                        pointer_at: c.word()?,
                        bytes: c.bytes()?.to_vec(),
                    })
                })?,
            },
            POLL => Request::Poll {
                events: cursor.word()? as i16,
                timeout: Some(cursor.long()?).filter(|ns| *ns != u64::MAX),
            },
            CANCEL => Request::Cancel,
            _ => return Err(malformed()),
        })
    }
}

impl Reply {
    pub fn send(&self, to: &mut impl Write) -> io::Result<()> {
        let mut message = Message::default();
        message
            .word(self.errno as u32)
            .word(self.events as u16 as u32)
            .bytes(&self.argument);
        for buffer in &self.buffers {
            message.bytes(buffer);
        }
        message.send(to)
    }

    pub fn receive(from: &mut impl Read) -> io::Result<Reply> {
        let message = receive(from)?;
        let mut cursor = Cursor(&message);
        Ok(Reply {
            errno: cursor.word()? as i32,
            events: cursor.word()? as i16,
            argument: cursor.bytes()?.to_vec(),
            buffers: cursor.all(|c| Ok(c.bytes()?.to_vec()))?,
        })
    }
}

/// A message being written: numbers little endian, bytes after their count.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn byte(&mut self, value: u8) -> &mut Message {
        self.0.push(value);
        self
    }

    fn word(&mut self, value: u32) -> &mut Message {
        self.0.extend(value.to_le_bytes());
        self
    }

    fn long(&mut self, value: u64) -> &mut Message {
        self.0.extend(value.to_le_bytes());
        self
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Message {
        self.word(bytes.len() as u32);
        self.0.extend(bytes);
        self
    }

    /// In one write, so that a conversation costs as few system calls as can be.
    fn send(&self, to: &mut impl Write) -> io::Result<()> {
        let mut framed = (self.0.len() as u32).to_le_bytes().to_vec();
        framed.extend(&self.0);
        to.write_all(&framed)
    }
}

fn receive(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > LIMIT {
        return Err(malformed());
    }
    let mut message = vec![0; length];
    from.read_exact(&mut message)?;
    Ok(message)
}

fn malformed() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

/// The rest of a message being read.
struct Cursor<'m>(&'m [u8]);

impl<'m> Cursor<'m> {
    fn take(&mut self, count: usize) -> io::Result<&'m [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| malformed())
    }

    fn byte(&mut self) -> io::Result<u8> {
        self.array().map(u8::from_le_bytes)
    }

    fn word(&mut self) -> io::Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn long(&mut self) -> io::Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn bytes(&mut self) -> io::Result<&'m [u8]> {
        let count = self.word()? as usize;
        self.take(count)
    }

    /// Reads items to the end.
    fn all<T>(&mut self, item: impl Fn(&mut Self) -> io::Result<T>) -> io::Result<Vec<T>> {
        let mut items = Vec::new();
        while !self.0.is_empty() {
            items.push(item(self)?);
        }
        Ok(items)
    }
}
