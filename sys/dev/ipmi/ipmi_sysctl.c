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
	.panic_sel = 1,
	.wd_min_timeout = 2,
	.wd_margin = 0,
	.wd_verify_interval = 60,
	.wd_adopt = IPMI_ADOPT_KEEP,
	.wd_pretimeout_int = IPMI_PRETIMEOUT_UNSET,
	.wd_pat_wait_ms = 250,
	.max_requests_per_open = 100,
	.max_opens = 64,
};
int ipmi_attach_wait = 0;
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
SYSCTL_INT(_hw_ipmi, OID_AUTO, panic_sel, CTLFLAG_RWTUN,
    &ipmi_tunables.panic_sel, 0, "Write a panic into the BMC's event log");
SYSCTL_INT(_hw_ipmi, OID_AUTO, wd_min_timeout, CTLFLAG_RWTUN,
    &ipmi_tunables.wd_min_timeout, 0,
    "Shortest watchdog timeout that is accepted in seconds");
SYSCTL_INT(_hw_ipmi, OID_AUTO, wd_margin, CTLFLAG_RWTUN,
    &ipmi_tunables.wd_margin, 0,
    "Seconds that the BMC counts longer than it is asked to");
SYSCTL_INT(_hw_ipmi, OID_AUTO, wd_verify_interval, CTLFLAG_RWTUN,
    &ipmi_tunables.wd_verify_interval, 0,
    "Seconds between two checks of the BMC's timer; 0 for none");
SYSCTL_INT(_hw_ipmi, OID_AUTO, wd_pat_wait_ms, CTLFLAG_RWTUN,
    &ipmi_tunables.wd_pat_wait_ms, 0,
    "Longest wait of a pat for the BMC in milliseconds");
SYSCTL_INT(_hw_ipmi, OID_AUTO, max_requests_per_open, CTLFLAG_RWTUN,
    &ipmi_tunables.max_requests_per_open, 0,
    "Most requests outstanding on a descriptor");
SYSCTL_INT(_hw_ipmi, OID_AUTO, max_opens, CTLFLAG_RWTUN,
    &ipmi_tunables.max_opens, 0, "Most descriptors open on a device");
SYSCTL_INT(_hw_ipmi, OID_AUTO, attach_wait, CTLFLAG_RWTUN, &ipmi_attach_wait,
    0, "Longest wait for the BMC at attach in seconds; 0 for none");
SYSCTL_INT(_hw_ipmi, OID_AUTO, cycle_wait, CTLFLAG_RWTUN, &ipmi_cycle_wait, 0,
    "Wait for the power to go off in seconds");

/* A tunable that is one of a few words. */
struct ipmi_word {
	const char	*word;
	int		 value;
};

static const struct ipmi_word ipmi_adopt_words[] = {
	{ "keep", IPMI_ADOPT_KEEP },
	{ "stop", IPMI_ADOPT_STOP },
	{ "leave", IPMI_ADOPT_LEAVE },
	{ NULL, 0 },
};

static const struct ipmi_word ipmi_pretimeout_words[] = {
	{ "", IPMI_PRETIMEOUT_UNSET },
	{ "none", IPMI_PRETIMEOUT_NONE },
	{ "nmi", IPMI_PRETIMEOUT_NMI },
	{ "msg", IPMI_PRETIMEOUT_MSG },
	{ NULL, 0 },
};

static int
ipmi_sysctl_word(struct sysctl_oid *oidp, struct sysctl_req *req,
    const struct ipmi_word *words, unsigned int *value)
{
	const struct ipmi_word *w;
	char buf[8];
	int error;

	for (w = words; w->word != NULL && w->value != (int)*value; w++)
		;
	strlcpy(buf, w->word != NULL ? w->word : "", sizeof(buf));
	error = sysctl_handle_string(oidp, buf, sizeof(buf), req);
	if (error != 0 || req->newptr == NULL)
		return (error);
	for (w = words; w->word != NULL; w++) {
		if (strcmp(buf, w->word) == 0) {
			*value = w->value;
			return (0);
		}
	}
	return (EINVAL);
}

