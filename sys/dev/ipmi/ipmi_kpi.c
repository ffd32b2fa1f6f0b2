/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The kernel as the core sees it: macros and inlines become functions here.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/bus.h>
#include <sys/callout.h>
#include <sys/condvar.h>
#include <sys/conf.h>
#include <sys/eventhandler.h>
#include <sys/kdb.h>
#include <sys/kernel.h>
#include <sys/lock.h>
#include <sys/malloc.h>
#include <sys/mutex.h>
#include <sys/proc.h>
#include <sys/rman.h>
#include <sys/selinfo.h>
#include <sys/sysctl.h>
#include <sys/time.h>

#include <machine/bus.h>
#include <machine/resource.h>

#include <dev/ipmi/ipmi_core.h>
#include <dev/ipmi/ipmi_kpi.h>
#include <dev/ipmi/ipmivars.h>

MALLOC_DEFINE(M_IPMI, "ipmi", "IPMI driver");

void *
ipmi_kpi_malloc(size_t size)
{

	return (malloc(size, M_IPMI, M_WAITOK));
}

void
ipmi_kpi_free(void *memory)
{

	free(memory, M_IPMI);
}

/* As sbttons(sbinuptime()), without the care that takes for negative times. */
uint64_t
ipmi_kpi_now(void)
{
	struct bintime bt;

	binuptime(&bt);
	return ((uint64_t)bt.sec * 1000000000 +
	    ((1000000000 * (bt.frac >> 32)) >> 32));
}

uint32_t
ipmi_kpi_who(char *name, size_t size)
{
	struct proc *p;

	p = curthread->td_proc;
	strlcpy(name, p->p_comm, size);
	return (p->p_pid);
}

size_t
ipmi_kpi_panic_message(char *text, size_t size)
{
	size_t length;

	if (panicstr == NULL)
		return (0);
	length = strnlen(panicstr, size);
	memcpy(text, panicstr, length);
	return (length);
}

/* Nobody else runs, now or ever again. */
static bool
ipmi_stopped(void)
{

	return (SCHEDULER_STOPPED() || KERNEL_PANICKED() || kdb_active);
}

enum ipmi_context
ipmi_kpi_context(void)
{

	if (ipmi_stopped())
		return (IPMI_CONTEXT_STOPPED);
	if (dumping)
		return (IPMI_CONTEXT_DUMPING);
	return (THREAD_CAN_SLEEP() ? IPMI_CONTEXT_MAY_SLEEP :
	    IPMI_CONTEXT_NO_SLEEP);
}

void
ipmi_kpi_lock(struct ipmi_softc *sc)
{

	mtx_lock(&sc->lock);
}

/*
 * Once the scheduler has stopped, locking does nothing, and what a stopped
 * thread holds stays half done.
 */
bool
ipmi_kpi_trylock(struct ipmi_softc *sc)
{

	if (ipmi_stopped())
		return (sc->lock.mtx_lock == MTX_UNOWNED);
	return (mtx_trylock(&sc->lock) != 0);
}

void
ipmi_kpi_unlock(struct ipmi_softc *sc)
{

	if (!ipmi_stopped())
		mtx_unlock(&sc->lock);
}

static struct cv *
ipmi_channel_cv(struct ipmi_softc *sc, enum ipmi_channel channel)
{

	return (channel == IPMI_CHANNEL_WORKER ? &sc->worker_cv :
	    &sc->answer_cv);
}

/*
 * Long waits of the worker end by the tick: arming a timeout for each idle
 * moment between two requests would cost as much as a request.
 */
void
ipmi_kpi_wait(struct ipmi_softc *sc, enum ipmi_channel channel,
    uint64_t timeout)
{
	struct cv *cv;

	cv = ipmi_channel_cv(sc, channel);
	if (timeout == 0 ||
	    (channel == IPMI_CHANNEL_WORKER && timeout >= IPMI_TICK_NS / 2))
		cv_wait(cv, &sc->lock);
	else
		(void)cv_timedwait_sbt(cv, &sc->lock, nstosbt(timeout), 0, 0);
}

void
ipmi_kpi_wake(struct ipmi_softc *sc, enum ipmi_channel channel)
{

	cv_broadcast(ipmi_channel_cv(sc, channel));
}

