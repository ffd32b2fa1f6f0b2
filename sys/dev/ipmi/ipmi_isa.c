/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * ISA attachment of ipmi(4): hint.ipmi.N.{at,mode,port,maddr,spacing}.
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
#include <sys/module.h>
#include <sys/mutex.h>
#include <sys/rman.h>
#include <sys/selinfo.h>
#include <sys/sysctl.h>

#include <machine/bus.h>
#include <machine/resource.h>

#include <isa/isavar.h>

#include <dev/ipmi/ipmi_core.h>
#include <dev/ipmi/ipmivars.h>

/* Where the registers are. */
struct ipmi_place {
	enum ipmi_interface	 interface;
	const char		*name;
	int			 registers;
	int			 type;
	rman_res_t		 address;
	int			 spacing;
};

static const struct ipmi_place ipmi_defaults[] = {
	{ IPMI_KCS, "KCS", 2, SYS_RES_IOPORT, 0xca2, 1 },
	{ IPMI_SMIC, "SMIC", 3, SYS_RES_IOPORT, 0xca9, 1 },
	{ IPMI_BT, "BT", 3, SYS_RES_IOPORT, 0xe4, 1 },
};

static int
ipmi_isa_hints(device_t dev, struct ipmi_place *place)
{
	const char *mode, *name;
	size_t i;
	int unit, value;

	name = device_get_name(dev);
	unit = device_get_unit(dev);
	if (resource_string_value(name, unit, "mode", &mode) != 0)
		return (ENXIO);
	for (i = 0; i < nitems(ipmi_defaults); i++)
		if (strcasecmp(mode, ipmi_defaults[i].name) == 0)
			break;
	if (i == nitems(ipmi_defaults)) {
		device_printf(dev, "unknown mode \"%s\" in hint\n", mode);
		return (EINVAL);
	}
	*place = ipmi_defaults[i];

	if (resource_int_value(name, unit, "port", &value) == 0 && value != 0)
		place->address = (unsigned int)value;
	else if (resource_int_value(name, unit, "maddr", &value) == 0 &&
	    value != 0) {
		place->type = SYS_RES_MEMORY;
		place->address = (unsigned int)value;
	}

	if (resource_int_value(name, unit, "spacing", &value) == 0) {
		if (value != 8 && value != 16 && value != 32) {
			device_printf(dev, "register spacing of %d bits in "
			    "hint is not 8, 16 or 32\n", value);
			return (EINVAL);
		}
		place->spacing = value / 8;
	}
	return (0);
}

static void
ipmi_isa_release(device_t dev)
{
	struct ipmi_softc *sc = device_get_softc(dev);
	int i;

	for (i = 0; i < sc->io_count; i++)
		bus_release_resource(dev, sc->io_type, i, sc->io_res[i]);
	sc->io_count = 0;
}

/* Registers that are apart are claimed one by one: others may lie between. */
static int
ipmi_isa_allocate(device_t dev, const struct ipmi_place *place)
{
	struct ipmi_softc *sc = device_get_softc(dev);
	rman_res_t count, start;
	int i, ranges, rid;

	/* isahint(4) may have set up a range that is not the registers'. */
	for (i = 0; i < IPMI_MAX_RES; i++) {
		bus_delete_resource(dev, SYS_RES_IOPORT, i);
		bus_delete_resource(dev, SYS_RES_MEMORY, i);
	}
	sc->io_type = place->type;
	sc->io_spacing = place->spacing;
	ranges = place->spacing == 1 ? 1 : place->registers;
	count = place->spacing == 1 ? place->registers : 1;
	for (i = 0; i < ranges; i++) {
		rid = i;
		start = place->address + i * place->spacing;
		sc->io_res[i] = bus_alloc_resource(dev, place->type, &rid,
		    start, start + count - 1, count, RF_ACTIVE);
		if (sc->io_res[i] == NULL) {
			device_printf(dev, "cannot claim registers at 0x%jx\n",
			    (uintmax_t)start);
			ipmi_isa_release(dev);
			return (ENXIO);
		}
		sc->io_count++;
	}
	return (0);
}

static int
ipmi_isa_probe(device_t dev)
{

	/* What PnP describes is not ours. */
	if (isa_get_logicalid(dev) != 0)
		return (ENXIO);
	device_set_desc(dev, "IPMI System Interface");
	return (BUS_PROBE_DEFAULT);
}

static int
ipmi_isa_attach(device_t dev)
{
	struct ipmi_place place;
	int error;

	error = ipmi_isa_hints(dev, &place);
	if (error != 0)
		return (error);
	device_printf(dev, "%s mode found at %s 0x%jx alignment 0x%x on %s\n",
	    place.name, place.type == SYS_RES_IOPORT ? "io" : "mem",
	    (uintmax_t)place.address, place.spacing,
	    device_get_name(device_get_parent(dev)));
	error = ipmi_isa_allocate(dev, &place);
	if (error != 0)
		return (error);
	error = ipmi_attach(dev, place.interface);
	if (error != 0)
		ipmi_isa_release(dev);
	return (error);
}

static int
ipmi_isa_detach(device_t dev)
{
	int error;

	error = ipmi_detach(dev);
	if (error == 0)
		ipmi_isa_release(dev);
	return (error);
}

static device_method_t ipmi_isa_methods[] = {
	DEVMETHOD(device_probe,		ipmi_isa_probe),
	DEVMETHOD(device_attach,	ipmi_isa_attach),
	DEVMETHOD(device_detach,	ipmi_isa_detach),
	DEVMETHOD(device_suspend,	ipmi_suspend),
	DEVMETHOD_END
};

static driver_t ipmi_isa_driver = {
	"ipmi",
	ipmi_isa_methods,
	sizeof(struct ipmi_softc),
};

DRIVER_MODULE(ipmi_isa, isa, ipmi_isa_driver, 0, 0);
MODULE_VERSION(ipmi, 1);
