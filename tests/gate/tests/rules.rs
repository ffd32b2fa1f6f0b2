// SPDX-License-Identifier: BSD-2-Clause
//! Each rule of the gate against a module that breaks that rule and no other, and one that
//! comes as close as is allowed. Knows the rules from their messages only.

mod sample;
mod verdict;

use ipmi_gate::{check, Generation, Rule, FRAME_LIMIT, SIZE_LIMIT};
use object::elf::{
    R_X86_64_32, R_X86_64_32S, R_X86_64_64, R_X86_64_GOTPCREL, R_X86_64_PC32, R_X86_64_PLT32,
    SHF_ALLOC, SHF_EXECINSTR, SHF_WRITE,
};
use sample::{Sample, DEPEND, MODULE, PLAIN, SETS, VERSION};

/// `push rbp; mov rbp, rsp; sub rsp, bytes; add rsp, bytes; pop rbp; ret`
fn frame(bytes: u32) -> Vec<u8> {
    let mut code = vec![0x55, 0x48, 0x89, 0xe5, 0x48, 0x81, 0xec];
    code.extend(bytes.to_le_bytes());
    code.extend([0x48, 0x81, 0xc4]);
    code.extend(bytes.to_le_bytes());
    code.extend([0x5d, 0xc3]);
    code
}

#[test]
fn a_plain_module_passes() {
    assert_eq!(Sample::good().findings(), []);
}

#[test]
fn the_four_relocations_of_the_kernel_pass() {
    let mut sample = Sample::good();
    let import = sample.import("wakeup");
    let at = sample
        .object
        .append_section_data(sample.text, &[0xc3; 32], 16);
    for (i, r_type) in [R_X86_64_64, R_X86_64_PC32, R_X86_64_PLT32, R_X86_64_32S]
        .into_iter()
        .enumerate()
    {
        sample.relocate(sample.text, at + 8 * i as u64, r_type, import);
    }
    assert_eq!(sample.findings(), []);
}

#[test]
fn other_relocations_fail() {
    for (r_type, name) in [
        (R_X86_64_GOTPCREL, "GOTPCREL"),
        (R_X86_64_32, "R_X86_64_32 "),
    ] {
        let mut sample = Sample::good();
        let import = sample.import("bootverbose");
        sample.relocate(sample.text, 1, r_type, import);
        sample.breaks(Rule::Relocation, name);
        sample.breaks(Rule::Relocation, "ipmi_attach+0x1 to bootverbose");
    }
}

#[test]
fn an_import_the_kernel_lacks_fails_by_name() {
    let mut sample = Sample::good();
    sample.import("pthread_create");
    sample.breaks(Rule::Import, "pthread_create");
}

#[test]
fn an_import_of_a_later_kernel_fails_on_an_earlier_one() {
    let mut sample = Sample::with(&SETS, &[(1, "kernel", 1_400_097), MODULE, VERSION]);
    sample.import("nmi_register_handler");
    let (findings, _) = check(&sample.write(), Generation::Freebsd14).unwrap();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].rule, Rule::Import);
}

#[test]
fn bounds_of_a_set_are_imports_only_with_the_set() {
    let mut sample = Sample::good();
    sample.import("__start_set_sysctl_set");
    assert_eq!(sample.findings(), []);
    sample.import("__start_set_other");
    sample.breaks(Rule::Import, "__start_set_other");
}

#[test]
fn what_the_linux_emulation_offers_needs_a_dependence_on_it() {
    let symbol = "linux_ioctl_register_handler";
    let mut sample = Sample::good();
    sample.import(symbol);
    sample.breaks(Rule::Import, symbol);
    let linux = (DEPEND.0, "linux", 1);
    let mut sample = Sample::with(&SETS, &[DEPEND, MODULE, VERSION, linux]);
    sample.import(symbol);
    assert_eq!(sample.findings(), []);
}

#[test]
fn bcmp_and_wide_division_fail() {
    for helper in ["bcmp", "__udivti3", "__modti3"] {
        let mut sample = Sample::good();
        sample.import(helper);
        sample.breaks(Rule::Helper, helper);
        let mut sample = Sample::good();
        sample.function(helper, PLAIN);
        sample.breaks(Rule::Helper, helper);
    }
}

