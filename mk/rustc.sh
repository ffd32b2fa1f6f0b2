#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# rustc.sh ARGUMENT...: the compiler $KERNEL_RUSTC. The flags of arm64's kernel code, which it calls
# unstable, are allowed where they are given, and nothing else is.
set -eu
case " $* " in
*" -Zfixed-x18 "* | *" -Z fixed-x18 "*)
	RUSTC_BOOTSTRAP=1
	export RUSTC_BOOTSTRAP
	;;
esac
exec "$KERNEL_RUSTC" "$@"
