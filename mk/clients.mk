# SPDX-License-Identifier: BSD-2-Clause
#
# Live clients: ipmitool and FreeIPMI, unmodified, against the module in the
# software kernel on the real clock.  Read by mk/Linux.mk; the tests end with it.
# It takes a minute by the clock on the wall.
#
#   make clients PEERS="own qemu-kcs"   only these BMCs

PEERS = own own-bt qemu-kcs qemu-bt qemu-pci-kcs qemu-pci-bt qemu-smbus ipmi-sim
CLIENT_PACKAGES = ipmitool freeipmi-tools openipmi qemu-system-x86

# Installing this one would start a daemon that arms the watchdog of this very
# machine; its program is all that is needed, so it is only unpacked.
WATCHDOG_PACKAGE = freeipmi-bmc-watchdog
UNPACKED = build/clients

# Built as the tests are, so that nothing is compiled twice.
clients: $(OUT)/ipmi.ko $(OUT)/ipmi_linux.ko $(UNPACKED)/.done
	@$(HOST_CARGO) build --quiet --workspace
	@PATH=$$PATH:$(abspath $(UNPACKED))/usr/sbin:/usr/sbin \
	    $(HOST_CARGO) run --quiet --package ipmi-lab -- clients \
	    --ko $(OUT)/ipmi.ko --linux-ko $(OUT)/ipmi_linux.ko $(PEERS:%=--bmc %)

$(UNPACKED)/.done:
	@mkdir -p $(UNPACKED)
	@mk/clients.sh $(UNPACKED) $(WATCHDOG_PACKAGE) $(CLIENT_PACKAGES)
	@touch $@

.PHONY: clients
