#!/usr/bin/env python3
"""What clients notice when names change and name servers fail, each scene under load through Weir with
`dns: {servers: [...]}`:

  flips     a name's four addresses are replaced by four others, 200 times; the old ones serve on
  restarts  the name server is killed and comes back, again and again, with other addresses
  nxdomain  the name is gone for ten seconds (less than keep_on_nxdomain), then has other addresses
  servfail  the name server fails for ten seconds, then answers with other addresses
  half      half of a name's eight addresses are dead: two refuse, two answer no SYN
  rolled    three origins are replaced as Kubernetes does it: the name has the new addresses, the old ones serve
            on for five seconds, finish what they have, and answer no SYN from then on

The name server is dnsmasq where that is installed; of what it does not do (SERVFAIL), and without it, it is the
small one of the tests. The goal is 0 failed requests everywhere. Each scene prints one line of JSON, with the
failed requests and the longest wait, and writes FOLDER/names_SCENE.svg: the longest wait of each second.
Usage: names.py WEIR_BINARY [--scenes flips ...] [--seconds N] [--clients N] [--out FOLDER]"""

import argparse
import pathlib
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "load"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "integration"))

from failing_upstreams import (Origin, each_second, failures, installed, load, percentile, tell,  # noqa: E402
                               wait_listening, weir)
from harness.origin import BlackHole  # noqa: E402
from harness.ports import free_port  # noqa: E402
from harness.zones import ZoneServer  # noqa: E402
from proxies import Workspace  # noqa: E402

NAME = "orders.bench.test"


class Dnsmasq:
    """Answers from a hosts file, for `ttl` seconds; a name that is not in it does not exist."""

    kind = "dnsmasq"

    def __init__(self, workspace, ttl):
        self.port, self.ttl = free_port(), ttl
        self.address = f"127.0.0.1:{self.port}"
        self.hosts = workspace.path / f"hosts{self.port}"
        self.hosts.write_text("")
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["/usr/sbin/dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", f"--port={self.port}",
             "--listen-address=127.0.0.1", "--bind-interfaces", "--no-resolv", "--no-hosts", "--no-poll",
             f"--addn-hosts={self.hosts}", "--local=/test/", f"--local-ttl={self.ttl}", "--user=", "--group=",
             "--pid-file="], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 10
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > until:
                raise SystemExit("dnsmasq does not run here")

    def _answers(self):
        """Whether somebody takes questions, over TCP."""
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            time.sleep(0.01)
            return False

    def set(self, addresses):
        self.hosts.write_text("".join(f"{address} {NAME}\n" for address in addresses))
        if self.process is not None:
            self.process.send_signal(signal.SIGHUP)

    def kill(self):
        self.process.kill()
        self.process.communicate()
        self.process = None

    def close(self):
        if self.process is not None:
            self.kill()


class Small:
    """The same with the small server of the tests, which can also fail."""

    kind = "the small one of the tests"

    def __init__(self, _workspace, ttl):
        self.ttl, self.addresses = ttl, []
        self.zone = ZoneServer()
        self.address = self.zone.address

    def start(self):
        self.zone = ZoneServer(port=self.zone.port)
        self.set(self.addresses)

    def set(self, addresses):
        self.addresses = list(addresses)
        if addresses:
            self.zone.set(NAME, A=addresses, ttl=self.ttl)
        else:
            self.zone.remove(NAME)

    def fail(self, fails):
        self.zone.codes = {NAME: "SERVFAIL"} if fails else {}

    def kill(self):
        self.zone.close()

    def close(self):
        self.zone.close()


def name_server(workspace, ttl=1, fails=False):
    return (Dnsmasq if installed("dnsmasq") and not fails else Small)(workspace, ttl)


class Scene:
    """A gateway in front of one name, its name server, and what is told at the end."""

    def __init__(self, options, workspace, name, title, **dns):
        self.options, self.workspace, self.name, self.title = options, workspace, name, title
        self.names = name_server(workspace, **dns)
        self.port = free_port()
        self.upstream = {}

    def run(self, first, meanwhile, seconds):
        self.names.set(first)
        gateway = wait_listening(weir(
            self.options.binary.resolve(), self.workspace, [],
            {"endpoints": [{"dns": f"{NAME}:{self.port}"}], "dns": {"servers": [self.names.address]},
             **self.upstream}, {}))
        try:
            answers = load(gateway.port, self.options.clients, seconds, meanwhile)
        finally:
            gateway.stop()
            self.names.close()
        return answers

    def tell(self, answers, **more):
        longest = lambda of: max(took for _at, _status, took in of) * 1000
        row = {"name server": self.names.kind, "failed": failures(answers), "requests": len(answers),
               "longest wait ms": round(longest(answers), 1),
               "p99 ms": round(percentile([took for _a, _s, took in answers], 0.99) * 1000, 1), **more}
        wrong = sorted({status for _at, status, _took in answers} - {200})
        if wrong:
            row["statuses (0: none)"] = wrong
        tell(f"names_{self.name}", self.options.out, self.title, "longest wait of each second, ms",
             {"weir": each_second(answers, longest)}, row)


