/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * ISA attachment of ipmi(4): what SMBIOS says, else
 * hint.ipmi.N.{at,mode,port,maddr,spacing}.
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

#include <dev/pci/pcivar.h>
#include <isa/isavar.h>

#include <dev/ipmi/ipmi_core.h>
#include <dev/ipmi/ipmivars.h>

static const struct ipmi_place ipmi_defaults[] = {
	{ IPMI_KCS, IPMI_SPACE_PORT, 0xca2, 1 },
	{ IPMI_SMIC, IPMI_SPACE_PORT, 0xca9, 1 },
	{ IPMI_BT, IPMI_SPACE_PORT, 0xe4, 1 },
};

static bool
ipmi_isa_hinted(device_t dev, const char **mode)
{

	return (resource_string_value(device_get_name(dev),
	    device_get_unit(dev), "mode", mode) == 0);
}

static int
ipmi_isa_hints(device_t dev, struct ipmi_place *place)
{
	const char *mode, *name;
	size_t i;
	int unit, value;

	if (!ipmi_isa_hinted(dev, &mode))
		return (ENXIO);
	name = device_get_name(dev);
	unit = device_get_unit(dev);
	for (i = 0; i < nitems(ipmi_defaults); i++)
		if (strcasecmp(mode,
		    ipmi_interface_name(ipmi_defaults[i].interface)) == 0)
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
		place->space = IPMI_SPACE_MEMORY;
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

/* One BMC is described, so one device has it; others have their hints. */
static bool
ipmi_isa_described(device_t dev, struct ipmi_place *place)
{

	return (!ipmi_attached_elsewhere(dev) && ipmi_smbios(place) &&
	    place->space != IPMI_SPACE_SMBUS);
}

/*
 * SMBIOS of a Dell PE2650 describes an interface whose registers are in a BAR
 * of the PCI device that this looks for.
 */
static bool
ipmi_isa_is_pci(void)
{
	device_t dev;

	dev = pci_find_dbsf(0, 0, 4, 2);
	return (dev != NULL && ipmi_pci_is_smic(dev));
}

/*
 * The unit of the first hint that isahint(4) makes a device of; at boot it does so
 * after this driver has looked.
 */
static int
ipmi_isa_hinted_unit(device_t parent)
{
	int anchor, unit;

	anchor = 0;
	if (resource_find_dev(&anchor, "ipmi", &unit, "at",
	    device_get_nameunit(parent)) == 0)
		return (unit);
	anchor = 0;
	if (resource_find_dev(&anchor, "ipmi", &unit, "at",
	    device_get_name(parent)) == 0)
		return (unit);
	return (-1);
}

static void
ipmi_isa_identify(driver_t *driver __unused, device_t parent)
{
	struct ipmi_place place;
	int unit;

	if (device_find_child(parent, "ipmi", -1) != NULL ||
	    !ipmi_isa_described(NULL, &place) || ipmi_isa_is_pci())
		return;
	/*
	 * Without a unit of its own the kernel would compare the hints with the
	 * resources of a device that has none yet, and page fault.
	 */
	unit = ipmi_isa_hinted_unit(parent);
	if (unit == -1 || !resource_disabled("ipmi", unit))
		BUS_ADD_CHILD(parent, 0, "ipmi", unit);
}

static int
ipmi_isa_probe(device_t dev)
{
	struct ipmi_place place;
	const char *mode;

	/* What PnP describes is not ours. */
	if (isa_get_logicalid(dev) != 0)
		return (ENXIO);
	if (!ipmi_isa_described(dev, &place) && !ipmi_isa_hinted(dev, &mode))
		return (ENXIO);
	device_set_desc(dev, "IPMI System Interface");
	return (BUS_PROBE_DEFAULT);
}

static int
ipmi_isa_attach(device_t dev)
{
	struct ipmi_place place;
	int error, i;

	if (!ipmi_isa_described(dev, &place)) {
		error = ipmi_isa_hints(dev, &place);
		if (error != 0)
			return (error);
	}

	/* isahint(4) may have set up a range that is not the registers'. */
	for (i = 0; i < IPMI_MAX_RES; i++) {
		bus_delete_resource(dev, SYS_RES_IOPORT, i);
		bus_delete_resource(dev, SYS_RES_MEMORY, i);
	}
	error = ipmi_registers_claim(dev, &place);
	return (error != 0 ? error : ipmi_registers_attach(dev, &place));
}

static device_method_t ipmi_isa_methods[] = {
	DEVMETHOD(device_identify,	ipmi_isa_identify),
	DEVMETHOD(device_probe,		ipmi_isa_probe),
	DEVMETHOD(device_attach,	ipmi_isa_attach),
	DEVMETHOD(device_detach,	ipmi_registers_detach),
	DEVMETHOD(device_suspend,	ipmi_suspend),
	DEVMETHOD_END
};

static driver_t ipmi_isa_driver = {
	"ipmi",
	ipmi_isa_methods,
	sizeof(struct ipmi_softc),
};

DRIVER_MODULE_ORDERED(ipmi_isa, isa, ipmi_isa_driver, 0, 0, IPMI_ORDER_ISA);
MODULE_VERSION(ipmi, 1);
