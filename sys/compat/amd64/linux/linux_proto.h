/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stand-in for the header that a kernel build makes of the table of Linux system
 * calls: the arguments of ioctl(2), each in a register's room.
 */
#ifndef _IPMI_COMPAT_LINUX_PROTO_H_
#define	_IPMI_COMPAT_LINUX_PROTO_H_

struct linux_ioctl_args {
	l_uint	fd __aligned(8);
	l_uint	cmd __aligned(8);
	l_ulong	arg __aligned(8);
};

#endif /* !_IPMI_COMPAT_LINUX_PROTO_H_ */
