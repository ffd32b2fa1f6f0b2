#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# headers.sh RELEASE DIRECTORY: puts FreeBSD's installed kernel headers as the
# PyPI package ziglang RELEASE carries them into DIRECTORY.  Takes headers only.
set -eu
release=$1 directory=$2

# pip is called through its interpreter, which also unpacks the archive.
find_python() {
	for python in python3 /usr/bin/python3; do
		"$python" -m pip --version >/dev/null 2>&1 && return 0
	done
	return 1
}

if ! find_python; then
	if [ "$(id -u)" -ne 0 ]; then
		echo "pip is missing. As root, run:" >&2
		echo "    apt-get update && apt-get install -y python3-pip" >&2
		exit 1
	fi
	echo "  APT     python3-pip"
	{ apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
	    apt-get -qq install -y --no-install-recommends python3-pip; } >/dev/null
	find_python
fi

rm -rf "$directory" "$directory.part"
mkdir -p "$directory.part"
"$python" -m pip -q download --no-deps --only-binary :all: \
    -d "$directory.part" "ziglang==$release"
"$python" - "$directory.part" <<'PYTHON'
import pathlib, sys, zipfile
target = pathlib.Path(sys.argv[1])
wheel = next(target.glob("*.whl"))
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        for tree in ("x86_64-freebsd-none", "aarch64-freebsd-none", "generic-freebsd"):
            _, found, rest = name.partition(f"lib/libc/include/{tree}/")
            if found and rest and not name.endswith("/"):
                path = target / tree / rest
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(archive.read(name))
wheel.unlink()
PYTHON
mv "$directory.part" "$directory"
