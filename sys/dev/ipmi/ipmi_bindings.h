/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The headers that the core's bindings are made from.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>

#include <dev/ipmi/ipmi_kpi.h>
#include <dev/ipmi/ipmi_core.h>
