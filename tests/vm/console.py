# SPDX-License-Identifier: BSD-2-Clause
"""An administrator at the serial console of an installed FreeBSD: logs in as root,
types commands, reads what comes back. Knows nothing of what they are for."""

import time

LOGIN = "login:"
PROMPT = "vmtest# "
BOOT = 600


def drive(machine, verdict, seconds, commands):
    """Types `commands` one after the other and powers the machine off."""
    end = time.monotonic() + BOOT
    if machine.await_text(LOGIN, end) is None:
        return
    machine.type("root\n")
    if machine.await_text("#", end) is None:
        return
    # A shell and a prompt that are the same whatever root's are; the echo has the quotes.
    machine.type("exec env PS1='vmtest''# ' sh\n")
    if machine.await_text(PROMPT, end) is None:
        return
    end = time.monotonic() + seconds
    for command in commands:
        machine.type(command + "\n")
        heard = machine.await_text(PROMPT, end)
        if heard is None:
            return
        # The first line is the echo of the command.
        for line in heard.replace("\r", "").split("\n")[1:]:
            verdict.hear(line)
    machine.type("poweroff\n")
    for _ in machine.lines(120):
        pass
