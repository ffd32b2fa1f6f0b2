// SPDX-License-Identifier: BSD-2-Clause
//! One open /dev/ipmiN: open, send, receive, poll, close. What user memory is and how it is
//! copied, the caller knows.

use crate::kernel::{Channel, Errno, Kernel};
use crate::memory::{Blank, Box};
use crate::queue::{Client, ClientId, Request, EVENT_BYTES};
use crate::wire::ipmb::{self, Address, Origin};
use crate::wire::NetFn;

/// Takes a place for a descriptor, which [`open`] follows: EBUSY past `hw.ipmi.max_opens`, ENXIO
/// while the device goes away. Until then nothing is to be allocated.
pub fn reserve<K: Kernel>(kernel: &K) -> Result<(), Errno> {
    let limit = kernel.settings().max_opens;
    kernel.locked(|state| {
        if state.detaching {
            return Err(Errno::Gone);
        }
        state.clients.reserve(limit)
    })
}

/// Opens the descriptor, whose pollers are woken through `cookie`, in the place taken for it. It
/// is given back by [`close`].
pub fn open<K: Kernel>(kernel: &K, cookie: usize) -> Result<ClientId, Errno> {
    let client = Client::boxed();
    kernel.locked(|state| state.clients.open(client, cookie))
}

/// Closes it. Never waits: a request that the worker has is freed when the worker is done.
pub fn close<K: Kernel>(kernel: &K, id: ClientId) {
    let closed = kernel.locked(|state| {
        let closed = state.clients.close(id);
        state.wants_events();
        closed
    });
    drop(closed);
}

/// A request as SEND_COMMAND describes it, but for its data.
pub struct Command {
    /// Network function.
    pub netfn: NetFn,
    /// LUN, at whom it is for.
    pub lun: u8,
    /// The channel and slave address of a controller behind the BMC; `None` for the BMC.
    pub behind: Option<(u8, u8)>,
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
    let overhead = match command.behind {
        Some(_) => ipmb::HEAD.saturating_add(ipmb::TAIL),
        None => 2,
    };
    let now = kernel.now();
    let origin = kernel.locked(|state| {
        let longest = state.startup.terms.longest_request;
        if command.length > longest.saturating_sub(overhead) {
            return Err(Errno::MessageSize);
        }
        let client = state.clients.find(id).ok_or(Errno::Gone)?;
        if client.outstanding() >= limit {
            return Err(Errno::Again);
        }
        let origin = client.origin;
        if !state.takes_requests(now) {
            let counter = &mut state.counters.refused;
            *counter = counter.saturating_add(1);
            return Err(Errno::TimedOut);
        }
        Ok(origin)
    })?;
    let mut request = Request::boxed();
    request.client = id;
    request.msgid = command.msgid;
    request.sent = now;
    compose(&mut request, command, origin, fill)?;
    kernel.locked(|state| state.clients.submit(request, limit))?;
    kernel.wake(Channel::Worker);
    Ok(())
}

fn compose(
    request: &mut Request,
    command: &Command,
    origin: Origin,
    fill: impl FnOnce(&mut [u8]) -> Result<(), Errno>,
) -> Result<(), Errno> {
    let Some((channel, slave)) = command.behind else {
        let netfn = command.netfn.with_lun(command.lun);
        return request.compose(netfn, command.command, command.length, fill);
    };
    let to = Address {
        channel,
        slave,
        lun: command.lun & 3,
    };
    let what = (command.netfn, command.command);
    request.compose_bus((to, origin), what, command.length, fill)
}

/// Takes the oldest completion: EAGAIN if there is none, EIO if its request failed, EMSGSIZE if
/// it is longer than `room` (and is kept, unless `truncate` and there is room for a byte).
pub fn receive<K: Kernel>(
    kernel: &K,
    id: ClientId,
    room: usize,
    truncate: bool,
) -> Result<Box<Request>, Errno> {
    let fits = |length: usize| {
        let fits = length <= room || (truncate && room > 0);
        fits.then_some(()).ok_or(Errno::MessageSize)
    };
    let event = kernel.locked(|state| {
        let client = state.clients.find(id).ok_or(Errno::Gone)?;
        Ok(client.has_event_next())
    })?;
    if event {
        return receive_event(kernel, id, fits);
    }
    let request = kernel.locked(|state| {
        state.clients.receive(id, |request| match request.error {
            Some(_) => Ok(()),
            None => fits(request.reply.body().len()),
        })
    })?;
    match request.error {
        Some(error) => Err(error),
        None => Ok(request),
    }
}

fn receive_event<K: Kernel>(
    kernel: &K,
    id: ClientId,
    fits: impl FnOnce(usize) -> Result<(), Errno>,
) -> Result<Box<Request>, Errno> {
    fits(EVENT_BYTES)?;
    let mut request = Request::boxed();
    request.client = id;
    let event = kernel.locked(|state| {
        let client = state.clients.find(id).ok_or(Errno::Gone)?;
        client.pop_event().ok_or(Errno::Again)
    })?;
    request.carry_event(&event);
    Ok(request)
}

/// Gives back a completion that the caller could not take.
pub fn unreceive<K: Kernel>(kernel: &K, request: Box<Request>) {
    let wake = |cookie| kernel.wake_client(cookie);
    drop(kernel.locked(|state| state.clients.unreceive(request, wake)));
}

/// What poll(2) wants to know: can something be received, and is anything outstanding at all?
/// `record` is called with the lock held if nothing can be received yet something may come.
pub fn poll<K: Kernel>(kernel: &K, id: ClientId, record: impl FnOnce()) -> (bool, bool) {
    kernel.locked(|state| match state.clients.find(id) {
        Some(client) => {
            let ready = (client.is_ready(), client.expects());
            if ready == (false, true) {
                record();
            }
            ready
        }
        None => (false, false),
    })
}

/// The descriptor's IPMB address and LUN, changed by `change`.
pub fn origin<K: Kernel>(
    kernel: &K,
    id: ClientId,
    change: impl FnOnce(&mut Origin),
) -> Option<Origin> {
    kernel.locked(|state| {
        let client = state.clients.find(id)?;
        change(&mut client.origin);
        Some(client.origin)
    })
}

/// The descriptor wants events from here on, or none any more.
pub fn want_events<K: Kernel>(kernel: &K, id: ClientId, wanted: bool) {
    kernel.locked(|state| {
        if let Some(client) = state.clients.find(id) {
            client.want_events(wanted);
        }
        state.wants_events();
    });
    kernel.wake(Channel::Worker);
}
