"""Tokens and their keys, made with the openssl command and the standard library, and what the jwt
middleware is told of their issuer."""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import tempfile
import time

ISSUER = "https://id.test"
SECRET = "s" * 64


def b64(data):
    if isinstance(data, str):
        data = data.encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*arguments, stdin=None):
    return subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=True,
                          timeout=60).stdout


class Key:
    """A key pair made with the openssl command."""

    HASHES = {"256": "sha256", "384": "sha384", "512": "sha512"}
    CURVES = {"ES256": ("P-256", 32), "ES384": ("P-384", 48), "ES512": ("P-521", 66)}

    def __init__(self, algorithm, kid):
        self.algorithm, self.kid = algorithm, kid
        self.folder = tempfile.TemporaryDirectory(prefix="weir-key-")  # goes with the key
        self.path = os.path.join(self.folder.name, "key.pem")
        if algorithm in self.CURVES:
            how = ["-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{self.CURVES[algorithm][0]}"]
        elif algorithm == "EdDSA":
            how = ["-algorithm", "ED25519"]
        else:
            how = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
        openssl("genpkey", *how, "-out", self.path)

    def sign(self, text):
        if self.algorithm == "EdDSA":
            with tempfile.NamedTemporaryFile() as file:
                file.write(text)
                file.flush()
                return openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.path, "-in", file.name)
        options = []
        if self.algorithm.startswith("PS"):
            options = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"]
        signature = openssl("dgst", f"-{self.HASHES[self.algorithm[2:]]}", "-sign", self.path,
                            *options, stdin=text)
        return self.raw(signature) if self.algorithm in self.CURVES else signature

    def raw(self, der):
        width = self.CURVES[self.algorithm][1]
        at = 3 if der[1] & 0x80 else 2
        out = b""
        for _ in range(2):
            length = der[at + 1]
            out += der[at + 2:at + 2 + length].lstrip(b"\0").rjust(width, b"\0")
            at += 2 + length
        return out

    def pem(self):
        return openssl("pkey", "-in", self.path, "-pubout")

    def jwk(self):
        der = openssl("pkey", "-in", self.path, "-pubout", "-outform", "DER")
        if self.algorithm in self.CURVES:
            curve, width = self.CURVES[self.algorithm]
            jwk = {"kty": "EC", "crv": curve, "x": b64(der[-2 * width:-width]),
                   "y": b64(der[-width:])}
        elif self.algorithm == "EdDSA":
            jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64(der[-32:])}
        else:
            modulus = openssl("rsa", "-in", self.path, "-noout", "-modulus").decode().strip()
            jwk = {"kty": "RSA", "n": b64(bytes.fromhex(modulus.split("=")[1])), "e": "AQAB"}
        return {**jwk, "kid": self.kid, "use": "sig"}

    def token(self, claims=None, header=None, **more):
        head = {"alg": self.algorithm, "kid": self.kid, **(header or {})}
        text = f"{b64(json.dumps(head))}.{b64(json.dumps(claims_with(claims, more)))}"
        return f"{text}.{b64(self.sign(text.encode()))}"


def claims_with(claims, more):
    return {"iss": ISSUER, "exp": int(time.time()) + 3600,
            **(claims if claims is not None else {"sub": "u1"}), **more}


def hs256(claims=None, header=None, secret=SECRET, **more):
    text = (f"{b64(json.dumps({'alg': 'HS256', **(header or {})}))}."
            f"{b64(json.dumps(claims_with(claims, more)))}")
    return f"{text}.{b64(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())}"


def jwks(*keys):
    return json.dumps({"keys": [key.jwk() for key in keys]})


def bearer(token):
    return [("Authorization", f"Bearer {token}")]


def issuer(keys, algorithms, **more):
    return {"issuer": ISSUER, "algorithms": algorithms, "keys": keys, **more}


def guarded(issuers, **policy):
    return {"login": {"jwt": {"issuers": issuers, **policy}}}
