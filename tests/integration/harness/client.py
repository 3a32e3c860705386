"""A client that sends the bytes it is given and reads answers strictly: whatever is not the
grammar of RFC 9112 raises ProtocolError, an end too early raises Truncated."""

import re
import socket
import struct
import subprocess

from .fields import Fields
from .waiting import bound

STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) ([\t\x20-\x7e\x80-\xff]*)\Z")
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*\Z")
CHUNK_SIZE = re.compile(rb"[0-9a-fA-F]{1,16}\Z")


class ProtocolError(AssertionError):
    pass


class Truncated(AssertionError):
    """The peer ended inside a message; `partial` is what had arrived of the body."""

    def __init__(self, what, partial=b"", reset=False):
        super().__init__(f"{'reset' if reset else 'closed'} inside {what}, after {partial[-80:]!r}")
        self.partial = partial
        self.reset = reset


class Response(Fields):
    def __init__(self, status, phrase, headers):
        self.status = status
        self.phrase = phrase
        self.headers = headers  # in order, names as they came
        self.body = b""
        self.trailers = []
        self.framing = "none"  # none, length, chunked, close
        self.interim = []      # 1xx answers before this one

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:300]!r}>"


def parse_fields(lines):
    headers = []
    for line in lines:
        match = FIELD.match(line)
        if not match:
            raise ProtocolError(f"not a field line: {line!r}")
        headers.append((match[1].decode(), match[2].decode("latin-1")))
    return headers


