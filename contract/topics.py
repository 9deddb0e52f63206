"""The MQTT topics, built and parsed in one place.

Rule: `ig/v1/<device>/up/<kind>` is written by that device only, `ig/v1/<device>/down/<command>` read by that
device only, so that one broker ACL pattern each (`ig/v1/%u/up/#`, `ig/v1/%u/down/#`) holds a fleet. A value
that would break a topic cannot be built.

>>> str(UpTopic("press-7", Kind.ALARM))
'ig/v1/press-7/up/alarm'
>>> parse_up_topic("ig/v1/press-7/up/alarm").device_id
'press-7'
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from contract.errors import TopicError
from contract.messages import DEVICE_ID_PATTERN, Kind

PREFIX = "ig/v1"
ALL_UP = f"{PREFIX}/+/up/+"
"""What ingest subscribes to."""
ALL_PRESENCE = tuple(f"{PREFIX}/+/up/{kind}" for kind in (Kind.BIRTH, Kind.DEATH))
"""Who is there; devices leave the newest of each with the broker."""
ALL_ACKS = f"{PREFIX}/+/down/ack"
"""Where the sink acknowledges."""
ALL_UPDATES = f"{PREFIX}/+/down/update"
"""Where devices are told to look for their assignment."""
OWN_UP = f"{PREFIX}/%u/up/#"
"""What a device may write, as a broker's ACL says it: `%u` stands for its name."""
OWN_DOWN = f"{PREFIX}/%u/down/#"
"""What a device may read."""


def _require_device(device_id: str) -> None:
    if not DEVICE_ID_PATTERN.fullmatch(device_id):
        raise TopicError(f"device id {device_id[:80]!r}: use 1-64 letters, digits, - and _")


@dataclass(frozen=True, slots=True)
class UpTopic:
    """Where a device writes messages of one kind.

    Raises:
        TopicError: the device id would break the topic.
    """

    device_id: str
    kind: Kind

    def __post_init__(self) -> None:
        _require_device(self.device_id)

    def __str__(self) -> str:
        return f"{PREFIX}/{self.device_id}/up/{self.kind}"


def topics_of(device_id: str) -> str:
    """The filter of everything that is a device's.

    Raises:
        TopicError: the device id would break the topic.
    """
    _require_device(device_id)
    return f"{PREFIX}/{device_id}/#"


@dataclass(frozen=True, slots=True)
class AckTopic:
    """Where a device reads the cloud's acknowledgements.

    Raises:
        TopicError: the device id would break the topic.
    """

    device_id: str

    def __post_init__(self) -> None:
        _require_device(self.device_id)

    def __str__(self) -> str:
        return f"{PREFIX}/{self.device_id}/down/ack"


@dataclass(frozen=True, slots=True)
class UpdateTopic:
    """Where a device is told to look for its assignment; a hint, which carries no trust.

    Raises:
        TopicError: the device id would break the topic.
    """

    device_id: str

    def __post_init__(self) -> None:
        _require_device(self.device_id)

    def __str__(self) -> str:
        return f"{PREFIX}/{self.device_id}/down/update"


def shared(topic_filter: str, group: str) -> str:
    """A subscription of which each publication goes to one of the group only (MQTT 5, 4.8.2).

    >>> shared(ALL_UP, "workers")
    '$share/workers/ig/v1/+/up/+'
    """
    return f"$share/{group}/{topic_filter}"


@lru_cache(maxsize=32_768)
def parse_up_topic(topic: str) -> UpTopic:
    """Read back what `UpTopic` wrote.

    Raises:
        TopicError: anything else.
    """
    parts = topic.split("/")
    if len(parts) != 5 or "/".join(parts[:2]) != PREFIX or parts[3] != "up" or parts[4] not in list(Kind):
        raise TopicError(f"not a device topic: {topic[:120]!r}")
    return UpTopic(parts[2], Kind(parts[4]))
