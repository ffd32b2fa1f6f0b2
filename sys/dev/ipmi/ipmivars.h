/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the C files of ipmi(4) share.  The core sees none of it.
 */
#ifndef _DEV_IPMI_IPMIVARS_H_
#define	_DEV_IPMI_IPMIVARS_H_

#define	IPMI_MAX_RES		3	/* BT and SMIC have three registers. */

/*
 * The order in which the attachments of a module that is loaded meet the BMC:
 * what a bus itself says goes before tables that describe all of them.
 */
#define	IPMI_ORDER_ACPI		SI_ORDER_MIDDLE
#define	IPMI_ORDER_PCI		(SI_ORDER_MIDDLE + 1)
#define	IPMI_ORDER_SMBUS	(SI_ORDER_MIDDLE + 2)
#define	IPMI_ORDER_ISA		SI_ORDER_ANY

/* The worker wakes up at least so often, in nanoseconds. */
#define	IPMI_TICK_NS		500000000ULL

struct ipmi_core;

/* Where one register is. */
struct ipmi_register {
	bus_space_tag_t		 tag;
	bus_space_handle_t	 handle;
};

struct ipmi_softc {
	device_t		 dev;
	struct ipmi_place	 place;
	struct ipmi_core	*core;
	struct mtx		 lock;
	struct mtx		 spin;		/* Against the filter. */
	struct cv		 worker_cv;
	struct cv		 answer_cv;
	struct callout		 tick;		/* (lock) */
	struct sysctl_ctx_list	 sysctl_ctx;
	struct proc		*worker;
	bool			 worker_gone;	/* (lock) */
	struct cdev		*cdev;
	int			 announcing;	/* (lock) */
	int			 detaching;	/* (lock) */
	eventhandler_tag	 watchdog_tag;
	eventhandler_tag	 watchdog_sbt_tag;
	eventhandler_tag	 pretimeout_tag;
	eventhandler_tag	 shutdown_tag;
	eventhandler_tag	 power_cycle_tag;
	int			 io_type;
	bus_size_t		 io_spacing;
	int			 io_count;
	struct resource		*io_res[IPMI_MAX_RES];
	struct ipmi_register	 registers[IPMI_MAX_RES];
	struct resource		*irq;
	void			*irq_cookie;
	device_t		 smbus;
	uint8_t			 smbus_address;
	bool			 smbus_unusable;	/* Said so. */
};

/* One open of the device node. */
struct ipmi_open {
	struct ipmi_softc	*sc;
	uint64_t		 client;
	struct selinfo		 sel;
};

MALLOC_DECLARE(M_IPMI);

extern int ipmi_attach_wait;
extern int ipmi_cycle_wait;

int	ipmi_attach(device_t dev, const struct ipmi_place *place);
int	ipmi_detach(device_t dev);
int	ipmi_suspend(device_t dev);

const char *ipmi_interface_name(enum ipmi_interface interface);
int	ipmi_interface_registers(enum ipmi_interface interface);
int	ipmi_registers_claim(device_t dev, const struct ipmi_place *place);
int	ipmi_registers_attach(device_t dev, const struct ipmi_place *place);
int	ipmi_registers_detach(device_t dev);
void	ipmi_registers_release(device_t dev);
void	ipmi_interrupt_claim(device_t dev, const struct ipmi_place *place);
void	ipmi_interrupt_release(device_t dev);
bool	ipmi_pci_is_smic(device_t dev);
bool	ipmi_attached_elsewhere(device_t dev);
bool	ipmi_smbios(struct ipmi_place *place);

void	ipmi_map_registers(struct ipmi_softc *sc);
void	ipmi_tick_start(struct ipmi_softc *sc);
int	ipmi_cdev_create(struct ipmi_softc *sc);
void	ipmi_sysctl_attach(struct ipmi_softc *sc);
void	ipmi_sysctl_detach(struct ipmi_softc *sc);
void	ipmi_watchdog_register(struct ipmi_softc *sc, bool watchdog,
	    bool power_cycle);
void	ipmi_watchdog_deregister(struct ipmi_softc *sc);
uint32_t ipmi_watchdog_others(struct ipmi_softc *sc);

#endif /* !_DEV_IPMI_IPMIVARS_H_ */
