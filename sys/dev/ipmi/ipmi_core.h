/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the core offers to the C files; src/kpi/entry.rs is the other side.
 * Errors are errno(2) values.
 */
#ifndef _DEV_IPMI_IPMI_CORE_H_
#define	_DEV_IPMI_IPMI_CORE_H_

struct ipmi_core;
struct ipmi_open;
struct ipmi_softc;
struct ipmi_held;

/* System interface types, as SMBIOS type 38 numbers them. */
enum ipmi_interface {
	IPMI_KCS = 1,
	IPMI_SMIC = 2,
	IPMI_BT = 3,
	IPMI_SSIF = 4,
};

/* Where a system interface is: by ports, memory or an SMBus slave address. */
enum ipmi_space {
	IPMI_SPACE_PORT,
	IPMI_SPACE_MEMORY,
	IPMI_SPACE_SMBUS,
};

struct ipmi_place {
	enum ipmi_interface	 interface;
	enum ipmi_space		 space;
	uint64_t		 address;
	uint32_t		 spacing;	/* Bytes from register to register. */
	uint32_t		 irq;		/* 0 for none. */
	bool			 irq_told;	/* The next two are known. */
	bool			 irq_level;
	bool			 irq_high;
};

/* The interrupt that the bus itself has for the device, if any. */
#define	IPMI_IRQ_ROUTED		(~0U)

/* What the filter says of an interrupt. */
enum ipmi_claim {
	IPMI_CLAIM_FOREIGN,
	IPMI_CLAIM_HANDLED,
	IPMI_CLAIM_WAKE,	/* The thread is to run. */
};

/* Which way a request goes, or what a completion is. */
enum ipmi_route {
	IPMI_ROUTE_SYSTEM,	/* To the BMC itself. */
	IPMI_ROUTE_BUS,		/* Through it, to a controller on a channel. */
	IPMI_ROUTE_EVENT,	/* An event that came unasked. */
};

/* A request, as SEND_COMMAND describes it. */
struct ipmi_command {
	enum ipmi_route	 route;
	uint8_t		 channel;	/* Of the controller, */
	uint8_t		 slave;		/* and its slave address. */
	uint8_t		 lun;
	uint8_t		 netfn;
	uint8_t		 cmd;
	int64_t		 msgid;
	const void	*data;		/* The user's. */
	size_t		 length;
};

/* A completed request, as RECEIVE reports it. */
struct ipmi_completion {
	struct ipmi_held *held;	/* Owned by the caller. */
	const uint8_t	*body;	/* Completion code and data. */
	size_t		 length;
	int64_t		 msgid;
	enum ipmi_route	 route;
	uint8_t		 channel;
	uint8_t		 slave;
	uint8_t		 netfn;	/* Of the reply, without LUN. */
	uint8_t		 lun;
	uint8_t		 cmd;
};

/* What poll(2) is told. */
#define	IPMI_READY_RECEIVE	0x1	/* A completion waits. */
#define	IPMI_READY_OUTSTANDING	0x2	/* Something is outstanding. */

/* Pats that were for somebody else. */
#define	IPMI_PAT_IGNORED	(-1)

/* What dev.ipmi.N counts and shows. */
enum ipmi_statistic {
	IPMI_STAT_REQUESTS,
	IPMI_STAT_REQUEST_ERRORS,
	IPMI_STAT_REFUSED,
	IPMI_STAT_ATTEMPTS,
	IPMI_STAT_TIMEOUTS,
	IPMI_STAT_BAD_STATES,
	IPMI_STAT_BAD_REPLIES,
	IPMI_STAT_ABORTS,
	IPMI_STAT_OUTAGES,
	IPMI_STAT_SUPPRESSED,
	IPMI_STAT_STRAYS,
	IPMI_STAT_RESETTING,
	IPMI_STAT_FIRMWARE,
	IPMI_STAT_EVENTS_DROPPED,
	IPMI_STAT_QUEUED,
	IPMI_STAT_OPENS,
	IPMI_STAT_ANSWERING,
	IPMI_STAT_INTERRUPTS,
	IPMI_STAT_INTERRUPTING,
	IPMI_STAT_DEVICE_ID,
	IPMI_STAT_REVISION,
	IPMI_STAT_SUPPORT,
	IPMI_STAT_MANUFACTURER,
	IPMI_STAT_PRODUCT,
	IPMI_STAT_CHANNELS,
};

/* What dev.ipmi.N.latency_us has histograms of. */
enum ipmi_latency {
	IPMI_LATENCY_PAT,
	IPMI_LATENCY_REQUEST,
	IPMI_LATENCY_ATTEMPT,
};

/* Bucket 0 is of 16 us and less, and each that follows of twice as much. */
#define	IPMI_LATENCY_BUCKETS	21
#define	IPMI_LATENCY_COUNT	21	/* That of all of them, whatever they took, */
#define	IPMI_LATENCY_SUM	22	/* all of them together, */
#define	IPMI_LATENCY_LONGEST	23	/* and the longest. */

