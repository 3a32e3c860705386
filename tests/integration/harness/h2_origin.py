"""An HTTP/2 origin by prior knowledge that does what it is told: answers in any order, resets, goes
away, floods, lies. Each request runs its handler in a thread of its own."""

import socket
import struct
import threading
import traceback

from . import h2_frames as h2
from .fields import Fields
from .tls import TlsSocket
from .waiting import bound


class H2Request(Fields):
    """A request on its stream, and the way to answer it."""

    def __init__(self, connection, stream, fields):
        self.connection = connection
        self.stream = stream
        self.headers = fields
        self.body = b""
        self.trailers = []
        self.frames = []           # ("HEADERS" or "DATA", bytes of content, END_STREAM), in order
        self.ended = False
        self.reset = None          # the error code with which Weir gave it up
        self.window = self.largest_window = connection.initial_window

    # --- what came; each waits
    def wait(self, what, condition, timeout=10):
        with self.connection.changed:
            if not self.connection.changed.wait_for(condition, bound(timeout)):
                raise AssertionError(f"waited for {what} on stream {self.stream}")

    def read_body(self):
        self.wait("the end of the request", lambda: self.ended)
        return self.body

    def wait_body(self, size):
        self.wait(f"{size} bytes", lambda: len(self.body) >= size)
        return self.body

    def wait_reset(self):
        self.wait("a reset", lambda: self.reset is not None or self.connection.closed)
        return self.reset

    # --- the answer
    def head(self, status, fields=(), end=False):
        self.connection.send(h2.headers(self.stream, [(":status", str(status)), *fields], end))

    def content(self, content, end=False):
        while content:
            piece = content[:self.connection.take_window(self, min(len(content), 16384))]
            content = content[len(piece):]
            self.connection.send(h2.data(self.stream, piece, end and not content))
            if not content:
                return
        if end:
            self.connection.send(h2.data(self.stream, b"", True))

    def trail(self, fields):
        self.connection.send(h2.headers(self.stream, fields, True))

    def reply(self, status=200, content=b"", fields=(), trailers=()):
        self.head(status, fields, end=not content and not trailers)
        if content:
            self.content(content, end=not trailers)
        if trailers:
            self.trail(trailers)

    def give_up(self, error):
        self.connection.send(h2.rst_stream(self.stream, error))


