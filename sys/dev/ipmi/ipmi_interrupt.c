/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The interrupt of an ipmi(4) device.  The driver does without if it cannot
 * have it.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/bus.h>
#include <sys/callout.h>
#include <sys/condvar.h>
#include <sys/conf.h>
#include <sys/eventhandler.h>
#include <sys/kernel.h>
#include <sys/lock.h>
#include <sys/malloc.h>
#include <sys/mutex.h>
#include <sys/rman.h>
#include <sys/selinfo.h>
#include <sys/smp.h>
#include <sys/sysctl.h>

#include <machine/bus.h>
#include <machine/resource.h>

#include <dev/ipmi/ipmi_core.h>
#include <dev/ipmi/ipmi_kpi.h>
#include <dev/ipmi/ipmivars.h>

/* What others use already is as they need it. */
static void
ipmi_interrupt_configure(device_t dev, const struct ipmi_place *place)
{
	struct resource *res;
	int rid;

	rid = 0;
	res = bus_alloc_resource(dev, SYS_RES_IRQ, &rid, place->irq,
	    place->irq, 1, 0);
	if (res == NULL)
		return;
	(void)BUS_CONFIG_INTR(device_get_parent(dev), place->irq,
	    place->irq_level ? INTR_TRIGGER_LEVEL : INTR_TRIGGER_EDGE,
	    place->irq_high ? INTR_POLARITY_HIGH : INTR_POLARITY_LOW);
	bus_release_resource(dev, SYS_RES_IRQ, rid, res);
}

/*
 * SMIC and SSIF are polled.  So is everything where there is one processor:
 * a line that does not stop would keep it from taking the handler away.
 */
void
ipmi_interrupt_claim(device_t dev, const struct ipmi_place *place)
{
	struct ipmi_softc *sc = device_get_softc(dev);
	rman_res_t end, start;
	int rid;

	if (place->irq == 0 || mp_ncpus == 1 || (place->interface != IPMI_KCS &&
	    place->interface != IPMI_BT))
		return;
	start = place->irq == IPMI_IRQ_ROUTED ? 0 : place->irq;
	end = place->irq == IPMI_IRQ_ROUTED ? ~(rman_res_t)0 : place->irq;
	rid = 0;
	if (place->irq_told)
		ipmi_interrupt_configure(dev, place);
	sc->irq = bus_alloc_resource(dev, SYS_RES_IRQ, &rid, start, end, 1,
	    RF_SHAREABLE | RF_ACTIVE);
}

void
ipmi_interrupt_release(device_t dev)
{
	struct ipmi_softc *sc = device_get_softc(dev);

	if (sc->irq != NULL)
		bus_release_resource(dev, SYS_RES_IRQ, rman_get_rid(sc->irq),
		    sc->irq);
	sc->irq = NULL;
}

static int
ipmi_interrupt_filter(void *arg)
{
	struct ipmi_softc *sc = arg;

	switch (ipmi_core_filter(sc->core)) {
	case IPMI_CLAIM_WAKE:
		return (FILTER_SCHEDULE_THREAD);
	case IPMI_CLAIM_HANDLED:
		return (FILTER_HANDLED);
	default:
		return (FILTER_STRAY);
	}
}

/* The worker sleeps for something to do, or in an attempt. */
static void
ipmi_interrupt_thread(void *arg)
{
	struct ipmi_softc *sc = arg;

	mtx_lock(&sc->lock);
	if (ipmi_core_interrupted(sc->core)) {
		wakeup(&sc->irq);
		cv_broadcast(&sc->worker_cv);
	}
	mtx_unlock(&sc->lock);
}

static bool
ipmi_interrupt_setup(struct ipmi_softc *sc)
{
	int error;

	error = bus_setup_intr(sc->dev, sc->irq, INTR_TYPE_MISC | INTR_MPSAFE,
	    ipmi_interrupt_filter, ipmi_interrupt_thread, sc, &sc->irq_cookie);
	if (error != 0) {
		device_printf(sc->dev, "cannot set up interrupt: %d\n", error);
		sc->irq_cookie = NULL;
	}
	return (error == 0);
}

/* Without handlers the line is masked. */
static void
ipmi_interrupt_teardown(struct ipmi_softc *sc)
{

	(void)bus_teardown_intr(sc->dev, sc->irq, sc->irq_cookie);
	sc->irq_cookie = NULL;
}

bool
ipmi_kpi_rewire(struct ipmi_softc *sc, bool installed)
{

	if (installed)
		return (ipmi_interrupt_setup(sc));
	ipmi_interrupt_teardown(sc);
	return (true);
}
