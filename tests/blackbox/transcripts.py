# SPDX-License-Identifier: ISC
"""Transcripts: what clients say to the built-in handlers, and what they must
hear.  The replies are computed here from what RFCs and prongd.conf(5) say of
framings and handlers; no server is asked.
"""

import calendar
import functools
import re
import struct
from typing import Callable, NamedTuple, Optional

from prongtest import bytewise, length32, netstring, noise

FRAMINGS = ("raw", "line", "netstring", "length32")

# The limit of a message: more than what may wait to be sent (256K).
LIMIT = 300 * 1024
LIMIT_TEXT = "300K"
READ_SIZE = 16 * 1024


# --- framings ---------------------------------------------------------------

def line(data, crlf=False):
    """A reply that is a line already stays as it is."""
    if data.endswith(b"\n"):
        return data
    return data + (b"\r\n" if crlf else b"\n")


def wrap(framing, data, crlf=False):
    """A reply to a message that did, or did not, end in CRLF."""
    if framing == "line":
        return line(data, crlf)
    return {"raw": bytes, "netstring": netstring,
            "length32": length32}[framing](data)


class Message(NamedTuple):
    body: bytes
    crlf: bool
    end: int            # where in the stream it is whole


class Fault(Exception):
    """The stream is at fault: how, and by which byte that is certain."""

    def __init__(self, kind, seen):
        super().__init__(kind)
        self.kind = kind
        self.seen = seen


def cut_raw(data, limit, ended):
    """It does not matter what the reads are, only what they are together."""
    if data:
        yield Message(data, False, len(data))


def cut_line(data, limit, ended):
    """The CR belongs to the newline; what the end leaves over is a line."""
    at = 0
    while (end := data.find(b"\n", at)) >= 0:
        crlf = data[at:end].endswith(b"\r")
        if end - at - crlf > limit:
            raise Fault("oversize", at + limit + 2)
        yield Message(data[at:end - crlf], crlf, end + 1)
        at = end + 1
    left = len(data) - at
    if left > limit + (0 if ended else 1):
        raise Fault("oversize", at + min(left, limit + 2))
    if ended and left:
        yield Message(data[at:], False, len(data))


def netstring_header(data, at, limit):
    """How many bytes, and where they begin; None where more must come."""
    size = 0
    for i in range(at, len(data)):
        byte = data[i:i + 1]
        if byte == b":" and i > at:
            return size, i + 1
        if not byte.isdigit() or i - at == 10 or data[at:i] == b"0":
            raise Fault("malformed", i + 1)
        size = size * 10 + int(byte)
        if size > limit:
            raise Fault("oversize", i + 1)
    return None


def length32_header(data, at, limit):
    if len(data) - at < 4:
        return None
    size = struct.unpack_from(">I", data, at)[0]
    if size > limit:
        raise Fault("oversize", at + 4)
    return size, at + 4


def cut_counted(header, trailer, data, limit, ended):
    at = 0
    while at < len(data):
        found = header(data, at, limit)
        end = sum(found) + len(trailer) if found else len(data) + 1
        if end > len(data):
            if ended:
                raise Fault("truncated", len(data))
            return
        size, start = found
        if data[start + size:end] != trailer:
            raise Fault("malformed", end)
        yield Message(data[start:start + size], False, end)
        at = end


CUTS = {
    "raw": cut_raw,
    "line": cut_line,
    "netstring": functools.partial(cut_counted, netstring_header, b","),
    "length32": functools.partial(cut_counted, length32_header, b""),
}


# --- handlers ---------------------------------------------------------------

# The example of RFC 867, and the count of RFC 868 for it.
NOW = calendar.timegm((1982, 2, 22, 17, 37, 43))
DAYTIME = b"Monday, February 22, 1982 17:37:43-UTC\r\n"
TIME = struct.pack(">I", NOW + 2208988800)

QUOTE = "Gr\u00fc\u00dfe,\nsagte sie.\n"
QOTD = QUOTE.replace("\n", "\r\n").encode()
# The one whose turn it is on that day.
PROVERB = b"Look before you leap.\r\n"

GREETING = "gr\u00fc\u00df dich"
PREFIX = "\u2192 "

