/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * /dev/ipmiN: open, ioctl, poll.  What the structures mean is in <sys/ipmi.h>;
 * what a request is, the core knows.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/bus.h>
#include <sys/callout.h>
#include <sys/condvar.h>
#include <sys/conf.h>
#include <sys/event.h>
#include <sys/eventhandler.h>
#include <sys/ipmi.h>
#include <sys/kernel.h>
#include <sys/lock.h>
#include <sys/malloc.h>
#include <sys/mutex.h>
#include <sys/poll.h>
#include <sys/rman.h>
#include <sys/selinfo.h>
#include <sys/sysctl.h>

#include <machine/bus.h>

#include <dev/ipmi/ipmi_core.h>
#include <dev/ipmi/ipmi_kpi.h>
#include <dev/ipmi/ipmivars.h>

static d_open_t		ipmi_cdev_open;
static d_ioctl_t	ipmi_cdev_ioctl;
static d_poll_t		ipmi_cdev_poll;
static d_kqfilter_t	ipmi_cdev_kqfilter;

static void	ipmi_kq_detach(struct knote *kn);
static int	ipmi_kq_event(struct knote *kn, long hint);

static struct filterops ipmi_kq_filterops = {
	.f_isfd =	1,
	.f_detach =	ipmi_kq_detach,
	.f_event =	ipmi_kq_event,
};

static struct cdevsw ipmi_cdevsw = {
	.d_version =	D_VERSION,
	.d_open =	ipmi_cdev_open,
	.d_ioctl =	ipmi_cdev_ioctl,
	.d_poll =	ipmi_cdev_poll,
	.d_kqfilter =	ipmi_cdev_kqfilter,
	.d_name =	"ipmi",
};

int
ipmi_cdev_create(struct ipmi_softc *sc)
{
	struct make_dev_args args;

	make_dev_args_init(&args);
	args.mda_devsw = &ipmi_cdevsw;
	args.mda_unit = device_get_unit(sc->dev);
	args.mda_uid = UID_ROOT;
	args.mda_gid = GID_OPERATOR;
	args.mda_mode = 0660;
	args.mda_si_drv1 = sc;
	return (make_dev_s(&args, &sc->cdev, "ipmi%d",
	    device_get_unit(sc->dev)));
}

static void
ipmi_cdev_close(void *arg)
{
	struct ipmi_open *open = arg;

	ipmi_core_close(open->sc->core, open->client);
	knlist_clear(&open->sel.si_note, 0);
	seldrain(&open->sel);
	knlist_destroy(&open->sel.si_note);
	free(open, M_IPMI);
}

static int
ipmi_cdev_open(struct cdev *cdev, int flags __unused, int fmt __unused,
    struct thread *td __unused)
{
	struct ipmi_settings settings;
	struct ipmi_softc *sc = cdev->si_drv1;
	struct ipmi_open *open;
	int error;

	ipmi_kpi_settings(&settings);
	if (!settings.on)
		return (ENOENT);
	error = ipmi_core_reserve(sc->core);
	if (error != 0)
		return (error);

	open = malloc(sizeof(*open), M_IPMI, M_WAITOK | M_ZERO);
	open->sc = sc;
	knlist_init_mtx(&open->sel.si_note, &sc->lock);
	error = ipmi_core_open(sc->core, open, &open->client);
	if (error != 0) {
		knlist_destroy(&open->sel.si_note);
		free(open, M_IPMI);
		return (error);
	}
	error = devfs_set_cdevpriv(open, ipmi_cdev_close);
	if (error != 0)
		ipmi_cdev_close(open);
	return (error);
}

static int
ipmi_cdev_poll(struct cdev *cdev __unused, int events, struct thread *td)
{
	struct ipmi_open *open;
	int ready, revents;

	if (devfs_get_cdevpriv((void **)&open) != 0)
		return (POLLERR | POLLHUP);
	if ((events & (POLLIN | POLLRDNORM)) == 0)
		return (0);
	ready = ipmi_core_poll(open->sc->core, open->client, open, td);
	revents = 0;
	if ((ready & IPMI_READY_RECEIVE) != 0)
		revents |= events & (POLLIN | POLLRDNORM);
	if ((ready & IPMI_READY_OUTSTANDING) == 0)
		revents |= POLLERR;
	return (revents);
}

