# SPDX-License-Identifier: ISC
"""What the black-box tests share: a server in a directory of its own, clients
that say what they expect, waiting with a limit, and TAP.

PRONGD, PRONGCTL, PRONGTALK, builddir and top_srcdir come from the environment;
without it the tests are run from the build directory.

Everything is bounded in time, and nothing sleeps instead of waiting for what
it needs: until() looks again and again, at short intervals, until the limit.
"""

import ctypes
import io
import json
import os
import re
import resource
import select
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

BUILD = os.path.abspath(os.environ.get("builddir", "."))
SOURCE = os.path.abspath(os.environ.get("top_srcdir", os.path.join(
    os.path.dirname(__file__), "..", "..")))


def _program(variable, path):
    return os.path.abspath(os.environ.get(variable,
                                          os.path.join(BUILD, path)))


PRONGD = _program("PRONGD", "src/prongd/prongd")
PRONGCTL = _program("PRONGCTL", "src/prongctl/prongctl")
PRONGTALK = _program("PRONGTALK", "src/prongtalk/prongtalk")

MECHANISMS = ("epoll", "poll", "select")
ACCEPTS = ("shared", "reuseport")
COUNTERS = """accepted refused_acl refused_limit refused_source refused_rate
    refused_load refused_memory closed_client closed_server closed_timeout
    closed_error closed_crash messages bytes_in bytes_out handler_errors
    slow_handlers oversize""".split()
CLOSED = [name for name in COUNTERS if name.startswith("closed_")]

# What a sanitizer prints when it has found something.
REPORT = re.compile("ERROR: AddressSanitizer|runtime error:|LeakSanitizer|"
                    "SUMMARY: |ThreadSanitizer")
LISTENING = re.compile(r"listening on (\S+) service=(\S+)")
READY = re.compile(r"ready workers=(\d+) services=(\d+)")

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    """What a test found wrong."""


def sanitizers():
    """The sanitizers of this build, "" when there are none."""
    out = subprocess.run([PRONGD, "-V"], stdout=subprocess.PIPE, timeout=60,
                         text=True, check=True).stdout
    found = re.search(r"sanitizers (.*?), line editing", out).group(1)
    return "" if found == "no" else found


SANITIZERS = sanitizers()
# Seconds; nothing here takes as long when it works.
BOUND = 60 if SANITIZERS else 20
# What a second is enough for, but for what a sanitizer costs.
SECOND = 10 if SANITIZERS else 1
TEST_LIMIT = 4 * BOUND
# A time-out that is waited for, and within which all else is done.
SOON = "6s" if SANITIZERS else "3s"
# ThreadSanitizer takes so long for hundreds of threads.
PATIENT = {"stuck_timeout": "120s"} if "thread" in SANITIZERS else {}


# --- saying what is wrong ---------------------------------------------------

def _show(value, at):
    if isinstance(value, (bytes, str)) and len(value) > 200:
        start = max(0, at - 40)
        return "%d long, from %d: %r" % (len(value), start,
                                         value[start:start + 160])
    return repr(value)


def equal(got, wanted, what="it"):
    if got == wanted:
        return
    at = 0
    if isinstance(got, bytes) and isinstance(wanted, bytes):
        at = len(os.path.commonprefix([got, wanted]))
    raise Failure("%s is  %s\nwanted %s" % (what, _show(got, at),
                                            _show(wanted, at)))


def check(condition, what, *details):
    if not condition:
        raise Failure(" ".join([what] + [repr(d) for d in details]))


def until(condition, what, limit=None):
    """Waits until condition() is true, and returns what it returned."""
    end = time.monotonic() + (BOUND if limit is None else limit)
    pause = 0.001
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure("not in time: %s" % (
                what() if callable(what) else what))
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


def at_most(bar, measure, what, times=3):
    """The best of some measurements of one thing: a bar is about the program,
    and what else the machine does may be in any of them."""
    seen = []
    while not seen or seen[-1] > bar:
        check(len(seen) < times, "%s, at most %s:" % (what, bar), seen)
        seen.append(measure())
    return seen[-1]