static int
ipmi_sysctl_adopt(SYSCTL_HANDLER_ARGS)
{

	return (ipmi_sysctl_word(oidp, req, ipmi_adopt_words,
	    &ipmi_tunables.wd_adopt));
}
SYSCTL_PROC(_hw_ipmi, OID_AUTO, wd_adopt,
    CTLTYPE_STRING | CTLFLAG_RWTUN | CTLFLAG_MPSAFE, NULL, 0,
    ipmi_sysctl_adopt, "A",
    "Watchdog timer left running by firmware: keep, stop or leave");

static int
ipmi_sysctl_pretimeout_int(SYSCTL_HANDLER_ARGS)
{

	return (ipmi_sysctl_word(oidp, req, ipmi_pretimeout_words,
	    &ipmi_tunables.wd_pretimeout_int));
}
SYSCTL_PROC(_hw_ipmi, OID_AUTO, wd_pretimeout_int,
    CTLTYPE_STRING | CTLFLAG_RWTUN | CTLFLAG_MPSAFE, NULL, 0,
    ipmi_sysctl_pretimeout_int, "A",
    "Pre-timeout interrupt: none, nmi or msg; empty as in wd_timer_actions");

void
ipmi_kpi_settings(struct ipmi_settings *settings)
{
	u_int *from, *to;
	size_t i;

	/* All of them are ints, and an administrator may be changing one. */
	from = (u_int *)&ipmi_tunables;
	to = (u_int *)settings;
	for (i = 0; i < sizeof(*settings) / sizeof(*to); i++)
		to[i] = atomic_load_int(&from[i]);
}

bool
ipmi_kpi_watchdog_enabled(void)
{

	return (atomic_load_int((u_int *)&ipmi_tunables.wd_init_enable) != 0);
}

/* A number that ipmi_core_statistic() knows. */
struct ipmi_number {
	enum ipmi_statistic	 which;
	const char		*name;
	const char		*descr;
};

static const struct ipmi_number ipmi_identity[] = {
	{ IPMI_STAT_DEVICE_ID, "device_id", "Device id" },
	{ IPMI_STAT_REVISION, "device_revision", "Device revision" },
	{ IPMI_STAT_SUPPORT, "device_support",
	    "Additional device support, as Get Device ID has it" },
	{ IPMI_STAT_MANUFACTURER, "manufacturer_id",
	    "IANA enterprise number of the manufacturer" },
	{ IPMI_STAT_PRODUCT, "product_id", "The manufacturer's product id" },
	{ IPMI_STAT_CHANNELS, "channels", "Channels" },
};

static const struct ipmi_number ipmi_statistics[] = {
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
	{ IPMI_STAT_STRAYS, "strays",
	    "Messages from a channel that nobody waited for" },
	{ IPMI_STAT_EVENTS_DROPPED, "events_dropped",
	    "Events that a descriptor did not receive in time" },
	{ IPMI_STAT_RESETTING, "resetting",
	    "The BMC was told to reset itself and may be away" },
	{ IPMI_STAT_FIRMWARE, "firmware", "Firmware is being transferred" },
	{ IPMI_STAT_QUEUED, "queued", "Requests waiting now" },
	{ IPMI_STAT_OPENS, "opens", "Descriptors open now" },
	{ IPMI_STAT_ANSWERING, "answering", "The BMC answers" },
	{ IPMI_STAT_INTERRUPTS, "interrupts", "Interrupts of the BMC" },
	{ IPMI_STAT_INTERRUPTING, "interrupting",
	    "The interrupt is used; 0 where the driver only polls" },
};

static int
ipmi_sysctl_statistic(SYSCTL_HANDLER_ARGS)
{
	struct ipmi_softc *sc = arg1;
	uint64_t value;

	value = ipmi_core_statistic(sc->core, (enum ipmi_statistic)arg2);
	return (sysctl_handle_64(oidp, &value, 0, req));
}

