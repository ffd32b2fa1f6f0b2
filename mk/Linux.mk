# SPDX-License-Identifier: BSD-2-Clause
#
# Cross-builds the module on Linux, checks the file and tries it in the software
# kernel.  Read by GNU make through the top Makefile.
#
#   FREEBSD=14        packaged headers of FreeBSD 14 instead of 15
#   ARCH=aarch64      build/aarch64/ipmi.ko, for arm64
#   SYSDIR=/usr/src/sys   headers of a kernel source tree instead of packaged ones

include mk/module.mk

FREEBSD = 15
ARCH = amd64
SYSDIR =
HOST_CARGO = $(or $(shell command -v cargo),/usr/bin/cargo)

# The PyPI release that carries a generation's headers, and the oldest kernel of
# the generation: a module loads into its own version or later ones only.
ZIGLANG_15 = 0.17.1
ZIGLANG_14 = 0.15.2
VERSION_15 = 1500068
VERSION_14 = 1400097

# Where what is built for each goes, and how clang and the headers call it.
BUILD_amd64 = build
BUILD_aarch64 = build/aarch64
MACHINE_amd64 = x86_64
MACHINE_aarch64 = aarch64
BUILD = $(BUILD_$(ARCH))
MACHINE = $(MACHINE_$(ARCH))
ifeq ($(BUILD),)
$(error ARCH is amd64 or aarch64)
endif

ifneq ($(SYSDIR),)
VARIANT = sysdir
OUT = $(BUILD)
KOBJ = $(BUILD)/kobj
INCLUDES = -isystem $(abspath $(KOBJ)) -isystem $(abspath $(SYSDIR)) \
	-isystem $(abspath $(SYSDIR)/arch) \
	-isystem $(abspath $(SYSDIR)/contrib/ck/include)
HEADERS = $(KOBJ)/.done
FREEBSD := $(shell sed -n 's/^.define __FreeBSD_version \([0-9][0-9]\)[0-9]\{5\}.*/\1/p' \
	$(SYSDIR)/sys/param.h)
else
VARIANT = $(FREEBSD)
OUT = $(if $(filter 15,$(FREEBSD)),$(BUILD),$(BUILD)/$(FREEBSD))
PACKAGED = build/headers/$(FREEBSD)
INCLUDES = -D__FreeBSD_version=$(VERSION_$(FREEBSD)) -I$(abspath sys/compat) \
	-isystem $(abspath $(PACKAGED)/$(MACHINE)-freebsd-none) \
	-isystem $(abspath $(PACKAGED)/generic-freebsd)
HEADERS = $(PACKAGED)/.done
endif

CPPFLAGS = --target=$(MACHINE)-unknown-freebsd$(FREEBSD).0 $(MODULE_CFLAGS) \
	-I$(abspath sys) $(INCLUDES)
CFLAGS = -g $(MODULE_CWARNFLAGS) -ffile-prefix-map=$(CURDIR)=.

SYSROOT = $(BUILD)/sysroot
NATIVE_BINDINGS = sys/modules/ipmi/bindings.rs
# The variants share what build.rs is made of; each takes its own copy of what comes out.
CORE_TARGET = build/cargo
CORE = $(OUT)/libipmi.a
CORE_RUSTFLAGS = --sysroot $(abspath $(SYSROOT)) $(RUST_CODEGEN) \
	--remap-path-prefix $(CURDIR)=.
MODULE_SOURCES = build.rs Cargo.toml $(MODULE_LDSCRIPT) \
	$(shell find src sys/dev sys/compat -type f)
GATE_SOURCES = $(shell find tests/gate -type f)
# With the whole workspace's features of its crates, or the tests would compile them again.
GATE = $(HOST_CARGO) build --quiet --workspace --bin gate && \
	$${CARGO_TARGET_DIR:-target}/debug/gate --generation $(FREEBSD) --stats