class H2Connection:
    def __init__(self, origin, sock, number):
        self.origin = origin
        self.socket = sock
        self.number = number
        self.changed = threading.Condition()
        self.sending = threading.Lock()
        self.requests = {}
        self.frames = []           # (type, flags, stream, payload) of what is not DATA
        self.goaway = None
        self.closed = False
        self.window = 65535
        self.initial_window = 65535
        self.reader = h2.FieldReader()

    def send(self, data):
        with self.sending:
            try:
                self.socket.sendall(data)
            except OSError:
                self._end()

    def take_window(self, request, wanted):
        with self.changed:
            def free():
                return self.closed or request.reset is not None or \
                    min(self.window, request.window) > 0
            if not self.changed.wait_for(free, bound(20)):
                raise AssertionError("waited for a window")
            if self.closed or request.reset is not None:
                return wanted
            size = min(wanted, self.window, request.window)
            self.window -= size
            request.window -= size
            return size

    def close(self, reset=False):
        if reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            try:
                self.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.socket.close()
        self._end()

    def _end(self):
        with self.changed:
            self.closed = True
            self.changed.notify_all()
        with self.origin.changed:
            self.origin.changed.notify_all()

    def wait(self, what, condition, timeout=10):
        with self.changed:
            if not self.changed.wait_for(condition, bound(timeout)):
                raise AssertionError(f"waited for {what} on connection {self.number}")

    def _exact(self, size):
        out = b""
        while len(out) < size:
            got = self.socket.recv(size - len(out))
            if not got:
                raise ConnectionError
            out += got
        return out

    def run(self):
        try:
            if self.origin.context is not None:
                self.socket = TlsSocket(self.socket, self.origin.context)
            if self.origin.on_connect is not None:
                self.origin.on_connect(self)
            if self._exact(len(h2.PREFACE)) != h2.PREFACE:
                raise AssertionError("Weir sent no preface")
            if self.origin.settings is not None:
                self.send(h2.settings(self.origin.settings))
            while True:
                size, kind, flags, stream = struct.unpack(">IBBI", b"\0" + self._exact(9))
                self._frame(kind, flags, stream & 0x7fffffff, self._exact(size))
        except (OSError, ConnectionError):
            pass
        except Exception:
            self.origin.problems.append(traceback.format_exc())
        self._end()

    def _frame(self, kind, flags, stream, payload):
        if kind == h2.DATA:
            with self.changed:
                request = self.requests[stream]
                request.body += payload
                request.frames.append(("DATA", len(payload), bool(flags & h2.END_STREAM)))
                request.ended |= bool(flags & h2.END_STREAM)
                self.changed.notify_all()
            if payload and self.origin.opens_windows:
                self.send(h2.window_update(0, len(payload)))
                if not flags & h2.END_STREAM:
                    self.send(h2.window_update(stream, len(payload)))
            return
        if kind == h2.HEADERS:
            if not flags & h2.END_HEADERS:
                self.block, self.block_flags = payload, flags
            else:
                self._fields(stream, flags, payload)
        elif kind == h2.CONTINUATION:
            self.block += payload
            if flags & h2.END_HEADERS:
                self._fields(stream, self.block_flags, self.block)
        elif kind == h2.SETTINGS and not flags & h2.ACK:
            for at in range(0, len(payload), 6):
                key, value = struct.unpack(">HI", payload[at:at + 6])
                if key == h2.INITIAL_WINDOW_SIZE:
                    self.initial_window = value
            if self.origin.settings is not None:
                self.send(h2.settings(ack=True))
        elif kind == h2.PING and not flags & h2.ACK and self.origin.answers_pings:
            self.send(h2.ping(payload, ack=True))
        with self.changed:
            self.frames.append((kind, flags, stream, payload))
            if kind == h2.RST_STREAM and stream in self.requests:
                self.requests[stream].reset = struct.unpack(">I", payload)[0]
            elif kind == h2.WINDOW_UPDATE:
                amount = struct.unpack(">I", payload)[0]
                if stream == 0:
                    self.window += amount
                elif stream in self.requests:
                    request = self.requests[stream]
                    request.window += amount
                    request.largest_window = max(request.largest_window, request.window)
            elif kind == h2.GOAWAY:
                self.goaway = struct.unpack(">II", payload[:8])
            self.changed.notify_all()

    def _fields(self, stream, flags, payload):
        if flags & 0x20:
            payload = payload[5:]
        fields = self.reader.read(payload)
        with self.changed:
            request = self.requests.get(stream)
            if request is not None:
                request.trailers = fields
                request.frames.append(("HEADERS", 0, bool(flags & h2.END_STREAM)))
                request.ended = True
                self.changed.notify_all()
                return
            request = self.requests[stream] = H2Request(self, stream, fields)
            request.ended = bool(flags & h2.END_STREAM)
            request.frames.append(("HEADERS", 0, request.ended))
        self.origin.started(request)


class H2Origin:
    """`handler(request)` answers; `settings` None sends none at all; `context` is TLS's."""

    def __init__(self, handler=None, settings=None, opens_windows=True, answers_pings=True,
                 on_connect=None, silent=False, context=None):
        self.context = context
        self.handler = handler or (lambda request: (request.read_body(), request.reply(200, b"ok")))
        self.settings = None if silent else settings or {}
        self.opens_windows = opens_windows
        self.answers_pings = answers_pings
        self.on_connect = on_connect
        self.changed = threading.Condition()
        self.connections = []
        self.requests = []
        self.problems = []
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(128)
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.socket.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = H2Connection(self, sock, len(self.connections))
            with self.changed:
                self.connections.append(connection)
                self.changed.notify_all()
            threading.Thread(target=connection.run, daemon=True).start()

    def started(self, request):
        with self.changed:
            self.requests.append(request)
            self.changed.notify_all()
        threading.Thread(target=self._handle, args=(request,), daemon=True).start()

    def _handle(self, request):
        try:
            self.handler(request)
        except Exception:
            self.problems.append(traceback.format_exc())

    def wait(self, what, condition, timeout=10):
        with self.changed:
            if not self.changed.wait_for(condition, bound(timeout)):
                raise AssertionError(f"waited for {what}; {self.problems}")

    def wait_requests(self, count):
        self.wait(f"{count} requests", lambda: len(self.requests) >= count)
        return self.requests

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
        for connection in self.connections:
            connection.close()
