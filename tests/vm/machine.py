# SPDX-License-Identifier: BSD-2-Clause
"""QEMU with a BMC: starts it, reads and writes its serial console, ends it.

Knows nothing of what runs inside.
"""

import os
import re
import select
import shutil
import subprocess
import time

QEMU = "qemu-system-x86_64"
MAKEFS = "/usr/sbin/makefs"
# What isa-debug-exit makes of the 0 that the guest writes.
EXIT_OF_GUEST = 1
# Seconds without a character after which somebody at the console would press Enter.
SILENCE = 30


class Missing(SystemExit):
    def __init__(self, program, package):
        super().__init__(f"vmtest: {program} is missing: apt-get install -y {package}")


def make_disk(path, trees):
    """A file system (FFS version 1: makefs has bugs in version 2) with what is in `trees`."""
    makefs = shutil.which("makefs") or (MAKEFS if os.path.exists(MAKEFS) else None)
    if not makefs:
        raise Missing("makefs", "makefs")
    merged = path + ".tree"
    for tree in trees:
        shutil.copytree(tree, merged, symlinks=True, dirs_exist_ok=True)
    subprocess.run(
        [makefs, "-t", "ffs", "-B", "little", "-o", "version=1", "-b", "20%", path, merged],
        check=True, stdout=subprocess.DEVNULL)
    return path


class Machine:
    """One boot, from start to stop."""

    def __init__(self, device, disks, log=None):
        self.device = device
        self.disks = disks
        self.log = open(log, "w") if log else None
        self.process = None
        self.pending = b""
        self.timed_out = False

    def start_kernel(self, kernel, environment):
        self._start(["-kernel", kernel, "-append", environment], self.disks)

    def start_image(self, image):
        # Without a screen the BIOS's console is the serial line, and so the loader's.
        self._start(["-machine", "graphics=off"], [image] + self.disks)

    def _start(self, boot, disks):
        if not shutil.which(QEMU):
            raise Missing(QEMU, "qemu-system-x86")
        command = [
            QEMU, "-cpu", "max", "-accel", "tcg,thread=multi", "-m", "1024", "-smp", "2",
            "-display", "none", "-vga", "none", "-nic", "none", "-monitor", "none",
            "-serial", "stdio", "-no-reboot",
            "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
            "-device", "ipmi-bmc-sim,id=bmc0", "-device", f"{self.device},bmc=bmc0",
        ] + boot
        for number, disk in enumerate(disks):
            command += [
                "-drive", f"file={disk},if=none,id=d{number},snapshot=on" + raw(disk),
                "-device", f"virtio-blk-pci,drive=d{number}",
            ]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def lines(self, seconds):
        """The console's lines until the machine ends or the time is up."""
        end = time.monotonic() + seconds
        while True:
            line = self.line(end)
            if line is None:
                return
            yield line

    def line(self, end):
        """The next line; None when the machine has ended or the time is up."""
        while b"\n" not in self.pending:
            data = self._read(end)
            if not data:
                return None
            self.pending += data
        line, _, self.pending = self.pending.partition(b"\n")
        return line.decode(errors="replace").rstrip("\r")

    def await_text(self, pattern, end):
        """Reads until `pattern` matches, be the line complete or not; what was read, without
        the movements of a cursor. A line silent for long gets an Enter: what is awaited may
        have been torn by a message of the kernel."""
        seen = ""
        while True:
            seen = plain(seen[-4096:] + self.pending.decode(errors="replace"))
            found = re.search(pattern, seen)
            self.pending = seen[found.end():].encode() if found else b""
            if found:
                return seen[:found.end()]
            while time.monotonic() < end:
                if self._says_something(min(time.monotonic() + SILENCE, end)):
                    break
                self.type("\n")
            self.pending = self._read(end)
            if not self.pending:
                return seen

    def _says_something(self, end):
        left = max(0, end - time.monotonic())
        return bool(select.select([self.process.stdout], [], [], left)[0])

    def _read(self, end):
        if not self._says_something(end):
            self.timed_out = True
            return b""
        data = os.read(self.process.stdout.fileno(), 65536)
        if not data:
            self.process.wait()
        if self.log:
            self.log.write(data.decode(errors="replace"))
            self.log.flush()
        return data

    def type(self, text):
        try:
            self.process.stdin.write(text.encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            # It has ended, as the next read finds.
            pass

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.log:
            self.log.close()

    @property
    def was_reset(self):
        """Did the guest, or its BMC, reset or switch off the machine?"""
        return not self.timed_out and self.process.returncode == 0

    def fate(self, otherwise):
        if self.timed_out:
            return "out of time"
        if self.process.returncode not in (0, EXIT_OF_GUEST):
            return f"QEMU ended with {self.process.returncode}"
        return otherwise


def plain(text):
    """What stays of `text` on paper."""
    return re.sub(r"\x1b(\[[0-9;?]*[A-Za-z]|[c78])|\r", "", text)


def raw(disk):
    """QEMU warns of a raw disk that it was not told to be one."""
    with open(disk, "rb") as file:
        return "" if file.read(4) == b"QFI\xfb" else ",format=raw"
