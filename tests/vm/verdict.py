# SPDX-License-Identifier: BSD-2-Clause
"""What the console said, as tests that passed, failed or were skipped.

Knows the form of the lines, and what a kernel says when something is wrong.
"""

import re

# The kernel's own words for what WITNESS, INVARIANTS and malloc(9) find.
COMPLAINTS = re.compile(
    r"lock order reversal|could sleep with|acquiring duplicate lock|^panic: |"
    r"leaked memory on destroy|Sleeping (on|thread)|sleeping thread|exclusive .* locked @|"
    r"kernel trap|Fatal trap|Duplicate free|modified after free|spin lock held too long|"
    r"with non-sleepable locks held")
LINE = re.compile(r"^vmtest: (passed|failed|skipped|ran) ([a-z]\w*:\w+) (.*)\|$")


class Verdict:
    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skipped = 0
        self.begin()

    def begin(self):
        """Another boot begins."""
        self.ended = False
        self.console = []
        self.seen = set()

    def hear(self, line):
        if "vmtest: begin" in line:
            # What the kernel says of itself before that is not about the driver.
            self.begin()
        self.console.append(line)
        if "vmtest: end" in line:
            self.ended = True
        found = LINE.search(line)
        # Each line comes twice, for one may be torn by what the kernel prints.
        if found and found.group(2) not in self.seen:
            self.seen.add(found.group(2))
            if found.group(1) != "ran":
                self._count(*found.groups())

    def heard(self, text):
        return any(text in line for line in self.console)

    def ran(self, programs):
        """Did every one of these come to its end?"""
        return self.ended and all(program + ":all" in self.seen for program in programs)

    def judge(self, name, good, reason):
        self._count("passed" if good else "failed", name, "" if good else reason)

    def complaints(self, name):
        """A test of its own: the kernel found nothing wrong in this boot."""
        found = [line for line in self.console if COMPLAINTS.search(line)]
        self.judge(name, not found, "; ".join(found[:3]))

    def _count(self, how, name, reason):
        setattr(self, how, getattr(self, how) + 1)
        print(f"  {how:8}{name}  {reason}".rstrip(), flush=True)

    def closing_line(self):
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"
