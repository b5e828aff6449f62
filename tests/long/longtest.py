# SPDX-License-Identifier: ISC
"""What the campaigns share: their arguments, figures and bars, a server in
the background with log files, and its control socket kept open.

A campaign prints its seed, then its figures as "name: value"; a figure that
misses its bar is told on standard error, and at the end there is a verdict.
The seed of PRONG_SEED is used when it is set.
"""

import argparse
import ctypes
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "blackbox"))

import prongtest                                        # noqa: E402
from prongtest import BOUND, Failure, check, until      # noqa: E402

# After the time that a campaign is to take, for what comes before and after.
GRACE = 300


# --- figures and bars -------------------------------------------------------

def _shown(value):
    return "%.3f" % value if isinstance(value, float) else str(value)


class Campaign:
    """The arguments, the seed, the figures; and the verdict.  options are as
    argparse wants them; more arguments are {name: (default, help)}, and
    attributes."""

    def __init__(self, text, seconds, options=None, **more):
        parser = argparse.ArgumentParser(description=text)
        parser.add_argument("--seconds", type=float, default=seconds,
                            help="how long it runs (%g)" % seconds)
        parser.add_argument("--seed", type=int, default=None,
                            help="of its random numbers (PRONG_SEED)")
        for name, option in (options or {}).items():
            parser.add_argument(name, **option)
        for name, (default, what) in more.items():
            parser.add_argument("--" + name, type=type(default),
                                default=default, help=what)
        self.arguments = parser.parse_args()
        self.seconds = self.arguments.seconds
        for name in more:
            setattr(self, name, getattr(self.arguments, name))
        seed = self.arguments.seed
        if seed is None:
            seed = os.environ.get("PRONG_SEED")
        if seed is None:
            seed = int.from_bytes(os.urandom(4), "big")
        self.seed = int(seed)
        self.random = random.Random(self.seed)
        self.missed = []
        self.figure("seed", self.seed)
        self.figure("sanitizers", prongtest.SANITIZERS or "no")

    def figure(self, name, value):
        print("%s: %s" % (name, _shown(value)), flush=True)

    def _bar(self, name, value, holds, wanted):
        self.figure(name, value)
        if not holds:
            self.missed.append(name)
            print("missed: %s is %s, wanted %s" % (
                name, _shown(value), wanted), file=sys.stderr, flush=True)

    def at_most(self, name, value, limit):
        self._bar(name, value, value <= limit, "at most " + _shown(limit))

    def at_most_plain(self, name, value, limit):
        """Of times and memory: a sanitizer takes both, so it has no bar."""
        if prongtest.SANITIZERS:
            self.figure(name, value)
        else:
            self.at_most(name, value, limit)

    def at_least(self, name, value, limit):
        self._bar(name, value, value >= limit, "at least " + _shown(limit))

    def exactly(self, name, value, wanted):
        self._bar(name, value, value == wanted, _shown(wanted))

    def none(self, name, found):
        """There must be none of these; some of them are told."""
        for each in found[:5]:
            print("# %s: %s" % (name, each), file=sys.stderr)
        self.exactly(name, len(found), 0)

    def run(self, function):
        """Runs it; does not return."""
        ctypes.CDLL(None).prctl(prongtest.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        signal.signal(signal.SIGALRM, _too_long)
        signal.signal(signal.SIGTERM, _ended)
        signal.alarm(int(self.seconds + GRACE))
        try:
            function(self)
        except Exception:
            self.missed.append("the campaign itself")
            print(traceback.format_exc(), file=sys.stderr)
        finally:
            _end_all()
        print("verdict: %s" % ("failed (%s)" % ", ".join(self.missed)
                               if self.missed else "passed"), flush=True)
        sys.exit(1 if self.missed else 0)


def _end_all():
    """What a campaign that failed has left: its orphans come to us."""
    prongtest.EXPECTED.clear()
    until(lambda: not [os.kill(pid, signal.SIGKILL)
                       for pid in prongtest.reap()], "killed processes end")


def _too_long(number, frame):
    raise Failure("the campaign takes too long")


def _ended(number, frame):
    sys.exit(1)


def percentile(values, share):
    """The smallest value that so many of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def slope(points):
    """By least squares: the change of y with one x, of pairs (x, y)."""
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    square = sum((x - mean_x) ** 2 for x, _ in points)
    if square == 0:
        return 0.0
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / square


# --- processes --------------------------------------------------------------

def shared_memory(pid):
    """Bytes of shared memory that a process has touched."""
    with open("/proc/%d/status" % pid, encoding="ascii") as file:
        return int(re.search(r"RssShmem:\s+(\d+) kB",
                             file.read()).group(1)) * 1024


def is_child(pid, parent):
    try:
        with open("/proc/%d/stat" % pid, encoding="latin-1") as file:
            return int(file.read().rpartition(")")[2].split()[1]) == parent
    except (FileNotFoundError, ProcessLookupError):
        return False


def kill_child(pid, parent, number=signal.SIGKILL):
    """If the pid is still that child and no other's; whether."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if not is_child(pid, parent):
            return False
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


def stop_child(pid, parent):
    return kill_child(pid, parent, signal.SIGSTOP)


class Background:
    """What subprocess.Popen has, for a child that came to us."""

    def __init__(self, pid):
        self.pid = pid
        self.returncode = None

    def poll(self):
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid != 0:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, limit):
        try:
            until(lambda: self.poll() is not None, "its end", limit)
        except Failure:
            raise subprocess.TimeoutExpired(str(self.pid), limit) from None
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)


