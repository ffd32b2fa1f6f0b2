// SPDX-License-Identifier: BSD-2-Clause
//! The per-processor page behind `%gs`: FreeBSD's `struct pcpu` as far as modules look into it,
//! and this kernel's own words a page above; must not know who schedules.

use std::cell::Cell;
use std::io;
use std::ptr;

/// Where the private words begin; FreeBSD's structure is far smaller than a page.
pub const PRIVATE: usize = 0x1000;
/// Stack pointer to continue on when module code calls the kernel.
pub const HOST_SP: usize = PRIVATE;
/// Module stack pointer at the last crossing into the kernel.
pub const MODULE_SP: usize = PRIVATE + 8;
/// Module frame pointer at the last crossing into the kernel.
pub const MODULE_BP: usize = PRIVATE + 16;
/// The module address that the last crossing will return to.
pub const CALLER: usize = PRIVATE + 24;
/// 1 while module code executes.
pub const IN_MODULE: usize = PRIVATE + 32;
/// Where a trap continues; a memory word, because no register is free by then.
pub const RESUME: usize = PRIVATE + 40;

/// How often module code was left, for an alarm on code that never leaves.
pub const CROSSINGS: usize = PRIVATE + 48;
/// Room for one register while there is no other.
pub const SCRATCH: usize = PRIVATE + 56;

/// What a thread takes along when it leaves the processor.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Crossing {
    pub host_sp: u64,
    pub module_sp: u64,
    pub module_bp: u64,
    pub caller: u64,
}

/// The two pages. Addressed by `%gs`, so the layout is fixed.
#[repr(C, align(4096))]
pub struct Pcpu {
    /// `pc_curthread`, the only word of the real structure that modules read by offset.
    pub curthread: u64,
    _freebsd: [u64; PRIVATE / 8 - 1],
    pub crossing: Crossing,
    pub in_module: u64,
    pub resume: u64,
    pub crossings: u64,
    scratch: u64,
    _pad: [u64; 504],
}

thread_local! {
    /// Where this host thread's `%gs` points.
    static LOADED: Cell<*mut Pcpu> = const { Cell::new(ptr::null_mut()) };
}

/// The running thread's [`MODULE_SP`].
pub fn module_sp() -> u64 {
    let sp;
    // SAFETY: reads a word of the page that `%gs` points to, which outlives every thread on it.
    unsafe {
        std::arch::asm!("mov {}, gs:[{at}]", out(reg) sp, at = const MODULE_SP,
            options(nostack, preserves_flags, readonly));
    }
    sp
}

impl Pcpu {
    pub fn new() -> Box<Pcpu> {
        // SAFETY: all fields are integers, for which zero is valid.
        unsafe { Box::<Pcpu>::new_zeroed().assume_init() }
    }

    /// Points this host thread's `%gs` here. Rust on Linux keeps its thread-local data behind
    /// `%fs`, so nothing else cares.
    pub fn load(&mut self) {
        const ARCH_SET_GS: libc::c_int = 0x1001;
        // A host thread that looks at its machine again and again finds it there already.
        if LOADED.replace(self) == self {
            return;
        }
        // SAFETY: changes the base of a segment that nothing but this crate's assembly uses.
        let failed = unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_SET_GS, self as *mut Pcpu) };
        assert_eq!(failed, 0, "arch_prctl: {}", io::Error::last_os_error());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::{offset_of, size_of};

    #[test]
    fn the_assembly_and_the_structure_agree() {
        assert_eq!(offset_of!(Pcpu, crossing), HOST_SP);
        assert_eq!(HOST_SP + offset_of!(Crossing, module_sp), MODULE_SP);
        assert_eq!(HOST_SP + offset_of!(Crossing, module_bp), MODULE_BP);
        assert_eq!(HOST_SP + offset_of!(Crossing, caller), CALLER);
        assert_eq!(offset_of!(Pcpu, in_module), IN_MODULE);
        assert_eq!(offset_of!(Pcpu, resume), RESUME);
        assert_eq!(offset_of!(Pcpu, crossings), CROSSINGS);
        assert_eq!(offset_of!(Pcpu, scratch), SCRATCH);
        assert_eq!(size_of::<Pcpu>(), 8192);
    }
}
