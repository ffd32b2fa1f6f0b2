/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stand-in for ACPICA's <acpi.h>: the types that <dev/acpica/acpivar.h> speaks
 * of, as far as a leaf driver meets them.
 */
#ifndef _IPMI_COMPAT_ACPI_H_
#define	_IPMI_COMPAT_ACPI_H_

typedef void		*ACPI_HANDLE;
typedef uint32_t	 ACPI_STATUS;
typedef uint32_t	 UINT32;

#define	ACPI_FAILURE(status)	((status) != 0)

#endif