# --- a server ---------------------------------------------------------------

class Daemon(prongtest.Server):
    """prongd in the background, as an administrator has it: it logs to files,
    prongd.log and with access=True access.log, with time and process."""

    def __init__(self, services, level="info", access=False, **settings):
        super().__init__(services, log="@/prongd.log", level=level,
                         **settings)
        if access:
            self.text = self.text.replace("log {", "log { access = "
                                          '"@/access.log"', 1)
        # The workers are another user when root runs this.
        self.reports = os.path.join(self.directory, "reports")
        os.chmod(self.directory, 0o755)
        os.mkdir(self.reports)
        os.chmod(self.reports, 0o1777)

    def launch(self):
        environment = dict(os.environ)
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
            environment[name] = ":".join(filter(None, [
                os.environ.get(name), "log_path=%s/report" % self.reports]))
        run = subprocess.run(
            self.command(), stdin=subprocess.DEVNULL, env=environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            timeout=BOUND, check=False, preexec_fn=lambda:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0)))
        check(run.returncode == 0, "prongd does not start:", run.stderr)
        with open(self.pidfile, encoding="ascii") as file:
            self.process = Background(int(file.read()))
        prongtest.EXPECTED.add(self.pid)
        return self

    def start(self):
        return self.launch()

    def _over(self):
        prongtest.EXPECTED.discard(self.pid)
        self.process = None

    def _give_up(self):
        self.lines = self.log_text().splitlines()[-40:] + [""]
        super()._give_up()

    def _remove(self):
        shutil.rmtree(self.directory, ignore_errors=True)

    def log_lines(self, name="prongd.log"):
        """The lines of a log file, one after the other."""
        with open(os.path.join(self.directory, name), encoding="utf-8",
                  errors="replace") as file:
            for line in file:
                yield line.rstrip("\n")

    def log_text(self):
        lines = list(self.log_lines()) if os.path.exists(os.path.join(
            self.directory, "prongd.log")) else []
        for name in os.listdir(self.reports):
            lines += self.log_lines("reports/" + name)
        return "\n".join(lines)

    def addresses(self, service):
        for each in self.ask("services")["services"]:
            if each["name"] == service:
                return each["listen"]
        return []


class Kills:
    """Workers of a server are killed, so many a second, at random times; with a
    rate of 0 none is.  The master may be another one each time."""

    def __init__(self, campaign, server, rate):
        self.random = campaign.random
        self.rate = rate
        self.server = server
        self.done = 0
        self.stopping = threading.Event()
        self.thread = None

    def __enter__(self):
        self.stopping.clear()
        if self.rate > 0:
            self.thread = threading.Thread(target=self._run, daemon=True)
            self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        if self.thread is not None:
            self.thread.join()

    def _run(self):
        while not self.stopping.wait(self.random.expovariate(self.rate)):
            status = self.server.ask()
            pids = [w["pid"] for w in status["workers"]
                    if w["state"] == "ready"]
            if pids:
                self.done += kill_child(self.random.choice(pids),
                                        status["pid"])


class Refused(Failure):
    """The control socket said no."""


class Control:
    """The control socket, kept open, and how long each answer took."""

    def __init__(self, server):
        self.socket = prongtest.connect("unix:" + server.control)
        self.file = self.socket.makefile("rb")
        self.slowest = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def ask(self, command, **arguments):
        began = time.monotonic()
        self.socket.sendall(json.dumps(dict(
            arguments, command=command)).encode() + b"\n")
        answer = self.file.readline()
        took = time.monotonic() - began
        self.slowest[command] = max(took, self.slowest.get(command, 0))
        check(answer.endswith(b"\n"), "no answer to", command)
        answer = json.loads(answer)
        if not answer["ok"]:
            raise Refused("%s: %s" % (command, answer["error"]))
        return answer["result"]

    def workers(self):
        return self.ask("workers")["workers"]

    def service(self, name):
        """The counters of a service, and "active"."""
        for each in self.ask("services")["services"]:
            if each["name"] == name:
                return dict(each["counters"], active=each["active"])
        raise Failure("there is no service " + name)

    def conns(self, pages=1000):
        """All open connections; so many pages of them at most."""
        found, place = [], 0
        while place is not None and pages > 0:
            page = self.ask("conns", **{"from": place})
            found += page["conns"]
            place = page["next"]
            pages -= 1
        return found


def all_ready(control, count):
    """Whether so many workers are there, and each is ready."""
    workers = control.workers()
    return len(workers) == count and all(w["state"] == "ready"
                                         for w in workers)


def at_rest(control, service):
    """The counters once nobody is connected any more."""
    until(lambda: control.service(service)["active"] == 0,
          "all connections of %s end" % service)
    return control.service(service)


def closed(counters):
    return sum(counters[name] for name in prongtest.CLOSED)


def balance(campaign, service, counters, connects, kills):
    """The server's ledger with itself, and with that of the clients."""
    refused = sum(value for name, value in counters.items()
                  if name.startswith("refused_"))
    campaign.figure(service + "-accepted", counters["accepted"])
    for name in prongtest.CLOSED:
        campaign.figure("%s-%s" % (service, name), counters[name])
    campaign.exactly(service + "-accepted-less-closed-and-active",
                     counters["accepted"] - closed(counters) -
                     counters["active"], 0)
    unbooked = connects - counters["accepted"] - refused
    campaign.at_least(service + "-unbooked", unbooked, 0)
    campaign.at_most(service + "-unbooked-at-most-kills", unbooked, kills)
