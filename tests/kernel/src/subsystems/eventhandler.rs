// SPDX-License-Identifier: BSD-2-Clause
//! eventhandler(9): named lists of handlers in the order of their priority; must not know what the
//! events mean.

use std::rc::Rc;

use crate::args::{Args, Import};
use crate::call;
use crate::check::{violation, Kind};
use crate::mem;
use crate::sched::{self, Wait};
use crate::with;

/// sizeof(struct eventhandler_entry) and the function behind it, for the tag's address.
const ENTRY_LEN: usize = 40;
const LIST_LEN: usize = 80;

/// A handler written in Rust; it gets the event's arguments without the registered one.
pub type Native = Rc<dyn Fn(&[u64])>;

#[derive(Clone)]
enum Handler {
    /// A function of the module and its first argument.
    Module(u64, u64),
    Native(Native),
}

struct Entry {
    /// The address that the module holds as `eventhandler_tag`.
    tag: u64,
    priority: i32,
    handler: Handler,
    dead: bool,
}

struct List {
    name: String,
    address: u64,
    entries: Vec<Entry>,
    /// Invocations under way.
    running: u32,
}

/// All lists that anybody has registered on.
#[derive(Default)]
pub struct Lists(Vec<List>);

impl Lists {
    fn at(&mut self, address: u64) -> Option<&mut List> {
        self.0.iter_mut().find(|list| list.address == address)
    }

    fn named(&mut self, name: &str) -> Option<&mut List> {
        self.0.iter_mut().find(|list| list.name == name)
    }

    /// Handlers of modules whose function lies in `[start, end)`, by list.
    pub fn within(&self, start: u64, end: u64) -> Vec<String> {
        let inside = |entry: &&Entry| match entry.handler {
            Handler::Module(function, _) => (start..end).contains(&function) && !entry.dead,
            Handler::Native(_) => false,
        };
        let lists = self.0.iter();
        let names = lists.flat_map(|list| {
            let found = list.entries.iter().filter(inside);
            found.map(|_| list.name.clone())
        });
        names.collect()
    }

    /// How many handlers would run.
    pub fn live(&self, name: &str) -> usize {
        let list = self.0.iter().find(|list| list.name == name);
        list.map_or(0, |list| list.entries.iter().filter(|e| !e.dead).count())
    }
}

impl List {
    fn insert(&mut self, entry: Entry) {
        let before = |e: &Entry| !e.dead && entry.priority < e.priority;
        let at = self.entries.iter().position(before);
        self.entries.insert(at.unwrap_or(self.entries.len()), entry);
    }

    /// The first live entry after `tag`, or of the whole list.
    fn after(&self, tag: Option<u64>) -> Option<(u64, Handler)> {
        let start = match tag {
            Some(tag) => self.entries.iter().position(|e| e.tag == tag)? + 1,
            None => 0,
        };
        let next = self.entries[start..].iter().find(|e| !e.dead)?;
        Some((next.tag, next.handler.clone()))
    }

    /// Takes out dead entries when nobody walks the list; the addresses to free.
    fn prune(&mut self) -> Vec<u64> {
        if self.running > 0 {
            return vec![];
        }
        let dead = self.entries.iter().filter(|e| e.dead).map(|e| e.tag).collect();
        self.entries.retain(|e| !e.dead);
        dead
    }
}

/// Registers `handler` on the list called `name`, which comes to be if it does not exist.
fn register(name: &str, handler: Handler, priority: i32) -> u64 {
    let tag = mem::kalloc(ENTRY_LEN, "eventhandler entry");
    if with(|k| k.sub.eventhandlers.named(name).is_none()) {
        let address = mem::kalloc(LIST_LEN, "eventhandler list");
        let list = List {
            name: name.into(),
            address,
            entries: vec![],
            running: 0,
        };
        with(|k| k.sub.eventhandlers.0.push(list));
    }
    let entry = Entry {
        tag,
        priority,
        handler,
        dead: false,
    };
    with(|k| {
        if let Some(list) = k.sub.eventhandlers.named(name) {
            list.insert(entry);
        }
    });
    tag
}

