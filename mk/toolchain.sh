#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Finds, or installs, what cross-building the module on Debian takes and prints
# shell assignments: RUSTC, CARGO (a pair) and RUST_LIBRARY, the source of that
# very compiler's libcore.  Search order:
#   1. RUSTC and CARGO from the environment, source in their sysroot
#   2. rustup's compiler of PATH, if its component rust-src is installed
#   3. Debian's rustc-web, cargo-web and rust-web-src
# Knows nothing of what is built with them.
set -eu

packages="clang-19 lld-19 llvm-19 libclang-19-dev"
debian_rust="rustc-web cargo-web rust-web-src"

# The library source that belongs to compiler $1, or nothing.
library_of() {
	[ -x "$(command -v "$1")" ] || return 0
	release=$("$1" -vV | sed -n 's/^release: //p')
	for dir in "$("$1" --print sysroot)/lib/rustlib/src/rust/library" \
	    "/usr/src/rustc-$release/library"; do
		if [ -f "$dir/core/src/lib.rs" ]; then
			echo "$dir"
			return 0
		fi
	done
}

install() {
	if ! command -v apt-get >/dev/null; then
		echo "Please install: $*" >&2
		exit 1
	fi
	if [ "$(id -u)" -ne 0 ]; then
		echo "Missing prerequisites. As root, run:" >&2
		echo "    apt-get update && apt-get install -y $*" >&2
		exit 1
	fi
	echo "  APT     $*" >&2
	{ apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
	    apt-get -qq install -y --no-install-recommends "$@"; } >&2
}

find_rust() {
	for pair in "${RUSTC:-} ${CARGO:-}" "rustc cargo" \
	    "/usr/bin/rustc /usr/bin/cargo"; do
		set -- $pair
		[ $# -eq 2 ] && [ -x "$(command -v "$2")" ] || continue
		library=$(library_of "$1")
		[ -n "$library" ] || continue
		rustc=$(command -v "$1") cargo=$(command -v "$2")
		return 0
	done
	return 1
}

missing=
for tool in clang-19 ld.lld-19 llvm-objcopy-19; do
	command -v $tool >/dev/null || missing=$packages
done
[ -e /usr/lib/llvm-19/lib/libclang.so ] || missing=$packages
command -v cc >/dev/null || missing="$missing gcc libc6-dev"
find_rust || missing="$missing $debian_rust"
[ -z "$missing" ] || install $missing
if ! find_rust; then
	echo "No Rust compiler whose library source is here." >&2
	exit 1
fi

echo "RUSTC=$rustc"
echo "CARGO=$cargo"
echo "RUST_LIBRARY=$library"
"$rustc" -vV | sed 's/^/# /'
