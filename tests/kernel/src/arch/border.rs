// SPDX-License-Identifier: BSD-2-Clause
//! The border between module stacks and host stacks: import entry, calls into the module, thread
//! switches and copies that survive a bad address; must not know what crosses it.

use std::any::Any;
use std::arch::global_asm;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};

use super::pcpu;
use crate::args::Args;
use crate::imports;

// An import stub loads its index into r11 and jumps here on the module stack. The pushes build
// `Args`; then the thread continues on its host stack.
global_asm!(
    ".globl ipmi_kernel_import_entry",
    "ipmi_kernel_import_entry:",
    "push r9",
    "push r8",
    "push rcx",
    "push rdx",
    "push rsi",
    "push rdi",
    "mov rsi, rsp",
    "push rbx",
    "mov rbx, rsp",
    "mov gs:[{module_sp}], rsp",
    "mov gs:[{module_bp}], rbp",
    "mov rax, [rsp + 56]",
    "mov gs:[{caller}], rax",
    "mov qword ptr gs:[{in_module}], 0",
    "inc qword ptr gs:[{crossings}]",
    "mov rsp, gs:[{host_sp}]",
    "mov edi, r11d",
    "call {dispatch}",
    "mov qword ptr gs:[{in_module}], 1",
    "mov rsp, rbx",
    "pop rbx",
    "add rsp, 48",
    // What was pushed is soiled, too.
    "movabs r11, {soil}",
    "mov [rsp - 8], r11",
    "mov [rsp - 16], r11",
    "mov [rsp - 24], r11",
    "mov [rsp - 32], r11",
    "mov [rsp - 40], r11",
    "mov [rsp - 48], r11",
    "mov [rsp - 56], r11",
    "ret",
    soil = const u64::from_ne_bytes([SOIL; 8]),
    module_sp = const pcpu::MODULE_SP,
    module_bp = const pcpu::MODULE_BP,
    caller = const pcpu::CALLER,
    in_module = const pcpu::IN_MODULE,
    crossings = const pcpu::CROSSINGS,
    host_sp = const pcpu::HOST_SP,
    dispatch = sym dispatch,
);

// rdi = function, rsi = six register arguments, rdx = first stack argument, rcx = how many.
// The crossing words of the outer call are kept on the host stack, so calls nest.
global_asm!(
    ".globl ipmi_kernel_call_module",
    "ipmi_kernel_call_module:",
    "push rbp",
    "push rbx",
    "push r12",
    "push r13",
    "push r14",
    "push r15",
    "push gs:[{host_sp}]",
    "push gs:[{module_sp}]",
    "push gs:[{module_bp}]",
    "push gs:[{caller}]",
    "sub rsp, 8",
    "mov gs:[{host_sp}], rsp",
    "mov r10, rdi",
    "mov rsp, gs:[{module_sp}]",
    "and rsp, -16",
    "mov rbp, gs:[{module_bp}]",
    // An odd number of stack arguments would leave the stack misaligned at the call.
    "mov rax, rcx",
    "and rax, 1",
    "shl rax, 3",
    "sub rsp, rax",
    "2:",
    "test rcx, rcx",
    "jz 3f",
    "dec rcx",
    "push [rdx + rcx * 8]",
    "jmp 2b",
    "3:",
    "mov rdi, [rsi]",
    "mov rdx, [rsi + 16]",
    "mov rcx, [rsi + 24]",
    "mov r8, [rsi + 32]",
    "mov r9, [rsi + 40]",
    "mov rsi, [rsi + 8]",
    "xor eax, eax",
    "mov qword ptr gs:[{in_module}], 1",
    "call r10",
    ".globl ipmi_kernel_leave_module",
    "ipmi_kernel_leave_module:",
    "mov qword ptr gs:[{in_module}], 0",
    "mov rsp, gs:[{host_sp}]",
    "add rsp, 8",
    "pop gs:[{caller}]",
    "pop gs:[{module_bp}]",
    "pop gs:[{module_sp}]",
    "pop gs:[{host_sp}]",
    "pop r15",
    "pop r14",
    "pop r13",
    "pop r12",
    "pop rbx",
    "pop rbp",
    "ret",
    module_sp = const pcpu::MODULE_SP,
    module_bp = const pcpu::MODULE_BP,
    caller = const pcpu::CALLER,
    in_module = const pcpu::IN_MODULE,
    host_sp = const pcpu::HOST_SP,
);

