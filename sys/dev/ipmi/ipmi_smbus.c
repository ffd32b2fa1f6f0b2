/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * SMBus attachment of ipmi(4): SSIF where SMBIOS says so, and its transfers.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/bus.h>
#include <sys/callout.h>
#include <sys/condvar.h>
#include <sys/conf.h>
#include <sys/eventhandler.h>
#include <sys/kdb.h>
#include <sys/kernel.h>
#include <sys/lock.h>
#include <sys/malloc.h>
#include <sys/module.h>
#include <sys/mutex.h>
#include <sys/proc.h>
#include <sys/rman.h>
#include <sys/selinfo.h>
#include <sys/sysctl.h>

#include <machine/bus.h>

#include <dev/smbus/smbconf.h>
#include <dev/smbus/smb.h>
#include "smbus_if.h"

#include <dev/ipmi/ipmi_core.h>
#include <dev/ipmi/ipmi_kpi.h>
#include <dev/ipmi/ipmivars.h>

/* SSIF: a request that fits into a block. */
#define	SSIF_WRITE_SINGLE	0x02

static bool
ipmi_smbus_described(device_t dev, struct ipmi_place *place)
{

	return (!ipmi_attached_elsewhere(dev) && ipmi_smbios(place) &&
	    place->space == IPMI_SPACE_SMBUS);
}

/* The device that another bus has. */
static device_t
ipmi_smbus_elsewhere(device_t bus)
{
	devclass_t dc;
	device_t dev, parent;
	int unit;

	dc = devclass_find("ipmi");
	for (unit = 0; unit < devclass_get_maxunit(dc); unit++) {
		dev = devclass_get_device(dc, unit);
		if (dev == NULL)
			continue;
		parent = device_get_parent(dev);
		if (parent != bus &&
		    device_get_devclass(parent) == device_get_devclass(bus))
			return (dev);
	}
	return (NULL);
}

/* Does somebody take a Get Device ID there? */
static bool
ipmi_smbus_answers(device_t bus, const struct ipmi_place *place)
{
	char request[] = { 0x18, 0x01 };
	int error;

	if (smbus_request_bus(bus, bus, SMB_DONTWAIT) != 0)
		return (false);
	error = smbus_bwrite(bus, place->address, SSIF_WRITE_SINGLE,
	    sizeof(request), request);
	smbus_release_bus(bus, bus);
	return (error == 0);
}

/*
 * A device that waits for its BMC on the wrong bus goes, as SMBIOS does not
 * tell the bus.  True if there is room for one here.
 */
static bool
ipmi_smbus_takes_over(device_t bus, device_t dev)
{
	struct ipmi_softc *sc = device_get_softc(dev);
	struct ipmi_place place;

	return (device_is_attached(dev) && sc->cdev == NULL &&
	    ipmi_smbios(&place) && ipmi_smbus_answers(bus, &place) &&
	    device_delete_child(device_get_parent(dev), dev) == 0);
}

static void
ipmi_smbus_identify(driver_t *driver __unused, device_t parent)
{
	struct ipmi_place place;
	device_t other;

	if (device_find_child(parent, "ipmi", -1) != NULL)
		return;
	other = ipmi_smbus_elsewhere(parent);
	if (other == NULL ? ipmi_smbus_described(NULL, &place) :
	    ipmi_smbus_takes_over(parent, other))
		BUS_ADD_CHILD(parent, 0, "ipmi", -1);
}

static int
ipmi_smbus_probe(device_t dev)
{
	struct ipmi_place place;

	if (!ipmi_smbus_described(dev, &place))
		return (ENXIO);
	device_set_desc(dev, "IPMI System Interface");
	return (BUS_PROBE_DEFAULT);
}

static int
ipmi_smbus_attach(device_t dev)
{
	struct ipmi_softc *sc = device_get_softc(dev);
	struct ipmi_place place;

	if (!ipmi_smbus_described(dev, &place))
		return (ENXIO);
	sc->smbus = device_get_parent(dev);
	sc->smbus_address = place.address;
	device_printf(dev, "SSIF mode found at address 0x%x on %s\n",
	    sc->smbus_address, device_get_name(sc->smbus));
	return (ipmi_attach(dev, &place));
}