#[test]
fn vector_and_floating_point_instructions_fail() {
    let forbidden: [(&[u8], &str); 5] = [
        (&[0x0f, 0x28, 0xc1, 0xc3], "Movaps (SSE)"),
        (&[0xf2, 0x0f, 0x58, 0xc1, 0xc3], "Addsd (SSE2)"),
        (&[0xc5, 0xf4, 0x58, 0xc2, 0xc3], "Vaddps (AVX)"),
        (&[0xd9, 0xe8, 0xc3], "Fld1 (FPU)"),
        (&[0x0f, 0xef, 0xc0, 0xc3], "Pxor (MMX)"),
    ];
    for (code, words) in forbidden {
        let mut sample = Sample::good();
        sample.function("wait_for_obf", code);
        sample.breaks(Rule::Instruction, words);
        sample.breaks(Rule::Instruction, "wait_for_obf+0x0");
    }
}

#[test]
fn fences_and_pauses_pass() {
    let mut sample = Sample::good();
    // mfence; lfence; sfence; pause; ret
    let code = [
        0x0f, 0xae, 0xf0, 0x0f, 0xae, 0xe8, 0x0f, 0xae, 0xf8, 0xf3, 0x90, 0xc3,
    ];
    sample.function("barrier", &code);
    assert_eq!(sample.findings(), []);
}

#[test]
fn instructions_of_any_executable_section_count() {
    let mut sample = Sample::good();
    let section = sample.section(".text.unlikely", SHF_ALLOC | SHF_EXECINSTR);
    sample
        .object
        .append_section_data(section, &[0x0f, 0x28, 0xc1, 0xc3], 16);
    sample.breaks(Rule::Instruction, ".text.unlikely+0x0");
}

#[test]
fn a_missing_linker_set_fails() {
    for missing in SETS {
        let sets: Vec<&str> = SETS.into_iter().filter(|set| *set != missing).collect();
        Sample::with(&sets, &[DEPEND, MODULE, VERSION]).breaks(Rule::LinkerSet, missing);
    }
}

#[test]
fn the_handler_of_linux_ioctls_has_no_sysctls() {
    let without: Vec<&str> = SETS
        .into_iter()
        .filter(|set| *set != "set_sysctl_set")
        .collect();
    let handler = (VERSION.0, "ipmi_linux", 1);
    let records = [DEPEND, MODULE, handler];
    assert_eq!(Sample::with(&without, &records).findings(), []);
    let driver = [DEPEND, MODULE, VERSION];
    Sample::with(&without, &driver).breaks(Rule::LinkerSet, "set_sysctl_set");
}

#[test]
fn a_way_to_a_panic_fails_and_names_the_caller() {
    let mut sample = Sample::good();
    let panic = sample.function("_ZN4core9panicking9panic_fmt17h0123456789abcdefE", PLAIN);
    // call panic_fmt; ret
    sample.function("queue_push", &[0xe8, 0, 0, 0, 0, 0xc3]);
    let call = 0x20;
    sample.relocate(sample.text, call + 1, R_X86_64_PLT32, panic);
    sample.breaks(
        Rule::Panic,
        "core::panicking::panic_fmt is reached from queue_push+0x1",
    );
}

#[test]
fn a_call_to_a_panic_that_needs_no_relocation_is_seen() {
    let mut sample = Sample::good();
    sample.function("_ZN4core9panicking5panic17h0123456789abcdefE", PLAIN);
    // call -0x15: back to the function 16 bytes earlier
    sample.function("queue_pop", &[0xe8, 0xeb, 0xff, 0xff, 0xff, 0xc3]);
    sample.breaks(
        Rule::Panic,
        "core::panicking::panic is reached from queue_pop+0x0",
    );
}

#[test]
fn a_panic_handler_fails_even_as_an_import() {
    let mut sample = Sample::good();
    sample.import("rust_begin_unwind");
    let rules: Vec<Rule> = sample
        .findings()
        .iter()
        .map(|finding| finding.rule)
        .collect();
    assert!(rules.contains(&Rule::Panic), "{rules:?}");
}