static const struct {
	enum ipmi_figure	 which;
	const char		*name;
	const char		*descr;
} ipmi_figures[] = {
	{ IPMI_FIGURE_STATE, "state",
	    "What the timer is known to do: 0 unknown, 1 stopped, 2 armed" },
	{ IPMI_FIGURE_USE, "use", "Timer use as read back" },
	{ IPMI_FIGURE_ACTION, "action", "Timer action as read back" },
	{ IPMI_FIGURE_PRETIMEOUT, "pretimeout_ms",
	    "Pre-timeout interval as read back" },
	{ IPMI_FIGURE_TIMEOUT_ASKED, "timeout_asked_ms",
	    "Timeout of the newest pat" },
	{ IPMI_FIGURE_TIMEOUT_CONFIRMED, "timeout_confirmed_ms",
	    "Countdown that the BMC confirmed" },
	{ IPMI_FIGURE_LEFT, "left_ms", "Countdown when it was read back" },
	{ IPMI_FIGURE_LEFT_AGE, "left_age_ms", "Time since it was read back" },
	{ IPMI_FIGURE_PAT_AGE, "pat_age_ms", "Time since the newest pat" },
	{ IPMI_FIGURE_CONFIRMED_AGE, "confirmed_age_ms",
	    "Time since the newest pat that the BMC confirmed" },
	{ IPMI_FIGURE_PATS, "pats", "Pats and disarms" },
	{ IPMI_FIGURE_UNCONFIRMED, "unconfirmed",
	    "Of these, not confirmed when the call returned" },
	{ IPMI_FIGURE_FAILED, "failures", "Of these, answered with an error" },
	{ IPMI_FIGURE_REARMED, "rearmed",
	    "Times the BMC's timer was not as set and was set again" },
	{ IPMI_FIGURE_GAPS, "gaps", "Times the host was unguarded" },
	{ IPMI_FIGURE_GAP_LONGEST, "gap_longest_ms", "The longest of these" },
	{ IPMI_FIGURE_GAP_TOTAL, "gap_total_ms", "All of these together" },
};

static int
ipmi_sysctl_figure(SYSCTL_HANDLER_ARGS)
{
	struct ipmi_softc *sc = arg1;
	uint64_t value;

	value = ipmi_core_figure(sc->core, (enum ipmi_figure)arg2);
	return (sysctl_handle_64(oidp, &value, 0, req));
}

static int
ipmi_sysctl_doctor(SYSCTL_HANDLER_ARGS)
{
	struct ipmi_softc *sc = arg1;
	char text[256];
	size_t length;

	length = ipmi_core_doctor(sc->core, ipmi_watchdog_others(sc), text,
	    sizeof(text) - 1);
	text[length] = '\0';
	return (sysctl_handle_string(oidp, text, sizeof(text), req));
}

static int
ipmi_sysctl_version(SYSCTL_HANDLER_ARGS)
{
	struct ipmi_softc *sc = arg1;
	char text[16];
	size_t length;

	length = ipmi_core_version(sc->core, arg2 != 0, text,
	    sizeof(text) - 1);
	text[length] = '\0';
	return (sysctl_handle_string(oidp, text, sizeof(text), req));
}

/* Entries that come while it is read are read as well, as long as there is room. */
static int
ipmi_sysctl_recorder(SYSCTL_HANDLER_ARGS)
{
	struct ipmi_softc *sc = arg1;
	const size_t room = 8192;
	uint64_t number = 0;
	size_t length, used = 0;
	char *text;
	int error;

	text = malloc(room, M_IPMI, M_WAITOK);
	while (used < room - 1 && (length = ipmi_core_recorded(sc->core,
	    &number, text + used, room - 1 - used)) > 0) {
		used += length;
		text[used++] = '\n';
	}
	/* No newline after the last; one byte is left for the end. */
	text[used > 0 ? used - 1 : 0] = '\0';
	error = sysctl_handle_string(oidp, text, room, req);
	free(text, M_IPMI);
	return (error);
}

