// SPDX-License-Identifier: BSD-2-Clause
//! The binary `lab`: hands its arguments to the library and its verdict to the shell.

use std::process::ExitCode;

fn main() -> ExitCode {
    ipmi_lab::cli::main()
}
