// SPDX-License-Identifier: BSD-2-Clause
//! The application class: requests of open descriptors, served in turn. Pure: no locks, no clock.
//!
//! The driver class needs no queue: what the driver wants next follows from its state
//! (`State::driver_command`), so it holds no request that could be lost or duplicated.

use crate::kernel::Errno;
use crate::memory::{Blank, Box};
use crate::wire::{Reply, REPLY_MAX, REQUEST_MAX};

/// Descriptors that can be open at a time, whatever the tunable says.
pub const CLIENTS: usize = 64;

/// An application request, owned by exactly one of: its client's lists, the worker, a receiver.
pub struct Request {
    next: Option<Box<Request>>,
    /// Whose it is.
    pub client: ClientId,
    /// Returned as sent.
    pub msgid: i64,
    /// EIO when the attempt failed; `None` when `reply` holds an answer.
    pub error: Option<Errno>,
    /// Attempts made so far.
    pub attempts: u8,
    bytes: [u8; REQUEST_MAX],
    length: usize,
    /// What the BMC answered.
    pub reply: Reply<REPLY_MAX>,
}

impl Blank for Request {
    const BLANK: Request = Request {
        next: None,
        client: ClientId { slot: 0, serial: 0 },
        msgid: 0,
        error: None,
        attempts: 0,
        bytes: [0; REQUEST_MAX],
        length: 0,
        reply: Reply::EMPTY,
    };
}

impl Request {
    /// The bytes as they travel.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&[])
    }

    /// Network function and command, as sent.
    pub fn head(&self) -> (u8, u8) {
        let [netfn, command, ..] = self.bytes;
        (netfn, command)
    }

    /// Takes `netfn` (with LUN), `command` and room for `data` bytes, which `fill` writes: EMSGSIZE
    /// if that is more than any interface carries, or what `fill` says.
    pub fn compose(
        &mut self,
        netfn: u8,
        command: u8,
        data: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let length = data.checked_add(2).ok_or(Errno::MessageSize)?;
        let [a, b, ..] = &mut self.bytes;
        *a = netfn;
        *b = command;
        let room = self.bytes.get_mut(2..length).ok_or(Errno::MessageSize)?;
        fill(room)?;
        self.length = length;
        Ok(())
    }

    /// Request and reply at once, for an attempt.
    pub fn exchange(&mut self) -> crate::transport::Exchange<'_> {
        crate::transport::Exchange {
            request: self.bytes.get(..self.length).unwrap_or(&[]),
            reply: self.reply.arrival(),
        }
    }
}

/// First in, first out, by two stacks: pushing and popping cost a few moves, no search.
struct Fifo {
    oldest: Option<Box<Request>>,
    newest: Option<Box<Request>>,
}

impl Fifo {
    const EMPTY: Fifo = Fifo {
        oldest: None,
        newest: None,
    };

    fn push(&mut self, mut request: Box<Request>) {
        // Most often it is alone and need not be turned over.
        if self.is_empty() {
            return self.push_front(request);
        }
        request.next = self.newest.take();
        self.newest = Some(request);
    }

    /// Puts one back in front of all others.
    fn push_front(&mut self, mut request: Box<Request>) {
        request.next = self.oldest.take();
        self.oldest = Some(request);
    }

    fn turn(&mut self) {
        if self.oldest.is_none() {
            while let Some(mut request) = self.newest.take() {
                self.newest = request.next.take();
                self.push_front(request);
            }
        }
    }

    fn front(&mut self) -> Option<&Request> {
        self.turn();
        self.oldest.as_deref()
    }

    fn pop(&mut self) -> Option<Box<Request>> {
        self.turn();
        let mut request = self.oldest.take()?;
        self.oldest = request.next.take();
        Some(request)
    }

    fn is_empty(&self) -> bool {
        self.oldest.is_none() && self.newest.is_none()
    }
}

impl Drop for Fifo {
    /// One at a time: a list that drops its tail recursively would run off the kernel stack.
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

/// Names one open descriptor; never names another, even in the same slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientId {
    slot: u16,
    serial: u32,
}

