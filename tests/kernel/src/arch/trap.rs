// SPDX-License-Identifier: BSD-2-Clause
//! A fault of module code turned into a call: the signal handler moves the thread to its host
//! stack, the kernel looks at the saved registers, and the module goes on with them; must not
//! know devices.

use std::arch::global_asm;
use std::mem::{offset_of, size_of};

use super::border;
use super::pcpu::{self, Pcpu};

/// The module's registers at the fault. The kernel may change any of them.
#[repr(C, align(16))]
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// In the order in which instructions number them: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi,
    /// r8 to r15.
    pub regs: [u64; 16],
    pub rip: u64,
    pub flags: u64,
    /// The address that faulted, 0 if the processor did not tell.
    pub address: u64,
    /// The Linux signal.
    pub signal: u64,
    /// The processor's error code: 2 is a write, 16 an instruction fetch.
    pub error: u64,
    _pad: u64,
}

pub const RAX: usize = 0;
pub const RDX: usize = 2;
pub const RSP: usize = 4;
pub const RBP: usize = 5;

const REGISTERS: [libc::c_int; 16] = [
    libc::REG_RAX,
    libc::REG_RCX,
    libc::REG_RDX,
    libc::REG_RBX,
    libc::REG_RSP,
    libc::REG_RBP,
    libc::REG_RSI,
    libc::REG_RDI,
    libc::REG_R8,
    libc::REG_R9,
    libc::REG_R10,
    libc::REG_R11,
    libc::REG_R12,
    libc::REG_R13,
    libc::REG_R14,
    libc::REG_R15,
];

// Entered from the signal handler with rsp = the frame on the host stack. Leaves through a
// memory word because every register belongs to the module again by then; the module is built
// without a red zone but nothing is pushed on its stack anyway.
global_asm!(
    ".globl ipmi_kernel_trap",
    "ipmi_kernel_trap:",
    "mov rdi, rsp",
    "call {dispatch}",
    "ipmi_kernel_resume:",
    "mov rax, [rsp + {rip}]",
    "mov gs:[{resume}], rax",
    "mov qword ptr gs:[{in_module}], 1",
    "mov rax, [rsp]",
    "mov rcx, [rsp + 8]",
    "mov rdx, [rsp + 16]",
    "mov rbx, [rsp + 24]",
    "mov rbp, [rsp + 40]",
    "mov rsi, [rsp + 48]",
    "mov rdi, [rsp + 56]",
    "mov r8, [rsp + 64]",
    "mov r9, [rsp + 72]",
    "mov r10, [rsp + 80]",
    "mov r11, [rsp + 88]",
    "mov r12, [rsp + 96]",
    "mov r13, [rsp + 104]",
    "mov r14, [rsp + 112]",
    "mov r15, [rsp + 120]",
    "push [rsp + {flags}]",
    "popfq",
    "mov rsp, [rsp + 32]",
    "jmp gs:[{resume}]",
    dispatch = sym dispatch,
    rip = const offset_of!(Frame, rip),
    flags = const offset_of!(Frame, flags),
    resume = const pcpu::RESUME,
    in_module = const pcpu::IN_MODULE,
);

// Entered by the call that replaced a port instruction: on the module's stack are the return
// address and the instruction's number. Builds the frame that a trap would have built, with the
// number in place of the address, and leaves as a trap does.
global_asm!(
    ".globl ipmi_kernel_port",
    "ipmi_kernel_port:",
    "pushfq",
    "mov gs:[{scratch}], rax",
    "mov rax, gs:[{host_sp}]",
    "lea rax, [rax - {size}]",
    "mov [rax + 8], rcx",
    "mov [rax + 16], rdx",
    "mov [rax + 24], rbx",
    "mov [rax + 40], rbp",
    "mov [rax + 48], rsi",
    "mov [rax + 56], rdi",
    "mov [rax + 64], r8",
    "mov [rax + 72], r9",
    "mov [rax + 80], r10",
    "mov [rax + 88], r11",
    "mov [rax + 96], r12",
    "mov [rax + 104], r13",
    "mov [rax + 112], r14",
    "mov [rax + 120], r15",
    "mov rcx, gs:[{scratch}]",
    "mov [rax], rcx",
    "pop [rax + {flags}]",
    "pop [rax + {rip}]",
    "pop [rax + {address}]",
    "mov [rax + 32], rsp",
    "mov gs:[{module_sp}], rsp",
    "mov gs:[{module_bp}], rbp",
    "mov qword ptr gs:[{in_module}], 0",
    "inc qword ptr gs:[{crossings}]",
    "mov rsp, rax",
    "mov rdi, rax",
    "cld",
    "call {dispatch}",
    "jmp ipmi_kernel_resume",
    dispatch = sym port_dispatch,
    size = const size_of::<Frame>(),
    rip = const offset_of!(Frame, rip),
    flags = const offset_of!(Frame, flags),
    address = const offset_of!(Frame, address),
    scratch = const pcpu::SCRATCH,
    host_sp = const pcpu::HOST_SP,
    module_sp = const pcpu::MODULE_SP,
    module_bp = const pcpu::MODULE_BP,
    in_module = const pcpu::IN_MODULE,
    crossings = const pcpu::CROSSINGS,
);

extern "C" {
    fn ipmi_kernel_trap();
    fn ipmi_kernel_port();
}

/// What the call in place of a port instruction calls.
pub fn port_entry() -> u64 {
    ipmi_kernel_port as *const () as u64
}

extern "C" fn port_dispatch(frame: *mut Frame) {
    // SAFETY: the entry wrote the frame right above this call's stack.
    border::guard(|| crate::registers::rewritten(unsafe { &mut *frame }));
}

/// Makes the interrupted thread continue in [`dispatch`] on its host stack. Runs in the signal
/// handler.
pub fn divert(pcpu: &mut Pcpu, gregs: &mut [i64; 23], signal: libc::c_int, address: u64) {
    let reg = |n: libc::c_int| gregs[n as usize] as u64;
    let frame = Frame {
        regs: REGISTERS.map(reg),
        rip: reg(libc::REG_RIP),
        flags: reg(libc::REG_EFL),
        address,
        signal: signal as u64,
        error: reg(libc::REG_ERR),
        _pad: 0,
    };
    let at = pcpu.crossing.host_sp - size_of::<Frame>() as u64;
    // SAFETY: module code runs only below a call that left host_sp, 16-byte aligned, at the end
    // of the thread's free host stack, which has room for far more than a frame.
    unsafe { (at as *mut Frame).write(frame) };
    pcpu.crossing.module_sp = frame.regs[RSP];
    pcpu.crossing.module_bp = frame.regs[RBP];
    pcpu.crossing.caller = frame.rip;
    pcpu.in_module = 0;
    pcpu.crossings += 1;
    gregs[libc::REG_RSP as usize] = at as i64;
    gregs[libc::REG_RIP as usize] = ipmi_kernel_trap as *const () as i64;
    // The string instructions of Rust code expect a clear direction flag.
    gregs[libc::REG_EFL as usize] &= !0x400;
}

extern "C" fn dispatch(frame: *mut Frame) {
    // SAFETY: `divert` wrote the frame right above this call's stack.
    border::guard(|| crate::fault::handle(unsafe { &mut *frame }));
}
