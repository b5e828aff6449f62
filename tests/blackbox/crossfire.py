# SPDX-License-Identifier: ISC
"""The clients that notice everything (tests/long/crossfire.c), and what they
have seen.  Their times are those of time.monotonic().
"""

import json
import os
import select
import subprocess
import time

from prongtest import BOUND, BUILD, EXPECTED, Failure, check

PROGRAM = os.path.join(BUILD, "tests/long/crossfire")
# What no server does, whatever happens to it.
NEVER = ("resets", "wrong", "truncated", "silent")


def line(settings):
    """A class of clients, as the program wants it."""
    return ",".join("%s=%s" % each for each in settings.items())


class Crossfire:
    """classes are {name: settings}; all run from start to end."""

    def __init__(self, classes):
        self.process = subprocess.Popen(
            [PROGRAM] + [line(dict(settings, name=name))
                         for name, settings in classes.items()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        EXPECTED.add(self.process.pid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        EXPECTED.discard(self.process.pid)

    def _answer(self):
        data, end = b"", time.monotonic() + 2 * BOUND
        while not data.endswith(b"\n"):
            left = max(0, end - time.monotonic())
            if not select.select([self.process.stdout], [], [], left)[0]:
                raise Failure("crossfire does not answer")
            more = os.read(self.process.stdout.fileno(), 1 << 16)
            check(more, "crossfire has ended with", self.process.poll())
            data += more
        return json.loads(data)

    def look(self):
        """What has happened since it was last asked."""
        self.process.stdin.write(b"look\n")
        self.process.stdin.flush()
        return self._answer()

    def stop(self):
        """The same, once all that is due has been answered."""
        self.process.stdin.close()
        seen = self._answer()
        check(self.process.wait(BOUND) == 0, "crossfire has failed")
        return seen


def total(looks):
    """The counts of several looks, of all classes; failed connects are
    "failed", whatever the reason."""
    sums = {}
    for look in looks:
        for seen in look["classes"].values():
            for key, value in seen.items():
                if key == "failed":
                    value = sum(value.values())
                if isinstance(value, int):
                    sums[key] = sums.get(key, 0) + value
    return sums


def faults(looks):
    """In words."""
    return ["%.3f: %s %d: %s" % (each["at"], each["class"], each["client"],
                                 each["what"])
            for look in looks for each in look["faults"]]
