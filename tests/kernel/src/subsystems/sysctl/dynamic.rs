// SPDX-License-Identifier: BSD-2-Clause
//! Oids made and removed at run time, and the contexts that remember them; must not know what
//! they show.

use super::oid::{self, Fields, Oid, Type};
use super::{child_named, drain, path, register, unregister};
use crate::args::{Args, Import};
use crate::check::{violation, Kind};
use crate::mem;
use crate::subsystems::{errno, printf};
use crate::with;

/// What the kernel itself wants to add; texts instead of addresses.
pub struct New<'a> {
    pub name: &'a str,
    pub kind: u32,
    pub arg1: u64,
    pub arg2: u64,
    pub handler: u64,
    pub format: u64,
    pub description: &'a str,
}

/// sysctl_add_oid(9): a node that exists already is shared; any other name must be free.
pub fn add(context: u64, parent: u64, number: i32, new: &New) -> Option<Oid> {
    if parent == 0 {
        return None;
    }
    let name = new.name.replace('.', "%25");
    if let Some(existing) = child_named(parent, &name) {
        return share(context, existing);
    }
    let address = mem::kalloc(oid::STRUCT_LEN, "struct sysctl_oid");
    let owned = vec![copy(&name), copy(new.description)];
    let fields = Fields {
        number,
        kind: new.kind | oid::CTLFLAG_DYN,
        arg1: new.arg1,
        arg2: new.arg2,
        name: owned[0],
        handler: new.handler,
        format: new.format,
        description: owned[1],
        label: 0,
    };
    let oid = Oid(address);
    oid.fill(parent, &fields);
    remember(context, oid);
    register(oid, owned);
    Some(oid)
}

fn share(context: u64, existing: Oid) -> Option<Oid> {
    if Type::of(existing.kind()) != Type::Node {
        printf::console(&format!(
            "sysctl_add_oid: can't re-use a leaf ({})!\n",
            path(existing)
        ));
        return None;
    }
    with(|k| k.sub.sysctl.nodes.entry(existing).or_default().references += 1);
    remember(context, existing);
    Some(existing)
}

fn copy(text: &str) -> u64 {
    let address = mem::kalloc(text.len() + 1, "sysctl text");
    mem::put(address, text.as_bytes());
    address
}

/// Puts `oid` at the head of the context, unless there is none.
fn remember(context: u64, oid: Oid) {
    if context == 0 {
        return;
    }
    match with(|k| {
        k.sub
            .sysctl
            .contexts
            .get_mut(&context)
            .map(|c| c.insert(0, oid))
    }) {
        Some(()) => mem::write(context, oid.0),
        None => violation(
            Kind::Lifetime,
            format!("sysctl context {context:#x} is not initialised"),
        ),
    }
}

/// One reference less; the last one takes the oid out of the tree and, with `delete`, frees it.
fn remove(oid: Oid, delete: bool, recurse: bool) -> i32 {
    if oid.kind() & oid::CTLFLAG_DYN == 0 {
        printf::console(&format!(
            "Warning: can't remove non-dynamic nodes ({})!\n",
            oid.name()
        ));
        return errno::EINVAL;
    }
    let references = with(|k| k.sub.sysctl.nodes.get(&oid).map_or(0, |n| n.references));
    if references > 1 {
        with(|k| k.sub.sysctl.nodes.entry(oid).or_default().references -= 1);
        return 0;
    }
    if Type::of(oid.kind()) == Type::Node {
        let error = remove_children(oid, delete, recurse);
        if error != 0 {
            return error;
        }
    }
    if references == 0 {
        violation(
            Kind::Lifetime,
            format!("sysctl oid {:#x} removed twice", oid.0),
        );
        return errno::EINVAL;
    }
    unregister(oid.0);
    if delete {
        drain(oid);
        free(oid);
    }
    0
}