/*
 * Called with the lock of the list held, which is the device's.  A hint is the
 * core's own word, which is not to be asked again while it speaks.
 */
static int
ipmi_kq_event(struct knote *kn, long hint)
{
	struct ipmi_open *open = kn->kn_hook;

	if (hint != 0)
		return (1);
	return (ipmi_core_ready(open->sc->core, open->client));
}

static void
ipmi_kq_detach(struct knote *kn)
{
	struct ipmi_open *open = kn->kn_hook;

	knlist_remove(&open->sel.si_note, kn, 0);
}

static int
ipmi_cdev_kqfilter(struct cdev *cdev __unused, struct knote *kn)
{
	struct ipmi_open *open;
	int error;

	error = devfs_get_cdevpriv((void **)&open);
	if (error != 0)
		return (error);
	if (kn->kn_filter != EVFILT_READ)
		return (EINVAL);
	kn->kn_fop = &ipmi_kq_filterops;
	kn->kn_hook = open;
	knlist_add(&open->sel.si_note, kn, 0);
	return (0);
}

/* Who a request is for: the BMC, or a controller behind it. */
static int
ipmi_copyin_addr(const struct ipmi_req *req, struct ipmi_command *command)
{
	union {
		int				  type;
		struct ipmi_system_interface_addr system;
		struct ipmi_ipmb_addr		  ipmb;
	} addr;
	int error;

	if (req->addr_len < sizeof(addr))
		return (EINVAL);
	error = copyin(req->addr, &addr, sizeof(addr));
	if (error != 0)
		return (error);
	switch (addr.type) {
	case IPMI_SYSTEM_INTERFACE_ADDR_TYPE:
		command->route = IPMI_ROUTE_SYSTEM;
		command->lun = addr.system.lun;
		return (0);
	case IPMI_IPMB_ADDR_TYPE:
		command->route = IPMI_ROUTE_BUS;
		command->channel = addr.ipmb.channel;
		command->slave = addr.ipmb.slave_addr;
		command->lun = addr.ipmb.lun;
		return (0);
	default:
		return (EAFNOSUPPORT);
	}
}

static int
ipmi_send(struct ipmi_open *open, const struct ipmi_req *req)
{
	struct ipmi_command command = {
		.netfn = req->msg.netfn,
		.cmd = req->msg.cmd,
		.msgid = req->msgid,
		.data = req->msg.data,
		.length = req->msg.data_len,
	};
	int error;

	error = ipmi_copyin_addr(req, &command);
	if (error != 0)
		return (error);
	return (ipmi_core_send(open->sc->core, open->client, &command));
}

static int
ipmi_copyout_addr(const struct ipmi_completion *done, struct ipmi_recv *recv)
{
	struct ipmi_system_interface_addr system;
	struct ipmi_ipmb_addr ipmb;

	/* Nobody is to see what is between the members. */
	memset(&system, 0, sizeof(system));
	memset(&ipmb, 0, sizeof(ipmb));
	if (done->route == IPMI_ROUTE_BUS) {
		ipmb.addr_type = IPMI_IPMB_ADDR_TYPE;
		ipmb.channel = done->channel;
		ipmb.slave_addr = done->slave;
		ipmb.lun = done->lun;
		return (copyout(&ipmb, recv->addr, MIN(recv->addr_len,
		    sizeof(ipmb))));
	}
	system.addr_type = IPMI_SYSTEM_INTERFACE_ADDR_TYPE;
	system.channel = IPMI_BMC_CHANNEL;
	system.lun = done->lun;
	return (copyout(&system, recv->addr, MIN(recv->addr_len,
	    sizeof(system))));
}

/* A completion that the caller cannot take, for EFAULT, is kept. */
static int
ipmi_receive(struct ipmi_open *open, struct ipmi_recv *recv, bool truncate)
{
	struct ipmi_completion done;
	size_t length;
	int error;

	error = ipmi_core_receive(open->sc->core, open->client,
	    recv->msg.data_len, truncate, &done);
	if (error != 0)
		return (error);

	error = ipmi_copyout_addr(&done, recv);
	length = MIN(recv->msg.data_len, done.length);
	if (error == 0)
		error = copyout(done.body, recv->msg.data, length);
	if (error == 0) {
		recv->recv_type = done.route == IPMI_ROUTE_EVENT ?
		    IPMI_ASYNC_EVENT_RECV_TYPE : IPMI_RESPONSE_RECV_TYPE;
		recv->msgid = done.msgid;
		recv->msg.netfn = done.netfn;
		recv->msg.cmd = done.cmd;
		recv->msg.data_len = length;
	}
	ipmi_core_received(open->sc->core, done.held, error == 0);
	return (error);
}

