// SPDX-License-Identifier: BSD-2-Clause
//! The binary `lab` among other programs of a shell. Must not know what it prints.

use std::process::Command;

#[test]
fn a_reader_that_goes_away_ends_it_without_a_word() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let lab = Command::new(env!("CARGO_BIN_EXE_lab"))
        .arg("list")
        .stdout(writer)
        .output()
        .expect("it starts");
    assert_eq!(String::from_utf8_lossy(&lab.stderr), "");
    assert_eq!(lab.status.code(), None, "by SIGPIPE: {}", lab.status);
}
