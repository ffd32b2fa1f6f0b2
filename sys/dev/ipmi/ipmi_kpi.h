/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the core may ask of the kernel: the C side of src/kpi.  Times are in
 * nanoseconds.
 */
#ifndef _DEV_IPMI_IPMI_KPI_H_
#define	_DEV_IPMI_IPMI_KPI_H_

struct ipmi_softc;
struct ipmi_open;

/* What the calling thread may do. */
enum ipmi_context {
	IPMI_CONTEXT_MAY_SLEEP,
	IPMI_CONTEXT_NO_SLEEP,
	IPMI_CONTEXT_DUMPING,
	IPMI_CONTEXT_STOPPED,
};

/* Who sleeps. */
enum ipmi_channel {
	IPMI_CHANNEL_WORKER,
	IPMI_CHANNEL_ANSWER,
};

/* What becomes of a watchdog timer that firmware left running. */
enum ipmi_adopt {
	IPMI_ADOPT_KEEP,
	IPMI_ADOPT_STOP,
	IPMI_ADOPT_LEAVE,
};

/* The pre-timeout interrupt as the BMC numbers it. */
enum ipmi_pretimeout {
	IPMI_PRETIMEOUT_NONE = 0,
	IPMI_PRETIMEOUT_NMI = 2,
	IPMI_PRETIMEOUT_MSG = 3,
	IPMI_PRETIMEOUT_UNSET = 255,	/* As hw.ipmi.wd_timer_actions says. */
};

/* The tunables under hw.ipmi; units as in ipmi(4). */
struct ipmi_settings {
	int	on;
	int	wd_init_enable;
	int	wd_timer_actions;
	int	wd_shutdown_countdown;
	int	wd_startup_countdown;
	int	wd_pretimeout_countdown;
	int	wd_panic_countdown;
	int	panic_sel;
	int	wd_min_timeout;
	int	wd_margin;
	int	wd_verify_interval;
	enum ipmi_adopt wd_adopt;
	enum ipmi_pretimeout wd_pretimeout_int;
	int	wd_pat_wait_ms;
	int	max_requests_per_open;
	int	max_opens;
};

/* M_WAITOK, not zeroed, never NULL. */
void	*ipmi_kpi_malloc(size_t size);
void	 ipmi_kpi_free(void *memory);

uint64_t ipmi_kpi_now(void);
enum ipmi_context ipmi_kpi_context(void);
void	 ipmi_kpi_settings(struct ipmi_settings *settings);
bool	 ipmi_kpi_watchdog_enabled(void);

/* The process behind the calling thread: its id, and its name with a NUL. */
uint32_t ipmi_kpi_who(char *name, size_t size);
/* The panic message without a NUL; returns its length. */
size_t	 ipmi_kpi_panic_message(char *text, size_t size);

void	 ipmi_kpi_lock(struct ipmi_softc *sc);
bool	 ipmi_kpi_trylock(struct ipmi_softc *sc);
void	 ipmi_kpi_unlock(struct ipmi_softc *sc);
/* Sleeps with the lock given up; 0 waits without end. */
void	 ipmi_kpi_wait(struct ipmi_softc *sc, enum ipmi_channel channel,
	    uint64_t timeout);
void	 ipmi_kpi_wake(struct ipmi_softc *sc, enum ipmi_channel channel);

void	 ipmi_kpi_delay(unsigned int us);
void	 ipmi_kpi_pause(uint64_t ns);
/* The same with the lock held and given up, ended early by the interrupt. */
void	 ipmi_kpi_doze(struct ipmi_softc *sc, uint64_t ns);

/* Installs the interrupt's handler, or takes it away; false if it cannot. */
bool	 ipmi_kpi_rewire(struct ipmi_softc *sc, bool installed);

/* Keeps the interrupt's filter out; returns what unlocking is told. */
bool	 ipmi_kpi_spin_lock(struct ipmi_softc *sc);
void	 ipmi_kpi_spin_unlock(struct ipmi_softc *sc, bool held);

uint8_t	 ipmi_kpi_read(struct ipmi_softc *sc, uint8_t reg);
void	 ipmi_kpi_write(struct ipmi_softc *sc, uint8_t reg, uint8_t value);

/* How a transfer on the SMBus ended. */
enum ipmi_transfer {
	IPMI_TRANSFER_DONE,
	IPMI_TRANSFER_REFUSED,
	IPMI_TRANSFER_BUSY,
	IPMI_TRANSFER_BROKEN,
	IPMI_TRANSFER_UNUSABLE,
};

/* Blocks of at most 32 bytes; may sleep. */
enum ipmi_transfer ipmi_kpi_smbus_write(struct ipmi_softc *sc,
	    uint8_t command, const uint8_t *bytes, uint8_t length);
enum ipmi_transfer ipmi_kpi_smbus_read(struct ipmi_softc *sc, uint8_t command,
	    uint8_t *bytes, uint8_t *length);

int	 ipmi_kpi_copyin(const void *user, void *kernel, size_t size);
void	 ipmi_kpi_wake_client(struct ipmi_open *open);
void	 ipmi_kpi_record_client(struct ipmi_open *open, struct thread *td);

void	 ipmi_kpi_log(struct ipmi_softc *sc, const char *text, size_t length);
void	 ipmi_kpi_notify(struct ipmi_softc *sc, const char *subsystem,
	    const char *type);
void	 ipmi_kpi_announce(struct ipmi_softc *sc, bool watchdog,
	    bool power_cycle);

#endif /* !_DEV_IPMI_IPMI_KPI_H_ */
