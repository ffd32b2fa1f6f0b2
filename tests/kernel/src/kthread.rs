// SPDX-License-Identifier: BSD-2-Clause
//! kproc(9) and kthread(9) in the names under which modules link to them; must not know what the
//! threads do.

use crate::args::{Args, Import};
use crate::call;
use crate::kernel::with;
use crate::layout::PROC;
use crate::mem;
use crate::sched::{self, Role};
use crate::subsystems::printf;

/// Starts `function(argument)`; the address of its `struct thread`.
fn start(function: u64, argument: u64, name: &str) -> u64 {
    let tid = sched::spawn(name, Role::Module, move || {
        call::module(function, &[argument]);
    });
    with(|k| k.thread(tid).struct_thread())
}

fn name(args: &Args, format: usize) -> String {
    String::from_utf8_lossy(&printf::expand(args, format)).into_owned()
}

fn store(at: u64, value: u64) {
    if at != 0 {
        mem::write(at, value);
    }
}

/// kproc_create(function, argument, &proc, flags, pages, format, ...).
fn kproc_create(args: &Args) -> u64 {
    let name = name(args, 5);
    store(args.u64(2), start(args.u64(0), args.u64(1), &name) + PROC);
    0
}

/// kthread_add(function, argument, proc, &thread, flags, pages, format, ...).
fn kthread_add(args: &Args) -> u64 {
    let name = name(args, 6);
    store(args.u64(3), start(args.u64(0), args.u64(1), &name));
    0
}

/// kproc_kthread_add(function, argument, &proc, &thread, flags, pages, procname, format, ...).
fn kproc_kthread_add(args: &Args) -> u64 {
    let name = name(args, 7);
    let thread = start(args.u64(0), args.u64(1), &name);
    store(args.u64(2), thread + PROC);
    store(args.u64(3), thread);
    0
}

/// Whoever waits for the end sleeps on the process.
fn kproc_exit(_: &Args) -> u64 {
    with(|k| k.current_mut().exiting = true);
    sched::wake(sched::curthread() + PROC);
    sched::exit()
}

/// Whoever waits for the end sleeps on the thread.
fn kthread_exit(_: &Args) -> u64 {
    with(|k| k.current_mut().exiting = true);
    sched::wake(sched::curthread());
    sched::exit()
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("kproc_create", kproc_create),
        ("kthread_add", kthread_add),
        ("kproc_kthread_add", kproc_kthread_add),
        ("kproc_exit", kproc_exit),
        ("kthread_exit", kthread_exit),
    ]
}
