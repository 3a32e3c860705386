"""`server.watch`: the configuration's files, and those that it names, are in force a moment after they
change, however they are written. Without it they are not."""

import json
import os
import pathlib
import shutil
import ssl
import tempfile
import time

from harness import Authority, Case, TlsClient, basic_config, client_context, rows, wait_until, weir


def config(body, watch=True, **more):
    server = {"watch": "on"} if watch else {}
    routes = more.pop("routes", None) or [
        {"name": "all", "match": {"path_prefix": "/"}, "respond": {"status": 200, "body": body}}]
    return basic_config(routes, server=server, **more)


class WatchCase(Case):
    def serve(self, **more):
        self.weir = self.gateway(config("one", **more))

    def body(self):
        return self.fetch(self.weir, "/").body

    def wait_body(self, expected):
        wait_until(f"{expected} to be in force", lambda: self.body() == expected, timeout=15)

    def generation(self):
        return self.weir.metrics().value("weir_config_generation")

    def write_in_place(self, path, text):
        with open(path, "r+", encoding="utf-8") as file:
            file.truncate(0)
            file.write(text[:len(text) // 2])
            file.flush()
            file.write(text[len(text) // 2:])

    def write_over(self, path, text):
        with open(path + ".tmp", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(path + ".tmp", path)

    def write_as_vim(self, path, text):
        """The old one becomes a backup, and the new one is made under its name."""
        os.rename(path, path + "~")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.unlink(path + "~")


class OneFile(WatchCase):
    @rows([("in place", "write_in_place"), ("by a rename", "write_over"), ("as vim", "write_as_vim")])
    def test_written(self, how):
        self.serve()
        self.assertEqual(self.body(), b"one")
        for text in ("two", "three"):
            getattr(self, how)(self.weir.path, json.dumps(config(text)))
            self.wait_body(text.encode())
        self.weir.wait_log("what it did", "info reloaded")
        history = self.weir.admin("GET", "/config/history").json()
        self.assertEqual(history[0]["source"], "watch")

    def test_a_burst_is_few_reloads(self):
        self.serve()
        for i in range(30):
            self.write_over(self.weir.path, json.dumps(config(f"n{i}")))
            time.sleep(0.01)
        self.wait_body(b"n29")
        self.assertLess(self.generation(), 15)

    def test_a_bad_one_is_told_and_the_next_good_one_is_taken(self):
        self.serve()
        self.write_over(self.weir.path, "routes: [")
        self.weir.wait_log("the refusal", "reload refused", timeout=15)
        self.assertEqual(self.body(), b"one")
        self.write_over(self.weir.path, json.dumps(config("two")))
        self.wait_body(b"two")

    def test_other_files_of_the_folder_are_nothing(self):
        self.serve()
        self.write_over(self.weir.file("notes.txt"), "x")
        self.write_over(self.weir.path, json.dumps(config("two")))
        self.wait_body(b"two")
        generation = 2
        wait_until("the reload to end", lambda: self.generation() == generation)
        self.write_over(self.weir.file("notes.txt"), "y")
        self.write_over(self.weir.file("more.yaml"), "routes: [")
        time.sleep(0.6)  # three times what a burst is waited for
        self.assertEqual(self.generation(), generation)

    def test_a_reload_by_hand_is_not_done_twice(self):
        self.serve()
        time.sleep(0.4)
        self.assertEqual(self.weir.reload_by_post(config("two")).status, 200)
        time.sleep(0.8)
        self.assertLessEqual(self.generation(), 3)
        self.assertEqual(self.body(), b"two")

    def test_it_is_off_unless_told_and_can_be_switched(self):
        self.serve(watch=False)
        self.write_over(self.weir.path, json.dumps(config("two")))
        time.sleep(0.6)
        self.assertEqual(self.body(), b"one")
        self.assertEqual(self.weir.admin("POST", "/reload").status, 200)  # which switches it on
        self.wait_body(b"two")
        self.write_over(self.weir.path, json.dumps(config("three", watch=False)))
        self.wait_body(b"three")
        self.write_over(self.weir.path, json.dumps(config("four")))
        time.sleep(0.6)
        self.assertEqual(self.body(), b"three")

    def test_standard_input_cannot_be_watched(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-watch-"))
        self.addCleanup(shutil.rmtree, folder)
        source = folder / "source"
        source.write_text(json.dumps(config("one")), encoding="utf-8")
        gateway = self.gateway(config("one"), command=["run", "-c", "-"], stdin=str(source))
        gateway.wait_log("the warning", "nothing is watched")
        self.assertEqual(self.fetch(gateway, "/").body, b"one")


class Links(WatchCase):
    def test_a_configmap(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-volume-"))
        self.addCleanup(shutil.rmtree, folder)

        def volume(number, text):
            data = folder / f"..{number}"
            data.mkdir()
            (data / "weir.yaml").write_text(json.dumps(config(text)), encoding="utf-8")
            (folder / "..data_tmp").symlink_to(data.name)
            (folder / "..data_tmp").rename(folder / "..data")
        volume(1, "one")
        (folder / "weir.yaml").symlink_to("..data/weir.yaml")
        gateway = self.gateway(config("one"), command=["run", "-c", str(folder / "weir.yaml")])
        self.weir = gateway
        self.assertEqual(self.body(), b"one")
        for number, text in ((2, "two"), (3, "three")):
            volume(number, text)
            shutil.rmtree(folder / f"..{number - 1}")
            self.wait_body(text.encode())

    def test_a_link_that_is_turned(self):
        self.weir = self.gateway(config("one"), files={"a/real.yaml": json.dumps(config("one")),
                                                       "b/real.yaml": json.dumps(config("two"))},
                                 links={"link.yaml": "a/real.yaml"},
                                 command=["run", "-c", "link.yaml"])
        self.assertEqual(self.body(), b"one")
        os.symlink("b/real.yaml", self.weir.file("new"))
        os.replace(self.weir.file("new"), self.weir.file("link.yaml"))
        self.wait_body(b"two")
        self.write_over(self.weir.file("b/real.yaml"), json.dumps(config("three")))
        self.wait_body(b"three")


class Folder(WatchCase):
    def test_files_come_and_go(self):
        base = config("one", routes=[{"name": "last", "match": {"path_prefix": "/"},
                                      "respond": {"status": 200, "body": "one"}}])
        self.weir = self.gateway(base, files={"conf/base.yaml": json.dumps(base)},
                                 command=["run", "-c", "conf"])
        self.assertEqual(self.body(), b"one")
        more = self.weir.file("conf/more.yaml")
        self.write_over(more, json.dumps({"routes": [
            {"name": "more", "match": {"path": "/"}, "respond": {"status": 200, "body": "more"}}]}))
        self.wait_body(b"more")
        os.unlink(more)
        self.wait_body(b"one")


class NamedFiles(WatchCase):
    def test_keys_of_callers(self):
        routes = [{"name": "all", "match": {"path_prefix": "/"},
                   "middleware": [{"api_key": {"keys_file": "keys"}}],
                   "respond": {"status": 200, "body": "in"}}]
        self.weir = self.gateway(config("", routes=routes), files={"keys": "ann:first-key-of-all\n"})

        def status(key):
            return self.fetch(self.weir, "/", headers=[("x-api-key", key)]).status
        self.assertEqual(status("first-key-of-all"), 200)
        self.write_over(self.weir.file("keys"), "ann:second-key-of-all\n")
        wait_until("the new key", lambda: status("second-key-of-all") == 200, timeout=15)
        self.assertEqual(status("first-key-of-all"), 401)

    def test_certificates_are_read_without_a_reload(self):
        authority = Authority()
        self.addCleanup(authority.close)
        first = authority.issue("first", ["one.example"])
        second = authority.issue("second", ["one.example"])
        files = {"a.crt": open(first[0], encoding="ascii").read(),
                 "a.key": open(first[1], encoding="ascii").read()}
        self.weir = self.gateway(
            config("one", listener={"tls": {"certificates": [{"cert": "a.crt", "key": "a.key"}]}}),
            files=files)

        def shown():
            peer = TlsClient(self.weir.address(), client_context(authority.ca), "one.example")
            self.addCleanup(peer.close)
            return peer.socket.getpeercert(binary_form=True)
        wanted = ssl.PEM_cert_to_DER_cert(open(second[0], encoding="ascii").read())
        self.assertNotEqual(shown(), wanted)
        for name, path in (("a.crt", second[0]), ("a.key", second[1])):
            self.write_over(self.weir.file(name), open(path, encoding="ascii").read())
        wait_until("the new certificate", lambda: shown() == wanted, timeout=15)
        self.weir.wait_log("that it was read", "certificates read again")
        self.assertEqual(self.generation(), 1)


class Brought(Case):
    """What the package and Kubernetes bring watches its files."""

    @rows([("package", "deploy/package/weir.yaml"), ("kubernetes", "deploy/k8s/base/weir.yaml")])
    def test_it_is_on(self, file):
        path = pathlib.Path(__file__).resolve().parents[2] / file
        text = path.read_text(encoding="utf-8")
        self.assertRegex(text, r"(?m)^\s+watch: on\b")
        if "package" in file:
            self.assertEqual(weir("check", "-c", str(path)).returncode, 0)
