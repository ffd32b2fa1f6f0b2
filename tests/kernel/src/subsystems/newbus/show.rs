// SPDX-License-Identifier: BSD-2-Clause
//! How a device shows itself: the line at attach and its sysctl node; must not know drivers.

use super::{on, rman::Type, SYSCTL_CTX};
use crate::args::{Args, Import};
use crate::imports;
use crate::mem;
use crate::subsystems::printf;
use crate::subsystems::sysctl::dynamic::{self, New};
use crate::subsystems::sysctl::{oid, request};
use crate::with;

const CTLTYPE_NODE: u32 = 1;
const CTLTYPE_STRING: u32 = 3;
const OID_AUTO: i32 = -1;

/// The leaves of every device, by their number in `arg2`.
const LEAVES: [(&str, &str); 5] = [
    ("%desc", "device description"),
    ("%driver", "device driver name"),
    ("%location", "device location relative to parent"),
    ("%pnpinfo", "device identification"),
    ("%parent", "parent device"),
];

fn description(device: u64) -> String {
    match on(device, |d| d.desc.0) {
        0 => String::new(),
        text => mem::cstr(text),
    }
}

/// `ipmi0: <IPMI System Interface> at port 0xca2-0xca3 on isa0`.
pub fn announce(device: u64) {
    let parent = super::nameunit(on(device, |d| d.parent));
    let text = format!(
        "{}<{}>{} on {parent}\n",
        super::print_prefix(device),
        description(device),
        resources(device)
    );
    printf::console(&text);
}

fn resources(device: u64) -> String {
    let entries = on(device, |d| d.resources.clone());
    let mut text = String::new();
    for (kind, name) in [
        (Type::Port, "port"),
        (Type::Memory, "iomem"),
        (Type::Irq, "irq"),
    ] {
        let ranges = entries
            .iter()
            .filter(|e| e.kind == kind)
            .map(|e| match kind {
                Type::Irq => format!("{}", e.start),
                _ if e.count > 1 => format!("{:#x}-{:#x}", e.start, e.start + e.count - 1),
                _ => format!("{:#x}", e.start),
            });
        let ranges: Vec<String> = ranges.collect();
        if !ranges.is_empty() {
            text += &format!(" {name} {}", ranges.join(","));
        }
    }
    match text.is_empty() {
        true => text,
        false => format!(" at{text}"),
    }
}

fn node(context: u64, parent: u64, name: &str) -> u64 {
    let new = New {
        name,
        kind: CTLTYPE_NODE | oid::CTLFLAG_RD | oid::CTLFLAG_MPSAFE,
        arg1: 0,
        arg2: 0,
        handler: 0,
        format: mem::intern("N"),
        description: "",
    };
    dynamic::add(context, parent, OID_AUTO, &new).map_or(0, |oid| oid.0)
}

/// The node "dev.CLASS", made with the first device of the class.
fn class_node(class: usize) -> u64 {
    let (name, tree) = with(|k| {
        let class = &k.sub.newbus.classes[class];
        (class.name.clone(), class.sysctl_tree)
    });
    if tree != 0 {
        return tree;
    }
    let tree = node(0, imports::datum("sysctl___dev"), &name);
    with(|k| k.sub.newbus.classes[class].sysctl_tree = tree);
    tree
}

/// Makes "dev.CLASS.UNIT" and what every device has below it.
pub fn sysctl_init(device: u64) {
    let (class, unit, tree) = on(device, |d| (d.class.unwrap_or(0), d.unit, d.sysctl_tree));
    if tree != 0 {
        return;
    }
    let context = device + SYSCTL_CTX;
    dynamic::context_init(context);
    let tree = node(context, class_node(class), &unit.to_string());
    on(device, |d| d.sysctl_tree = tree);
    for (which, (name, description)) in LEAVES.iter().enumerate() {
        let new = New {
            name,
            kind: CTLTYPE_STRING | oid::CTLFLAG_RD | oid::CTLFLAG_MPSAFE,
            arg1: device,
            arg2: which as u64,
            handler: imports::stub("device_sysctl_handler"),
            format: mem::intern("A"),
            description,
        };
        dynamic::add(context, tree, OID_AUTO, &new);
    }
}

/// Removes the node with all that the driver has added to its context.
pub fn sysctl_fini(device: u64) {
    if on(device, |d| std::mem::take(&mut d.sysctl_tree)) != 0 {
        dynamic::context_free(device + SYSCTL_CTX);
    }
}

fn device_sysctl_handler(args: &Args) -> u64 {
    let (device, which, req) = (args.u64(1), args.u64(2), args.u64(3));
    let text = match which {
        0 => description(device),
        1 => with(|k| k.sub.newbus.class_name(device)).unwrap_or_default(),
        4 => super::nameunit(on(device, |d| d.parent)),
        _ => String::new(),
    };
    request::hand_out(req, &[text.as_bytes(), b"\0"].concat()) as u64
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[("device_sysctl_handler", device_sysctl_handler)]
}
