// SPDX-License-Identifier: BSD-2-Clause
//! Every rule that the software kernel watches is broken once.

mod common;

use common::{free, kernel, lock, malloc, mutex, pause, provoke, unlock, M_NOWAIT, M_WAITOK};
use ipmi_kernel::check::Kind;
use ipmi_kernel::sched::{self, Role};
use ipmi_kernel::{call, imports, mem, user};

const MS: u64 = 1_000_000;

#[test]
fn sleeping_with_a_mutex_held() {
    provoke(Kind::Sleep, "with \"outer\" held", || {
        let mtx = mutex("\"outer\"", 0);
        lock(mtx);
        pause(MS);
        unlock(mtx);
    });
}

#[test]
fn sleeping_in_a_callout() {
    provoke(Kind::Sleep, "in a callout", || {
        sched::after(MS, || pause(MS));
        pause(10 * MS);
    });
}

#[test]
fn sleeping_with_the_scheduler_stopped() {
    provoke(Kind::Sleep, "scheduler stopped", || {
        sched::stop_scheduler();
        kernel("_sleep", &[0x1000, 0, 0, mem::intern("x"), 1 << 32, 0, 0]);
    });
}

#[test]
fn waiting_allocation_with_a_mutex_held() {
    provoke(Kind::Sleep, "M_WAITOK", || {
        let mtx = mutex("m", 0);
        lock(mtx);
        malloc(16, M_WAITOK);
        unlock(mtx);
    });
}

#[test]
fn copyin_with_a_mutex_held() {
    provoke(Kind::Sleep, "copyin", || {
        let mtx = mutex("m", 0);
        let (from, to) = (user::alloc(4), mem::kalloc(4, "buffer"));
        lock(mtx);
        assert_eq!(kernel("copyin", &[from, to, 4]), 0);
        unlock(mtx);
    });
}

#[test]
fn locks_in_both_orders() {
    provoke(Kind::LockOrder, "after the reverse", || {
        let (a, b) = (mutex("a", 0), mutex("b", 0));
        lock(a);
        lock(b);
        unlock(b);
        unlock(a);
        lock(b);
        lock(a);
        unlock(a);
        unlock(b);
    });
}

#[test]
fn two_threads_that_wait_for_each_other() {
    provoke(Kind::LockUse, "deadlock: ", || {
        const NO_WITNESS: u64 = 8;
        let (a, b) = (mutex("a", NO_WITNESS), mutex("b", NO_WITNESS));
        let both = |first, second| {
            lock(first);
            kernel("DELAY", &[100_000]);
            lock(second);
        };
        let other = sched::spawn("other", Role::Kernel, move || both(b, a));
        both(a, b);
        sched::join(other);
    });
}

#[test]
fn an_sx_lock_under_a_mutex() {
    provoke(Kind::Sleep, "sx taken with Mutex m held", || {
        let (mtx, sx) = (mutex("m", 0), mem::kalloc(32, "sx"));
        kernel("sx_init_flags", &[sx, mem::intern("sx"), 0]);
        lock(mtx);
        kernel("_sx_xlock", &[sx, 0, 0, 0]);
        kernel("_sx_xunlock", &[sx, 0, 0]);
        unlock(mtx);
    });
}

#[test]
fn recursion_on_a_plain_mutex() {
    provoke(Kind::LockUse, "taken again", || {
        let mtx = mutex("m", 0);
        lock(mtx);
        lock(mtx);
    });
}

#[test]
fn unlock_of_a_mutex_that_is_not_held() {
    provoke(Kind::LockUse, "does not hold", || unlock(mutex("m", 0)));
}

#[test]
fn unlock_by_another_thread() {
    provoke(Kind::LockUse, "does not hold", || {
        let mtx = mutex("m", 0);
        lock(mtx);
        let other = sched::spawn("other", Role::Kernel, move || unlock(mtx));
        unlock_after(other, mtx);
    });
}

fn unlock_after(other: sched::Tid, mtx: u64) {
    while !matches!(kernel("_mtx_trylock_flags_", &[mtx, 0, 0, 0]), 1) {
        kernel("DELAY", &[1000]);
    }
    sched::join(other);
}

#[test]
fn a_thread_that_ends_with_a_mutex() {
    provoke(Kind::LockUse, "ended with", || lock(mutex("m", 0)));
}

#[test]
fn use_of_a_mutex_that_was_never_made() {
    provoke(Kind::Lifetime, "not initialised", || {
        lock(mem::kalloc(32, "x") + 24)
    });
}

#[test]
fn use_of_a_destroyed_mutex() {
    provoke(Kind::Lifetime, "destroyed", || {
        let mtx = mutex("m", 0);
        kernel("_mtx_destroy", &[mtx]);
        lock(mtx);
    });
}

