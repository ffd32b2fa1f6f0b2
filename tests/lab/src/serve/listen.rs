// SPDX-License-Identifier: BSD-2-Clause
//! The Unix socket: takes connections and hands what comes on them to the house. Must not know
//! what is done with it.

use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result};

use super::house::Door;
use super::protocol::Request;

/// Listens at `path` for as long as the program runs.
pub fn listen(path: &Path, door: Door) -> Result<()> {
    // One that nobody listens at any more is in the way.
    if path.exists() && UnixStream::connect(path).is_err() {
        let _ = std::fs::remove_file(path);
    }
    let listener =
        UnixListener::bind(path).with_context(|| format!("cannot listen at {}", path.display()))?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let door = door.clone();
            thread::spawn(move || attend(stream, &door));
        }
    });
    Ok(())
}

/// One connection from its first word to its end.
fn attend(stream: UnixStream, door: &Door) {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    let stream = Arc::new(stream);
    let mut hearing = &*stream;
    let Ok(Request::Open { path }) = Request::receive(&mut hearing) else {
        return;
    };
    let voice = stream.clone();
    door.send(move |house| house.arrive(id, voice, path));
    while let Ok(request) = Request::receive(&mut hearing) {
        door.send(move |house| house.serve(id, request));
    }
    door.send(move |house| house.depart(id));
}
