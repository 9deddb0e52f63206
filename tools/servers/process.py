"""A server's process, from its start until it answers, and its end.

Rule: whoever started it can stop it as its maker means, or kill it as a power cut does, and start it again in
the same folder on the same port.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from tools.servers.programs import ServerError

START_S = 60.0
"""How long a server may take until it answers: a busy machine is slow."""
STOP_S = 30.0
LOG_LINES = 15
HOST = "127.0.0.1"


def free_port(but: int | None = None) -> int:
    """A TCP port that was free a moment ago, and another than `but`."""
    while True:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port = int(probe.getsockname()[1])
        if port != but:
            return port


class Server(ABC):
    """One server; as a context manager it runs inside the block and leaves nothing.

    Args:
        folder: For its files, which stay; None: a new one that goes with it.

    Raises:
        LackingError: this machine has none.
    """

    name: str
    user: str | None = None
    """Who it runs as; None: whoever starts it."""

    def __init__(self, folder: Path | None = None) -> None:
        self._is_own_folder = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix=f"{self.name}-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """How a client finds it."""

    @abstractmethod
    def version(self) -> str:
        """What it calls itself."""

    @abstractmethod
    def prepare(self) -> list[str]:
        """Write what it reads when it starts; returns the command."""

    def is_ready(self) -> bool:
        """Whether it answers."""
        with socket.socket() as probe:
            return probe.connect_ex((HOST, self.port)) == 0

    @property
    def pid(self) -> int:
        """Of its process, which runs."""
        if self._process is None:
            raise ServerError(f"{self.name} does not run")
        return self._process.pid

    def start(self) -> None:
        """Start it, and return when it answers.

        Raises:
            ServerError: it ended, or did not answer in time.
        """
        command = self.prepare()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                user=self.user,
                process_group=0,  # Ctrl-C is for whoever started it, who stops it in order
            )
        deadline_s = time.monotonic() + START_S
        while time.monotonic() < deadline_s:
            if self._process.poll() is not None:
                raise ServerError(f"{self.name} ended when it was started:\n{self._log_end()}")
            if self.is_ready():
                return
            time.sleep(0.05)
        self.kill()
        raise ServerError(f"{self.name} did not answer within {START_S:g} s:\n{self._log_end()}")

    def stop(self) -> None:
        """Stop it as its maker means; nothing where it does not run."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.kill()
                raise ServerError(f"{self.name} did not stop:\n{self._log_end()}") from None
            self._process = None

    def kill(self) -> None:
        """End it as a power cut does; nothing where it does not run."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        finally:
            if self._is_own_folder:
                shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def _log_end(self) -> str:
        try:
            lines = self._log.read_text("utf-8", "replace").splitlines()
        except OSError as error:
            return f"(its log cannot be read: {error})"
        return "\n".join(lines[-LOG_LINES:])
