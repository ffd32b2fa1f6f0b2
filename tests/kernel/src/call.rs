// SPDX-License-Identifier: BSD-2-Clause
//! Calls from the kernel into module code; must not know what is called.

use crate::arch::border;
use crate::kernel::with;
use crate::sched::HOST;

/// Calls the function at `function` on the current thread's module stack and returns its `rax`.
///
/// May switch threads, so nothing may be borrowed. `function` may also be a kernel function's
/// stub (see [`crate::imports::stub`]).
pub fn module(function: u64, args: &[u64]) -> u64 {
    let current = with(|k| {
        k.current_mut().entered.push(function);
        k.sched.current
    });
    assert_ne!(
        current, HOST,
        "module code needs a thread: use Machine::execute"
    );
    let value = border::call(function, args);
    with(|k| k.current_mut().entered.pop());
    value
}