class Client:
    """One connection. `address`: (host, port), or a path for a unix socket. Its bound is below
    `header_timeout`, which ends a silent one as well."""

    def __init__(self, address, timeout=9.0, receive_buffer=None, source=None):
        family = socket.AF_UNIX if isinstance(address, str) else (
            socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source is not None:
            self.socket.bind((source, 0))
        self.timeout = bound(timeout)
        self.socket.settimeout(self.timeout)
        try:
            self.socket.connect(address)
        except OSError:
            self.socket.close()
            raise
        if family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.eof = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)
        return self

    def request(self, method="GET", target="/", headers=(), body=None, host="test.example"):
        """A well-formed request; `headers` may bring a Host of its own."""
        headers = list(headers.items() if isinstance(headers, dict) else headers)
        names = {name.lower() for name, _ in headers}
        lines = [f"{method} {target} HTTP/1.1"]
        if "host" not in names:
            lines.append(f"Host: {host}")
        lines += [f"{name}: {value}" for name, value in headers]
        if body is not None and not names & {"content-length", "transfer-encoding"}:
            lines.append(f"Content-Length: {len(body)}")
        return self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b""))

    def _more(self, what, partial=b""):
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            raise Truncated(what, partial, reset=True) from None
        except socket.timeout:
            raise AssertionError(f"waited {self.timeout:.1f} s for {what}, "
                                 f"have {(partial or self.buffer)[-200:]!r}") from None
        if not data:
            self.eof = True
            raise Truncated(what, partial)
        self.buffer += data

    def _line(self, what):
        while b"\r\n" not in self.buffer:
            if b"\n" in self.buffer:
                raise ProtocolError(f"bare LF in {what}: {self.buffer[:200]!r}")
            self._more(what, self.buffer)
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def read_exact(self, size, what="bytes"):
        while len(self.buffer) < size:
            self._more(what, self.buffer)
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def read_head(self):
        """One head, interim or final."""
        line = self._line("a status line")
        match = STATUS_LINE.match(line)
        if not match:
            raise ProtocolError(f"not a status line: {line!r}")
        lines = []
        while field := self._line("a response head"):
            lines.append(field)
        return Response(int(match[1]), match[2].decode("latin-1"), parse_fields(lines))

    def read_response(self, method="GET"):
        """The final answer with its whole body; the 1xx before it are in `interim`."""
        interim = []
        while True:
            response = self.read_head()
            if response.status >= 200 or response.status == 101:
                break
            interim.append(response)
        response.interim = interim
        self.read_body(response, method)
        return response

    def read_body(self, response, method="GET"):
        lengths = response.all("content-length")
        codings = response.all("transfer-encoding")
        if len(lengths) > 1 or (lengths and codings):
            raise ProtocolError(f"ambiguous framing: {response.headers}")
        if response.status < 200 or response.status == 204:
            if lengths or codings:
                raise ProtocolError(f"framing on a {response.status}: {response.headers}")
            return
        if method == "HEAD" or response.status == 304:
            return
        if codings:
            if codings != ["chunked"]:
                raise ProtocolError(f"transfer coding {codings}")
            response.framing = "chunked"
            self._read_chunks(response)
        elif lengths:
            response.framing = "length"
            if not re.fullmatch(r"[0-9]+", lengths[0]):
                raise ProtocolError(f"Content-Length: {lengths[0]!r}")
            response.body = self.read_exact(int(lengths[0]), "a body of known length")
        else:
            response.framing = "close"
            while True:
                try:
                    self._more("a body until close", self.buffer)
                except Truncated as end:
                    if end.reset:
                        raise
                    break
            response.body, self.buffer = self.buffer, b""

    def read_chunk(self):
        """The next chunk's data; b"" is the last one (trailers are still to be read)."""
        line = self._line("a chunk size")
        if not CHUNK_SIZE.match(line):
            raise ProtocolError(f"not a chunk size: {line!r}")
        size = int(line, 16)
        data = self.read_exact(size, "chunk data")
        if size and self._line("the end of a chunk"):
            raise ProtocolError("chunk data longer than its size")
        return data

    def _read_chunks(self, response):
        body = []
        try:
            while chunk := self.read_chunk():
                body.append(chunk)
            lines = []
            while field := self._line("trailers"):
                lines.append(field)
        except Truncated as end:
            end.partial = b"".join(body) + (end.partial if end.partial not in body else b"")
            raise
        response.body = b"".join(body)
        response.trailers = parse_fields(lines)

    def read_available(self, what="bytes"):
        """At least one byte, whatever there is."""
        if not self.buffer:
            self._more(what)
        data, self.buffer = self.buffer, b""
        return data

    def expect_closed(self, timeout=None):
        """The peer ends the connection, in order and without a byte more."""
        if timeout is not None:
            self.socket.settimeout(bound(timeout))
        if self.eof:
            assert not self.buffer, f"bytes before the end: {self.buffer[:200]!r}"
            return
        try:
            data = self.buffer or self.socket.recv(65536)
        except ConnectionResetError:
            raise AssertionError("reset instead of closed in order") from None
        except socket.timeout:
            raise AssertionError("the connection was not closed in time") from None
        assert not data, f"expected the end of the connection, got {data[:300]!r}"
        self.eof = True

    def expect_gone(self, timeout=None):
        """The peer ends the connection, by FIN or reset; what had been sent before is skipped."""
        self.socket.settimeout(bound(timeout) if timeout is not None else self.timeout)
        self.buffer = b""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionError:
            return "reset"
        except socket.timeout:
            raise AssertionError("the connection was not ended in time") from None
        return "closed"

    def expect_reset(self, timeout=None):
        ended = self.expect_gone(timeout)
        assert ended == "reset", f"expected a reset, the connection was {ended}"

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        self.socket.close()


def curl(*arguments, timeout=20, check=True):
    """curl's output as bytes."""
    done = subprocess.run(["curl", "-sS", "--max-time", str(bound(timeout) - 1), *arguments],
                          capture_output=True, timeout=bound(timeout), check=False)
    if check and done.returncode:
        raise AssertionError(f"curl {arguments} ended with {done.returncode}: {done.stderr!r}")
    return done.stdout


def curl_status(*arguments, **kwargs):
    """Status and body of a transfer by curl."""
    out = curl("-w", "\n%{http_code}", *arguments, **kwargs)
    body, status = out.rsplit(b"\n", 1)
    return int(status), body
