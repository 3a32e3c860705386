"""A DNS server that answers as the test says, or not at all, and the way to give it to a gateway: a
mount namespace in which /etc/resolv.conf names it. Needs root, as port 53 and namespaces do."""

import ipaddress
import os
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

A, AAAA = 1, 28
NO_ERROR, NAME_ERROR = 0, 3


class NameServer:
    """`records`: name -> addresses. A name below one of `silent` gets no answer, a name below one of
    `slow` gets it after that many seconds; what is unknown does not exist. `queries`: (time, name)
    of each question for an IPv4 address."""

    def __init__(self, records=None, silent=(), slow=None, options="timeout:5 attempts:2"):
        self.records, self.silent, self.slow = dict(records or {}), set(silent), dict(slow or {})
        self.queries = []
        self._closing, self._thread = False, None
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        # Its own address of the loopback network, so that tests may run beside each other.
        pid = os.getpid()
        for number in range(1, 255):
            self.address = f"127.{100 + pid // 256 % 100}.{pid % 256}.{number}"
            try:
                self._socket.bind((self.address, 53))
                break
            except PermissionError:
                self._socket.close()
                raise unittest.SkipTest("port 53 cannot be bound here: a name server needs root")
            except OSError:
                continue
        else:
            self._socket.close()
            raise unittest.SkipTest("no loopback address has a free port 53")
        self._file = tempfile.NamedTemporaryFile("w", prefix="weir-resolv-", suffix=".conf")
        self._file.write(f"nameserver {self.address}\noptions {options}\n")
        self._file.flush()
        self.wrapper = ["unshare", "--mount", "sh", "-c",
                        'mount --bind "$0" /etc/resolv.conf && exec "$@"', self._file.name]
        if subprocess.run([*self.wrapper, "true"], capture_output=True, timeout=20).returncode != 0:
            self.close()
            raise unittest.SkipTest("no mount namespace can be made here")
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self):
        self._closing = True
        self._send(b"", (self.address, 53))  # wakes the thread
        if self._thread:
            self._thread.join(5)
        self._socket.close()
        self._file.close()

    def asked(self, name):
        """When it was asked for that name."""
        return [at for at, asked in self.queries if asked == name]

    def _serve(self):
        while True:
            try:
                query, peer = self._socket.recvfrom(4096)
            except OSError:
                return
            if self._closing:
                return
            try:
                name, kind, question = self._parse(query)
            except (IndexError, struct.error, UnicodeDecodeError):
                continue
            if kind == A:
                self.queries.append((time.monotonic(), name))
            if any(name == zone or name.endswith("." + zone) for zone in self.silent):
                continue
            answer = self._answer(query, name, kind, question)
            delay = next((seconds for zone, seconds in self.slow.items()
                          if name == zone or name.endswith("." + zone)), 0)
            if delay:
                timer = threading.Timer(delay, self._send, (answer, peer))
                timer.daemon = True
                timer.start()
            else:
                self._send(answer, peer)

    def _send(self, answer, peer):
        try:
            self._socket.sendto(answer, peer)
        except OSError:
            pass

    @staticmethod
    def _parse(query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        kind, = struct.unpack_from("!H", query, at + 1)
        return ".".join(labels).lower(), kind, query[12:at + 5]

    def _answer(self, query, name, kind, question):
        known = self.records.get(name)
        found = [ipaddress.ip_address(text) for text in known or []]
        found = [ip for ip in found if (ip.version == 4) == (kind == A)] if kind in (A, AAAA) else []
        code = NO_ERROR if known is not None else NAME_ERROR
        head = query[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(found), 0, 0)
        records = b"".join(struct.pack("!HHHIH", 0xC00C, kind, 1, 1, len(ip.packed)) + ip.packed
                           for ip in found)
        return head + question + records
