# SPDX-License-Identifier: ISC
"""The kinds of scenes in which a call of one process of a server fails, and
what must hold then; faultscenes.py has the table of them.

Whatever fails: no process dies of a signal of its own, a start ends with 1 or 2
and a reason or serves at every address, and when the fault is over a running
server is as it was, with all its workers, descriptors and memory.
"""

import json
import os
import re
import select
import signal
import socket
import time

from faultlib import ON, ONCE, FaultyServer
from prongtest import (BOUND, CLOSED, READY, REPORT, SANITIZERS,
                       Failure, check, children_of, connect, descriptors,
                       memory, nobody_left, say, until)

WORKERS = 2
# How long what fails from then on is left to itself, before it is over.
PATIENCE = 0.2
# The assertions of libconfuse's scanner, lexer.l, are its own, and so are those
# of the C library when it has no memory for the names of users.
CRASH = re.compile(r"SIG(SEGV|ABRT|BUS|ILL|FPE|SYS|TRAP)\b|died of signal|"
                   r"ends the process by signal|"
                   r"(?<!nss_database)\.c:\d+: .*Assertion|stack smashing|"
                   r"malloc\(|free\(\)|corrupt")
# What libseccomp does without memory: a process of its own has to do with it.
# libconfuse's scanner ends its process, and leaves its own memory behind.  And
# the dynamic loader may crash when its calls fail.
OTHERS = re.compile(r"(?m)^.*\n.*the process that tried it died$|"
                    r"^.*out of dynamic memory in yy\w+\(\)(?s:.*?)"
                    r"SUMMARY: AddressSanitizer: \d+ byte\(s\) leaked")
LOADER = re.compile('stage "start of the program": was killed by SIGSEGV')
DIED = re.compile(r"\(pid \d+\) (was killed|exited|does not turn)")
NEVER = 1 << 60
GROWTH = 1 << 20

SERVICES = {
    "echo": {"handler": "echo", "listen": ["127.0.0.1:0",
                                           "unix:@/echo.sock"]},
    "forked": {"handler": "echo", "dispatch": "fork"},
    "threaded": {"handler": "echo", "dispatch": "pool", "threads": 4,
                 "pool_unit": "message", "accept": "shared"},
}
OBJECTS = """
array "hits" { type = "int64" slots = 8 }
dict "notes" { memory = "1M" }
event "go" { set = true }
pool "work" { processes = 1 }
"""


def make(kind, services=None, text=OBJECTS, **settings):
    return FaultyServer(services or SERVICES, text=text, kind=kind,
                        **dict({"workers": WORKERS, "max_processes": 16,
                                "drain_timeout": "5s"}, **settings))


# --- what must hold ---------------------------------------------------------

def no_crash(server):
    text = OTHERS.sub("", server.log_text())
    if server.faults.kind == "call":
        text = LOADER.sub("", text)
    found = CRASH.search(text) or REPORT.search(text)
    check(not found, "a crash: %s" % (found and text[
        max(0, found.start() - 300):found.end() + 1200]))


def addresses(server):
    return [address for each in server.ask("services")["services"]
            for address in each["listen"]]


def serves(server):
    """Every address, and with several sockets each of them."""
    for address in addresses(server):
        clients = [connect(address) for _ in range(4 * WORKERS)]
        try:
            for client in clients:
                say(client, b"hello\n", b"hello\n")
        finally:
            for client in clients:
                client.close()


def all_ready(server):
    workers = server.workers()
    return len(workers) == WORKERS + 2 and all(
        each["state"] == "ready" for each in workers)


def is_exact(server):
    for each in server.ask("services")["services"]:
        counters = each["counters"]
        if each["active"] != 0 or counters["accepted"] != sum(
                counters[name] for name in CLOSED):
            return False
    return True


def has_reason(text):
    """Something beside where it listens and that it stops."""
    return any(line and not re.match(
        r"listening on|ready workers|draining|stopping|stopped|\(the end",
        line) for line in text.splitlines())


def failed_well(server, code, fault):
    """The end of a start that fails."""
    server._over()
    text = server.log_text()
    check(code in (1, 2), "the exit status %d" % code, text)
    check(has_reason(text), "there is no reason", text)
    nobody_left(BOUND)
    left = set(os.listdir(server.directory)) - {"prongd.conf", "saved"}
    # Before it has the lock of the pidfile, it is not its own to remove.
    if (name := os.path.basename(server.pidfile)) in left and \
            os.path.getsize(server.pidfile) == 0:
        left.remove(name)
    check(not left or fault.what.startswith("unlink"), "files are left", left)


