// SPDX-License-Identifier: BSD-2-Clause
//! A module in C that breaks rules in its own code, where no kernel function is called, and that
//! reaches registers; and what the loader refuses.

mod common;

use common::module::{load, provoke, run, try_load};
use ipmi_kernel::check::Kind;
use ipmi_kernel::layout::Generation;
use ipmi_kernel::loader::LoadError;
use ipmi_kernel::sched::{self, Role};
use ipmi_kernel::{leaks, mem, registers, user, Config, Hardware, HwEvent, Machine};

#[test]
fn a_stack_overflow() {
    provoke(Kind::StackOverflow, &["overflow+"], "overflow", &[0]);
}

#[test]
fn a_frame_that_is_larger_than_the_guard_page() {
    provoke(
        Kind::StackOverflow,
        &["jump_over_the_guard+"],
        "jump_over_the_guard",
        &[0],
    );
}

#[test]
fn use_after_free() {
    let words = [
        "read of offset 16 of freed 64 bytes of type temp",
        "use_after_free+",
    ];
    provoke(Kind::Memory, &words, "use_after_free", &[]);
}

#[test]
fn a_write_beyond_an_allocation() {
    let words = [
        "write to offset 128 of allocated 128 bytes",
        "write_beyond+",
    ];
    provoke(Kind::Memory, &words, "write_beyond", &[]);
}

#[test]
fn a_write_to_code() {
    provoke(
        Kind::Memory,
        &["write to read_junk+0x0"],
        "write_to_code",
        &[],
    );
}

#[test]
fn a_null_pointer() {
    provoke(
        Kind::Memory,
        &["read of a null pointer (0x8)", "null_pointer+"],
        "null_pointer",
        &[0],
    );
}

#[test]
fn an_undefined_instruction() {
    provoke(
        Kind::Trap,
        &["undefined instruction", "undefined+"],
        "undefined",
        &[],
    );
}

#[test]
fn a_division_by_zero() {
    provoke(Kind::Trap, &["division", "divide+"], "divide", &[1, 0]);
}

#[test]
fn a_call_of_a_wild_pointer() {
    let words = ["jump to wild address 0xdeadbeef000"];
    provoke(Kind::Memory, &words, "call_pointer", &[0x0dea_dbee_f000]);
}

#[test]
fn a_call_of_a_null_pointer() {
    provoke(
        Kind::Memory,
        &["jump to a null pointer"],
        "call_pointer",
        &[0],
    );
}

#[test]
fn a_loop_that_calls_nothing() {
    provoke(Kind::Livelock, &["spin+"], "spin", &[]);
}

#[test]
fn user_memory_without_copyin() {
    let mut machine = common::machine(1);
    let id = load(&mut machine, "user_pointer");
    let _ = machine.execute("test", move || run(id, "user_pointer", &[user::alloc(4)]));
    let found = machine.violations();
    assert!(
        found[0].text.contains("user memory, without copyin"),
        "{found:#?}"
    );
}

#[test]
fn fresh_memory_is_junk() {
    let mut machine = common::machine(1);
    let id = load(&mut machine, "junk");
    let value = machine
        .execute("test", move || run(id, "read_junk", &[]))
        .unwrap();
    assert_eq!(value as u32, 0xdede_dede);
}

#[test]
fn what_a_module_leaves_behind_is_reported() {
    let mut machine = common::machine(1);
    let id = load(&mut machine, "leak");
    machine
        .execute("test", move || {
            run(id, "leak", &[]);
            run(id, "start_endless", &[]);
            run(id, "leave_callout", &[]);
            leaks::check(id);
        })
        .unwrap();
    let found = machine.violations();
    let texts: Vec<_> = found.iter().map(|v| v.text.as_str()).collect();
    let expected = [
        "thread endless7 still exists",
        "1 allocations of type temp, 48 bytes, made at leak+",
        "lock left mutex not destroyed",
        "condition variable left condvar not destroyed",
        "1 callouts still scheduled",
    ];
    assert_eq!(texts.len(), expected.len(), "{texts:#?}");
    for (text, words) in texts.iter().zip(expected) {
        assert!(text.starts_with(words), "{text} is not {words}");
    }
    assert!(found.iter().all(|v| v.kind == Kind::Leak));
}

