"""Everything that differs between two agents, frozen and checked once.

Rule: settings are built in one place (`__main__`, or whoever starts agents in one process) and passed down;
nothing reads the environment later. A password never shows in a `repr`, a log or an error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from contract.broker_address import BrokerAddress
from contract.errors import ConfigError
from contract.identity import IdentityFolder
from contract.messages import DEVICE_ID_PATTERN

MIB = 1024 * 1024
AcceleratorChoice = Literal["auto", "cpu"]


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigError(message)


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """Where the broker is and how to prove who we are.

    Raises:
        ConfigError: a value no broker could be reached with.
    """

    broker: BrokerAddress
    identity: IdentityFolder | None = None
    """Who this device is, and whom it trusts; None: nobody in particular, and the system's authorities."""
    keepalive_s: int = 30
    """Longest silence before broker and device believe each other gone, in s."""
    connect_timeout_s: float = 10.0
    """Longest wait for the broker's answer to connect and subscribe, in s."""
    will_delay_s: int = 15
    """How long the broker waits for us to come back before it says that we are gone, in s (MQTT 5)."""

    def __post_init__(self) -> None:
        _require(self.broker.is_tls or self.identity is None, "mqtt: an identity needs mqtts://")
        _require(0 <= self.will_delay_s <= 3600, "mqtt: will_delay_s must lie between 0 and 3600")
        _require(5 <= self.keepalive_s <= 3600, "mqtt: keepalive_s must lie between 5 and 3600")
        _require(0 < self.connect_timeout_s <= 120, "mqtt: connect_timeout_s must lie between 0 and 120")


@dataclass(frozen=True, slots=True)
class UpdatePace:
    """How often to look for updates; times in s.

    Raises:
        ConfigError: values with which it would look without a pause, or never.
    """

    poll_s: float = 900.0
    """Between two looks."""
    first_s: float = 60.0
    """The first look comes within this, so that a fleet does not come at once."""
    least_s: float = 10.0
    """Between two looks, whatever is hinted at."""
    hint_spread_s: float = 5.0
    """A look that was hinted at comes within this."""
    first_retry_s: float = 30.0
    """Bound of the first wait after a look in vain; it doubles, and each wait is drawn below it."""
    last_retry_s: float = 6 * 3600.0

    def __post_init__(self) -> None:
        _require(0 < self.least_s <= self.poll_s < math.inf, "updates: needs 0 < least_s <= poll_s")
        _require(
            0 < self.first_retry_s <= self.last_retry_s < math.inf,
            "updates: needs 0 < first_retry_s <= last_retry_s",
        )
        _require(0 <= self.first_s < math.inf, "updates: first_s must not be negative")
        _require(0 <= self.hint_spread_s < math.inf, "updates: hint_spread_s must not be negative")


@dataclass(frozen=True, slots=True)
class UpdateSettings:
    """Where signed releases come from."""

    address: str
    """Of the repository's web server: `https://HOST/PATH`."""
    root: bytes = field(repr=False)
    """The repository's root that the device is shipped with, `1.root.json`."""
    api: str = ""
    """Of the cloud, which tells assignments; empty: they lie in the repository."""
    stick: Path | None = None
    """A folder where a copy of the repository may turn up, as on a USB stick; it is looked at first."""
    identity: IdentityFolder | None = None
    """Who this device is, and whom it trusts; None: nobody in particular, and the system's authorities."""
    ca_file: Path | None = None
    """Whom to trust at both addresses instead, PEM."""
    pace: UpdatePace = UpdatePace()


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """One agent's settings; times in s, sizes in bytes.

    Raises:
        ConfigError: a value that cannot be right.
    """

    device_id: str
    state_dir: Path
    """Folder for outbox and learned state; made when missing; one agent each."""
    mqtt: MqttSettings | None = None
    """None: offline, everything stays in the outbox."""
    outbox_max_bytes: int = 64 * MIB
    outbox_max_age_s: float = 30 * 86_400.0
    """Longest time a message waits, counted while the agent runs."""
    inflight_limit: int = 64
    """Messages sent but not acknowledged by the cloud: a quarter for alarms, a quarter for the backlog, half
    for the rest."""
    replay_per_s: float = 2.0
    """Messages of the backlog sent in a second: what waited for longer than a minute and two summaries, or
    since an earlier start. A week of a summary and a status each minute, 20,160 messages, takes 2.8 h."""
    ack_timeout_s: float = 5.0
    """Wait for the cloud's acknowledgement before sending again; doubles with every try."""
    max_ack_timeout_s: float = 60.0
    min_backoff_s: float = 2.0
    """Back-off before the second attempt to connect; doubles, with full jitter. A broker that is started
    again meets its whole fleet within this time."""
    max_backoff_s: float = 60.0
    drain_s: float = 5.0
    """Longest time a clean stop waits for acknowledgements."""
    status_interval_s: float = 60.0
    """Machine time between two device statuses."""
    state_every_windows: int = 60
    """Windows between two writes of the learned state."""
    accelerator: AcceleratorChoice = "auto"
    """`auto`: an Edge TPU where the bundle has a model for it and one answers; `cpu`: never, for instance
    because another agent on this machine has it: one process at a time can hold a stick."""
    updates: UpdateSettings | None = None
    """None: the device keeps the model that it is started with."""

    def __post_init__(self) -> None:
        is_id = bool(DEVICE_ID_PATTERN.fullmatch(self.device_id))
        _require(is_id, f"device id {self.device_id[:80]!r}: use 1-64 letters, digits, - and _")
        _require(self.outbox_max_bytes >= 64 * 1024, "outbox_max_bytes must be at least 65536")
        _require(self.outbox_max_age_s > 0, "outbox_max_age_s must be positive")
        _require(4 <= self.inflight_limit <= 10_000, "inflight_limit must lie between 4 and 10000")
        _require(0.01 <= self.replay_per_s <= 10_000, "replay_per_s must lie between 0.01 and 10000")
        _require(
            0 < self.ack_timeout_s <= self.max_ack_timeout_s < math.inf, "needs 0 < ack_timeout_s <= max"
        )
        _require(
            0 < self.min_backoff_s <= self.max_backoff_s < math.inf,
            "needs 0 < min_backoff_s <= max_backoff_s",
        )
        _require(0 <= self.drain_s < math.inf, "drain_s must not be negative")
        _require(0 < self.status_interval_s < math.inf, "status_interval_s must be positive")
        _require(self.state_every_windows >= 1, "state_every_windows must be at least 1")
        choices = get_args(AcceleratorChoice)
        _require(self.accelerator in choices, f"accelerator must be one of {', '.join(choices)}")
