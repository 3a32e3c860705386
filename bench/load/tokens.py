"""Keys, a certificate and a token for the scenes, made with openssl when a bench begins."""

import base64
import json
import subprocess
import time

ISSUER = "https://id.bench.test"


def _base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _openssl(*arguments, stdin=None):
    return subprocess.run(["openssl", *arguments], input=stdin, check=True, capture_output=True).stdout


_KEYS = {"P-256": ("ec", "-pkeyopt", "ec_paramgen_curve:P-256"), "RSA-2048": ("rsa:2048",)}


def make_certificate(folder, key):
    """Writes tls.crt, tls.key and tls.pem (both) for 127.0.0.1, with a key of one of the kinds above."""
    _openssl("req", "-x509", "-newkey", *_KEYS[key], "-nodes", "-days", "2", "-keyout", str(folder / "tls.key"),
             "-out", str(folder / "tls.crt"), "-subj", "/CN=bench.test",
             "-addext", "subjectAltName=DNS:bench.test,IP:127.0.0.1")
    (folder / "tls.pem").write_bytes((folder / "tls.crt").read_bytes() + (folder / "tls.key").read_bytes())


def prepare(folder):
    """Writes jwt.key, jwt.pub and a P-256 certificate to `folder`; the token, good for a day, signed with RS256."""
    _openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(folder / "jwt.key"))
    _openssl("pkey", "-in", str(folder / "jwt.key"), "-pubout", "-out", str(folder / "jwt.pub"))
    make_certificate(folder, "P-256")
    claims = {"iss": ISSUER, "sub": "bench", "aud": "bench", "exp": int(time.time()) + 86_400}
    signed = ".".join(_base64url(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    signature = _openssl("dgst", "-sha256", "-sign", str(folder / "jwt.key"), stdin=signed.encode())
    return f"{signed}.{_base64url(signature)}"
