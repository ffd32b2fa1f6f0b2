// SPDX-License-Identifier: BSD-2-Clause
//! Where C enters the core: the other side of ipmi_core.h.

use core::ffi::{c_char, c_int};

use super::bindings::{
    self, ipmi_command, ipmi_completion, ipmi_core, ipmi_held, ipmi_open, ipmi_softc, thread,
};
use super::kernel::Core;
use super::memory::{self, Box};
use super::number;
use crate::client::{self, Command};
use crate::kernel::{Errno, Kernel};
use crate::line::Line;
use crate::memory::Blank;
use crate::queue::{ClientId, Request, Route};
use crate::watchdog::doctor::{Circumstances, Figure};
use crate::watchdog::entry;
use crate::watchdog::nmi::{self, Nmi};
use crate::watchdog::shutdown;
use crate::wire::interface::Kind;
use crate::wire::NetFn;

/// The core behind C's pointer.
///
/// # Safety
///
/// `core` came from [`ipmi_core_create`] and is not destroyed while the result is in use.
unsafe fn of<'a>(core: *mut ipmi_core) -> &'a Core {
    // SAFETY: By the contract.
    unsafe { &*core.cast::<Core>() }
}

/// Room for a [`Core`], which is written by [`ipmi_core_create`].
struct Place(#[allow(dead_code)] core::mem::MaybeUninit<Core>);

impl Blank for Place {
    const BLANK: Place = Place(core::mem::MaybeUninit::uninit());
}

/// Makes the core of a device whose locks are initialised and whose registers are those of
/// `interface`.
///
/// # Safety
///
/// As [`Core::new`].
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_create(
    sc: *mut ipmi_softc,
    interface: bindings::ipmi_interface,
) -> *mut ipmi_core {
    let kind = match interface {
        bindings::ipmi_interface_IPMI_SMIC => Kind::Smic,
        bindings::ipmi_interface_IPMI_BT => Kind::Bt,
        bindings::ipmi_interface_IPMI_SSIF => Kind::Ssif,
        _ => Kind::Kcs,
    };
    let place = memory::blank::<Place>().into_raw();
    // SAFETY: The place is fresh and as large as a core; the caller keeps the contract of `new`.
    unsafe { place.cast::<Core>().write(Core::new(sc, kind)) };
    place.cast()
}

/// Frees it.
///
/// # Safety
///
/// The worker has ended and nobody enters the core any more.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_destroy(core: *mut ipmi_core) {
    // SAFETY: By the contract nobody uses the core; its memory came from `ipmi_core_create`.
    unsafe {
        core.cast::<Core>().drop_in_place();
        drop(Box::<Place>::from_raw(core.cast()));
    }
}

/// The worker thread; returns when [`ipmi_core_exit`] was called.
///
/// # Safety
///
/// `core` is valid, and this is called once.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_worker(core: *mut ipmi_core) {
    // SAFETY: By the contract this is the worker.
    let (core, machine) = unsafe { (of(core), of(core).machine()) };
    crate::worker::run(core, machine);
}

/// EBUSY while descriptors are open; else none can be opened from here on.
///
/// # Safety
///
/// `core` is valid.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_begin_detach(core: *mut ipmi_core) -> c_int {
    // SAFETY: By the contract.
    number(entry::begin_detach(unsafe { of(core) }))
}

/// Stops the watchdog timer if the host had armed it; at most a second.
///
/// # Safety
///
/// `core` is valid.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_leave(core: *mut ipmi_core) {
    // SAFETY: By the contract.
    entry::leave(unsafe { of(core) });
}

/// Ends the worker.
///
/// # Safety
///
/// `core` is valid and its lock is held.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_exit(core: *mut ipmi_core) {
    // SAFETY: By the contract the lock is held, so nobody else has a reference to the state.
    unsafe {
        of(core).shared().exit();
        of(core).state().exiting = true;
    }
}

/// Opens a descriptor: EBUSY, ENXIO.
///
/// # Safety
///
/// `core` is valid, `open` lives until the descriptor is closed, `client` can be written.
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

