// SPDX-License-Identifier: BSD-2-Clause
//! What a driver asks of or tells its device: names, softc, ivars, flags, descriptions, children;
//! must not know probing.

use super::{class, create, kobj, on, State, SYSCTL_CTX, UNIT_ANY};
use crate::args::{Args, Import};
use crate::mem;
use crate::subsystems::{errno, printf};
use crate::with;

fn device_get_parent(args: &Args) -> u64 {
    on(args.u64(0), |d| d.parent)
}

fn device_get_softc(args: &Args) -> u64 {
    on(args.u64(0), |d| d.softc)
}

fn device_set_softc(args: &Args) -> u64 {
    let softc = args.u64(1);
    let old = on(args.u64(0), |d| {
        let old = (!d.softc_is_external).then_some(d.softc);
        d.softc = softc;
        d.softc_is_external = softc != 0;
        old
    });
    if let Some(old) = old.filter(|old| *old != 0) {
        mem::kfree(old);
    }
    0
}

fn device_get_ivars(args: &Args) -> u64 {
    on(args.u64(0), |d| d.ivars)
}

fn device_set_ivars(args: &Args) -> u64 {
    let ivars = args.u64(1);
    on(args.u64(0), |d| d.ivars = ivars);
    0
}

fn device_get_unit(args: &Args) -> u64 {
    on(args.u64(0), |d| d.unit) as u64
}

fn device_get_name(args: &Args) -> u64 {
    let device = args.u64(0);
    with(|k| k.sub.newbus.class_of(device).map_or(0, |c| c.name_text))
}

fn device_get_nameunit(args: &Args) -> u64 {
    on(args.u64(0), |d| d.nameunit)
}

fn device_get_devclass(args: &Args) -> u64 {
    let device = args.u64(0);
    with(|k| k.sub.newbus.class_of(device).map_or(0, |c| c.address))
}

fn device_get_driver(args: &Args) -> u64 {
    on(args.u64(0), |d| d.driver)
}

fn device_get_state(args: &Args) -> u64 {
    on(args.u64(0), |d| d.state.number())
}

fn device_get_flags(args: &Args) -> u64 {
    u64::from(on(args.u64(0), |d| d.flags))
}

fn device_set_flags(args: &Args) -> u64 {
    let flags = args.u32(1);
    on(args.u64(0), |d| d.flags = flags);
    0
}

fn device_get_desc(args: &Args) -> u64 {
    on(args.u64(0), |d| d.desc.0)
}

/// Replaces the description; a copy of ours is freed.
pub fn describe(device: u64, text: u64, is_copy: bool) {
    let (old, was_copy) = on(device, |d| std::mem::replace(&mut d.desc, (text, is_copy)));
    if was_copy {
        mem::kfree(old);
    }
}

fn describe_copy(device: u64, text: &[u8]) {
    let copy = mem::kalloc(text.len() + 1, "device description");
    mem::put(copy, text);
    describe(device, copy, true);
}

fn device_set_desc(args: &Args) -> u64 {
    describe(args.u64(0), args.u64(1), false);
    0
}

fn device_set_desc_copy(args: &Args) -> u64 {
    describe_copy(args.u64(0), &mem::cstr_bytes(args.u64(1)));
    0
}

fn device_set_descf(args: &Args) -> u64 {
    describe_copy(args.u64(0), &printf::expand(args, 1));
    0
}

fn device_quiet(args: &Args) -> u64 {
    on(args.u64(0), |d| d.quiet = true);
    0
}

fn device_verbose(args: &Args) -> u64 {
    on(args.u64(0), |d| d.quiet = false);
    0
}

fn device_is_quiet(args: &Args) -> u64 {
    u64::from(on(args.u64(0), |d| d.quiet))
}

fn device_enable(args: &Args) -> u64 {
    on(args.u64(0), |d| d.enabled = true);
    0
}

fn device_disable(args: &Args) -> u64 {
    on(args.u64(0), |d| d.enabled = false);
    0
}

fn device_is_enabled(args: &Args) -> u64 {
    u64::from(on(args.u64(0), |d| d.enabled))
}

fn device_is_alive(args: &Args) -> u64 {
    u64::from(on(args.u64(0), |d| d.state >= State::Alive))
}

fn device_is_attached(args: &Args) -> u64 {
    u64::from(on(args.u64(0), |d| d.state == State::Attached))
}

fn device_busy(args: &Args) -> u64 {
    on(args.u64(0), |d| d.busy += 1);
    0
}

fn device_unbusy(args: &Args) -> u64 {
    on(args.u64(0), |d| d.busy = d.busy.saturating_sub(1));
    0
}

fn device_get_children(args: &Args) -> u64 {
    let children = on(args.u64(0), |d| d.children.clone());
    class::hand_out(&children, args.u64(1), args.u64(2));
    0
}

