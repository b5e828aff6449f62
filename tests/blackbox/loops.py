# SPDX-License-Identifier: ISC
"""What is done to a server again and again, reload and upgrade, while four of
its services are under fire: the services, who fires, who counts, and what must
hold.  For the campaigns, and for the short form of them in make check.
"""

import collections
import contextlib
import os
import signal
import subprocess
import threading
import time

from crossfire import Crossfire, faults, total
from prongtest import (CLOSED, EXPECTED, PRONGCTL, Failure, Server, check,
                       children_of, descriptors, expect, until)

WORKERS = 2
GREETINGS = "alpha", "beta"
# Connects that fail, resets and the like: none, whatever is done to a server.
BARS = ("failed", "resets", "wrong", "truncated", "silent", "overrun")


# --- two configurations -----------------------------------------------------

def services(second):
    """Those of the first and of the second configuration."""
    anew = ["127.0.0.1:0"] + ["unix:@/second.sock"] * second
    found = {
        "stay": {"handler": "echo"},
        "line": {"handler": "echo", "framing": "line",
                 "limits": {"connections": 2000 if second else 1000}},
        "anew": {"handler": "echo", "listen": anew, "backlog": 1024,
                 "options": {"greeting": GREETINGS[second] + "\n"}},
        "unix": {"handler": "echo", "framing": "line", "backlog": 1024,
                 "listen": ["unix:@/unix.sock"]},
    }
    if second:
        found["more"] = {"handler": "discard"}
    return found


def objects(second):
    """The first has an array, the second a dict beside it."""
    return 'array "both" { slots = 8 }\n' + (
        'dict "more" { memory = "1M" }\n' if second else "")


SETTINGS = {"workers": WORKERS, "canary_time": "0", "max_processes": 64}


def classes(server):
    """Who fires at the four, so much that the machine has time left."""
    address = {name: server.addresses(name)[0] for name in services(False)}
    return {
        "stay": {"address": address["stay"], "connections": 40, "rate": 500},
        "line": {"address": address["line"], "connections": 40, "rate": 100,
                 "depth": 8},
        "anew": {"address": address["anew"], "connections": 40, "rate": 300,
                 "each": 1, "greeting": "|".join(GREETINGS)},
        "unix": {"address": address["unix"], "connections": 40, "rate": 200,
                 "depth": 4, "each": 1},
    }


class Versions:
    """The two texts of a server's configuration file, of which it has one."""

    def __init__(self, server):
        self.path = os.path.join(server.directory, "prongd.conf")
        other = Server(services(True), text=objects(True),
                       directory=server.directory, log=server.log_target,
                       level=server.level, **server.settings)
        self.texts = [each.text.replace("@", server.directory)
                      for each in (server, other)]
        self.which = 0

    def write(self, which):
        """Nobody ever reads a half of it."""
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            file.write(self.texts[which])
        os.rename(self.path + ".new", self.path)
        self.which = which

    def change(self):
        self.write(1 - self.which)


# --- who looks at the counters ----------------------------------------------

class Counters:
    """Looks at the state of a server all the time: no counter ever falls, and
    there are never more ends than beginnings."""

    def __init__(self, server):
        self.server = server
        self.last = {}
        self.wrong = []
        self.failed = []        # looks
        self.looks = 0
        self.generations = 0    # that had processes, at most
        self.stopping = threading.Event()
        self.thread = None

    def __enter__(self):
        self.stopping.clear()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()

    def _run(self):
        while not self.stopping.wait(0.02):
            try:
                self._look(self.server.ask())
            except (OSError, Failure, ValueError) as error:
                self.failed.append("%.3f: %s" % (time.monotonic(), error))

    def _look(self, status):
        self.looks += 1
        self.generations = max(self.generations, len({
            worker["generation"] for worker in status["workers"]
            if worker["pid"] != 0}))
        for service in status["services"]:
            self._compare(service["name"], service["counters"])
        self._compare("all", status["totals"])

    def _compare(self, name, counters):
        counters = {key: value for key, value in counters.items()
                    if key != "active"}
        if sum(counters[key] for key in CLOSED) > counters["accepted"]:
            self.wrong.append("%s: more ends than beginnings: %r" % (
                name, counters))
        last = self.last.get(name, counters)
        self.wrong += ["%s: %s fell from %d to %d" % (name, key, last[key],
                                                      value)
                       for key, value in counters.items()
                       if value < last.get(key, 0)]
        self.last[name] = counters


def ledger(server, sums, kills=0):
    """What is not as it should be in the books of a server at rest, given what
    all its clients have seen."""
    wrong = []
    for name in services(False):
        counters = server.rest(name)
        refused = sum(value for key, value in counters.items()
                      if key.startswith("refused_"))
        missing = sums[name]["connects"] - counters["accepted"] - refused
        if not 0 <= missing <= kills:
            wrong.append("%s: %d connects, but %d accepted and %d refused" % (
                name, sums[name]["connects"], counters["accepted"], refused))
    return wrong


# --- who asks for it --------------------------------------------------------

Request = collections.namedtuple("Request", "process began")


