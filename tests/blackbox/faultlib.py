# SPDX-License-Identifier: ISC
"""Faults: the n-th allocation or the n-th system call of one process of a
server fails, once or from then on.  faulty.c is what is loaded into it.

A server with faults (FaultyServer) is told which process is meant: one that
runs (aim), or one that is to be born (expect: 0 is the server's first process,
the master, and n its n-th child).  Then fail() says which of its calls.
"""

import ctypes
import errno
import fcntl
import mmap
import os
import select
import socket
import struct
import threading

from prongtest import BOUND, BUILD, SANITIZERS, Failure, Server

LIBRARY = os.path.join(BUILD, "tests/blackbox/.libs/faulty.so")
# A sanitizer's runtime would have to come before it, and before python; and
# without it there are allocations only.
_library = None if SANITIZERS else ctypes.CDLL(LIBRARY)
if _library is not None:
    _library.faulty_number.restype = ctypes.c_long

# What a call may fail with, by its manual page, if it runs out of something or
# is interrupted.  Left out are
#  - those that cannot fail: getpid, umask, rt_sigaction, prctl as it is used,
#    epoll_create1's size, ...;
#  - those that only a right is needed for that others had before: prlimit64;
#  - close: what it says is too late to matter, and one that is not done leaves
#    a descriptor, which is a leak of the test's; likewise munmap;
#  - brk, which fails by what it returns; failed allocations stand for it;
#  - standard error: a start that fails has nothing else to say why.
# With EINTR from then on nothing would ever go on: where that is all that can
# happen, it happens once.  So does a failure to remove what was made, which
# leaves it there by right.
DESCRIPTORS = ("EMFILE", "ENFILE", "ENOMEM")
DISK = ("ENOSPC", "EIO", "EDQUOT")
MEMORY = ("ENOMEM",)
NAME = ("EACCES", "ENOMEM", "EIO", "ENOSPC")
SOCKET = ("ENOBUFS", "ENOMEM")
RIGHTS = ("ENOMEM",)
FORK = ("EAGAIN", "ENOMEM")
ERRORS = {
    # Of what there is for a kind of descriptor, see _errors().
    "accept": DESCRIPTORS + ("ECONNABORTED", "EINTR"),
    "accept4": DESCRIPTORS + ("ECONNABORTED", "EINTR"),
    "bind": ("EADDRINUSE", "EACCES", "ENOMEM"),
    "capset": RIGHTS,
    "chdir": NAME[:3],
    "chmod": NAME[:3], "fchmod": ("EPERM", "EIO"), "fchmodat": NAME[:3],
    "chown": NAME[:3], "lchown": NAME[:3], "fchown": ("EPERM", "EIO"),
    "fchownat": NAME[:3],
    "chroot": RIGHTS,
    "clone": FORK, "clone3": FORK, "fork": FORK, "vfork": FORK,
    "connect": ("ECONNREFUSED", "EAGAIN", "ETIMEDOUT", "EINTR"),
    "copy_file_range": DISK,
    "dup": DESCRIPTORS[:1], "dup3": DESCRIPTORS[:1] + ("EINTR",),
    "epoll_create1": DESCRIPTORS,
    "epoll_ctl": ("ENOMEM", "ENOSPC"),
    "epoll_pwait": ("EINTR",), "epoll_wait": ("EINTR",),
    "eventfd2": DESCRIPTORS,
    "execve": ("ENOMEM", "EAGAIN", "EIO"), "execveat": ("ENOMEM", "EIO"),
    "fallocate": DISK[:2] + ("EINTR",),
    "fcntl": ("EMFILE",),
    "fdatasync": DISK, "fsync": DISK,
    "flock": ("EINTR", "ENOLCK"),
    "fstat": ("ENOMEM", "EIO"),
    "ftruncate": ("EIO", "EINTR"),
    "getdents64": ("EIO",),
    "getpeername": SOCKET[:1], "getsockname": SOCKET[:1],
    "getrandom": ("EINTR",),
    "getsockopt": SOCKET,
    "listen": ("EADDRINUSE",),
    "madvise": ("ENOMEM", "EAGAIN"),
    "memfd_create": DESCRIPTORS,
    "mkdir": NAME, "mkdirat": NAME,
    "mmap": ("ENOMEM", "EAGAIN"),
    "mprotect": MEMORY, "mremap": MEMORY,
    "newfstatat": NAME[:3], "statx": NAME[:3],
    "openat": DESCRIPTORS + ("EACCES", "EIO"),
    "pidfd_open": DESCRIPTORS,
    "pipe2": DESCRIPTORS,
    "poll": ("EINTR", "ENOMEM"), "ppoll": ("EINTR", "ENOMEM"),
    "pread64": ("EIO", "EINTR"), "pwrite64": DISK + ("EINTR",),
    "read": (), "readv": (), "write": (), "writev": (),
    "readlink": NAME[:3], "readlinkat": NAME[:3],
    "recvfrom": (), "recvmsg": (), "sendmsg": (), "sendto": (),
    "rename": NAME, "renameat": NAME, "renameat2": NAME,
    "sched_getaffinity": ("EINVAL",),
    "setgroups": RIGHTS, "setresgid": RIGHTS,
    "setresuid": ("EAGAIN", "ENOMEM"),
    "setsockopt": SOCKET[::-1],
    "shutdown": ("ENOTCONN",),
    "signalfd4": DESCRIPTORS,
    "socket": DESCRIPTORS + SOCKET[:1],
    "socketpair": DESCRIPTORS,
    "splice": ("ENOMEM", "EAGAIN"),
    "timerfd_create": DESCRIPTORS,
    "unlink": NAME[:3], "unlinkat": NAME[:3],
    "wait4": ("EINTR",), "waitid": ("EINTR",),
}
# What moves bytes fails by what its descriptor is, as /proc shows it; an
# eventfd(2), a signalfd(2) and their like have no reason to.
INPUT = {"socket": ("ENOMEM", "ECONNRESET", "EINTR"), "pipe": ("EINTR",),
         "/": ("EIO", "EINTR")}
