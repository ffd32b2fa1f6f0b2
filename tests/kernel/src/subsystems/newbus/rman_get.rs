// SPDX-License-Identifier: BSD-2-Clause
//! What rman(9) tells about a `struct resource`; must not change any.

use super::resource::{Entry, HANDLE, TAG};
use crate::args::{Args, Import};
use crate::check::{violation, Kind};
use crate::mem;
use crate::with;

/// The device that owns the `struct resource` at argument 0, and its entry there.
fn owner(args: &Args) -> Option<(u64, Entry)> {
    let resource = args.u64(0);
    let found = with(|k| {
        let devices = k.sub.newbus.devices.iter();
        let mut entries = devices.flat_map(|(a, d)| d.resources.iter().map(move |e| (*a, *e)));
        entries.find(|(_, e)| e.resource == resource && resource != 0)
    });
    if found.is_none() {
        violation(Kind::Lifetime, format!("{resource:#x} is no resource"));
    }
    found
}

fn of_entry(args: &Args, f: impl FnOnce(Entry) -> u64) -> u64 {
    owner(args).map_or(0, |(_, entry)| f(entry))
}

fn rman_get_start(args: &Args) -> u64 {
    of_entry(args, |e| e.start)
}

fn rman_get_end(args: &Args) -> u64 {
    of_entry(args, |e| e.start + e.count - 1)
}

fn rman_get_size(args: &Args) -> u64 {
    of_entry(args, |e| e.count)
}

fn rman_get_rid(args: &Args) -> u64 {
    of_entry(args, |e| e.rid as u64)
}

fn rman_get_type(args: &Args) -> u64 {
    of_entry(args, |e| e.kind.number() as u64)
}

fn rman_get_flags(args: &Args) -> u64 {
    of_entry(args, |e| u64::from(e.flags))
}

fn rman_get_device(args: &Args) -> u64 {
    owner(args).map_or(0, |(device, _)| device)
}

fn rman_get_bustag(args: &Args) -> u64 {
    mem::read(args.u64(0) + TAG)
}

/// For memory the handle is the virtual address.
fn rman_get_bushandle(args: &Args) -> u64 {
    mem::read(args.u64(0) + HANDLE)
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("rman_get_start", rman_get_start),
        ("rman_get_end", rman_get_end),
        ("rman_get_size", rman_get_size),
        ("rman_get_rid", rman_get_rid),
        ("rman_get_type", rman_get_type),
        ("rman_get_flags", rman_get_flags),
        ("rman_get_device", rman_get_device),
        ("rman_get_bustag", rman_get_bustag),
        ("rman_get_bushandle", rman_get_bushandle),
        ("rman_get_virtual", rman_get_bushandle),
    ]
}
