#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the tests of ipmi.ko on a real FreeBSD kernel in QEMU and counts them.

What is booted, the user provides: a kernel that QEMU can start (KERNEL, and
optionally ROOT with static programs), or an official disk image (IMAGE). Builds
nothing of FreeBSD and needs no KVM; every wait ends by itself.
"""

import argparse
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from machine import Machine, make_disk  # noqa: E402
from verdict import Verdict  # noqa: E402
import console  # noqa: E402

PROGRAMS = ["device_test", "ioctl_test", "limits_test", "module_test", "watchdog_test"]
SHELL_PROGRAM = "tools_test"
ALLOWED = "-v ipmi_watchdog=yes -v ipmi_unload=yes -v ipmi_cycles={cycles}"
SHELLS = ["bin/sh", "rescue/sh"]
# On an installed system, in words for any shell and short enough for any terminal.
MOUNTED = "/mnt"
START = f"mkdir -p {MOUNTED}; mount -o ro /dev/vtbd1 {MOUNTED}; sh {MOUNTED}/vmtest/installed.sh"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--ko", required=True, help="the module")
    parser.add_argument("--programs", required=True, help="directory of the built programs")
    parser.add_argument("--kernel", help="a kernel that starts by PVH")
    parser.add_argument("--root", help="directory or file system image with static programs")
    parser.add_argument("--image", help="disk image of an installed FreeBSD, root without password")
    parser.add_argument("--append", default="", help="more kernel environment, NAME=VALUE ...")
    parser.add_argument("--device", default="isa-ipmi-kcs", help="QEMU's IPMI device")
    parser.add_argument("--cycles", type=int, default=20, help="load and unload cycles")
    parser.add_argument("--timeout", type=int, default=900, help="seconds for one boot")
    parser.add_argument("--log", help="directory for the console of each boot")
    return parser.parse_args()


def static_shell(root):
    """The static shell of the user's root directory as the guest sees it, if there is one."""
    if root and os.path.isdir(root):
        for shell in SHELLS:
            if os.path.exists(os.path.join(root, shell)):
                return "/" + shell
    return None


def lay_out(args, directory, plan):
    """The tree that the module, the programs and the plan are on."""
    own = os.path.join(directory, "own")
    files = {"ipmi.ko": args.ko, "init": os.path.join(args.programs, "init")}
    here = os.path.dirname(os.path.abspath(__file__))
    for script in ["atf.sh", "installed.sh"]:
        files[script] = os.path.join(here, "guest", script)
    script = SHELL_PROGRAM + ".sh"
    files[script] = os.path.join(here, "..", "sys", "ipmi", script)
    for program in PROGRAMS:
        files[program] = os.path.join(args.programs, program)
    os.makedirs(os.path.join(own, "vmtest"))
    os.makedirs(os.path.join(own, "dev"), exist_ok=True)
    for name, path in files.items():
        with open(path, "rb") as source:
            target = os.path.join(own, "vmtest", name)
            with open(target, "wb") as copy:
                copy.write(source.read())
            os.chmod(target, 0o755)
    with open(os.path.join(own, "vmtest", "plan"), "w") as file:
        file.write("".join(line + "\n" for line in plan))
    return own


def boot_kernel(args, name, plan, verdict):
    """One boot of the user's kernel through `plan`; the console's lines."""
    with tempfile.TemporaryDirectory(prefix="vmtest.") as directory:
        trees = [lay_out(args, directory, plan)]
        disks = []
        if args.root and os.path.isdir(args.root):
            trees.append(args.root)
        elif args.root:
            disks.append(args.root)
        disks.insert(0, make_disk(os.path.join(directory, "disk"), trees))
        environment = [
            "vfs.root.mountfrom=ufs:/dev/vtbd0",
            "vfs.root.mountfrom.options=ro",
            "init_path=/vmtest/init",
            # QEMU's BMC can reset, but not cut the power.
            "hw.ipmi.wd_timer_actions=1",
            args.append,
        ]
        machine = Machine(args.device, disks, log=log_of(args, name))
        machine.start_kernel(args.kernel, " ".join(environment))
        try:
            for line in machine.lines(args.timeout):
                verdict.hear(line)
        finally:
            machine.stop()
        return machine