OUTPUT = {"socket": SOCKET + ("EAGAIN", "EPIPE", "EINTR"), "pipe": ("EINTR",),
          "/": DISK + ("EINTR",)}
MOVES = {"read": INPUT, "readv": INPUT, "recvfrom": INPUT, "recvmsg": INPUT,
         "write": OUTPUT, "writev": OUTPUT, "sendto": OUTPUT,
         # The other end of a channel has gone, or it has not.
         "sendmsg": dict(OUTPUT, socket=SOCKET + ("EAGAIN", "EINTR"))}
# By their arguments others cannot fail: only EPOLL_CTL_ADD takes memory, only
# F_DUPFD makes a descriptor, and who does not wait is not interrupted.
WHETHER = {
    "epoll_ctl": lambda a: a[1] == 1,
    "fcntl": lambda a: a[1] in (0, 1030),
    "wait4": lambda a: a[2] & os.WNOHANG == 0,
    "waitid": lambda a: a[3] & os.WNOHANG == 0,
}
REMOVES = ("unlink", "unlinkat")
ONCE, ON = "once", "from then on"
MODES = {"once": ONCE, "on": ON}


_FOREVER = 1 << 62
_NONE = -1

# struct faulty_page.
_CALLS, _FRAMES = 128, 16
_FIELDS = ("pid", "birth", "births", "count", "first", "last", "failed",
           "root")
_PAGE = 8 * (len(_FIELDS) + _CALLS + _FRAMES)

# seccomp_unotify(2).
_RECEIVE, _SEND = 0xc0502100, 0xc0182101
_NOTICE = struct.Struct("=QIIiIQ6Q")
_ANSWER = struct.Struct("=QqiI")
_GO_ON = 1


def numbers(calls):
    """The numbers of those system calls that there are here."""
    found = {name: _library.faulty_number(name.encode()) for name in calls}
    return {number: name for name, number in found.items() if number != -1}


