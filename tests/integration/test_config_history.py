"""GET /config/diff and /config/history, and the way back: POST and DELETE /config/rollback."""

import copy
import json

from harness import Case, basic_config, rows, wait_until


def config(body, **more):
    return basic_config([
        {"name": "first", "match": {"path": "/"}, "respond": {"status": 200, "body": body}},
        {"name": "up", "match": {"path": "/up"}, "upstream": "main"}],
        upstreams={"main": "127.0.0.1:9"}, **more)


class HistoryCase(Case):
    def setUp(self):
        self.weir = self.gateway(config("one"))

    def load(self, text, edit=None, status=200):
        new = config(text)
        if edit:
            edit(new)
        answer = self.weir.reload_by_post(new)
        self.assertEqual(answer.status, status, answer)
        return answer

    def history(self):
        answer = self.weir.admin("GET", "/config/history")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["Content-Type"], "application/json")
        return answer.json()

    def back(self, generation, status=200):
        answer = self.weir.admin("POST", "/config/rollback", {"generation": generation})
        self.assertEqual(answer.status, status, answer)
        return answer

    def body(self):
        return self.fetch(self.weir, "/").body


class HistoryTest(HistoryCase):
    def test_the_start(self):
        self.assertEqual([(row["generation"], row["source"], row["in_use"], row["changes"])
                          for row in self.history()], [(1, "start", True, None)])

    def test_what_each_changed_by_name(self):
        def edit(new):
            new["routes"].append({"name": "third", "match": {"path": "/3"},
                                  "respond": {"status": 204}})
            new["listeners"].append({"name": "more", "bind": "127.0.0.1:0"})
            new["upstreams"] = {"other": {"endpoints": [{"address": "127.0.0.1:9"}]}}
            new["routes"][1]["upstream"] = "other"
            new["server"]["drain_timeout"] = "7s"
        self.load("two", edit)
        self.load("two")
        third, second, first = self.history()
        self.assertEqual((first["generation"], second["generation"], third["generation"]), (1, 2, 3))
        self.assertEqual((first["in_use"], second["in_use"], third["in_use"]), (False, False, True))
        self.assertEqual(second["source"], "POST /reload")
        self.assertRegex(second["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(second["changes"]["routes"],
                         {"added": ["third"], "removed": [], "changed": ["first", "up"]})
        self.assertEqual(second["changes"]["listeners"],
                         {"added": ["more"], "removed": [], "changed": []})
        self.assertEqual(second["changes"]["upstreams"],
                         {"added": ["other"], "removed": ["main"], "changed": []})
        self.assertEqual(second["changes"]["sections"], ["server"])
        self.assertEqual(third["changes"]["routes"],
                         {"added": [], "removed": ["third"], "changed": ["up"]})
        self.assertFalse(third["changes"]["route_order"])

    def test_refused_reloads_are_none(self):
        self.weir.write("routes: [")
        self.assertEqual(self.weir.admin("POST", "/reload").status, 422)
        self.assertEqual(len(self.history()), 1)

    def test_it_has_twenty(self):
        for i in range(23):
            self.load(f"n{i}")
        self.assertEqual([row["generation"] for row in self.history()], list(range(24, 4, -1)))
        answer = self.back(4, 404)
        self.assertIn("GET /config/history", answer.json()["detail"])
        self.back(5)
        self.assertEqual(self.body(), b"n3")

    def test_the_difference_from_the_file(self):
        self.assertEqual(self.weir.admin("GET", "/config/diff").text, "")
        self.weir.write(config("two"))
        text = self.weir.admin("GET", "/config/diff").text
        self.assertRegex(text, r"(?m)^- +body: one$")
        self.assertRegex(text, r"(?m)^\+ +body: two$")


class RollbackTest(HistoryCase):
    def test_it_holds_until_the_file_changes(self):
        self.load("two")
        answer = self.back(1).json()
        self.assertEqual((answer["generation"], answer["rolled_back_to"]), (3, 1))
        self.assertEqual(self.body(), b"one")
        self.weir.wait_log("what it did", "rolled back")
        self.weir.wait_metric(1, "weir_config_rolled_back")
        verbose = self.weir.admin("GET", "/readyz?verbose")
        self.assertEqual(verbose.status, 200)
        self.assertTrue(verbose.text.startswith("ready\n"), verbose.text)
        self.assertIn("rolled back to generation 1;", verbose.text)
        self.assertEqual(self.weir.admin("GET", "/readyz").text, "ready\n")
        status = self.weir.admin("GET", "/status").json()
        self.assertEqual(status["rolled_back_to"], 1)
        self.assertIn("rolled_back", [each["name"] for each in status["warnings"]])
        row = self.history()[0]
        self.assertEqual((row["source"], row["rolled_back_to"]), ("rollback", 1))
        self.assertEqual(row["changes"]["routes"]["changed"], ["first"])
        # A reload of the same file is none.
        answer = self.weir.admin("POST", "/reload").json()
        self.assertEqual(answer["rolled_back_to"], 1)
        self.assertEqual(self.body(), b"one")
        self.assertIn("body: two", self.weir.admin("GET", "/config/diff").text)
        # One of another file is.
        self.load("three")
        self.assertEqual(self.body(), b"three")
        self.weir.wait_metric(0, "weir_config_rolled_back")
        self.assertNotIn("rolled back", self.weir.admin("GET", "/readyz?verbose").text)
        self.assertIsNone(self.weir.admin("GET", "/status").json()["rolled_back_to"])

    def test_it_can_be_taken_back(self):
        self.load("two")
        self.back(1)
        self.assertEqual(self.weir.admin("DELETE", "/config/rollback").status, 204)
        self.assertEqual(self.body(), b"two")
        self.weir.wait_metric(0, "weir_config_rolled_back")
        generation = self.weir.metrics().value("weir_config_generation")
        self.assertEqual(self.weir.admin("DELETE", "/config/rollback").status, 204)
        self.assertEqual(self.weir.metrics().value("weir_config_generation"), generation)

    def test_back_and_forth(self):
        self.load("two")
        for generation, body in ((1, b"one"), (2, b"two"), (3, b"one"), (1, b"one")):
            self.back(generation)
            self.assertEqual(self.body(), body)

    def test_while_the_file_is_broken(self):
        self.load("two")
        self.weir.write("routes: [")
        self.back(1)
        self.assertEqual(self.body(), b"one")
        self.assertEqual(self.weir.admin("POST", "/reload").status, 422)
        self.assertEqual(self.body(), b"one")
        self.load("two")  # as it was before: but the rollback did not see it so
        self.assertEqual(self.body(), b"two")

    def test_listeners_come_back(self):
        def edit(new):
            new["listeners"].append({"name": "more", "bind": "127.0.0.1:0"})
        self.load("two", edit)
        wait_until("the new one", lambda: "more" in self.weir.addresses)
        self.assertEqual(self.fetch(self.weir, "/", listener="more").body, b"two")
        self.assertEqual(self.back(1).json()["changes"], "listeners -1")
        first = self.weir.address("more")
        self.assertEqual(self.back(2).json()["changes"], "listeners +1")
        wait_until("the new one", lambda: self.weir.address("more") != first)
        self.assertEqual(self.fetch(self.weir, "/", listener="more").body, b"two")

    def test_files_that_it_names_are_read_as_they_are_now(self):
        def edit(new):
            new["routes"][0]["middleware"] = [{"api_key": {"keys_file": "keys"}}]
        path = self.weir.file("keys")
        with open(path, "w", encoding="ascii") as file:
            file.write("ann:first-key\n")
        self.load("two", edit)
        self.load("three")
        with open(path, "w", encoding="ascii") as file:
            file.write("ann:second-key\n")
        self.back(2)
        for key, status in (("first-key", 401), ("second-key", 200)):
            self.assertEqual(self.fetch(self.weir, "/", headers=[("x-api-key", key)]).status,
                             status)
        with open(path, "w", encoding="ascii") as file:
            file.write("spoilt\x01")
        # What cannot be read any more refuses the way back, and nothing has changed.
        self.load("four")
        answer = self.back(2, 422)
        self.assertIn("keys_file", answer.text)
        self.assertEqual(self.body(), b"four")

    @rows([("none", None), ("no object", []), ("another key", {"number": 1}),
           ("a text", {"generation": "1"}), ("zero", {"generation": 0}),
           ("one key more", {"generation": 1, "x": 2})])
    def test_bad_bodies(self, body):
        raw = "" if body is None else json.dumps(body)
        answer = self.weir.admin("POST", "/config/rollback", raw)
        self.assertEqual(answer.status, 422, answer)
        self.assertIn("generation", answer.json()["detail"])

    def test_unknown_generations(self):
        self.assertEqual(self.back(7, 404).json()["status"], 404)
        self.assertEqual(self.body(), b"one")

    def test_other_methods(self):
        answer = self.weir.admin("GET", "/config/rollback")
        self.assertEqual((answer.status, answer.headers["Allow"]), (405, "POST, DELETE"))


class WatchedRollbackTest(Case):
    def test_a_touched_file_ends_no_rollback(self):
        first = config("one", server={"watch": "on"})
        weir = self.gateway(first)
        second = copy.deepcopy(first)
        second["routes"][0]["respond"]["body"] = "two"
        weir.write(second)
        wait_until("the change", lambda: self.fetch(weir, "/").body == b"two", timeout=15)
        generation = int(weir.metrics().value("weir_config_generation"))
        self.assertEqual(
            weir.admin("POST", "/config/rollback", {"generation": generation - 1}).status, 200)
        self.assertEqual(self.fetch(weir, "/").body, b"one")
        weir.write(second)  # the same text, another file
        weir.wait_log("that it was seen", "the rollback holds", timeout=15)
        self.assertEqual(self.fetch(weir, "/").body, b"one")
        second["routes"][0]["respond"]["body"] = "three"
        weir.write(second)
        wait_until("the change", lambda: self.fetch(weir, "/").body == b"three", timeout=15)
        weir.wait_metric(0, "weir_config_rolled_back")
