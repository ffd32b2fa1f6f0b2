# SPDX-License-Identifier: BSD-2-Clause
#
# Flags and file lists of the module that every way of building it shares, by ARCH,
# amd64 or aarch64.  Plain assignments only: GNU make and bmake both read this file.

# Sections of linker sets that nothing refers to and that the kernel finds by
# name are kept by the script; everything they do not reach is dropped.
MODULE_LDSCRIPT = sys/modules/ipmi/ldscript
MODULE_SETS = set_sysctl_set set_modmetadata_set set_sysinit_set set_sysuninit_set

# The kernel's code model and register use.  On amd64 its linker takes objects and
# knows no GOT, hence direct access to everything; core must be built the same way.
# On arm64 it takes a shared object whose every branch target says that it is one, and
# x18 belongs to the kernel.
RUST_TARGET_amd64 = x86_64-unknown-none
RUST_TARGET_aarch64 = aarch64-unknown-none-softfloat
RUST_CODEGEN_amd64 = -C relocation-model=static -C code-model=kernel \
	-C relro-level=off
RUST_CODEGEN_aarch64 = -C relocation-model=pic -Z fixed-x18 \
	-Z branch-protection=bti,pac-ret

RUST_TARGET = $(RUST_TARGET_$(ARCH))
RUST_CODEGEN = $(RUST_CODEGEN_$(ARCH)) -C force-frame-pointers=yes \
	-C force-unwind-tables=no -C panic=abort

# As the profile kmod of Cargo.toml, for builds that do without cargo.
RUST_PROFILE = -C opt-level=2 -C lto=fat -C codegen-units=1 -C debuginfo=2 \
	-C overflow-checks=off

# What bsd.kmod.mk gives a module's C files, for builds that do without it.
MODULE_CFLAGS = -O2 -std=gnu17 -D_KERNEL -DKLD_MODULE -nostdinc \
	-include opt_global.h -ffreestanding -fwrapv -fno-strict-aliasing \
	-fno-common -fno-omit-frame-pointer -mno-omit-leaf-frame-pointer \
	-fno-asynchronous-unwind-tables -fstack-protector \
	-D__printf__=__freebsd_kprintf__ $(MODULE_CFLAGS_$(ARCH))
MODULE_CFLAGS_amd64 = -mcmodel=kernel -mno-red-zone -mno-mmx -mno-sse \
	-mno-aes -mno-avx -msoft-float
MODULE_CFLAGS_aarch64 = -mgeneral-regs-only -ffixed-x18 \
	-mbranch-protection=standard -mno-outline-atomics -fPIC
MODULE_CWARNFLAGS = -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wcast-qual -Wundef -Wswitch -Wvla \
	-Wno-unused-parameter -Wno-pointer-sign -Wno-missing-field-initializers \
	-Wno-address-of-packed-member -Wno-cast-function-type-mismatch -Werror