/* Which histogram is in bits 8 and up of arg2, which number of it below. */
static int
ipmi_sysctl_latency(SYSCTL_HANDLER_ARGS)
{
	struct ipmi_softc *sc = arg1;
	uint64_t value;

	value = ipmi_core_latency(sc->core, (enum ipmi_latency)(arg2 >> 8),
	    arg2 & 0xff);
	return (sysctl_handle_64(oidp, &value, 0, req));
}

/*
 * The labels are those that prometheus_sysctl_exporter(8) gives to what is
 * below, under one name.
 */
static struct sysctl_oid_list *
ipmi_sysctl_node(struct ipmi_softc *sc, struct sysctl_oid_list *parent,
    const char *name, const char *descr, const char *label)
{

	return (SYSCTL_CHILDREN(SYSCTL_ADD_NODE_WITH_LABEL(&sc->sysctl_ctx,
	    parent, OID_AUTO, name, CTLFLAG_RD | CTLFLAG_MPSAFE, NULL, descr,
	    label)));
}

static void
ipmi_sysctl_numbers(struct ipmi_softc *sc, struct sysctl_oid_list *parent,
    const struct ipmi_number *numbers, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		SYSCTL_ADD_PROC(&sc->sysctl_ctx, parent, OID_AUTO,
		    numbers[i].name, CTLTYPE_U64 | CTLFLAG_RD | CTLFLAG_MPSAFE,
		    sc, numbers[i].which, ipmi_sysctl_statistic, "QU",
		    numbers[i].descr);
}

static void
ipmi_sysctl_bucket(struct ipmi_softc *sc, struct sysctl_oid_list *parent,
    int number, const char *name, const char *descr, const char *label)
{

	sysctl_add_oid(&sc->sysctl_ctx, parent, OID_AUTO, name,
	    CTLTYPE_U64 | CTLFLAG_RD | CTLFLAG_MPSAFE, sc, number,
	    ipmi_sysctl_latency, "QU", descr, label);
}

/* As Prometheus has its histograms: a bucket has what the smaller ones have. */
static void
ipmi_sysctl_histogram(struct ipmi_softc *sc, struct sysctl_oid_list *parent,
    enum ipmi_latency which, const char *name, const char *descr)
{
	struct sysctl_oid_list *buckets, *node;
	char bound[16];
	int first, i;

	first = which << 8;
	node = ipmi_sysctl_node(sc, parent, name, descr, "class");
	ipmi_sysctl_bucket(sc, node, first + IPMI_LATENCY_COUNT, "count",
	    "How many there were", NULL);
	ipmi_sysctl_bucket(sc, node, first + IPMI_LATENCY_SUM, "sum",
	    "What they took together", NULL);
	ipmi_sysctl_bucket(sc, node, first + IPMI_LATENCY_LONGEST, "max",
	    "What the longest took", NULL);
	buckets = ipmi_sysctl_node(sc, node, "bucket",
	    "How many took at most so long", NULL);
	for (i = 0; i < IPMI_LATENCY_BUCKETS; i++) {
		snprintf(bound, sizeof(bound), "%d", 16 << i);
		ipmi_sysctl_bucket(sc, buckets, first + i, bound,
		    "How many took at most so long", "le");
	}
	ipmi_sysctl_bucket(sc, buckets, first + IPMI_LATENCY_COUNT, "+Inf",
	    "How many there were", "le");
}

