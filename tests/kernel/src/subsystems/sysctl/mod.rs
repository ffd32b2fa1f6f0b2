// SPDX-License-Identifier: BSD-2-Clause
//! The sysctl tree: which oids exist, under which names, and who runs in their handlers; must not
//! know what the handlers do.

pub mod api;
pub mod dynamic;
pub mod handlers;
pub mod oid;
pub mod request;
pub mod tunable;

use std::collections::BTreeMap;

use crate::args::{Args, Import};
use crate::call;
use crate::imports::{self, Datum};
use crate::mem;
use crate::sched::{self, Wait};
use crate::subsystems::{errno, printf};
use crate::with;
use oid::{Fields, Oid, Type};

const OID_AUTO: i32 = -1;
/// Numbers from here on are given out.
const CTL_AUTO_START: i32 = 0x100;
const NUMBER_MAX: i32 = i32::MAX;

/// What the tree keeps beside the structure in memory.
#[derive(Default)]
struct Node {
    /// Users of a dynamic oid.
    references: u32,
    /// Threads inside the handler.
    running: u32,
    /// Kernel memory to free with it.
    owned: Vec<u64>,
}

#[derive(Default)]
pub struct Tree {
    /// Lists of children by address, each sorted by number.
    lists: BTreeMap<u64, BTreeMap<i32, Oid>>,
    nodes: BTreeMap<Oid, Node>,
    last_number: i32,
    contexts: BTreeMap<u64, Vec<Oid>>,
}

impl Tree {
    fn children(&self, list: u64) -> Vec<Oid> {
        let children = self.lists.get(&list);
        children.map_or_else(Vec::new, |c| c.values().copied().collect())
    }

    /// A free number: automatic ones count down from the top.
    fn number(&mut self, list: u64, wanted: i32) -> i32 {
        let taken = self.lists.entry(list).or_default();
        if wanted >= 0 && !taken.contains_key(&wanted) {
            return wanted;
        }
        loop {
            self.last_number = match self.last_number - 1 {
                n if n < CTL_AUTO_START => NUMBER_MAX,
                n => n,
            };
            if !taken.contains_key(&self.last_number) {
                return self.last_number;
            }
        }
    }

    fn insert(&mut self, list: u64, number: i32, oid: Oid, owned: Vec<u64>) {
        self.lists.entry(list).or_default().insert(number, oid);
        let node = Node {
            references: 1,
            running: 0,
            owned,
        };
        self.nodes.insert(oid, node);
    }

    fn remove(&mut self, list: u64, number: i32) -> bool {
        let removed = self.lists.get_mut(&list).and_then(|c| c.remove(&number));
        removed.is_some()
    }
}

/// The list of the tree's top level.
fn root() -> u64 {
    imports::datum("sysctl__children")
}

fn child_named(list: u64, name: &str) -> Option<Oid> {
    let children = with(|k| k.sub.sysctl.children(list));
    children.into_iter().find(|oid| oid.is_named(name))
}

/// The oid with the dotted `name`.
pub fn lookup(name: &str) -> Option<Oid> {
    let mut list = root();
    let mut found = None;
    for part in name.split('.') {
        let oid = child_named(list, part)?;
        list = oid.0;
        found = Some(oid);
    }
    found.filter(|oid| oid.kind() & oid::CTLFLAG_DORMANT == 0)
}

/// The dotted name of `oid`.
pub fn path(oid: Oid) -> String {
    match oid.parent_list() {
        list if list == root() => oid.name(),
        list => format!("{}.{}", path(Oid(list)), oid.name()),
    }
}

/// sysctl_register_oid(9) for an oid in module memory, `owned` being what to free with it.
fn register(oid: Oid, owned: Vec<u64>) {
    let list = oid.parent_list();
    if let Some(existing) = child_named(list, &oid.name()) {
        if Type::of(existing.kind()) == Type::Node {
            with(|k| k.sub.sysctl.nodes.entry(existing).or_default().references += 1);
        } else {
            printf::console(&format!(
                "sysctl_register_oid: can't re-use a leaf ({})!\n",
                path(existing)
            ));
        }
        return;
    }
    let wanted = oid.number();
    let number = with(|k| k.sub.sysctl.number(list, wanted));
    oid.set_number(number);
    with(|k| k.sub.sysctl.insert(list, number, oid, owned));
    let kind = oid.kind();
    if Type::of(kind) != Type::Node
        && kind & oid::CTLFLAG_TUN != 0
        && kind & oid::CTLFLAG_NOFETCH == 0
    {
        oid.set_kind(kind | oid::CTLFLAG_NOFETCH);
        tunable::fetch(oid);
    }
}

/// Registers a static oid of a file that is being loaded; it stays invisible until [`enable`].
pub fn register_disabled(address: u64) {
    let oid = Oid(address);
    oid.set_kind(oid.kind() | oid::CTLFLAG_DORMANT);
    register(oid, vec![]);
}

