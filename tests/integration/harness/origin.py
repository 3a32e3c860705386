"""An origin that does what it is told: answers, stalls, truncates, resets, lies. It keeps every
request exactly as it came, and every connection's fate."""

import os
import re
import socket
import struct
import threading
import traceback

from .fields import Fields
from .waiting import bound

REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e]+) HTTP/1\.([01])\Z")
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*\Z")


class ConnectionEnded(Exception):
    """The peer went away; `reset` says how."""

    def __init__(self, reset=False):
        super().__init__("reset" if reset else "closed")
        self.reset = reset


class Request(Fields):
    def __init__(self, raw_head, connection, index):
        self.raw_head = raw_head
        self.connection = connection  # number of the connection, from 0
        self.index = index            # number of the request on it, from 0
        self.body = None              # None until it was read to its end
        self.trailers = []
        self.partial = b""            # what came of a body that did not end
        self.period = 0               # of its origin, when the head came
        line, *fields = raw_head[:-4].split(b"\r\n")
        match = REQUEST_LINE.match(line)
        if not match:
            raise AssertionError(f"Weir sent a bad request line: {line!r}")
        self.method, self.target = match[1].decode(), match[2].decode()
        self.version = f"1.{match[3].decode()}"
        self.headers = []
        for field in fields:
            match = FIELD.match(field)
            if not match:
                raise AssertionError(f"Weir sent a bad field line: {field!r}")
            self.headers.append((match[1].decode(), match[2].decode("latin-1")))

    def __repr__(self):
        return f"<{self.method} {self.target} {self.headers} on {self.connection}>"


class OriginConnection:
    """One connection from Weir, in the hands of a handler."""

    def __init__(self, origin, sock, number):
        self.origin = origin
        self.socket = sock
        self.number = number
        self.buffer = b""
        self.ended = threading.Event()   # the peer's FIN or reset was seen, or we closed
        self.how = None                  # "closed", "reset" or "ours"
        self.open = True

    def _more(self):
        try:
            data = self.socket.recv(262144)
        except (ConnectionError, OSError):
            self._end("reset")
            raise ConnectionEnded(reset=True) from None
        if not data:
            self._end("closed")
            raise ConnectionEnded()
        self.buffer += data

    def _end(self, how):
        if self.how is None:
            self.how = how
        self.ended.set()
        with self.origin.changed:
            self.origin.changed.notify_all()

    def read_until(self, mark):
        start = 0
        while (at := self.buffer.find(mark, start)) < 0:
            start = max(0, len(self.buffer) - len(mark))
            self._more()
        data, self.buffer = self.buffer[:at + len(mark)], self.buffer[at + len(mark):]
        return data

    def read_exact(self, size):
        while len(self.buffer) < size:
            self._more()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def read_some(self):
        if not self.buffer:
            self._more()
        data, self.buffer = self.buffer, b""
        return data

    def read_body(self, request):
        """The request's body to its end; kept in the request."""
        if request.body is not None:
            return request.body
        lengths, codings = request.all("content-length"), request.all("transfer-encoding")
        if codings and (lengths or codings != ["chunked"]) or len(lengths) > 1:
            raise AssertionError(f"Weir sent ambiguous framing: {request.headers}")
        if codings:
            while size := int(self.read_until(b"\r\n")[:-2], 16):
                request.partial += self.read_exact(size)
                if self.read_exact(2) != b"\r\n":
                    raise AssertionError("Weir sent a chunk longer than its size")
            while (line := self.read_until(b"\r\n")) != b"\r\n":
                name, value = line[:-2].split(b":", 1)
                request.trailers.append((name.decode(), value.strip().decode("latin-1")))
            request.body = request.partial
        else:
            length = int(lengths[0]) if lengths else 0
            while len(self.buffer) < length:
                request.partial = self.buffer
                self._more()
            request.body = self.read_exact(length)
        self.origin.completed(request)
        return request.body

    def send(self, data):
        try:
            self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)
        except OSError:
            self._end("reset")
            raise ConnectionEnded(reset=True) from None

    def reply(self, status=200, headers=(), body=b"", chunked=False, trailers=()):
        """A well-formed answer; with a Content-Length unless the headers frame it."""
        headers = list(headers.items() if isinstance(headers, dict) else headers)
        names = {name.lower() for name, _ in headers}
        body = body.encode() if isinstance(body, str) else body
        if chunked:
            headers.append(("Transfer-Encoding", "chunked"))
        elif not names & {"content-length", "transfer-encoding"} and status not in (204, 304):
            headers.append(("Content-Length", str(len(body))))
        head = f"HTTP/1.1 {status} Status {status}\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in headers) + "\r\n"
        if chunked:
            data = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
            data += b"0\r\n" + b"".join(f"{n}: {v}\r\n".encode() for n, v in trailers) + b"\r\n"
        else:
            data = body
        self.send(head.encode("latin-1") + data)

    def chunk(self, data):
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def wait_ended(self, timeout=30.0):
        """Reads until the peer goes away; how it went."""
        self.socket.settimeout(bound(timeout))
        try:
            while True:
                self._more()
                self.buffer = b""
        except TimeoutError:
            raise AssertionError("Weir did not end its connection in time") from None
        except ConnectionEnded:
            return self.how

    def close(self):
        if self.open:
            self.open = False
            try:
                self.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self.socket.close()
            self._end("ours")

    def reset(self):
        if self.open:
            self.open = False
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.socket.close()
            self._end("ours")