# Written anew only when it differs, so that other flags mean another build.
CONFIGURATION = $(VARIANT) $(SYSDIR) $(CPPFLAGS) $(CFLAGS) $(CORE_RUSTFLAGS)
TOOLCHAIN = build/toolchain

# Only amd64 runs programs of Linux with ioctls of other numbers.
all: $(OUT)/ipmi.ko $(if $(filter amd64,$(ARCH)),$(OUT)/ipmi_linux.ko)

$(OUT)/ipmi.ko: $(OUT)/ipmi.ko.full $(GATE_SOURCES)
	@echo "  GATE    $@"
	@llvm-objcopy-19 --only-keep-debug $< $(OUT)/ipmi.ko.debug
	@llvm-objcopy-19 --strip-debug --wildcard --localize-symbol='*' $< $@.unchecked
	@$(GATE) $@.unchecked
	@mv $@.unchecked $@

$(OUT)/ipmi.ko.full: $(CORE) $(OUT)/bindings.rs.checked mk/link.sh
	@echo "  LD      $@"
	@mk/link.sh $(ARCH) $(MODULE_LDSCRIPT) "$(MODULE_SETS)" $@ --whole-archive $(CORE)

# C alone: the ioctls of Linux processes, a module of its own.
LINUX_SOURCE = sys/dev/ipmi/ipmi_linux.c

$(OUT)/ipmi_linux.ko: $(LINUX_SOURCE) $(HEADERS) $(OUT)/configuration $(MODULE_LDSCRIPT) \
    $(shell find sys/compat -type f) $(GATE_SOURCES)
	@echo "  CC      $@"
	@clang-19 $(CPPFLAGS) $(CFLAGS) -c $(LINUX_SOURCE) -o $(OUT)/ipmi_linux.o
	@mk/link.sh $(ARCH) $(MODULE_LDSCRIPT) "$(MODULE_SETS)" $@.full $(OUT)/ipmi_linux.o
	@echo "  GATE    $@"
	@llvm-objcopy-19 --only-keep-debug $@.full $@.debug
	@llvm-objcopy-19 --strip-debug --wildcard --localize-symbol='*' $@.full $@.unchecked
	@$(GATE) $@.unchecked
	@mv $@.unchecked $@

$(CORE): $(SYSROOT)/.done $(HEADERS) $(OUT)/configuration $(MODULE_SOURCES)
	@echo "  CARGO   $@"
	@. ./$(TOOLCHAIN) && \
	KERNEL_RUSTC=$$RUSTC RUSTC=$(abspath mk/rustc.sh) RUSTFLAGS="$(CORE_RUSTFLAGS)" \
	IPMI_CC=clang-19 IPMI_AR=llvm-ar-19 LIBCLANG_PATH=/usr/lib/llvm-19/lib \
	IPMI_BINDINGS=$(abspath $(OUT)/bindings.rs) IPMI_CPPFLAGS="$(CPPFLAGS)" IPMI_CFLAGS="$(CFLAGS)" \
	env -u MAKEFLAGS -u MFLAGS $$CARGO rustc --quiet --package ipmi --lib --crate-type staticlib \
	    --features kmod --profile kmod --target $(RUST_TARGET) \
	    --target-dir $(CORE_TARGET)
	@cp $(CORE_TARGET)/$(RUST_TARGET)/kmod/libipmi.a $@

# A FreeBSD machine without libclang builds with these bindings: one file must do for
# every kernel, and FreeBSD 15 has the say.
$(OUT)/bindings.rs.checked: $(CORE)
	@cmp -s $(OUT)/bindings.rs $(NATIVE_BINDINGS) || \
	if [ $(VARIANT) = 15 ]; then \
	    echo "  BINDGEN $(NATIVE_BINDINGS) is out of date: written anew, please commit"; \
	    cp $(OUT)/bindings.rs $(NATIVE_BINDINGS); \
	else \
	    diff $(NATIVE_BINDINGS) $(OUT)/bindings.rs; \
	    echo "The bindings of this kernel are not those of FreeBSD 15" >&2; \
	    exit 1; \
	fi
	@touch $@

