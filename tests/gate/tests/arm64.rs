// SPDX-License-Identifier: BSD-2-Clause
//! The rules of the gate that are others on arm64, each against a module that breaks that rule
//! and no other, and one that comes as close as is allowed.

mod shared;
mod verdict;

use ipmi_gate::{Rule, FRAME_LIMIT};
use object::elf::*;
use shared::{Shared, PLAIN};

const RET: u32 = 0xd65f_03c0;

#[test]
fn a_plain_module_passes() {
    assert_eq!(Shared::good().findings(), []);
}

#[test]
fn the_relocations_of_the_kernel_pass_and_others_fail() {
    for r_type in [R_AARCH64_ABS64, R_AARCH64_GLOB_DAT, R_AARCH64_JUMP_SLOT] {
        let mut shared = Shared::good();
        shared.import("wakeup", r_type);
        assert_eq!(shared.findings(), []);
    }
    for (r_type, name) in [
        (
            R_AARCH64_TLSDESC,
            "R_AARCH64_TLSDESC at .data+0x0 to wakeup",
        ),
        (R_AARCH64_ABS32, "type 258 "),
    ] {
        let mut shared = Shared::good();
        shared.import("wakeup", r_type);
        shared.breaks(Rule::Relocation, name);
    }
}

#[test]
fn an_import_fails_where_only_amd64_has_it() {
    for symbol in ["nmi_register_handler", "bios_sigsearch", "pthread_create"] {
        let mut shared = Shared::good();
        shared.import(symbol, R_AARCH64_JUMP_SLOT);
        shared.breaks(Rule::Import, symbol);
    }
    let mut shared = Shared::good();
    shared.import("pmap_unmapbios", R_AARCH64_JUMP_SLOT);
    assert_eq!(shared.findings(), []);
}

#[test]
fn a_set_that_is_missing_or_not_to_be_found_fails() {
    for what in [
        "set_sysctl_set",
        "__start_set_sysinit_set",
        "__stop_set_sysctl_set",
    ] {
        Shared::without(what).breaks(Rule::LinkerSet, what);
    }
    let mut shared = Shared::good();
    shared.hash = false;
    shared.breaks(Rule::Sections, ".hash is missing");
}

#[test]
fn vector_and_floating_point_instructions_fail() {
    for word in [
        0x1e60_2821, // fadd d1, d1, d0
        0x4ee1_8400, // add v0.2d, v0.2d, v1.2d
        0x3dc0_0000, // ldr q0, [x0]
        0x6d01_07e0, // stp d0, d1, [sp, #16]
        0x0420_0000, // add z0.b, p0/m, z0.b, z0.b
        0xfd40_03e0, // ldr d0, [sp]
        0x4c40_7000, // ld1 {v0.16b}, [x0]
    ] {
        let mut shared = Shared::good();
        shared.function("wait_for_obf", &[word, RET]);
        shared.breaks(
            Rule::Instruction,
            "(floating point or vector) at wait_for_obf+0x0",
        );
    }
}

#[test]
fn the_kernels_register_is_read_and_never_written() {
    for word in [
        0xf940_0240, // ldr x0, [x18]
        0xaa12_03e0, // mov x0, x18
        0x9100_4240, // add x0, x18, #16
        0xeb12_001f, // cmp x0, x18
        0xfa52_0802, // ccmp x0, x18, #2, eq
    ] {
        let mut shared = Shared::good();
        shared.function("curthread", &[word, RET]);
        assert_eq!(shared.findings(), [], "{word:#x}");
    }
    for word in [
        0xd280_0032, // mov x18, #1
        0xaa00_03f2, // mov x18, x0
        0xf940_0012, // ldr x18, [x0]
        0xf940_0252, // ldr x18, [x18]
        0xa940_4811, // ldp x17, x18, [x0]
        0xf840_8640, // ldr x0, [x18], #8
        0xf820_0012, // ldadd x0, x18, [x0]
        0xc812_7c01, // stxr w18, x1, [x0]
        0xd53b_d052, // mrs x18, tpidr_el0
        0x9a9f_17f2, // cset x18, eq
    ] {
        let mut shared = Shared::good();
        shared.function("borrow", &[word, RET]);
        shared.breaks(
            Rule::Instruction,
            "(writes x18, which is the kernel's) at borrow+0x0",
        );
    }
}

/// `stp x29, x30, [sp, #-32]!; sub sp, sp, #bytes; add x29, sp, #bytes; sub sp, x29, #bytes;
/// add sp, sp, #bytes; ldp x29, x30, [sp], #32; ret`
fn frame(bytes: u64) -> Vec<u32> {
    let amount = (bytes as u32) << 10;
    vec![
        0xa9be_7bfd,
        0xd100_03ff | amount,
        0x9100_03fd | amount,
        0xd100_03bf | amount,
        0x9100_03ff | amount,
        0xa8c2_7bfd,
        RET,
    ]
}

#[test]
fn a_frame_over_the_limit_fails() {
    let mut shared = Shared::good();
    shared.function("deep", &frame(FRAME_LIMIT - 32));
    assert_eq!(shared.findings(), []);
    shared.function("deeper", &frame(FRAME_LIMIT - 16));
    let words = format!("deeper takes {} bytes", FRAME_LIMIT + 16);
    shared.breaks(Rule::Frame, &words);
}

#[test]
fn a_frame_on_one_branch_counts() {
    // cbz x0, ret; b.eq ret; tbz w0, #0, ret; str x0, [sp, #-256]! four times; brk
    for branch in [0xb400_00c0, 0x5400_00c0, 0x3600_00c0, 0x1400_0006] {
        let mut code = vec![branch];
        code.extend([0xf810_0fe0; 5]);
        code.extend([RET, 0xd420_0020]);
        let mut shared = Shared::good();
        shared.function("branch", &code);
        shared.breaks(Rule::Frame, "branch takes 1280 bytes");
    }
}

#[test]
fn a_stack_pointer_moved_by_a_variable_fails() {
    for word in [
        0xcb20_63ff, // sub sp, sp, x0
        0x9100_001f, // mov sp, x0
        0x927c_ec1f, // and sp, x0, #0xfffffffffffffff0
    ] {
        let mut shared = Shared::good();
        shared.function("alloca", &[word, RET]);
        shared.breaks(Rule::Frame, "alloca+0x0 moves the stack pointer");
    }
}

#[test]
fn a_panic_names_who_calls_it() {
    let mut shared = Shared::good();
    shared.function("core::panicking::panic_fmt", PLAIN);
    // bl, four instructions back
    shared.function("queue_push", &[0x97ff_fffc, RET]);
    shared.breaks(
        Rule::Panic,
        "core::panicking::panic_fmt is reached from queue_push+0x0",
    );
}
