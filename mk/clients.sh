#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# clients.sh DIRECTORY UNPACK PACKAGE...: installs the packages that are missing, and
# unpacks one more into the directory without installing it.  Knows nothing of what
# is in them.
set -eu
directory=$1 unpack=$2
shift 2

missing=$(dpkg-query -W -f '${Package} ${Status}\n' "$@" 2>&1 | grep -v 'ok installed$' || true)
if [ -n "$missing" ] && [ "$(id -u)" -ne 0 ]; then
	echo "Missing prerequisites. As root, run:" >&2
	echo "    apt-get update && apt-get install -y --no-install-recommends $*" >&2
	exit 1
fi
if [ -n "$missing" ]; then
	echo "  APT     $*"
	{ apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
	    apt-get -qq install -y --no-install-recommends "$@"; } >/dev/null
fi
cd "$directory"
apt-get -qq download "$unpack" ||
	{ apt-get -qq update && apt-get -qq download "$unpack"; }
dpkg -x "$unpack"_*.deb .