# --- scenes of a start, and of an end ---------------------------------------

class Start:
    """The n-th call of the first process, or of its birth-th child."""

    def __init__(self, birth=0, **settings):
        self.birth = birth
        self.settings = settings

    def play(self, kind, number, mode):
        server = make(kind, **self.settings)
        try:
            server.faults.expect(self.birth)
            server.faults.fail(number, mode)
            server.launch()
            until(lambda: server.process.poll() is not None or
                  READY.search(server.log_text()), "a start's end")
            fault = server.faults.over()
            code = server.process.poll()
            if code is not None:
                failed_well(server, code, fault)
            else:
                until(lambda: all_ready(server), "all are ready")
                serves(server)
                server.stop()
            no_crash(server)
            server._remove()
            return fault
        except BaseException:
            self.told(server)
            raise

    @staticmethod
    def told(server):
        server.what = str(server.faults.over())
        print("# fault: " + server.what)
        server._give_up()

    def end(self):
        pass


class End(Start):
    """The n-th call of the master from a signal on that ends it."""

    def __init__(self, number=signal.SIGTERM, **settings):
        super().__init__(**settings)
        self.number = number

    def play(self, kind, number, mode):
        server = make(kind, **self.settings)
        try:
            server.start()
            client = server.connect("echo")
            say(client, b"hello\n", b"hello\n")
            server.faults.aim(server.pid)
            server.faults.fail(number, mode)
            server.tell(self.number)
            client.close()
            until(lambda: server.process.poll() is not None, "its end",
                  PATIENCE if mode == ON else BOUND) \
                if mode == ONCE else time.sleep(0)
            return self.ended(server)
        except BaseException:
            self.told(server)
            raise

    def ended(self, server):
        try:
            until(lambda: server.process.poll() is not None, "its end",
                  PATIENCE)
        except Failure:
            pass
        fault = server.faults.over()
        code = server.process.wait(BOUND)
        server._over()
        check(code in (0, 1), "the exit status %d" % code)
        check(code == 0 or has_reason(server.log_text()), "no reason")
        nobody_left(BOUND)
        no_crash(server)
        server._remove()
        return fault


# --- scenes of a running server ---------------------------------------------

def children_named(server, name):
    found = []
    for pid in sorted(children_of(server.pid)):
        try:
            with open("/proc/%d/cmdline" % pid, encoding="latin-1") as file:
                if name in file.read():
                    found.append(pid)
        except OSError:         # a clerk that has just ended
            pass
    return found


def master(server):
    return server.pid


def newborn(later=0):
    """The next child of the master, or so many later, from its first call."""
    return lambda server: server.faults.next_birth() + later


def child(name):
    return lambda server: children_named(server, name)[0]


class Asking:
    """A request of the control socket, which is answered or dropped."""

    def __init__(self, server, **request):
        self.socket = connect("unix:" + server.control)
        try:
            self.socket.sendall(json.dumps(request).encode() + b"\n")
        except BrokenPipeError:
            pass                # it was accepted, and dropped at once

    def is_over(self):
        return bool(select.select([self.socket], [], [], 0)[0])

    def end(self):
        """The answer; None: it was dropped."""
        with self.socket, self.socket.makefile("rb") as file:
            try:
                line = file.readline()
            except ConnectionResetError:
                return None
        if not line:
            return None
        check(line.endswith(b"\n"), "half an answer", line)
        try:
            answer = json.loads(line)
        except ValueError:
            raise Failure("the answer %r" % line) from None
        check(answer["ok"] in (True, False) and (
            "result" in answer or answer["error"]), "the answer", answer)
        return answer


class Talking:
    """A client of a service: two messages and its end."""

    def __init__(self, server, service):
        self.server = server
        self.socket = socket.socket()
        host, _, port = server.address(service).rpartition(":")
        self.socket.settimeout(BOUND)
        self.socket.connect((host, int(port)))
        self.socket.sendall(b"one\ntwo\n")
        self.left = 8

    def is_over(self):
        try:
            while self.left > 0 and select.select([self.socket], [], [],
                                                  0)[0]:
                data = self.socket.recv(self.left)
                self.left = self.left - len(data) if data else 0
        except OSError:
            self.left = 0
        if self.left == 0:
            self.socket.close()
        return self.left == 0 and is_exact(self.server)

    def end(self):
        until(self.is_over, "an answer, or the end")


