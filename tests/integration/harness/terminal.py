"""A program in a terminal of its own, as a person sits at it: what it wrote, and keys for it."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading

from .waiting import bound

STYLE = re.compile(r"\x1b\[[0-9;]*m")

# A shell with job control, as small as that can be: the program gets a process group of its own and
# the terminal. When it is stopped the shell takes the terminal back, and a byte on the
# descriptor of its first argument brings the program to the foreground again.
SHELL = """
import os, signal, sys
ignored = (signal.SIGTTOU, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
for number in ignored:
    signal.signal(number, signal.SIG_IGN)
fd = int(sys.argv[1])
job = os.fork()
if job == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpgrp())
    os.close(fd)
    for number in ignored:
        signal.signal(number, signal.SIG_DFL)
    os.execv(sys.argv[2], sys.argv[2:])
while True:
    _, how = os.waitpid(job, os.WUNTRACED)
    try:
        os.tcsetpgrp(0, os.getpgrp())
    except OSError:
        pass  # the window was closed
    if not os.WIFSTOPPED(how):
        sys.exit(os.WEXITSTATUS(how) if os.WIFEXITED(how) else 128 + os.WTERMSIG(how))
    print("[stopped]", flush=True)
    os.read(fd, 1)
    os.tcsetpgrp(0, job)
    os.kill(-job, signal.SIGCONT)
"""


class Terminal:
    """`command` in a terminal of `columns`."""

    def __init__(self, command, columns=100, env=None):
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.text = ""          # all that was written, as the terminal got it
        self._news = threading.Condition()
        self._ended = False
        given, self._continue = os.pipe()
        self._done, self._stop = os.pipe()

        def own_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        self.process = subprocess.Popen(
            [sys.executable, "-c", SHELL, str(given), *command], preexec_fn=own_terminal,
            pass_fds=(given,), stdin=self.slave, stdout=self.slave, stderr=self.slave,
            env={**os.environ, "TERM": "xterm", "NO_COLOR": "", **(env or {})})
        os.close(given)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while True:
            readable, _, _ = select.select([self.master, self._done], [], [])
            try:
                data = b"" if self._done in readable else os.read(self.master, 65536)
            except OSError:
                data = b""
            with self._news:
                self.text += data.decode(errors="replace")
                self._ended = not data
                self._news.notify_all()
            if not data:
                return

    @property
    def plain(self):
        """What a person reads: without colours."""
        return STYLE.sub("", self.text).replace("\r\n", "\n")

    def wait(self, pattern, timeout=10.0, start=0):
        """The first match of a regular expression in `plain` from `start` on."""
        compiled = re.compile(pattern, re.M)
        with self._news:
            self._news.wait_for(lambda: compiled.search(self.plain, start) or self._ended,
                                bound(timeout))
            found = compiled.search(self.plain, start)
        if not found:
            raise AssertionError(f"waited for {pattern!r} in the terminal:\n{self.plain[start:]}")
        return found

    def press(self, keys):
        os.write(self.master, keys.encode())

    def modes(self):
        return termios.tcgetattr(self.slave)

    def bring_back(self):
        """What `fg` does."""
        os.write(self._continue, b"\n")

    def wait_exit(self, timeout=10.0):
        try:
            return self.process.wait(bound(timeout))
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end:\n{self.plain}") from None

    def hang_up(self):
        """The window is closed."""
        self._close("_stop")
        self._reader.join()
        self._close("slave")
        self._close("master")

    def close(self):
        if self.process.poll() is None:
            for child in self._children():
                os.kill(child, signal.SIGKILL)
            self.process.kill()
            self.process.wait()
        self._close("_stop")
        self._reader.join()
        for name in ("master", "slave", "_continue", "_done"):
            self._close(name)

    def _close(self, name):
        fd = getattr(self, name)
        if fd is not None:
            os.close(fd)
        setattr(self, name, None)

    def _children(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children",
                  encoding="ascii") as file:
            return [int(child) for child in file.read().split()]

    def child(self):
        """The program's process id."""
        return self._children()[0]