def log_of(args, name):
    if not args.log:
        return None
    os.makedirs(args.log, exist_ok=True)
    return os.path.join(args.log, name + ".log")


def test_plan(args, shell, below=""):
    """The tests, on a disk that is mounted at `below`."""
    options = ALLOWED.format(cycles=args.cycles)
    plan = [f"load {below}/vmtest/ipmi.ko"]
    plan += [f"run {below}/vmtest/{program} {options}" for program in PROGRAMS]
    if shell:
        plan.append(f"run {shell} {below}/vmtest/atf.sh {below}/vmtest/{SHELL_PROGRAM}.sh")
    return plan


def run_kernel(args, verdict):
    shell = static_shell(args.root)
    machine = boot_kernel(args, "tests", test_plan(args, shell), verdict)
    programs = PROGRAMS + ([SHELL_PROGRAM] if shell else [])
    verdict.judge("boot:tests", verdict.ran(programs), machine.fate("the tests did not end"))
    verdict.complaints("boot:complaints")

    # The rest ends with the machine, so each has a boot of its own.
    # A timer that is armed already is none of the tests' business, whatever they are allowed.
    plan = ["load /vmtest/ipmi.ko", "arm 8"]
    plan += [f"run /vmtest/{program} {options}" for options in [ALLOWED.format(cycles=2), ""]
             for program in ["module_test", "watchdog_test"]]
    machine = boot_kernel(args, "hung", plan + ["pause 60"], verdict)
    verdict.judge("boot:hung_host_is_reset", machine.was_reset and not verdict.ended,
                  machine.fate("the BMC did not reset a host that hangs"))

    plan = ["load /vmtest/ipmi.ko", "arm 128", "panic"]
    machine = boot_kernel(args, "panic", plan, verdict)
    verdict.judge("boot:armed_panic_ends", machine.was_reset and verdict.heard("panic: "),
                  machine.fate("a panic with an armed watchdog did not end"))

    plan = ["load /vmtest/ipmi.ko", "arm 128", "shutdown"]
    machine = boot_kernel(args, "shutdown", plan, verdict)
    verdict.judge("boot:armed_shutdown", machine.was_reset and not verdict.heard("panic: "),
                  machine.fate("an armed machine did not shut down"))


def run_image(args, verdict):
    """Drives an installed system over its serial console; the disk is not written to."""
    with tempfile.TemporaryDirectory(prefix="vmtest.") as directory:
        own = lay_out(args, directory, test_plan(args, "/bin/sh", MOUNTED))
        second = make_disk(os.path.join(directory, "disk"), [own])
        machine = Machine(args.device, [second], log=log_of(args, "image"))
        machine.start_image(args.image)
        try:
            console.run(machine, START, "vmtest: begin\n")
            for line in machine.lines(args.timeout):
                verdict.hear(line)
        except console.Lost as lost:
            verdict.judge("boot:console", False, str(lost))
            return
        finally:
            machine.stop()
        programs = PROGRAMS + [SHELL_PROGRAM]
        verdict.judge("boot:tests", verdict.ran(programs), machine.fate("the tests did not end"))
        verdict.complaints("boot:complaints")


def require(**given):
    """What the user named is there."""
    for name, path in given.items():
        if path and not os.path.exists(path):
            raise SystemExit(f"vmtest: {name}={path}: there is no such file")


def main():
    args = arguments()
    require(KERNEL=args.kernel, ROOT=args.root, IMAGE=args.image)
    verdict = Verdict()
    if not args.kernel and not args.image:
        print("vmtest: no kernel given, nothing booted: say KERNEL=FILE [ROOT=DIRECTORY|IMAGE] or "
              "IMAGE=FILE")
        print(f"0 passed, 0 failed, {len(PROGRAMS)} skipped")
        return 0
    if args.image:
        run_image(args, verdict)
    else:
        run_kernel(args, verdict)
    print(verdict.closing_line())
    return 1 if verdict.failed else 0


if __name__ == "__main__":
    sys.exit(main())
