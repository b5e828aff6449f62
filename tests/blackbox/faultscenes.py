# SPDX-License-Identifier: ISC
"""What a server is at when a call of one of its processes fails.  SCENES is the
table: a scene is a line of it.

A scene is played once without a fault, to count the calls, and then once for
each of them (or a sample) that fails, once or from then on.
"""

import random
import signal
import time

import prongtest
from faultkinds import (NEVER, WORKERS, Dying, End, Running, Signalled, Start,
                        Talking, ask, child, master, several)
from faultupgrade import Upgrading

# One more than a start has; and a reload, but for the processes that serve:
# when it is answered they go on, and are not waited for.
BIRTHS, RELOAD_BIRTHS = 13, 9

SCENES = {
    "start-master": Start(0),
    # Its children in their order: who reads the configuration, who looks what
    # handlers declare, ..., and those that serve.  Some are root's only.
    **{"start-child-%d" % birth: Start(birth) for birth in range(1, BIRTHS)},
    "stop": End(signal.SIGTERM),
    "stop-fast": End(signal.SIGINT),
    "status": Running(master, ask(command="status")),
    "workers": Running(master, ask(command="workers")),
    "services": Running(master, ask(command="services")),
    "conns": Running(master, ask(command="conns")),
    "counters": Running(master, ask(command="counters")),
    "nonsense": Running(master, ask(command="nonsense")),
    "close": Running(master, ask(command="close", id=1)),
    "pause": Running(master, several(
        ask(command="pause", service="echo"),
        ask(command="resume", service="echo")),
        {"command": "resume", "service": "echo"}),
    "scale": Running(master, several(
        ask(command="scale", workers=WORKERS + 1),
        ask(command="scale", workers=WORKERS)),
        {"command": "scale", "workers": WORKERS}),
    "log-level": Running(master, ask(command="log-level", level="info")),
    "reopen": Running(master, ask(command="reopen")),
    "array-show": Running(master, ask(command="array show", name="hits")),
    "dict-set": Running(master, ask(command="dict set", name="notes",
                                    key="k", value="v")),
    "event-clear": Running(master, ask(command="event clear", name="go")),
    "pool-show": Running(master, ask(command="pool show", name="work")),
    "usr1": Running(master, lambda server: Signalled(
        server, signal.SIGUSR1, "logs reopened")),
    "death-worker": Running(master, lambda server: Dying(server, "worker")),
    "death-forker": Running(master, lambda server: Dying(server, "forker")),
    "death-pool": Running(master, lambda server: Dying(server, "pool")),
    "reload": Running(master, ask(command="reload"), canary_time="0"),
    # Who reads the configuration, ...; those that serve are below.
    **{"reload-child-%d" % birth: Running(
        None, ask(command="reload"), born=birth - 1, canary_time="0")
       for birth in range(1, RELOAD_BIRTHS)},
    "clerk": Running(None, ask(command="dict show", name="notes"), born=0),
    "birth-worker": Running(None, lambda server: Dying(server, "worker"),
                            born=0),
    "birth-forker": Running(None, lambda server: Dying(server, "forker"),
                            born=0),
    "birth-pool": Running(None, lambda server: Dying(server, "pool"),
                          born=0),
    "serve-worker": Running(child("worker 0"), lambda server: Talking(
        server, "echo")),
    "serve-threads": Running(child("worker 0"), lambda server: Talking(
        server, "threaded")),
    "serve-forker": Running(child("forker"), lambda server: Talking(
        server, "forked")),
    # By its former master, and by the new one.
    "upgrade": Upgrading(master),
    "upgrade-new": Upgrading(),
    "upgrade-other": Upgrading(master, others=True),
    "upgrade-other-new": Upgrading(others=True),
}


class Result:
    """Of one scene."""

    def __init__(self):
        self.calls = 0          # that can fail
        self.points = 0         # faults that were tried
        self.failures = []


def numbers_of(count, most, rng):
    """All of them, or so many."""
    if most is None or count <= most:
        return list(range(1, count + 1))
    return sorted(rng.sample(range(1, count + 1), most))


def play(name, kind, mode, most=None, seconds=NEVER, seed=1, failures=1):
    """All faults of a scene, or a sample: at most so many, for so long."""
    scene, result = SCENES[name], Result()
    end = time.monotonic() + seconds
    try:
        result.calls = scene.play(kind, NEVER, mode).count
        for tried, number in enumerate(numbers_of(result.calls, most,
                                                  random.Random(seed))):
            # On a machine that has much to do one is tried all the same.
            if (tried and time.monotonic() > end or
                    len(result.failures) >= failures):
                break
            try:
                fault = scene.play(kind, number, mode)
                result.points += fault.failed > 0
            except Exception as failure:
                prongtest._clean()
                result.failures.append("%s, %s %d %s: %s" % (
                    name, kind, number, mode, failure))
    finally:
        scene.end()
    return result
