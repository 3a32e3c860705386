"""The programs of bench/driver for the shown runs: Load is a run of weir-load, Slots is a weir-origin. The load has the
last CPU, proxies have the first, and origins have one between them, or the load's where there are but two."""

import json
import os
import pathlib
import signal
import subprocess


def cpus():
    """(of proxies, of origins); (None, None): there is only one. weir-load takes the last one by itself."""
    all_of_them = sorted(os.sched_getaffinity(0))
    return (all_of_them[0], all_of_them[1]) if len(all_of_them) > 1 else (None, None)


def programs(binary, folder=None):
    """The paths of weir-load and weir-origin, which are built beside Weir."""
    folder = folder or pathlib.Path(binary).resolve().parent / "bench"
    found = [folder / name for name in ("weir-load", "weir-origin")]
    for path in found:
        if not path.exists():
            raise SystemExit(f"{path} is missing: ./dev build makes it, or name its folder with --bench")
    return found


class Slots:
    """An origin with `slots` requests at a time, each for `time` ("10ms"); 0: any number of them."""

    def __init__(self, program, slots=0, time="0", stall_each=0, stall="0", port=0):
        _proxies, cpu = cpus()
        self.process = subprocess.Popen(
            [program, "--slots", str(slots), "--time", time, "--stall-each", str(stall_each), "--stall", stall,
             "--port", str(port)], stdout=subprocess.PIPE, text=True,
            preexec_fn=(lambda: os.sched_setaffinity(0, {cpu})) if cpu is not None else None)
        self.port = int(self.process.stdout.readline())

    def freeze(self):
        """From now on it takes connections, as the kernel does that, and never answers."""
        self.process.send_signal(signal.SIGSTOP)

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def end(self):
        """What it did; {} where it was killed."""
        if self.process.returncode is not None:
            return {}
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(signal.SIGTERM)
        return json.loads(self.process.communicate()[0])


class Load:
    """A run of weir-load in the background; `report()` waits for it. `realtime`: it goes before all else on its
    CPU, so that others on a busy machine are not what is measured; only root may."""

    def __init__(self, program, port, *options, realtime=False):
        def first():
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
        self.process = subprocess.Popen([program, f"http://127.0.0.1:{port}/", *map(str, options)],
                                        stdout=subprocess.PIPE, text=True, preexec_fn=first if realtime else None)

    def report(self):
        out, _ = self.process.communicate()
        if self.process.returncode:
            raise SystemExit("weir-load failed")
        return json.loads(out)
