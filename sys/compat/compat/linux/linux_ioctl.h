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

#define	LINUX_IOCTL_SET(name, from, to)					\
static linux_ioctl_function_t name##_linux_ioctl;			\
static struct linux_ioctl_handler name##_linux_handler = {		\
	.func = name##_linux_ioctl,					\
	.low = (from),							\
	.high = (to),							\
};									\
SYSINIT(name##_ioctl_register, SI_SUB_KLD, SI_ORDER_MIDDLE,		\
    linux_ioctl_register_handler, &name##_linux_handler);		\
SYSUNINIT(name##_ioctl_unregister, SI_SUB_KLD, SI_ORDER_MIDDLE,		\
    linux_ioctl_unregister_handler, &name##_linux_handler)

#endif /* !_IPMI_COMPAT_LINUX_IOCTL_H_ */
