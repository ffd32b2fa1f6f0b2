// SPDX-License-Identifier: BSD-2-Clause
//! The binary `lab`: hands its arguments to the library and its verdict to the shell.

use std::process::ExitCode;

fn main() -> ExitCode {
    // SAFETY: nothing else runs yet, and the default disposition calls no function of ours. Who
    // stops reading, as `head` does, ends this program as it ends others.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    ipmi_lab::cli::main()
}