# --- processes, from /proc --------------------------------------------------

def children():
    """The processes below this one: it is the reaper of orphans, too."""
    pids = set()
    for task in os.listdir("/proc/self/task"):
        try:
            with open("/proc/self/task/%s/children" % task,
                      encoding="ascii") as file:
                pids.update(map(int, file.read().split()))
        except (FileNotFoundError, ProcessLookupError):
            pass                # a thread that has just ended
    return pids


def children_of(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid),
              encoding="ascii") as file:
        return set(map(int, file.read().split()))


def state(pid):
    """As ps shows it: "R", "S", "T" is stopped, "Z" a zombie; "" is gone."""
    try:
        with open("/proc/%d/stat" % pid, encoding="latin-1") as file:
            return file.read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def is_alive(pid):
    return state(pid) not in ("", "Z", "X")


def memory(pid):
    """Bytes of memory of its own that are resident."""
    with open("/proc/%d/status" % pid, encoding="ascii") as file:
        return int(re.search(r"RssAnon:\s+(\d+) kB", file.read()).group(1)) \
            * 1024


def cpu(pid):
    """Seconds on a CPU, to the microsecond."""
    with open("/proc/%d/schedstat" % pid, encoding="ascii") as file:
        return int(file.read().split()[0]) / 1e9


def descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


def tcp_states(*ports):
    """The states of the sockets at local ports, as the kernel names them: of
    all of them at once, since its table may have thousands of others."""
    names = {b"01": "ESTABLISHED", b"04": "FIN-WAIT-1", b"05": "FIN-WAIT-2",
             b"06": "TIME-WAIT", b"08": "CLOSE-WAIT", b"09": "LAST-ACK",
             b"0A": "LISTEN", b"0B": "CLOSING"}
    # sl: local_address:port remote_address:port st
    row = r"^ *\d+: [0-9A-F]+:(?:%s) [0-9A-F:]+ ([0-9A-F]+)" % "|".join(
        "%04X" % port for port in ports)
    states = []
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        if os.path.exists(path):
            with open(path, "rb") as file:
                found = re.findall(row.encode(), file.read(), re.M)
            states += [names.get(each, each.decode()) for each in found]
    return states


# --- a server ---------------------------------------------------------------

def _quote(text):
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"%s"' % text.replace("\n", "\\n").replace("\r", "\\r")


def _value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "{%s}" % ", ".join(map(_value, value))
    return _quote(value)


def _settings(settings):
    """A value that is a dictionary is a section."""
    return "".join(
        "  %s {\n%s  }\n" % (key, _settings(value))
        if isinstance(value, dict) else
        "  %s = %s\n" % (key.replace("_", "-"), _value(value))
        for key, value in settings.items())


def service_text(name, settings):
    """A service section; "options" are those of the handler."""
    settings = dict({"listen": ["127.0.0.1:0"]}, **settings)
    options = settings.pop("options", {})
    return "service %s {\n%s%s}\n" % (_quote(name), _settings(settings),
                                      "".join("  set(%s, %s)\n" % (
                                          _quote(key), _quote(value))
                                          for key, value in options.items()))


def _before_exec(limit, core_limit):
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, core_limit))
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


