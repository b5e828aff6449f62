# SPDX-License-Identifier: ISC
"""Upgrades in which calls fail, of the master that is replaced or of the one
that is to follow: a kind of scene.

Whatever fails: clients are served all the time, there is one master afterwards,
with the pidfile, the control socket, all addresses and objects, the answer is
right about who that is, and the next upgrade succeeds.
"""

import contextlib
import os
import re
import signal
import stat
import time

from faultkinds import (GROWTH, NEVER, OBJECTS, PATIENCE, SERVICES, WORKERS,
                        Asking, Running, addresses, all_ready, no_crash)
from faultlib import ON, FaultyServer
from prongtest import (BOUND, EXPECTED, SANITIZERS, Together, check, connect,
                       equal, is_alive, say, service_text, until)

# upgrade-timeout: what is lost by a fault may have to be waited for.
TIMEOUT = 30
MARK = 17                       # in a cell of the array
CELL = 3
ADDRESSES = sum(len(each.get("listen", [None])) for each in SERVICES.values())
# What the log says of it; what the answer is without memory for one.
BEGUN = re.compile("upgrade: begun, with ")
ENDED = re.compile("upgrade: nothing has changed|serves; this one, ")
ASKED = re.compile("log level: info, as asked")
UNCLEAR = re.compile("out of memory: it may be done|^it is done, but")


class Successor:
    """A master that came after another: what subprocess.Popen has of it."""

    def __init__(self, pid, stderr):
        self.pid = pid
        self.stderr = stderr    # the first one's
        self.returncode = None

    def poll(self):
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:   # of the one before, still
                return None
            if pid != 0:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, limit):
        until(lambda: self.poll() is not None, "the end of a master", limit)
        return self.returncode

    def send_signal(self, number):
        os.kill(self.pid, number)

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            if self.poll() is None:
                self.send_signal(signal.SIGKILL)


class Followed(FaultyServer):
    """In the foreground; its master changes.  With others=True each upgrade is
    to another configuration, of two: their service extra listens elsewhere."""

    def __init__(self, others, **settings):
        super().__init__(SERVICES, text=OBJECTS, workers=WORKERS,
                         max_processes=16, drain_timeout="20s",
                         canary_time="0", upgrade_timeout="%ds" % TIMEOUT,
                         **settings)
        self.former = []        # masters that have a successor
        self.texts = [self.text] if not others else [
            self.text + service_text("extra", {
                "handler": "echo", "listen": ["unix:@/extra-%d.sock" % n]})
            for n in range(2)]
        self.now = 0            # which of them it has
        self.text = self.texts[0]

    def prepare(self):
        """What the next one is to have."""
        self.text = self.texts[(self.now + 1) % len(self.texts)]
        self.command()

    def extra(self):
        """Where only this configuration listens."""
        return ["unix:%s/extra-%d.sock" % (self.directory, self.now)] \
            if len(self.texts) > 1 else []

    def pid_in_file(self):
        with open(self.pidfile, encoding="ascii") as file:
            return int(file.read())

    def follow(self):
        """The master is who is in the pidfile now; returns whether that is
        another one."""
        pid = self.pid_in_file()
        if pid == self.pid:
            return False
        self.now = (self.now + 1) % len(self.texts)
        self.former.append(self.process)
        self.process = Successor(pid, self.process.stderr)
        EXPECTED.add(pid)
        self.faults.page.set(root=pid)
        return True

    def bury(self):
        """Waits for the ends of former masters."""
        for each in self.former:
            code = each.wait(BOUND)
            EXPECTED.discard(each.pid)
            check(code == 0, "a former master ended with", code)
        self.former = []

    def kill(self):
        if self.process is not None:
            try:
                self.follow()
            except (OSError, ValueError):
                pass            # as the fault has left it
            for each in self.former:
                each.kill()
                EXPECTED.discard(each.pid)
        super().kill()


class Upgrade(Asking):
    """A request for an upgrade; over when it is answered and one master is
    left."""

    def __init__(self, server):
        server.prepare()
        super().__init__(server, command="upgrade")
        self.server = server
        self.answered = False
        self.answer = None

    def is_over(self):
        if not self.answered and super().is_over():
            self.answer = super().end()
            self.answered = True
        return self.answered and (
            not self.has_succeeded() or
            self.server.process.poll() is not None)

    def has_succeeded(self):
        return self.answer is not None and self.answer["ok"]

    def end(self):
        until(self.is_over, "an answer, and the end of the former master",
              2 * BOUND)
        return self.answer