impl ClientId {
    /// The id as a number for C to keep.
    pub fn to_bits(self) -> u64 {
        (u64::from(self.serial) << 16) | u64::from(self.slot)
    }

    /// The id that [`ClientId::to_bits`] made.
    pub fn from_bits(bits: u64) -> ClientId {
        ClientId {
            slot: bits as u16,
            serial: (bits >> 16) as u32,
        }
    }
}

/// One open descriptor.
pub struct Client {
    serial: u32,
    cookie: usize,
    queued: Fifo,
    done: Fifo,
    outstanding: u32,
    /// IPMB address, `IPMICTL_SET_MY_ADDRESS_CMD`.
    pub address: u8,
    /// LUN, `IPMICTL_SET_MY_LUN_CMD`.
    pub lun: u8,
}

impl Blank for Client {
    const BLANK: Client = Client {
        serial: 0,
        cookie: 0,
        queued: Fifo::EMPTY,
        done: Fifo::EMPTY,
        outstanding: 0,
        address: 0x20,
        lun: 2,
    };
}

impl Client {
    /// Requests sent and not yet received, wherever they are.
    pub fn outstanding(&self) -> u32 {
        self.outstanding
    }

    /// Would a receive find something?
    pub fn has_completion(&self) -> bool {
        !self.done.is_empty()
    }
}

/// The slots of the open descriptors, apart because of their size.
struct Slots([Option<Box<Client>>; CLIENTS]);

impl Blank for Slots {
    const BLANK: Slots = Slots([const { None }; CLIENTS]);
}

/// All open descriptors of a device.
pub struct Clients {
    slots: Box<Slots>,
    serial: u32,
    turn: usize,
    /// Slots past this one have never been used.
    width: usize,
    open: u32,
    queued: u32,
}

impl Clients {
    /// No descriptor is open.
    pub fn new() -> Clients {
        Clients {
            slots: Slots::boxed(),
            serial: 0,
            turn: 0,
            width: 0,
            open: 0,
            queued: 0,
        }
    }

    /// How many are open.
    pub fn open_count(&self) -> u32 {
        self.open
    }

    /// Requests that wait for the worker.
    pub fn queued(&self) -> u32 {
        self.queued
    }

    /// Admits `client`, whose pollers are woken through `cookie`; EBUSY past `limit` of them.
    pub fn open(
        &mut self,
        mut client: Box<Client>,
        cookie: usize,
        limit: u32,
    ) -> Result<ClientId, Errno> {
        if self.open >= limit {
            return Err(Errno::Busy);
        }
        let free = self
            .slots
            .0
            .iter_mut()
            .enumerate()
            .find(|(_, s)| s.is_none());
        let Some((slot, place)) = free else {
            return Err(Errno::Busy);
        };
        self.serial = self.serial.wrapping_add(1);
        client.serial = self.serial;
        client.cookie = cookie;
        *place = Some(client);
        self.width = self.width.max(slot.saturating_add(1));
        self.open = self.open.saturating_add(1);
        Ok(ClientId {
            slot: slot as u16,
            serial: self.serial,
        })
    }

    /// Takes the descriptor out, with all that it owns but a request that the worker has.
    pub fn close(&mut self, id: ClientId) -> Option<Box<Client>> {
        self.find(id)?;
        let client = self.slots.0.get_mut(usize::from(id.slot))?.take()?;
        self.open = self.open.saturating_sub(1);
        self.recount();
        Some(client)
    }

    /// The descriptor `id`, if it is still open.
    pub fn find(&mut self, id: ClientId) -> Option<&mut Client> {
        let client = self.slots.0.get_mut(usize::from(id.slot))?.as_mut()?;
        (client.serial == id.serial).then_some(client)
    }