/// A pat, or a disarm: 0, an errno, or `IPMI_PAT_IGNORED` for the echo of another list.
///
/// # Safety
///
/// `core` is valid.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_pat(
    core: *mut ipmi_core,
    timeout: u64,
    sbt_list: bool,
) -> c_int {
    // SAFETY: By the contract.
    let core = unsafe { of(core) };
    if entry::is_echo(core, sbt_list) {
        return bindings::IPMI_PAT_IGNORED;
    }
    number(entry::pat(core, timeout))
}

/// The host shuts down.
///
/// # Safety
///
/// `core` is valid.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_shutdown(core: *mut ipmi_core, halt: bool) {
    // SAFETY: By the contract.
    shutdown::shutdown(unsafe { of(core) }, halt);
}

/// Power cycles the host: EIO, ETIMEDOUT.
///
/// # Safety
///
/// `core` is valid.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_power_cycle(core: *mut ipmi_core) -> c_int {
    // SAFETY: By the contract.
    number(shutdown::power_cycle(unsafe { of(core) }))
}

/// A number for sysctl(8).
///
/// # Safety
///
/// `core` is valid.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_statistic(
    core: *mut ipmi_core,
    which: bindings::ipmi_statistic,
) -> u64 {
    // SAFETY: By the contract.
    let core = unsafe { of(core) };
    let now = core.now();
    core.locked(|state| {
        let counters = &state.counters;
        match which {
            bindings::ipmi_statistic_IPMI_STAT_REQUESTS => counters.requests,
            bindings::ipmi_statistic_IPMI_STAT_REQUEST_ERRORS => counters.request_errors,
            bindings::ipmi_statistic_IPMI_STAT_REFUSED => counters.refused,
            bindings::ipmi_statistic_IPMI_STAT_ATTEMPTS => counters.attempts,
            bindings::ipmi_statistic_IPMI_STAT_TIMEOUTS => counters.timeouts,
            bindings::ipmi_statistic_IPMI_STAT_BAD_STATES => counters.bad_states,
            bindings::ipmi_statistic_IPMI_STAT_BAD_REPLIES => counters.bad_replies,
            bindings::ipmi_statistic_IPMI_STAT_ABORTS => counters.aborts,
            bindings::ipmi_statistic_IPMI_STAT_OUTAGES => counters.outages,
            bindings::ipmi_statistic_IPMI_STAT_SUPPRESSED => counters.suppressed,
            bindings::ipmi_statistic_IPMI_STAT_RESETTING => {
                u64::from(state.maintenance.is_quiet(now))
            }
            bindings::ipmi_statistic_IPMI_STAT_FIRMWARE => {
                u64::from(state.maintenance.is_streaming(now))
            }
            bindings::ipmi_statistic_IPMI_STAT_STRAYS => state.mail.strays,
            bindings::ipmi_statistic_IPMI_STAT_EVENTS_DROPPED => state.mail.dropped,
            bindings::ipmi_statistic_IPMI_STAT_QUEUED => u64::from(state.clients.queued()),
            bindings::ipmi_statistic_IPMI_STAT_OPENS => u64::from(state.clients.open_count()),
            bindings::ipmi_statistic_IPMI_STAT_ANSWERING => u64::from(state.link.answering()),
            _ => 0,
        }
    })
}

