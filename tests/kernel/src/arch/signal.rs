// SPDX-License-Identifier: BSD-2-Clause
//! Processor exceptions as Linux delivers them: sorts faults of module code and of guarded copies
//! from bugs of this program; must not know what a fault means.

use std::cell::Cell;
use std::io;
use std::mem;
use std::ptr;
use std::sync::OnceLock;

use super::border;
use super::pcpu::Pcpu;
use super::spin;
use super::trap;

const SIGNALS: [libc::c_int; 6] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGILL,
    libc::SIGFPE,
    libc::SIGTRAP,
    spin::SIGNAL,
];
const ALTERNATE_STACK: usize = 64 << 10;

static PREVIOUS: OnceLock<Vec<libc::sigaction>> = OnceLock::new();

thread_local! {
    /// The page behind `%gs` while this host thread runs a machine.
    static PCPU: Cell<*mut Pcpu> = const { Cell::new(ptr::null_mut()) };
    static HAS_STACK: Cell<bool> = const { Cell::new(false) };
}

/// Lets faults of this host thread go to `pcpu`'s machine, or to nobody.
pub fn watch(pcpu: *mut Pcpu) {
    PREVIOUS.get_or_init(install);
    if !HAS_STACK.replace(true) {
        alternate_stack();
        spin::watch();
    }
    PCPU.set(pcpu);
}

fn install() -> Vec<libc::sigaction> {
    SIGNALS
        .iter()
        .map(|signal| {
            // SAFETY: the structures are plain data; the handler is async-signal-safe: it only
            // reads thread-local cells and rewrites the interrupted context.
            unsafe {
                let mut action: libc::sigaction = mem::zeroed();
                let mut previous: libc::sigaction = mem::zeroed();
                action.sa_sigaction = handler as *const () as usize;
                action.sa_flags =
                    libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER | libc::SA_RESTART;
                let failed = libc::sigaction(*signal, &action, &mut previous);
                assert_eq!(failed, 0, "sigaction: {}", io::Error::last_os_error());
                previous
            }
        })
        .collect()
}

/// The handler must not run on the stack that just overflowed. A host thread keeps its
/// alternate stack until the process ends: it may be needed by thread-exit code still.
fn alternate_stack() {
    // SAFETY: a fresh mapping that is handed to the kernel and never freed.
    unsafe {
        let prot = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let base = libc::mmap(ptr::null_mut(), ALTERNATE_STACK, prot, flags, -1, 0);
        assert_ne!(
            base,
            libc::MAP_FAILED,
            "alternate stack: {}",
            io::Error::last_os_error()
        );
        let stack = libc::stack_t {
            ss_sp: base,
            ss_flags: 0,
            ss_size: ALTERNATE_STACK,
        };
        let failed = libc::sigaltstack(&stack, ptr::null_mut());
        assert_eq!(failed, 0, "sigaltstack: {}", io::Error::last_os_error());
    }
}

extern "C" fn handler(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let pcpu = PCPU.get();
    if !pcpu.is_null() {
        // SAFETY: Linux passes a valid context, and PCPU is valid while it is set.
        let (gregs, pcpu) = unsafe {
            let context = &mut *context.cast::<libc::ucontext_t>();
            (&mut context.uc_mcontext.gregs, &mut *pcpu)
        };
        if signal == spin::SIGNAL {
            return spin::fired(pcpu, gregs);
        }
        // SAFETY: Linux passes a valid siginfo; si_addr is meaningful for these signals.
        let address = unsafe { (*info).si_addr() } as u64;
        if let Some(fixup) = border::copy_fixup(gregs[libc::REG_RIP as usize] as u64) {
            gregs[libc::REG_RIP as usize] = fixup as i64;
            gregs[libc::REG_RAX as usize] = address as i64;
            return;
        }
        if pcpu.in_module != 0 {
            trap::divert(pcpu, gregs, signal, address);
            return;
        }
    }
    if signal != spin::SIGNAL {
        forward(signal);
    }
}

/// Not ours: restores what was there before and lets the instruction fault again.
fn forward(signal: libc::c_int) {
    let index = SIGNALS.iter().position(|s| *s == signal);
    if let (Some(index), Some(previous)) = (index, PREVIOUS.get()) {
        // SAFETY: the structure came from sigaction(2).
        unsafe { libc::sigaction(signal, &previous[index], ptr::null_mut()) };
    }
}
