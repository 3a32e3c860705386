"""The process around the traffic: where it listens, what it leaves behind, how it logs, and a
configuration that is a folder or takes from the environment. interface.md sections 1 and 2."""

import json
import os
import signal
import socket
import tempfile

from harness import Case, Client, Gateway, basic_config, rows, wait_until


def answer(body="here", **more):
    return basic_config([{"name": "r", "match": {"path_prefix": "/"},
                          "respond": {"status": 200, "body": body}}], **more)


class ListeningTest(Case):
    def test_a_port_is_never_shared_with_another_process(self):
        """Although the workers share it among themselves."""
        first = self.gateway(answer("first"))
        config = answer("second")
        config["listeners"][0]["bind"] = f"127.0.0.1:{first.port()}"
        second = Gateway(config)
        self.addCleanup(second.close)
        with self.assertRaises(AssertionError):
            second.start()
        self.assertEqual(second.process.returncode, 1)
        self.assertTrue(any(str(first.port()) in line for line in second.lines), second.lines)
        for _ in range(10):
            self.assertEqual(self.fetch(first, "/").body, b"first")

    def test_the_port_is_free_again_at_once(self):
        first = self.gateway(answer("first"))
        port = first.port()
        self.assertEqual(self.fetch(first, "/").status, 200)
        self.assertEqual(first.terminate(), 0)
        config = answer("second")
        config["listeners"][0]["bind"] = f"127.0.0.1:{port}"
        self.assertEqual(self.fetch(self.gateway(config), "/").body, b"second")

    @rows([("one", 1), ("three", 3)])
    def test_every_worker_accepts(self, workers):
        gateway = self.gateway(answer(workers=workers))
        for _ in range(30):
            self.assertEqual(self.fetch(gateway, "/").status, 200)
        self.assertEqual(gateway.metrics().label_values("weir_worker_utilization_ratio", "worker"),
                         {str(n) for n in range(workers)})

    def test_several_listeners(self):
        gateway = self.gateway(answer(listeners=[
            {"name": "a", "bind": "127.0.0.1:0"}, {"name": "b", "bind": "[::1]:0"}]))
        for listener in ("a", "b"):
            self.assertEqual(self.fetch(gateway, "/", listener=listener).status, 200)


class UnixSocketTest(Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="weir-sock-")
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "http.sock")

    def serve(self):
        return self.gateway(answer(listener={"bind": f"unix:{self.path}"}, workers=2))

    def test_served_by_all_workers(self):
        gateway = self.serve()
        peers = [Client(self.path) for _ in range(8)]
        for peer in peers:
            self.addCleanup(peer.close)
            peer.request("GET", "/")
            self.assertEqual(peer.read_response().status, 200)
        self.assertEqual(gateway.metrics().value("weir_connections_active", listener="http"), 8)

    def test_a_relative_path_starts_at_the_configuration(self):
        back = self.serve()
        gateway = Gateway(basic_config(None, {"main": "unix:behind.sock"},
                                       listener={"bind": "unix:front.sock"},
                                       admin={"bind": "unix:admin.sock"}),
                          links={"behind.sock": self.path}, wrapper=("env", "-C", "/"))
        self.addCleanup(gateway.close)
        gateway.start()
        self.assertEqual(back.address(), self.path)
        self.assertEqual(gateway.address(), gateway.file("front.sock"))
        self.assertEqual(gateway.addresses["admin"], gateway.file("admin.sock"))
        self.assertEqual(self.fetch(gateway, "/").body, b"here")

    def test_a_stale_socket_is_replaced(self):
        stale = socket.socket(socket.AF_UNIX)
        stale.bind(self.path)
        stale.close()
        self.assertEqual(self.fetch(self.serve(), "/").status, 200)

    def test_a_living_socket_is_not_taken(self):
        first = self.serve()
        second = Gateway(answer("second", listener={"bind": f"unix:{self.path}"}))
        self.addCleanup(second.close)
        with self.assertRaises(AssertionError):
            second.start()
        self.assertEqual(second.process.returncode, 1)
        self.assertEqual(self.fetch(first, "/").body, b"here")

    def test_a_file_that_is_no_socket_is_left_alone(self):
        with open(self.path, "w", encoding="ascii") as file:
            file.write("precious")
        gateway = Gateway(answer(listener={"bind": f"unix:{self.path}"}))
        self.addCleanup(gateway.close)
        with self.assertRaises(AssertionError):
            gateway.start()
        with open(self.path, encoding="ascii") as file:
            self.assertEqual(file.read(), "precious")

    def test_it_is_gone_afterwards(self):
        gateway = self.serve()
        self.assertEqual(gateway.terminate(), 0)
        self.assertFalse(os.path.exists(self.path))


class LogTest(Case):
    def test_json(self):
        gateway = self.gateway(answer(log={"format": "json"}))
        self.assertEqual(self.fetch(gateway, "/").status, 200)
        self.assertEqual(gateway.terminate(), 0)
        for line in gateway.lines:
            self.assertLessEqual({"time", "level", "message"}, set(json.loads(line)), line)

    def test_level(self):
        gateway = self.gateway(answer())
        gateway.admin("PUT", "/log/level", {"level": "error"})
        start = len(gateway.lines)
        self.assertEqual(gateway.reload_by_post().status, 200)  # told, were it not for the level
        self.assertEqual(gateway.terminate(), 0)
        self.assertEqual(gateway.lines[start:], [])


class ConfigurationTest(Case):
    def test_folder_with_reload(self):
        folder = tempfile.TemporaryDirectory(prefix="weir-conf-")
        self.addCleanup(folder.cleanup)

        def write(name, content):
            with open(os.path.join(folder.name, name), "w", encoding="utf-8") as file:
                file.write(json.dumps(content))
        config = answer()
        write("10-main.yaml", config)
        gateway = Gateway("", names=["http", "admin"], command=["run", "-c", folder.name])
        self.addCleanup(gateway.close)
        gateway.start()
        self.assertEqual(self.fetch(gateway, "/more").body, b"here")
        write("20-more.yaml", {"routes": [{"name": "more", "match": {"path": "/more"},
                                           "respond": {"status": 200, "body": "more"}}]})
        self.assertEqual(self.fetch(gateway, "/more").body, b"here")
        gateway.reload_by_signal()
        self.assertEqual(self.fetch(gateway, "/more").body, b"more")
        os.unlink(os.path.join(folder.name, "20-more.yaml"))
        gateway.reload_by_signal()
        self.assertEqual(self.fetch(gateway, "/more").body, b"here")

    def test_environment_cannot_add_structure(self):
        gateway = self.gateway(answer("${WEIR_TEST_BODY}-${WEIR_TEST_NONE:-else}"),
                               env={"WEIR_TEST_BODY": 'x", "status": 500, "y": "z\n- a: b'})
        response = self.fetch(gateway, "/")
        self.assertEqual((response.status, response.body),
                         (200, b'x", "status": 500, "y": "z\n- a: b-else'))

    def test_signals_in_a_row(self):
        """Reloads and reopenings that come faster than they are served do no harm."""
        gateway = self.gateway(answer(access_log={"path": "access.log"}))
        for _ in range(30):
            gateway.signal(signal.SIGHUP)
            gateway.signal(signal.SIGUSR1)
            self.assertEqual(self.fetch(gateway, "/").status, 200)
        wait_until("a reload", lambda: gateway.metrics().value(
            "weir_config_reloads_total", result="success"))
        self.assertEqual(gateway.terminate(), 0)