// rdi = where to keep this thread's stack pointer, rsi = the next thread's.
global_asm!(
    ".globl ipmi_kernel_switch",
    "ipmi_kernel_switch:",
    "push rbp",
    "push rbx",
    "push r12",
    "push r13",
    "push r14",
    "push r15",
    "mov [rdi], rsp",
    "mov rsp, rsi",
    "pop r15",
    "pop r14",
    "pop r13",
    "pop r12",
    "pop rbx",
    "pop rbp",
    "ret",
    // A new thread's first switch returns here, 16-byte aligned, its entry point in r12.
    ".globl ipmi_kernel_first",
    "ipmi_kernel_first:",
    "call r12",
    "ud2",
);

// rdi = to, rsi = from, rdx = length; rdx = 1 and rax = address after a fault.
global_asm!(
    ".globl ipmi_kernel_copy",
    "ipmi_kernel_copy:",
    // Most copies are of one word, which string instructions take long to begin with.
    "cmp rdx, 8",
    "je 8f",
    "cmp rdx, 4",
    "je 4f",
    "mov rcx, rdx",
    "rep movsb",
    "xor edx, edx",
    "ret",
    "8:",
    "mov rcx, [rsi]",
    "mov [rdi], rcx",
    "xor edx, edx",
    "ret",
    "4:",
    "mov ecx, [rsi]",
    "mov [rdi], ecx",
    "xor edx, edx",
    "ret",
    // rdi = to, rsi = byte, rdx = length; ends in the same way.
    ".globl ipmi_kernel_fill",
    "ipmi_kernel_fill:",
    "mov eax, esi",
    "mov rcx, rdx",
    "rep stosb",
    "xor edx, edx",
    "ret",
    ".globl ipmi_kernel_copy_fault",
    "ipmi_kernel_copy_fault:",
    "mov edx, 1",
    "ret",
);

extern "C" {
    pub fn ipmi_kernel_import_entry();
    fn ipmi_kernel_call_module(f: u64, regs: *const u64, stack: *const u64, n: usize) -> u64;
    fn ipmi_kernel_leave_module() -> !;
    fn ipmi_kernel_switch(save: *mut u64, next: u64);
    fn ipmi_kernel_first();
    fn ipmi_kernel_copy(to: u64, from: u64, len: usize) -> Copied;
    fn ipmi_kernel_fill(to: u64, byte: u32, len: usize) -> Copied;
    fn ipmi_kernel_copy_fault();
}

#[repr(C)]
struct Copied {
    address: u64,
    faulted: u64,
}

impl Copied {
    fn result(self) -> Result<(), u64> {
        match self.faulted {
            0 => Ok(()),
            _ => Err(self.address),
        }
    }
}

thread_local! {
    /// A panic on its way from an import across module frames, which have no unwind tables, to
    /// the `call` that entered the module.
    static UNWINDING: RefCell<Option<Box<dyn Any + Send>>> = const { RefCell::new(None) };
}

/// Runs `f` below module frames; a panic skips them and goes on in the enclosing [`call`].
pub fn guard<R>(f: impl FnOnce() -> R) -> R {
    match panic::catch_unwind(AssertUnwindSafe(f)) {
        Ok(value) => value,
        Err(payload) => {
            UNWINDING.set(Some(payload));
            // SAFETY: module code is below us on this thread, so `call` stored HOST_SP; the
            // frames in between are module frames and import stubs, which own nothing.
            unsafe { ipmi_kernel_leave_module() }
        }
    }
}

