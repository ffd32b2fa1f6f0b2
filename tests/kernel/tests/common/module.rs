// SPDX-License-Identifier: BSD-2-Clause
//! Compiles the test module and calls its functions; must not know what they do wrong.

use std::path::PathBuf;
use std::process::Command;

use ipmi_kernel::check::Kind;
use ipmi_kernel::loader::{self, LoadError};
use ipmi_kernel::{call, with, Machine};

/// Compiles the test module with `defines` added; `name` keeps variants apart.
pub fn compile(name: &str, defines: &[&str]) -> PathBuf {
    compile_source("faulty.c", name, defines)
}

/// Compiles one of the C files beside this one.
pub fn compile_source(source: &str, name: &str, defines: &[&str]) -> PathBuf {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common");
    let source = PathBuf::from(directory).join(source);
    let object = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.ko"));
    let flags = "-target x86_64-unknown-freebsd15.0 -O1 -ffreestanding -mcmodel=kernel \
        -mno-red-zone -mno-mmx -mno-sse -msoft-float -fno-omit-frame-pointer -fno-common \
        -fno-asynchronous-unwind-tables -fno-builtin -w -c";
    let compiler = std::env::var("CLANG").unwrap_or_else(|_| "clang-19".to_string());
    let status = Command::new(&compiler)
        .args(flags.split_whitespace())
        .args(defines.iter().map(|define| format!("-D{define}")))
        .arg(source)
        .arg("-o")
        .arg(&object)
        .status()
        .unwrap_or_else(|e| panic!("{compiler}: {e}"));
    assert!(status.success(), "{compiler} failed");
    object
}

/// Loads the module into `machine`; the number of the image.
pub fn load(machine: &mut Machine, name: &str) -> u32 {
    let path = compile(name, &["KERNEL=1500068"]);
    machine
        .execute("load", move || loader::load(&path))
        .unwrap()
        .unwrap()
}

/// What loading gives with these defines.
pub fn try_load(machine: &mut Machine, name: &str, defines: &[&str]) -> Result<u32, LoadError> {
    let path = compile(name, defines);
    machine
        .execute("load", move || loader::load(&path))
        .unwrap()
}

/// Calls a function of image `id`, on a thread.
pub fn run(id: u32, function: &str, args: &[u64]) -> u64 {
    let address = with(|k| k.image(id).and_then(|image| image.address(function)));
    call::module(
        address.unwrap_or_else(|| panic!("no {function} in the module")),
        args,
    )
}

/// Lets a function of the module break a rule.
pub fn provoke(kind: Kind, words: &[&str], function: &'static str, args: &'static [u64]) {
    let mut machine = super::machine(1);
    let id = load(&mut machine, function);
    let _ = machine.execute("test", move || run(id, function, args));
    let found = machine.violations();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].kind, kind, "{found:#?}");
    for words in words {
        assert!(found[0].text.contains(words), "{words}: {found:#?}");
    }
}
