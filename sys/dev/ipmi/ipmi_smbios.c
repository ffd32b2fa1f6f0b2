/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Finds and maps the SMBIOS tables for ipmi(4); the core reads them.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/bus.h>
#include <sys/callout.h>
#include <sys/condvar.h>
#include <sys/conf.h>
#include <sys/efi.h>
#include <sys/eventhandler.h>
#include <sys/kernel.h>
#include <sys/lock.h>
#include <sys/malloc.h>
#include <sys/mutex.h>
#include <sys/rman.h>
#include <sys/selinfo.h>
#include <sys/sysctl.h>

#include <vm/vm.h>
#include <vm/pmap.h>

#include <machine/bus.h>

#include <dev/ipmi/ipmi_core.h>
#include <dev/ipmi/ipmivars.h>

/* An entry point is no longer. */
#define	SMBIOS_ENTRY		32
/* Where a BIOS leaves it. */
#define	SMBIOS_BIOS		0xf0000
#define	SMBIOS_BIOS_SIZE	0x10000
/* No table is longer. */
#define	SMBIOS_TABLE_MAX	(1024 * 1024)

struct ipmi_table {
	uint64_t	address;
	uint32_t	length;
};

/* Before FreeBSD 14 the address was an integer here. */
static void
ipmi_smbios_unmap(void *memory, vm_size_t size)
{

#if __FreeBSD_version >= 1400000
	pmap_unmapbios(memory, size);
#else
	pmap_unmapbios((vm_offset_t)memory, size);
#endif
}

static bool
ipmi_smbios_entry(vm_paddr_t address, vm_size_t size,
    struct ipmi_table *table)
{
	void *memory;
	bool found;

	memory = pmap_mapbios(address, size);
	found = ipmi_core_smbios_entry(memory, size, &table->address,
	    &table->length);
	ipmi_smbios_unmap(memory, size);
	return (found);
}

/* Kernels before 14 have to have efirt(9) for this; loader(8) knows it too. */
#if defined(ARCH_MAY_USE_EFI) && __FreeBSD_version >= 1400000
#if __FreeBSD_version >= 1500000
typedef efi_guid_t ipmi_guid_t;
#else
typedef struct uuid ipmi_guid_t;
#endif

static bool
ipmi_smbios_efi(struct ipmi_table *table)
{
	static ipmi_guid_t guids[] = { EFI_TABLE_SMBIOS3, EFI_TABLE_SMBIOS };
	void *address;
	size_t i;

	for (i = 0; i < nitems(guids); i++)
		if (efi_get_table(&guids[i], &address) == 0 &&
		    ipmi_smbios_entry((vm_paddr_t)address, SMBIOS_ENTRY,
		    table))
			return (true);
	return (false);
}
#else
#define	ipmi_smbios_efi(table)	(false)
#endif

/* What loader(8) has found. */
static bool
ipmi_smbios_hint(struct ipmi_table *table)
{
	long address;

	return (resource_long_value("smbios", 0, "mem", &address) == 0 &&
	    address > 0 && ipmi_smbios_entry(address, SMBIOS_ENTRY, table));
}

static bool
ipmi_smbios_bios(struct ipmi_table *table)
{

#if defined(__amd64__) || defined(__i386__)
	return (ipmi_smbios_entry(SMBIOS_BIOS, SMBIOS_BIOS_SIZE, table));
#else
	return (false);
#endif
}

bool
ipmi_smbios(struct ipmi_place *place)
{
	struct ipmi_table table;
	vm_size_t size;
	void *memory;
	bool found;

	if (!ipmi_smbios_efi(&table) && !ipmi_smbios_hint(&table) &&
	    !ipmi_smbios_bios(&table))
		return (false);
	size = MIN(table.length, SMBIOS_TABLE_MAX);
	if (size == 0)
		return (false);
	memory = pmap_mapbios(table.address, size);
	found = ipmi_core_smbios_find(memory, size, place);
	ipmi_smbios_unmap(memory, size);
	return (found);
}
