"""TLS: certificates of clients, resumption and what it must not cross, stapling, and files that are
replaced while the gateway serves."""

import hashlib
import json
import os
import shutil
import ssl

from harness import (Authority, Case, TlsClient, basic_config, client_context, rows, s_client,
                     wait_until, weir)


def der_hash(path):
    with open(path, encoding="ascii") as file:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(file.read())).hexdigest()


class TlsCase(Case):
    @classmethod
    def setUpClass(cls):
        cls.authority = Authority()
        cls.addClassCleanup(cls.authority.close)

    def config(self, origin, certificates, tls=None, **more):
        block = {"certificates": [c if isinstance(c, dict) else {"cert": c[0], "key": c[1]}
                                  for c in certificates], **(tls or {})}
        return basic_config(upstreams={"app": origin.address}, listener={"tls": block}, **more)

    def connect(self, gateway, name="one.example", cert=None, session=None, context=None, **kwargs):
        context = context or client_context(self.authority.ca, cert=cert, **kwargs)
        client = TlsClient(gateway.address(), context, name, session=session, timeout=10)
        self.addCleanup(client.close)
        return client

    def ask(self, client, host="one.example", headers=(), target="/"):
        client.request("GET", target, headers, host=host)
        return client.read_response()


class ClientCertificates(TlsCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        a = cls.authority
        cls.other = Authority("other")
        cls.addClassCleanup(cls.other.close)
        cls.server = a.issue("one", ["one.example"])
        cls.alice = a.issue("alice", ["URI:spiffe://cluster/alice", "DNS:alice.example"],
                            subject='/O=Weir/CN=alice "the, first"', use="clientAuth")
        cls.mallory = cls.other.issue("mallory", use="clientAuth")

    def gateway_with(self, mode, **more):
        origin = self.origin()
        config = self.config(origin, [self.server],
                             {"client_auth": {"mode": mode, "ca": self.authority.ca}}, **more)
        return origin, self.gateway(config)

    @rows([("tls 1.2", ssl.TLSVersion.TLSv1_2), ("tls 1.3", ssl.TLSVersion.TLSv1_3)])
    def test_required(self, version):
        origin, gateway = self.gateway_with("required")
        client = self.connect(gateway, cert=self.alice, version=version)
        self.assertEqual(self.ask(client, headers=[("X-Forwarded-Client-Cert", "Hash=forged")])
                         .status, 200)
        told = origin.wait_for_request().all("x-forwarded-client-cert")
        self.assertEqual(told, [f'Hash={der_hash(self.alice[0])};'
                                'Subject="CN=alice \\\\\\"the\\\\, first\\\\\\",O=Weir";'
                                "URI=spiffe://cluster/alice;DNS=alice.example"])

    @rows([("none", None), ("of another authority", "mallory")])
    def test_required_and_not_given(self, which):
        origin, gateway = self.gateway_with("required")
        cert = getattr(self, which) if which else None
        # Under TLS 1.3 the client hears of it with its first read.
        with self.assertRaises((ssl.SSLError, ConnectionError, AssertionError)):
            self.ask(self.connect(gateway, cert=cert))
        self.assertEqual(origin.heads, [])
        gateway.wait_metric(1, "weir_tls_handshakes_total", result="failed")

    def test_optional(self):
        origin, gateway = self.gateway_with("optional")
        client = self.connect(gateway)
        self.assertEqual(self.ask(client, headers=[("X-Forwarded-Client-Cert", "x")]).status, 200)
        self.assertIsNone(origin.wait_for_request().header("x-forwarded-client-cert"))
        self.assertEqual(self.ask(self.connect(gateway, cert=self.alice)).status, 200)
        self.assertIn(der_hash(self.alice[0]),
                      origin.wait_for_request(2).header("x-forwarded-client-cert"))
        with self.assertRaises((ssl.SSLError, ConnectionError, AssertionError)):
            self.ask(self.connect(gateway, cert=self.mallory))

    def test_a_trusted_peer_s_own_stands_before(self):
        origin, gateway = self.gateway_with("required", trusted_proxies=["127.0.0.0/8"])
        self.ask(self.connect(gateway, cert=self.alice),
                 headers=[("X-Forwarded-Client-Cert", "Hash=before")])
        told = origin.wait_for_request().header("x-forwarded-client-cert")
        self.assertTrue(told.startswith("Hash=before, Hash=" + der_hash(self.alice[0])), told)

    def test_a_policy_of_one_name_and_421(self):
        origin = self.origin()
        a = self.authority
        open_cert, closed_cert = a.issue("open", ["open.example"]), a.issue("closed",
                                                                            ["closed.example"])
        gateway = self.gateway(self.config(origin, [
            {"cert": open_cert[0], "key": open_cert[1]},
            {"cert": closed_cert[0], "key": closed_cert[1],
             "client_auth": {"mode": "required", "ca": a.ca}}]))
        client = self.connect(gateway, "open.example")
        self.assertEqual(self.ask(client, "open.example").status, 200)
        self.assertEqual(self.ask(client, "unknown.example").status, 200)
        self.assert_problem(self.ask(client, "closed.example"), "misdirected")
        self.assert_problem(self.ask(client, "CLOSED.example:443"), "misdirected")
        with self.assertRaises((ssl.SSLError, ConnectionError, AssertionError)):
            self.ask(self.connect(gateway, "closed.example"), "closed.example")
        client = self.connect(gateway, "closed.example", cert=self.alice)
        self.assertEqual(self.ask(client, "closed.example").status, 200)
        self.assert_problem(self.ask(client, "open.example"), "misdirected")
        # Without SNI the first certificate's policy holds.
        client = TlsClient(gateway.address(), client_context(), None)
        self.addCleanup(client.close)
        self.assert_problem(self.ask(client, "closed.example"), "misdirected")


class Resumption(TlsCase):
    def resumed(self, gateway, context, name="one.example", session=None):
        client = self.connect(gateway, name, session=session, context=context)
        self.assertEqual(self.ask(client, name).status, 200)
        return client.socket.session_reused, client.socket.session

    @rows([("tls 1.2", ssl.TLSVersion.TLSv1_2), ("tls 1.3", ssl.TLSVersion.TLSv1_3)])
    def test_on_any_worker(self, version):
        origin = self.origin()
        gateway = self.gateway(self.config(origin, [self.authority.issue("one", ["one.example"])],
                                           workers=2))
        context = client_context(self.authority.ca, version=version)
        reused, session = self.resumed(gateway, context)
        self.assertFalse(reused)
        for _ in range(12):  # the kernel spreads these over both workers
            reused, session = self.resumed(gateway, context, session=session)
            self.assertTrue(reused)
        gateway.wait_metric(12, "weir_tls_handshakes_total", result="ok", resumed="true")
        gateway.wait_metric(1, "weir_tls_handshakes_total", result="ok", resumed="false")

    @rows([("tls 1.2", ssl.TLSVersion.TLSv1_2), ("tls 1.3", ssl.TLSVersion.TLSv1_3)])
    def test_never_into_another_policy(self, version):
        origin = self.origin()
        a = self.authority
        first, second = a.issue("open", ["open.example"]), a.issue("closed", ["closed.example"])
        alice = a.issue("alice", use="clientAuth")
        gateway = self.gateway(self.config(origin, [
            {"cert": first[0], "key": first[1]},
            {"cert": second[0], "key": second[1],
             "client_auth": {"mode": "optional", "ca": a.ca}}]))
        context = client_context(a.ca, cert=alice, version=version)
        _, session = self.resumed(gateway, context, "open.example")
        reused, _ = self.resumed(gateway, context, "closed.example", session)
        self.assertFalse(reused)
        self.assertIsNotNone(origin.wait_for_request(2).header("x-forwarded-client-cert"))

    def test_keeps_who_the_client_is(self):
        origin = self.origin()
        a = self.authority
        alice = a.issue("alice", use="clientAuth")
        gateway = self.gateway(self.config(origin, [a.issue("one", ["one.example"])],
                                           {"client_auth": {"mode": "required", "ca": a.ca}}))
        context = client_context(a.ca, cert=alice)
        _, session = self.resumed(gateway, context)
        reused, _ = self.resumed(gateway, context, session=session)
        self.assertTrue(reused)
        self.assertIn(der_hash(alice[0]),
                      origin.wait_for_request(2).header("x-forwarded-client-cert"))

    def test_a_key_that_was_rotated_away_twice_opens_nothing(self):
        origin = self.origin()
        gateway = self.gateway(self.config(origin, [self.authority.issue("one", ["one.example"])],
                                           {"tickets": {"rotate": "1s"}}))
        context = client_context(self.authority.ca)
        _, session = self.resumed(gateway, context)
        # Tried until it fails: how long that takes is the clock's business.
        wait_until("a full handshake", lambda: not self.resumed(gateway, context,
                                                                session=session)[0], timeout=20,
                   interval=0.5)


class Stapling(TlsCase):
    def test_a_response_is_stapled(self):
        a = self.authority
        cert, key = a.issue("stapled", ["stapled.example"])
        plain = a.issue("plain", ["plain.example"])
        gateway = self.gateway(self.config(self.origin(), [
            {"cert": cert, "key": key, "ocsp": a.ocsp("stapled")}, plain]))
        out = s_client(gateway.address(), "-servername", "stapled.example", "-status")
        self.assertIn("OCSP Response Status: successful", out)
        self.assertIn("Cert Status: good", out)
        out = s_client(gateway.address(), "-servername", "plain.example", "-status")
        self.assertIn("OCSP response: no response sent", out)

    def test_a_certificate_that_must_be_stapled_without_a_response_is_warned_of(self):
        a = self.authority
        cert, key = a.issue("must", ["must.example"], must_staple=True)
        config = self.config(self.origin(), [(cert, key)])
        warning = "the certificate asks for a stapled OCSP response (must-staple)"
        gateway = self.gateway(config)
        gateway.wait_log("the warning", warning)
        with open(a.path("must.json"), "w", encoding="ascii") as file:
            json.dump(config, file)
        done = weir("check", "-c", a.path("must.json"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(warning, done.stdout + done.stderr)
        config = self.config(self.origin(), [
            {"cert": cert, "key": key, "ocsp": a.ocsp("must")}])
        self.assertNotIn("must-staple", "\n".join(self.gateway(config).lines))

    def test_one_about_another_certificate_is_refused(self):
        a = self.authority
        a.issue("other", ["other.example"])
        cert, key = a.issue("mine", ["mine.example"])
        config = self.config(self.origin(), [{"cert": cert, "key": key, "ocsp": a.ocsp("other")}])
        with self.assertRaisesRegex(AssertionError, "it is about another certificate"):
            self.gateway(config)


class Rotation(TlsCase):
    def serial(self, gateway, name="one.example"):
        client = TlsClient(gateway.address(), client_context(), name, timeout=10)
        self.addCleanup(client.close)
        return hashlib.sha256(client.socket.getpeercert(binary_form=True)).hexdigest()

    def put(self, folder, cert, key):
        os.makedirs(folder)
        shutil.copy(cert, os.path.join(folder, "tls.crt"))
        shutil.copy(key, os.path.join(folder, "tls.key"))

    def test_a_turned_link_takes_effect_by_itself(self):
        a = self.authority
        base = a.path("mount")
        first, second = a.issue("v1", ["one.example"]), a.issue("v2", ["one.example"])
        self.put(f"{base}/..v1", *first)
        self.put(f"{base}/..v2", *second)
        os.symlink("..v1", f"{base}/..data")  # as Kubernetes mounts a secret
        for file in ("tls.crt", "tls.key"):
            os.symlink(f"..data/{file}", f"{base}/{file}")
        gateway = self.gateway(self.config(self.origin(), [(f"{base}/tls.crt", f"{base}/tls.key")]))
        kept = self.connect(gateway)
        self.assertEqual(self.ask(kept).status, 200)
        self.assertEqual(self.serial(gateway), der_hash(first[0]))
        os.symlink("..v2", f"{base}/..new")
        os.replace(f"{base}/..new", f"{base}/..data")
        wait_until("the new certificate", lambda: self.serial(gateway) == der_hash(second[0]),
                   timeout=20, interval=0.1)
        self.assertEqual(self.ask(kept).status, 200)  # nobody was cut

    def test_a_pair_is_taken_only_if_it_matches(self):
        a = self.authority
        first, second = a.issue("m1", ["one.example"]), a.issue("m2", ["one.example"])
        cert, key = a.path("live.crt"), a.path("live.key")
        shutil.copy(first[0], cert)
        shutil.copy(first[1], key)
        gateway = self.gateway(self.config(self.origin(), [(cert, key)]))
        shutil.copy(second[0], cert)
        gateway.wait_log("the complaint", "the key does not belong", timeout=20)
        self.assertEqual(self.serial(gateway), der_hash(first[0]))
        answer = gateway.reload_by_post()
        self.assertEqual(answer.status, 422)
        self.assertIn("the key does not belong", answer.text)
        shutil.copy(second[1], key)
        wait_until("the new pair", lambda: self.serial(gateway) == der_hash(second[0]), timeout=20,
                   interval=0.1)

    def test_a_new_certificate_does_not_wait_for_its_staple(self):
        a = self.authority
        first, second = a.issue("s1", ["one.example"]), a.issue("s2", ["one.example"])
        cert, key, staple = a.path("st.crt"), a.path("st.key"), a.path("st.ocsp")
        for to, of in ((cert, first[0]), (key, first[1]), (staple, a.ocsp("s1"))):
            shutil.copy(of, to)
        gateway = self.gateway(self.config(self.origin(), [
            {"cert": cert, "key": key, "ocsp": staple}]))

        def stapled():
            return "Cert Status: good" in s_client(gateway.address(), "-status")

        self.assertTrue(stapled())
        with open(staple, "wb") as file:  # of the same certificate: the good one stays
            file.write(b"damaged")
        gateway.wait_log("the complaint", "no OCSP response", timeout=20)
        self.assertTrue(stapled())
        shutil.copy(second[0], cert)
        shutil.copy(second[1], key)
        wait_until("the new pair", lambda: self.serial(gateway) == der_hash(second[0]), timeout=20,
                   interval=0.1)
        self.assertFalse(stapled())
        shutil.copy(a.ocsp("s2"), staple)
        wait_until("its staple", stapled, timeout=20, interval=0.1)

    def test_a_response_that_is_over_does_not_replace_one_that_holds(self):
        a = self.authority
        cert, key = a.issue("o1", ["one.example"])
        staple = a.path("over.ocsp")
        shutil.copy(a.ocsp("o1"), staple)
        config = self.config(self.origin(), [{"cert": cert, "key": key, "ocsp": staple}])
        gateway = self.gateway(config)

        def stapled():
            return "Cert Status: good" in s_client(gateway.address(), "-status")

        self.assertTrue(stapled())
        over = a.expired_ocsp("o1")
        with open(staple + ".new", "wb") as file:
            file.write(over)
        os.replace(staple + ".new", staple)
        gateway.wait_log("the warning", "out of date, the one before is stapled", timeout=20)
        self.assertTrue(stapled())
        self.assertEqual(gateway.reload_by_post().status, 200)
        self.assertTrue(stapled())
        # With nothing before it, it is not stapled.
        other = self.gateway(config)
        self.assertIn("OCSP response: no response sent", s_client(other.address(), "-status"))

    def test_a_reload_reads_the_files_at_once(self):
        a = self.authority
        first, second = a.issue("r1", ["one.example"]), a.issue("r2", ["one.example"])
        cert, key = a.path("reload.crt"), a.path("reload.key")
        shutil.copy(first[0], cert)
        shutil.copy(first[1], key)
        gateway = self.gateway(self.config(self.origin(), [(cert, key)]))
        shutil.copy(second[0], cert)
        shutil.copy(second[1], key)
        self.assertEqual(gateway.reload_by_post().status, 200)
        self.assertEqual(self.serial(gateway), der_hash(second[0]))

    def test_other_file_names_need_no_restart(self):
        a = self.authority
        first, second = a.issue("n1", ["one.example"]), a.issue("n2", ["one.example"])
        origin = self.origin()
        gateway = self.gateway(self.config(origin, [first]))
        answer = gateway.reload_by_post(self.config(origin, [second]))
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(self.serial(gateway), der_hash(second[0]))
