// SPDX-License-Identifier: BSD-2-Clause
//! Linux programs inside the machine: each open file of theirs is a process that makes the system
//! calls they ask for. Must not know the ioctls.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::Arc;

use ipmi_kernel::sched::Tid;
use ipmi_kernel::subsystems::linux;
use ipmi_kernel::Process;

use super::house::House;
use super::protocol::{Buffer, Reply, Request, EIO};
use crate::span::S;

/// Who is in the house, by connection.
pub type Visitors = BTreeMap<u64, Visitor>;

/// One open file of a Linux program.
pub struct Visitor {
    /// The thread that lives as long as the connection.
    main: Tid,
    /// Its poll(2), if one may be under way.
    polling: Option<Tid>,
    fd: Rc<Cell<i32>>,
    stream: Arc<UnixStream>,
}

/// What a process without anything to do sleeps at a time.
const IDLE: u64 = 3600 * S;

impl House {
    /// Somebody opens `path`.
    pub fn arrive(&mut self, id: u64, stream: Arc<UnixStream>, path: String) {
        let fd = Rc::new(Cell::new(-1));
        let (opened, link) = (fd.clone(), stream.clone());
        let main = self.machine.spawn("linux", move |process| {
            let result = process.open(&path).map(|fd| opened.set(fd));
            answer(&link, Reply::error(errno_of(result)));
            while process.sleep(IDLE).is_ok() {}
        });
        let visitor = Visitor {
            main,
            polling: None,
            fd,
            stream,
        };
        self.visitors.insert(id, visitor);
    }

    /// What somebody who has arrived asks.
    pub fn serve(&mut self, id: u64, request: Request) {
        let Some(visitor) = self.visitors.get(&id) else {
            return;
        };
        let Some(process) = self.machine.process(visitor.main) else {
            return answer(&visitor.stream, Reply::error(EIO));
        };
        let (fd, stream) = (visitor.fd.get(), visitor.stream.clone());
        let call: Box<dyn FnOnce(&Process) -> Reply> = match request {
            Request::Ioctl {
                command,
                argument,
                buffers,
            } => Box::new(move |p| ioctl(p, fd, command, &argument, &buffers)),
            Request::Poll { events, timeout } => Box::new(move |p| poll(p, fd, events, timeout)),
            Request::Cancel => return self.cancel(id),
            Request::Open { .. } => Box::new(|_| Reply::error(EIO)),
        };
        let thread = self.machine.thread(&process, "linux", move |process| {
            answer(&stream, call(process));
        });
        if let Some(visitor) = self.visitors.get_mut(&id) {
            visitor.polling = Some(thread);
        }
    }

    fn cancel(&mut self, id: u64) {
        if let Some(thread) = self.visitors.get_mut(&id).and_then(|v| v.polling.take()) {
            self.machine.interrupt(thread);
        }
    }

    /// The connection is closed: the process is killed, as one that exits.
    pub fn depart(&mut self, id: u64) {
        if let Some(visitor) = self.visitors.remove(&id) {
            self.machine.kill(visitor.main);
        }
    }
}

/// A program that does not listen has gone; its connection tells.
fn answer(stream: &UnixStream, reply: Reply) {
    let mut stream = stream;
    let _ = reply.send(&mut stream);
}

fn errno_of(result: Result<(), i32>) -> i32 {
    result.err().map_or(0, linux::errno)
}

fn poll(process: &Process, fd: i32, events: i16, timeout: Option<u64>) -> Reply {
    match process.poll(&[(fd, events)], timeout) {
        Ok(found) => Reply {
            events: found[0],
            ..Reply::default()
        },
        Err(error) => Reply::error(linux::errno(error)),
    }
}

/// Puts the structure and what it points to into the process's memory for the time of the call.
fn ioctl(process: &Process, fd: i32, command: u32, argument: &[u8], buffers: &[Buffer]) -> Reply {
    let mut argument = argument.to_vec();
    let mut places = Vec::new();
    for buffer in buffers {
        let place = process.alloc_with(&buffer.bytes);
        places.push(place);
        let at = buffer.pointer_at as usize;
        if let Some(pointer) = argument.get_mut(at..at + 8) {
            pointer.copy_from_slice(&place.to_le_bytes());
        }
    }
    let structure = process.alloc_with(&argument);
    let result = process.linux_ioctl(fd, command, structure);
    let reply = Reply {
        errno: errno_of(result),
        events: 0,
        argument: process.read(structure, argument.len()),
        buffers: places
            .iter()
            .zip(buffers)
            .map(|(&place, buffer)| process.read(place, buffer.bytes.len()))
            .collect(),
    };
    places.push(structure);
    places.into_iter().for_each(|place| process.free(place));
    reply
}
