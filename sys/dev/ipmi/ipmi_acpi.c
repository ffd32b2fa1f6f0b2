/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * ACPI attachment of ipmi(4): devices IPI0001 that have registers (IPMI 2.0,
 * appendix C3).
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

#include <contrib/dev/acpica/include/acpi.h>
#include <dev/acpica/acpivar.h>

#include <dev/ipmi/ipmi_core.h>
#include <dev/ipmi/ipmivars.h>

/* SSIF is left to smbus(4): ACPI does not say on which bus it is. */
static int
ipmi_acpi_place(device_t dev, struct ipmi_place *place)
{
	UINT32 type;

	if (ACPI_FAILURE(acpi_GetInteger(acpi_get_handle(dev), "_IFT",
	    &type)) || type < IPMI_KCS || type > IPMI_BT)
		return (ENXIO);
	place->interface = type;
	/* Nothing tells how far apart registers in one range are. */
	place->spacing = 1;
	place->irq = IPMI_IRQ_ROUTED;
	place->irq_told = false;
	if (bus_get_resource(dev, SYS_RES_IOPORT, 0, NULL, NULL) == 0)
		place->space = IPMI_SPACE_PORT;
	else if (bus_get_resource(dev, SYS_RES_MEMORY, 0, NULL, NULL) == 0)
		place->space = IPMI_SPACE_MEMORY;
	else
		return (ENXIO);
	return (0);
}

static int
ipmi_acpi_probe(device_t dev)
{
	static char *ids[] = { "IPI0001", NULL };
	struct ipmi_place place;
	int result;

	if (acpi_disabled("ipmi") || ipmi_attached_elsewhere(dev))
		return (ENXIO);
	result = ACPI_ID_PROBE(device_get_parent(dev), dev, ids, NULL);
	if (result > 0)
		return (result);
	if (ipmi_acpi_place(dev, &place) != 0)
		return (ENXIO);
	device_set_desc(dev, "IPMI System Interface");
	return (result);
}

/* Either all registers are in the only range, or each has one. */
static int
ipmi_acpi_claim(device_t dev, const struct ipmi_place *place)
{
	struct ipmi_softc *sc = device_get_softc(dev);
	int registers, rid;

	registers = ipmi_interface_registers(place->interface);
	sc->io_type = place->space == IPMI_SPACE_PORT ? SYS_RES_IOPORT :
	    SYS_RES_MEMORY;
	sc->io_spacing = place->spacing;
	while (sc->io_count < registers) {
		rid = sc->io_count;
		sc->io_res[rid] = bus_alloc_resource_any(dev, sc->io_type,
		    &rid, RF_ACTIVE);
		if (sc->io_res[sc->io_count] == NULL)
			break;
		sc->io_count++;
	}
	if (sc->io_count == registers || (sc->io_count == 1 &&
	    rman_get_size(sc->io_res[0]) >= (rman_res_t)registers))
		return (0);
	device_printf(dev, "cannot claim registers\n");
	ipmi_registers_release(dev);
	return (ENXIO);
}

static int
ipmi_acpi_attach(device_t dev)
{
	struct ipmi_softc *sc = device_get_softc(dev);
	struct ipmi_place place;
	int error;

	error = ipmi_acpi_place(dev, &place);
	if (error == 0)
		error = ipmi_acpi_claim(dev, &place);
	if (error != 0)
		return (error);
	place.address = rman_get_start(sc->io_res[0]);
	return (ipmi_registers_attach(dev, &place));
}

static device_method_t ipmi_acpi_methods[] = {
	DEVMETHOD(device_probe,		ipmi_acpi_probe),
	DEVMETHOD(device_attach,	ipmi_acpi_attach),
	DEVMETHOD(device_detach,	ipmi_registers_detach),
	DEVMETHOD(device_suspend,	ipmi_suspend),
	DEVMETHOD_END
};

static driver_t ipmi_acpi_driver = {
	"ipmi",
	ipmi_acpi_methods,
	sizeof(struct ipmi_softc),
};

DRIVER_MODULE_ORDERED(ipmi_acpi, acpi, ipmi_acpi_driver, 0, 0, IPMI_ORDER_ACPI);
MODULE_DEPEND(ipmi_acpi, acpi, 1, 1, 1);