$(SYSROOT)/.done: $(TOOLCHAIN) mk/sysroot.sh mk/module.mk
	@echo "  CORE    $(SYSROOT) (takes a minute, once)"
	@. ./$(TOOLCHAIN) && export RUSTC RUST_LIBRARY && \
	    mk/sysroot.sh $(RUST_TARGET) $(SYSROOT) $(RUST_CODEGEN)
	@touch $@

$(TOOLCHAIN): FORCE
	@mkdir -p build
	@mk/toolchain.sh > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(OUT)/configuration: FORCE
	@mkdir -p $(OUT)
	@echo '$(CONFIGURATION)' > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

build/headers/%/.done: mk/headers.sh | $(TOOLCHAIN)
	@echo "  FETCH   kernel headers of FreeBSD $*"
	@mkdir -p build/headers
	@mk/headers.sh $(ZIGLANG_$*) build/headers/$*
	@touch $@

$(BUILD)/kobj/.done: mk/kobj.sh $(OUT)/configuration
	@echo "  KOBJ    $(SYSDIR)"
	@mk/kobj.sh $(SYSDIR) $(ARCH) $(BUILD)/kobj
	@cp sys/compat/opt_global.h $(BUILD)/kobj/
	@touch $@

run: $(OUT)/ipmi.ko
	@mkdir -p build/run
	@$(HOST_CARGO) run --quiet --release --package ipmi-lab -- run out-to-lunch \
	    --ko $(OUT)/ipmi.ko --json build/run/report.json \
	    --plot build/run/timeline.svg

# The tests load what was built, for both generations. What takes long is made side by side:
# the core of one after the other, and the tests, of which the gate is one.
test:
	@$(MAKE) --no-print-directory -j2 cores compiled-tests
	@$(MAKE) --no-print-directory build/ipmi.ko build/ipmi_linux.ko build/14/ipmi.ko
	@CARGO=$(HOST_CARGO) MAKE=$(MAKE) IPMI_KO=$(abspath build/ipmi.ko) \
	    IPMI_LINUX_KO=$(abspath build/ipmi_linux.ko) \
	    IPMI_KO_14=$(abspath build/14/ipmi.ko) mk/test.sh build/test.log

core: $(CORE)

cores: core
	@$(MAKE) --no-print-directory FREEBSD=$(if $(filter 14,$(FREEBSD)),15,14) SYSDIR= core

# What does not compile is for test.sh to count. Make's flags are not for cargo to read.
compiled-tests: $(TOOLCHAIN)
	@echo "  COMPILE the tests"
	-@env -u MAKEFLAGS -u MFLAGS $(HOST_CARGO) test --workspace --no-run

bench: $(OUT)/ipmi.ko
	@IPMI_KO=$(abspath $(OUT)/ipmi.ko) $(HOST_CARGO) bench --workspace

ifneq ($(FREEBSD),14)
build/14/ipmi.ko: FORCE
	@$(MAKE) --no-print-directory FREEBSD=14 SYSDIR=
endif
ifeq ($(FREEBSD),14)
build/ipmi.ko: FORCE
	@$(MAKE) --no-print-directory FREEBSD=15 SYSDIR=
endif

include mk/vmtest.mk
include mk/clients.mk

install load:
	@echo "make $@ is for FreeBSD: copy the source there, or $(OUT)/ipmi.ko to /boot/modules" >&2
	@exit 1

# Headers that were fetched and libcore stay: they are not made of these sources.
clean:
	rm -rf build/ipmi.ko* build/ipmi_linux.* build/14 build/aarch64/[!s]* build/cargo build/kobj build/run build/vm \
	    build/bindings.rs* build/configuration build/libipmi.a build/test.log
	$(HOST_CARGO) clean

.PHONY: core cores compiled-tests FORCE
FORCE:
