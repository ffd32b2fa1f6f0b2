# SPDX-License-Identifier: BSD-2-Clause
"""An administrator at the serial console of an installed FreeBSD: gets it to talk there,
logs in as root, types a command. Knows nothing of what it is for."""

import re
import time

BOOT = 900
ANSWER = 60
# The loader counts down on the BIOS's console, which is on the serial line as well.
COUNTDOWN = r"Autoboot in|to boot immediately"
LOADER_PROMPT = r"(?m)^OK\s*\Z"
LOGIN = r"login: "
PASSWORD = r"assword( for .*)?:|incorrect"
SHELL_PROMPT = r"[#$%>]\s*$"
DEAD_ENDS = {
    r"No bootable device|not a bootable disk": "the BIOS found nothing on it that boots",
    r"can't load 'kernel'|No /boot/kernel": "it has no kernel that its loader finds",
    r"mountroot>": "its kernel found no root file system",
    r"pathname of shell": "it stopped in single user mode",
    r"db> ": "its kernel stopped in the debugger",
}


class Lost(Exception):
    """Why the command is not running."""


def run(machine, command, sign):
    """Runs `command`, which says `sign` when it begins."""
    log_in(machine)
    machine.type(command + "\n")
    expect(machine, sign, ANSWER)


def log_in(machine):
    said = expect(machine, f"{COUNTDOWN}|{LOGIN}", BOOT)
    if re.search(COUNTDOWN, said):
        # Most images use the screen only. A boot from the loader's prompt can tell the
        # kernel and init(8) otherwise, whatever loader.conf says.
        machine.type("3")
        if not re.search(LOGIN, expect(machine, f"{LOADER_PROMPT}|{LOGIN}", BOOT)):
            machine.type("boot -h\n")
            expect(machine, LOGIN, BOOT)
    machine.type("root\n")
    if re.search(PASSWORD, expect(machine, f"{PASSWORD}|{SHELL_PROMPT}", ANSWER)):
        raise Lost("root cannot log in without a password")


def expect(machine, pattern, seconds):
    """Reads until `pattern` is there; what was read."""
    end = time.monotonic() + seconds
    said = machine.await_text("|".join([pattern, *DEAD_ENDS]), end)
    if not re.search(pattern, said):
        for dead_end, reason in DEAD_ENDS.items():
            if re.search(dead_end, said):
                raise Lost(reason)
        last = " / ".join(line.strip() for line in said.splitlines() if line.strip())[-200:]
        raise Lost(machine.fate("it ended") + (f" after: {last}" if last else ", it said nothing"))
    return said