class Requests:
    """prongctl, again and again, without waiting for the last one; or every
    other time a signal, if there is one."""

    def __init__(self, server, command, number=None):
        self.server = server
        self.command = command
        self.number = number
        self.asked = 0
        self.signals = 0
        self.running = []
        self.failed = []
        self.times = []         # of those of prongctl, in seconds

    def ask(self):
        self.asked += 1
        if self.number is not None and self.asked % 2 == 0:
            self.signals += 1
            self.server.tell(self.number)
            return
        process = subprocess.Popen(
            [PRONGCTL, "-s", self.server.control, self.command],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True)
        EXPECTED.add(process.pid)
        self.running.append(Request(process, time.monotonic()))

    def collect(self):
        """Those that have ended; returns whether all have."""
        for each in [each for each in self.running
                     if each.process.poll() is not None]:
            self.running.remove(each)
            EXPECTED.discard(each.process.pid)
            self.times.append(time.monotonic() - each.began)
            text = each.process.stderr.read()
            each.process.stderr.close()
            if each.process.returncode != 0 or text:
                self.failed.append("exit %d: %s" % (each.process.returncode,
                                                    text.strip()))
        return not self.running

    def settle(self):
        """Waits until all have been answered; a signal has no answer: what it
        asked for is over with one request more."""
        until(self.collect, "all of prongctl is answered", 120)
        self.asked += 1
        ctl(self.server, self.command)

    def give_up(self):
        for each in self.running:
            each.process.kill()
            each.process.wait()
            each.process.stderr.close()
            EXPECTED.discard(each.process.pid)


def ctl(server, *arguments):
    run = server.ctl(*arguments, limit=120)
    check(run.returncode == 0, "prongctl " + " ".join(arguments),
          run.returncode, run.stderr)
    return run.stdout


# --- what is left -----------------------------------------------------------

Size = collections.namedtuple(
    "Size", "descriptors mailboxes resident data mappings")


def mailboxes(pid):
    """Descriptors of them, the only datagram sockets of a master: a slot has a
    mailbox from when it was first used, so many, forever."""
    with open("/proc/net/unix", encoding="ascii", errors="replace") as file:
        rows = [row.split() for row in file]
    datagram = {"socket:[%s]" % row[6] for row in rows if row[4] == "0002"}
    found = 0
    for name in os.listdir("/proc/%d/fd" % pid):
        with contextlib.suppress(FileNotFoundError):
            found += os.readlink("/proc/%d/fd/%s" % (pid, name)) in datagram
    return found


def size_now(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as file:
        status = dict(line.split(":", 1) for line in file)
    with open("/proc/%d/maps" % pid, encoding="utf-8") as file:
        mappings = len(file.readlines())
    boxes = mailboxes(pid)
    return Size(descriptors(pid) - boxes, boxes,
                *(1024 * int(status[key].split()[0])
                  for key in ("VmRSS", "VmData")), mappings)


def size(pid):
    """Of a process: how many descriptors, those of mailboxes apart, bytes,
    mappings; once those that asked it something have gone, and it rests."""
    seen = []

    def rests():
        seen.append(size_now(pid))
        return len(seen) >= 8 and len(set(seen[-8:])) == 1

    until(rests, lambda: "it rests: %r" % seen[-8:])
    return seen[-1]


def is_settled(server):
    """Whether one generation is there, with all it wants, and no clerk."""
    status = server.ask()
    workers = [w for w in status["workers"] if w["pid"] != 0]
    return len(workers) == WORKERS and all(
        w["state"] == "ready" and w["generation"] == status["generation"]
        for w in workers) and \
        children_of(status["pid"]) == {w["pid"] for w in workers}


def settle(server):
    until(lambda: is_settled(server), lambda: "one generation is left: %r" %
          server.ask()["workers"], 120)


# --- all together -----------------------------------------------------------

class Fire:
    """The load, with what its clients have seen, in slices of kinds."""

    def __init__(self, server):
        self.crossfire = Crossfire(classes(server))
        self.looks = []
        self.slices = collections.defaultdict(list)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.crossfire.__exit__()

    def until_served(self):
        def all_served():
            self.looks.append(self.crossfire.look())
            return all(sum(look["classes"][name]["messages"] for look in
                           self.looks) > 100 for name in services(False))

        until(all_served, lambda: "all are served: %r" % self.looks[-1])

    def slice(self, kind):
        """What was seen since the last call belongs to this."""
        look = self.crossfire.look()
        self.looks.append(look)
        self.slices[kind].append(look)
        return look

    def stop(self):
        self.looks.append(self.crossfire.stop())

    def sums(self):
        """By class."""
        return {name: total([{"classes": {name: look["classes"][name]}}
                             for look in self.looks])
                for name in self.looks[0]["classes"]}

    def total(self):
        return total(self.looks)

    def greeted(self):
        """How often clients who come anew were greeted, and how."""
        found = collections.Counter(dict.fromkeys(GREETINGS, 0))
        for look in self.looks:
            found.update(look["classes"]["anew"]["greeted"])
        return found

    def faults(self):
        return faults(self.looks)


def reloads(versions, requests, seconds, rate):
    """So many requests a second, each for the other configuration."""
    begin = time.monotonic()
    for number in range(round(seconds * rate)):
        requests.collect()
        versions.change()
        requests.ask()
        time.sleep(max(0, begin + (number + 1) / rate - time.monotonic()))
    requests.settle()


def many_generations(server, number=8):
    """So many drain at once, each for a client in the middle of a line, who is
    answered: then the master has been as large as it ever will be."""
    clients = []
    try:
        for each in range(number):
            clients.append(server.connect("line"))
            clients[-1].sendall(b"the start of line %d" % each)
            until(lambda: server.counters("line")["active"] == len(clients),
                  "it is there")
            ctl(server, "reload")
        for each, client in enumerate(clients):
            client.sendall(b", and its end\n")
            expect(client, b"the start of line %d, and its end\n" % each)
    finally:
        for client in clients:
            client.close()


RELOAD_SIGNAL = signal.SIGHUP