fn device_has_children(args: &Args) -> u64 {
    u64::from(on(args.u64(0), |d| !d.children.is_empty()))
}

fn device_find_child(args: &Args) -> u64 {
    let (parent, name, unit) = (args.u64(0), args.str(1), args.i32(2));
    let children = on(parent, |d| d.children.clone());
    let matches = |child: &u64| {
        let right_class = with(|k| k.sub.newbus.class_name(*child)) == Some(name.clone());
        right_class && (unit == UNIT_ANY || on(*child, |d| d.unit) == unit)
    };
    children
        .into_iter()
        .filter(matches)
        .min_by_key(|c| on(*c, |d| d.unit))
        .unwrap_or(0)
}

/// device_add_child_ordered(9); 0 when the unit is taken.
pub fn add_child(parent: u64, order: u32, name: Option<&str>, unit: i32) -> u64 {
    let child = create(parent, order);
    if let Some(name) = name {
        if !class::join(child, name, unit) {
            destroy(child);
            return 0;
        }
        on(child, |d| d.fixed_class = true);
    }
    child
}

/// Frees a device that is detached and has no children.
pub fn destroy(device: u64) {
    class::leave(device);
    describe(device, 0, false);
    with(|k| {
        let removed = k.sub.newbus.devices.remove(&device);
        if let Some(parent) = removed.and_then(|d| k.sub.newbus.device_mut(d.parent)) {
            parent.children.retain(|c| *c != device);
        }
    });
    kobj::fini(device);
    mem::kfree(device);
}

fn device_add_child(args: &Args) -> u64 {
    add_child(
        args.u64(0),
        0,
        optional_name(args, 1).as_deref(),
        args.i32(2),
    )
}

fn device_add_child_ordered(args: &Args) -> u64 {
    let name = optional_name(args, 2);
    add_child(args.u64(0), args.u32(1), name.as_deref(), args.i32(3))
}

fn optional_name(args: &Args, n: usize) -> Option<String> {
    (args.u64(n) != 0).then(|| args.str(n))
}

fn device_get_sysctl_ctx(args: &Args) -> u64 {
    args.u64(0) + SYSCTL_CTX
}

fn device_get_sysctl_tree(args: &Args) -> u64 {
    on(args.u64(0), |d| d.sysctl_tree)
}

/// No bus here has properties.
fn device_get_property(_args: &Args) -> u64 {
    u64::MAX
}

fn device_has_property(_args: &Args) -> u64 {
    0
}

/// device_set_devclass(9).
fn device_set_devclass(args: &Args) -> u64 {
    let device = args.u64(0);
    if args.u64(1) == 0 {
        class::leave(device);
        return 0;
    }
    if on(device, |d| d.class.is_some()) {
        printf::console("device_set_devclass: device class already set\n");
        return errno::EINVAL as u64;
    }
    match class::join(device, &args.str(1), UNIT_ANY) {
        true => 0,
        false => errno::EEXIST as u64,
    }
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("device_get_parent", device_get_parent),
        ("device_get_softc", device_get_softc),
        ("device_set_softc", device_set_softc),
        ("device_get_ivars", device_get_ivars),
        ("device_set_ivars", device_set_ivars),
        ("device_get_unit", device_get_unit),
        ("device_get_name", device_get_name),
        ("device_get_nameunit", device_get_nameunit),
        ("device_get_devclass", device_get_devclass),
        ("device_set_devclass", device_set_devclass),
        ("device_get_driver", device_get_driver),
        ("device_get_state", device_get_state),
        ("device_get_flags", device_get_flags),
        ("device_set_flags", device_set_flags),
        ("device_get_desc", device_get_desc),
        ("device_set_desc", device_set_desc),
        ("device_set_desc_copy", device_set_desc_copy),
        ("device_set_descf", device_set_descf),
        ("device_quiet", device_quiet),
        ("device_verbose", device_verbose),
        ("device_is_quiet", device_is_quiet),
        ("device_enable", device_enable),
        ("device_disable", device_disable),
        ("device_is_enabled", device_is_enabled),
        ("device_is_alive", device_is_alive),
        ("device_is_attached", device_is_attached),
        ("device_busy", device_busy),
        ("device_unbusy", device_unbusy),
        ("device_get_children", device_get_children),
        ("device_has_children", device_has_children),
        ("device_find_child", device_find_child),
        ("device_add_child", device_add_child),
        ("device_add_child_ordered", device_add_child_ordered),
        ("device_get_sysctl_ctx", device_get_sysctl_ctx),
        ("device_get_sysctl_tree", device_get_sysctl_tree),
        ("device_get_property", device_get_property),
        ("device_has_property", device_has_property),
    ]
}