static void
ipmi_sysctl_identity(struct ipmi_softc *sc, struct sysctl_oid_list *device)
{
	struct sysctl_ctx_list *ctx = &sc->sysctl_ctx;
	struct sysctl_oid_list *bmc, *interface;

	bmc = ipmi_sysctl_node(sc, device, "bmc", "The BMC's identity", NULL);
	ipmi_sysctl_numbers(sc, bmc, ipmi_identity, nitems(ipmi_identity));
	SYSCTL_ADD_PROC(ctx, bmc, OID_AUTO, "firmware",
	    CTLTYPE_STRING | CTLFLAG_RD | CTLFLAG_MPSAFE, sc, true,
	    ipmi_sysctl_version, "A", "Firmware revision");
	SYSCTL_ADD_PROC(ctx, bmc, OID_AUTO, "ipmi_version",
	    CTLTYPE_STRING | CTLFLAG_RD | CTLFLAG_MPSAFE, sc, false,
	    ipmi_sysctl_version, "A", "Version of IPMI that it follows");
	interface = ipmi_sysctl_node(sc, device, "interface",
	    "The system interface", NULL);
	/* The brackets are for 13's macro, which has none. */
	SYSCTL_ADD_CONST_STRING(ctx, interface, OID_AUTO, "type",
	    (CTLFLAG_RD | CTLFLAG_MPSAFE),
	    ipmi_interface_name(sc->place.interface),
	    "KCS, SMIC, BT or SSIF");
	SYSCTL_ADD_U64(ctx, interface, OID_AUTO, "address", CTLFLAG_RD,
	    &sc->place.address, 0, "Port, address or SMBus slave address");
	SYSCTL_ADD_U32(ctx, interface, OID_AUTO, "spacing", CTLFLAG_RD,
	    &sc->place.spacing, 0, "Bytes from register to register");
}

/*
 * The device's own context outlives its detach method, and with it handlers
 * that would enter a core that is gone.
 */
void
ipmi_sysctl_detach(struct ipmi_softc *sc)
{

	sysctl_ctx_free(&sc->sysctl_ctx);
}

void
ipmi_sysctl_attach(struct ipmi_softc *sc)
{
	struct sysctl_ctx_list *ctx;
	struct sysctl_oid_list *device, *latency, *watchdog;
	size_t i;

	ctx = &sc->sysctl_ctx;
	sysctl_ctx_init(ctx);
	device = SYSCTL_CHILDREN(device_get_sysctl_tree(sc->dev));
	ipmi_sysctl_identity(sc, device);
	ipmi_sysctl_numbers(sc,
	    ipmi_sysctl_node(sc, device, "stats", "Statistics", NULL),
	    ipmi_statistics, nitems(ipmi_statistics));
	latency = ipmi_sysctl_node(sc, device, "latency_us",
	    "How long things took, in microseconds", NULL);
	ipmi_sysctl_histogram(sc, latency, IPMI_LATENCY_PAT, "pat",
	    "Pats and disarms, from call to return");
	ipmi_sysctl_histogram(sc, latency, IPMI_LATENCY_REQUEST, "request",
	    "Applications' requests, from send to completion");
	ipmi_sysctl_histogram(sc, latency, IPMI_LATENCY_ATTEMPT, "attempt",
	    "Attempts at transactions with the BMC");
	SYSCTL_ADD_PROC(ctx, device, OID_AUTO, "recorder",
	    CTLTYPE_STRING | CTLFLAG_RD | CTLFLAG_MPSAFE, sc, 0,
	    ipmi_sysctl_recorder, "A",
	    "Flight recorder: the last attempts and events, oldest first");
	watchdog = ipmi_sysctl_node(sc, device, "watchdog", "Watchdog", NULL);
	for (i = 0; i < nitems(ipmi_figures); i++)
		SYSCTL_ADD_PROC(ctx, watchdog, OID_AUTO, ipmi_figures[i].name,
		    CTLTYPE_U64 | CTLFLAG_RD | CTLFLAG_MPSAFE, sc,
		    ipmi_figures[i].which, ipmi_sysctl_figure, "QU",
		    ipmi_figures[i].descr);
	SYSCTL_ADD_PROC(ctx, watchdog, OID_AUTO, "doctor",
	    CTLTYPE_STRING | CTLFLAG_RD | CTLFLAG_MPSAFE, sc, 0,
	    ipmi_sysctl_doctor, "A", "Which watchdog guards this host");
}
