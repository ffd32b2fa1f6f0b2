// SPDX-License-Identifier: BSD-2-Clause
//! The method descriptors that modules link to: device, bus, isa, pci, acpi and smbus interfaces
//! with their defaults; must not know implementations.

use super::kobj;
use crate::imports::Datum;

/// A table of descriptors; each line is a default and the methods that have it.
macro_rules! descriptors {
    ($($default:literal: $($name:literal)*;)*) => {
        &[$($(Datum {
            name: concat!($name, "_desc"),
            size: kobj::DESC_LEN,
            init: |desc| kobj::describe(desc, $default),
        },)*)*]
    };
}

pub fn data() -> &'static [Datum] {
    descriptors! {
        "kobj_error_method":
            "device_probe" "device_identify" "device_attach" "device_detach"
            "bus_read_ivar" "bus_write_ivar" "bus_add_child" "bus_alloc_resource"
            "bus_activate_resource" "bus_deactivate_resource" "bus_adjust_resource"
            "bus_release_resource" "bus_setup_intr" "bus_teardown_intr" "bus_set_resource"
            "bus_get_resource" "bus_hinted_child" "bus_hint_device_unit" "bus_reset_child"
            "isa_add_config" "isa_set_config_callback" "isa_pnp_probe"
            "pci_read_config" "pci_write_config" "pci_get_powerstate" "pci_set_powerstate"
            "pci_enable_busmaster" "pci_disable_busmaster" "pci_enable_io" "pci_disable_io"
            "pci_find_cap" "pci_find_extcap" "pci_alloc_msi" "pci_alloc_msix" "pci_release_msi"
            "acpi_id_probe" "acpi_evaluate_object" "acpi_get_property"
            "smbus_callback" "smbus_quick" "smbus_sendb" "smbus_recvb" "smbus_writeb"
            "smbus_writew" "smbus_readb" "smbus_readw" "smbus_pcall" "smbus_bwrite" "smbus_bread";
        "null_method":
            "device_shutdown" "device_suspend" "device_resume" "device_quiesce"
            "device_register" "bus_print_child" "bus_probe_nomatch" "bus_child_deleted"
            "bus_child_detached" "bus_driver_added" "bus_rescan" "bus_delete_resource"
            "bus_get_resource_list" "bus_child_present" "bus_child_pnpinfo" "bus_child_location"
            "bus_bind_intr" "bus_config_intr" "bus_describe_intr" "bus_new_pass"
            "bus_suspend_child" "bus_resume_child" "pci_msi_count" "pci_msix_count" "smbus_intr";
    }
}
