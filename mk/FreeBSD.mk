# SPDX-License-Identifier: BSD-2-Clause
#
# On FreeBSD the module is built by sys/modules/ipmi with the kernel's own rules;
# this file only finds it a directory.  Read by bmake and GNU make alike.

# The two makes do not understand each other's MAKEFLAGS; variables given on the
# command line come through the environment.
NATIVE_MAKE = /usr/bin/make
NATIVE = objects=$$(pwd)/build; mkdir -p $$objects/ipmi_linux && cd sys/modules/ipmi && \
	env -u MAKEFLAGS -u MFLAGS MAKEOBJDIR=$$objects $(NATIVE_MAKE)
# A machine without Linux emulation does not load it.
NATIVE_LINUX = objects=$$(pwd)/build/ipmi_linux; cd sys/modules/ipmi_linux && \
	env -u MAKEFLAGS -u MFLAGS MAKEOBJDIR=$$objects $(NATIVE_MAKE)

# In shells of their own: with -j bmake runs all lines of a target in one.
all install clean:
	@($(NATIVE) $@)
	@($(NATIVE_LINUX) $@)

load:
	@$(NATIVE) $@

# In one command: bmake looks for a program of the name exit otherwise.
run test bench vmtest clients:
	@echo "make $@ is for Linux, where the module is tried in a software kernel" >&2; exit 1

.PHONY: vmtest clients
