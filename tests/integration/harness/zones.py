"""A name server of the test's own over UDP and TCP on one port of HOST: what it answers, and how
wrongly, changes while it runs. A gateway is sent to it by `dns: {servers: [SERVER.address]}`."""

import contextlib
import ipaddress
import socket
import struct
import threading
import time

from .ports import free_port

TYPES = {"A": 1, "CNAME": 5, "SOA": 6, "AAAA": 28, "SRV": 33}
# An address of its own and a port that the kernel gives to nobody: while a test has its server stopped, no
# socket of another test takes its port.
HOST = "127.0.53.1"
NAMES = {number: name for name, number in TYPES.items()}
CODES = {"NOERROR": 0, "SERVFAIL": 2, "NXDOMAIN": 3, "REFUSED": 5}


def wire(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def record(owner, kind, ttl, data):
    return wire(owner) + struct.pack("!HHIH", TYPES[kind], 1, ttl, len(data)) + data


class ZoneServer:
    """`set("a.test", A=["127.0.0.1"], ttl=1)`; a name that was not set does not exist. `codes`: name to the
    code that is answered instead; `silent`: names without an answer; `minimum`: of the SOA in negative
    answers, None for no SOA. `queries`: (time, name, type, "udp" or "tcp")."""

    def __init__(self, port=None):
        self.records, self.codes, self.silent = {}, {}, set()
        self.minimum, self.scramble = None, None
        self.queries = []
        self._lock = threading.Lock()
        while True:
            self.port = port or free_port(HOST)
            self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                self._udp.bind((HOST, self.port))
                self._tcp = socket.create_server((HOST, self.port))
                break
            except OSError:
                self._udp.close()
                if port:
                    raise
        self.address = f"{HOST}:{self.port}"
        self._threads = [threading.Thread(target=run, daemon=True)
                         for run in (self._serve_udp, self._serve_tcp)]
        self._closing = False
        for thread in self._threads:
            thread.start()

    def close(self):
        if self._closing:
            return
        self._closing = True
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", (HOST, self.port))
        with contextlib.suppress(OSError):
            socket.create_connection((HOST, self.port), 5).close()
        for thread in self._threads:
            thread.join(5)
        self._udp.close()
        self._tcp.close()

    def set(self, name, ttl=1, CNAME=None, SRV=(), **addresses):
        """`SRV`: (priority, weight, port, target)."""
        rows = [("CNAME", ttl, wire(CNAME))] if CNAME else []
        rows += [(kind, ttl, ipaddress.ip_address(ip).packed)
                 for kind, ips in addresses.items() for ip in ips]
        rows += [("SRV", ttl, struct.pack("!HHH", *each[:3]) + wire(each[3])) for each in SRV]
        self.records[name] = rows

    def remove(self, name):
        self.records.pop(name, None)

    def asked(self, name, kind="A"):
        """When."""
        with self._lock:
            return [at for at, asked, what, _ in self.queries if asked == name and what == kind]

    def transports(self, name):
        with self._lock:
            return {how for _, asked, _, how in self.queries if asked == name}

    def _serve_udp(self):
        while True:
            try:
                query, peer = self._udp.recvfrom(4096)
            except OSError:
                return
            if self._closing:
                return
            answer = self._answer(query, "udp")
            if answer is None:
                continue
            if len(answer) > 512:
                # No record, and the flag that says so.
                end = self._end_of_question(query)
                answer = (answer[:2] + bytes([answer[2] | 2]) + answer[3:4] +
                          struct.pack("!4H", 1, 0, 0, 0) + query[12:end])
            with contextlib.suppress(OSError):
                self._udp.sendto(answer, peer)

    def _serve_tcp(self):
        while True:
            try:
                peer, _ = self._tcp.accept()
            except OSError:
                return
            if self._closing:
                peer.close()
                return
            threading.Thread(target=self._serve_connection, args=(peer,), daemon=True).start()

    def _serve_connection(self, peer):
        with peer, contextlib.suppress(OSError), peer.makefile("rb") as stream:
            peer.settimeout(10)
            while size := stream.read(2):
                answer = self._answer(stream.read(struct.unpack("!H", size)[0]), "tcp")
                if answer is not None:
                    peer.sendall(struct.pack("!H", len(answer)) + answer)

    @staticmethod
    def _end_of_question(query):
        at = 12
        while query[at]:
            at += 1 + query[at]
        return at + 5

    def _answer(self, query, how):
        try:
            end = self._end_of_question(query)
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1:at + 1 + query[at]].decode())
                at += 1 + query[at]
            kind = NAMES.get(struct.unpack_from("!H", query, at + 1)[0], "?")
        except (IndexError, struct.error, UnicodeDecodeError):
            return None
        name = ".".join(labels).lower()
        with self._lock:
            self.queries.append((time.monotonic(), name, kind, how))
        if name in self.silent or (name, kind) in self.silent:
            return None
        code, rows = self._rows(name, kind)
        authority = []
        if not any(row_kind == kind for _, row_kind, _, _ in rows) and self.minimum is not None:
            authority.append(record("test", "SOA", 3600, wire("ns.test") + wire("root.test") +
                                    struct.pack("!5I", 1, 2, 3, 4, self.minimum)))
        answer = (query[:2] + struct.pack("!5H", 0x8180 | code, 1, len(rows), len(authority), 0) +
                  query[12:end] + b"".join(record(*row) for row in rows) + b"".join(authority))
        return self.scramble(answer) if self.scramble else answer

    def _rows(self, name, kind):
        if name in self.codes:
            return CODES[self.codes[name]], []
        rows = []
        for _ in range(20):
            known = self.records.get(name)
            if known is None:
                return CODES["NXDOMAIN"], rows
            alias = next((row for row in known if row[0] == "CNAME"), None)
            if alias is None:
                return 0, rows + [(name, *row) for row in known if row[0] == kind]
            rows.append((name, *alias))
            data, labels, at = alias[2], [], 0
            while data[at]:
                labels.append(data[at + 1:at + 1 + data[at]].decode())
                at += 1 + data[at]
            name = ".".join(labels)
        return 0, rows
