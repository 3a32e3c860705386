"""TLS for the tests: a folder of certificates made by openssl, a client over Python's ssl, and an
origin that speaks TLS. `s_client` runs openssl's own client for what Python does not show."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading

from .client import Client
from .origin import Origin
from .waiting import bound


def openssl(*arguments, cwd, stdin=b""):
    done = subprocess.run(["openssl", *arguments], cwd=cwd, input=stdin, capture_output=True,
                          timeout=bound(60), check=False)
    if done.returncode:
        raise AssertionError(f"openssl {arguments}: {done.stderr.decode()}")
    return done.stdout


class Authority:
    """A CA in a folder of its own; makes certificates NAME.crt and keys NAME.key there."""

    def __init__(self, name="ca"):
        self.folder = tempfile.mkdtemp(prefix="weir-tls-")
        self.name = name
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", f"{name}.key", "-out", f"{name}.crt", "-days", "30", "-subj",
                f"/CN=Weir test {name}", cwd=self.folder)

    def path(self, file):
        return os.path.join(self.folder, file)

    @property
    def ca(self):
        return self.path(f"{self.name}.crt")

    def issue(self, name, names=(), *, kind="ec", subject=None, expired=False, use="serverAuth",
              must_staple=False, days=20):
        """A certificate for `names` (DNS:..., IP:..., URI:... or plain DNS names). Returns the
        paths of the certificate and the key."""
        if kind == "rsa":
            made = ("-newkey", "rsa:2048")
        else:
            made = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
        subject = subject or f"/CN={name}"
        openssl("req", *made, "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
                "-subj", subject, cwd=self.folder)
        lines = [f"extendedKeyUsage={use}", "basicConstraints=CA:false"]
        if must_staple:
            lines.append("tlsfeature=status_request")
        if names:
            alternatives = [n if ":" in n else f"DNS:{n}" for n in names]
            lines.append("subjectAltName=" + ",".join(alternatives))
        with open(self.path(f"{name}.ext"), "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")
        command = ["x509", "-req", "-in", f"{name}.csr", "-CA", f"{self.name}.crt", "-CAkey",
                   f"{self.name}.key", "-CAcreateserial", "-out", f"{name}.crt",
                   "-extfile", f"{name}.ext"]
        if expired:
            self._issue_expired(name)
        else:
            openssl(*command, "-days", str(days), cwd=self.folder)
        return self.path(f"{name}.crt"), self.path(f"{name}.key")

    def _issue_expired(self, name):
        for file in ("index.txt", "index.txt.attr"):
            open(self.path(file), "a", encoding="ascii").close()
        with open(self.path("ca.cnf"), "w", encoding="ascii") as file:
            file.write("[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nnew_certs_dir=.\n"
                       f"certificate={self.name}.crt\nprivate_key={self.name}.key\n"
                       "rand_serial=yes\ndefault_md=sha256\npolicy=p\nunique_subject=no\n"
                       "[p]\ncommonName=supplied\n")
        openssl("ca", "-batch", "-config", "ca.cnf", "-in", f"{name}.csr", "-out", f"{name}.crt",
                "-startdate", "20200101000000Z", "-enddate", "20200201000000Z", "-notext",
                "-extfile", f"{name}.ext", cwd=self.folder)

    def ocsp(self, name):
        """A good OCSP response about NAME; its path."""
        serial = openssl("x509", "-in", f"{name}.crt", "-noout", "-serial",
                         cwd=self.folder).decode().strip().split("=")[1]
        with open(self.path("ocsp.txt"), "w", encoding="ascii") as file:
            file.write(f"V\t400101000000Z\t\t{serial}\tunknown\t/CN={name}\n")
        openssl("ocsp", "-issuer", f"{self.name}.crt", "-cert", f"{name}.crt", "-reqout",
                f"{name}.req", "-no_nonce", cwd=self.folder)
        openssl("ocsp", "-index", "ocsp.txt", "-rsigner", f"{self.name}.crt", "-rkey",
                f"{self.name}.key", "-CA", f"{self.name}.crt", "-reqin", f"{name}.req",
                "-respout", f"{name}.ocsp", "-ndays", "5", cwd=self.folder)
        return self.path(f"{name}.ocsp")

    def expired_ocsp(self, name):
        """The response of ocsp() with a time of the next update that is over; its content."""
        with open(self.ocsp(name), "rb") as file:
            response = file.read()
        latest = max(re.findall(rb"[0-9]{14}Z", response))
        return response.replace(latest, b"20200101000000Z")

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def client_context(ca=None, *, cert=None, alpn=None, version=None, ciphers=None):
    """Python's context; without `ca` nothing is verified. `cert`: a pair of paths."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca:
        context.load_verify_locations(ca)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if cert:
        context.load_cert_chain(*cert)
    if alpn:
        context.set_alpn_protocols(alpn)
    if version:
        context.minimum_version = context.maximum_version = version
    if ciphers:
        context.set_ciphers(ciphers)
    return context