    /// Queues `request` for its client; EAGAIN past `limit` outstanding ones, ENXIO once closed.
    pub fn submit(&mut self, request: Box<Request>, limit: u32) -> Result<(), Errno> {
        let client = self.find(request.client).ok_or(Errno::Gone)?;
        if client.outstanding >= limit {
            return Err(Errno::Again);
        }
        client.outstanding = client.outstanding.saturating_add(1);
        client.queued.push(request);
        self.queued = self.queued.saturating_add(1);
        Ok(())
    }

    /// The next request to try: the descriptors take turns, each in its own order.
    pub fn pop(&mut self) -> Option<Box<Request>> {
        if self.queued == 0 {
            return None;
        }
        for _ in 0..self.width {
            self.turn = self.turn.saturating_add(1);
            if self.turn >= self.width {
                self.turn = 0;
            }
            let request = self
                .slots
                .0
                .get_mut(self.turn)
                .and_then(|slot| slot.as_mut())
                .and_then(|client| client.queued.pop());
            if request.is_some() {
                self.queued = self.queued.saturating_sub(1);
                return request;
            }
        }
        None
    }

    /// Gives an untried request back to the head of its client's queue. One whose client has
    /// closed comes back to the caller, to be freed.
    pub fn put_back(&mut self, request: Box<Request>) -> Option<Box<Request>> {
        match self.find(request.client) {
            Some(client) => {
                client.queued.push_front(request);
                self.queued = self.queued.saturating_add(1);
                None
            }
            None => Some(request),
        }
    }

    /// Hands a finished request to its client: the cookie to wake, or, when the client has
    /// closed, the request to free.
    pub fn complete(&mut self, request: Box<Request>) -> Result<usize, Box<Request>> {
        match self.find(request.client) {
            Some(client) => {
                client.done.push(request);
                Ok(client.cookie)
            }
            None => Err(request),
        }
    }

    /// Takes the oldest completion that `accept` agrees to: EAGAIN if there is none, and what
    /// `accept` says if it refuses, in which case the completion stays.
    pub fn receive(
        &mut self,
        id: ClientId,
        accept: impl FnOnce(&Request) -> Result<(), Errno>,
    ) -> Result<Box<Request>, Errno> {
        let client = self.find(id).ok_or(Errno::Gone)?;
        accept(client.done.front().ok_or(Errno::Again)?)?;
        let request = client.done.pop().ok_or(Errno::Again)?;
        client.outstanding = client.outstanding.saturating_sub(1);
        Ok(request)
    }

    /// Undoes a [`Clients::receive`] whose caller could not take the message.
    pub fn unreceive(&mut self, request: Box<Request>) -> Option<Box<Request>> {
        match self.find(request.client) {
            Some(client) => {
                client.outstanding = client.outstanding.saturating_add(1);
                client.done.push_front(request);
                None
            }
            None => Some(request),
        }
    }

    fn recount(&mut self) {
        let waiting = |client: &Client| {
            let mut count = 0u32;
            for list in [&client.queued.oldest, &client.queued.newest] {
                let mut at = list.as_ref();
                while let Some(request) = at {
                    count = count.saturating_add(1);
                    at = request.next.as_ref();
                }
            }
            count
        };
        self.queued = self
            .slots
            .0
            .iter()
            .flatten()
            .fold(0, |sum, client| sum.saturating_add(waiting(client)));
    }
}

