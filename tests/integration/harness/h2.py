"""A client that speaks HTTP/2 frame by frame, so that it can also speak it wrongly. Field sections
go out as plain literals; what comes is decoded by the library that curl uses, too."""

import ctypes
import socket
import struct

from .client import ProtocolError, Truncated
from .waiting import bound

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, \
    CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY_FLAG = 1, 1, 4, 8, 32
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, \
    FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, \
    ENHANCE_YOUR_CALM = range(12)


def _bytes(text):
    return text if isinstance(text, bytes) else text.encode("latin-1")


def integer(value, prefix, first=0):
    """An integer of RFC 7541 section 5.1."""
    most = (1 << prefix) - 1
    if value < most:
        return bytes([first | value])
    out = bytearray([first | most])
    value -= most
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    out.append(value)
    return bytes(out)


def literal(name, value, first=0x00):
    """A field as a literal with a literal name; `first` 0x40: it goes into the table."""
    name, value = _bytes(name), _bytes(value)
    return (bytes([first]) + integer(len(name), 7) + name + integer(len(value), 7) + value)


def section(fields):
    return b"".join(literal(name, value) for name, value in fields)


def frame(kind, flags=0, stream=0, payload=b""):
    return (struct.pack(">I", len(payload))[1:] + bytes([kind, flags])
            + struct.pack(">I", stream) + payload)


def request_fields(method="GET", path="/", authority="a.test", more=(), scheme="http"):
    return [(":method", method), (":scheme", scheme), (":authority", authority), (":path", path),
            *more]


class _Nv(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("value", ctypes.c_void_p),
                ("name_size", ctypes.c_size_t), ("value_size", ctypes.c_size_t),
                ("flags", ctypes.c_uint8)]


class Inflater:
    """HPACK's decoder (RFC 7541) with its table."""

    def __init__(self):
        self.library = ctypes.CDLL("libnghttp2.so.14")
        self.library.nghttp2_hd_inflate_hd2.restype = ctypes.c_ssize_t
        self.handle = ctypes.c_void_p()
        self.library.nghttp2_hd_inflate_new(ctypes.byref(self.handle))

    def decode(self, block):
        fields, nv, flags = [], _Nv(), ctypes.c_int()
        while True:
            done = self.library.nghttp2_hd_inflate_hd2(
                self.handle, ctypes.byref(nv), ctypes.byref(flags), block,
                ctypes.c_size_t(len(block)), 1)
            if done < 0:
                raise ProtocolError(f"a field section that does not decode: {done}")
            block = block[done:]
            if flags.value & 2:
                fields.append((ctypes.string_at(nv.name, nv.name_size).decode("latin-1"),
                               ctypes.string_at(nv.value, nv.value_size).decode("latin-1")))
            if flags.value & 1:
                self.library.nghttp2_hd_inflate_end_headers(self.handle)
                return fields

    def __del__(self):
        self.library.nghttp2_hd_inflate_del(self.handle)


class Frame:
    def __init__(self, kind, flags, stream, payload):
        self.kind, self.flags, self.stream, self.payload = kind, flags, stream, payload

    @property
    def error(self):
        """Of RST_STREAM and GOAWAY."""
        return struct.unpack(">I", self.payload[4 * (self.kind == GOAWAY):][:4])[0]

    @property
    def last_stream(self):
        return struct.unpack(">I", self.payload[:4])[0]

    def __repr__(self):
        return f"<{self.kind} flags {self.flags:#x} stream {self.stream} {self.payload[:40]!r}>"


class H2Answer:
    def __init__(self):
        self.status = 0
        self.headers, self.trailers, self.interim = [], [], []
        self.body = b""
        self.reset = None   # the error of a RST_STREAM
        self.goaway = None  # the frame that ended the connection before the answer's end
        self.ended = False
        self.phrase = ""

    def header(self, name):
        values = [value for have, value in self.headers if have == name]
        return ", ".join(values) if values else None

    def trailer(self, name):
        return dict(self.trailers).get(name)

    def __repr__(self):
        return (f"<{self.status} {self.headers} {self.body[:300]!r} trailers {self.trailers} "
                f"reset {self.reset} goaway {self.goaway}>")