#[test]
fn a_thread_of_the_module_ends_and_wakes_whoever_waits() {
    let mut machine = common::machine(1);
    let id = load(&mut machine, "thread");
    assert_eq!(
        machine.execute("test", move || run(id, "start_and_wait", &[])),
        Ok(1)
    );
    assert!(
        machine.violations().is_empty(),
        "{:?}",
        machine.violations()
    );
}

#[test]
fn a_callout_that_rearms_itself_stops_when_drained() {
    for seed in 0..30 {
        let mut machine = common::machine(seed);
        let id = load(&mut machine, "callout");
        let calls = machine
            .execute("test", move || run(id, "run_callout", &[]))
            .unwrap();
        assert!(
            (300..=700).contains(&calls) && calls.is_multiple_of(100),
            "seed {seed}: {calls}"
        );
        assert!(
            machine.violations().is_empty(),
            "{:?}",
            machine.violations()
        );
    }
}

/// Memory whose contents follow from the address, and that remembers writes.
#[derive(Default)]
struct Pattern(Vec<(u64, u8)>);

impl Hardware for Pattern {
    fn port_read(&mut self, port: u16, _: u64) -> u8 {
        port as u8
    }
    fn port_write(&mut self, port: u16, value: u8, _: u64) {
        self.0.push((u64::from(port), value));
    }
    fn mem_read(&mut self, address: u64, _: u64) -> u8 {
        address as u8
    }
    fn mem_write(&mut self, address: u64, value: u8, _: u64) {
        self.0.push((address, value));
    }
    fn next_event(&self) -> Option<u64> {
        None
    }
    fn advance(&mut self, _: u64) -> Vec<HwEvent> {
        vec![]
    }
}

fn pattern(name: &str) -> (Machine, u32) {
    let mut machine = Machine::new(Config::default(), Box::new(Pattern::default()));
    let id = load(&mut machine, name);
    (machine, id)
}

#[test]
fn ports_in_every_width() {
    let (mut machine, id) = pattern("ports");
    machine
        .execute("test", move || {
            assert_eq!(run(id, "port_read", &[0xca2, 1]), 0xa2);
            assert_eq!(run(id, "port_read", &[0xca2, 2]), 0xa3a2);
            assert_eq!(run(id, "port_read", &[0xca2, 4]), 0xa5a4_a3a2);
            run(id, "port_write", &[0xca2, 1, 0x1122_3344]);
            run(id, "port_write", &[0xcb0, 2, 0x1122_3344]);
            assert_eq!(run(id, "port_read_last", &[0xca2]), 0xa2);
            assert_eq!(run(id, "port_read_trapped", &[0xca2]), 0x11a2);
            assert_eq!(run(id, "port_read_many", &[1, 1000]), 500_500);
        })
        .unwrap();
    let written = machine.hardware(|p: &mut Pattern| p.0.clone());
    assert_eq!(written, [(0xca2, 0x44), (0xcb0, 0x44), (0xcb1, 0x33)]);
    let usage = machine.usage();
    assert_eq!((usage.register_reads, usage.register_writes), (1005, 2));
}

#[test]
fn port_instructions_are_rewritten_where_there_is_room() {
    let (machine, id) = pattern("rewritten");
    machine.with(|k| {
        let image = k.image(id).unwrap();
        let mut rewritten = image.rewritten().into_iter().map(|at| image.symbol(at));
        let has = |name: &str, all: &[String]| all.iter().any(|place| place.starts_with(name));
        let all: Vec<_> = rewritten.by_ref().collect();
        for name in [
            "port_read+",
            "port_write+",
            "port_read_many+",
            "port_read_last+",
        ] {
            assert!(has(name, &all), "{name} is not in {all:?}");
        }
        assert!(!has("port_read_trapped+", &all), "{all:?}");
    });
}

#[test]
fn memory_in_every_width() {
    let (mut machine, id) = pattern("memory");
    machine
        .execute("test", move || {
            let at = registers::map(0xfed1_0010, 16);
            assert_eq!(run(id, "memory_read", &[at, 1]), 0x10);
            assert_eq!(run(id, "memory_read", &[at + 4, 2]), 0x1514);
            assert_eq!(run(id, "memory_read", &[at, 4]), 0x1312_1110);
            run(id, "memory_write", &[at + 8, 1, 0x1122_3344]);
            run(id, "memory_write", &[at + 10, 2, 0x1122_3344]);
            run(id, "memory_write_constant", &[at]);
            registers::unmap(at);
        })
        .unwrap();
    let written = machine.hardware(|p: &mut Pattern| p.0.clone());
    let base = 0xfed1_0010;
    assert_eq!(
        written,
        [
            (base + 8, 0x44),
            (base + 10, 0x44),
            (base + 11, 0x33),
            (base + 1, 0x61)
        ]
    );
}

