"""A client that speaks HTTP/2 frame by frame, so that it can also speak it wrongly. Field sections
go out as plain literals; what comes is decoded by the library that curl uses, too."""

import socket
import struct

from .client import Truncated
from .fields import Fields
from .h2_frames import (  # tests that speak frames have the words from here
    ACK, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, CONTINUATION, DATA, END_HEADERS, END_STREAM,
    ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, GOAWAY, HEADERS, INTERNAL_ERROR,
    NO_ERROR, PADDED, PING, PREFACE, PRIORITY, PRIORITY_FLAG, PROTOCOL_ERROR, PUSH_PROMISE,
    REFUSED_STREAM, RST_STREAM, SETTINGS, SETTINGS_TIMEOUT, STREAM_CLOSED, WINDOW_UPDATE,
    FieldReader, data, frame, headers, integer, literal, ping, rst_stream, section, window_update)
from .waiting import bound


def request_fields(method="GET", path="/", authority="a.test", more=(), scheme="http"):
    return [(":method", method), (":scheme", scheme), (":authority", authority), (":path", path),
            *more]


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


class H2Answer(Fields):
    def __init__(self):
        self.status = 0
        self.headers, self.trailers, self.interim = [], [], []
        self.body = b""
        self.reset = None   # the error of a RST_STREAM
        self.goaway = None  # the frame that ended the connection before the answer's end
        self.ended = False
        self.phrase = ""

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
        self.fields = FieldReader()
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
        self.send(headers(stream, fields, end and body is None and trailers is None))
        if body is not None:
            self.data(stream, body, end and trailers is None)
        if trailers is not None:
            self.send(headers(stream, trailers, True))
        return stream

    def data(self, stream, body, end=False):
        pieces = [body[i:i + 16384] for i in range(0, len(body), 16384)] or [b""]
        for i, piece in enumerate(pieces):
            self.send(data(stream, piece, end and i == len(pieces) - 1))

    def reset(self, stream, error=CANCEL):
        self.send(rst_stream(stream, error))

    def give(self, stream, bytes_):
        self.send(window_update(stream, bytes_))

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
            self.try_send(ping(payload, ack=True))
        elif kind == HEADERS:
            while not got.flags & END_HEADERS:
                more = self.read_frame("CONTINUATION")
                got.payload += more.payload
                got.flags |= more.flags & END_HEADERS
            got.fields = self.fields.read(got.payload)
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
                self.try_send(window_update(0, len(got.payload))
                              + window_update(got.stream, len(got.payload)))
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
