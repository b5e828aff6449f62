# SPDX-License-Identifier: ISC
"""Servers whose program file is replaced, by another build or by programs that
fail: for the campaign upgrades and its short form in make check.
"""

import contextlib
import os
import re
import shutil
import signal
import sys
import time

from loops import size
from prongtest import (EXPECTED, PRONGD, check, children_of, equal, is_alive,
                       until)

# upgrade-timeout, and what may pass until the answer, in seconds.
TIMEOUT = 5
LATE = 15


class Installed:
    """Mixed into a server in the background: its program file is its own, and
    its master changes."""

    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, **dict(
            {"upgrade_timeout": "%ds" % TIMEOUT}, **settings))
        self.program = os.path.join(self.directory, "prongd")
        self.before = []        # masters that have a successor
        self.install(PRONGD)

    def command(self, *options):
        return [self.program] + super().command(*options)[1:]

    def replace(self, write):
        """write(path) makes the file; nobody ever sees a half of it."""
        write(self.program + ".new")
        os.rename(self.program + ".new", self.program)

    def install(self, build):
        self.replace(lambda path: shutil.copy(build, path))

    def upgrade(self):
        """prongctl, and how long it took."""
        began = time.monotonic()
        run = self.ctl("upgrade", limit=120)
        return run, time.monotonic() - began

    def follow(self):
        """Whether the master is another one now."""
        with open(self.pidfile, encoding="ascii") as file:
            pid = int(file.read())
        if pid == self.pid:
            return False
        self.before.append(self.process)
        self.process = type(self.process)(pid)
        EXPECTED.add(pid)
        return True

    def bury(self):
        """Waits for the end of former masters; returns what was wrong."""
        wrong = []
        for each in self.before:
            status = each.wait(120)
            EXPECTED.discard(each.pid)
            if status != 0:
                wrong.append("master %d ended with %d" % (each.pid, status))
        self.before = []
        return wrong


    def kill(self):
        """All masters, whoever is whose child by now."""
        if self.process is None:
            return
        with contextlib.suppress(OSError, ValueError):
            self.follow()
        for each in self.before + [self.process]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(each.pid, signal.SIGKILL)
            EXPECTED.discard(each.pid)
        self.process = None


# --- programs that fail -----------------------------------------------------

def script(text):
    """A program of a shell."""
    def write(path):
        with open(path, "w", encoding="ascii") as file:
            file.write("#!/bin/sh\n" + text + "\n")
        os.chmod(path, 0o755)
    return write


def lacks_library(path):
    """prongd, linked to a library that is not there."""
    with open(PRONGD, "rb") as file:
        data = file.read()
    check(b"\0libc.so.6\0" in data, "prongd is not linked to libc.so.6")
    with open(path, "wb") as file:
        file.write(data.replace(b"\0libc.so.6\0", b"\0gone.so.6\0"))
    os.chmod(path, 0o755)


def is_cut(path):
    """The start of prongd: a copy that was interrupted."""
    with open(PRONGD, "rb") as file:
        data = file.read()
    with open(path, "wb") as file:
        file.write(data[:1 << 16])
    os.chmod(path, 0o755)


def is_not_executable(path):
    shutil.copy(PRONGD, path)
    os.chmod(path, 0o644)


def is_text(path):
    with open(path, "w", encoding="ascii") as file:
        file.write("this is no program\n")
    os.chmod(path, 0o755)


def hears(change):
    """prongd, to which a statement has changed what the master hands on, o."""
    def write(path):
        with open(path, "w", encoding="ascii") as file:
            file.write("#!%s\n" % sys.executable + """
import json, os, sys
fd = int(os.environ["PRONG_UPGRADE"])
o = json.loads(os.pread(fd, 1 << 24, 0))
%s
text = json.dumps(o).encode()
os.ftruncate(fd, 0)
os.pwrite(fd, text, 0)
os.execv(%r, sys.argv)
""" % (change, PRONGD))
        os.chmod(path, 0o755)
    return write


# What the new program is, and what prongctl says then.
FAILING = {
    "crashes": (script("kill -ABRT $$"), "SIGABRT"),
    "exits with 1": (script("exit 1"), "1"),
    "exits with 0": (script("exit 0"), "0"),
    "hangs": (script("exec sleep 3600"), "upgrade-timeout"),
    "hangs and ignores signals": (script(
        "trap '' HUP INT QUIT TERM; exec sleep 3600"), "upgrade-timeout"),
    "is stopped": (script("kill -STOP $$"), "upgrade-timeout"),
    "is not executable": (is_not_executable, "[Pp]ermission"),
    "is no program": (is_text, ""),
    "is cut short": (is_cut, ""),
    "lacks a library": (lacks_library, ""),
}


def traces(server):
    """What a failed upgrade might leave in the master: descriptors and
    children, of which one may have been replaced by another."""
    return size(server.pid).descriptors, len(children_of(server.pid))


def fails(server, prepare, pattern):
    """An upgrade that fails, to a program that prepare() makes; returns what
    prongctl said and how long it took."""
    before = traces(server)
    prepare()
    run, took = server.upgrade()
    equal(run.returncode, 1, "the exit status of prongctl")
    check(took < TIMEOUT + LATE, "it takes", took)
    check(run.stderr.startswith("prongctl: ") and
          re.search(pattern, run.stderr), "the reason", pattern, run.stderr)
    check(is_alive(server.pid) and not server.follow(), "another master")
    until(lambda: traces(server) == before, lambda: "nothing is left: %r, "
          "before: %r" % (traces(server), before))
    return run.stderr.strip(), took


def refused(server):
    """The configuration is one that the new program refuses."""
    server.install(PRONGD)
    path = os.path.join(server.directory, "prongd.conf")
    with open(path, "a", encoding="ascii") as file:
        file.write("no-such-key = 1\n")


def all_failing():
    """Names, what makes the new program of a server, what prongctl says."""
    for name, (write, pattern) in FAILING.items():
        yield name, lambda server, write=write: server.replace(write), pattern
    yield ("is missing", lambda server: os.unlink(server.program),
           "[Nn]o such file")
    yield "refuses its configuration", refused, "no-such-key"
