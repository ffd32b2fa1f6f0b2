#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# rustc.sh ARGUMENT...: the compiler $KERNEL_RUSTC. The one flag of the kernel's code that it calls
# unstable, that x18 is not its to use, is allowed where it is asked for, and nothing else.
set -eu
case " $* " in
*" -Zfixed-x18 "* | *" -Z fixed-x18 "*)
	RUSTC_BOOTSTRAP=1
	export RUSTC_BOOTSTRAP
	;;
esac
exec "$KERNEL_RUSTC" "$@"