void
ipmi_kpi_delay(unsigned int us)
{

	DELAY(us);
}

void
ipmi_kpi_pause(uint64_t ns)
{

	pause_sbt("ipmibmc", nstosbt(ns), 0, 0);
}

void
ipmi_kpi_doze(struct ipmi_softc *sc, uint64_t ns)
{

	(void)msleep_sbt(&sc->irq, &sc->lock, 0, "ipmibmc", nstosbt(ns), 0, 0);
}

/* A processor that was stopped with it held, by kdb say, never gives it back. */
bool
ipmi_kpi_spin_lock(struct ipmi_softc *sc)
{

	if (ipmi_stopped())
		return (false);
	mtx_lock_spin(&sc->spin);
	return (true);
}

void
ipmi_kpi_spin_unlock(struct ipmi_softc *sc, bool held)
{

	if (held)
		mtx_unlock_spin(&sc->spin);
}

static void
ipmi_tick(void *arg)
{
	struct ipmi_softc *sc = arg;

	ipmi_core_tick(sc->core);
	cv_broadcast(&sc->worker_cv);
	callout_schedule_sbt(&sc->tick, nstosbt(IPMI_TICK_NS), 0, 0);
}

/* Called with the lock held, which the callout takes as well. */
void
ipmi_tick_start(struct ipmi_softc *sc)
{

	callout_reset_sbt(&sc->tick, nstosbt(IPMI_TICK_NS), 0, ipmi_tick, sc,
	    0);
}

/*
 * Registers are either in one resource or in one each.  Found out once: most
 * of what a transaction costs is spent between this and the next access.
 */
void
ipmi_map_registers(struct ipmi_softc *sc)
{
	struct ipmi_register *reg;
	struct resource *res;
	int i;

	for (i = 0; i < IPMI_MAX_RES; i++) {
		reg = &sc->registers[i];
		res = sc->io_res[sc->io_count > 1 ? i : 0];
		if (res == NULL)
			continue;
		reg->tag = rman_get_bustag(res);
		reg->handle = rman_get_bushandle(res);
		if (sc->io_count == 1)
			reg->handle += i * sc->io_spacing;
	}
}

uint8_t
ipmi_kpi_read(struct ipmi_softc *sc, uint8_t number)
{
	const struct ipmi_register *reg = &sc->registers[number];

	return (bus_space_read_1(reg->tag, reg->handle, 0));
}

void
ipmi_kpi_write(struct ipmi_softc *sc, uint8_t number, uint8_t value)
{
	const struct ipmi_register *reg = &sc->registers[number];

	bus_space_write_1(reg->tag, reg->handle, 0, value);
}

int
ipmi_kpi_copyin(const void *user, void *kernel, size_t size)
{

	return (copyin(user, kernel, size));
}

void
ipmi_kpi_wake_client(struct ipmi_open *open)
{

	selwakeup(&open->sel);
	if (!KNLIST_EMPTY(&open->sel.si_note))
		KNOTE_LOCKED(&open->sel.si_note, 1);
}

void
ipmi_kpi_record_client(struct ipmi_open *open, struct thread *td)
{

	selrecord(td, &open->sel);
}

void
ipmi_kpi_log(struct ipmi_softc *sc, const char *text, size_t length)
{

	device_printf(sc->dev, "%.*s\n", (int)length, text);
}

void
ipmi_kpi_notify(struct ipmi_softc *sc, const char *subsystem, const char *type)
{
	char data[32];

	snprintf(data, sizeof(data), "device=%s",
	    device_get_nameunit(sc->dev));
	devctl_notify("IPMI", subsystem, type, data);
}

/* The BMC is known: from here on the driver is of use. */
void
ipmi_kpi_announce(struct ipmi_softc *sc, bool watchdog, bool power_cycle)
{

	mtx_lock(&sc->lock);
	if (sc->detaching) {
		mtx_unlock(&sc->lock);
		return;
	}
	sc->announcing = 1;
	mtx_unlock(&sc->lock);

	ipmi_watchdog_register(sc, watchdog, power_cycle);
	if (ipmi_cdev_create(sc) != 0)
		device_printf(sc->dev, "cannot create device node\n");

	mtx_lock(&sc->lock);
	sc->announcing = 0;
	wakeup(&sc->announcing);
	mtx_unlock(&sc->lock);
}
