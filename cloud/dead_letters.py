"""What becomes of a message that cannot travel on.

Rule: its raw bytes are kept with origin, error class and attempts, so that a person can see why and a later
version can try again. Bytes and topic of a dead letter are hostile until proven otherwise, and so are the
words of an error that quotes them.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from cloud.delivery import Delivery
from cloud.stream import Record
from contract.codec import peek_key
from contract.errors import IndustrialGuardError, TopicError
from contract.messages import DEVICE_ID_PATTERN
from contract.topics import parse_up_topic

TOPIC = "dead-letters"
KEEP_BYTES = 64 * 1024
"""Of a payload, at most; no message that could become valid is larger."""
TOPIC_CHARACTERS = 1024
"""Of a topic, at most."""
_DETAIL_CHARACTERS = 500
_ID_CHARACTERS = 32


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message that could not travel on."""

    letter_id: str
    """Unique; writing the same letter twice keeps it once."""
    topic: str
    is_retained: bool
    error: str
    """Class of the error."""
    detail: str
    """What the error said."""
    attempts: int
    size_bytes: int
    """Of the payload as received."""
    payload: bytes = field(repr=False)
    """At most `KEEP_BYTES` of it."""
    device_id: str = ""
    """By the topic, which the broker's access rules hold; empty when it is no device's."""

    @property
    def rejected_key(self) -> tuple[str, int, int] | None:
        """Device, boot and sequence to acknowledge as rejected; None when they cannot be read.

        The device is the topic's, whatever the envelope says: who wrote it is told, and nobody can empty
        another one's outbox.
        """
        key = peek_key(self.payload)
        if key is None or not self.device_id or key[2] == 0:
            return None
        return self.device_id, key[1], key[2]


def write_letter(delivery: Delivery, error: IndustrialGuardError) -> DeadLetter:
    """The letter of a message that failed for the first time.

    What the broker keeps comes again whenever we connect, so its letter has the same number each time.
    """
    topic, payload = printable(delivery.topic), delivery.payload
    content = hashlib.sha256(topic.encode() + b"\n" + payload).hexdigest()[:_ID_CHARACTERS]
    return DeadLetter(
        letter_id=content if delivery.is_retained else uuid.uuid4().hex,
        topic=topic[:TOPIC_CHARACTERS],
        is_retained=delivery.is_retained,
        error=type(error).__name__,
        detail=detail_of(error),
        attempts=1,
        size_bytes=delivery.size_bytes,
        payload=payload[:KEEP_BYTES],
        device_id=_device_of(delivery.topic),
    )


def detail_of(error: IndustrialGuardError) -> str:
    """What an error said, fit to be kept."""
    return printable(str(error))[:_DETAIL_CHARACTERS]


def printable(text: str) -> str:
    r"""Text that every database takes and no terminal obeys: other characters are written as their number.

    PostgreSQL refuses a NUL, which TOML and MQTT may bring along.

    >>> printable("größe\x00")
    'größe\\x00'
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def encode_letter(letter: DeadLetter) -> Record:
    """As a record of the stream: the raw bytes, and everything else as headers."""
    headers = {
        "letter_id": letter.letter_id,
        "topic": letter.topic,
        "retained": str(int(letter.is_retained)),
        "error": letter.error,
        "detail": letter.detail,
        "attempts": str(letter.attempts),
        "size_bytes": str(letter.size_bytes),
    }
    return Record(letter.device_id, letter.payload, headers)


def decode_letter(value: bytes, headers: Mapping[str, str]) -> DeadLetter:
    """Read back what `encode_letter` wrote."""
    topic = headers["topic"]
    return DeadLetter(
        letter_id=headers["letter_id"],
        topic=topic,
        is_retained=headers["retained"] == "1",
        error=headers["error"],
        detail=headers["detail"],
        attempts=int(headers["attempts"]),
        size_bytes=int(headers["size_bytes"]),
        payload=value,
        device_id=_device_of(topic),
    )


def _device_of(topic: str) -> str:
    try:
        return parse_up_topic(topic).device_id
    except TopicError:
        parts = topic.split("/")
        return parts[2] if len(parts) > 2 and DEVICE_ID_PATTERN.fullmatch(parts[2]) else ""