fn remove_children(oid: Oid, delete: bool, recurse: bool) -> i32 {
    for child in with(|k| k.sub.sysctl.children(oid.0)) {
        if !recurse {
            printf::console(&format!(
                "Warning: failed attempt to remove oid {} with child {}\n",
                oid.name(),
                child.name()
            ));
            return errno::ENOTEMPTY;
        }
        let error = remove(child, delete, recurse);
        if error != 0 {
            return error;
        }
    }
    0
}

fn free(oid: Oid) {
    let owned = with(|k| k.sub.sysctl.nodes.remove(&oid).map(|n| n.owned));
    for text in owned.unwrap_or_default() {
        mem::kfree(text);
    }
    mem::kfree(oid.0);
}

/// sysctl_ctx_init(9).
pub fn context_init(context: u64) {
    mem::write(context, 0u64);
    mem::write(context + 8, context);
    with(|k| k.sub.sysctl.contexts.insert(context, vec![]));
}

/// sysctl_ctx_free(9): all oids of the context or none, newest first.
pub fn context_free(context: u64) -> i32 {
    let Some(oids) = with(|k| k.sub.sysctl.contexts.get(&context).cloned()) else {
        violation(
            Kind::Lifetime,
            format!("sysctl context {context:#x} is not initialised"),
        );
        return errno::EINVAL;
    };
    if let Some(stuck) = first_with_strangers(&oids) {
        printf::console(&format!(
            "Warning: failed attempt to remove oid {} with children\n",
            stuck.name()
        ));
        return errno::EBUSY;
    }
    for oid in oids {
        remove(oid, true, false);
    }
    mem::write(context, 0u64);
    with(|k| k.sub.sysctl.contexts.insert(context, vec![]));
    0
}

/// The first node of which the context holds the last reference but not all children.
fn first_with_strangers(oids: &[Oid]) -> Option<Oid> {
    with(|k| {
        let tree = &k.sub.sysctl;
        let last = |oid: &&Oid| {
            let held = oids.iter().filter(|o| o == oid).count();
            tree.nodes
                .get(oid)
                .is_some_and(|n| n.references as usize <= held)
        };
        let has_stranger = |oid: &&Oid| {
            let children = tree.children(oid.0);
            children.iter().any(|child| !oids.contains(child))
        };
        oids.iter().filter(last).find(has_stranger).copied()
    })
}

/// Contexts initialised in `[start, end)` that still hold oids.
pub fn contexts_within(start: u64, end: u64) -> usize {
    with(|k| {
        let contexts = k.sub.sysctl.contexts.range(start..end);
        contexts.filter(|(_, oids)| !oids.is_empty()).count()
    })
}

fn sysctl_add_oid(args: &Args) -> u64 {
    let (name, description) = (args.str(3), args.u64(9));
    let description = match description {
        0 => String::new(),
        text => mem::cstr(text),
    };
    let new = New {
        name: &name,
        kind: args.u32(4),
        arg1: args.u64(5),
        arg2: args.u64(6),
        handler: args.u64(7),
        format: args.u64(8),
        description: &description,
    };
    add(args.u64(0), args.u64(1), args.i32(2), &new).map_or(0, |oid| oid.0)
}

fn sysctl_remove_oid(args: &Args) -> u64 {
    remove(Oid(args.u64(0)), args.i32(1) != 0, args.i32(2) != 0) as u64
}

fn sysctl_ctx_init(args: &Args) -> u64 {
    context_init(args.u64(0));
    0
}

fn sysctl_ctx_free(args: &Args) -> u64 {
    context_free(args.u64(0)) as u64
}

fn sysctl_ctx_entry_add(args: &Args) -> u64 {
    remember(args.u64(0), Oid(args.u64(1)));
    args.u64(1)
}

fn sysctl_ctx_entry_find(args: &Args) -> u64 {
    let (context, oid) = (args.u64(0), Oid(args.u64(1)));
    let found = with(|k| {
        let oids = k.sub.sysctl.contexts.get(&context);
        oids.is_some_and(|oids| oids.contains(&oid))
    });
    if found {
        oid.0
    } else {
        0
    }
}

