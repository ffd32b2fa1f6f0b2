/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The event handlers of ipmi(4): watchdog(9), shutdown, power cycle.
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
#include <sys/reboot.h>
#include <sys/rman.h>
#include <sys/selinfo.h>
#include <sys/sysctl.h>
#include <sys/time.h>
#include <sys/watchdog.h>

#include <machine/bus.h>
#if defined(__amd64__) && __FreeBSD_version >= 1500000
#include <x86/x86_var.h>
#define	IPMI_NMI
#endif

#include <dev/ipmi/ipmi_core.h>
#include <dev/ipmi/ipmi_kpi.h>
#include <dev/ipmi/ipmivars.h>

/* So many other watchdogs are told apart. */
#define	IPMI_OTHERS		8
/* What the timer of IPMI counts at most, in seconds. */
#define	IPMI_LONGEST		6553

static bool
ipmi_enabled(void)
{
	struct ipmi_settings settings;

	ipmi_kpi_settings(&settings);
	return (settings.on != 0);
}

/*
 * An unconfirmed pat must not read EOPNOTSUPP, or watchdog(9) would take the
 * software watchdog instead, for good.
 */
static int
ipmi_pat(struct ipmi_softc *sc, uint64_t timeout, bool sbt_list, int *error)
{
	int result;

	result = ipmi_core_pat(sc->core, timeout, sbt_list);
	if (result == IPMI_PAT_IGNORED)
		return (result);
	if (result == 0 && timeout != 0)
		*error = 0;
	else if (result != 0 && (timeout == 0 || *error == EOPNOTSUPP))
		*error = result;
	return (result);
}

static void
ipmi_watchdog_sbt(void *arg, sbintime_t timeout, sbintime_t *effective,
    int *error)
{

	if (!ipmi_enabled())
		return;
	/* A negative timeout is a pat gone wrong, and never a disarm. */
	if (ipmi_pat(arg, timeout < 0 ? 1 : sbttons(timeout), true, error) == 0 &&
	    timeout > 0)
		*effective = MIN(timeout, IPMI_LONGEST * SBT_1S);
}

static void
ipmi_watchdog(void *arg, u_int cmd, int *error)
{

	if (!ipmi_enabled())
		return;
	cmd &= WD_INTERVAL;
	(void)ipmi_pat(arg, cmd == 0 ? 0 : (uint64_t)1 << MIN(cmd, 63), false, error);
}

static void
ipmi_shutdown(void *arg, int howto)
{
	struct ipmi_softc *sc = arg;

	/* Re-rooting is no shutdown: the host goes on. */
	if (ipmi_enabled() && (howto & RB_REROOT) == 0)
		ipmi_core_shutdown(sc->core, (howto & RB_HALT) != 0);
}

static void
ipmi_power_cycle(void *arg, int howto)
{
	struct ipmi_softc *sc = arg;
	int error, second;

	if ((howto & RB_POWERCYCLE) == 0)
		return;
	device_printf(sc->dev, "Power cycling using IPMI\n");
	error = ipmi_core_power_cycle(sc->core);
	if (error != 0) {
		device_printf(sc->dev, "Power cycling via IPMI failed: %d\n",
		    error);
		return;
	}
	/* BMCs are slow.  If the power stays on, the next handler has a go. */
	for (second = 0; second < ipmi_cycle_wait; second++)
		DELAY(1000 * 1000);
	device_printf(sc->dev, "Power cycling via IPMI timed out\n");
}

/*
 * A kernel that offers it asks before its pre-timeout action; a pat that is
 * on its way to a slow BMC is no reason for one.
 */
static void
ipmi_pretimeout(void *arg, int *veto)
{
	struct ipmi_softc *sc = arg;

	if (ipmi_enabled() && ipmi_core_pat_in_flight(sc->core))
		*veto = 1;
}

#ifdef IPMI_NMI
/* The device whose pre-timeout may come as an NMI; NULL if none. */
static struct ipmi_softc *ipmi_nmi_softc;

static int
ipmi_nmi(struct trapframe *frame __unused)
{
	struct ipmi_softc *sc;

	sc = atomic_load_ptr(&ipmi_nmi_softc);
	if (sc == NULL)
		return (0);
	switch (ipmi_core_nmi(sc->core)) {
	case IPMI_NMI_FOREIGN:
		return (0);
	case IPMI_NMI_HEALTHY:
		return (1);
	case IPMI_NMI_TROUBLE:
		if (KERNEL_PANICKED())
			return (1);
		panic("%s: watchdog pre-timeout, host does not pat",
		    device_get_nameunit(sc->dev));
	}
	return (0);
}

