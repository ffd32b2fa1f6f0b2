// SPDX-License-Identifier: BSD-2-Clause
//! Interrupt lines: filters that run at once and threads that run handlers; must not know which
//! hardware pulls a line.

use super::{on, resource, rman::Type};
use crate::args::{Args, Import};
use crate::call;
use crate::check::{violation, Kind};
use crate::mem;
use crate::sched::{self, Role, Wait};
use crate::subsystems::errno;
use crate::with;

/// The filter's answers, <sys/bus.h>: it was not for it,
const FILTER_STRAY: u64 = 1;
/// it was,
const FILTER_HANDLED: u64 = 2;
/// and the handler is to run.
const FILTER_SCHEDULE_THREAD: u64 = 4;

/// One handler that bus_setup_intr(9) has installed.
struct Handler {
    /// What the module holds.
    cookie: u64,
    resource: u64,
    line: u64,
    filter: u64,
    handler: u64,
    argument: u64,
    /// The handler's thread waits here.
    chan: u64,
    /// Whether the thread has work.
    pending: bool,
    /// Set to end the thread, and by the thread when it has ended.
    stop: bool,
    stopped: bool,
}

/// A line of the interrupt controller.
#[derive(Clone, Copy)]
struct Line {
    number: u64,
    high: bool,
    /// Triggered by level: filters run for as long as it is high.
    level: bool,
    /// Kept from the processor: a handler's thread runs, or nobody claimed it.
    masked: bool,
    /// Filters have run so often since it was low.
    fired: u32,
}

/// All handlers and lines.
#[derive(Default)]
pub struct Lines {
    handlers: Vec<Handler>,
    lines: Vec<Line>,
}

/// From here on lines are PCI's, which are triggered by level as long as nobody says otherwise.
const FIRST_LEVEL: u64 = 16;
/// A processor that runs the filters of a line so often for one rise runs nothing else.
const STORM: u32 = 20_000;

impl Lines {
    fn by_cookie(&mut self, cookie: u64) -> Option<&mut Handler> {
        self.handlers.iter_mut().find(|h| h.cookie == cookie)
    }

    fn line(&mut self, number: u64) -> &mut Line {
        let known = self.lines.iter().position(|line| line.number == number);
        let at = known.unwrap_or_else(|| {
            self.lines.push(Line {
                number,
                high: false,
                level: number >= FIRST_LEVEL,
                masked: false,
                fired: 0,
            });
            self.lines.len() - 1
        });
        &mut self.lines[at]
    }
}

pub fn has_handler(resource: u64) -> bool {
    with(|k| {
        k.sub
            .newbus
            .interrupts
            .handlers
            .iter()
            .any(|h| h.resource == resource)
    })
}

/// The hardware set `line` to `level`; runs on the interrupt thread.
pub fn pulled(line: u32, level: bool) {
    let rising = with(|k| {
        let line = k.sub.newbus.interrupts.line(u64::from(line));
        let rising = level && !line.high;
        line.high = level;
        line.fired *= u32::from(level);
        rising && !line.masked
    });
    if rising {
        fire(u64::from(line));
    }
}

/// Runs the filters of a line that is triggered by level and still high. Was there one? Runs on the
/// interrupt thread. A line without handlers is masked.
pub fn held() -> bool {
    let held = with(|k| {
        let Lines { handlers, lines } = &k.sub.newbus.interrupts;
        let has_handler = |line: &Line| handlers.iter().any(|h| h.line == line.number && !h.stop);
        let mut held = lines
            .iter()
            .filter(|line| line.level && line.high && !line.masked);
        held.find(|line| has_handler(line)).map(|line| line.number)
    });
    if let Some(line) = held {
        fire(line);
    }
    held.is_some()
}

/// Runs the filters of the line and wakes the threads that are asked for, until which a line that is
/// triggered by level is masked. One that nobody claims is not: the kernel runs its filters again.
fn fire(line: u64) {
    let handlers: Vec<(u64, u64, u64)> = with(|k| {
        let handlers = k.sub.newbus.interrupts.handlers.iter();
        let ours = handlers.filter(|h| h.line == line && !h.stop);
        ours.map(|h| (h.cookie, h.filter, h.argument)).collect()
    });
    let fired = with(|k| {
        let line = k.sub.newbus.interrupts.line(line);
        line.fired = line.fired.saturating_add(1);
        line.fired
    });
    if fired == STORM {
        violation(
            Kind::Livelock,
            format!("irq{line} stays high for its filters"),
        );
    }
    let mut threads = vec![];
    for (cookie, filter, argument) in handlers {
        let answer = match filter {
            0 => FILTER_SCHEDULE_THREAD,
            _ => call::module(filter, &[argument]) & 0xffff_ffff,
        };
        if answer & (FILTER_STRAY | FILTER_HANDLED | FILTER_SCHEDULE_THREAD) == 0 {
            violation(
                Kind::Misuse,
                format!("a filter of irq{line} answers {answer}"),
            );
        }
        if answer & FILTER_SCHEDULE_THREAD != 0 {
            threads.push(cookie);
        }
    }
    with(|k| {
        let line = k.sub.newbus.interrupts.line(line);
        line.masked = line.level && !threads.is_empty();
    });
    threads.into_iter().for_each(schedule);
}

