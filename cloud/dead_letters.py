"""What becomes of a message that cannot travel on.

Rule: its raw bytes are kept with origin, error class and attempts, so that a person can see why and a later
version can try again. Bytes and topic of a dead letter are hostile until proven otherwise.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from cloud.stream import Record
from contract.codec import peek_key
from contract.errors import IndustrialGuardError, TopicError
from contract.messages import DEVICE_ID_PATTERN
from contract.topics import parse_up_topic

TOPIC = "dead-letters"
KEEP_BYTES = 64 * 1024
"""Of a payload, at most; no message that could become valid is larger."""
_DETAIL_CHARACTERS = 500
_TOPIC_CHARACTERS = 1024


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


def write_letter(
    topic: str, payload: bytes, error: IndustrialGuardError, is_retained: bool = False
) -> DeadLetter:
    """The letter of a message that failed for the first time."""
    return DeadLetter(
        letter_id=uuid.uuid4().hex,
        topic=topic[:_TOPIC_CHARACTERS],
        is_retained=is_retained,
        error=type(error).__name__,
        detail=str(error)[:_DETAIL_CHARACTERS],
        attempts=1,
        size_bytes=len(payload),
        payload=payload[:KEEP_BYTES],
        device_id=_device_of(topic),
    )


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
