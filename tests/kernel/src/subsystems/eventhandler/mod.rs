// SPDX-License-Identifier: BSD-2-Clause
//! eventhandler(9): handlers called in the order of their priority, and taken off a list only when
//! nobody runs them; must not know what the events mean.

mod list;

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::args::{Args, Import};
use crate::call;
use crate::check::{violation, Kind};
use crate::sched::{self, Wait};
use crate::with;
use list::{Entry, List};

/// A handler written in Rust; it gets the event's arguments without the registered one.
pub type Native = Rc<dyn Fn(&[u64])>;

/// All lists that anybody has registered on.
#[derive(Default)]
pub struct Lists {
    lists: Vec<(String, List)>,
    natives: BTreeMap<Entry, Native>,
}

fn find(name: &str) -> Option<List> {
    with(|k| {
        let mut lists = k.sub.eventhandlers.lists.iter();
        lists.find(|(n, _)| n == name).map(|(_, list)| *list)
    })
}

/// The list called `name`, which comes to be if it does not exist.
fn find_or_create(name: &str) -> List {
    find(name).unwrap_or_else(|| {
        let list = List::new(name);
        with(|k| k.sub.eventhandlers.lists.push((name.into(), list)));
        list
    })
}

fn register(name: &str, entry: Entry) -> u64 {
    let list = find_or_create(name);
    list.lock();
    list.insert(entry);
    list.unlock();
    entry.0
}

/// Registers a handler written in Rust, on the calling machine.
pub fn register_native(name: &str, priority: i32, handler: Native) -> u64 {
    let entry = Entry::new(priority, 0, 0);
    with(|k| k.sub.eventhandlers.natives.insert(entry, handler));
    register(name, entry)
}

/// EVENTHANDLER_INVOKE: runs the live handlers in order. A handler may register and deregister.
pub fn invoke(name: &str, arguments: &[u64]) {
    let Some(list) = find(name) else { return };
    list.lock();
    list.set_running(list.running() + 1);
    let mut last = None;
    while let Some(entry) = list.live_after(last) {
        last = Some(entry);
        list.unlock();
        run(entry, arguments);
        list.lock();
    }
    list.set_running(list.running() - 1);
    if !list.prune().is_empty() {
        sched::wake(list.0);
    }
    list.unlock();
}

fn run(entry: Entry, arguments: &[u64]) {
    match with(|k| k.sub.eventhandlers.natives.get(&entry).cloned()) {
        Some(handler) => handler(arguments),
        None => {
            let all = [&[entry.argument()], arguments].concat();
            call::module(entry.function(), &all);
        }
    }
}

/// Takes `tag`, or with 0 everybody, off the locked `list`, unlocks it and, with `wait`, waits for
/// invocations under way.
fn deregister(list: u64, tag: u64, wait: bool) {
    let list = List(list);
    if !list.kill((tag != 0).then_some(Entry(tag))) {
        let text = format!("eventhandler {tag:#x} is not registered");
        violation(Kind::Misuse, text);
    }
    list.prune();
    while wait && list.running() > 0 {
        list.unlock();
        let wait = Wait {
            wmesg: "evhrm",
            ..Wait::default()
        };
        sched::block_on(list.0, wait);
        list.lock();
    }
    list.unlock();
}

/// Handlers of modules whose function lies in `[start, end)`, by list.
pub fn within(start: u64, end: u64) -> Vec<String> {
    let lists = with(|k| k.sub.eventhandlers.lists.clone());
    let ours = |e: &Entry| !e.is_dead() && (start..end).contains(&e.function());
    let names = lists.into_iter().flat_map(|(name, list)| {
        let count = list.entries().into_iter().filter(ours).count();
        std::iter::repeat_n(name, count)
    });
    names.collect()
}

fn eventhandler_register(args: &Args) -> u64 {
    let entry = Entry::new(args.i32(4), args.u64(2), args.u64(3));
    register(&args.str(1), entry)
}

fn eventhandler_deregister(args: &Args) -> u64 {
    deregister(args.u64(0), args.u64(1), true);
    0
}

fn eventhandler_deregister_nowait(args: &Args) -> u64 {
    deregister(args.u64(0), args.u64(1), false);
    0
}

/// Returns the list locked.
fn eventhandler_find_list(args: &Args) -> u64 {
    match find(&args.str(0)) {
        Some(list) => {
            list.lock();
            list.0
        }
        None => 0,
    }
}

/// The end of an invocation by inlined code.
fn eventhandler_prune_list(args: &Args) -> u64 {
    let list = List(args.u64(0));
    if !list.prune().is_empty() {
        sched::wake(list.0);
    }
    0
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("eventhandler_register", eventhandler_register),
        ("eventhandler_deregister", eventhandler_deregister),
        (
            "eventhandler_deregister_nowait",
            eventhandler_deregister_nowait,
        ),
        ("eventhandler_find_list", eventhandler_find_list),
        ("eventhandler_prune_list", eventhandler_prune_list),
    ]
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::subsystems::testing::{machine, on_machine};

    #[test]
    fn handlers_run_by_priority_then_age_and_removed_ones_not_at_all() {
        let order = on_machine(|| {
            let seen = Rc::new(RefCell::new(vec![]));
            let add = |n: u64, priority| {
                let seen = Rc::clone(&seen);
                register_native(
                    "event",
                    priority,
                    Rc::new(move |_| seen.borrow_mut().push(n)),
                )
            };
            let tags = [(1, 20_000), (2, 10_000), (3, 0), (4, 10_000)].map(|(n, p)| add(n, p));
            invoke("event", &[]);
            let list = find("event").unwrap();
            list.lock();
            deregister(list.0, tags[1], true);
            invoke("event", &[]);
            seen.take()
        });
        assert_eq!(order, [3, 2, 4, 1, 3, 4, 1]);
    }

    #[test]
    fn a_handler_is_gone_only_after_those_who_run_it() {
        let log = Rc::new(RefCell::new(vec![]));
        let mut machine = machine();
        let handler_log = Rc::clone(&log);
        machine.on_event(
            "event",
            0,
            Rc::new(move |_| {
                sched::spend(5_000_000);
                handler_log.borrow_mut().push("handler");
            }),
        );
        machine.run_until(1_001_000_000);
        machine.spawn_thread("invoke", || invoke("event", &[]));
        machine.run_until(1_003_000_000);
        let waiter_log = Rc::clone(&log);
        machine.spawn_thread("deregister", move || {
            let list = find("event").unwrap();
            list.lock();
            deregister(list.0, 0, true);
            waiter_log.borrow_mut().push("deregistered");
        });
        machine.run_until(2_000_000_000);
        assert!(
            machine.violations().is_empty(),
            "{:?}",
            machine.violations()
        );
        assert_eq!(log.take(), ["handler", "deregistered"]);
    }
}
