/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stand-in for the header that a kernel build makes of kern/bus_if.m: only
 * what the accessors of <sys/bus.h> and a leaf driver call.  Must agree with
 * the kernel in names and signatures; knows nothing of this driver.
 */
#ifndef _IPMI_COMPAT_BUS_IF_H_
#define	_IPMI_COMPAT_BUS_IF_H_

typedef int	bus_read_ivar_t(device_t, device_t, int, uintptr_t *);
typedef int	bus_write_ivar_t(device_t, device_t, int, uintptr_t);
typedef int	bus_config_intr_t(device_t, int, enum intr_trigger,
		    enum intr_polarity);
typedef device_t bus_add_child_t(device_t, u_int, const char *, int);

extern struct kobjop_desc bus_read_ivar_desc;
extern struct kobjop_desc bus_write_ivar_desc;
extern struct kobjop_desc bus_config_intr_desc;
extern struct kobjop_desc bus_add_child_desc;

static __inline int
BUS_READ_IVAR(device_t bus, device_t child, int index, uintptr_t *result)
{
	kobjop_t _m;

	KOBJOPLOOKUP(((kobj_t)bus)->ops, bus_read_ivar);
	return (((bus_read_ivar_t *)_m)(bus, child, index, result));
}

static __inline int
BUS_WRITE_IVAR(device_t bus, device_t child, int index, uintptr_t value)
{
	kobjop_t _m;

	KOBJOPLOOKUP(((kobj_t)bus)->ops, bus_write_ivar);
	return (((bus_write_ivar_t *)_m)(bus, child, index, value));
}

static __inline int
BUS_CONFIG_INTR(device_t bus, int irq, enum intr_trigger trigger,
    enum intr_polarity polarity)
{
	kobjop_t _m;

	KOBJOPLOOKUP(((kobj_t)bus)->ops, bus_config_intr);
	return (((bus_config_intr_t *)_m)(bus, irq, trigger, polarity));
}

static __inline device_t
BUS_ADD_CHILD(device_t bus, u_int order, const char *name, int unit)
{
	kobjop_t _m;

	KOBJOPLOOKUP(((kobj_t)bus)->ops, bus_add_child);
	return (((bus_add_child_t *)_m)(bus, order, name, unit));
}

#endif
