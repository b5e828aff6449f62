# SPDX-License-Identifier: ISC
"""The servers that the scripts of tests/bench measure, and how they look at
them: prongd and the floor, started on ports of the kernel's choice in a
directory of their own and ended by their process id.

The programs come from PRONGD, PRONGCTL, PRONGBENCH, FLOOR and COSTS; without
those they are looked for where make puts them, below the current directory.
"""
import contextlib
import json
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

DEFAULTS = {
    "PRONGD": "src/prongd/prongd",
    "PRONGCTL": "src/prongctl/prongctl",
    "PRONGBENCH": "src/prongbench/prongbench",
    "FLOOR": "tests/bench/floor",
    "COSTS": "tests/bench/costs",
}

CONFIG = """\
workers = %(workers)d
pidfile = "%(directory)s/prongd.pid"
log { target = "stderr" level = "info" }
control { socket = "%(directory)s/control.sock" }
%(top)s
service "echo" {
  listen = {"127.0.0.1:0", "127.0.0.2:0"}
  handler = "%(handler)s"
  idle-timeout = "%(idle)s"
  %(settings)s
}
"""


class Failure(Exception):
    """Something that the measurement needs is not there."""


def program(name):
    path = os.path.abspath(os.environ.get(name) or DEFAULTS[name])
    if not os.access(path, os.X_OK):
        raise Failure("%s is not a program (set %s, or run in the build "
                      "directory after make)" % (path, name))
    return path


def need_tool(name):
    path = os.environ.get("PATH", os.defpath).split(":")
    if not any(os.access(os.path.join(p, name), os.X_OK) for p in path):
        raise Failure("%s is needed and not in PATH" % name)


def pinned(cpu):
    """The words that pin a command to a CPU; None pins nothing."""
    if cpu is None:
        return []
    if cpu not in os.sched_getaffinity(0):
        raise Failure("CPU %d is needed; this process may run on %s" % (
            cpu, sorted(os.sched_getaffinity(0))))
    return ["taskset", "-c", str(cpu)]


class Lines:
    """The lines of a pipe, each waited for no longer than a time."""

    def __init__(self, pipe):
        self.fd = pipe.fileno()
        self.rest = b""
        self.seen = []

    def wait_for(self, pattern, seconds):
        deadline = time.monotonic() + seconds
        while True:
            while b"\n" in self.rest:
                line, self.rest = self.rest.split(b"\n", 1)
                text = line.decode("utf-8", "replace")
                self.seen.append(text)
                match = re.search(pattern, text)
                if match:
                    return match
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise Failure("no line like \"%s\" within %d s; there was:"
                              "\n%s" % (pattern, seconds, self.text()))
            data = os.read(self.fd, 65536)
            if not data:
                raise Failure("it ended without a line like \"%s\":\n%s" % (
                    pattern, self.text()))
            self.rest += data

    def text(self):
        return "\n".join(self.seen[-20:]) + self.rest.decode("utf-8",
                                                             "replace")


