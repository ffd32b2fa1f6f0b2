/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stand-in for the kernel's header of the Linux emulation's ioctls: how a module
 * offers to handle a range of them.  Must agree with the kernel in layout.
 */
#ifndef _IPMI_COMPAT_LINUX_IOCTL_H_
#define	_IPMI_COMPAT_LINUX_IOCTL_H_

struct linux_ioctl_args;
struct thread;

typedef int	linux_ioctl_function_t(struct thread *,
		    struct linux_ioctl_args *);

struct linux_ioctl_handler {
	linux_ioctl_function_t	*func;
	int			 low;
	int			 high;
};

int	linux_ioctl_register_handler(struct linux_ioctl_handler *);
int	linux_ioctl_unregister_handler(struct linux_ioctl_handler *);

#endif /* !_IPMI_COMPAT_LINUX_IOCTL_H_ */
