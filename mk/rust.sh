#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Finds a Rust compiler with the source of that very compiler's library, of which
# the kernel's libcore is built, and prints RUSTC, CARGO and RUST_LIBRARY as shell
# assignments.  Search order:
#   1. RUSTC and CARGO from the environment
#   2. those of PATH: FreeBSD's package rust, or rustup with component rust-src
#   3. those in /usr/bin: Debian's rustc-web and cargo-web with rust-web-src
# Installs nothing and knows nothing of what is built.
set -eu
# rustc would look for make's job server, which this has not inherited.
unset MAKEFLAGS MFLAGS

# The library source that belongs to compiler $1, or nothing.
library_of() {
	release=$("$1" -vV | sed -n 's/^release: //p')
	for directory in "$("$1" --print sysroot)/lib/rustlib/src/rust/library" \
	    "/usr/src/rustc-$release/library"; do
		if [ -f "$directory/core/src/lib.rs" ]; then
			echo "$directory"
			return 0
		fi
	done
}

for pair in "${RUSTC:-} ${CARGO:-}" "rustc cargo" "/usr/bin/rustc /usr/bin/cargo"; do
	# shellcheck disable=SC2086
	set -- $pair
	[ $# -eq 2 ] || continue
	rustc=$(command -v "$1") && cargo=$(command -v "$2") || continue
	library=$(library_of "$rustc")
	[ -n "$library" ] || continue
	echo "RUSTC=$rustc"
	echo "CARGO=$cargo"
	echo "RUST_LIBRARY=$library"
	# So that another compiler of the same name makes this output another.
	"$rustc" -vV | sed 's/^/# /'
	exit 0
done

echo "No Rust compiler with the source of its library was found. It comes with:" >&2
echo "    FreeBSD: pkg install rust" >&2
echo "    Debian:  apt-get install rustc-web cargo-web rust-web-src" >&2
echo "    rustup:  rustup component add rust-src" >&2
exit 1