fn schedule(cookie: u64) {
    let chan = with(|k| {
        let handler = k.sub.newbus.interrupts.by_cookie(cookie)?;
        handler.pending = true;
        Some(handler.chan)
    });
    if let Some(chan) = chan {
        sched::wake(chan);
    }
}

/// What the handler's thread does next.
enum Turn {
    Run(u64, u64),
    Wait(u64),
    End,
}

fn turn(cookie: u64) -> Turn {
    with(|k| {
        let Some(handler) = k.sub.newbus.interrupts.by_cookie(cookie) else {
            return Turn::End;
        };
        if handler.stop {
            handler.stopped = true;
            return Turn::End;
        }
        match std::mem::take(&mut handler.pending) {
            true => Turn::Run(handler.handler, handler.argument),
            false => Turn::Wait(handler.chan),
        }
    })
}

/// The body of an interrupt thread.
fn thread(cookie: u64, line: u64) {
    loop {
        match turn(cookie) {
            Turn::Run(handler, argument) => {
                sched::forbid_sleep("an interrupt thread");
                call::module(handler, &[argument]);
                sched::allow_sleep();
                with(|k| {
                    k.sub.newbus.interrupts.line(line).masked = false;
                    k.look_at_interrupts();
                });
            }
            Turn::Wait(chan) => {
                let wait = Wait {
                    wmesg: "-",
                    ..Wait::default()
                };
                sched::block_on(chan, wait);
            }
            Turn::End => {
                sched::wake(cookie);
                return;
            }
        }
    }
}

/// bus_setup_intr(dev, resource, flags, filter, handler, argument, cookie).
fn bus_setup_intr(args: &Args) -> u64 {
    let device = args.u64(0);
    let Some(entry) = resource::of(device, args.u64(1)).filter(|e| e.kind == Type::Irq) else {
        return errno::EINVAL as u64;
    };
    let (filter, handler) = (args.u64(3), args.u64(4));
    if filter == 0 && handler == 0 {
        return errno::EINVAL as u64;
    }
    let cookie = mem::kalloc(16, "interrupt cookie");
    let chan = sched::fresh_chan();
    let new = Handler {
        cookie,
        resource: entry.resource,
        line: entry.start,
        filter,
        handler,
        argument: args.u64(5),
        chan,
        pending: false,
        stop: false,
        stopped: handler == 0,
    };
    with(|k| k.sub.newbus.interrupts.handlers.push(new));
    mem::write(args.u64(6), cookie);
    if handler != 0 {
        let name = format!("irq{}: {}", entry.start, super::nameunit(device));
        let line = entry.start;
        sched::spawn(&name, Role::Kernel, move || thread(cookie, line));
    }
    with(|k| {
        k.sub.newbus.interrupts.line(entry.start).masked = false;
        k.look_at_interrupts();
    });
    0
}

/// bus_config_intr(bus, line, trigger, polarity), `enum intr_trigger`.
fn bus_config_intr(args: &Args) -> u64 {
    const EDGE: u32 = 1;
    const LEVEL: u32 = 2;
    let trigger = args.u32(2);
    if !matches!(trigger, EDGE | LEVEL) {
        return errno::EINVAL as u64;
    }
    with(|k| k.sub.newbus.interrupts.line(args.u32(1).into()).level = trigger == LEVEL);
    0
}

/// bus_teardown_intr(dev, resource, cookie): waits until the handler has ended.
fn bus_teardown_intr(args: &Args) -> u64 {
    let cookie = args.u64(2);
    let chan = with(|k| {
        let handler = k.sub.newbus.interrupts.by_cookie(cookie)?;
        handler.stop = true;
        Some(handler.chan)
    });
    let Some(chan) = chan else {
        violation(
            Kind::Lifetime,
            format!("interrupt {cookie:#x} torn down twice"),
        );
        return errno::EINVAL as u64;
    };
    sched::wake(chan);
    let running = || {
        with(|k| {
            k.sub
                .newbus
                .interrupts
                .by_cookie(cookie)
                .is_some_and(|h| !h.stopped)
        })
    };
    while running() {
        let wait = Wait {
            wmesg: "iethrm",
            ..Wait::default()
        };
        sched::block_on(cookie, wait);
    }
    with(|k| {
        k.sub
            .newbus
            .interrupts
            .handlers
            .retain(|h| h.cookie != cookie)
    });
    mem::kfree(cookie);
    0
}

/// Names and processors of interrupts are of no consequence here.
fn accepted(args: &Args) -> u64 {
    on(args.u64(0), |_| 0)
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("bus_setup_intr", bus_setup_intr),
        ("bus_teardown_intr", bus_teardown_intr),
        ("bus_describe_intr", accepted),
        ("bus_bind_intr", accepted),
        ("isa_config_intr", bus_config_intr),
    ]
}
