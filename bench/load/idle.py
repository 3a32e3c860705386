"""What an idle keep-alive connection costs: PSS of a proxy before and a while after many connections were
opened that made one request each and then fell silent."""

import multiprocessing
import socket
import time
from contextlib import ExitStack

from measure import pss_bytes
from proxies import BenchError, read_answer, request_bytes


def idle_bytes(servers, connections, wait):
    """{name: bytes a connection}. All proxies hold theirs during the same `wait` (seconds)."""
    before = {server.name: pss_bytes(server.pids()) for server in servers}
    with ExitStack() as held:
        for server in servers:
            held.enter_context(_Crowd(server.port, connections))
        time.sleep(wait)
        after = {server.name: pss_bytes(server.pids()) for server in servers}
    return {name: (after[name] - before[name]) / connections for name in before}


class _Crowd:
    """The clients of one proxy in a process of their own, which has a file limit of its own."""

    def __init__(self, port, connections):
        self._ours, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.Process(target=_connect_all, args=(port, connections, theirs), daemon=True)

    def __enter__(self):
        self._process.start()
        try:
            problem = self._ours.recv() if self._ours.poll(120) else "the connections took over two minutes"
        except BaseException:
            self._end()
            raise
        if problem is not None:
            self._end()
            raise BenchError(f"idle connections: {problem}")
        return self

    def __exit__(self, *_):
        try:
            self._ours.send("end")
            if not self._ours.poll(30):
                raise BenchError("idle connections: the clients do not answer")
            lost = self._ours.recv()
        finally:
            self._end()
        if lost:
            raise BenchError(f"idle connections: the proxy closed {lost} of them during the wait")

    def _end(self):
        self._process.terminate()
        self._process.join()


def _connect_all(port, connections, pipe):
    crowd = []
    try:
        for _ in range(connections):
            connection = socket.create_connection(("127.0.0.1", port), timeout=10)
            crowd.append(connection)
            connection.sendall(request_bytes("/small"))
            status, _body = read_answer(connection)
            if status != 200:
                raise OSError(f"connection {len(crowd)} was answered {status}")
    except OSError as error:
        pipe.send(f"after {len(crowd)} connections: {error}")
        return
    pipe.send(None)
    pipe.recv()
    pipe.send(sum(_closed(connection) for connection in crowd))


def _closed(connection):
    connection.setblocking(False)
    try:
        connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
