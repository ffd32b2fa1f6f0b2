// SPDX-License-Identifier: BSD-2-Clause
//! Where C enters the core for a descriptor of /dev/ipmiN.

use core::ffi::c_int;

use super::bindings::{
    self, ipmi_command, ipmi_completion, ipmi_core, ipmi_held, ipmi_open, thread,
};
use super::entry::of;
use super::memory::Box;
use super::number;
use crate::client::{self, Command};
use crate::kernel::Errno;
use crate::queue::{ClientId, Request, Route};
use crate::wire::NetFn;

/// Takes a place for a descriptor: EBUSY, ENXIO.
///
/// # Safety
///
/// `core` is valid; on success [`ipmi_core_open`] follows.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_reserve(core: *mut ipmi_core) -> c_int {
    // SAFETY: By the contract.
    number(client::reserve(unsafe { of(core) }))
}

/// Opens the descriptor.
///
/// # Safety
///
/// `core` is valid, [`ipmi_core_reserve`] took a place, `open` lives until the descriptor is
/// closed, `client` can be written.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_open(
    core: *mut ipmi_core,
    open: *mut ipmi_open,
    client: *mut u64,
) -> c_int {
    // SAFETY: By the contract.
    let core = unsafe { of(core) };
    match client::open(core, open as usize) {
        Ok(id) => {
            // SAFETY: By the contract.
            unsafe { client.write(id.to_bits()) };
            0
        }
        Err(error) => error.number(),
    }
}

/// Closes it.
///
/// # Safety
///
/// `core` is valid.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_close(core: *mut ipmi_core, client: u64) {
    // SAFETY: By the contract.
    client::close(unsafe { of(core) }, ClientId::from_bits(client));
}

/// Queues a request: EAGAIN, EFAULT, EMSGSIZE, ETIMEDOUT.
///
/// # Safety
///
/// `core` and `command` are valid; the caller is a thread of the process whose data they are.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_send(
    core: *mut ipmi_core,
    client: u64,
    command: *const ipmi_command,
) -> c_int {
    // SAFETY: By the contract.
    let (core, asked) = unsafe { (of(core), &*command) };
    let command = Command {
        netfn: NetFn::new(asked.netfn),
        lun: asked.lun,
        behind: (asked.route == bindings::ipmi_route_IPMI_ROUTE_BUS)
            .then_some((asked.channel, asked.slave)),
        command: asked.cmd,
        msgid: asked.msgid,
        length: asked.length,
    };
    let copy = |room: &mut [u8]| {
        // SAFETY: copyin(9) checks the user's address; the room is as long as it is told.
        let error =
            unsafe { bindings::ipmi_kpi_copyin(asked.data, room.as_mut_ptr().cast(), room.len()) };
        (error == 0).then_some(()).ok_or(Errno::BadAddress)
    };
    number(client::send(
        core,
        ClientId::from_bits(client),
        &command,
        copy,
    ))
}

/// Takes the oldest completion: EAGAIN, EIO, EMSGSIZE.
///
/// # Safety
///
/// `core` is valid, `completion` can be written; on success [`ipmi_core_received`] follows.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_receive(
    core: *mut ipmi_core,
    client: u64,
    room: usize,
    truncate: bool,
    completion: *mut ipmi_completion,
) -> c_int {
    // SAFETY: By the contract.
    let core = unsafe { of(core) };
    let request = match client::receive(core, ClientId::from_bits(client), room, truncate) {
        Ok(request) => request,
        Err(error) => return error.number(),
    };
    let (netfn, cmd) = request.head();
    let body = request.reply.body();
    let (route, answer, (channel, slave)) = match request.route {
        Route::System => (bindings::ipmi_route_IPMI_ROUTE_SYSTEM, 1, (0, 0)),
        Route::Bus(bus) => {
            let whom = (bus.to.channel, bus.to.slave);
            (bindings::ipmi_route_IPMI_ROUTE_BUS, 1, whom)
        }
        Route::Event => (bindings::ipmi_route_IPMI_ROUTE_EVENT, 0, (0, 0)),
    };
    let report = ipmi_completion {
        body: body.as_ptr(),
        length: body.len(),
        msgid: request.msgid,
        route,
        channel,
        slave,
        netfn: (netfn >> 2) | answer,
        lun: netfn & 3,
        cmd,
        held: request.into_raw().cast::<ipmi_held>(),
    };
    // SAFETY: By the contract.
    unsafe { completion.write(report) };
    0
}

