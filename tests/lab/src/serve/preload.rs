// SPDX-License-Identifier: BSD-2-Clause
//! The preload library: where it is and how a program gets it. Must not know what it does.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{bail, Context, Result};

use super::protocol::SOCKET_VARIABLE;

const LIBRARY: &str = "libipmi_preload.so";

/// Cargo puts it next to the lab, or a directory above the test programs.
fn library() -> Result<PathBuf> {
    let lab = std::env::current_exe().context("where is this program?")?;
    let mut directories = lab.ancestors().skip(1).take(2);
    match directories.find_map(|d| Some(d.join(LIBRARY)).filter(|path| path.exists())) {
        Some(path) => Ok(path),
        None => bail!("{LIBRARY} is not next to the lab: cargo build --package ipmi-preload"),
    }
}

/// Has `command` find /dev/ipmi0 at `socket`.
pub fn lead(command: &mut Command, socket: &Path) -> Result<()> {
    command
        .env("LD_PRELOAD", library()?)
        .env(SOCKET_VARIABLE, socket);
    Ok(())
}

/// The same for a shell.
pub fn environment(socket: &Path) -> Result<String> {
    Ok(format!(
        "LD_PRELOAD={} {SOCKET_VARIABLE}={}",
        library()?.display(),
        socket.display()
    ))
}