MENU = """menu "hotline" {
  greeting  = "Welcome.\\n"
  on "0"    { reply = "This call may be recorded.\\n" }
  on "1"    { reply = "One" }
  on "1*"   { reply = "We open at nine.\\n" }
  on "\u00fc" { reply = "\u00dcber uns.\\n" }
  on "exit" { reply = "Goodbye.\\n"  close = true }
  on "hush" { close = true }
  otherwise = "Please try again.\\n"
}
"""
ON = {b"0": b"This call may be recorded.\n", b"1": b"One",
      "\u00fc".encode(): "\u00dcber uns.\n".encode(),
      b"exit": b"Goodbye.\n", b"hush": None}


def menu_answer(body):
    """The reply, None for none, and whether it is the last."""
    other = b"We open at nine.\n" if body.startswith(b"1") else \
        b"Please try again.\n"
    return ON.get(body, other), body in (b"exit", b"hush")


def cut_menu_raw(data, limit, ended):
    """Lines, and what came without a newline."""
    for m in re.finditer(rb"([^\n]*)\n|([^\n]+)$", data):
        body = m.group(1) if m.group(2) is None else m.group(2)
        yield Message(body.removesuffix(b"\r"), False, m.end())


class Kind(NamedTuple):
    """A handler with its options, and what it says."""
    name: str
    handler: str
    framings: tuple
    options: dict = {}
    greeting: bytes = b""
    # The reply to a message, and whether the connection is closed then.
    answer: Optional[Callable] = None
    # All that is said, before anything is heard.
    at_once: Optional[bytes] = None
    # Put before each reply: with raw as often as there were reads.
    prefix: bytes = b""


def plain(body):
    return body, False


KINDS = {kind.name: kind for kind in (
    Kind("echo", "echo", FRAMINGS, answer=plain),
    Kind("echo-upper", "echo", FRAMINGS,
         {"greeting": GREETING, "prefix": PREFIX, "transform": "upper"},
         greeting=GREETING.encode(), prefix=PREFIX.encode(),
         answer=lambda body: (body.upper(), False)),
    Kind("echo-lower", "echo", FRAMINGS, {"transform": "lower"},
         answer=lambda body: (body.lower(), False)),
    Kind("discard", "discard", FRAMINGS, answer=lambda body: (None, False)),
    Kind("chargen", "chargen", ("raw", "line")),
    Kind("daytime", "daytime", ("raw", "line"), at_once=DAYTIME),
    Kind("time", "time", ("raw",), at_once=TIME),
    Kind("qotd", "qotd", ("raw", "line"), {"file": "@/quotes"},
         at_once=QOTD),
    Kind("qotd-proverb", "qotd", ("raw", "line"), at_once=PROVERB),
    Kind("menu", "menu", ("raw", "line"), {"menu": "hotline"},
         greeting=b"Welcome.\n", answer=menu_answer),
)}