/// A number of the watchdog's for sysctl(8).
///
/// # Safety
///
/// `core` is valid.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_figure(
    core: *mut ipmi_core,
    which: bindings::ipmi_figure,
) -> u64 {
    let figure = match which {
        bindings::ipmi_figure_IPMI_FIGURE_STATE => Figure::State,
        bindings::ipmi_figure_IPMI_FIGURE_USE => Figure::Use,
        bindings::ipmi_figure_IPMI_FIGURE_ACTION => Figure::Action,
        bindings::ipmi_figure_IPMI_FIGURE_PRETIMEOUT => Figure::Pretimeout,
        bindings::ipmi_figure_IPMI_FIGURE_TIMEOUT_ASKED => Figure::TimeoutAsked,
        bindings::ipmi_figure_IPMI_FIGURE_TIMEOUT_CONFIRMED => Figure::TimeoutConfirmed,
        bindings::ipmi_figure_IPMI_FIGURE_LEFT => Figure::Left,
        bindings::ipmi_figure_IPMI_FIGURE_LEFT_AGE => Figure::LeftAge,
        bindings::ipmi_figure_IPMI_FIGURE_PAT_AGE => Figure::PatAge,
        bindings::ipmi_figure_IPMI_FIGURE_CONFIRMED_AGE => Figure::ConfirmedAge,
        bindings::ipmi_figure_IPMI_FIGURE_PATS => Figure::Pats,
        bindings::ipmi_figure_IPMI_FIGURE_UNCONFIRMED => Figure::Unconfirmed,
        bindings::ipmi_figure_IPMI_FIGURE_FAILED => Figure::Failed,
        bindings::ipmi_figure_IPMI_FIGURE_REARMED => Figure::Rearmed,
        bindings::ipmi_figure_IPMI_FIGURE_GAPS => Figure::Gaps,
        bindings::ipmi_figure_IPMI_FIGURE_GAP_LONGEST => Figure::GapLongest,
        _ => Figure::GapTotal,
    };
    // SAFETY: By the contract.
    let core = unsafe { of(core) };
    let now = core.now();
    core.locked(|state| state.watchdog.figure(figure, now))
}

/// Writes the doctor's line, without a terminating zero, into `room`; its length.
///
/// # Safety
///
/// `core` is valid, and `room` bytes can be written at `text`.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_doctor(
    core: *mut ipmi_core,
    others: u32,
    text: *mut c_char,
    room: usize,
) -> usize {
    // SAFETY: By the contract.
    let core = unsafe { of(core) };
    let (now, on) = (core.now(), core.settings().on);
    let mut line = Line::new();
    core.locked(|state| {
        let around = Circumstances {
            on,
            known: state.startup.is_announced(),
            timer: state.startup.timer.is_some(),
            answering: state.link.answering(),
            others,
        };
        state.watchdog.diagnose(now, &around, &mut line);
    });
    let bytes = line.as_bytes();
    let length = bytes.len().min(room);
    // SAFETY: By the contract; the line is no part of the caller's room.
    unsafe {
        text.cast::<u8>()
            .copy_from_nonoverlapping(bytes.as_ptr(), length)
    };
    length
}

/// Twice a second, from a callout.
///
/// # Safety
///
/// `core` is valid and its lock is held.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_tick(core: *mut ipmi_core) {
    // SAFETY: By the contract the lock is held, so nobody else has a reference to the state.
    let (core, state) = unsafe { (of(core), of(core).state()) };
    entry::tick(core, state);
}

/// `IPMI_NMI_*`: whose an NMI is, and whether the host is in trouble.
///
/// # Safety
///
/// `core` is valid.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_nmi(core: *mut ipmi_core) -> bindings::ipmi_nmi {
    // SAFETY: By the contract.
    match nmi::nmi(unsafe { of(core) }) {
        Nmi::Foreign => bindings::ipmi_nmi_IPMI_NMI_FOREIGN,
        Nmi::Healthy => bindings::ipmi_nmi_IPMI_NMI_HEALTHY,
        Nmi::Trouble => bindings::ipmi_nmi_IPMI_NMI_TROUBLE,
    }
}

/// May the watchdog timer be running?
///
/// # Safety
///
/// `core` is valid.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_armed(core: *mut ipmi_core) -> bool {
    // SAFETY: By the contract.
    unsafe { of(core) }.locked(|state| state.watchdog.armed())
}

/// Is a pat of the host's on its way to the BMC?
///
/// # Safety
///
/// `core` is valid.
#[no_mangle]
pub unsafe extern "C" fn ipmi_core_pat_in_flight(core: *mut ipmi_core) -> bool {
    // SAFETY: By the contract.
    let core = unsafe { of(core) };
    let now = core.now();
    core.try_locked(|state| state.watchdog.pat_in_flight(now))
        .unwrap_or(false)
}
