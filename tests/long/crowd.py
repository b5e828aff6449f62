# SPDX-License-Identifier: ISC
"""Crowds of clients, each crowd a process of its own, so that neither they
nor who started them wait for each other.

A connect is a blocking one: over loopback it is over at once, and what comes
later cannot be taken for its failure.  The clocks are time.monotonic().
"""

import asyncio
import ctypes
import errno
import multiprocessing
import os
import random
import signal
import socket
import struct
import time
from collections import namedtuple

from prongtest import Failure, PR_SET_PDEATHSIG, raise_descriptors

IP_BIND_ADDRESS_NO_PORT = 24
# Nothing that works takes so long.
PATIENCE = 20

# A connection that ended before its client was done with it.
Loss = namedtuple("Loss", "peer began ended how")


class Lost(Exception):
    """The server's end of the connection has gone."""


class Tally:
    """What the clients of a crowd have seen."""

    def __init__(self):
        self.connects = 0       # that succeeded
        self.slowest = 0.0      # of them, in seconds
        self.failed = []        # connects
        self.wrong = []         # bytes, or silence
        self.lost = []          # Loss
        self.visits = 0         # conversations that went as they should
        self.messages = 0
        self.refused = 0        # by a limit: the end instead of an answer
        self.more = {}          # whatever else a kind of client counts


class Member:
    """A client's connection."""

    def __init__(self, crowd, sock, began):
        self.crowd = crowd
        self.sock = sock
        self.began = began
        self.peer = "%s:%d" % sock.getsockname()

    async def send(self, data):
        try:
            async with asyncio.timeout(PATIENCE):
                await self.crowd.loop.sock_sendall(self.sock, data)
        except (ConnectionResetError, BrokenPipeError) as error:
            raise Lost(error.strerror) from None

    async def read(self, size):
        """Something, or Lost at the end."""
        try:
            async with asyncio.timeout(PATIENCE):
                data = await self.crowd.loop.sock_recv(self.sock, size)
        except (ConnectionResetError, BrokenPipeError) as error:
            raise Lost(error.strerror) from None
        if not data:
            raise Lost("end")
        return data

    async def take(self, wanted):
        """Just these bytes."""
        got = b""
        while got != wanted:
            got += await self.read(len(wanted) - len(got))
            if not wanted.startswith(got):
                raise ValueError("%r instead of %r" % (got[:80],
                                                       wanted[:80]))

    async def say(self, data):
        await self.send(data)
        await self.take(data)
        self.crowd.tally.messages += 1


class Crowd:
    """Clients in a process of their own.  people(crowd) runs there, and adds
    the clients with crowd.add(coroutine); they go on until crowd.stopping."""

    def __init__(self, people, seed, descriptors=4096):
        self.people = people
        self.random = random.Random(seed)
        self.descriptors = descriptors
        self.tally = Tally()
        self.stopping = False
        self.loop = None
        self.tasks = []
        context = multiprocessing.get_context("fork")
        self.ours, self.theirs = context.Pipe()
        self.process = context.Process(target=self._live, daemon=True)
        self.process.start()
        self.theirs.close()

    # In the parent.

    @property
    def pid(self):
        return self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.is_alive():
            self.process.kill()
        self.process.join()
        self.ours.close()

    def ask(self):
        """The tally as it is now."""
        self.ours.send("tally")
        return self._answer()

    def stop(self):
        """Lets the clients finish; returns their tally."""
        self.ours.send("stop")
        tally = self._answer()
        self.process.join()
        return tally

    def _answer(self):
        if not self.ours.poll(3 * PATIENCE):
            raise Failure("a crowd does not answer")
        try:
            return self.ours.recv()
        except EOFError:
            raise Failure("a crowd has died") from None

    # In the child.

    def _live(self):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.alarm(0)
        self.ours.close()
        why = raise_descriptors(self.descriptors)
        if why is not None:
            raise Failure(why)
        asyncio.run(self._run())

    async def _run(self):
        self.loop = asyncio.get_running_loop()
        self.loop.add_reader(self.theirs.fileno(), self._told)
        self.people(self)
        while self.tasks:
            task = self.tasks.pop()
            await task          # a fault of a client's own ends the crowd
        while not self.stopping:
            await asyncio.sleep(0.01)
        self.theirs.send(self.tally)

    def _told(self):
        try:
            word = self.theirs.recv()
        except EOFError:
            os._exit(1)         # who started us has gone
        if word == "stop":
            self.stopping = True
        else:
            self.theirs.send(self.tally)

    def add(self, client):
        self.tasks.append(self.loop.create_task(client))

    def connect(self, where, source=None, receive_buffer=None):
        """A connected Member, or None: then it is in the tally."""
        began = time.monotonic()
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO,
                        struct.pack("ll", PATIENCE, 0))
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                            receive_buffer)
        if source is not None:
            sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((source, 0))
        try:
            sock.connect(where)
        except OSError as error:
            self.tally.failed.append("%s after %.3f s" % (
                errno.errorcode.get(error.errno, error),
                time.monotonic() - began))
            sock.close()
            return None
        self.tally.connects += 1
        self.tally.slowest = max(self.tally.slowest,
                                 time.monotonic() - began)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        return Member(self, sock, began)

    async def converse(self, member, talk):
        """Runs talk(member) and books how it ended; whether well."""
        try:
            await talk(member)
            self.tally.visits += 1
            return True
        except Lost as why:
            self.tally.lost.append(Loss(member.peer, member.began,
                                        time.monotonic(), str(why)))
        except ValueError as why:
            self.tally.wrong.append(str(why))
        except TimeoutError:
            self.tally.wrong.append("silence for %d s" % PATIENCE)
        finally:
            member.sock.close()
        return False

    # Kinds of clients.

    async def visitor(self, where, source, pause):
        """Comes, says something, goes; again and again."""
        async def talk(member):
            await member.say(self.random.randbytes(
                self.random.randrange(1, 400)))

        while not self.stopping:
            member = self.connect(where, source)
            if member is not None:
                await self.converse(member, talk)
            await asyncio.sleep(self.random.expovariate(1 / pause))

    async def regular(self, where, source, pause):
        """Stays, with numbered messages; comes again when it is lost."""
        async def talk(member):
            number = 0
            while not self.stopping:
                number += 1
                await member.say(b"%s message %d\n" % (member.peer.encode(),
                                                       number))
                await asyncio.sleep(self.random.expovariate(1 / pause))

        while not self.stopping:
            member = self.connect(where, source)
            if member is not None:
                await self.converse(member, talk)
            else:
                await asyncio.sleep(pause)


def address(text):
    """"127.0.0.1:7" as connect(2) wants it."""
    host, _, port = text.rpartition(":")
    return host, int(port)