class H2Client:
    """`window`: what we let the server send on a stream before we give more (which `answer` does).
    `start`: with preface and SETTINGS."""

    def __init__(self, address, timeout=10.0, start=True, window=None, settings=()):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.settimeout(bound(timeout))
        self.socket.connect(address)
        self.buffer = b""
        self.inflater = Inflater()
        self.server_settings = None
        self.next_stream = 1
        self.giving = window is None
        self.frames = []  # that came for somebody else than who waited
        if start:
            settings = list(settings) + ([] if window is None else [(4, window)])
            self.send(PREFACE + self.settings(settings))

    @staticmethod
    def settings(pairs=(), flags=0):
        return frame(SETTINGS, flags, 0, b"".join(struct.pack(">HI", *pair) for pair in pairs))

    def send(self, data):
        self.socket.sendall(data)

    def try_send(self, data):
        """False when the server no longer takes it."""
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            return False

    def open_stream(self):
        stream, self.next_stream = self.next_stream, self.next_stream + 2
        return stream

    def request(self, method="GET", path="/", headers=(), body=None, end=True, authority="a.test",
                scheme="http", trailers=None):
        """Sends a whole request, or its beginning with `end` false; the stream's number."""
        return self.request_raw(request_fields(method, path, authority, headers, scheme), body, end,
                                trailers)

    def request_raw(self, fields, body=None, end=True, trailers=None):
        stream = self.open_stream()
        block = section(fields)
        last = END_STREAM if end and body is None and trailers is None else 0
        first, rest = block[:16384], block[16384:]
        out = frame(HEADERS, last | (0 if rest else END_HEADERS), stream, first)
        while rest:
            first, rest = rest[:16384], rest[16384:]
            out += frame(CONTINUATION, 0 if rest else END_HEADERS, stream, first)
        self.send(out)
        if body is not None:
            self.data(stream, body, end and trailers is None)
        if trailers is not None:
            self.send(frame(HEADERS, END_STREAM | END_HEADERS, stream, section(trailers)))
        return stream

    def data(self, stream, body, end=False):
        pieces = [body[i:i + 16384] for i in range(0, len(body), 16384)] or [b""]
        for i, piece in enumerate(pieces):
            self.send(frame(DATA, END_STREAM if end and i == len(pieces) - 1 else 0, stream, piece))

    def reset(self, stream, error=CANCEL):
        self.send(frame(RST_STREAM, 0, stream, struct.pack(">I", error)))

    def give(self, stream, bytes_):
        self.send(frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", bytes_)))

    def ping(self, opaque=b"pingpong", flags=0):
        self.send(frame(PING, flags, 0, opaque))

    def _fill(self, what):
        try:
            got = self.socket.recv(65536)
        except ConnectionError:
            raise Truncated(what, reset=True) from None
        except TimeoutError:
            raise AssertionError(f"waited {self.socket.gettimeout():.1f} s for {what}") from None
        if not got:
            raise Truncated(what)
        self.buffer += got

    def read_frame(self, what="a frame"):
        """The next frame, whatever it is; SETTINGS and PINGs are acknowledged."""
        while len(self.buffer) < 9:
            self._fill(what)
        size = int.from_bytes(self.buffer[:3], "big")
        while len(self.buffer) < 9 + size:
            self._fill(what)
        kind, flags = self.buffer[3], self.buffer[4]
        stream = int.from_bytes(self.buffer[5:9], "big")
        payload, self.buffer = self.buffer[9:9 + size], self.buffer[9 + size:]
        got = Frame(kind, flags, stream, payload)
        if kind == SETTINGS and not flags & ACK:
            self.server_settings = dict(struct.unpack(">HI", payload[i:i + 6])
                                        for i in range(0, len(payload), 6))
            self.try_send(frame(SETTINGS, ACK))
        elif kind == PING and not flags & ACK:
            self.try_send(frame(PING, ACK, 0, payload))
        elif kind == HEADERS:
            while not got.flags & END_HEADERS:
                more = self.read_frame("CONTINUATION")
                got.payload += more.payload
                got.flags |= more.flags & END_HEADERS
            got.fields = self.inflater.decode(got.payload)
        return got

    def next(self, condition, what="a frame"):
        """The next frame that `condition` takes, others are kept for those who want them."""
        for i, kept in enumerate(self.frames):
            if condition(kept):
                return self.frames.pop(i)
        while True:
            got = self.read_frame(what)
            if condition(got):
                return got
            self.frames.append(got)

    def answer(self, stream):
        """The answer on a stream, to its end, its reset, or the end of the connection by an error."""
        out = H2Answer()
        while not out.ended and out.reset is None and out.goaway is None:
            got = self.next(lambda f: f.stream == stream or (f.kind == GOAWAY and f.error),
                            f"the answer on stream {stream}")
            if got.kind == GOAWAY:
                out.goaway = got
                break
            self.take(got, out)
        return out

    def take(self, got, out):
        if got.kind == HEADERS:
            status = dict(got.fields).get(":status")
            if status is None:
                out.trailers = got.fields
            elif status.startswith("1"):
                out.interim.append((int(status), got.fields[1:]))
            else:
                out.status, out.headers = int(status), got.fields[1:]
        elif got.kind == DATA:
            out.body += got.payload
            if self.giving and got.payload:
                self.try_send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", len(got.payload)))
                              + frame(WINDOW_UPDATE, 0, got.stream,
                                      struct.pack(">I", len(got.payload))))
        elif got.kind == RST_STREAM:
            out.reset = got.error
        if got.kind in (DATA, HEADERS) and got.flags & END_STREAM:
            out.ended = True

    def head(self, stream):
        """The next field section on a stream."""
        return self.next(lambda f: f.kind == HEADERS and f.stream == stream, "a head")

    def fetch(self, method="GET", path="/", headers=(), body=None, **kwargs):
        return self.answer(self.request(method, path, headers, body, **kwargs))

    def goaway(self):
        return self.next(lambda f: f.kind == GOAWAY, "GOAWAY")

    def pong(self, opaque=b"pingpong"):
        return self.next(lambda f: f.kind == PING and f.flags & ACK and f.payload == opaque, "a pong")

    def expect_end(self):
        """The server closes, whatever it says before."""
        try:
            while True:
                self.read_frame("the end")
        except Truncated as end:
            return end

    def close(self):
        self.socket.close()
