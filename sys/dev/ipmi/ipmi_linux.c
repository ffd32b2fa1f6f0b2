/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The ioctls of Linux processes on /dev/ipmiN, a module of its own.  Knows where
 * their numbers differ from FreeBSD's and carries the structures between user
 * and kernel memory; what they mean, the driver knows.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/conf.h>
#include <sys/ioccom.h>
#include <sys/ipmi.h>
#include <sys/kernel.h>
#include <sys/module.h>
#include <sys/proc.h>
#include <sys/syscallsubr.h>

#include <amd64/linux/linux.h>
#include <amd64/linux/linux_proto.h>
#include <compat/linux/linux_ioctl.h>

#define	IPMI_LINUX_IOCTL_MIN	0x690b
#define	IPMI_LINUX_IOCTL_MAX	0x6915

/*
 * Linux's bit for "the kernel writes" is FreeBSD's for "the kernel reads", and
 * its <linux/ipmi.h> says _IOR of everything.  Where the kernel really reads,
 * the two mistakes cancel out and the numbers are equal.
 */
#define	IPMI_LINUX_GET_MY_ADDRESS	_IOW(IPMI_IOC_MAGIC, 18, unsigned int)
#define	IPMI_LINUX_GET_MY_LUN		_IOW(IPMI_IOC_MAGIC, 20, unsigned int)

/* Every structure that a command here takes. */
union ipmi_linux_data {
	struct ipmi_req		req;
	struct ipmi_recv	recv;
	struct ipmi_cmdspec	cmdspec;
	int			value;
#ifdef IPMICTL_SEND_COMMAND_32
	struct ipmi_req32	req32;
	struct ipmi_recv32	recv32;
#endif
};

static linux_ioctl_function_t ipmi_linux_ioctl;

static struct linux_ioctl_handler ipmi_linux_handler = {
	.func =		ipmi_linux_ioctl,
	.low =		IPMI_LINUX_IOCTL_MIN,
	.high =		IPMI_LINUX_IOCTL_MAX,
};

SYSINIT(ipmi_linux_register, SI_SUB_KLD, SI_ORDER_MIDDLE,
    linux_ioctl_register_handler, &ipmi_linux_handler);
SYSUNINIT(ipmi_linux_unregister, SI_SUB_KLD, SI_ORDER_MIDDLE,
    linux_ioctl_unregister_handler, &ipmi_linux_handler);

/* FreeBSD's number of a Linux command; 0 if it is not one of ours. */
static u_long
ipmi_linux_native(u_long cmd)
{
	switch (cmd) {
	case IPMI_LINUX_GET_MY_ADDRESS:
		return (IPMICTL_GET_MY_ADDRESS_CMD);
	case IPMI_LINUX_GET_MY_LUN:
		return (IPMICTL_GET_MY_LUN_CMD);
	case IPMICTL_RECEIVE_MSG_TRUNC:
	case IPMICTL_RECEIVE_MSG:
	case IPMICTL_SEND_COMMAND:
#ifdef IPMICTL_SEND_COMMAND_32
	case IPMICTL_RECEIVE_MSG_TRUNC_32:
	case IPMICTL_RECEIVE_MSG_32:
	case IPMICTL_SEND_COMMAND_32:
#endif
	case IPMICTL_REGISTER_FOR_CMD:
	case IPMICTL_UNREGISTER_FOR_CMD:
	case IPMICTL_SET_GETS_EVENTS_CMD:
	case IPMICTL_SET_MY_ADDRESS_CMD:
	case IPMICTL_SET_MY_LUN_CMD:
		return (cmd);
	default:
		return (0);
	}
}

/*
 * The driver gets the structure in kernel memory, as from ioctl(2) of a native
 * process.  ENOIOCTL leaves the command to others who know the range.
 */
static int
ipmi_linux_ioctl(struct thread *td, struct linux_ioctl_args *args)
{
	union ipmi_linux_data data;
	u_long cmd;
	void *user;
	size_t size;
	int error;

	cmd = ipmi_linux_native(args->cmd);
	if (cmd == 0)
		return (ENOIOCTL);
	size = IOCPARM_LEN(cmd);
	user = (void *)(uintptr_t)args->arg;

	memset(&data, 0, sizeof(data));
	if ((cmd & IOC_IN) != 0) {
		error = copyin(user, &data, size);
		if (error != 0)
			return (error);
	}
	error = kern_ioctl(td, args->fd, cmd, (caddr_t)&data);
	if (error == 0 && (cmd & IOC_OUT) != 0)
		error = copyout(&data, user, size);
	return (error);
}

static int
ipmi_linux_modevent(module_t mod __unused, int what __unused,
    void *arg __unused)
{
	return (0);
}

DEV_MODULE(ipmi_linux, ipmi_linux_modevent, NULL);
MODULE_VERSION(ipmi_linux, 1);
MODULE_DEPEND(ipmi_linux, linux, 1, 1, 1);
