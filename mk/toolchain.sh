#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Installs on Debian what cross-building the module takes and is not there yet, and
# prints what mk/rust.sh prints.  Without the right to install it says what to run.
# Knows nothing of what is built.
set -eu
here=$(dirname "$0")

install() {
	if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
		echo "Missing prerequisites. As root, run:" >&2
		echo "    apt-get update && apt-get install -y $*" >&2
		exit 1
	fi
	echo "  APT     $*" >&2
	{ apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
	    apt-get -qq install -y --no-install-recommends "$@"; } >/dev/null
}

missing=
for tool in clang-19 ld.lld-19 llvm-objcopy-19 /usr/lib/llvm-19/lib/libclang.so; do
	command -v "$tool" >/dev/null || [ -e "$tool" ] ||
	    missing="clang-19 lld-19 llvm-19 libclang-19-dev"
done
command -v cc >/dev/null || missing="$missing gcc libc6-dev"
"$here/rust.sh" >/dev/null 2>&1 || missing="$missing rustc-web cargo-web rust-web-src"
# shellcheck disable=SC2086
[ -z "$missing" ] || install $missing
exec "$here/rust.sh"
