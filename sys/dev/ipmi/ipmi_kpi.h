/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the C glue offers the Rust core, and what the core offers the glue.
 */
#ifndef _DEV_IPMI_IPMI_KPI_H_
#define	_DEV_IPMI_IPMI_KPI_H_

/* Of the glue, for the core. */
void	ipmi_kpi_delay(int microseconds);

/* Of the core, for the glue. */
uint32_t ipmi_core_probe(uint32_t);

#endif
