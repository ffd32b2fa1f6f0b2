# SPDX-License-Identifier: BSD-2-Clause
#
# The verbs of this project.  What they do depends on the machine: on Linux the
# module is cross-built and tried in a software kernel (mk/Linux.mk), on FreeBSD
# it is built by bsd.kmod.mk and installed (mk/FreeBSD.mk).  This file must stay
# readable by GNU make and bmake alike and knows nothing of either machine.
#
#   make            build/ipmi.ko, checked by the object gate
#   make run        the outage this driver exists for, in the software kernel
#   make test       every test; the last line is "N passed, N failed"
#   make vmtest      the same file on a real kernel in QEMU, if one is given (Linux)
#   make clients   ipmitool and FreeIPMI against it, and QEMU's and OpenIPMI's BMCs (Linux)
#   make bench      instruction counts and throughput
#   make install    to /boot/modules (FreeBSD, as root)
#   make load       kldload what was built (FreeBSD, as root)
#   make clean      remove what was made of this project's sources

all:

OS != uname -s
include mk/$(OS).mk

.PHONY: all run test bench install load clean