#[test]
fn an_instruction_that_has_reached_a_register_can_reach_memory() {
    let (mut machine, id) = pattern("both");
    machine
        .execute("test", move || {
            let register = registers::map(0xfed1_0000, 16);
            let plain = mem::kalloc(16, "plain");
            for round in 0..3 {
                assert_eq!(run(id, "memory_read", &[register + 2, 1]), 2);
                run(id, "memory_write", &[plain, 1, 40 + round]);
                assert_eq!(run(id, "memory_read", &[plain, 1]), 40 + round);
                run(id, "memory_write", &[register + 3, 1, 50 + round]);
            }
            registers::unmap(register);
        })
        .unwrap();
    let written = machine.hardware(|p: &mut Pattern| p.0.clone());
    assert_eq!(written, [50, 51, 52].map(|value| (0xfed1_0003, value)));
    machine.with(|k| {
        let image = k.image(id).unwrap();
        let all: Vec<_> = image
            .rewritten()
            .into_iter()
            .map(|at| image.symbol(at))
            .collect();
        assert!(
            all.iter().any(|place| place.starts_with("memory_read+")),
            "{all:?}"
        );
    });
}

#[test]
fn threads_that_meet_in_a_window_while_it_moves() {
    for seed in 0..20 {
        let config = Config {
            seed,
            ..Config::default()
        };
        let mut machine = Machine::new(config, Box::new(Pattern::default()));
        let id = load(&mut machine, "meet");
        machine
            .execute("test", move || {
                let at = registers::map(0xfed1_0000, 16);
                let reader = |offset: u64| {
                    sched::spawn("reader", Role::Kernel, move || {
                        assert_eq!(run(id, "memory_read", &[at + offset, 1]), offset);
                    })
                };
                (0..16)
                    .map(reader)
                    .collect::<Vec<_>>()
                    .into_iter()
                    .for_each(sched::join);
                registers::unmap(at);
            })
            .unwrap();
        assert!(
            machine.violations().is_empty(),
            "seed {seed}: {:?}",
            machine.violations()
        );
    }
}

#[test]
fn registers_that_were_unmapped() {
    let (mut machine, id) = pattern("unmapped");
    let _ = machine.execute("test", move || {
        let at = registers::map(0xfed1_0000, 16);
        registers::unmap(at);
        run(id, "memory_read", &[at, 1]);
    });
    assert_eq!(machine.violations()[0].kind, Kind::Memory);
}

#[test]
fn arguments_beyond_the_registers() {
    let mut machine = common::machine(1);
    let id = load(&mut machine, "arguments");
    for count in [9usize, 8, 7] {
        let args: Vec<u64> = (1..=count as u64).chain([0, 0]).take(9).collect();
        let expected = args.iter().zip(1..).map(|(a, n)| a * n).sum::<u64>();
        let sum = machine.execute("test", move || run(id, "many_arguments", &args));
        assert_eq!(sum, Ok(expected));
    }
}

#[test]
fn unresolved_imports_are_listed_by_name() {
    let mut machine = common::machine(1);
    let result = try_load(&mut machine, "missing", &["KERNEL=1500068", "MISSING"]);
    let names = ["no_such_function", "no_such_variable"].map(String::from);
    assert_eq!(result, Err(LoadError::Unresolved(names.to_vec())));
}

#[test]
fn the_release_is_the_modules() {
    let cases = [
        (1302001, Generation::Thirteen),
        (1400097, Generation::Fourteen),
    ];
    for (version, generation) in cases {
        let mut machine = common::machine(1);
        let define = format!("KERNEL={version}");
        try_load(&mut machine, &define, &[&define]).unwrap();
        assert_eq!(machine.with(|k| k.generation), generation);
    }
    let mut machine = common::machine(1);
    let result = try_load(&mut machine, "old", &["KERNEL=1204000"]);
    assert_eq!(result, Err(LoadError::Version(Some(1_204_000))));
}

#[test]
fn something_that_is_no_module() {
    let mut machine = common::machine(1);
    let path = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let result = machine
        .execute("load", move || ipmi_kernel::loader::load(&path))
        .unwrap();
    assert!(matches!(result, Err(LoadError::File(_))), "{result:?}");
}
