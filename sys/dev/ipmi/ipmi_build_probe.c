/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A module that does nothing but prove that the build makes one.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/bus.h>
#include <sys/kernel.h>
#include <sys/module.h>
#include <sys/sysctl.h>

#include <isa/isavar.h>
#include <dev/ipmi/ipmi_kpi.h>

static SYSCTL_NODE(_hw, OID_AUTO, ipmi, CTLFLAG_RD | CTLFLAG_MPSAFE, 0,
    "ipmi(4)");
static int answer;
SYSCTL_INT(_hw_ipmi, OID_AUTO, probe, CTLFLAG_RD, &answer, 0, "");

void
ipmi_kpi_delay(int microseconds)
{
	DELAY(microseconds);
}

static int
ipmi_modevent(module_t mod, int type, void *arg)
{
	switch (type) {
	case MOD_LOAD:
		answer = ipmi_core_probe(41);
		return (0);
	case MOD_UNLOAD:
		return (0);
	}
	return (EOPNOTSUPP);
}

static moduledata_t ipmi_moduledata = { "ipmi", ipmi_modevent, NULL };
DECLARE_MODULE(ipmi, ipmi_moduledata, SI_SUB_DRIVERS, SI_ORDER_ANY);
MODULE_VERSION(ipmi, 1);

static void ipmi_bye(void *arg) { }
SYSUNINIT(ipmi_bye, SI_SUB_DRIVERS, SI_ORDER_ANY, ipmi_bye, NULL);
