# SPDX-License-Identifier: BSD-2-Clause
#
# The tests of tests/sys/ipmi on a real kernel in QEMU.  Read by mk/Linux.mk.
#
#   make vmtest KERNEL=FILE [ROOT=DIRECTORY|IMAGE]   a kernel that QEMU can start
#   make vmtest IMAGE=FILE                           an official disk image: root has no
#                     password there; its loader is told to use the serial line
#   CYCLES=200        how often the module is loaded and unloaded
#   APPEND="A=B ..."  more kernel environment, hints for one
#   DEVICE=pci-ipmi-kcs   QEMU's IPMI device

KERNEL =
ROOT =
IMAGE =
APPEND =
CYCLES = 20
DEVICE = isa-ipmi-kcs
VM = $(OUT)/vm
VM_PROGRAMS = device_test ioctl_test limits_test module_test watchdog_test
# Static programs with a libc of a few functions: there is no userland to link with.
VM_CFLAGS = --target=x86_64-unknown-freebsd$(FREEBSD).0 -std=gnu17 -O2 -nostdinc \
	-ffreestanding -fno-stack-protector -fno-pic -Itests/vm/guest \
	-isystem build/headers/$(FREEBSD)/x86_64-freebsd-none \
	-isystem build/headers/$(FREEBSD)/generic-freebsd \
	-Wall -Wextra -Wno-unused-parameter -Wmissing-prototypes -Werror
VM_HEADERS = tests/vm/guest/atf-c.h tests/sys/ipmi/client.h build/headers/$(FREEBSD)/.done

vmtest: $(OUT)/ipmi.ko $(VM)/init $(VM_PROGRAMS:%=$(VM)/%)
	@python3 tests/vm/vmtest.py --ko $(OUT)/ipmi.ko --programs $(VM) --log $(VM) \
	    --cycles $(CYCLES) --device $(DEVICE) $(if $(KERNEL),--kernel $(KERNEL)) $(if $(ROOT),--root $(ROOT)) \
	    $(if $(IMAGE),--image $(IMAGE)) $(if $(APPEND),--append "$(APPEND)")

$(VM)/%.o: tests/vm/guest/%.c $(VM_HEADERS)
	@mkdir -p $(VM)
	@clang-19 $(VM_CFLAGS) -c $< -o $@

$(VM)/%.o: tests/sys/ipmi/%.c $(VM_HEADERS)
	@mkdir -p $(VM)
	@clang-19 $(VM_CFLAGS) -c $< -o $@

$(VM)/init: $(VM)/init.o $(VM)/libc.o
	@echo "  LD      $@"
	@ld.lld-19 -m elf_x86_64_fbsd -static $^ -o $@

$(VM)/%_test: $(VM)/%_test.o $(VM)/atf.o $(VM)/libc.o
	@echo "  LD      $@"
	@ld.lld-19 -m elf_x86_64_fbsd -static $^ -o $@

.PRECIOUS: $(VM)/%.o
.PHONY: vmtest
