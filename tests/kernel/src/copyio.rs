// SPDX-License-Identifier: BSD-2-Clause
//! copy(9), fetch(9) and store(9): the only way from the kernel to user memory; must not know
//! what is copied.

use crate::args::{Args, Import};
use crate::mem;
use crate::sched;
use crate::subsystems::errno::EFAULT;
use crate::user;

const ENAMETOOLONG: u64 = 63;
const FAULT: u64 = EFAULT as u64;
/// What the functions that return a value return for a fault: -1.
const BAD: u64 = u64::MAX;

/// The page may have to be fetched, so this may sleep.
fn enter(what: &'static str) {
    sched::may_sleep(what);
    sched::preempt_point();
}

/// copyin(user, kernel, length).
fn copyin(args: &Args) -> u64 {
    enter("copyin");
    match user::load(args.u64(0), args.u64(2) as usize) {
        Some(data) => {
            mem::put(args.u64(1), &data);
            0
        }
        None => FAULT,
    }
}

/// copyout(kernel, user, length).
fn copyout(args: &Args) -> u64 {
    enter("copyout");
    let data = mem::bytes(args.u64(0), args.u64(2) as usize);
    match user::store(args.u64(1), &data) {
        true => 0,
        false => FAULT,
    }
}

/// copyinstr(user, kernel, length, &done).
fn copyinstr(args: &Args) -> u64 {
    enter("copyinstr");
    let max = args.u64(2) as usize;
    let (text, good) = user::load_string(args.u64(0), max);
    mem::put(args.u64(1), &text);
    if args.u64(3) != 0 {
        mem::write(args.u64(3), text.len() as u64);
    }
    match (good, text.last()) {
        (false, _) => FAULT,
        (true, Some(0)) => 0,
        (true, _) => ENAMETOOLONG,
    }
}

fn fetch<const N: usize>(args: &Args) -> u64 {
    enter("fetch");
    match user::load(args.u64(0), N) {
        Some(data) => {
            let mut word = [0; 8];
            word[..N].copy_from_slice(&data);
            u64::from_le_bytes(word)
        }
        None => BAD,
    }
}

fn store<const N: usize>(args: &Args) -> u64 {
    enter("store");
    match user::store(args.u64(0), &args.u64(1).to_le_bytes()[..N]) {
        true => 0,
        false => BAD,
    }
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("copyin", copyin),
        ("copyout", copyout),
        ("copyinstr", copyinstr),
        ("fubyte", fetch::<1>),
        ("fuword16", fetch::<2>),
        ("fuword32", fetch::<4>),
        ("fuword64", fetch::<8>),
        ("fuword", fetch::<8>),
        ("subyte", store::<1>),
        ("suword16", store::<2>),
        ("suword32", store::<4>),
        ("suword64", store::<8>),
        ("suword", store::<8>),
    ]
}
