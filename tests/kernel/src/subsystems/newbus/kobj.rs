// SPDX-License-Identifier: BSD-2-Clause
//! kobj(9): classes, their compiled method caches and the lookup that code inlined into modules
//! falls back to; must not know devices.

use crate::args::{Args, Import};
use crate::imports;
use crate::mem;
use crate::subsystems::errno;
use crate::with;

/// `struct kobj_class`, which is `driver_t`: name, methods, size, base classes, references, ops.
const CLASS_LEN: usize = 48;
const METHODS: u64 = 8;
const SIZE: u64 = 16;
const BASECLASSES: u64 = 24;
const REFS: u64 = 32;
const OPS: u64 = 40;
/// `struct kobj_ops`: 256 cached methods, then the class. A method that matches no descriptor
/// follows, for the empty slots.
const OPS_LEN: usize = 257 * 8;
const OPS_CLASS: u64 = 256 * 8;
/// `struct kobj_method`: descriptor and function.
const METHOD_LEN: u64 = 16;
/// `struct kobjop_desc`: id, then the default method.
pub const DESC_LEN: usize = 24;
const DESC_DEFAULT: u64 = 8;

fn word(address: u64) -> u64 {
    mem::read(address)
}

/// The driver's or class's name.
pub fn name(class: u64) -> String {
    mem::cstr(word(class))
}

/// How large a softc its objects have.
pub fn size(class: u64) -> u64 {
    word(class + SIZE)
}

/// Base classes, for which a driver is found too.
pub fn bases(class: u64) -> Vec<u64> {
    let list = word(class + BASECLASSES);
    let entries = (0..).map(|n| word(list + 8 * n));
    match list {
        0 => vec![],
        _ => entries.take_while(|base| *base != 0).collect(),
    }
}

fn add_refs(class: u64, step: i32) -> i32 {
    let refs = mem::read::<i32>(class + REFS) + step;
    mem::write(class + REFS, refs);
    refs
}

/// Counts a user beside the objects of a class.
pub fn hold(class: u64) {
    compile(class);
    add_refs(class, 1);
}

/// Drops a user; the last one frees the method cache.
pub fn drop_ref(class: u64) {
    if add_refs(class, -1) == 0 {
        mem::kfree(word(class + OPS));
        mem::write(class + OPS, 0u64);
    }
}

/// Gives every method of `class` a number and the class an empty cache.
fn compile(class: u64) {
    if word(class + OPS) != 0 {
        return;
    }
    for desc in methods(class).map(|(desc, _)| desc) {
        if mem::read::<u32>(desc) == 0 {
            let id = with(|k| {
                k.sub.newbus.next_method += 1;
                k.sub.newbus.next_method
            });
            mem::write(desc, id);
        }
    }
    let ops = mem::kalloc(OPS_LEN + METHOD_LEN as usize, "kobj ops");
    let null_method = ops + OPS_LEN as u64;
    for slot in 0..256 {
        mem::write(ops + 8 * slot, null_method);
    }
    mem::write(ops + OPS_CLASS, class);
    mem::write(class + OPS, ops);
}

/// The method table of `class` itself: descriptor and address of the method.
fn methods(class: u64) -> impl Iterator<Item = (u64, u64)> {
    let table = word(class + METHODS);
    let entries = (0..).map(move |n| table + METHOD_LEN * n);
    let entries = entries.map(|method| (word(method), method));
    entries
        .take(if table == 0 { 0 } else { usize::MAX })
        .take_while(|(desc, _)| *desc != 0)
}

/// The method of `class` or its bases for `desc`, or the default.
fn lookup(class: u64, desc: u64) -> u64 {
    inherited(class, desc).unwrap_or(desc + DESC_DEFAULT)
}

fn inherited(class: u64, desc: u64) -> Option<u64> {
    let own = methods(class).find(|(d, _)| *d == desc);
    let own = own.map(|(_, method)| method);
    own.or_else(|| {
        bases(class)
            .into_iter()
            .find_map(|base| inherited(base, desc))
    })
}

/// The function that `class` has for the descriptor called `desc`, e.g. "device_attach_desc".
pub fn function(class: u64, desc: &str) -> u64 {
    word(lookup(class, imports::datum(desc)) + 8)
}

/// Makes `object` one of `class`, whatever it was before.
pub fn init(object: u64, class: u64) {
    let ops = word(object);
    compile(class);
    add_refs(class, 1);
    mem::write(object, word(class + OPS));
    if ops != 0 {
        drop_ref(word(ops + OPS_CLASS));
    }
}

/// The end of `object` as one of its class.
pub fn fini(object: u64) {
    let ops = word(object);
    mem::write(object, 0u64);
    drop_ref(word(ops + OPS_CLASS));
}

/// A class of the kernel's own; a method is a descriptor's and a kernel function's name.
pub fn kernel_class(name: &str, methods: &[(&str, &str)]) -> u64 {
    let table = mem::kalloc((methods.len() + 1) * METHOD_LEN as usize, "kobj methods");
    for (n, (desc, function)) in methods.iter().enumerate() {
        let method = table + METHOD_LEN * n as u64;
        mem::write(method, imports::datum(desc));
        mem::write(method + 8, imports::stub(function));
    }
    let class = mem::kalloc(CLASS_LEN, "kobj class");
    mem::write(class, mem::intern(name));
    mem::write(class + METHODS, table);
    class
}

/// Fills in a descriptor whose default is the kernel function `default`.
pub fn describe(desc: u64, default: &str) {
    mem::write(desc + DESC_DEFAULT, desc);
    mem::write(desc + DESC_DEFAULT + 8, imports::stub(default));
}

fn kobj_lookup_method(args: &Args) -> u64 {
    let (class, cache, desc) = (args.u64(0), args.u64(1), args.u64(2));
    let method = lookup(class, desc);
    if cache != 0 {
        mem::write(cache, method);
    }
    method
}

fn kobj_error_method(_args: &Args) -> u64 {
    errno::ENXIO as u64
}

/// The default of methods that may be left out: success, NULL or 0.
fn null_method(_args: &Args) -> u64 {
    0
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("kobj_lookup_method", kobj_lookup_method),
        ("kobj_error_method", kobj_error_method),
        ("null_method", null_method),
    ]
}