/// Ends a receive: frees the completion, or puts it back.
///
/// # Safety
///
/// `core` is valid; `held` came from [`ipmi_core_receive`] and was not handed in before.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_received(
    core: *mut ipmi_core,
    held: *mut ipmi_held,
    taken: bool,
) {
    // SAFETY: By the contract.
    let (core, request) = unsafe { (of(core), Box::<Request>::from_raw(held.cast())) };
    if taken {
        drop(request);
    } else {
        client::unreceive(core, request);
    }
}

/// `IPMI_READY_*`; if nothing can be received and something may come, `td` is recorded.
///
/// # Safety
///
/// `core` and `open` are valid, `td` is the calling thread.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_poll(
    core: *mut ipmi_core,
    client: u64,
    open: *mut ipmi_open,
    td: *mut thread,
) -> c_int {
    // SAFETY: By the contract, and selrecord(9) may be called with a lock held.
    let record = || unsafe { bindings::ipmi_kpi_record_client(open, td) };
    // SAFETY: By the contract.
    let core = unsafe { of(core) };
    let (receive, outstanding) = client::poll(core, ClientId::from_bits(client), record);
    let flag = |on: bool, bit: u32| if on { bit as c_int } else { 0 };
    flag(receive, bindings::IPMI_READY_RECEIVE)
        | flag(outstanding, bindings::IPMI_READY_OUTSTANDING)
}

/// Would a receive find something?
///
/// # Safety
///
/// `core` is valid and its lock is held.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_ready(core: *mut ipmi_core, client: u64) -> bool {
    // SAFETY: By the contract the lock is held, so nobody else has a reference to the state.
    let state = unsafe { of(core).state() };
    let client = state.clients.find(ClientId::from_bits(client));
    client.is_some_and(|client| client.is_ready())
}

/// IPMICTL_SET_GETS_EVENTS_CMD.
///
/// # Safety
///
/// `core` is valid.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_want_events(core: *mut ipmi_core, client: u64, wanted: bool) {
    // SAFETY: By the contract.
    let core = unsafe { of(core) };
    client::want_events(core, ClientId::from_bits(client), wanted);
}

/// IPMICTL_SET_MY_ADDRESS_CMD.
///
/// # Safety
///
/// `core` is valid.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_set_address(core: *mut ipmi_core, client: u64, address: u8) {
    // SAFETY: By the contract.
    let core = unsafe { of(core) };
    client::origin(core, ClientId::from_bits(client), |origin| {
        origin.address = address;
    });
}

/// IPMICTL_SET_MY_LUN_CMD.
///
/// # Safety
///
/// `core` is valid.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_set_lun(core: *mut ipmi_core, client: u64, lun: u8) {
    // SAFETY: By the contract.
    let core = unsafe { of(core) };
    client::origin(core, ClientId::from_bits(client), |origin| {
        origin.lun = lun & 3;
    });
}

/// IPMICTL_GET_MY_ADDRESS_CMD.
///
/// # Safety
///
/// `core` is valid.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_address(core: *mut ipmi_core, client: u64) -> u8 {
    // SAFETY: By the contract.
    let core = unsafe { of(core) };
    client::origin(core, ClientId::from_bits(client), |_| ()).map_or(0, |origin| origin.address)
}

/// IPMICTL_GET_MY_LUN_CMD.
///
/// # Safety
///
/// `core` is valid.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_lun(core: *mut ipmi_core, client: u64) -> u8 {
    // SAFETY: By the contract.
    let core = unsafe { of(core) };
    client::origin(core, ClientId::from_bits(client), |_| ()).map_or(0, |origin| origin.lun)
}
