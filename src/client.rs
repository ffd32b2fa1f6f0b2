// SPDX-License-Identifier: BSD-2-Clause
//! One open /dev/ipmiN: open, send, receive, poll, close. What user memory is and how it is
//! copied, the caller knows.

use crate::kernel::{Channel, Errno, Kernel};
use crate::memory::{Blank, Box};
use crate::queue::{Client, ClientId, Request};

/// Opens a descriptor whose pollers are woken through `cookie`: EBUSY past `hw.ipmi.max_opens`,
/// ENXIO while the device goes away.
pub fn open<K: Kernel>(kernel: &K, cookie: usize) -> Result<ClientId, Errno> {
    let limit = kernel.settings().max_opens;
    let client = Client::boxed();
    kernel.locked(|state| {
        if state.detaching {
            return Err(Errno::Gone);
        }
        state.clients.open(client, cookie, limit)
    })
}

/// Closes it. Never waits: a request that the worker has is freed when the worker is done.
pub fn close<K: Kernel>(kernel: &K, id: ClientId) {
    drop(kernel.locked(|state| state.clients.close(id)));
}

/// A request as SEND_COMMAND describes it, but for its data.
pub struct Command {
    /// Network function and LUN, as they travel.
    pub netfn: u8,
    /// Command.
    pub command: u8,
    /// Returned as sent.
    pub msgid: i64,
    /// Bytes of data.
    pub length: usize,
}

/// Queues a request whose data `fill` provides: EMSGSIZE if it is longer than the interface
/// takes, EAGAIN past `hw.ipmi.max_requests_per_open`, ETIMEDOUT while the BMC is unresponsive.
/// Nothing is allocated before the first of these is known.
pub fn send<K: Kernel>(
    kernel: &K,
    id: ClientId,
    command: &Command,
    fill: impl FnOnce(&mut [u8]) -> Result<(), Errno>,
) -> Result<(), Errno> {
    let limit = kernel.settings().max_requests;
    kernel.locked(|state| {
        if command.length > state.startup.terms.longest_request.saturating_sub(2) {
            return Err(Errno::MessageSize);
        }
        let client = state.clients.find(id).ok_or(Errno::Gone)?;
        if client.outstanding() >= limit {
            return Err(Errno::Again);
        }
        if !state.link.answering() {
            let counter = &mut state.counters.refused;
            *counter = counter.saturating_add(1);
            return Err(Errno::TimedOut);
        }
        Ok(())
    })?;
    let mut request = Request::boxed();
    request.client = id;
    request.msgid = command.msgid;
    request.compose(command.netfn, command.command, command.length, fill)?;
    kernel.locked(|state| state.clients.submit(request, limit))?;
    kernel.wake(Channel::Worker);
    Ok(())
}

/// Takes the oldest completion: EAGAIN if there is none, EIO if its request failed, EMSGSIZE if
/// it is longer than `room` (and is kept, unless `truncate` and there is room for a byte).
pub fn receive<K: Kernel>(
    kernel: &K,
    id: ClientId,
    room: usize,
    truncate: bool,
) -> Result<Box<Request>, Errno> {
    let request = kernel.locked(|state| {
        state.clients.receive(id, |request| {
            let fits = request.reply.body().len() <= room || (truncate && room > 0);
            (request.error.is_some() || fits)
                .then_some(())
                .ok_or(Errno::MessageSize)
        })
    })?;
    match request.error {
        Some(error) => Err(error),
        None => Ok(request),
    }
}

/// Gives back a completion that the caller could not take.
pub fn unreceive<K: Kernel>(kernel: &K, request: Box<Request>) {
    drop(kernel.locked(|state| state.clients.unreceive(request)));
}

/// What poll(2) wants to know: can something be received, and is anything outstanding at all?
/// `record` is called with the lock held if nothing can be received yet something may come.
pub fn poll<K: Kernel>(kernel: &K, id: ClientId, record: impl FnOnce()) -> (bool, bool) {
    kernel.locked(|state| match state.clients.find(id) {
        Some(client) => {
            let ready = (client.has_completion(), client.outstanding() > 0);
            if ready == (false, true) {
                record();
            }
            ready
        }
        None => (false, false),
    })
}

/// The descriptor's IPMB address and LUN, changed by `change` if given.
pub fn own_address<K: Kernel>(
    kernel: &K,
    id: ClientId,
    change: impl FnOnce(&mut u8, &mut u8),
) -> Option<(u8, u8)> {
    kernel.locked(|state| {
        let client = state.clients.find(id)?;
        change(&mut client.address, &mut client.lun);
        Some((client.address, client.lun))
    })
}
