/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * PCI attachment of ipmi(4): devices of class serial bus, IPMI, and one that
 * only SMBIOS says what it is.
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

#include <dev/pci/pcireg.h>
#include <dev/pci/pcivar.h>

#include <dev/ipmi/ipmi_core.h>
#include <dev/ipmi/ipmivars.h>

/* KCS, as far as telling its registers apart takes. */
#define	KCS_STATUS		1
#define	KCS_GET_STATUS_ABORT	0x60
/* A BMC has taken a control code in so many steps of 100 us, or is not there. */
#define	KCS_STEPS		200

/* A Dell PE2650: what it is and how its registers lie, SMBIOS says. */
bool
ipmi_pci_is_smic(device_t dev)
{

	return (pci_get_vendor(dev) == 0x1028 && pci_get_device(dev) == 0x000d);
}

static bool
ipmi_pci_described(struct ipmi_place *place)
{

	return (ipmi_smbios(place) && place->space != IPMI_SPACE_SMBUS);
}

static int
ipmi_pci_probe(device_t dev)
{
	struct ipmi_place place;

	if (ipmi_attached_elsewhere(dev))
		return (ENXIO);
	if (ipmi_pci_is_smic(dev) && ipmi_pci_described(&place)) {
		device_set_desc(dev, "Dell PE2650 SMIC interface");
		return (BUS_PROBE_DEFAULT);
	}
	if (pci_get_class(dev) == PCIC_SERIALBUS &&
	    pci_get_subclass(dev) == PCIS_SERIALBUS_IPMI) {
		device_set_desc(dev, "IPMI System Interface");
		return (BUS_PROBE_GENERIC);
	}
	return (ENXIO);
}

static int
ipmi_pci_interface(device_t dev, struct ipmi_place *place)
{

	if (ipmi_pci_is_smic(dev))
		return (ipmi_pci_described(place) ? 0 : ENXIO);
	switch (pci_get_progif(dev)) {
	case PCIP_SERIALBUS_IPMI_SMIC:
		place->interface = IPMI_SMIC;
		break;
	case PCIP_SERIALBUS_IPMI_KCS:
		place->interface = IPMI_KCS;
		break;
	case PCIP_SERIALBUS_IPMI_BT:
		place->interface = IPMI_BT;
		break;
	default:
		device_printf(dev, "unknown interface %d\n",
		    pci_get_progif(dev));
		return (ENXIO);
	}
	place->space = PCI_BAR_IO(pci_read_config(dev, PCIR_BAR(0), 4)) ?
	    IPMI_SPACE_PORT : IPMI_SPACE_MEMORY;
	place->spacing = 1;
	place->irq = IPMI_IRQ_ROUTED;
	place->irq_told = false;
	return (0);
}

/* Is this the status register?  It is if a control code is noticed there. */
static bool
ipmi_pci_is_status(struct resource *res, bus_size_t offset)
{
	int i, status;

	bus_write_1(res, offset, KCS_GET_STATUS_ABORT);
	for (i = 0; i < KCS_STEPS; i++) {
		status = bus_read_1(res, offset);
		if (status != 0 && status != 0xff)
			return (true);
		DELAY(100);
	}
	return (false);
}

/*
 * Nothing says how far apart the registers of a KCS device are.  A BMC that
 * does not answer now has them side by side, as most have; what this began
 * the first attempt of the driver ends.
 */
static uint32_t
ipmi_pci_spacing(device_t dev, struct resource *res)
{
	static const uint32_t spacings[] = { 1, 2, 4, 16 };
	size_t i;

	for (i = 0; i < nitems(spacings); i++)
		if (rman_get_size(res) > KCS_STATUS * spacings[i] &&
		    ipmi_pci_is_status(res, KCS_STATUS * spacings[i]))
			return (spacings[i]);
	device_printf(dev, "cannot tell register alignment, taking 0x1\n");
	return (1);
}

static int
ipmi_pci_attach(device_t dev)
{
	struct ipmi_softc *sc = device_get_softc(dev);
	struct ipmi_place place;
	int error, rid;

	error = ipmi_pci_interface(dev, &place);
	if (error != 0)
		return (error);
	sc->io_type = place.space == IPMI_SPACE_PORT ? SYS_RES_IOPORT :
	    SYS_RES_MEMORY;
	rid = PCIR_BAR(0);
	sc->io_res[0] = bus_alloc_resource_any(dev, sc->io_type, &rid,
	    RF_ACTIVE);
	if (sc->io_res[0] == NULL) {
		device_printf(dev, "cannot claim registers\n");
		return (ENXIO);
	}
	sc->io_count = 1;
	if (place.interface == IPMI_KCS && !ipmi_pci_is_smic(dev))
		place.spacing = ipmi_pci_spacing(dev, sc->io_res[0]);
	sc->io_spacing = place.spacing;
	place.address = rman_get_start(sc->io_res[0]);
	if (rman_get_size(sc->io_res[0]) <=
	    (ipmi_interface_registers(place.interface) - 1) * place.spacing) {
		device_printf(dev, "too few registers\n");
		ipmi_registers_release(dev);
		return (ENXIO);
	}
	return (ipmi_registers_attach(dev, &place));
}

static device_method_t ipmi_pci_methods[] = {
	DEVMETHOD(device_probe,		ipmi_pci_probe),
	DEVMETHOD(device_attach,	ipmi_pci_attach),
	DEVMETHOD(device_detach,	ipmi_registers_detach),
	DEVMETHOD(device_suspend,	ipmi_suspend),
	DEVMETHOD_END
};

static driver_t ipmi_pci_driver = {
	"ipmi",
	ipmi_pci_methods,
	sizeof(struct ipmi_softc),
};

DRIVER_MODULE_ORDERED(ipmi_pci, pci, ipmi_pci_driver, 0, 0, IPMI_ORDER_PCI);
