/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stand-in for the header that a kernel build makes of dev/smbus/smbus_if.m:
 * the block transfers that a leaf driver asks of its bus.  Must agree with the
 * kernel in names and signatures.
 */
#ifndef _IPMI_COMPAT_SMBUS_IF_H_
#define	_IPMI_COMPAT_SMBUS_IF_H_

typedef int	smbus_bwrite_t(device_t, u_char, char, u_char, char *);
typedef int	smbus_bread_t(device_t, u_char, char, u_char *, char *);

extern struct kobjop_desc smbus_bwrite_desc;
extern struct kobjop_desc smbus_bread_desc;

static __inline int
SMBUS_BWRITE(device_t dev, u_char slave, char cmd, u_char count, char *buf)
{
	kobjop_t _m;

	KOBJOPLOOKUP(((kobj_t)dev)->ops, smbus_bwrite);
	return (((smbus_bwrite_t *)_m)(dev, slave, cmd, count, buf));
}

static __inline int
SMBUS_BREAD(device_t dev, u_char slave, char cmd, u_char *count, char *buf)
{
	kobjop_t _m;

	KOBJOPLOOKUP(((kobj_t)dev)->ops, smbus_bread);
	return (((smbus_bread_t *)_m)(dev, slave, cmd, count, buf));
}

#endif
