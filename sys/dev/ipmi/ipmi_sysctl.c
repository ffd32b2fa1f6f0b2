/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * hw.ipmi (tunables) and dev.ipmi.N (what a device counts and knows).
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
#include <sys/sysctl.h>

#include <machine/bus.h>

#include <dev/ipmi/ipmi_core.h>
#include <dev/ipmi/ipmi_kpi.h>
#include <dev/ipmi/ipmivars.h>

static struct ipmi_settings ipmi_tunables = {
	.on = 1,
	.wd_init_enable = 1,
	.wd_timer_actions = 3,		/* Power cycle. */
	.wd_shutdown_countdown = 0,
	.wd_startup_countdown = 0,
	.wd_pretimeout_countdown = 120,
	.wd_panic_countdown = 255,
	.wd_pat_wait_ms = 250,
	.max_requests_per_open = 100,
	.max_opens = 64,
};
int ipmi_cycle_wait = 10;

static SYSCTL_NODE(_hw, OID_AUTO, ipmi, CTLFLAG_RD | CTLFLAG_MPSAFE, 0,
    "IPMI driver parameters");
SYSCTL_INT(_hw_ipmi, OID_AUTO, on, CTLFLAG_RWTUN, &ipmi_tunables.on, 0,
    "Device node and watchdog are in use");
SYSCTL_INT(_hw_ipmi, OID_AUTO, wd_init_enable, CTLFLAG_RWTUN,
    &ipmi_tunables.wd_init_enable, 0, "Use the BMC's watchdog timer");
SYSCTL_INT(_hw_ipmi, OID_AUTO, wd_timer_actions, CTLFLAG_RWTUN,
    &ipmi_tunables.wd_timer_actions, 0,
    "Timer action (bits 2:0) and pre-timeout interrupt (bits 6:4)");
SYSCTL_INT(_hw_ipmi, OID_AUTO, wd_shutdown_countdown, CTLFLAG_RWTUN,
    &ipmi_tunables.wd_shutdown_countdown, 0,
    "Countdown during shutdown in seconds; 0 stops, negative leaves it");
SYSCTL_INT(_hw_ipmi, OID_AUTO, wd_startup_countdown, CTLFLAG_RDTUN,
    &ipmi_tunables.wd_startup_countdown, 0,
    "Countdown armed at attach in seconds; 0 for none");
SYSCTL_INT(_hw_ipmi, OID_AUTO, wd_pretimeout_countdown, CTLFLAG_RWTUN,
    &ipmi_tunables.wd_pretimeout_countdown, 0,
    "Pre-timeout before the end of the countdown in seconds");
SYSCTL_INT(_hw_ipmi, OID_AUTO, wd_panic_countdown, CTLFLAG_RWTUN,
    &ipmi_tunables.wd_panic_countdown, 0,
    "Countdown after a panic in seconds; 0 leaves it");
SYSCTL_INT(_hw_ipmi, OID_AUTO, wd_pat_wait_ms, CTLFLAG_RWTUN,
    &ipmi_tunables.wd_pat_wait_ms, 0,
    "Longest wait of a pat for the BMC in milliseconds");
SYSCTL_INT(_hw_ipmi, OID_AUTO, max_requests_per_open, CTLFLAG_RWTUN,
    &ipmi_tunables.max_requests_per_open, 0,
    "Most requests outstanding on a descriptor");
SYSCTL_INT(_hw_ipmi, OID_AUTO, max_opens, CTLFLAG_RWTUN,
    &ipmi_tunables.max_opens, 0, "Most descriptors open on a device");
SYSCTL_INT(_hw_ipmi, OID_AUTO, cycle_wait, CTLFLAG_RWTUN, &ipmi_cycle_wait, 0,
    "Wait for the power to go off in seconds");

void
ipmi_kpi_settings(struct ipmi_settings *settings)
{

	*settings = ipmi_tunables;
}

static const struct {
	enum ipmi_statistic	 which;
	const char		*name;
	const char		*descr;
} ipmi_statistics[] = {
	{ IPMI_STAT_REQUESTS, "requests", "Requests answered" },
	{ IPMI_STAT_REQUEST_ERRORS, "request_errors", "Requests failed" },
	{ IPMI_STAT_REFUSED, "refused",
	    "Requests refused while the BMC was unresponsive" },
	{ IPMI_STAT_ATTEMPTS, "attempts", "Attempts at transactions" },
	{ IPMI_STAT_TIMEOUTS, "timeouts", "Attempts that timed out" },
	{ IPMI_STAT_BAD_STATES, "bad_states",
	    "Attempts that found the interface in a wrong state" },
	{ IPMI_STAT_BAD_REPLIES, "bad_replies",
	    "Replies too long, too short or to another request" },
	{ IPMI_STAT_ABORTS, "aborts", "Attempts ended for the driver" },
	{ IPMI_STAT_OUTAGES, "outages", "Times the BMC became unresponsive" },
	{ IPMI_STAT_SUPPRESSED, "suppressed", "Console lines not printed" },
	{ IPMI_STAT_QUEUED, "queued", "Requests waiting now" },
	{ IPMI_STAT_OPENS, "opens", "Descriptors open now" },
	{ IPMI_STAT_ANSWERING, "answering", "The BMC answers" },
	{ IPMI_STAT_WD_ASKED, "pats", "Watchdog pats and disarms" },
	{ IPMI_STAT_WD_UNCONFIRMED, "pats_unconfirmed",
	    "Of these, not confirmed in time" },
	{ IPMI_STAT_WD_REARMED, "rearmed",
	    "Times the BMC had lost its watchdog timer" },
};

static int
ipmi_sysctl_statistic(SYSCTL_HANDLER_ARGS)
{
	struct ipmi_softc *sc = arg1;
	uint64_t value;

	value = ipmi_core_statistic(sc->core, (enum ipmi_statistic)arg2);
	return (sysctl_handle_64(oidp, &value, 0, req));
}

void
ipmi_sysctl_attach(struct ipmi_softc *sc)
{
	struct sysctl_ctx_list *ctx;
	struct sysctl_oid *tree;
	size_t i;

	ctx = device_get_sysctl_ctx(sc->dev);
	tree = SYSCTL_ADD_NODE(ctx,
	    SYSCTL_CHILDREN(device_get_sysctl_tree(sc->dev)), OID_AUTO,
	    "stats", CTLFLAG_RD | CTLFLAG_MPSAFE, NULL, "Statistics");
	for (i = 0; i < nitems(ipmi_statistics); i++)
		SYSCTL_ADD_PROC(ctx, SYSCTL_CHILDREN(tree), OID_AUTO,
		    ipmi_statistics[i].name,
		    CTLTYPE_U64 | CTLFLAG_RD | CTLFLAG_MPSAFE, sc,
		    ipmi_statistics[i].which, ipmi_sysctl_statistic, "QU",
		    ipmi_statistics[i].descr);
}
