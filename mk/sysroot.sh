#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# sysroot.sh TARGET DIRECTORY FLAG...: builds libcore of the compiler $RUSTC from
# its source in $RUST_LIBRARY into a sysroot of its own, beside an empty
# compiler_builtins: what that crate offers, the kernel has or must not need.
set -eu
# rustc would look for make's job server, which this has not inherited.
unset MAKEFLAGS MFLAGS
target=$1 directory=$2
shift 2
libraries=$directory/lib/rustlib/$target/lib

# compile NAME SOURCE FLAG...
compile() {
	name=$1 source=$2
	shift 2
	# libcore uses what only an unstable compiler allows; nothing else here does.
	RUSTC_BOOTSTRAP=1 "$RUSTC" "$source" --crate-name "$name" --crate-type rlib \
	    --edition 2024 --target "$target" --sysroot "$directory" \
	    --out-dir "$libraries" --cap-lints allow \
	    -C opt-level=2 -C codegen-units=1 -C debuginfo=1 \
	    --remap-path-prefix "$RUST_LIBRARY=/rustc/library" "$@"
}

rm -rf "$directory"
mkdir -p "$libraries"
compile core "$RUST_LIBRARY/core/src/lib.rs" "$@"
printf '%s\n' '#![feature(compiler_builtins)]' '#![compiler_builtins]' '#![no_std]' \
    > "$directory/compiler_builtins.rs"
compile compiler_builtins "$directory/compiler_builtins.rs" "$@"