fn sysctl_ctx_entry_del(args: &Args) -> u64 {
    let (context, oid) = (args.u64(0), Oid(args.u64(1)));
    let removed = with(|k| {
        let oids = k.sub.sysctl.contexts.get_mut(&context)?;
        let at = oids.iter().position(|o| *o == oid)?;
        Some(oids.remove(at))
    });
    match removed {
        Some(_) => 0,
        None => errno::ENOENT as u64,
    }
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("sysctl_add_oid", sysctl_add_oid),
        ("sysctl_remove_oid", sysctl_remove_oid),
        ("sysctl_ctx_init", sysctl_ctx_init),
        ("sysctl_ctx_free", sysctl_ctx_free),
        ("sysctl_ctx_entry_add", sysctl_ctx_entry_add),
        ("sysctl_ctx_entry_find", sysctl_ctx_entry_find),
        ("sysctl_ctx_entry_del", sysctl_ctx_entry_del),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imports;
    use crate::subsystems::sysctl::api::{self, Value};
    use crate::subsystems::testing::{kernel, on_machine};

    const NODE: u32 = 0x8004_0001;
    const INT: u32 = 0xc004_0002;

    /// sysctl_add_oid(9) below `parent`.
    fn oid(context: u64, parent: u64, name: &str, kind: u32, arg1: u64, handler: u64) -> u64 {
        let (name, text) = (mem::intern(name), mem::intern("text"));
        let parent_list = match parent {
            0 => imports::datum("sysctl___hw"),
            parent => parent,
        };
        let arguments = [
            context,
            parent_list,
            u64::MAX,
            name,
            u64::from(kind),
            arg1,
            0,
            handler,
            mem::intern("I"),
            text,
            0,
        ];
        kernel("sysctl_add_oid", &arguments)
    }

    fn context() -> u64 {
        let context = mem::kalloc(16, "context");
        kernel("sysctl_ctx_init", &[context]);
        context
    }

    #[test]
    fn a_context_takes_its_oids_along() {
        on_machine(|| {
            let (context, value) = (context(), mem::kalloc(8, "value"));
            mem::write(value, 7i32);
            let node = oid(context, 0, "made", NODE, 0, 0);
            oid(
                context,
                node,
                "leaf",
                INT,
                value,
                imports::stub("sysctl_handle_int"),
            );
            assert_eq!(api::get("hw.made.leaf"), Ok(Value::Int(7)));
            assert_eq!(api::set("hw.made.leaf", &Value::Int(-2)), Ok(()));
            assert_eq!(mem::read::<i32>(value), -2);
            assert_eq!(kernel("sysctl_ctx_free", &[context]), 0);
            assert_eq!(api::get("hw.made.leaf"), Err(errno::ENOENT));
        });
    }

    #[test]
    fn a_node_is_shared_and_with_a_strangers_child_it_stays() {
        on_machine(|| {
            let (one, other) = (context(), context());
            let node = oid(one, 0, "shared", NODE, 0, 0);
            assert_eq!(oid(other, 0, "shared", NODE, 0, 0), node);
            oid(
                other,
                node,
                "leaf",
                INT,
                0,
                imports::stub("sysctl_handle_int"),
            );
            assert_eq!(kernel("sysctl_ctx_free", &[one]), 0);
            assert_eq!(api::get("hw.shared.leaf"), Ok(Value::Int(0)));
            let stranger = oid(0, node, "mine", INT, 0, imports::stub("sysctl_handle_int"));
            assert_eq!(kernel("sysctl_ctx_free", &[other]), errno::EBUSY as u64);
            assert_eq!(kernel("sysctl_remove_oid", &[stranger, 1, 0]), 0);
            assert_eq!(kernel("sysctl_ctx_free", &[other]), 0);
            assert_eq!(api::get("hw.shared.leaf"), Err(errno::ENOENT));
        });
    }

    #[test]
    fn a_leaf_cannot_be_added_twice() {
        on_machine(|| {
            let context = context();
            let handler = imports::stub("sysctl_handle_int");
            assert_ne!(oid(context, 0, "leaf", INT, 0, handler), 0);
            assert_eq!(oid(context, 0, "leaf", INT, 0, handler), 0);
        });
    }
}
