/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stand-in for <dev/acpica/acpivar.h> and acpi_if.h: what a leaf driver asks
 * of its ACPI device.  Ivar numbers, method and functions are the kernel's.
 */
#ifndef _IPMI_COMPAT_ACPIVAR_H_
#define	_IPMI_COMPAT_ACPIVAR_H_

enum acpi_device_ivars {
	ACPI_IVAR_HANDLE = 0x100,
};

__BUS_ACCESSOR(acpi, handle, ACPI, HANDLE, ACPI_HANDLE)

typedef int acpi_id_probe_t(device_t, device_t, char **, char **);

extern struct kobjop_desc acpi_id_probe_desc;

static __inline int
ACPI_ID_PROBE(device_t bus, device_t dev, char **ids, char **match)
{
	kobjop_t _m;

	KOBJOPLOOKUP(((kobj_t)bus)->ops, acpi_id_probe);
	return (((acpi_id_probe_t *)_m)(bus, dev, ids, match));
}

ACPI_STATUS	acpi_GetInteger(ACPI_HANDLE, char *, UINT32 *);
int		acpi_disabled(char *);

#endif