class Dying:
    """A worker is killed, and replaced."""

    def __init__(self, server, name):
        self.server = server
        os.kill(children_named(server, name)[0], signal.SIGKILL)
        self.died = time.monotonic()

    def is_over(self):
        """To ask the server would be a part of what is counted."""
        return time.monotonic() > self.died + PATIENCE / 2

    def end(self):
        until(lambda: all_ready(self.server), "all are ready again")


class Signalled:
    """The master gets a signal, and says that it has done what it means."""

    def __init__(self, server, number, line):
        self.server = server
        self.line = re.compile(line)
        self.before = self.count()
        server.tell(number)
        self.told = time.monotonic()

    def count(self):
        return len(self.line.findall(self.server.log_text()))

    def is_over(self):
        return self.count() > self.before or \
            time.monotonic() > self.told + PATIENCE

    def end(self):
        pass


class Several:
    """One after the other."""

    def __init__(self, server, *makers):
        self.server = server
        self.makers = list(makers)
        self.now = None

    def is_over(self):
        if self.now is not None and self.now.is_over():
            self.now.end()
            self.now = None
        if self.now is None and self.makers:
            self.now = self.makers.pop(0)(self.server)
        return self.now is None

    def end(self):
        until(self.is_over, "what was asked for")


def ask(**request):
    return lambda server: Asking(server, **request)


def several(*makers):
    return lambda server: Several(server, *makers)


class Running:
    """The n-th call of a process while it does something, and afterwards."""

    def __init__(self, who, act, undo=None, born=None, **settings):
        self.who = who or newborn(born)
        self.is_born = who is None
        self.act = act
        self.undo = undo        # a request that makes it as it was
        self.settings = settings
        self.server = None
        self.before = None

    def start(self, kind):
        self.server = make(kind, **self.settings).start()
        until(lambda: all_ready(self.server), "all are ready")
        for _ in range(3):      # what this takes once, it has taken
            self.act(self.server).end()
            self.recovers()
        self.before = self.levels()

    def levels(self):
        """Of the master: what it has open, and how much it remembers."""
        return descriptors(self.server.pid), memory(self.server.pid)

    def recovers(self):
        until(lambda: all_ready(self.server), "all are ready")
        serves(self.server)
        until(lambda: is_exact(self.server), lambda: "exact counters: %r" % (
            self.server.ask("services")["services"]))
        self.server.settled()

    def play(self, kind, number, mode):
        if self.server is not None and self.server.faults.kind != kind:
            self.end()
        try:
            if self.server is None:
                self.start(kind)
            fault = self.once(number, mode)
        except BaseException:
            if self.server is not None:
                Start.told(self.server)
            self.server = None
            raise
        # One that fails often is started later and later.
        if DIED.search(self.server.log_text()):
            self.end()
        return fault

    def once(self, number, mode):
        server = self.server
        (server.faults.expect if self.is_born else server.faults.aim)(
            self.who(server))
        server.faults.fail(number, mode)
        act = self.act(server)
        end = time.monotonic() + PATIENCE if number != NEVER else NEVER
        while not act.is_over() and time.monotonic() < end:
            time.sleep(0.001)
        fault = server.faults.over()
        act.end()
        check(server.process.poll() is None, "the master has ended")
        if self.undo is not None:
            check((Asking(server, **self.undo).end() or {}).get("ok"),
                  "it does not obey any more", self.undo)
        self.recovers()
        no_crash(server)
        until(lambda: self.levels()[0] <= self.before[0],
              lambda: "descriptors: %d, then %d" % (self.before[0],
                                                    self.levels()[0]), 5)
        if not SANITIZERS:
            check(self.levels()[1] - self.before[1] < GROWTH, "it grows")
        return fault

    def end(self):
        if self.server is None:
            return
        server, self.server = self.server, None
        try:
            server.stop()
            no_crash(server)
        except BaseException:
            server._give_up()
            raise
        server._remove()
