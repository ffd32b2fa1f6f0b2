#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# link.sh ARCH LDSCRIPT SETS OUTPUT INPUT...: links a kernel module, as the kernel's linker of
# ARCH wants it: an object on amd64, a shared object on aarch64. SETS are its linker sets.
set -eu
arch=$1 ldscript=$2 sets=$3 output=$4
shift 4

link() {
	ld.lld-19 --warn-common --build-id=sha1 "$@"
}

case $arch in
amd64)
	link -m elf_x86_64_fbsd -r --gc-sections -T "$ldscript" "$@" -o "$output"
	;;
aarch64)
	link -m aarch64elf -r --gc-sections -T "$ldscript" "$@" -o "$output.kld"
	llvm-objcopy-19 --wildcard --localize-symbol='*' "$output.kld"
	# The kernel finds a linker set by its bounds, which nothing in the module needs.
	bounds=
	for set in $sets; do
		bounds="$bounds -u __start_$set -u __stop_$set"
	done
	# shellcheck disable=SC2086
	link -m aarch64elf -Bshareable -znotext -znorelro --no-relax --hash-style=sysv \
	    $bounds "$output.kld" -o "$output"
	;;
esac
