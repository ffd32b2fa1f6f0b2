// SPDX-License-Identifier: BSD-2-Clause
//! Newbus: the device tree, device classes and their drivers as data; must not know what a bus or
//! a driver does.

pub mod acpi;
pub mod api;
pub mod attach;
pub mod class;
pub mod desc;
pub mod device;
pub mod driver;
pub mod hints;
pub mod interrupt;
pub mod intrhook;
pub mod isa;
pub mod kobj;
pub mod pci;
pub mod platform;
pub mod resource;
pub mod rman;
pub mod rman_get;
pub mod show;
mod smbus;

use std::collections::{BTreeMap, BTreeSet};

use crate::args::Import;
use crate::imports::Datum;
use crate::mem;
use crate::subsystems::sysctl::dynamic;
use crate::with;

/// Bytes behind a `device_t`: the kobj operations, then the device's sysctl context.
const DEVICE_LEN: usize = 64;
/// Offset of the sysctl context.
const SYSCTL_CTX: u64 = 16;
/// DEVICE_UNIT_ANY.
pub const UNIT_ANY: i32 = -1;

/// How far a device has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    NotPresent,
    Alive,
    Attaching,
    Attached,
}

impl State {
    /// `device_state_t`.
    fn number(self) -> u64 {
        match self {
            State::NotPresent => 10,
            State::Alive => 20,
            State::Attaching => 25,
            State::Attached => 30,
        }
    }
}

/// One device.
pub struct Device {
    pub parent: u64,
    pub children: Vec<u64>,
    /// The class's index, once it has one.
    pub class: Option<usize>,
    pub unit: i32,
    /// "ipmi0" in kernel memory, once it has a class.
    nameunit: u64,
    /// The description as an address, and whether the text is a copy.
    desc: (u64, bool),
    /// The driver's `struct kobj_class`, 0 for none.
    pub driver: u64,
    pub softc: u64,
    softc_is_external: bool,
    ivars: u64,
    pub state: State,
    enabled: bool,
    quiet: bool,
    fixed_class: bool,
    attached_once: bool,
    busy: u32,
    flags: u32,
    order: u32,
    /// The device's node in the sysctl tree, 0 for none.
    sysctl_tree: u64,
    pub resources: Vec<resource::Entry>,
}

/// One device class: the devices of a name and the drivers for what hangs under them.
pub struct Class {
    pub name: String,
    /// What modules hold as `devclass_t`.
    address: u64,
    /// The name in kernel memory.
    name_text: u64,
    pub devices: Vec<Option<u64>>,
    drivers: Vec<u64>,
    /// The class's node in the sysctl tree, 0 for none.
    sysctl_tree: u64,
}

/// The state of newbus.
#[derive(Default)]
pub struct Newbus {
    devices: BTreeMap<u64, Device>,
    classes: Vec<Class>,
    /// The devices that exist before any module, by their name and unit.
    pub root: u64,
    pub null_class: u64,
    next_method: u32,
    pub rman: rman::Rman,
    pub interrupts: interrupt::Lines,
    pub hooks: intrhook::Hooks,
    /// What the buses that enumerate have found, by its device.
    acpi: BTreeMap<u64, acpi::AcpiDevice>,
    pci: BTreeMap<u64, pci::PciDevice>,
    /// Firmware memory that is mapped.
    firmware: BTreeSet<u64>,
    smbuses: smbus::Buses,
}

impl Newbus {
    pub fn device(&self, address: u64) -> Option<&Device> {
        self.devices.get(&address)
    }

    pub fn device_mut(&mut self, address: u64) -> Option<&mut Device> {
        self.devices.get_mut(&address)
    }

    /// The class called `name`, made if it does not exist. The texts are interned.
    pub fn class_index(&self, name: &str) -> Option<usize> {
        self.classes.iter().position(|class| class.name == name)
    }

    pub fn class_of(&self, address: u64) -> Option<&Class> {
        let class = self.device(address)?.class?;
        self.classes.get(class)
    }

    pub fn class_name(&self, address: u64) -> Option<String> {
        self.class_of(address).map(|class| class.name.clone())
    }

    /// The device `unit` of class `name`.
    pub fn find(&self, name: &str, unit: i32) -> Option<u64> {
        let class = &self.classes[self.class_index(name)?];
        *class.devices.get(usize::try_from(unit).ok()?)?
    }
}