def chargen(size):
    """RFC 864: lines of 72 out of a ring of 95, one further each time."""
    ring = bytes(range(32, 127)) * 2
    text = b"".join(ring[i:i + 72] + b"\r\n" for i in range(95))
    return (text * (size // len(text) + 1))[:size]


# --- what must come back ----------------------------------------------------

class Golden(NamedTuple):
    """What a client hears, and what is counted.  Counts are the least and the
    most where the kernel may cut the stream in one way or another."""
    reply: bytes
    closed: Optional[str]       # why, None while it is open
    messages: tuple
    bytes_in: tuple
    oversize: int


def golden(kind, framing, data, ended):
    """All for these bytes, with or without the client's end after them."""
    if kind.at_once is not None:
        return Golden(wrap(framing, kind.at_once), "server", (0, 0), (0, 0), 0)
    cut = CUTS[framing]
    if kind.handler == "menu" and framing == "raw":
        cut = cut_menu_raw
    prefix = b"" if framing == "raw" else kind.prefix
    out = [wrap(framing, kind.greeting)] if kind.greeting else []
    closed, count, seen, oversize = "client" if ended else None, 0, \
        len(data), 0
    try:
        for message in cut(data, LIMIT, ended):
            count += 1
            reply, last = kind.answer(message.body)
            if reply is not None:
                out.append(wrap(framing, prefix + reply, message.crlf))
            if last:
                closed, seen = "server", message.end
                break
    except Fault as fault:
        closed, seen = "error", fault.seen
        oversize = int(fault.kind == "oversize")
    messages = (count, count) if framing != "raw" else \
        (min(seen, 1), len(data))
    return Golden(b"".join(out), closed, messages, (seen, len(data)),
                  oversize)


# --- what is said -----------------------------------------------------------

class Transcript(NamedTuple):
    """What one client does.

    In each phase it sends the pieces, each by a call of its own, and reads up
    to what must have come by then.  After the last phase but one the whole of
    what was sent is known to be read, so what follows is read apart.  The end:
    "shut" half-closes and reads to the end, "wait" reads to the end, "reset"
    resets after the last reply, "rude" without reading at all, and "enough"
    closes in the midst of what has no end.
    """
    name: str
    phases: tuple
    end: str = "shut"


BODIES = [b"", b"a", "Gr\u00fc\u00dfe".encode(), b"\0\xff:,", b"z"]

# Messages of every sort: empty, UTF-8, binary; the last line ends in CRLF.
TEXTS = {
    "raw": b"".join(BODIES) + b"\n\r\n",
    "line": b"".join(map(line, BODIES[:-1])) + line(BODIES[-1], True),
    "netstring": b"".join(map(netstring, BODIES + [b"\n"])),
    "length32": b"".join(map(length32, BODIES + [b"\n"])),
}
# Inputs of one byte, so that a raw read cuts none in two.
MENU_TEXT = b"0\n\n1\r\n\xff\n1\nx"

GOOD = {"raw": b"good", "line": b"good\n", "netstring": b"4:good,",
        "length32": b"\0\0\0\4good"}

# No netstrings, which is certain with the last byte but where more follows.
MALFORMED = [b"5:hello;", b"x", b":", b":,", b"01:a,", b"00:,", b"-1:a,",
             b"+1:a,", b" 1:a,", b"1 :a,", b"1,a,", b"0:x", b"\0", b"\xff",
             b"0x1:a,", b"1:a\n"]


def oversize(framing, limit):
    """Messages that are too long, as far as it takes to tell."""
    head = struct.pack(">I", limit + 1)
    return {
        "line": [b"x" * (limit + 2), b"x" * (limit + 1) + b"\n"],
        "netstring": [b"%d:" % (limit + 1), b"%d:x" % (limit + 1),
                      b"9999999999:", b"%d" % (limit + 1)],
        "length32": [head, b"\xff\xff\xff\xff", b"\x80\0\0\0x"],
    }.get(framing, [])


def slices(data, size):
    return tuple(data[i:i + size] for i in range(0, len(data), size))


def sample(framing, size):
    """A message of so many bytes of every value, but no newline in a line."""
    data = noise(size)
    if framing == "line":
        data = re.sub(rb"[\r\n]", b"\t", data)
    return data


def huge(framing):
    """As long as a message may be, and what is about as long."""
    return b"".join(wrap(framing, sample(framing, size), size == LIMIT)
                    for size in (LIMIT, 0, LIMIT - 1, READ_SIZE,
                                 READ_SIZE - 1, 1))


def apart(name, phases, end="shut"):
    """A transcript whose every piece is read alone."""
    return Transcript(name, tuple((piece,) for piece in phases if piece), end)


def cuts(text):
    return [apart("cut at %d" % at, (text[:at], text[at:]))
            for at in range(len(text) + 1)]


def separate(framing, text):
    """Those whose pieces are read apart: cut at every byte, and resets."""
    good = GOOD[framing]
    return cuts(text) + [
        apart("byte by byte", bytewise(text)),
        apart("reset after a reply", (good, good), "reset"),
        apart("reset in a message", (good, good[:-1]), "reset"),
    ]


def faulty(framing):
    """What is no message, after three that are."""
    good = GOOD[framing]
    bad = oversize(framing, LIMIT)
    if framing == "netstring":
        bad = bad + MALFORMED + [b"400000x"]
    for each in bad:
        name = "bad: %r" % each[:20]
        yield Transcript(name, (slices(good * 3 + each, 65521),), "wait")
        if len(each) < 20:
            yield Transcript(name + " byte by byte",
                             (tuple(bytewise(good + each)),), "wait")
    if framing == "line":
        yield Transcript("too long without an end",
                         (slices(b"x" * (LIMIT + 1), 65521),))


def dialogue(framing):
    """Those of a handler that answers, as many at once as there are."""
    text = TEXTS[framing]
    good = GOOD[framing]
    much = huge(framing)
    binary = wrap(framing, sample(framing, 1000))
    return [
        Transcript("nothing", ((),)),
        Transcript("joined", ((text * 500,),)),
        Transcript("byte by byte, at once", (tuple(bytewise(text * 3)),)),
        Transcript("binary", ((binary * 20, binary, text),)),
        Transcript("huge", ((much,),)),
        Transcript("huge in pieces", (slices(much, 65521),)),
        Transcript("huge in small pieces", (slices(much, 4099),)),
        Transcript("reset without reading", ((much,),), "rude"),
        *(Transcript("the end after %d bytes" % n, ((good + good[:n],),))
          for n in range(1, len(good) + 1)),
        *faulty(framing),
    ]


def menu_dialogue(framing):
    long = b"12" if framing == "raw" else b"1" * LIMIT
    return [
        Transcript("nothing", ((),)),
        Transcript("joined", ((b"0\n1\r\n\r\nwhat\n" * 100,),)),
        Transcript("exit", ((b"0\nexit\n",),), "wait"),
        Transcript("exit and more", ((b"0\r\nexit\r\n1\n" * 2,),)),
        Transcript("exit and much more",
                   (slices(b"exit\n" + sample("raw", LIMIT), 65521),)),
        Transcript("hush", ((b"1\nhush\n1\n",),), "wait"),
        Transcript("without an end", ((b"0\nexit",),)),
        Transcript("much", ((b"0\n" * 20000,),)),
        Transcript("huge", (slices(long + b"\n", 65521),)),
        Transcript("reset without reading", ((b"0\n" * 50000,),), "rude"),
        *(faulty("line") if framing == "line" else ()),
    ]


def menu_separate():
    """Whole lines, each read alone, so that raw has nothing to cut."""
    talk = [b"0\n", b"12\n1\r\n", "\u00fc\n".encode(), b"\n", b"\r\n",
            b"Exit\n", b"0123"]
    return cuts(MENU_TEXT) + [
        apart("byte by byte", bytewise(MENU_TEXT)),
        apart("lines", talk),
        apart("lines to exit", talk[:-1] + [b"exit\n"], "wait"),
        apart("reset after a reply", (b"0\n", b"1\n"), "reset"),
    ]


def monologue():
    """For who does not listen."""
    much = sample("raw", LIMIT)
    return [
        Transcript("silence", ((),), "wait"),
        Transcript("the end", ((),)),
        Transcript("a word", ((b"hello\n",),), "wait"),
        Transcript("words and the end", ((b"hello\n", b"\0\xff", b"x"),)),
        Transcript("byte by byte", (tuple(bytewise(b"hello\n")),)),
        Transcript("much", (slices(much, 65521),)),
        Transcript("reset at the end", ((b"x",),), "reset"),
    ]


ENOUGH = 500000


def endless():
    """For who speaks without end."""
    return [Transcript("silence", ((),), "enough"),
            Transcript("words", ((b"hello\n",),), "enough"),
            Transcript("binary", ((sample("raw", 30000),),), "enough"),
            Transcript("reset without reading", ((b"x",),), "rude")]


class Expected(NamedTuple):
    """What must be there after each phase, and what there is in the end."""
    steps: tuple
    golden: Golden


def expected(kind, framing, t, is_separate):
    sent = [b"".join(phase) for phase in t.phases]
    data = b"".join(sent)
    if kind.handler == "chargen":
        text = chargen(ENOUGH)
        return Expected((text,), Golden(text, "error", (0, len(data)),
                                        (0, len(data)), 0))
    steps = tuple(golden(kind, framing, b"".join(sent[:n + 1]), False).reply
                  for n in range(len(sent)))
    end = golden(kind, framing, data, t.end == "shut")
    if is_separate and framing == "raw":
        # One read each, where each is waited for: a reply shows that it was
        # handled, the count of bytes only that it was read.
        least = len(sent) if kind.handler != "discard" else min(len(sent), 1)
        end = end._replace(messages=(least, len(sent)))
    if end.closed != "server" and t.end in ("reset", "rude"):
        end = end._replace(closed="error")
    if t.end == "rude":
        end = end._replace(messages=(0, len(data)), bytes_in=(0, len(data)))
    return Expected(steps, end)


def _scripts(kind, framing):
    if kind.at_once is not None:
        return [], monologue()
    if kind.handler == "chargen":
        return [], endless()
    if kind.handler == "menu":
        return menu_separate(), menu_dialogue(framing)
    return separate(framing, TEXTS[framing]), dialogue(framing)


@functools.lru_cache(maxsize=None)
def transcripts(name, framing):
    """Those whose pieces are read apart, and those that go at once, each with
    what is expected."""
    kind = KINDS[name]
    return tuple([(t, expected(kind, framing, t, is_separate))
                  for t in scripts]
                 for is_separate, scripts in zip((True, False),
                                                 _scripts(kind, framing)))
