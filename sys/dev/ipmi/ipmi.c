/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * ipmi(4): what all attachments share: attach, detach, the worker's life.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/bus.h>
#include <sys/callout.h>
#include <sys/condvar.h>
#include <sys/conf.h>
#include <sys/eventhandler.h>
#include <sys/kernel.h>
#include <sys/kthread.h>
#include <sys/lock.h>
#include <sys/malloc.h>
#include <sys/module.h>
#include <sys/mutex.h>
#include <sys/proc.h>
#include <sys/rman.h>
#include <sys/selinfo.h>
#include <sys/sysctl.h>

#include <machine/bus.h>

#include <dev/ipmi/ipmi_core.h>
#include <dev/ipmi/ipmivars.h>

static void
ipmi_worker(void *arg)
{
	struct ipmi_softc *sc = arg;

	ipmi_core_worker(sc->core);
	mtx_lock(&sc->lock);
	sc->worker_gone = true;
	mtx_unlock(&sc->lock);
	kproc_exit(0);
}

static void
ipmi_release(struct ipmi_softc *sc)
{

	if (sc->core != NULL)
		ipmi_core_destroy(sc->core);
	sc->core = NULL;
	cv_destroy(&sc->answer_cv);
	cv_destroy(&sc->worker_cv);
	mtx_destroy(&sc->spin);
	mtx_destroy(&sc->lock);
}

/* The boot, or kldload(8), waits here for a BMC to answer. */
static void
ipmi_await(void *arg)
{
	struct ipmi_softc *sc = arg;

	ipmi_core_await(sc->core, (uint64_t)ipmi_attach_wait * 1000000000);
}

/*
 * The attachment has set up the registers.  The BMC is asked nothing here:
 * the worker gets to know it, however long that takes.
 */
int
ipmi_attach(device_t dev, const struct ipmi_place *place)
{
	struct ipmi_softc *sc = device_get_softc(dev);
	int error;

	sc->dev = dev;
	sc->place = *place;
	ipmi_map_registers(sc);
	mtx_init(&sc->lock, device_get_nameunit(dev), "ipmi", MTX_DEF);
	mtx_init(&sc->spin, device_get_nameunit(dev), "ipmi interrupt",
	    MTX_SPIN);
	cv_init(&sc->worker_cv, "ipmiwork");
	cv_init(&sc->answer_cv, "ipmiansw");
	callout_init_mtx(&sc->tick, &sc->lock, 0);
	sc->core = ipmi_core_create(sc, place->interface);
	sc->worker_gone = false;
	error = kproc_create(ipmi_worker, sc, &sc->worker, 0, 0, "%s: worker",
	    device_get_nameunit(dev));
	if (error != 0) {
		device_printf(dev, "cannot create worker: %d\n", error);
		ipmi_release(sc);
		return (error);
	}
	mtx_lock(&sc->lock);
	if (sc->irq != NULL)
		ipmi_core_offer_interrupt(sc->core);
	ipmi_tick_start(sc);
	mtx_unlock(&sc->lock);
	ipmi_sysctl_attach(sc);
	if (ipmi_attach_wait > 0)
		config_intrhook_oneshot(ipmi_await, sc);
	return (0);
}

/* Waits for a worker that is making the device known, and keeps it from it. */
static void
ipmi_withdraw(struct ipmi_softc *sc)
{

	mtx_lock(&sc->lock);
	sc->detaching = 1;
	while (sc->announcing)
		msleep(&sc->announcing, &sc->lock, 0, "ipmiann", 0);
	mtx_unlock(&sc->lock);

	if (sc->cdev != NULL)
		destroy_dev(sc->cdev);
	sc->cdev = NULL;
	ipmi_watchdog_deregister(sc);
}

int
ipmi_detach(device_t dev)
{
	struct ipmi_softc *sc = device_get_softc(dev);
	int error;

	error = ipmi_core_begin_detach(sc->core);
	if (error != 0)
		return (error);
	ipmi_withdraw(sc);
	ipmi_sysctl_detach(sc);
	ipmi_core_leave(sc->core);

	mtx_lock(&sc->lock);
	ipmi_core_exit(sc->core);
	cv_broadcast(&sc->worker_cv);
	do {
		msleep(sc->worker, &sc->lock, 0, "ipmiexit", 0);
	} while (!sc->worker_gone);
	mtx_unlock(&sc->lock);
	callout_drain(&sc->tick);
	ipmi_release(sc);
	return (0);
}

/* A timer that counts on while the host sleeps would reset it. */
int
ipmi_suspend(device_t dev)
{
	struct ipmi_softc *sc = device_get_softc(dev);

	if (ipmi_core_armed(sc->core)) {
		device_printf(dev, "not suspending: watchdog is armed\n");
		return (EBUSY);
	}
	return (0);
}