/// Looks at a device; an address that is none is a violation and shows the default.
pub fn on<R: Default>(address: u64, f: impl FnOnce(&mut Device) -> R) -> R {
    let found = with(|k| k.sub.newbus.device_mut(address).map(f));
    found.unwrap_or_else(|| {
        crate::check::violation(
            crate::check::Kind::Lifetime,
            format!("{address:#x} is not a device"),
        );
        R::default()
    })
}

/// Index of the class called `name`, which comes to be if need be.
pub fn class_named(name: &str) -> usize {
    if let Some(index) = with(|k| k.sub.newbus.class_index(name)) {
        return index;
    }
    let class = Class {
        name: name.into(),
        address: mem::kalloc(16, "devclass"),
        name_text: mem::intern(name),
        devices: vec![],
        drivers: vec![],
        sysctl_tree: 0,
    };
    with(|k| {
        k.sub.newbus.classes.push(class);
        k.sub.newbus.classes.len() - 1
    })
}

/// A new device under `parent` without class and driver, last among those of its `order`.
fn create(parent: u64, order: u32) -> u64 {
    let address = mem::kalloc(DEVICE_LEN, "device");
    let null_class = with(|k| k.sub.newbus.null_class);
    kobj::init(address, null_class);
    dynamic::context_init(address + SYSCTL_CTX);
    let device = Device {
        parent,
        children: vec![],
        class: None,
        unit: UNIT_ANY,
        nameunit: 0,
        desc: (0, false),
        driver: 0,
        softc: 0,
        softc_is_external: false,
        ivars: 0,
        state: State::NotPresent,
        enabled: true,
        quiet: false,
        fixed_class: false,
        attached_once: false,
        busy: 0,
        flags: 0,
        order,
        sysctl_tree: 0,
        resources: vec![],
    };
    with(|k| {
        k.sub.newbus.devices.insert(address, device);
        let bus = &mut k.sub.newbus;
        let orders = |bus: &Newbus, child: u64| bus.device(child).map_or(0, |d| d.order);
        let Some(siblings) = bus.device(parent).map(|p| p.children.clone()) else {
            return;
        };
        let at = siblings.iter().position(|c| orders(bus, *c) > order);
        if let Some(parent) = bus.device_mut(parent) {
            parent
                .children
                .insert(at.unwrap_or(siblings.len()), address);
        }
    });
    address
}

/// What device_printf(9) puts before the text.
pub fn print_prefix(address: u64) -> String {
    match on(address, |d| d.nameunit) {
        0 => "unknown: ".into(),
        name => format!("{}: ", mem::cstr(name)),
    }
}

/// "ipmi0", or nothing.
pub fn nameunit(address: u64) -> String {
    match on(address, |d| d.nameunit) {
        0 => String::new(),
        name => mem::cstr(name),
    }
}

pub fn tables() -> Vec<&'static [(&'static str, Import)]> {
    vec![
        kobj::table(),
        device::table(),
        class::table(),
        driver::table(),
        attach::table(),
        isa::table(),
        acpi::table(),
        pci::table(),
        resource::table(),
        rman_get::table(),
        interrupt::table(),
        intrhook::table(),
        hints::table(),
        platform::table(),
        smbus::table(),
        show::table(),
    ]
}

pub fn data() -> Vec<&'static [Datum]> {
    vec![desc::data(), platform::data()]
}

/// Makes the devices that exist before any module: root0, nexus0 and its buses.
pub fn boot() {
    let null_class = kobj::kernel_class("null", &[]);
    with(|k| k.sub.newbus.null_class = null_class);
    let bus = kobj::kernel_class("bus", isa::METHODS);
    let root = kernel_device(0, "root", 0, bus);
    with(|k| k.sub.newbus.root = root);
    let nexus = kernel_device(root, "nexus", 0, bus);
    kernel_device(nexus, "isa", 0, bus);
    let acpi = kobj::kernel_class("acpi", acpi::METHODS);
    acpi::enumerate(kernel_device(nexus, "acpi", 0, acpi));
    let pci = kobj::kernel_class("pci", pci::METHODS);
    pci::enumerate(kernel_device(nexus, "pci", 0, pci));
    smbus::enumerate(nexus, bus);
}

/// An attached device of the kernel's own.
fn kernel_device(parent: u64, name: &str, unit: i32, driver: u64) -> u64 {
    let address = create(parent, 0);
    class::join(address, name, unit);
    kobj::init(address, driver);
    on(address, |d| {
        d.driver = driver;
        d.state = State::Attached;
    });
    address
}