static void
ipmi_nmi_register(struct ipmi_softc *sc)
{

	if (atomic_cmpset_ptr((volatile uintptr_t *)&ipmi_nmi_softc, 0,
	    (uintptr_t)sc) != 0)
		nmi_register_handler(ipmi_nmi);
}

static void
ipmi_nmi_deregister(struct ipmi_softc *sc)
{

	if (atomic_load_ptr(&ipmi_nmi_softc) == sc) {
		nmi_remove_handler(ipmi_nmi);
		atomic_store_ptr(&ipmi_nmi_softc, NULL);
	}
}
#else
#define	ipmi_nmi_register(sc)	((void)0)
#define	ipmi_nmi_deregister(sc)	((void)0)
#endif

/*
 * The list with exact timeouts is known by name only: kernels before 15 do
 * not have it, and nobody minds a list that is never invoked.
 */
void
ipmi_watchdog_register(struct ipmi_softc *sc, bool watchdog, bool power_cycle)
{

	if (watchdog) {
		sc->watchdog_sbt_tag = eventhandler_register(NULL,
		    "watchdog_sbt_list", (void *)ipmi_watchdog_sbt, sc, 0);
		sc->watchdog_tag = EVENTHANDLER_REGISTER(watchdog_list,
		    ipmi_watchdog, sc, 0);
		sc->shutdown_tag = EVENTHANDLER_REGISTER(shutdown_pre_sync,
		    ipmi_shutdown, sc, 0);
		sc->pretimeout_tag = eventhandler_register(NULL,
		    "watchdog_pretimeout", (void *)ipmi_pretimeout, sc, 0);
		ipmi_nmi_register(sc);
		device_printf(sc->dev, "Attached watchdog\n");
	}
	/* Handlers that merely reset the machine come after this one. */
	if (power_cycle)
		sc->power_cycle_tag = EVENTHANDLER_REGISTER(shutdown_final,
		    ipmi_power_cycle, sc, SHUTDOWN_PRI_LAST - 2);
}

void
ipmi_watchdog_deregister(struct ipmi_softc *sc)
{

	ipmi_nmi_deregister(sc);
	if (sc->pretimeout_tag != NULL)
		EVENTHANDLER_DEREGISTER(watchdog_pretimeout,
		    sc->pretimeout_tag);
	if (sc->power_cycle_tag != NULL)
		EVENTHANDLER_DEREGISTER(shutdown_final, sc->power_cycle_tag);
	if (sc->shutdown_tag != NULL)
		EVENTHANDLER_DEREGISTER(shutdown_pre_sync, sc->shutdown_tag);
	if (sc->watchdog_tag != NULL)
		EVENTHANDLER_DEREGISTER(watchdog_list, sc->watchdog_tag);
	if (sc->watchdog_sbt_tag != NULL)
		EVENTHANDLER_DEREGISTER(watchdog_sbt_list,
		    sc->watchdog_sbt_tag);
	sc->pretimeout_tag = NULL;
	sc->power_cycle_tag = NULL;
	sc->shutdown_tag = NULL;
	sc->watchdog_tag = NULL;
	sc->watchdog_sbt_tag = NULL;
}

/*
 * Counts the handlers of others on a list of watchdog(9), but for those whose
 * argument is known: a driver may be on both lists.
 */
static uint32_t
ipmi_count_others(const char *name, void *own, void *known[IPMI_OTHERS],
    uint32_t count)
{
	struct eventhandler_entry *entry;
	struct eventhandler_list *list;
	uint32_t i;

	/* Comes back locked. */
	list = eventhandler_find_list(name);
	if (list == NULL)
		return (count);
	TAILQ_FOREACH(entry, &list->el_entries, ee_link) {
		if (entry->ee_arg == own ||
		    entry->ee_priority == EHE_DEAD_PRIORITY)
			continue;
		for (i = 0; i < MIN(count, IPMI_OTHERS); i++)
			if (known[i] != NULL && known[i] == entry->ee_arg)
				break;
		if (i < MIN(count, IPMI_OTHERS))
			continue;
		if (count < IPMI_OTHERS)
			known[count] = entry->ee_arg;
		count++;
	}
	EHL_UNLOCK(list);
	return (count);
}

uint32_t
ipmi_watchdog_others(struct ipmi_softc *sc)
{
	void *known[IPMI_OTHERS];
	uint32_t count;

	count = ipmi_count_others("watchdog_list", sc, known, 0);
	return (ipmi_count_others("watchdog_sbt_list", sc, known, count));
}
