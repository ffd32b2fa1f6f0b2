// SPDX-License-Identifier: BSD-2-Clause
//! Catches module code that runs for ever without calling the kernel or touching a register: a
//! timer on the host thread's own processor time; must not know what the code does.

use std::cell::Cell;
use std::io;
use std::mem;
use std::ptr;

use super::pcpu::Pcpu;
use super::trap;

/// Sent by the timer; nothing else in a test process uses it.
pub const SIGNAL: libc::c_int = libc::SIGVTALRM;
/// Processor time after which a thread that never left the module is caught at the latest twice.
const PERIOD_MS: i64 = 500;

/// The timer of one host thread.
struct Timer(libc::timer_t);

impl Drop for Timer {
    fn drop(&mut self) {
        // SAFETY: created below and deleted once.
        unsafe { libc::timer_delete(self.0) };
    }
}

thread_local! {
    static TIMER: Timer = create();
    static SEEN: Cell<u64> = const { Cell::new(0) };
}

/// Watches this host thread from now on.
pub fn watch() {
    TIMER.with(|_| ());
}

fn create() -> Timer {
    // SAFETY: the structures are plain data and live for the calls.
    unsafe {
        let mut event: libc::sigevent = mem::zeroed();
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = SIGNAL;
        event.sigev_notify_thread_id = libc::gettid();
        let mut timer = ptr::null_mut();
        let failed = libc::timer_create(libc::CLOCK_THREAD_CPUTIME_ID, &mut event, &mut timer);
        assert_eq!(failed, 0, "timer_create: {}", io::Error::last_os_error());
        let period = libc::timespec {
            tv_sec: 0,
            tv_nsec: PERIOD_MS * 1_000_000,
        };
        let times = libc::itimerspec {
            it_interval: period,
            it_value: period,
        };
        let failed = libc::timer_settime(timer, 0, &times, ptr::null_mut());
        assert_eq!(failed, 0, "timer_settime: {}", io::Error::last_os_error());
        Timer(timer)
    }
}

/// The timer has fired: if the module was not left since the last time, it never will be. Runs in
/// the signal handler.
pub fn fired(pcpu: &mut Pcpu, gregs: &mut [i64; 23]) {
    if SEEN.replace(pcpu.crossings) == pcpu.crossings && pcpu.in_module != 0 {
        trap::divert(pcpu, gregs, SIGNAL, 0);
    }
}
