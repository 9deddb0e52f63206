"""What a revocation needs done at the broker, after the registry knows of it.

Rule: every step may be done again, so whoever is interrupted runs the command again: the lists are written
from the registry, a reload reads them, and who is pushed out twice is out. What could not be done is said.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cloud.certificates import IssuedCertificate
from cloud.errors import BrokerUntoldError
from cloud.mqtt import push_out
from cloud.pki.authority import Authority
from cloud.pki.broker_files import CONFIG_FILE, give_to_owner, write_rules
from cloud.settings import MqttSettings
from contract.errors import ConfigError

RELOAD_S = 60.0
"""How long the broker's reload may take, in s."""
HOLD_S, ATTEMPTS = 5.0, 5
"""How long a device must stay away, in s, and how often it is pushed out: a reload takes a moment."""


@dataclass(frozen=True, slots=True)
class BrokerSide:
    """How the broker is told.

    Raises:
        ConfigError: a folder that `broker-files` has not written, or a command that is none.
    """

    folder: Path | None = None
    """Its files; None: somewhere else."""
    reload: str = ""
    """Command that makes it read them; empty: somebody else does."""
    mqtt: MqttSettings | None = None
    """Its listener for services, and as which of them; None: sessions are left alone."""

    def __post_init__(self) -> None:
        if self.folder is not None and not (self.folder / CONFIG_FILE).exists():
            raise ConfigError(
                f"{self.folder} has no {CONFIG_FILE}; write `industrialguard cloud broker-files` first"
            )
        try:
            shlex.split(self.reload)
        except ValueError as error:
            raise ConfigError(f"--reload is no command: {error}") from error


def tell_broker(
    side: BrokerSide,
    name: str,
    open_authority: Callable[[], Authority],
    known: Sequence[IssuedCertificate],
    now: datetime,
) -> Iterator[str]:
    """Do what can be done; yields a line after each step, and for each that is left to a person.

    Args:
        side: How.
        name: Who was revoked.
        open_authority: Opens what signs revocations; needed for files alone.
        known: Every certificate of the registry.
        now: The time.

    Raises:
        ConfigError: the files cannot be written.
        BrokerUntoldError: the broker was not reloaded.
        LinkError: it cannot be asked to end a session.
    """
    if side.folder is None:
        yield "left to do: `industrialguard cloud broker-files` with the words of the last time"
    else:
        _write(side.folder, open_authority(), known, now)
        yield f"{side.folder}: access rules and revocations are written"
    if side.reload:
        _reload(side.reload)
        yield f"the broker was told: {side.reload}"
    else:
        yield "left to do: reload the broker, unless it watches its folder (deploy/mosquitto/run.sh does)"
    yield _end_session(side.mqtt, name)


def _write(folder: Path, authority: Authority, known: Sequence[IssuedCertificate], now: datetime) -> None:
    try:
        write_rules(folder, authority, known, now)
        give_to_owner(folder)
    except OSError as error:
        raise ConfigError(f"the broker's files cannot be written: {error}; then run this again") from error


def _reload(command: str) -> None:
    try:
        subprocess.run(shlex.split(command), check=True, timeout=RELOAD_S)
    except (OSError, subprocess.SubprocessError) as error:
        raise BrokerUntoldError(f"the broker was not reloaded: {error}; do it, or run this again") from error


def _end_session(mqtt: MqttSettings | None, name: str) -> str:
    if "." in name:  # a service's client ids are its own to choose
        return f"left to do: start the broker again: an open connection of {name} keeps its rights until then"
    if mqtt is None:
        return (
            "an open connection stays, and may neither say nor hear anything once the broker has read its "
            "files; starting the broker again ends it"
        )
    if any(push_out(mqtt, name, HOLD_S) for _ in range(ATTEMPTS)):
        return f"{name} has no session at the broker any more"
    return f"left to do: {name} keeps coming back: let the broker read its files, then run this again"