/* What dev.ipmi.N.watchdog shows; times in milliseconds. */
enum ipmi_figure {
	IPMI_FIGURE_STATE,	/* 0 unknown, 1 stopped, 2 armed */
	IPMI_FIGURE_USE,
	IPMI_FIGURE_ACTION,
	IPMI_FIGURE_PRETIMEOUT,
	IPMI_FIGURE_TIMEOUT_ASKED,
	IPMI_FIGURE_TIMEOUT_CONFIRMED,
	IPMI_FIGURE_LEFT,
	IPMI_FIGURE_LEFT_AGE,
	IPMI_FIGURE_PAT_AGE,
	IPMI_FIGURE_CONFIRMED_AGE,
	IPMI_FIGURE_PATS,
	IPMI_FIGURE_UNCONFIRMED,
	IPMI_FIGURE_FAILED,
	IPMI_FIGURE_REARMED,
	IPMI_FIGURE_GAPS,
	IPMI_FIGURE_GAP_LONGEST,
	IPMI_FIGURE_GAP_TOTAL,
};

/* What an NMI is to the watchdog. */
enum ipmi_nmi {
	IPMI_NMI_FOREIGN,
	IPMI_NMI_HEALTHY,	/* The pre-timeout; the host pats. */
	IPMI_NMI_TROUBLE,	/* The pre-timeout; the host does not. */
};

struct ipmi_core *ipmi_core_create(struct ipmi_softc *sc,
	    enum ipmi_interface interface);
void	 ipmi_core_destroy(struct ipmi_core *core);
void	 ipmi_core_worker(struct ipmi_core *core);

/* There is an interrupt.  Called with the lock held. */
void	 ipmi_core_offer_interrupt(struct ipmi_core *core);
/* In interrupt context. */
enum ipmi_claim ipmi_core_filter(struct ipmi_core *core);
/* Its thread: is the worker to be woken?  Called with the lock held. */
bool	 ipmi_core_interrupted(struct ipmi_core *core);

/* Until the BMC is known, or so many nanoseconds are over. */
void	 ipmi_core_await(struct ipmi_core *core, uint64_t timeout);
int	 ipmi_core_begin_detach(struct ipmi_core *core);
void	 ipmi_core_leave(struct ipmi_core *core);
/* Called with the lock held. */
void	 ipmi_core_exit(struct ipmi_core *core);

/* Takes a place for a descriptor, in which it is then opened. */
int	 ipmi_core_reserve(struct ipmi_core *core);
int	 ipmi_core_open(struct ipmi_core *core, struct ipmi_open *open,
	    uint64_t *client);
void	 ipmi_core_close(struct ipmi_core *core, uint64_t client);
int	 ipmi_core_send(struct ipmi_core *core, uint64_t client,
	    const struct ipmi_command *command);
int	 ipmi_core_receive(struct ipmi_core *core, uint64_t client,
	    size_t room, bool truncate, struct ipmi_completion *completion);
void	 ipmi_core_received(struct ipmi_core *core, struct ipmi_held *held,
	    bool taken);
int	 ipmi_core_poll(struct ipmi_core *core, uint64_t client,
	    struct ipmi_open *open, struct thread *td);
/* Called with the lock held: would a receive find something? */
bool	 ipmi_core_ready(struct ipmi_core *core, uint64_t client);
void	 ipmi_core_want_events(struct ipmi_core *core, uint64_t client,
	    bool wanted);
void	 ipmi_core_set_address(struct ipmi_core *core, uint64_t client,
	    uint8_t address);
void	 ipmi_core_set_lun(struct ipmi_core *core, uint64_t client,
	    uint8_t lun);
uint8_t	 ipmi_core_address(struct ipmi_core *core, uint64_t client);
uint8_t	 ipmi_core_lun(struct ipmi_core *core, uint64_t client);

/* Nanoseconds; 0 disarms.  0, an errno or IPMI_PAT_IGNORED. */
int	 ipmi_core_pat(struct ipmi_core *core, uint64_t timeout,
	    bool sbt_list);
void	 ipmi_core_shutdown(struct ipmi_core *core, bool halt);
int	 ipmi_core_power_cycle(struct ipmi_core *core);

bool	 ipmi_core_armed(struct ipmi_core *core);
bool	 ipmi_core_pat_in_flight(struct ipmi_core *core);
enum ipmi_nmi ipmi_core_nmi(struct ipmi_core *core);
/* Called with the lock held. */
void	 ipmi_core_tick(struct ipmi_core *core);

/* Memory that firmware left: an entry point somewhere in it, the table. */
bool	 ipmi_core_smbios_entry(const uint8_t *bytes, size_t length,
	    uint64_t *table, uint32_t *size);
bool	 ipmi_core_smbios_find(const uint8_t *bytes, size_t length,
	    struct ipmi_place *place);

uint64_t ipmi_core_figure(struct ipmi_core *core, enum ipmi_figure which);
size_t	 ipmi_core_doctor(struct ipmi_core *core, uint32_t others, char *text,
	    size_t room);
uint64_t ipmi_core_statistic(struct ipmi_core *core, enum ipmi_statistic which);
uint64_t ipmi_core_latency(struct ipmi_core *core, enum ipmi_latency which,
	    uint32_t index);
size_t	 ipmi_core_version(struct ipmi_core *core, bool of_firmware,
	    char *text, size_t room);
/* From number 0 to the last; 0 when there are no more. */
size_t	 ipmi_core_recorded(struct ipmi_core *core, uint64_t *number,
	    char *text, size_t room);

#endif /* !_DEV_IPMI_IPMI_CORE_H_ */