class TlsClient(Client):
    """A Client whose bytes go through TLS."""

    def __init__(self, address, context=None, name="test.example", session=None, **kwargs):
        super().__init__(address, **kwargs)
        self.plain = self.socket
        try:
            self.socket = (context or client_context()).wrap_socket(
                self.plain, server_hostname=name, session=session,
                suppress_ragged_eofs=False)
        except BaseException:
            self.plain.close()
            raise
        self.socket.settimeout(self.timeout)

    def names(self):
        """The DNS names of the server's certificate."""
        der = self.socket.getpeercert(binary_form=True)
        text = openssl("x509", "-inform", "der", "-noout", "-ext", "subjectAltName", cwd="/",
                       stdin=der).decode()
        return {part.strip()[4:] for line in text.splitlines()[1:] for part in line.split(",")}


def s_client(address, *arguments, stdin=b"", timeout=20):
    """What `openssl s_client` prints, both of its streams."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"{address[0]}:{address[1]}",
                           *arguments], input=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=bound(timeout), check=False)
    return done.stdout.decode(errors="replace")


class TlsSocket:
    """The server's side of TLS on a connected socket, for one thread that reads and others that
    write: Python's own may not be used by two at a time."""

    def __init__(self, sock, context):
        self.socket = sock
        self.received, self.sealed = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.received, self.sealed, server_side=True)
        self.lock = threading.Lock()
        self._pump(self.tls.do_handshake)
        self.alpn = self.tls.selected_alpn_protocol()

    def _pump(self, step):
        """The result of `step`, with what must go out and come in on its way."""
        while True:
            with self.lock:
                try:
                    result, done = step(), True
                except ssl.SSLWantReadError:
                    result, done = None, False
                out = self.sealed.read()
                if out:
                    self.socket.sendall(out)
            if done:
                return result
            got = self.socket.recv(65536)
            with self.lock:
                self.received.write(got) if got else self.received.write_eof()

    def recv(self, size):
        try:
            return self._pump(lambda: self.tls.read(size))
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return b""

    def sendall(self, data):
        with self.lock:
            if data:
                self.tls.write(data)
            out = self.sealed.read()
            if out:
                self.socket.sendall(out)

    def __getattr__(self, name):
        return getattr(self.socket, name)


class TlsOrigin(Origin):
    """An Origin that speaks TLS. `on_handshake(ssl_socket)` is called after each handshake;
    failed handshakes are counted."""

    def __init__(self, handler=None, *, cert, context=None, **kwargs):
        self.context = context or ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*cert)
        self.handshakes = []  # (sni, reused, client's certificate in DER)
        self.failures = []
        self._sni = {}
        self.context.sni_callback = self._note_sni
        super().__init__(handler, **kwargs)

    def _note_sni(self, sock, name, _):
        self._sni[id(sock)] = name

    def wrap(self, sock):
        try:
            sock.settimeout(bound(10))
            secure = self.context.wrap_socket(sock, server_side=True,
                                              suppress_ragged_eofs=False)
        except (OSError, ssl.SSLError) as failure:
            self.failures.append(str(failure))
            sock.close()
            return None
        secure.settimeout(None)
        self.handshakes.append((self._sni.pop(id(secure), None), secure.session_reused,
                                secure.getpeercert(binary_form=True)))
        return secure


__all__ = ["Authority", "TlsClient", "TlsOrigin", "TlsSocket", "client_context", "openssl", "s_client",
           "socket", "ssl"]