/// Makes a static oid visible.
pub fn enable(address: u64) {
    let oid = Oid(address);
    oid.set_kind(oid.kind() & !oid::CTLFLAG_DORMANT);
}

/// sysctl_unregister_oid(9).
pub fn unregister(address: u64) {
    let oid = Oid(address);
    let (list, number) = (oid.parent_list(), oid.number());
    if !with(|k| k.sub.sysctl.remove(list, number)) {
        printf::console(&format!(
            "sysctl_unregister_oid: failed({}) to unregister sysctl({})\n",
            errno::ENOENT,
            oid.name()
        ));
    }
}

/// Names of oids that still point into `[start, end)`, a file that is going away.
pub fn pointing_into(start: u64, end: u64) -> Vec<String> {
    let all: Vec<Oid> = with(|k| {
        let lists = k.sub.sysctl.lists.values();
        lists.flat_map(|list| list.values().copied()).collect()
    });
    let inside = |at: u64| (start..end).contains(&at);
    let mut names: Vec<String> = all
        .into_iter()
        .filter(|oid| inside(oid.0) || oid.pointers().into_iter().any(inside))
        .map(path)
        .collect();
    names.sort();
    names
}

/// Runs the handler of `oid` for the request at `req`.
fn run_handler(oid: Oid, req: u64) -> i32 {
    let running = |step: i32| {
        with(|k| {
            let node = k.sub.sysctl.nodes.entry(oid).or_default();
            node.running = node.running.wrapping_add_signed(step);
            node.running
        })
    };
    running(1);
    let error = call::module(oid.handler(), &[oid.0, oid.arg1(), oid.arg2(), req]);
    if running(-1) == 0 && oid.kind() & oid::CTLFLAG_DYING != 0 {
        sched::wake(oid.0);
    }
    errno::of(error)
}

/// Waits until nobody runs in the handler of `oid`, which is out of the tree.
fn drain(oid: Oid) {
    while with(|k| k.sub.sysctl.nodes.get(&oid).is_some_and(|n| n.running > 0)) {
        oid.set_kind(oid.kind() | oid::CTLFLAG_DYING);
        let wait = Wait {
            wmesg: "oidrm",
            ..Wait::default()
        };
        sched::block_on(oid.0, wait);
    }
}

fn sysctl_register_oid(args: &Args) -> u64 {
    register(Oid(args.u64(0)), vec![]);
    0
}

fn sysctl_unregister_oid(args: &Args) -> u64 {
    unregister(args.u64(0));
    0
}

/// A node of the kernel's own below the node whose datum is `parent`, or at the top.
fn place(address: u64, parent: Option<&str>, name: &str) {
    let list = parent.map_or_else(root, imports::datum);
    let fields = Fields {
        number: OID_AUTO,
        kind: 1 | oid::CTLFLAG_RD | oid::CTLFLAG_MPSAFE,
        arg1: 0,
        arg2: 0,
        name: mem::intern(name),
        handler: 0,
        format: mem::intern("N"),
        description: mem::intern(""),
        label: 0,
    };
    Oid(address).fill(list, &fields);
    register(Oid(address), vec![]);
}

pub fn tables() -> Vec<&'static [(&'static str, Import)]> {
    const OWN: &[(&str, Import)] = &[
        ("sysctl_register_oid", sysctl_register_oid),
        ("sysctl_unregister_oid", sysctl_unregister_oid),
    ];
    vec![OWN, dynamic::table(), handlers::table(), request::table()]
}

/// The top-level nodes that drivers hang their own under.
const NODES: [(&str, Option<&str>, &str); 6] = [
    ("sysctl___kern", None, "kern"),
    ("sysctl___debug", None, "debug"),
    ("sysctl___hw", None, "hw"),
    ("sysctl___dev", None, "dev"),
    ("sysctl___machdep", None, "machdep"),
    ("sysctl___hw_watchdog", Some("sysctl___hw"), "watchdog"),
];

/// Fills in the kernel's own nodes, once the generation and so the layout is known.
pub fn boot() {
    for (datum, parent, name) in NODES {
        place(imports::datum(datum), parent, name);
    }
}

pub fn data() -> &'static [Datum] {
    fn nothing(_: u64) {}
    const fn node(name: &'static str) -> Datum {
        Datum {
            name,
            size: oid::STRUCT_LEN,
            init: nothing,
        }
    }
    const DATA: &[Datum] = &[
        node("sysctl__children"),
        node("sysctl___kern"),
        node("sysctl___debug"),
        node("sysctl___hw"),
        node("sysctl___dev"),
        node("sysctl___machdep"),
        node("sysctl___hw_watchdog"),
    ];
    DATA
}
