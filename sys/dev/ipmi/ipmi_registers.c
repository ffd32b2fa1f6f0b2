/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The registers of an ipmi(4) device as resources, for every bus that has
 * some; and whether another device has the BMC already.
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
#include <machine/resource.h>

#include <dev/ipmi/ipmi_core.h>
#include <dev/ipmi/ipmivars.h>

static const struct {
	const char	*name;
	int		 registers;
} ipmi_interfaces[] = {
	[IPMI_KCS] = { "KCS", 2 },
	[IPMI_SMIC] = { "SMIC", 3 },
	[IPMI_BT] = { "BT", 3 },
	[IPMI_SSIF] = { "SSIF", 0 },
};

const char *
ipmi_interface_name(enum ipmi_interface interface)
{

	return (ipmi_interfaces[interface].name);
}

int
ipmi_interface_registers(enum ipmi_interface interface)
{

	return (ipmi_interfaces[interface].registers);
}

static void
ipmi_registers_found(device_t dev, const struct ipmi_place *place)
{

	device_printf(dev, "%s mode found at %s 0x%jx alignment 0x%x on %s\n",
	    ipmi_interface_name(place->interface),
	    place->space == IPMI_SPACE_PORT ? "io" : "mem",
	    (uintmax_t)place->address, place->spacing,
	    device_get_name(device_get_parent(dev)));
}

void
ipmi_registers_release(device_t dev)
{
	struct ipmi_softc *sc = device_get_softc(dev);
	int i;

	for (i = 0; i < sc->io_count; i++)
		bus_release_resource(dev, sc->io_type,
		    rman_get_rid(sc->io_res[i]), sc->io_res[i]);
	sc->io_count = 0;
}

/* Registers that are apart are claimed one by one: others may lie between. */
int
ipmi_registers_claim(device_t dev, const struct ipmi_place *place)
{
	struct ipmi_softc *sc = device_get_softc(dev);
	rman_res_t count, start;
	int i, ranges, registers, rid;

	registers = ipmi_interface_registers(place->interface);
	ranges = place->spacing == 1 ? 1 : registers;
	count = place->spacing == 1 ? registers : 1;
	sc->io_type = place->space == IPMI_SPACE_PORT ? SYS_RES_IOPORT :
	    SYS_RES_MEMORY;
	sc->io_spacing = place->spacing;
	for (i = 0; i < ranges; i++) {
		rid = i;
		start = place->address + i * place->spacing;
		sc->io_res[i] = bus_alloc_resource(dev, sc->io_type, &rid,
		    start, start + count - 1, count, RF_ACTIVE);
		if (sc->io_res[i] == NULL) {
			device_printf(dev, "cannot claim registers at 0x%jx\n",
			    (uintmax_t)start);
			ipmi_registers_release(dev);
			return (ENXIO);
		}
		sc->io_count++;
	}
	return (0);
}

/* Attaches a device whose registers are claimed. */
int
ipmi_registers_attach(device_t dev, const struct ipmi_place *place)
{
	int error;

	ipmi_registers_found(dev, place);
	ipmi_interrupt_claim(dev, place);
	error = ipmi_attach(dev, place);
	if (error != 0) {
		ipmi_interrupt_release(dev);
		ipmi_registers_release(dev);
	}
	return (error);
}

int
ipmi_registers_detach(device_t dev)
{
	int error;

	error = ipmi_detach(dev);
	if (error == 0) {
		ipmi_interrupt_release(dev);
		ipmi_registers_release(dev);
	}
	return (error);
}

/*
 * Firmware describes the same BMC in more than one way, not always with the
 * same address: the first to attach has it.  Called from probe and attach,
 * where no device comes or goes.
 */
bool
ipmi_attached_elsewhere(device_t dev)
{
	devclass_t dc;
	device_t other;
	int unit;

	dc = devclass_find("ipmi");
	for (unit = 0; unit < devclass_get_maxunit(dc); unit++) {
		other = devclass_get_device(dc, unit);
		if (other != NULL && other != dev && device_is_attached(other))
			return (true);
	}
	return (false);
}
