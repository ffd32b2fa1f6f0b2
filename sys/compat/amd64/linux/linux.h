/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stand-in for the kernel's header of the Linux ABI on amd64: the integer types
 * that ioctl(2) of a Linux process is made of.
 */
#ifndef _IPMI_COMPAT_LINUX_H_
#define	_IPMI_COMPAT_LINUX_H_

typedef unsigned int	l_uint;
typedef unsigned long	l_ulong;

#endif /* !_IPMI_COMPAT_LINUX_H_ */
