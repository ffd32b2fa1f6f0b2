# SPDX-License-Identifier: BSD-2-Clause
#
# Live clients: ipmitool and FreeIPMI, unmodified, against the module in the
# software kernel on the real clock.  Read by mk/Linux.mk; not part of the tests,
# because it takes a minute by the clock on the wall and programs to be installed.
#
#   make clients PEERS="own qemu-kcs"   only these BMCs

PEERS = own own-bt qemu-kcs qemu-bt ipmi-sim
CLIENT_PACKAGES = ipmitool freeipmi-tools openipmi qemu-system-x86

# Installing this one would start a daemon that arms the watchdog of this very
# machine; its program is all that is needed, so it is only unpacked.
WATCHDOG_PACKAGE = freeipmi-bmc-watchdog
UNPACKED = build/clients

clients: $(OUT)/ipmi.ko $(OUT)/ipmi_linux.ko $(UNPACKED)/.done
	@$(HOST_CARGO) build --quiet --release --package ipmi-lab --package ipmi-preload
	@PATH=$$PATH:$(abspath $(UNPACKED))/usr/sbin:/usr/sbin \
	    $(HOST_CARGO) run --quiet --release --package ipmi-lab -- clients \
	    --ko $(OUT)/ipmi.ko --linux-ko $(OUT)/ipmi_linux.ko $(PEERS:%=--bmc %)

$(UNPACKED)/.done:
	@missing=$$(dpkg-query -W -f '$${Package} $${Status}\n' $(CLIENT_PACKAGES) 2>&1 | \
	    grep -v 'ok installed$$'); \
	if [ -n "$$missing" ]; then \
	    if [ $$(id -u) -eq 0 ]; then \
	        apt-get install -y --no-install-recommends $(CLIENT_PACKAGES); \
	    else \
	        echo "Please: apt-get install $(CLIENT_PACKAGES)" >&2; exit 1; \
	    fi; \
	fi
	@mkdir -p $(UNPACKED)
	@cd $(UNPACKED) && apt-get download -q $(WATCHDOG_PACKAGE) && \
	    dpkg -x $(WATCHDOG_PACKAGE)_*.deb .
	@touch $@

.PHONY: clients
