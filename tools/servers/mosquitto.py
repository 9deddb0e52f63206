"""Mosquitto, the MQTT broker."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tools.servers.process import HOST, Server
from tools.servers.programs import require_program

HOW = "apt-get install mosquitto, or brew install mosquitto"


class Mosquitto(Server):
    """A broker that takes whatever comes and remembers nothing, but for what `lines` say.

    Args:
        folder: See `Server`.
        lines: Of its configuration, after ours.
        is_persistent: Whether it keeps sessions and messages over a restart.
        allows_anonymous: Whether a client may connect without a name.
    """

    name = "mosquitto"

    def __init__(
        self,
        folder: Path | None = None,
        lines: Sequence[str] = (),
        *,
        is_persistent: bool = False,
        allows_anonymous: bool = True,
    ) -> None:
        self._program = require_program("mosquitto", how=HOW)
        super().__init__(folder)
        self.lines, self.is_persistent, self.allows_anonymous = tuple(lines), is_persistent, allows_anonymous

    @property
    def url(self) -> str:
        """`mqtt://HOST:PORT`."""
        return f"mqtt://{HOST}:{self.port}"

    def version(self) -> str:
        """Its number."""
        said = subprocess.run([self._program, "-h"], capture_output=True, text=True, check=False).stdout
        found = re.search(r"version (\S+)", said)
        return found.group(1) if found else "unknown"

    def prepare(self) -> list[str]:
        """Write its configuration."""
        lines = [
            f"listener {self.port} {HOST}",
            f"allow_anonymous {str(self.allows_anonymous).lower()}",
            "max_queued_messages 0",
            "max_inflight_messages 0",
            "log_dest stderr",
            "log_type error",
            "log_type warning",
        ]
        if self.is_persistent:
            lines += ["persistence true", f"persistence_location {self.folder}/"]
        config = self.folder / "mosquitto.conf"
        config.write_text("\n".join([*lines, *self.lines]) + "\n")
        return [self._program, "-c", str(config)]
