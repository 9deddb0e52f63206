"""Ports of this machine that stay ours, whoever of us listens on them at the moment.

Rule: a port is held by a socket that is bound and never listens, and by a name that only one process can
have. A part that is killed finds its port again, and nobody else who asks in this way gets it meanwhile. What
closed connections leave behind for a minute does not count.
"""

from __future__ import annotations

import socket
import sys
from contextlib import ExitStack

from contract.errors import ConfigError

HOST = "127.0.0.1"
TRIES = 100


class HeldPort:
    """A port that is ours until it is closed.

    Args:
        port: Which; 0: any.

    Raises:
        OSError: somebody has it.
    """

    def __init__(self, port: int = 0) -> None:
        with ExitStack() as sockets:
            held = sockets.enter_context(socket.socket())
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as its server does
            held.bind((HOST, port))
            self.number: int = held.getsockname()[1]
            if sys.platform == "linux":
                name = sockets.enter_context(socket.socket(socket.AF_UNIX))
                name.bind(f"\0industrialguard-port-{self.number}")
            self._sockets = sockets.pop_all()

    @property
    def answers(self) -> bool:
        """Whether somebody listens on it."""
        with socket.socket() as probe:
            return probe.connect_ex((HOST, self.number)) == 0

    def close(self) -> None:
        """Give it back."""
        self._sockets.close()


def hold_first(first: int) -> HeldPort:
    """Hold the first port from there on that nobody has.

    Raises:
        ConfigError: none is free.
    """
    for number in range(first, first + TRIES):
        try:
            return HeldPort(number)
        except OSError:
            continue
    raise ConfigError(f"no free port between {first} and {first + TRIES - 1}; give one with --port")


def hold(number: int) -> HeldPort:
    """Hold the port that somebody chose.

    Raises:
        ConfigError: somebody has it.
    """
    try:
        return HeldPort(number)
    except OSError as error:
        raise ConfigError(f"port {number} is taken: {error.strerror}; give another with --port") from error