#[test]
fn a_frame_at_the_limit_passes_and_above_fails() {
    let saved_rbp = 8;
    let limit = FRAME_LIMIT as u32 - saved_rbp;
    let mut sample = Sample::good();
    sample.function("ipmi_ioctl", &frame(limit));
    assert_eq!(sample.findings(), []);
    sample.function("ipmi_poll", &frame(limit + 1));
    sample.breaks(Rule::Frame, "ipmi_poll takes 1025 bytes");
}

#[test]
fn a_deep_frame_on_one_branch_only_fails() {
    let mut code = vec![0x85, 0xff, 0x74, 0x01, 0xc3]; // test edi, edi; je +1; ret
    code.extend(frame(4096));
    let mut sample = Sample::good();
    sample.function("rare", &code);
    sample.breaks(Rule::Frame, "rare takes 4104 bytes");
}

#[test]
fn a_deep_frame_behind_a_jump_table_fails() {
    let mut code = vec![0xff, 0xe0]; // jmp rax
    code.extend(frame(4096));
    let mut sample = Sample::good();
    sample.function("dispatch", &code);
    sample.breaks(Rule::Frame, "dispatch takes 4104 bytes");
}

#[test]
fn two_halves_of_a_function_do_not_add_up() {
    let mut code = vec![0x85, 0xff, 0x74, 0x14]; // test edi, edi; je second
    code.extend(frame(600));
    code.extend(frame(600));
    code[3] = frame(600).len() as u8;
    let mut sample = Sample::good();
    sample.function("either", &code);
    assert_eq!(sample.findings(), []);
}

#[test]
fn a_variable_stack_pointer_fails() {
    let mut sample = Sample::good();
    sample.function("alloca", &[0x48, 0x29, 0xc4, 0xc3]); // sub rsp, rax; ret
    sample.breaks(Rule::Frame, "alloca+0x0 moves the stack pointer");
}

#[test]
fn a_file_over_the_limit_fails() {
    let mut sample = Sample::good();
    let data = sample.section(".data.big", SHF_ALLOC | SHF_WRITE);
    sample
        .object
        .append_section_data(data, &vec![0; SIZE_LIMIT], 8);
    sample.breaks(Rule::Size, "262144 allowed");
}

#[test]
fn module_metadata_must_be_there_once() {
    let records = |records: &[sample::Record]| Sample::with(&SETS, records);
    records(&[DEPEND, MODULE]).breaks(Rule::Metadata, "no version record");
    records(&[DEPEND, VERSION]).breaks(Rule::Metadata, "no module record");
    records(&[MODULE, VERSION]).breaks(Rule::Metadata, "no dependence");
    records(&[DEPEND, MODULE, VERSION, VERSION])
        .breaks(Rule::Metadata, "2 version records for ipmi");
    records(&[DEPEND, MODULE, MODULE, VERSION]).breaks(Rule::Metadata, "2 module records for ipmi");
}

#[test]
fn metadata_of_another_generation_fails() {
    let sample = Sample::with(&SETS, &[(1, "kernel", 1_400_097), MODULE, VERSION]);
    sample.breaks(Rule::Metadata, "built for FreeBSD 15");
    let (findings, _) = check(&sample.write(), Generation::Freebsd14).unwrap();
    assert_eq!(findings, []);
}

#[test]
fn writable_code_fails() {
    let mut sample = Sample::good();
    sample.section(".text.patch", SHF_ALLOC | SHF_WRITE | SHF_EXECINSTR);
    sample.breaks(Rule::Sections, "both writable and executable");
}

#[test]
fn unwinding_tables_fail() {
    let mut sample = Sample::good();
    sample.section(".eh_frame", SHF_ALLOC);
    sample.breaks(Rule::Sections, ".eh_frame");
}

#[test]
fn what_is_no_module_cannot_be_judged() {
    assert!(check(b"#!/bin/sh\n", Generation::Freebsd15).is_err());
    let mut executable = Sample::good().write();
    executable[16] = 2; // e_type: ET_EXEC
    assert!(check(&executable, Generation::Freebsd15).is_err());
}
