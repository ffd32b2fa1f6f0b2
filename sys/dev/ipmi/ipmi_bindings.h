/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The headers from which bindgen makes the core's view of the kernel: types and
 * constants that the core needs, and the glue's prototypes.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/bus.h>
#include <sys/errno.h>
#include <sys/ipmi.h>
#include <sys/malloc.h>
#include <sys/poll.h>
#include <sys/reboot.h>
#include <sys/watchdog.h>

#include <dev/ipmi/ipmi_kpi.h>
