"""Where a process of the cloud finds its stream and its store, and is found itself, by flags and environment.

Rule: every command is told the same way, flags first. A password belongs into the environment, where other
users do not see it, and is never shown.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cloud.kafka_settings import KafkaAddress
from cloud.settings import parse_http_address
from contract.errors import ConfigError

DATA, STREAM, STORE, MEMBER, METRICS = (
    f"INDUSTRIALGUARD_{name}" for name in ("CLOUD_DATA", "STREAM", "STORE", "MEMBER", "METRICS")
)
DEFAULT_DATA = Path("industrialguard-data")
POSTGRESQL = "postgresql://"


def add_places(parser: argparse.ArgumentParser) -> None:
    """Add the flags; None stands for "not given", so that the environment can fill it."""
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help=f"for what is embedded (default: ./{DEFAULT_DATA})"
    )
    parser.add_argument(
        "--stream", metavar="URL", help="kafka://HOST:PORT[,HOST:PORT][/PREFIX] (default: a file in DIR)"
    )
    parser.add_argument(
        "--store", metavar="URL", help="postgresql://USER:PASSWORD@HOST:PORT/NAME (default: a file in DIR)"
    )


def add_metrics(parser: argparse.ArgumentParser) -> None:
    """Add the flag of a process that goes on until it is told to stop."""
    parser.add_argument(
        "--metrics",
        metavar="HOST:PORT",
        help="answer /healthz, /readyz and /metrics there (default: nowhere)",
    )


def read_metrics(arguments: argparse.Namespace, environment: Mapping[str, str]) -> tuple[str, int] | None:
    """Where a process answers probes.

    Raises:
        ConfigError: an address that cannot be one.
    """
    text = arguments.metrics or environment.get(METRICS)
    return parse_http_address(text) if text else None


def read_places(arguments: argparse.Namespace, environment: Mapping[str, str]) -> dict[str, Any]:
    """What `CloudSettings` is told of them: `data_dir`, `kafka`, `store` and `member`.

    Raises:
        ConfigError: an address that cannot be one; never shows a password.
    """
    stream = arguments.stream or environment.get(STREAM)
    store = arguments.store or environment.get(STORE)
    if store and not store.startswith(POSTGRESQL):
        scheme = store.partition("://")[0][:20]
        raise ConfigError(f"--store: {scheme!r} is no store; write {POSTGRESQL}USER:PASSWORD@HOST:PORT/NAME")
    return {
        "data_dir": Path(arguments.data or environment.get(DATA) or DEFAULT_DATA),
        "kafka": KafkaAddress.parse(stream) if stream else None,
        "store": store or None,
        "member": environment.get(MEMBER) or None,
    }