def end(process, seconds=30):
    """Ends a process that this script started."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise Failure("process %d did not end on SIGTERM" % process.pid)


class Server:
    def __init__(self, process, port):
        self.process = process
        self.pid = process.pid
        self.port = port
        self.address = "127.0.0.1:%d" % port
        self.with_pid = "%s@%d" % (self.address, process.pid)


@contextlib.contextmanager
def floor(cpu=None):
    process = subprocess.Popen(pinned(cpu) + [program("FLOOR"), "0"],
                               stdout=subprocess.PIPE)
    try:
        port = Lines(process.stdout).wait_for(r"^(\d+)$", 10).group(1)
        yield Server(process, int(port))
    finally:
        end(process)


class Prongd(Server):
    """Its second address is for more clients than one has ports for."""

    def __init__(self, process, port, second, control):
        super().__init__(process, port)
        self.second = second
        self.control = control

    def status(self):
        out = subprocess.run([program("PRONGCTL"), "-s", self.control, "-j",
                              "status"], stdout=subprocess.PIPE, timeout=60,
                             check=True).stdout
        return json.loads(out)

    def workers(self):
        """The process ids of the workers."""
        return [w["pid"] for w in self.status()["workers"]
                if w.get("role", "worker") == "worker"]


@contextlib.contextmanager
def prongd(workers=1, cpu=None, under=(), seconds=30, handler="echo",
           settings="", top="", idle="60s"):
    """A prongd with an echo service; under are the words before it, settings
    are lines of the service, top are lines outside of it, and idle is how long
    a client may say nothing.
    """
    with tempfile.TemporaryDirectory(prefix="prong-bench-") as directory:
        config = os.path.join(directory, "prongd.conf")
        with open(config, "w", encoding="utf-8") as f:
            f.write(CONFIG % {"workers": workers, "directory": directory,
                              "handler": handler, "settings": settings,
                              "top": top, "idle": idle})
        process = subprocess.Popen(
            pinned(cpu) + list(under) + [program("PRONGD"), "-f", "-c",
                                         config],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            lines = Lines(process.stderr)
            port = lines.wait_for(
                r"listening on 127\.0\.0\.1:(\d+) service=echo",
                seconds).group(1)
            second = lines.wait_for(
                r"listening on (127\.0\.0\.2:\d+) service=echo",
                seconds).group(1)
            lines.wait_for(r"ready workers=%d\b" % workers, seconds)
            yield Prongd(process, int(port), second,
                         os.path.join(directory, "control.sock"))
        finally:
            end(process)


def prongbench(*words, cpu=None):
    """Runs prongbench to its end; returns its JSON object."""
    done = subprocess.run(pinned(cpu) + [program("PRONGBENCH"), "--json"] +
                          [str(w) for w in words], stdout=subprocess.PIPE)
    if done.returncode != 0:
        raise Failure("prongbench %s: exit code %d" % (
            " ".join(str(w) for w in words), done.returncode))
    return json.loads(done.stdout)


@contextlib.contextmanager
def idle_load(*words, seconds=120):
    """A prongbench that holds its connections for as long as the block."""
    process = subprocess.Popen(
        [program("PRONGBENCH"), "--json", "--idle", "1h"] +
        [str(w) for w in words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        Lines(process.stderr).wait_for(r"connections open, idle", seconds)
        yield process
        process.send_signal(signal.SIGTERM)
        out, errors = process.communicate(timeout=seconds)
        if process.returncode != 0:
            raise Failure("prongbench: exit code %d: %s" % (
                process.returncode, errors.decode()))
        if not json.loads(out)["ok"]:
            raise Failure("prongbench: there were errors")
    finally:
        end(process)


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), 30)


def send_until_full(sock):
    """Sends until nobody has taken anything for a moment; returns how much."""
    sent, block = 0, bytes(1 << 20)
    sock.setblocking(False)
    while select.select([], [sock], [], 0.3)[1]:
        sent += sock.send(block)
    return sent


def raise_descriptors():
    """For the servers and the clients, which inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def descendants(pid):
    """The process and all below it."""
    parents = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open("/proc/%s/stat" % name, encoding="latin-1") as f:
                parents[int(name)] = int(f.read().rpartition(")")[2].split(
                )[1])
        except OSError:
            continue        # it has just ended
    family = {pid}
    grown = True
    while grown:
        more = {p for p, parent in parents.items() if parent in family}
        grown = not more <= family
        family |= more
    return sorted(family)


def proc_kilobytes(pid, name, key):
    """A figure such as Pss of /proc/PID/smaps_rollup, in bytes."""
    with open("/proc/%d/%s" % (pid, name), encoding="latin-1") as f:
        for line in f:
            if line.startswith(key + ":"):
                return int(line.split()[1]) * 1024
    raise Failure("/proc/%d/%s has no %s" % (pid, name, key))


def verdict(what, holds):
    """Prints a bar with its figure; returns whether it holds."""
    print("%s: %s" % (what, "holds" if holds else "MISSED"), flush=True)
    return holds


def main(measure):
    """Runs a script's measure(), which says whether its bars hold."""
    try:
        holds = measure()
    except (Failure, OSError, subprocess.SubprocessError) as failure:
        print("%s: %s" % (os.path.basename(sys.argv[0]), failure),
              file=sys.stderr)
        holds = False
    sys.exit(0 if holds else 1)