/// Registers a handler written in Rust, on the calling machine.
pub fn register_native(name: &str, priority: i32, handler: Native) -> u64 {
    register(name, Handler::Native(handler), priority)
}

/// EVENTHANDLER_INVOKE: runs the live handlers in order. A handler may register and deregister.
pub fn invoke(name: &str, arguments: &[u64]) {
    let started = with(|k| {
        let list = k.sub.eventhandlers.named(name)?;
        list.running += 1;
        Some(list.address)
    });
    let Some(list) = started else { return };
    let mut last = None;
    while let Some((tag, handler)) = with(|k| k.sub.eventhandlers.at(list)?.after(last)) {
        last = Some(tag);
        match handler {
            Handler::Module(function, argument) => {
                call::module(function, &[&[argument], arguments].concat());
            }
            Handler::Native(handler) => handler(arguments),
        }
    }
    finish(list);
}

fn finish(list: u64) {
    let dead = with(|k| {
        k.sub.eventhandlers.at(list).map_or_else(Vec::new, |list| {
            list.running -= 1;
            list.prune()
        })
    });
    if !dead.is_empty() {
        sched::wake(list);
    }
    dead.into_iter().for_each(mem::kfree);
}

/// Takes `tag`, or with 0 everybody, off `list` and waits for invocations under way.
fn deregister(list: u64, tag: u64, wait: bool) {
    let outcome = with(|k| {
        let list = k.sub.eventhandlers.at(list)?;
        let mut found = 0;
        for entry in &mut list.entries {
            if !entry.dead && (tag == 0 || entry.tag == tag) {
                entry.dead = true;
                found += 1;
            }
        }
        Some((found > 0 || tag == 0, list.prune()))
    });
    match outcome {
        None => violation(Kind::Misuse, format!("no eventhandler list at {list:#x}")),
        Some((false, _)) => violation(
            Kind::Misuse,
            format!("eventhandler {tag:#x} is not registered"),
        ),
        Some((true, dead)) => dead.into_iter().for_each(mem::kfree),
    }
    while wait && with(|k| k.sub.eventhandlers.at(list).is_some_and(|l| l.running > 0)) {
        let wait = Wait {
            wmesg: "evhrm",
            ..Wait::default()
        };
        sched::block_on(list, wait);
    }
}

fn eventhandler_register(args: &Args) -> u64 {
    let handler = Handler::Module(args.u64(2), args.u64(3));
    register(&args.str(1), handler, args.i32(4))
}

fn eventhandler_deregister(args: &Args) -> u64 {
    deregister(args.u64(0), args.u64(1), true);
    0
}

fn eventhandler_deregister_nowait(args: &Args) -> u64 {
    deregister(args.u64(0), args.u64(1), false);
    0
}

fn eventhandler_find_list(args: &Args) -> u64 {
    let name = args.str(0);
    with(|k| k.sub.eventhandlers.named(&name).map_or(0, |list| list.address))
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("eventhandler_register", eventhandler_register),
        ("eventhandler_deregister", eventhandler_deregister),
        ("eventhandler_deregister_nowait", eventhandler_deregister_nowait),
        ("eventhandler_find_list", eventhandler_find_list),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(tag: u64, priority: i32) -> Entry {
        Entry {
            tag,
            priority,
            handler: Handler::Module(0x1000 + tag, 0),
            dead: false,
        }
    }

    fn order(list: &List) -> Vec<u64> {
        let mut last = None;
        let mut order = vec![];
        while let Some((tag, _)) = list.after(last) {
            order.push(tag);
            last = Some(tag);
        }
        order
    }

    #[test]
    fn handlers_run_by_priority_then_age_and_dead_ones_not_at_all() {
        let mut list = List {
            name: "shutdown_final".into(),
            address: 1,
            entries: vec![],
            running: 1,
        };
        for (tag, priority) in [(1, 20_000), (2, 10_000), (3, 0), (4, 10_000)] {
            list.insert(entry(tag, priority));
        }
        assert_eq!(order(&list), [3, 2, 4, 1]);
        list.entries[1].dead = true;
        assert_eq!(order(&list), [3, 4, 1]);
        assert!(list.prune().is_empty(), "somebody walks the list");
        list.running = 0;
        assert_eq!(list.prune(), [2]);
    }
}