def served(server, where):
    """A client after the other at each address, for as long as it is to be."""
    def clients(stopping):
        while not stopping.wait(0.002):
            for address in where:
                with connect(address) as client:
                    say(client, b"hello\n", b"hello\n")
    return Together(clients)


def sockets(folder):
    """The unix sockets in it, but for the judge's."""
    paths = {name: os.path.join(folder, name) for name in os.listdir(folder)}
    return {name for name, path in paths.items() if name != "faults.sock" and
            stat.S_ISSOCK(os.lstat(path).st_mode)}


class Upgrading(Running):
    """The n-th call of the former master, or of the new one."""

    def __init__(self, who=None, others=False):
        super().__init__(who, Upgrade, None, 0)
        self.others = others
        self.where = None       # ... every configuration listens
        self.accepted = 0

    def start(self, kind):
        self.server = Followed(self.others, kind=kind).start()
        until(lambda: all_ready(self.server), "all are ready")
        run = self.server.ctl("array", "set", "hits", str(CELL), str(MARK))
        equal((run.returncode, run.stderr), (0, ""), "prongctl array set")
        self.where = addresses(self.server)[:ADDRESSES]
        self.accepted = 0
        for _ in range(2):
            self.succeeds()
        self.before = self.levels()

    def succeeds(self):
        """An upgrade without a fault."""
        answer = Upgrade(self.server).end()
        check(answer is not None and answer["ok"], "an upgrade fails", answer)
        check(self.server.follow(), "the master is the same")
        equal(self.server.pid, answer["result"]["pid"], "the pid")
        self.server.bury()
        self.holds()

    def holds(self):
        """All of it is there, once."""
        server = self.server
        check(is_alive(server.pid), "the master has ended")
        until(lambda: server.ask()["pid"] == server.pid, "who answers")
        self.recovers()
        equal(addresses(server), self.where + server.extra(),
              "the addresses")
        cells = Asking(server, command="array show", name="hits").end()
        equal(cells["result"]["sum"], MARK, "the array")
        accepted = sum(each["counters"]["accepted"] for each in
                       server.ask("services")["services"])
        check(accepted >= self.accepted, "counters: %d accepted, then %d" % (
            self.accepted, accepted))
        self.accepted = accepted

    def waits(self, act, number, mode):
        """Until it is over; what fails from then on does so for a while."""
        failing = []

        def is_enough():
            if mode == ON and not failing and self.server.faults.failing():
                failing.append(time.monotonic())
            return act.is_over() or (failing and time.monotonic() >
                                     failing[0] + PATIENCE)

        until(is_enough, "an answer", 2 * BOUND)

    def has_ended(self):
        """As the log says it, whatever was answered."""
        text = self.server.log_text()
        return len(BEGUN.findall(text)) == len(ENDED.findall(text))

    def told(self, answer):
        """It is the truth, and the former master is gone if there is one."""
        server = self.server
        is_clear = answer is not None and (
            answer["ok"] or not UNCLEAR.search(answer["error"]))
        if not is_clear:
            # What was logged until now has been read when this has.
            before = len(ASKED.findall(server.log_text()))
            server.settled()
            server.logged(ASKED, count=before + 1)
            until(self.has_ended, "the end of the upgrade", 2 * BOUND)
        follows = server.follow()
        if is_clear:
            equal((follows, follows and server.pid == answer["result"]["pid"]),
                  (answer["ok"], answer["ok"]), "whether it has succeeded: %r"
                  % answer)
        server.bury()
        check(server.process.poll() is None, "the master has ended")

    def once(self, number, mode):
        server = self.server
        with served(server, self.where):
            (server.faults.expect if self.is_born else server.faults.aim)(
                self.who(server))
            server.faults.fail(number, mode)
            act = self.act(server)
            self.waits(act, number, mode)
            fault = server.faults.over()
            self.told(act.end())
        self.holds()
        no_crash(server)
        if not fault.what.startswith("unlink"):
            equal(sockets(server.directory), self.sockets(), "unix sockets")
        self.is_as_before()
        if number != NEVER:
            self.succeeds()
            self.is_as_before()
        return fault

    def sockets(self):
        """The paths that are to be there, and no others."""
        return {address.rpartition("/")[2] for address in
                self.where + self.server.extra() if "/" in address} | {
                    os.path.basename(self.server.control)}

    def is_as_before(self):
        until(lambda: self.levels()[0] <= self.before[0],
              lambda: "descriptors: %d, then %d" % (self.before[0],
                                                    self.levels()[0]), 5)
        if not SANITIZERS:
            check(self.levels()[1] - self.before[1] < GROWTH,
                  "it grows")

