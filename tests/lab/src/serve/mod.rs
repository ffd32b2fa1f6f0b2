// SPDX-License-Identifier: BSD-2-Clause
//! Live clients: the software kernel on the real clock offers its /dev/ipmi0 to unmodified Linux
//! programs. Must not know what these programs are.

pub mod clients;
pub mod house;
pub mod listen;
mod machine;
pub mod preload;
pub mod protocol;
mod qemu;
mod visitor;

pub use machine::{Modules, Peer};

use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

use house::{Door, Remains};

/// `lab serve`: at `socket` until the machine ends.
pub fn serve(modules: &Modules, peer: Peer, socket: &Path) -> Result<Remains> {
    let (door, keeper) = house::open(machine::plan(modules, peer)?)?;
    listen::listen(socket, door)?;
    println!(
        "/dev/ipmi0 is at {}; programs find it with",
        socket.display()
    );
    println!("  {}", preload::environment(socket)?);
    let remains = keeper.join();
    let _ = std::fs::remove_file(socket);
    remains.map_err(|_| anyhow::anyhow!("the machine's thread panicked"))
}

/// A machine with a socket of its own, for as long as something is done with it.
pub fn with_machine<R>(
    modules: &Modules,
    peer: Peer,
    f: impl FnOnce(&Door, &Path) -> Result<R>,
) -> Result<(R, Remains)> {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("ipmi-lab-{}-{number}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    let socket = directory.join("ipmi0");
    let outcome = house::open(machine::plan(modules, peer)?).and_then(|(door, keeper)| {
        listen::listen(&socket, door.clone())?;
        let result = f(&door, &socket);
        door.close();
        let remains = keeper
            .join()
            .map_err(|_| anyhow::anyhow!("the machine's thread panicked"))?;
        Ok((result?, remains))
    });
    let _ = std::fs::remove_dir_all(&directory);
    outcome
}

/// `lab exec`: runs a program on a machine made for it.
pub fn exec(modules: &Modules, peer: Peer, command: &[String]) -> Result<(ExitStatus, Remains)> {
    with_machine(modules, peer, |_, socket| {
        let mut child = Command::new(&command[0]);
        child.args(&command[1..]);
        preload::lead(&mut child, socket)?;
        child
            .status()
            .with_context(|| format!("cannot run {}", command[0]))
    })
}
