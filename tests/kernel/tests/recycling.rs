// SPDX-License-Identifier: BSD-2-Clause
//! Machines by the hundred in one process leave nothing behind. Alone in its file, because it
//! looks at the whole process.

mod common;

use common::{kernel, machine, malloc, pause, M_WAITOK};
use ipmi_kernel::sched::{self, Role};

fn live_and_die(seed: u64) {
    let mut machine = machine(seed);
    for _ in 0..8 {
        machine.spawn_thread("stuck in the kernel", || loop {
            malloc(100, M_WAITOK);
            pause(1_000_000);
        });
    }
    machine.spawn_thread("never runs", || {
        sched::spawn("child", Role::Kernel, || {
            kernel("DELAY", &[1]);
        });
    });
    machine.run_until(machine.now() + 20_000_000);
}

#[test]
fn many_machines_leave_nothing_mapped() {
    let maps = || {
        std::fs::read_to_string("/proc/self/maps")
            .unwrap()
            .lines()
            .count()
    };
    live_and_die(0);
    let before = maps();
    (0..200).for_each(live_and_die);
    let after = maps();
    assert!(after <= before + 8, "{before} mappings became {after}");
}