def hosts(group, count):
    return [f"127.{20 + group}.0.{number + 1}" for number in range(count)]


def everywhere(port):
    """An origin at each address of the loopback network."""
    return Origin(port, 0.005, hosts=("0.0.0.0",))


# --- scenes

def flips(options, workspace):
    scene = Scene(options, workspace, "flips", "A name's addresses change 200 times")
    origin = everywhere(scene.port)
    done = 0

    def flip(until):
        nonlocal done
        pace = (until - time.time()) / 201
        for number in range(200):
            scene.names.set(hosts(1 + number % 9, 4))
            done += 1
            time.sleep(pace)  # the pace of the flips

    answers = scene.run(hosts(0, 4), flip, max(options.seconds, 60))
    origin.end()
    scene.tell(answers, flips=done)


def restarts(options, workspace):
    scene = Scene(options, workspace, "restarts", "The name server is killed, and comes back with other addresses")
    origin = everywhere(scene.port)
    done = 0

    def restart(until):
        nonlocal done
        while time.time() + 4 < until:
            time.sleep(2)  # the name server works
            scene.names.kill()
            time.sleep(2)  # and does not
            scene.names.set(hosts(1 + done % 9, 4)) if scene.names.kind == "dnsmasq" else None
            scene.names.start()
            scene.names.set(hosts(1 + done % 9, 4))
            done += 1

    answers = scene.run(hosts(0, 4), restart, options.seconds)
    origin.end()
    scene.tell(answers, restarts=done)


def wrong_for_a_while(options, workspace, name, title, begin, end, **dns):
    scene = Scene(options, workspace, name, title, **dns)
    origin = everywhere(scene.port)

    def fail(_until):
        time.sleep(3)  # the load runs evenly by then
        begin(scene.names)
        time.sleep(10)  # what the scene is about
        end(scene.names)

    answers = scene.run(hosts(0, 4), fail, max(options.seconds, 20))
    origin.end()
    scene.tell(answers)


def nxdomain(options, workspace):
    wrong_for_a_while(options, workspace, "nxdomain", "The name does not exist for ten seconds",
                      lambda names: names.set([]), lambda names: names.set(hosts(1, 4)))


def servfail(options, workspace):
    def end(names):
        names.set(hosts(1, 4))
        names.fail(False)

    wrong_for_a_while(options, workspace, "servfail", "The name server fails for ten seconds",
                      lambda names: names.fail(True), end, fails=True)


def half(options, workspace):
    scene = Scene(options, workspace, "half", "Half of a name's addresses are dead")
    alive, silent, refusing = hosts(0, 4), hosts(1, 2), hosts(2, 2)
    origin = Origin(scene.port, 0.005, hosts=alive)
    holes = [BlackHole(host, scene.port) for host in silent]
    mixed = [host for hosts_of in zip(alive, silent + refusing) for host in hosts_of]
    answers = scene.run(mixed, lambda _until: None, options.seconds)
    origin.end()
    for hole in holes:
        hole.close()
    scene.tell(answers, silent=len(silent), refusing=len(refusing))


def rolled(options, workspace):
    # CoreDNS lets answers of the cluster hold for five seconds.
    scene = Scene(options, workspace, "rolled", "Origins are replaced as Kubernetes does it", ttl=5)
    make = lambda number: [Origin(scene.port, 0.005, hosts=[host]) for host in hosts(number, 3)]
    holes, done = [], 0
    current = make(0)

    def roll(until):
        nonlocal current, done
        while time.time() + 8 < until:
            new = make(done + 1)
            scene.names.set(hosts(done + 1, 3))
            time.sleep(5)  # they serve on
            for origin in current:
                origin.end()
            holes.extend(BlackHole(host, scene.port) for host in hosts(done, 3))
            current = new
            done += 1
            time.sleep(2)  # until the next roll

    answers = scene.run(hosts(0, 3), roll, max(options.seconds, 30))
    for each in current:
        each.end()
    for hole in holes:
        hole.close()
    scene.tell(answers, rolls=done)


SCENES = {"flips": flips, "restarts": restarts, "nxdomain": nxdomain, "servfail": servfail, "half": half,
          "rolled": rolled}


def main():
    parser = argparse.ArgumentParser(description="What clients notice when names change and name servers fail.")
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--scenes", nargs="+", choices=SCENES, default=list(SCENES))
    parser.add_argument("--seconds", type=int, default=30, help="of load for each scene, some take longer [30]")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("."), help="where the plots go [.]")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    workspace = Workspace()
    try:
        for scene in options.scenes:
            SCENES[scene](options, workspace)
    finally:
        workspace.close()


if __name__ == "__main__":
    main()