/// What a module finds on its stack where it has written nothing,
const SOIL: u8 = 0xa7;
/// and how far below its stack pointer at a call and at an import: a few of its frames.
const SOILED: usize = 768;

/// Overwrites what is below the module's stack pointer, where nothing lives as a kernel has no red
/// zone, so that a variable which the module forgets to set does not happen to be zero.
fn soil(sp: u64) {
    let from = sp - SOILED as u64;
    // SAFETY: Rust owns nothing on a module stack, and the guard page at its end ends the filling.
    let _ = unsafe { fill(from, SOIL, SOILED) };
}

extern "C" fn dispatch(index: u32, args: *const Args) -> u64 {
    soil(args as u64 - 8);
    // SAFETY: the entry stub built the arguments on the module stack, which lives for the call.
    guard(|| imports::dispatch(index, unsafe { &*args }))
}

/// Calls `function` on the module stack below [`pcpu::MODULE_SP`].
pub fn call(function: u64, args: &[u64]) -> u64 {
    let mut regs = [0; 6];
    let in_regs = args.len().min(6);
    regs[..in_regs].copy_from_slice(&args[..in_regs]);
    let rest = &args[in_regs..];
    soil(pcpu::module_sp());
    // SAFETY: the running thread has a module stack and a valid crossing; the function obeys the
    // calling convention or faults, and faults come back as panics.
    let value =
        unsafe { ipmi_kernel_call_module(function, regs.as_ptr(), rest.as_ptr(), rest.len()) };
    if let Some(payload) = UNWINDING.take() {
        panic::resume_unwind(payload);
    }
    value
}

/// Leaves this thread, its stack pointer kept in `save`, for the one suspended at `next`.
///
/// # Safety
/// `next` must come from an earlier `save` or from [`prepare`] and not have been used since.
pub unsafe fn switch(save: *mut u64, next: u64) {
    // SAFETY: passed on to the caller.
    unsafe { ipmi_kernel_switch(save, next) }
}

/// Prepares the stack that ends at `top` so that switching to the result calls `entry`.
///
/// # Safety
/// `top` must be the 16-byte aligned end of writable memory owned by the new thread.
pub unsafe fn prepare(top: u64, entry: extern "C" fn() -> !) -> u64 {
    let first = ipmi_kernel_first as *const () as u64;
    // Two words stay above the return address so that the entry's call is aligned.
    let frame = [0, 0, 0, entry as usize as u64, 0, 0, first, 0, 0];
    let sp = top - 8 * frame.len() as u64;
    // SAFETY: inside the stack, by the contract above.
    unsafe { std::ptr::copy_nonoverlapping(frame.as_ptr(), sp as *mut u64, frame.len()) };
    sp
}

/// Copies `len` bytes. A fault at a bad address ends the copy and returns that address.
///
/// # Safety
/// Memory that Rust owns must be valid for the copy; only module memory may be invalid.
pub unsafe fn copy(to: u64, from: u64, len: usize) -> Result<(), u64> {
    // SAFETY: by the contract above; the signal handler turns faults into a return.
    unsafe { ipmi_kernel_copy(to, from, len) }.result()
}

/// Sets `len` bytes. A fault at a bad address ends it and returns that address.
///
/// # Safety
/// As for [`copy`].
pub unsafe fn fill(to: u64, value: u8, len: usize) -> Result<(), u64> {
    // SAFETY: by the contract above; the signal handler turns faults into a return.
    unsafe { ipmi_kernel_fill(to, value.into(), len) }.result()
}

/// If `rip` is in [`copy`] or [`fill`]: where to continue with the faulting address in rax.
pub fn copy_fixup(rip: u64) -> Option<u64> {
    let begin = ipmi_kernel_copy as *const () as u64;
    let end = ipmi_kernel_copy_fault as *const () as u64;
    (begin..end).contains(&rip).then_some(end)
}
