/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stand-in for <isa/isavar.h>: how a driver tells a Plug and Play child of
 * isa(4) from one that hints made.  Ivar numbers are the kernel's.
 */
#ifndef _IPMI_COMPAT_ISAVAR_H_
#define	_IPMI_COMPAT_ISAVAR_H_

enum isa_device_ivars {
	ISA_IVAR_VENDORID = 12,
	ISA_IVAR_SERIAL,
	ISA_IVAR_LOGICALID,
	ISA_IVAR_COMPATID,
};

__BUS_ACCESSOR(isa, vendorid, ISA, VENDORID, int)
__BUS_ACCESSOR(isa, logicalid, ISA, LOGICALID, int)
__BUS_ACCESSOR(isa, compatid, ISA, COMPATID, int)

#endif