impl Default for Clients {
    fn default() -> Clients {
        Clients::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(clients: &mut Clients) -> ClientId {
        clients.open(Client::boxed(), 7, 64).unwrap()
    }

    fn request(client: ClientId, msgid: i64) -> Box<Request> {
        let mut request = Request::boxed();
        request.client = client;
        request.msgid = msgid;
        request
    }

    fn drain(clients: &mut Clients) -> Vec<i64> {
        std::iter::from_fn(|| clients.pop().map(|r| r.msgid)).collect()
    }

    #[test]
    fn descriptors_take_turns_and_each_keeps_its_order() {
        let mut clients = Clients::new();
        let (a, b) = (open(&mut clients), open(&mut clients));
        for i in 0..4 {
            clients.submit(request(a, i), 100).unwrap();
        }
        clients.submit(request(b, 10), 100).unwrap();
        clients.submit(request(b, 11), 100).unwrap();
        assert_eq!(drain(&mut clients), [10, 0, 11, 1, 2, 3]);
    }

    #[test]
    fn a_request_past_the_limit_is_refused_and_nothing_changes() {
        let mut clients = Clients::new();
        let a = open(&mut clients);
        for i in 0..3 {
            clients.submit(request(a, i), 3).unwrap();
        }
        assert_eq!(clients.submit(request(a, 3), 3), Err(Errno::Again));
        let first = clients.pop().unwrap();
        // Taken by the worker it is still outstanding.
        assert_eq!(clients.submit(request(a, 3), 3), Err(Errno::Again));
        assert_eq!(clients.complete(first).ok(), Some(7));
        assert_eq!(clients.receive(a, |_| Ok(())).unwrap().msgid, 0);
        assert_eq!(clients.submit(request(a, 3), 3), Ok(()));
        assert_eq!(clients.queued(), 3);
    }

    #[test]
    fn a_descriptor_past_the_limit_is_refused() {
        let mut clients = Clients::new();
        let first = open(&mut clients);
        assert_eq!(clients.open(Client::boxed(), 0, 1).err(), Some(Errno::Busy));
        drop(clients.close(first));
        assert!(clients.open(Client::boxed(), 0, 1).is_ok());
        for _ in 1..CLIENTS {
            open(&mut clients);
        }
        assert_eq!(
            clients.open(Client::boxed(), 0, 999).err(),
            Some(Errno::Busy)
        );
    }

    #[test]
    fn what_comes_back_after_close_reaches_nobody() {
        let mut clients = Clients::new();
        let a = open(&mut clients);
        clients.submit(request(a, 1), 9).unwrap();
        clients.submit(request(a, 2), 9).unwrap();
        let flying = clients.pop().unwrap();
        drop(clients.close(a));
        assert_eq!(clients.queued(), 0);
        let b = open(&mut clients);
        assert_ne!(a, b);
        assert_eq!(clients.complete(flying).err().unwrap().msgid, 1);
        assert_eq!(clients.receive(b, |_| Ok(())).err(), Some(Errno::Again));
    }

    #[test]
    fn a_refused_receive_and_an_undone_one_keep_the_message() {
        let mut clients = Clients::new();
        let a = open(&mut clients);
        clients.submit(request(a, 5), 9).unwrap();
        clients.submit(request(a, 6), 9).unwrap();
        for _ in 0..2 {
            let request = clients.pop().unwrap();
            clients.complete(request).ok();
        }
        let refused = clients.receive(a, |_| Err(Errno::MessageSize));
        assert_eq!(refused.err(), Some(Errno::MessageSize));
        let taken = clients.receive(a, |_| Ok(())).unwrap();
        assert_eq!(taken.msgid, 5);
        assert!(clients.unreceive(taken).is_none());
        assert_eq!(clients.receive(a, |_| Ok(())).unwrap().msgid, 5);
        assert_eq!(clients.find(a).unwrap().outstanding(), 1);
    }

    #[test]
    fn an_aborted_request_goes_first_again() {
        let mut clients = Clients::new();
        let a = open(&mut clients);
        for i in 0..3 {
            clients.submit(request(a, i), 9).unwrap();
        }
        let first = clients.pop().unwrap();
        assert!(clients.put_back(first).is_none());
        assert_eq!(drain(&mut clients), [0, 1, 2]);
    }

    #[test]
    fn a_long_queue_is_dropped_without_recursion() {
        let dropper = std::thread::Builder::new().stack_size(64 * 1024);
        let list = std::iter::repeat_with(Request::boxed).take(20_000).fold(
            Fifo::EMPTY,
            |mut list, request| {
                list.push(request);
                list
            },
        );
        dropper.spawn(move || drop(list)).unwrap().join().unwrap();
    }
}