class Page:
    """What the library looks at."""

    def __init__(self, path, calls):
        with open(path, "wb+") as file:
            file.truncate(_PAGE)
            self.map = mmap.mmap(file.fileno(), _PAGE)
        for i, number in enumerate([*calls, _NONE]):
            struct.pack_into("=q", self.map, 8 * (len(_FIELDS) + i), number)
        self.set(birth=_NONE, first=_FOREVER, last=_FOREVER)

    def set(self, **values):
        for name, value in values.items():
            struct.pack_into("=q", self.map, 8 * _FIELDS.index(name), value)

    def get(self, name):
        return struct.unpack_from("=q", self.map, 8 * _FIELDS.index(name))[0]

    def frames(self):
        """Who asked for the first allocation that failed."""
        at = struct.unpack_from("=%dQ" % _FRAMES, self.map,
                                _PAGE - 8 * _FRAMES)
        return [each for each in at if each]


class Judge:
    """Decides on the system calls that are handed over, in a thread.

    decide(name, notice) returns an errno, or 0: it goes on.
    """

    def __init__(self, path, calls, decide):
        self.calls = calls
        self.decide = decide
        self.seen = 0
        self.failure = None
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        self.socket.listen(4)
        self.wake = os.pipe()
        self.listener = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _accept(self):
        peer = self.socket.accept()[0]
        with peer:
            fds = socket.recv_fds(peer, 1, 1)[1]
        if fds:                 # else it was handed over before
            self.listener = fds[0]

    def _answer(self):
        notice = bytearray(_NOTICE.size)
        try:
            fcntl.ioctl(self.listener, _RECEIVE, notice)
        except OSError:         # killed, or interrupted, meanwhile
            return
        fields = _NOTICE.unpack(notice)
        self.seen += 1
        error = self.decide(self.calls[fields[3]], fields)
        try:
            fcntl.ioctl(self.listener, _SEND, _ANSWER.pack(
                fields[0], 0, -error, 0 if error else _GO_ON))
        except OSError:
            pass

    def _serve(self):
        poll = select.poll()
        poll.register(self.wake[0], select.POLLIN)
        poll.register(self.socket, select.POLLIN)
        while True:
            for fd, events in poll.poll():
                if fd == self.wake[0]:
                    return
                if fd == self.socket.fileno():
                    before = self.listener
                    self._accept()
                    if self.listener != before:
                        poll.register(self.listener, select.POLLIN)
                elif events & select.POLLIN:
                    self._answer()
                else:           # nobody is left
                    poll.unregister(fd)

    def _run(self):
        try:
            self._serve()
        except Exception as error:      # nobody must wait for ever
            self.failure = error
            os.close(self.listener)
            self.listener = None

    def end(self):
        os.write(self.wake[1], b"x")
        self.thread.join(BOUND)
        for fd in (*self.wake, self.listener):
            if fd is not None:
                os.close(fd)
        self.socket.close()
        if self.failure is not None:
            raise Failure("the judge of system calls: %r" % self.failure)


class Fault:
    """What has failed."""

    def __init__(self, count, failed, what):
        self.count = count      # of such calls that there were
        self.failed = failed    # how many of them
        self.what = what

    def __str__(self):
        return "%s; %d of %d failed" % (self.what, self.failed, self.count)


