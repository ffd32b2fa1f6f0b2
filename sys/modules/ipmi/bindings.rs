// SPDX-License-Identifier: BSD-2-Clause
// Made by bindgen of ipmi_bindings.h; written anew by make, never by hand.

pub const EPERM: ::core::ffi::c_int = 1;
pub const ENOENT: ::core::ffi::c_int = 2;
pub const ESRCH: ::core::ffi::c_int = 3;
pub const EINTR: ::core::ffi::c_int = 4;
pub const EIO: ::core::ffi::c_int = 5;
pub const ENXIO: ::core::ffi::c_int = 6;
pub const E2BIG: ::core::ffi::c_int = 7;
pub const ENOEXEC: ::core::ffi::c_int = 8;
pub const EBADF: ::core::ffi::c_int = 9;
pub const ECHILD: ::core::ffi::c_int = 10;
pub const EDEADLK: ::core::ffi::c_int = 11;
pub const ENOMEM: ::core::ffi::c_int = 12;
pub const EACCES: ::core::ffi::c_int = 13;
pub const EFAULT: ::core::ffi::c_int = 14;
pub const ENOTBLK: ::core::ffi::c_int = 15;
pub const EBUSY: ::core::ffi::c_int = 16;
pub const EEXIST: ::core::ffi::c_int = 17;
pub const EXDEV: ::core::ffi::c_int = 18;
pub const ENODEV: ::core::ffi::c_int = 19;
pub const ENOTDIR: ::core::ffi::c_int = 20;
pub const EISDIR: ::core::ffi::c_int = 21;
pub const EINVAL: ::core::ffi::c_int = 22;
pub const ENFILE: ::core::ffi::c_int = 23;
pub const EMFILE: ::core::ffi::c_int = 24;
pub const ENOTTY: ::core::ffi::c_int = 25;
pub const ETXTBSY: ::core::ffi::c_int = 26;
pub const EFBIG: ::core::ffi::c_int = 27;
pub const ENOSPC: ::core::ffi::c_int = 28;
pub const ESPIPE: ::core::ffi::c_int = 29;
pub const EROFS: ::core::ffi::c_int = 30;
pub const EMLINK: ::core::ffi::c_int = 31;
pub const EPIPE: ::core::ffi::c_int = 32;
pub const EDOM: ::core::ffi::c_int = 33;
pub const ERANGE: ::core::ffi::c_int = 34;
pub const EAGAIN: ::core::ffi::c_int = 35;
pub const EWOULDBLOCK: ::core::ffi::c_int = 35;
pub const EINPROGRESS: ::core::ffi::c_int = 36;
pub const EALREADY: ::core::ffi::c_int = 37;
pub const ENOTSOCK: ::core::ffi::c_int = 38;
pub const EDESTADDRREQ: ::core::ffi::c_int = 39;
pub const EMSGSIZE: ::core::ffi::c_int = 40;
pub const EPROTOTYPE: ::core::ffi::c_int = 41;
pub const ENOPROTOOPT: ::core::ffi::c_int = 42;
pub const EPROTONOSUPPORT: ::core::ffi::c_int = 43;
pub const ESOCKTNOSUPPORT: ::core::ffi::c_int = 44;
pub const EOPNOTSUPP: ::core::ffi::c_int = 45;
pub const ENOTSUP: ::core::ffi::c_int = 45;
pub const EPFNOSUPPORT: ::core::ffi::c_int = 46;
pub const EAFNOSUPPORT: ::core::ffi::c_int = 47;
pub const EADDRINUSE: ::core::ffi::c_int = 48;
pub const EADDRNOTAVAIL: ::core::ffi::c_int = 49;
pub const ENETDOWN: ::core::ffi::c_int = 50;
pub const ENETUNREACH: ::core::ffi::c_int = 51;
pub const ENETRESET: ::core::ffi::c_int = 52;
pub const ECONNABORTED: ::core::ffi::c_int = 53;
pub const ECONNRESET: ::core::ffi::c_int = 54;
pub const ENOBUFS: ::core::ffi::c_int = 55;
pub const EISCONN: ::core::ffi::c_int = 56;
pub const ENOTCONN: ::core::ffi::c_int = 57;
pub const ESHUTDOWN: ::core::ffi::c_int = 58;
pub const ETOOMANYREFS: ::core::ffi::c_int = 59;
pub const ETIMEDOUT: ::core::ffi::c_int = 60;
pub const ECONNREFUSED: ::core::ffi::c_int = 61;
pub const ELOOP: ::core::ffi::c_int = 62;
pub const ENAMETOOLONG: ::core::ffi::c_int = 63;
pub const EHOSTDOWN: ::core::ffi::c_int = 64;
pub const EHOSTUNREACH: ::core::ffi::c_int = 65;
pub const ENOTEMPTY: ::core::ffi::c_int = 66;
pub const EPROCLIM: ::core::ffi::c_int = 67;
pub const EUSERS: ::core::ffi::c_int = 68;
pub const EDQUOT: ::core::ffi::c_int = 69;
pub const ESTALE: ::core::ffi::c_int = 70;
pub const EREMOTE: ::core::ffi::c_int = 71;
pub const EBADRPC: ::core::ffi::c_int = 72;
pub const ERPCMISMATCH: ::core::ffi::c_int = 73;
pub const EPROGUNAVAIL: ::core::ffi::c_int = 74;
pub const EPROGMISMATCH: ::core::ffi::c_int = 75;
pub const EPROCUNAVAIL: ::core::ffi::c_int = 76;
pub const ENOLCK: ::core::ffi::c_int = 77;
pub const ENOSYS: ::core::ffi::c_int = 78;
pub const EFTYPE: ::core::ffi::c_int = 79;
pub const EAUTH: ::core::ffi::c_int = 80;
pub const ENEEDAUTH: ::core::ffi::c_int = 81;
pub const EIDRM: ::core::ffi::c_int = 82;
pub const ENOMSG: ::core::ffi::c_int = 83;
pub const EOVERFLOW: ::core::ffi::c_int = 84;
pub const ECANCELED: ::core::ffi::c_int = 85;
pub const EILSEQ: ::core::ffi::c_int = 86;
pub const ENOATTR: ::core::ffi::c_int = 87;
pub const EDOOFUS: ::core::ffi::c_int = 88;
pub const EBADMSG: ::core::ffi::c_int = 89;
pub const EMULTIHOP: ::core::ffi::c_int = 90;
pub const ENOLINK: ::core::ffi::c_int = 91;
pub const EPROTO: ::core::ffi::c_int = 92;
pub const ENOTCAPABLE: ::core::ffi::c_int = 93;
pub const ECAPMODE: ::core::ffi::c_int = 94;
pub const ENOTRECOVERABLE: ::core::ffi::c_int = 95;
pub const EOWNERDEAD: ::core::ffi::c_int = 96;
pub const EINTEGRITY: ::core::ffi::c_int = 97;
pub const ELAST: ::core::ffi::c_int = 97;
pub const ERESTART: ::core::ffi::c_int = -1;
pub const EJUSTRETURN: ::core::ffi::c_int = -2;
pub const ENOIOCTL: ::core::ffi::c_int = -3;
pub const EDIRIOCTL: ::core::ffi::c_int = -4;
pub const ERELOOKUP: ::core::ffi::c_int = -5;
pub const SBT_1S: u64 = 4294967296;
pub const SBT_1M: u64 = 257698037760;
pub const SBT_1MS: u32 = 4294967;
pub const SBT_1US: u32 = 4294;
pub const SBT_1NS: u32 = 4;
pub const SBT_MAX: u64 = 9223372036854775807;
pub const PCATCH: u32 = 256;
pub const C_DIRECT_EXEC: u32 = 1;
pub const C_PRELBITS: u32 = 7;
pub const C_PRELRANGE: u32 = 127;
pub const C_HARDCLOCK: u32 = 256;
pub const C_ABSOLUTE: u32 = 512;
pub const C_PRECALC: u32 = 1024;
pub const C_CATCH: u32 = 2048;
pub const IPMI_IRQ_ROUTED: i32 = -1;
pub const IPMI_READY_RECEIVE: u32 = 1;
pub const IPMI_READY_OUTSTANDING: u32 = 2;
pub const IPMI_PAT_IGNORED: i32 = -1;
pub const IPMI_LATENCY_BUCKETS: u32 = 21;
pub const IPMI_LATENCY_COUNT: u32 = 21;
pub const IPMI_LATENCY_SUM: u32 = 22;
pub const IPMI_LATENCY_LONGEST: u32 = 23;
pub type bool_ = bool;
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct thread {
    _unused: [u8; 0],
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct ipmi_softc {
    _unused: [u8; 0],
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct ipmi_open {
    _unused: [u8; 0],
}
pub const ipmi_context_IPMI_CONTEXT_MAY_SLEEP: ipmi_context = 0;
pub const ipmi_context_IPMI_CONTEXT_NO_SLEEP: ipmi_context = 1;
pub const ipmi_context_IPMI_CONTEXT_DUMPING: ipmi_context = 2;
pub const ipmi_context_IPMI_CONTEXT_STOPPED: ipmi_context = 3;
pub type ipmi_context = ::core::ffi::c_uint;
pub const ipmi_channel_IPMI_CHANNEL_WORKER: ipmi_channel = 0;
pub const ipmi_channel_IPMI_CHANNEL_ANSWER: ipmi_channel = 1;
pub type ipmi_channel = ::core::ffi::c_uint;
pub const ipmi_adopt_IPMI_ADOPT_KEEP: ipmi_adopt = 0;
pub const ipmi_adopt_IPMI_ADOPT_STOP: ipmi_adopt = 1;
pub const ipmi_adopt_IPMI_ADOPT_LEAVE: ipmi_adopt = 2;
pub type ipmi_adopt = ::core::ffi::c_uint;
pub const ipmi_pretimeout_IPMI_PRETIMEOUT_NONE: ipmi_pretimeout = 0;
pub const ipmi_pretimeout_IPMI_PRETIMEOUT_NMI: ipmi_pretimeout = 2;
pub const ipmi_pretimeout_IPMI_PRETIMEOUT_MSG: ipmi_pretimeout = 3;
pub const ipmi_pretimeout_IPMI_PRETIMEOUT_UNSET: ipmi_pretimeout = 255;
pub type ipmi_pretimeout = ::core::ffi::c_uint;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct ipmi_settings {
    pub on: ::core::ffi::c_int,
    pub wd_init_enable: ::core::ffi::c_int,
    pub wd_timer_actions: ::core::ffi::c_int,
    pub wd_shutdown_countdown: ::core::ffi::c_int,
    pub wd_startup_countdown: ::core::ffi::c_int,
    pub wd_pretimeout_countdown: ::core::ffi::c_int,
    pub wd_panic_countdown: ::core::ffi::c_int,
    pub panic_sel: ::core::ffi::c_int,
    pub wd_min_timeout: ::core::ffi::c_int,
    pub wd_margin: ::core::ffi::c_int,
    pub wd_verify_interval: ::core::ffi::c_int,
    pub wd_adopt: ipmi_adopt,
    pub wd_pretimeout_int: ipmi_pretimeout,
    pub wd_pat_wait_ms: ::core::ffi::c_int,
    pub max_requests_per_open: ::core::ffi::c_int,
    pub max_opens: ::core::ffi::c_int,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of ipmi_settings"][::core::mem::size_of::<ipmi_settings>() - 64usize];
    ["Alignment of ipmi_settings"][::core::mem::align_of::<ipmi_settings>() - 4usize];
    ["Offset of field: ipmi_settings::on"][::core::mem::offset_of!(ipmi_settings, on) - 0usize];
    ["Offset of field: ipmi_settings::wd_init_enable"]
        [::core::mem::offset_of!(ipmi_settings, wd_init_enable) - 4usize];
    ["Offset of field: ipmi_settings::wd_timer_actions"]
        [::core::mem::offset_of!(ipmi_settings, wd_timer_actions) - 8usize];
    ["Offset of field: ipmi_settings::wd_shutdown_countdown"]
        [::core::mem::offset_of!(ipmi_settings, wd_shutdown_countdown) - 12usize];
    ["Offset of field: ipmi_settings::wd_startup_countdown"]
        [::core::mem::offset_of!(ipmi_settings, wd_startup_countdown) - 16usize];
    ["Offset of field: ipmi_settings::wd_pretimeout_countdown"]
        [::core::mem::offset_of!(ipmi_settings, wd_pretimeout_countdown) - 20usize];
    ["Offset of field: ipmi_settings::wd_panic_countdown"]
        [::core::mem::offset_of!(ipmi_settings, wd_panic_countdown) - 24usize];
    ["Offset of field: ipmi_settings::panic_sel"]
        [::core::mem::offset_of!(ipmi_settings, panic_sel) - 28usize];
    ["Offset of field: ipmi_settings::wd_min_timeout"]
        [::core::mem::offset_of!(ipmi_settings, wd_min_timeout) - 32usize];
    ["Offset of field: ipmi_settings::wd_margin"]
        [::core::mem::offset_of!(ipmi_settings, wd_margin) - 36usize];
    ["Offset of field: ipmi_settings::wd_verify_interval"]
        [::core::mem::offset_of!(ipmi_settings, wd_verify_interval) - 40usize];
    ["Offset of field: ipmi_settings::wd_adopt"]
        [::core::mem::offset_of!(ipmi_settings, wd_adopt) - 44usize];
    ["Offset of field: ipmi_settings::wd_pretimeout_int"]
        [::core::mem::offset_of!(ipmi_settings, wd_pretimeout_int) - 48usize];
    ["Offset of field: ipmi_settings::wd_pat_wait_ms"]
        [::core::mem::offset_of!(ipmi_settings, wd_pat_wait_ms) - 52usize];
    ["Offset of field: ipmi_settings::max_requests_per_open"]
        [::core::mem::offset_of!(ipmi_settings, max_requests_per_open) - 56usize];
    ["Offset of field: ipmi_settings::max_opens"]
        [::core::mem::offset_of!(ipmi_settings, max_opens) - 60usize];
};
impl Default for ipmi_settings {
    fn default() -> Self {
        let mut s = ::core::mem::MaybeUninit::<Self>::uninit();
        unsafe {
            ::core::ptr::write_bytes(s.as_mut_ptr(), 0, 1);
            s.assume_init()
        }
    }
}
unsafe extern "C" {
    pub fn ipmi_kpi_malloc(size: usize) -> *mut ::core::ffi::c_void;
}
unsafe extern "C" {
    pub fn ipmi_kpi_free(memory: *mut ::core::ffi::c_void);
}
unsafe extern "C" {
    pub fn ipmi_kpi_now() -> u64;
}
unsafe extern "C" {
    pub fn ipmi_kpi_context() -> ipmi_context;
}
unsafe extern "C" {
    pub fn ipmi_kpi_settings(settings: *mut ipmi_settings);
}
unsafe extern "C" {
    pub fn ipmi_kpi_watchdog_enabled() -> bool_;
}
unsafe extern "C" {
    pub fn ipmi_kpi_who(name: *mut ::core::ffi::c_char, size: usize) -> u32;
}
unsafe extern "C" {
    pub fn ipmi_kpi_panic_message(text: *mut ::core::ffi::c_char, size: usize) -> usize;
}
unsafe extern "C" {
    pub fn ipmi_kpi_lock(sc: *mut ipmi_softc);
}
unsafe extern "C" {
    pub fn ipmi_kpi_trylock(sc: *mut ipmi_softc) -> bool_;
}
unsafe extern "C" {
    pub fn ipmi_kpi_unlock(sc: *mut ipmi_softc);
}
unsafe extern "C" {
    pub fn ipmi_kpi_wait(sc: *mut ipmi_softc, channel: ipmi_channel, timeout: u64);
}
unsafe extern "C" {
    pub fn ipmi_kpi_wake(sc: *mut ipmi_softc, channel: ipmi_channel);
}
unsafe extern "C" {
    pub fn ipmi_kpi_delay(us: ::core::ffi::c_uint);
}
unsafe extern "C" {
    pub fn ipmi_kpi_pause(ns: u64);
}
unsafe extern "C" {
    pub fn ipmi_kpi_doze(sc: *mut ipmi_softc, ns: u64);
}
unsafe extern "C" {
    pub fn ipmi_kpi_rewire(sc: *mut ipmi_softc, installed: bool_) -> bool_;
}
unsafe extern "C" {
    pub fn ipmi_kpi_spin_lock(sc: *mut ipmi_softc) -> bool_;
}
unsafe extern "C" {
    pub fn ipmi_kpi_spin_unlock(sc: *mut ipmi_softc, held: bool_);
}
unsafe extern "C" {
    pub fn ipmi_kpi_read(sc: *mut ipmi_softc, reg: u8) -> u8;
}
unsafe extern "C" {
    pub fn ipmi_kpi_write(sc: *mut ipmi_softc, reg: u8, value: u8);
}
pub const ipmi_transfer_IPMI_TRANSFER_DONE: ipmi_transfer = 0;
pub const ipmi_transfer_IPMI_TRANSFER_REFUSED: ipmi_transfer = 1;
pub const ipmi_transfer_IPMI_TRANSFER_BUSY: ipmi_transfer = 2;
pub const ipmi_transfer_IPMI_TRANSFER_BROKEN: ipmi_transfer = 3;
pub const ipmi_transfer_IPMI_TRANSFER_UNUSABLE: ipmi_transfer = 4;
pub type ipmi_transfer = ::core::ffi::c_uint;
unsafe extern "C" {
    pub fn ipmi_kpi_smbus_write(
        sc: *mut ipmi_softc,
        command: u8,
        bytes: *const u8,
        length: u8,
    ) -> ipmi_transfer;
}
unsafe extern "C" {
    pub fn ipmi_kpi_smbus_read(
        sc: *mut ipmi_softc,
        command: u8,
        bytes: *mut u8,
        length: *mut u8,
    ) -> ipmi_transfer;
}
unsafe extern "C" {
    pub fn ipmi_kpi_copyin(
        user: *const ::core::ffi::c_void,
        kernel: *mut ::core::ffi::c_void,
        size: usize,
    ) -> ::core::ffi::c_int;
}
unsafe extern "C" {
    pub fn ipmi_kpi_wake_client(open: *mut ipmi_open);
}
unsafe extern "C" {
    pub fn ipmi_kpi_record_client(open: *mut ipmi_open, td: *mut thread);
}
unsafe extern "C" {
    pub fn ipmi_kpi_log(sc: *mut ipmi_softc, text: *const ::core::ffi::c_char, length: usize);
}
unsafe extern "C" {
    pub fn ipmi_kpi_notify(
        sc: *mut ipmi_softc,
        subsystem: *const ::core::ffi::c_char,
        type_: *const ::core::ffi::c_char,
    );
}
unsafe extern "C" {
    pub fn ipmi_kpi_announce(sc: *mut ipmi_softc, watchdog: bool_, power_cycle: bool_);
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct ipmi_core {
    _unused: [u8; 0],
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct ipmi_held {
    _unused: [u8; 0],
}
pub const ipmi_interface_IPMI_KCS: ipmi_interface = 1;
pub const ipmi_interface_IPMI_SMIC: ipmi_interface = 2;
pub const ipmi_interface_IPMI_BT: ipmi_interface = 3;
pub const ipmi_interface_IPMI_SSIF: ipmi_interface = 4;
pub type ipmi_interface = ::core::ffi::c_uint;
pub const ipmi_space_IPMI_SPACE_PORT: ipmi_space = 0;
pub const ipmi_space_IPMI_SPACE_MEMORY: ipmi_space = 1;
pub const ipmi_space_IPMI_SPACE_SMBUS: ipmi_space = 2;
pub type ipmi_space = ::core::ffi::c_uint;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct ipmi_place {
    pub interface: ipmi_interface,
    pub space: ipmi_space,
    pub address: u64,
    pub spacing: u32,
    pub irq: u32,
    pub irq_told: bool_,
    pub irq_level: bool_,
    pub irq_high: bool_,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of ipmi_place"][::core::mem::size_of::<ipmi_place>() - 32usize];
    ["Alignment of ipmi_place"][::core::mem::align_of::<ipmi_place>() - 8usize];
    ["Offset of field: ipmi_place::interface"]
        [::core::mem::offset_of!(ipmi_place, interface) - 0usize];
    ["Offset of field: ipmi_place::space"][::core::mem::offset_of!(ipmi_place, space) - 4usize];
    ["Offset of field: ipmi_place::address"][::core::mem::offset_of!(ipmi_place, address) - 8usize];
    ["Offset of field: ipmi_place::spacing"]
        [::core::mem::offset_of!(ipmi_place, spacing) - 16usize];
    ["Offset of field: ipmi_place::irq"][::core::mem::offset_of!(ipmi_place, irq) - 20usize];
    ["Offset of field: ipmi_place::irq_told"]
        [::core::mem::offset_of!(ipmi_place, irq_told) - 24usize];
    ["Offset of field: ipmi_place::irq_level"]
        [::core::mem::offset_of!(ipmi_place, irq_level) - 25usize];
    ["Offset of field: ipmi_place::irq_high"]
        [::core::mem::offset_of!(ipmi_place, irq_high) - 26usize];
};
impl Default for ipmi_place {
    fn default() -> Self {
        let mut s = ::core::mem::MaybeUninit::<Self>::uninit();
        unsafe {
            ::core::ptr::write_bytes(s.as_mut_ptr(), 0, 1);
            s.assume_init()
        }
    }
}
pub const ipmi_claim_IPMI_CLAIM_FOREIGN: ipmi_claim = 0;
pub const ipmi_claim_IPMI_CLAIM_HANDLED: ipmi_claim = 1;
pub const ipmi_claim_IPMI_CLAIM_WAKE: ipmi_claim = 2;
pub type ipmi_claim = ::core::ffi::c_uint;
pub const ipmi_route_IPMI_ROUTE_SYSTEM: ipmi_route = 0;
pub const ipmi_route_IPMI_ROUTE_BUS: ipmi_route = 1;
pub const ipmi_route_IPMI_ROUTE_EVENT: ipmi_route = 2;
pub type ipmi_route = ::core::ffi::c_uint;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct ipmi_command {
    pub route: ipmi_route,
    pub channel: u8,
    pub slave: u8,
    pub lun: u8,
    pub netfn: u8,
    pub cmd: u8,
    pub msgid: i64,
    pub data: *const ::core::ffi::c_void,
    pub length: usize,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of ipmi_command"][::core::mem::size_of::<ipmi_command>() - 40usize];
    ["Alignment of ipmi_command"][::core::mem::align_of::<ipmi_command>() - 8usize];
    ["Offset of field: ipmi_command::route"][::core::mem::offset_of!(ipmi_command, route) - 0usize];
    ["Offset of field: ipmi_command::channel"]
        [::core::mem::offset_of!(ipmi_command, channel) - 4usize];
    ["Offset of field: ipmi_command::slave"][::core::mem::offset_of!(ipmi_command, slave) - 5usize];
    ["Offset of field: ipmi_command::lun"][::core::mem::offset_of!(ipmi_command, lun) - 6usize];
    ["Offset of field: ipmi_command::netfn"][::core::mem::offset_of!(ipmi_command, netfn) - 7usize];
    ["Offset of field: ipmi_command::cmd"][::core::mem::offset_of!(ipmi_command, cmd) - 8usize];
    ["Offset of field: ipmi_command::msgid"]
        [::core::mem::offset_of!(ipmi_command, msgid) - 16usize];
    ["Offset of field: ipmi_command::data"][::core::mem::offset_of!(ipmi_command, data) - 24usize];
    ["Offset of field: ipmi_command::length"]
        [::core::mem::offset_of!(ipmi_command, length) - 32usize];
};
impl Default for ipmi_command {
    fn default() -> Self {
        let mut s = ::core::mem::MaybeUninit::<Self>::uninit();
        unsafe {
            ::core::ptr::write_bytes(s.as_mut_ptr(), 0, 1);
            s.assume_init()
        }
    }
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct ipmi_completion {
    pub held: *mut ipmi_held,
    pub body: *const u8,
    pub length: usize,
    pub msgid: i64,
    pub route: ipmi_route,
    pub channel: u8,
    pub slave: u8,
    pub netfn: u8,
    pub lun: u8,
    pub cmd: u8,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of ipmi_completion"][::core::mem::size_of::<ipmi_completion>() - 48usize];
    ["Alignment of ipmi_completion"][::core::mem::align_of::<ipmi_completion>() - 8usize];
    ["Offset of field: ipmi_completion::held"]
        [::core::mem::offset_of!(ipmi_completion, held) - 0usize];
    ["Offset of field: ipmi_completion::body"]
        [::core::mem::offset_of!(ipmi_completion, body) - 8usize];
    ["Offset of field: ipmi_completion::length"]
        [::core::mem::offset_of!(ipmi_completion, length) - 16usize];
    ["Offset of field: ipmi_completion::msgid"]
        [::core::mem::offset_of!(ipmi_completion, msgid) - 24usize];
    ["Offset of field: ipmi_completion::route"]
        [::core::mem::offset_of!(ipmi_completion, route) - 32usize];
    ["Offset of field: ipmi_completion::channel"]
        [::core::mem::offset_of!(ipmi_completion, channel) - 36usize];
    ["Offset of field: ipmi_completion::slave"]
        [::core::mem::offset_of!(ipmi_completion, slave) - 37usize];
    ["Offset of field: ipmi_completion::netfn"]
        [::core::mem::offset_of!(ipmi_completion, netfn) - 38usize];
    ["Offset of field: ipmi_completion::lun"]
        [::core::mem::offset_of!(ipmi_completion, lun) - 39usize];
    ["Offset of field: ipmi_completion::cmd"]
        [::core::mem::offset_of!(ipmi_completion, cmd) - 40usize];
};
impl Default for ipmi_completion {
    fn default() -> Self {
        let mut s = ::core::mem::MaybeUninit::<Self>::uninit();
        unsafe {
            ::core::ptr::write_bytes(s.as_mut_ptr(), 0, 1);
            s.assume_init()
        }
    }
}
pub const ipmi_statistic_IPMI_STAT_REQUESTS: ipmi_statistic = 0;
pub const ipmi_statistic_IPMI_STAT_REQUEST_ERRORS: ipmi_statistic = 1;
pub const ipmi_statistic_IPMI_STAT_REFUSED: ipmi_statistic = 2;
pub const ipmi_statistic_IPMI_STAT_ATTEMPTS: ipmi_statistic = 3;
pub const ipmi_statistic_IPMI_STAT_TIMEOUTS: ipmi_statistic = 4;
pub const ipmi_statistic_IPMI_STAT_BAD_STATES: ipmi_statistic = 5;
pub const ipmi_statistic_IPMI_STAT_BAD_REPLIES: ipmi_statistic = 6;
pub const ipmi_statistic_IPMI_STAT_ABORTS: ipmi_statistic = 7;
pub const ipmi_statistic_IPMI_STAT_OUTAGES: ipmi_statistic = 8;
pub const ipmi_statistic_IPMI_STAT_SUPPRESSED: ipmi_statistic = 9;
pub const ipmi_statistic_IPMI_STAT_STRAYS: ipmi_statistic = 10;
pub const ipmi_statistic_IPMI_STAT_RESETTING: ipmi_statistic = 11;
pub const ipmi_statistic_IPMI_STAT_FIRMWARE: ipmi_statistic = 12;
pub const ipmi_statistic_IPMI_STAT_EVENTS_DROPPED: ipmi_statistic = 13;
pub const ipmi_statistic_IPMI_STAT_QUEUED: ipmi_statistic = 14;
pub const ipmi_statistic_IPMI_STAT_OPENS: ipmi_statistic = 15;
pub const ipmi_statistic_IPMI_STAT_ANSWERING: ipmi_statistic = 16;
pub const ipmi_statistic_IPMI_STAT_INTERRUPTS: ipmi_statistic = 17;
pub const ipmi_statistic_IPMI_STAT_INTERRUPTING: ipmi_statistic = 18;
pub const ipmi_statistic_IPMI_STAT_DEVICE_ID: ipmi_statistic = 19;
pub const ipmi_statistic_IPMI_STAT_REVISION: ipmi_statistic = 20;
pub const ipmi_statistic_IPMI_STAT_SUPPORT: ipmi_statistic = 21;
pub const ipmi_statistic_IPMI_STAT_MANUFACTURER: ipmi_statistic = 22;
pub const ipmi_statistic_IPMI_STAT_PRODUCT: ipmi_statistic = 23;
pub const ipmi_statistic_IPMI_STAT_CHANNELS: ipmi_statistic = 24;
pub type ipmi_statistic = ::core::ffi::c_uint;
pub const ipmi_latency_IPMI_LATENCY_PAT: ipmi_latency = 0;
pub const ipmi_latency_IPMI_LATENCY_REQUEST: ipmi_latency = 1;
pub const ipmi_latency_IPMI_LATENCY_ATTEMPT: ipmi_latency = 2;
pub type ipmi_latency = ::core::ffi::c_uint;
pub const ipmi_figure_IPMI_FIGURE_STATE: ipmi_figure = 0;
pub const ipmi_figure_IPMI_FIGURE_USE: ipmi_figure = 1;
pub const ipmi_figure_IPMI_FIGURE_ACTION: ipmi_figure = 2;
pub const ipmi_figure_IPMI_FIGURE_PRETIMEOUT: ipmi_figure = 3;
pub const ipmi_figure_IPMI_FIGURE_TIMEOUT_ASKED: ipmi_figure = 4;
pub const ipmi_figure_IPMI_FIGURE_TIMEOUT_CONFIRMED: ipmi_figure = 5;
pub const ipmi_figure_IPMI_FIGURE_LEFT: ipmi_figure = 6;
pub const ipmi_figure_IPMI_FIGURE_LEFT_AGE: ipmi_figure = 7;
pub const ipmi_figure_IPMI_FIGURE_PAT_AGE: ipmi_figure = 8;
pub const ipmi_figure_IPMI_FIGURE_CONFIRMED_AGE: ipmi_figure = 9;
pub const ipmi_figure_IPMI_FIGURE_PATS: ipmi_figure = 10;
pub const ipmi_figure_IPMI_FIGURE_UNCONFIRMED: ipmi_figure = 11;
pub const ipmi_figure_IPMI_FIGURE_FAILED: ipmi_figure = 12;
pub const ipmi_figure_IPMI_FIGURE_REARMED: ipmi_figure = 13;
pub const ipmi_figure_IPMI_FIGURE_GAPS: ipmi_figure = 14;
pub const ipmi_figure_IPMI_FIGURE_GAP_LONGEST: ipmi_figure = 15;
pub const ipmi_figure_IPMI_FIGURE_GAP_TOTAL: ipmi_figure = 16;
pub type ipmi_figure = ::core::ffi::c_uint;
pub const ipmi_nmi_IPMI_NMI_FOREIGN: ipmi_nmi = 0;
pub const ipmi_nmi_IPMI_NMI_HEALTHY: ipmi_nmi = 1;
pub const ipmi_nmi_IPMI_NMI_TROUBLE: ipmi_nmi = 2;
pub type ipmi_nmi = ::core::ffi::c_uint;
