/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stand-in for <dev/pci/pcivar.h> and pci_if.h: what a leaf driver asks of its
 * PCI device.  Ivar numbers and the method are the kernel's.
 */
#ifndef _IPMI_COMPAT_PCIVAR_H_
#define	_IPMI_COMPAT_PCIVAR_H_

enum pci_device_ivars {
	PCI_IVAR_VENDOR = 2,
	PCI_IVAR_DEVICE,
	PCI_IVAR_CLASS = 5,
	PCI_IVAR_SUBCLASS,
	PCI_IVAR_PROGIF,
};

__BUS_ACCESSOR(pci, vendor, PCI, VENDOR, uint16_t)
__BUS_ACCESSOR(pci, device, PCI, DEVICE, uint16_t)
__BUS_ACCESSOR(pci, class, PCI, CLASS, uint8_t)
__BUS_ACCESSOR(pci, subclass, PCI, SUBCLASS, uint8_t)
__BUS_ACCESSOR(pci, progif, PCI, PROGIF, uint8_t)

typedef uint32_t pci_read_config_t(device_t, device_t, int, int);

extern struct kobjop_desc pci_read_config_desc;

static __inline uint32_t
pci_read_config(device_t dev, int reg, int width)
{
	device_t bus = device_get_parent(dev);
	kobjop_t _m;

	KOBJOPLOOKUP(((kobj_t)bus)->ops, pci_read_config);
	return (((pci_read_config_t *)_m)(bus, dev, reg, width));
}

device_t	pci_find_dbsf(uint32_t, uint8_t, uint8_t, uint8_t);

#endif