def echo(connection, request):
    """The default handler: 200, the body that came, and what was asked in headers."""
    body = connection.read_body(request)
    connection.reply(200, [("X-Method", request.method), ("X-Target", request.target)], body)


class Origin:
    """`handler(connection, request)` is called at each request's head; it may read the body, answer
    as it likes, and set `connection.close()`. `origin.handler` may be changed between requests."""

    def __init__(self, handler=None, path=None, name="origin", host="127.0.0.1", port=0):
        self.handler = handler or echo
        self.name = name
        self.requests = []     # complete ones, in order of completion
        self.heads = []        # every head, complete or not
        self.connections = []
        self.period = 0        # how often the lists were cleared
        self.errors = []       # what Weir must never send
        self.changed = threading.Condition()
        self.path = path
        family = socket.AF_UNIX if path else socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        if path:
            self.listener.bind(path)
            self.address = f"unix:{path}"
            self.port = None
        else:
            self.listener.bind((host, port))
            self.port = self.listener.getsockname()[1]
            self.address = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self.listener.listen(512)
        self.stopping = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            if self.path is None:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.changed:
                connection = OriginConnection(self, sock, len(self.connections))
                self.connections.append(connection)
                self.changed.notify_all()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def wrap(self, sock):
        """What the accepted socket is spoken to through; None when that failed."""
        return sock

    def _serve(self, connection):
        index = 0
        try:
            spoken = self.wrap(connection.socket)
            if spoken is None:
                return
            connection.socket = spoken
            while connection.open:
                head = connection.read_until(b"\r\n\r\n")
                request = Request(head, connection.number, index)
                with self.changed:
                    request.period = self.period
                    self.heads.append(request)
                    self.changed.notify_all()
                self.handler(connection, request)
                if connection.open and request.body is None:
                    connection.read_body(request)
                index += 1
        except ConnectionEnded:
            pass
        except Exception:  # a handler's failure must reach the test: close() raises it
            if not self.stopping and connection.open:
                self.errors.append(traceback.format_exc())
        finally:
            connection.close()

    def completed(self, request):
        with self.changed:
            if request.period == self.period:
                self.requests.append(request)
                self.changed.notify_all()

    def wait(self, what, condition, timeout=30.0):
        with self.changed:
            if not self.changed.wait_for(condition, bound(timeout)):
                raise AssertionError(f"{self.name}: waited {bound(timeout):.1f} s for {what}; "
                                     f"heads {self.heads}, errors {self.errors}")
            return condition()

    def wait_for_request(self, count=1, timeout=30.0):
        """The count-th complete request."""
        self.wait(f"complete request number {count}", lambda: len(self.requests) >= count, timeout)
        return self.requests[count - 1]

    def wait_for_head(self, count=1, timeout=30.0):
        self.wait(f"request head number {count}", lambda: len(self.heads) >= count, timeout)
        return self.heads[count - 1]

    def wait_connection_ended(self, number=0, timeout=10.0):
        """How Weir ended its connection of that number; needs a reader (a handler that waits, or
        the loop between requests). Its bound is below a route's `timeout`, which ends it as well."""
        self.wait(f"connection {number}", lambda: len(self.connections) > number, timeout)
        if not self.connections[number].ended.wait(bound(timeout)):
            raise AssertionError(f"{self.name}: connection {number} did not end in time")
        return self.connections[number].how

    def clear(self):
        """Forgets what came. A request whose head came before this is not listed afterwards either,
        however late its content is read."""
        with self.changed:
            self.requests, self.heads = [], []
            self.period += 1

    def targets(self):
        return [request.target for request in self.heads]

    def live(self):
        return [c for c in self.connections if not c.ended.is_set()]

    def close(self):
        self.stopping = True
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for connection in list(self.connections):
            connection.close()
        if self.path and os.path.exists(self.path):
            os.unlink(self.path)
        if self.errors:
            raise AssertionError(f"{self.name}:\n" + "\n".join(self.errors))


class BlackHole:
    """A port that takes no connection and refuses none: its queue is full."""

    def __init__(self, host="127.0.0.1", port=0):
        self.listener = socket.socket()
        if port:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((host, port))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self.address = f"{host}:{self.port}"
        self.fillers = []
        while True:
            filler = socket.socket()
            filler.settimeout(0.2)
            self.fillers.append(filler)
            try:
                filler.connect((host, self.port))
            except TimeoutError:
                return

    def close(self):
        for sock in [*self.fillers, self.listener]:
            sock.close()


class Refusing:
    """An address that refuses: bound, never listening, kept so that nobody else takes it."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"

    def close(self):
        self.socket.close()
