"""The cable to the maintenance system, which can be pulled.

Rule: bytes pass as they are; pulled, it breaks what is open and lets nobody in.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

_CHUNK = 65_536


class Cable:
    """A TCP relay on a port of its own.

    Args:
        host: Where it leads.
        port: Where it leads.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._is_pulled = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def pull(self) -> None:
        """Break everything."""
        with self._lock:
            self._is_pulled = True
            for end in self._open:
                _break(end)

    def plug_in(self) -> None:
        """Let bytes pass again."""
        with self._lock:
            self._is_pulled = False

    def close(self) -> None:
        """Take it away."""
        self.pull()
        _break(self._listener)
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with near, socket.socket() as far:
            with self._lock:
                if self._is_pulled:
                    return
                self._open |= {near, far}
            with suppress(OSError):
                far.connect(self._target)
                back = threading.Thread(target=_pump, args=(far, near), daemon=True)
                back.start()
                _pump(near, far)
                back.join()
            with self._lock:
                self._open -= {near, far}


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
        return
    _break(target)


def _break(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