class Faults:
    """The faults of one server; kind is "alloc" or "call"."""

    def __init__(self, directory, kind):
        self.kind = kind
        self.path = os.path.join(directory, "faults")
        self.calls = numbers(ERRORS) if kind == "call" else {}
        self.page = Page(self.path, self.calls)
        self.lock = threading.Lock()
        self.threads = {}       # whose they are
        self.count = self.failed = 0
        self.first = self.last = _FOREVER
        self.mode = ONCE
        self.what = "nothing"
        self.judge = Judge(self.path + ".sock", self.calls, self._decide) \
            if self.calls else None

    def environment(self):
        return dict(os.environ, PRONG_FAULTS=self.path, LD_PRELOAD=LIBRARY,
                    ASAN_OPTIONS=":".join(filter(None, [
                        os.environ.get("ASAN_OPTIONS"),
                        "verify_asan_link_order=0"])))

    # Who.

    def aim(self, pid):
        self.page.set(pid=pid, birth=_NONE)

    def expect(self, birth):
        """The next one of the first process, or a number of its children."""
        self.page.set(pid=0, birth=birth)

    def next_birth(self):
        return self.page.get("births") + 1

    # What.

    def fail(self, number, mode):
        with self.lock:
            self.count = self.failed = 0
            self.mode = mode
            self.what = "nothing"
            self.first = number
            self.last = number if mode == ONCE else _FOREVER
            if self.kind == "alloc":
                self.page.set(count=0, failed=0, first=self.first,
                              last=self.last)

    def failing(self):
        """Whether one has failed."""
        return (self.page.get("failed") if self.kind == "alloc"
                else self.failed) > 0

    def over(self):
        """No more of them; what there was."""
        with self.lock:
            self.first = self.last = _FOREVER
            if self.kind == "alloc":
                self.page.set(pid=0, birth=_NONE, first=_FOREVER,
                              last=_FOREVER)
                self.count = self.page.get("count")
                self.failed = self.page.get("failed")
                self.what = " ".join(map(hex, self.page.frames())) \
                    if self.failed else "nothing"
            else:
                self.page.set(pid=0, birth=_NONE)
            return Fault(self.count, self.failed, self.what)

    def _process(self, thread):
        if thread not in self.threads:
            try:
                with open("/proc/%d/status" % thread,
                          encoding="ascii") as file:
                    for line in file:
                        if line.startswith("Tgid:"):
                            self.threads[thread] = int(line.split()[1])
            except OSError:
                return thread
        return self.threads.get(thread, thread)

    @staticmethod
    def _errors(name, thread, arguments):
        """What this call may fail with."""
        if name in WHETHER and not WHETHER[name](arguments):
            return ()
        if name not in MOVES:
            return ERRORS[name]
        if arguments[0] == 2:   # else nobody would hear why
            return ()
        try:
            what = os.readlink("/proc/%d/fd/%d" % (thread, arguments[0]))
        except OSError:
            return ()
        return next((errors for kind, errors in MOVES[name].items()
                     if what.startswith(kind)), ())

    def _decide(self, name, notice):
        pid = self.page.get("pid")
        if pid == 0 or (notice[1] != pid and self._process(notice[1]) != pid):
            return 0
        errors = self._errors(name, notice[1], notice[6:])
        with self.lock:
            if self.mode == ON:
                errors = [] if name in REMOVES else \
                    [e for e in errors if e != "EINTR"][:1]
            if not errors:
                return 0
            self.count += 1
            if not self.first <= self.count <= self.last:
                return 0
            error = errors[self.count % len(errors)]
            if self.failed == 0:
                self.what = "%s(%s) %s" % (name, ", ".join(
                    "%#x" % each for each in notice[6:9]), error)
            self.failed += 1
            return getattr(errno, error)

    def end(self):
        if self.judge is not None:
            self.judge.end()


def cannot_judge():
    """The reason why system calls cannot be handed over here, or None."""
    if SANITIZERS:
        return "system calls are the sanitizer's own here, too"
    try:
        with open("/proc/sys/kernel/seccomp/actions_avail",
                  encoding="ascii") as file:
            if "user_notif" in file.read().split():
                return None
    except FileNotFoundError:
        pass
    return "needs a kernel with seccomp's user notification"


class FaultyServer(Server):
    """A server with faults."""

    def __init__(self, *arguments, kind="call", **settings):
        super().__init__(*arguments, **settings)
        self.faults = Faults(self.directory, kind)

    def environment(self):
        return self.faults.environment()

    def _over(self):
        super()._over()
        self.faults.end()
        for name in ("faults", "faults.sock"):
            path = os.path.join(self.directory, name)
            if os.path.exists(path):
                os.unlink(path)