#[test]
fn free_of_memory_with_a_live_lock() {
    provoke(Kind::Lifetime, "lock inside", || {
        let memory = malloc(64, M_WAITOK);
        kernel("_mtx_init", &[memory + 24, mem::intern("inside"), 0, 0]);
        free(memory);
    });
}

#[test]
fn double_free() {
    provoke(Kind::Memory, "free of what malloc did not return", || {
        let memory = malloc(64, M_NOWAIT);
        free(memory);
        free(memory);
    });
}

#[test]
fn the_kernel_made_to_read_freed_memory() {
    provoke(Kind::Memory, "freed 64 bytes of type temp", || {
        let memory = malloc(64, M_NOWAIT);
        free(memory);
        kernel("strlen", &[memory]);
    });
}

#[test]
fn the_kernel_made_to_write_beyond_an_allocation() {
    provoke(Kind::Memory, "offset 64 of allocated 64 bytes", || {
        let memory = malloc(64, M_NOWAIT);
        kernel("memset", &[memory, 0, 65]);
    });
}

#[test]
fn a_write_into_the_rounding_behind_an_allocation() {
    provoke(Kind::Memory, "wrote around 60 bytes", || {
        let memory = malloc(60, M_NOWAIT);
        kernel("memset", &[memory, 0, 61]);
        free(memory);
    });
}

#[test]
fn a_write_in_front_of_an_allocation() {
    provoke(Kind::Memory, "wrote around", || {
        let memory = malloc(64, M_NOWAIT);
        kernel("memset", &[memory - 8, 0, 8]);
        free(memory);
    });
}

#[test]
fn a_write_to_memory_freed_long_after_boot() {
    provoke(Kind::Memory, "written to after they were freed", || {
        (0..600).for_each(|_| free(malloc(64, M_NOWAIT)));
        let freed: Vec<_> = (0..17).map(|_| malloc(64, M_NOWAIT)).collect();
        freed.iter().for_each(|memory| free(*memory));
        // One in sixteen is unreadable; of two neighbours one at least is not.
        let readable = |memory: &&u64| ipmi_kernel::mem::is_readable(**memory);
        let victim = *freed.iter().find(readable).unwrap();
        kernel("memset", &[victim + 8, 0, 1]);
        (0..64).for_each(|_| free(malloc(64, M_NOWAIT)));
    });
}

#[test]
fn a_null_pointer() {
    provoke(Kind::Memory, "a null pointer", || {
        kernel("strlen", &[8]);
    });
}

#[test]
fn user_memory_without_copyin() {
    provoke(Kind::Memory, "without copyin", || {
        kernel("strlen", &[user::alloc(16)]);
    });
}

#[test]
fn a_jump_into_data() {
    provoke(Kind::Memory, "jump to", || {
        call::module(imports::datum("ticks"), &[]);
    });
}

#[test]
fn malloc_that_does_not_say_whether_to_wait() {
    provoke(Kind::Misuse, "M_WAITOK", || {
        malloc(16, 0);
    });
}

#[test]
fn a_loop_without_progress() {
    provoke(Kind::Livelock, "loops for ever", || loop {
        kernel("wakeup", &[0x1000]);
    });
}

#[test]
fn a_mutex_in_an_interrupt_filter() {
    provoke(Kind::Sleep, "interrupt filter", || {
        let mtx = mutex("m", 0);
        let filter = sched::spawn("filter", Role::Interrupt, move || {
            lock(mtx);
            unlock(mtx);
        });
        sched::join(filter);
    });
}

#[test]
fn a_mutex_under_a_spin_mutex() {
    provoke(Kind::Sleep, "with Spin", || {
        let (mtx, spin) = (mutex("m", 0), mutex("s", 1));
        kernel("__mtx_lock_spin_flags", &[spin, 0, 0, 0]);
        lock(mtx);
        unlock(mtx);
        kernel("__mtx_unlock_spin_flags", &[spin, 0, 0, 0]);
    });
}

#[test]
fn a_condition_variable_that_was_destroyed() {
    provoke(Kind::Lifetime, "condition variable", || {
        let cv = mem::kalloc(16, "cv");
        kernel("cv_init", &[cv, mem::intern("cv")]);
        kernel("cv_destroy", &[cv]);
        kernel("cv_signal", &[cv]);
    });
}

#[test]
fn free_of_memory_with_a_scheduled_callout() {
    provoke(Kind::Lifetime, "scheduled callout", || {
        let c = malloc(64, M_WAITOK);
        kernel("callout_init", &[c, 1]);
        let function = imports::stub("wakeup");
        kernel("callout_reset_sbt_on", &[c, 1 << 32, 0, function, c, 0, 0]);
        free(c);
    });
}
