/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stand-in for the header that a kernel build makes of kern/device_if.m:
 * the device methods that a driver may implement or call.  Must agree with
 * the kernel in names and signatures; knows nothing of this driver.
 */
#ifndef _IPMI_COMPAT_DEVICE_IF_H_
#define	_IPMI_COMPAT_DEVICE_IF_H_

typedef int	device_probe_t(device_t);
typedef void	device_identify_t(driver_t *, device_t);
typedef int	device_attach_t(device_t);
typedef int	device_detach_t(device_t);
typedef int	device_shutdown_t(device_t);
typedef int	device_suspend_t(device_t);
typedef int	device_resume_t(device_t);
typedef int	device_quiesce_t(device_t);

extern struct kobjop_desc device_probe_desc;
extern struct kobjop_desc device_identify_desc;
extern struct kobjop_desc device_attach_desc;
extern struct kobjop_desc device_detach_desc;
extern struct kobjop_desc device_shutdown_desc;
extern struct kobjop_desc device_suspend_desc;
extern struct kobjop_desc device_resume_desc;
extern struct kobjop_desc device_quiesce_desc;

#endif