/*
 * Drivers of buses sleep.  A panic, a dump and kdb do without the BMC then,
 * and people are told once.
 */
static bool
ipmi_smbus_usable(struct ipmi_softc *sc)
{

	if (ipmi_kpi_context() == IPMI_CONTEXT_MAY_SLEEP)
		return (true);
	if (!sc->smbus_unusable)
		device_printf(sc->dev, "SMBus cannot be used here: the "
		    "watchdog stays as it is\n");
	sc->smbus_unusable = true;
	return (false);
}

static enum ipmi_transfer
ipmi_smbus_ended(int error)
{

	switch (smbus_error(error)) {
	case 0:
		return (IPMI_TRANSFER_DONE);
	case ENXIO:
		return (IPMI_TRANSFER_REFUSED);
	case EBUSY:
		return (IPMI_TRANSFER_BUSY);
	default:
		return (IPMI_TRANSFER_BROKEN);
	}
}

/* The bus is held for a block at a time, so that nobody waits for the BMC. */
static enum ipmi_transfer
ipmi_smbus_request(struct ipmi_softc *sc)
{

	if (!ipmi_smbus_usable(sc))
		return (IPMI_TRANSFER_UNUSABLE);
	if (smbus_request_bus(sc->smbus, sc->dev, SMB_DONTWAIT) != 0)
		return (IPMI_TRANSFER_BUSY);
	return (IPMI_TRANSFER_DONE);
}

enum ipmi_transfer
ipmi_kpi_smbus_write(struct ipmi_softc *sc, uint8_t command,
    const uint8_t *bytes, uint8_t length)
{
	char block[SMB_MAXBLOCKSIZE];
	enum ipmi_transfer ended;
	int error;

	ended = ipmi_smbus_request(sc);
	if (ended != IPMI_TRANSFER_DONE)
		return (ended);
	memcpy(block, bytes, MIN(length, sizeof(block)));
	error = smbus_bwrite(sc->smbus, sc->smbus_address, command, length,
	    block);
	smbus_release_bus(sc->smbus, sc->dev);
	return (ipmi_smbus_ended(error));
}

enum ipmi_transfer
ipmi_kpi_smbus_read(struct ipmi_softc *sc, uint8_t command, uint8_t *bytes,
    uint8_t *length)
{
	enum ipmi_transfer ended;
	u_char count;
	int error;

	ended = ipmi_smbus_request(sc);
	if (ended != IPMI_TRANSFER_DONE)
		return (ended);
	count = SMB_MAXBLOCKSIZE;
	error = smbus_bread(sc->smbus, sc->smbus_address, command, &count,
	    bytes);
	smbus_release_bus(sc->smbus, sc->dev);
	*length = MIN(count, SMB_MAXBLOCKSIZE);
	return (ipmi_smbus_ended(error));
}

static device_method_t ipmi_smbus_methods[] = {
	DEVMETHOD(device_identify,	ipmi_smbus_identify),
	DEVMETHOD(device_probe,		ipmi_smbus_probe),
	DEVMETHOD(device_attach,	ipmi_smbus_attach),
	DEVMETHOD(device_detach,	ipmi_detach),
	DEVMETHOD(device_suspend,	ipmi_suspend),
	DEVMETHOD_END
};

static driver_t ipmi_smbus_driver = {
	"ipmi",
	ipmi_smbus_methods,
	sizeof(struct ipmi_softc),
};

DRIVER_MODULE_ORDERED(ipmi_smbus, smbus, ipmi_smbus_driver, 0, 0,
    IPMI_ORDER_SMBUS);
MODULE_DEPEND(ipmi_smbus, smbus, SMBUS_MINVER, SMBUS_PREFVER, SMBUS_MAXVER);