#ifdef IPMICTL_SEND_COMMAND_32
static int
ipmi_send32(struct ipmi_open *open, const struct ipmi_req32 *req32)
{
	struct ipmi_req req = {
		.addr = (unsigned char *)(uintptr_t)req32->addr,
		.addr_len = req32->addr_len,
		.msgid = req32->msgid,
		.msg = {
			.netfn = req32->msg.netfn,
			.cmd = req32->msg.cmd,
			.data_len = req32->msg.data_len,
			.data = (unsigned char *)(uintptr_t)req32->msg.data,
		},
	};

	return (ipmi_send(open, &req));
}

static int
ipmi_receive32(struct ipmi_open *open, struct ipmi_recv32 *recv32,
    bool truncate)
{
	struct ipmi_recv recv = {
		.addr = (unsigned char *)(uintptr_t)recv32->addr,
		.addr_len = recv32->addr_len,
		.msg = {
			.data_len = recv32->msg.data_len,
			.data = (unsigned char *)(uintptr_t)recv32->msg.data,
		},
	};
	int error;

	error = ipmi_receive(open, &recv, truncate);
	if (error != 0)
		return (error);
	recv32->recv_type = recv.recv_type;
	recv32->msgid = recv.msgid;
	recv32->msg.netfn = recv.msg.netfn;
	recv32->msg.cmd = recv.msg.cmd;
	recv32->msg.data_len = recv.msg.data_len;
	return (0);
}
#endif

static int
ipmi_cdev_ioctl(struct cdev *cdev __unused, u_long cmd, caddr_t data,
    int flags __unused, struct thread *td __unused)
{
	struct ipmi_open *open;
	struct ipmi_core *core;
	int error;

	error = devfs_get_cdevpriv((void **)&open);
	if (error != 0)
		return (error);
	core = open->sc->core;

	switch (cmd) {
	case IPMICTL_SEND_COMMAND:
		return (ipmi_send(open, (struct ipmi_req *)data));
	case IPMICTL_RECEIVE_MSG:
		return (ipmi_receive(open, (struct ipmi_recv *)data, false));
	case IPMICTL_RECEIVE_MSG_TRUNC:
		return (ipmi_receive(open, (struct ipmi_recv *)data, true));
#ifdef IPMICTL_SEND_COMMAND_32
	case IPMICTL_SEND_COMMAND_32:
		return (ipmi_send32(open, (struct ipmi_req32 *)data));
	case IPMICTL_RECEIVE_MSG_32:
		return (ipmi_receive32(open, (struct ipmi_recv32 *)data,
		    false));
	case IPMICTL_RECEIVE_MSG_TRUNC_32:
		return (ipmi_receive32(open, (struct ipmi_recv32 *)data,
		    true));
#endif
	case IPMICTL_SET_MY_ADDRESS_CMD:
		ipmi_core_set_address(core, open->client, *(int *)data);
		return (0);
	case IPMICTL_GET_MY_ADDRESS_CMD:
		*(int *)data = ipmi_core_address(core, open->client);
		return (0);
	case IPMICTL_SET_MY_LUN_CMD:
		ipmi_core_set_lun(core, open->client, *(int *)data);
		return (0);
	case IPMICTL_GET_MY_LUN_CMD:
		*(int *)data = ipmi_core_lun(core, open->client);
		return (0);
	case IPMICTL_SET_GETS_EVENTS_CMD:
		/* Clients treat a refusal as fatal. */
		ipmi_core_want_events(core, open->client, *(int *)data != 0);
		return (0);
	case IPMICTL_REGISTER_FOR_CMD:
	case IPMICTL_UNREGISTER_FOR_CMD:
		return (EOPNOTSUPP);
	default:
		return (ENOTTY);
	}
}