class Server:
    """A server in the foreground with a configuration made for it.

    services is {name: settings}; text is more configuration as it stands; the
    other arguments are settings of the top level.  log is the target, "stderr"
    unless told; descriptors is the most that each process may have; arguments
    replaces program and options, for a server that is not prongd.
    """

    def __init__(self, services=None, text="", log="stderr", descriptors=None,
                 directory=None, arguments=None, level="info", **settings):
        self.own_directory = directory is None
        self.directory = directory or tempfile.mkdtemp(prefix="prongtest.")
        # The workers, who may be nobody, read files of a test in it.
        if directory is None:
            os.chmod(self.directory, 0o755)
        self.pidfile = os.path.join(self.directory, "prongd.pid")
        self.control = os.path.join(self.directory, "control.sock")
        self.log_target = log.replace("@", self.directory)
        self.limit = descriptors
        self.level = level
        self.core_limit = 0
        self.pass_fds = ()
        self.arguments = arguments
        self.process = None
        self.reader = None
        self.lines = []
        self.times = []         # when each line came
        self.news = threading.Condition()
        self.settings = dict({"workers": 1, "drain_timeout": "10s"},
                             **dict(PATIENT, **settings))
        self.text = "pidfile = %s\ncontrol { socket = %s }\n" \
            "log { target = %s level = %s }\n" % tuple(map(_quote, (
                self.pidfile, self.control, self.log_target, level)))
        self.text += _settings(self.settings) + text + "".join(
            service_text(name, each)
            for name, each in (services or {}).items())

    # Starting.

    def command(self, *options):
        """How to start it; the configuration is there then."""
        if self.arguments is not None:
            return [word.replace("@", self.directory)
                    for word in self.arguments]
        path = os.path.join(self.directory, "prongd.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.text.replace("@", self.directory))
        return [PRONGD, *options, "-c", path]

    def environment(self):
        return None             # ours

    def launch(self):
        """Starts it and does not wait for anything."""
        self.lines = []
        self.times = []
        self.process = subprocess.Popen(
            self.command("-f"), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            pass_fds=self.pass_fds, env=self.environment(),
            preexec_fn=lambda: _before_exec(self.limit, self.core_limit))
        EXPECTED.add(self.process.pid)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        return self

    def start(self):
        """Starts it and waits until it is ready."""
        self.launch()
        try:
            self.logged(READY)
        except BaseException:
            self._give_up()
            raise
        return self

    def __enter__(self):
        return self.start() if self.process is None else self

    def __exit__(self, kind, value, trace):
        if kind is None:
            try:
                if self.process is not None:
                    self.stop()
            except BaseException:
                self._give_up()
                raise
            self._remove()
        else:
            self._give_up()

    def _remove(self):
        if self.own_directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _give_up(self):
        self.kill()
        for line in self.lines[-40:-1]:
            print("# log: " + line)
        self._remove()

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait(BOUND)
            self._over()

    def _over(self):
        EXPECTED.discard(self.process.pid)
        self.reader.join(BOUND)
        check(not self.reader.is_alive(),
              "somebody holds its standard error open")
        self.process.stderr.close()
        self.process = None

    def fails(self, status=1):
        """A start that must end with that status; returns what it said."""
        try:
            self.command()
            before = set(os.listdir(self.directory))
            self.launch()
            try:
                code = self.process.wait(BOUND)
            except subprocess.TimeoutExpired:
                raise Failure("it does not end") from None
            self._over()
            equal(code, status, "the exit status of a start that fails")
            check(not REPORT.search(self.log_text()), "a sanitizer reports")
            nobody_left()
            equal(set(os.listdir(self.directory)), before, "files")
        except BaseException:
            self._give_up()
            raise
        self._remove()
        return self.log_text()

    @property
    def pid(self):
        return self.process.pid

    # What it logs.

    def _read(self):
        for line in iter(self.process.stderr.readline, b""):
            with self.news:
                self.lines.append(line.decode("utf-8", "replace")
                                  .rstrip("\n"))
                self.times.append(time.monotonic())
                self.news.notify_all()
        with self.news:
            self.lines.append("(the end of the log)")
            self.news.notify_all()

    def log_text(self):
        with self.news:
            return "\n".join(self.lines)

    def logged(self, pattern, limit=BOUND, count=1):
        """Waits for lines of the log; returns the last one's match."""
        pattern = re.compile(pattern)
        end = time.monotonic() + limit
        with self.news:
            while True:
                found = [m for m in map(pattern.search, self.lines) if m]
                if len(found) >= count:
                    return found[count - 1]
                left = end - time.monotonic()
                if left <= 0 or self.lines[-1:] == ["(the end of the log)"]:
                    raise Failure("not logged: %s" % pattern.pattern)
                self.news.wait(left)

    def addresses(self, service):
        """The addresses of a service in their order."""
        return [m.group(1) for m in map(LISTENING.search, list(self.lines))
                if m and m.group(2) == service]

    def address(self, service):
        found = self.addresses(service)
        check(found, "there is no address of the service", service)
        return found[0]

    def port(self, service):
        return int(self.address(service).rpartition(":")[2])

    def connect(self, service, **options):
        return connect(self.address(service), **options)

    # What it counts.

    def ctl(self, *arguments, limit=BOUND):
        return subprocess.run([PRONGCTL, "-s", self.control, *arguments],
                              stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=limit, text=True, check=False)

    def status(self, command="status"):
        """What prongctl -j prints."""
        run = self.ctl("-j", command)
        equal((run.returncode, run.stderr), (0, ""), "prongctl " + command)
        return json.loads(run.stdout)

    def ask(self, command="status"):
        """The same from the control socket itself: cheap enough to poll."""
        with connect("unix:" + self.control) as s:
            s.sendall(b'{"command":"%s"}\n' % command.encode())
            with s.makefile("rb") as file:
                answer = json.loads(file.readline())
        check(answer["ok"], "the control socket refuses", answer)
        return answer["result"]

    def counters(self, service):
        """The counters of a service, and "active"."""
        for each in self.ask("services")["services"]:
            if each["name"] == service:
                return dict(each["counters"], active=each["active"])
        raise Failure("there is no service " + service)

    def counted(self, service, limit=BOUND, **wanted):
        """Waits until these counters have these values."""
        last = {}

        def same():
            last.update(self.counters(service))
            return all(last[name] == value for name, value in wanted.items())

        until(same, lambda: "counters %r\nwanted %r" % (
            {name: last[name] for name in wanted}, wanted), limit)
        return last

    def rest(self, service, **wanted):
        """Waits until nobody is connected and the ledger agrees."""
        last = {}

        def agrees():
            # An end is two stores, and who looks may come between them.
            last.update(self.counted(service, active=0, **wanted))
            return last["accepted"] == sum(last[name] for name in CLOSED)

        until(agrees, lambda: "accepted and closed_* agree: %r" % last)
        return last

    def stands_still(self, service, counter):
        """Waits until it has counted something, and no more of it for half a
        second; returns how much."""
        seen = []               # times and values

        def still():
            value = self.counters(service)[counter]
            if not seen or value != seen[0][1]:
                seen[:] = [(time.monotonic(), value)]
            return value > 0 and time.monotonic() - seen[0][0] > 0.5

        until(still, lambda: "%s goes on: %r" % (counter, seen))
        return seen[0][1]

    def settled(self):
        """What the workers were at when this was called is over: they answer
        orders between two turns.  An end is counted before what it held is
        given back, and before it is in the access log."""
        def answered():
            run = self.ctl("log-level", self.level)
            equal(run.returncode, 0, "prongctl log-level")
            return run.stderr == ""

        # On a busy machine one may not answer within its limit.
        until(answered, "all processes answer")

    def workers(self):
        return self.ask("workers")["workers"]

    def pids(self):
        """The pids of the workers that are ready."""
        return [w["pid"] for w in self.workers() if w["state"] == "ready"]

    def worker(self):
        """The pid of the only worker."""
        pids = self.pids()
        equal(len(pids), 1, "the number of workers")
        return pids[0]

    def spread(self, service, each):
        """So many connections to each worker, of a service whose socket they
        share: to one after the other, while the rest is stopped."""
        made, pids = [], self.pids()
        for pid in pids:
            others = [other for other in pids if other != pid]
            try:
                for other in others:
                    os.kill(other, signal.SIGSTOP)
                until(lambda: all(state(o) == "T" for o in others), "stopped")
                made += [self.connect(service) for _ in range(each)]
                self.counted(service, accepted=len(made))
            finally:
                for other in others:
                    os.kill(other, signal.SIGCONT)
        return made

    # Ending it.

    def tell(self, number):
        self.process.send_signal(number)

    def stop(self, number=signal.SIGTERM):
        self.tell(number)
        self.ended()

    def ended(self, status=0, limit=BOUND):
        """Waits for its end, and that it leaves nothing behind."""
        try:
            code = self.process.wait(limit)
        except subprocess.TimeoutExpired:
            raise Failure("it does not end") from None
        self._over()
        equal(code, status, "the exit status")
        self.left_nothing()

    def left_nothing(self):
        """No process, no socket, no pidfile, no report of a sanitizer."""
        found = REPORT.search(self.log_text())
        check(not found, "a sanitizer reports something")
        nobody_left()
        check(not os.path.exists(self.pidfile), "the pidfile is left")
        for name in os.listdir(self.directory):
            mode = os.lstat(os.path.join(self.directory, name)).st_mode
            check(not stat.S_ISSOCK(mode), "a socket is left:", name)


class _Adopted:
    """A process that became ours when its parents ended."""

    def __init__(self, pid):
        self.pid = pid

    def send_signal(self, number):
        os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def wait(self, limit):
        fd = os.pidfd_open(self.pid)
        try:
            if not select.select([fd], [], [], limit)[0]:
                raise subprocess.TimeoutExpired("prongd", limit)
        finally:
            os.close(fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


class Background(Server):
    """A server in the background, with its log where it should be."""

    def launch(self):
        run = subprocess.run(self.command(), timeout=BOUND, text=True,
                             stdin=subprocess.DEVNULL, check=False,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        equal((run.returncode, run.stdout, run.stderr), (0, "", ""),
              "how the start ended")
        with open(self.pidfile, encoding="ascii") as file:
            self.process = _Adopted(int(file.read()))
        EXPECTED.add(self.process.pid)
        return self

    def start(self):
        try:
            return self.launch()
        except BaseException:
            self._give_up()
            raise

    def _over(self):
        EXPECTED.discard(self.process.pid)
        self.process = None

    def addresses(self, service):
        return [address for each in self.ask("services")["services"]
                if each["name"] == service for address in each["listen"]]

    def log_file(self):
        """What the log has, where it is a file."""
        with open(self.log_target, encoding="ascii") as file:
            return file.read()


# The servers that are meant to run.
EXPECTED = set()


def reap():
    """Collects orphans that have ended; returns those that are alive."""
    alive = set()
    for pid in children():
        if pid in EXPECTED:     # its status is for who started it
            continue
        try:
            if os.waitpid(pid, os.WNOHANG)[0] == 0:
                alive.add(pid)
        except ChildProcessError:
            pass
    return alive


def nobody_left(limit=SECOND):
    """Orphans come to us: all but the expected must be gone."""
    until(lambda: not reap(), lambda: "processes left: %r" % reap(), limit)


# --- system calls that fail -------------------------------------------------

class Inject:
    """Tampers with system calls of a process, for as long as it is entered."""

    def __init__(self, pid, calls, how, output="/dev/null"):
        self.pid = pid
        self.command = [
            "strace", "-f", "-qq", "-p", str(pid), "-o", output,
            "-e", "trace=" + calls,
            "-e", "inject=%s:%s" % (calls, how)]
        self.process = None
        self.left = None        # when it was

    def is_attached(self):
        with open("/proc/%d/status" % self.pid, encoding="ascii") as file:
            return "TracerPid:\t0\n" not in file.read()

    def __enter__(self):
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        EXPECTED.add(self.process.pid)
        until(lambda: self.is_attached() or self.process.poll() is not None,
              "strace is there")
        if self.process.poll() is not None:
            text = self.process.stderr.read().decode()
            self._end()
            raise Failure("strace: " + text)
        return self

    def _end(self):
        self.process.wait(BOUND)
        self.process.stderr.close()
        EXPECTED.discard(self.process.pid)

    def __exit__(self, *_):
        self.left = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self._end()


def cannot_inject():
    """The reason why strace cannot be used here, or None."""
    if shutil.which("strace") is None:
        return "needs strace"
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as cat:
        EXPECTED.add(cat.pid)
        try:
            with Inject(cat.pid, "accept4", "error=ENFILE"):
                return None
        except Failure as failure:
            return "needs the right to trace: " + str(failure)
        finally:
            cat.kill()
            EXPECTED.discard(cat.pid)


# --- a client ---------------------------------------------------------------

def connect(address, receive_buffer=None, timeout=BOUND, source=None):
    """A connection to "127.0.0.1:1", "[::1]:1" or "unix:path", by way of the
    address source of this machine."""
    if address.startswith("unix:"):
        s = socket.socket(socket.AF_UNIX)
        where = address[len("unix:"):]
    else:
        host, _, port = address.rpartition(":")
        family = socket.AF_INET6 if "[" in host else socket.AF_INET
        s = socket.socket(family)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        where = (host.strip("[]"), int(port))
    if receive_buffer is not None:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    s.settimeout(timeout)
    try:
        if source is not None:
            s.bind((source, 0))
        s.connect(where)
    except BaseException:
        s.close()
        raise
    return s


def take(s, size):
    """Exactly so many bytes."""
    data = bytearray()
    while len(data) < size:
        more = s.recv(min(size - len(data), 1 << 20))
        if not more:
            raise Failure("the end after %d of %d bytes: %r" % (
                len(data), size, bytes(data[-100:])))
        data += more
    return bytes(data)


def take_all(s):
    """Everything up to the end."""
    data = bytearray()
    while more := s.recv(1 << 20):
        data += more
    return bytes(data)


def expect(s, data):
    equal(take(s, len(data)), data, "the reply")


def expect_end(s):
    equal(take_all(s), b"", "what comes at the end")


def say(s, data, reply):
    s.sendall(data)
    expect(s, reply)


def quiet(s, seconds):
    """Nothing comes, not even the end, for so long."""
    ready = select.select([s], [], [], seconds)[0]
    check(not ready, "something came though nothing was expected")


def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                 struct.pack("ii", 1, 0))
    s.close()


def is_reset(s):
    """Reads to the end of any kind; whether it was a reset."""
    try:
        take_all(s)
    except ConnectionResetError:
        return True
    return False


class Exchange:
    """Sends pieces, each by a send of its own, while it reads the replies."""

    def __init__(self, s, pieces, end=True):
        self.s = s
        self.pieces = iter(pieces)
        self.end = end
        self.rest = b""
        self.sending = True
        self.got = bytearray()

    def _send(self):
        if not self.rest:
            self.rest = memoryview(next(self.pieces, b""))
        if self.rest:
            self.rest = self.rest[self.s.send(self.rest):]
            return
        self.sending = False
        if self.end:
            self.s.shutdown(socket.SHUT_WR)

    def run(self, enough=None):
        """Up to the end, or to so many bytes of reply."""
        poll = select.poll()
        self.s.setblocking(False)
        while enough is None or self.sending or len(self.got) < enough:
            poll.register(self.s, select.POLLIN | (
                select.POLLOUT if self.sending else 0))
            ready = poll.poll(BOUND * 1000)
            if not ready:
                raise Failure("nothing more after %d bytes" % len(self.got))
            if ready[0][1] & select.POLLOUT:
                self._send()
            if ready[0][1] & ~select.POLLOUT:
                more = self.s.recv(1 << 20)
                if not more:
                    break
                self.got += more
        self.s.settimeout(BOUND)
        return bytes(self.got)


def exchange(address, pieces):
    """All that comes back for the pieces, up to the server's end."""
    with connect(address) as s:
        return Exchange(s, pieces).run()


def bytewise(data):
    return [data[i:i + 1] for i in range(len(data))]


def netstring(data):
    return b"%d:%s," % (len(data), data)


def length32(data):
    return struct.pack(">I", len(data)) + data


def noise(size, seed=1):
    """Bytes that do not repeat soon, the same for the same seed."""
    block = b"".join(struct.pack(">I", n * 2654435761 % 2 ** 32)
                     for n in range(seed, seed + 16381))
    return (block * (size // len(block) + 1))[:size]


def raise_descriptors(need):
    """As many for ourselves; or the reason why not."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < need:
        return "needs %d descriptors, the limit is %d" % (need, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (need, hard))
    return None


class Together:
    """Runs functions in threads; their failures are the test's."""

    def __init__(self, *functions):
        self.failures = []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(f,),
                                         daemon=True) for f in functions]

    def _run(self, function):
        try:
            function(self.stopping)
        except BaseException:
            self.failures.append(traceback.format_exc())

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def join(self):
        for thread in self.threads:
            thread.join(2 * BOUND)
            check(not thread.is_alive(), "a client does not end")
        if self.failures:
            raise Failure("\n".join(self.failures[:3]))

    def __exit__(self, kind, value, trace):
        self.stopping.set()
        if kind is None:
            self.join()


# --- other users, other namespaces ------------------------------------------

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
_MS_REC_PRIVATE = 16384 | 262144


def as_user(uid, function, gid=None, groups=()):
    """What a function returns, a number from 0 to 99, as another user."""
    pid = os.fork()
    if pid == 0:
        code = 100
        try:
            os.setgroups(groups)
            os.setresgid(*3 * (uid if gid is None else gid,))
            os.setresuid(uid, uid, uid)
            code = int(function())
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    check(0 <= code < 100, "the function fails as user", uid)
    return code


def apart(flags, function):
    """Runs a function with namespaces of its own; or says why it cannot.  A
    server that is started in it must also be ended in it."""
    lacking = []

    def run(_):
        if _libc.unshare(flags) == -1:
            lacking.append("needs the right to have a namespace of its own")
            return
        if flags & CLONE_NEWNS and _libc.mount(b"none", b"/", None,
                                               _MS_REC_PRIVATE, None) == -1:
            lacking.append("needs the right to mount")
            return
        function()

    # A namespace belongs to a thread, and ends with it.
    with Together(run):
        pass
    return lacking[0] if lacking else None


def mount(kind, what, where, flags=0, options=None):
    """mount(2), within apart(); 4096 as flags is another place of a file."""
    if _libc.mount(what.encode(), where.encode(), kind and kind.encode(),
                   flags, options and options.encode()) == -1:
        error = ctypes.get_errno()
        raise OSError(error, "mount %s: %s" % (where, os.strerror(error)))


class Syslog:
    """A /dev/log of our own, within apart(): all else there is the same."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="prongtest.")
        os.chmod(self.directory, 0o755)
        for name in ("null", "zero", "full", "random", "urandom", "tty"):
            path = os.path.join(self.directory, name)
            with open(path, "wb"):
                pass
            mount(None, "/dev/" + name, path, 4096)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(BOUND)
        self.socket.bind(os.path.join(self.directory, "log"))
        os.chmod(os.path.join(self.directory, "log"), 0o666)
        mount(None, self.directory, "/dev", 4096 | 16384)

    def message(self):
        """The next one: its priority, and the text after the date."""
        text = self.socket.recv(65536).decode("ascii").rstrip("\0\n")
        found = re.fullmatch(r"<(\d+)>\w{3} [ \d]\d [\d:]{8} (.*)", text)
        check(found, "a message to syslog", text)
        return int(found.group(1)), found.group(2)

    def logged(self, pattern):
        """Waits for one that is like this; returns its match."""
        while True:
            priority, text = self.message()
            found = re.search(pattern, "%d %s" % (priority, text))
            if found:
                return found

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        _libc.umount2(b"/dev", 2)
        for name in os.listdir(self.directory):
            _libc.umount2(os.path.join(self.directory, name).encode(), 2)
        shutil.rmtree(self.directory, ignore_errors=True)


# --- TAP --------------------------------------------------------------------

def over(*cases):
    """The test is run once for each case, which is its argument."""
    def mark(test):
        test.cases = cases
        return test
    return mark


def _too_long(number, frame):
    raise Failure("the test takes longer than %d s" % TEST_LIMIT)


def _clean():
    """Ends what a failed test has left."""
    EXPECTED.clear()

    def none():
        alive = reap()
        for pid in alive:       # whose children come to us then
            os.kill(pid, signal.SIGKILL)
        return not alive

    until(none, "killed processes end")


def _run(number, title, test, arguments):
    skipped, verdict = None, "ok"
    try:
        signal.alarm(TEST_LIMIT)
        try:
            skipped = test(*arguments)
            nobody_left()
        finally:
            signal.alarm(0)
            _clean()
    except Exception:
        verdict = "not ok"
        for line in traceback.format_exc().splitlines():
            print("# " + line[:500])
    print("%s %d - %s%s" % (verdict, number, title, "" if skipped is None
                            else " # SKIP " + skipped), flush=True)


def _tests(names):
    """Title, function and arguments of each case of the functions test_*."""
    tests = []
    for name, test in names.items():
        if not name.startswith("test_"):
            continue
        for case in getattr(test, "cases", [None]):
            if case is None:
                tests.append((test.__doc__, test, ()))
            else:
                what = case if isinstance(case, str) else " ".join(
                    map(str, case))
                tests.append(("%s: %s" % (test.__doc__, what), test,
                              (case,)))
    only = re.compile(sys.argv[1] if len(sys.argv) > 1 else "")
    return [each for each in tests if only.search(each[0])]


class _Runner:
    """A process that runs tests one after the other, as it is told: servers
    that run beside each other each need a reaper of their own."""

    def __init__(self, tests):
        self.number = None      # of the test that it runs
        ours, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            try:
                self._serve(theirs, tests)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(0)
        theirs.close()
        self.socket = ours
        self.file = ours.makefile("rb")

    @staticmethod
    def _serve(asked, tests):
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        for line in asked.makefile("rb"):
            number = int(line)
            sys.stdout = io.StringIO()
            _run(number, *tests[number - 1])
            asked.sendall(json.dumps(sys.stdout.getvalue()).encode() + b"\n")

    def begin(self, number):
        self.number = number
        self.socket.sendall(b"%d\n" % number)

    def said(self):
        """What its test has printed; None if the runner is gone."""
        line = self.file.readline()
        return json.loads(line) if line.endswith(b"\n") else None

    def end(self):
        # Runners that came later have this end of it, too.
        self.socket.shutdown(socket.SHUT_RDWR)
        self.file.close()
        self.socket.close()
        os.waitpid(self.pid, 0)


def _run_beside(tests, most):
    """Runs so many at a time; what they print is in their order."""
    sys.stdout.flush()
    runners, said, shown = [], {}, 0
    waiting = iter(range(1, len(tests) + 1))
    while shown < len(tests):
        while len(runners) < most and (number := next(waiting, None)):
            runners.append(_Runner(tests))
            runners[-1].begin(number)
        ready = select.select([r.socket for r in runners], [], [])[0]
        for runner in [r for r in runners if r.socket in ready]:
            text = runner.said()
            number = next(waiting, None) if text is not None else None
            said[runner.number] = text or "not ok %d - %s\n" % (
                runner.number, "its process has died")
            if number is not None:
                runner.begin(number)
            else:
                runner.end()
                runners.remove(runner)
        while shown + 1 in said:
            shown += 1
            print(said.pop(shown), end="", flush=True)


def main(names, beside=1):
    """Runs every function test_* of these names; its text is the title.
    Where they wait most of the time, some may run beside each other."""
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGALRM, _too_long)
    tests = _tests(names)
    print("1..%d" % len(tests), flush=True)
    if beside > 1:
        _run_beside(tests, beside)
    else:
        for number, each in enumerate(tests, 1):
            _run(number, *each)
    sys.exit(0)
